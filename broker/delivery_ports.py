"""The narrow protocols that delivery needs from the world outside: where it is kept, and what sends."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from broker.core.delivery import Arrival, Delivery, Fault, Head, State
from broker.core.identifiers import OdsCode
from broker.core.pushing import PushedAnswer


class DeliveryStore(Protocol):
    """
    The deliveries of destinations, kept over restarts. Its methods block; times are aware UTC.

    A destination is one provider's system of one kind, and is worked by one owner at a time.
    """

    def own(
        self,
        destination: str,
        recipient: str,
        owner: str,
        *,
        at: datetime,
        until: datetime,
        anew: bool = True,
    ) -> datetime | None:
        """
        Return when a destination was first seen if it is the owner's until a time, None if another's.

        One that was forgotten begins anew, or unless `anew` is nobody's.
        """
        ...

    def disown(self, destination: str, owner: str) -> None:
        """Let another owner have a destination at once."""
        ...

    def untaken(self, destination: str, *, limit: int, own: bool = False) -> Sequence[Arrival]:
        """
        Return the next events of the inbox that have no delivery, in order.

        With `own` none that its recipient's own topic has not brought, and none behind such a one.
        """
        ...

    def take_in(self, deliveries: Sequence[Delivery]) -> None:
        """Keep the deliveries of the next events, all or none."""
        ...

    def head(self, destination: str) -> Head | None:
        """
        Return the waiting delivery that is due first, None where none waits.

        One that waits behind another of its alert is not due before that one is at its end.
        """
        ...

    def together(self, first: Delivery, *, at: datetime, limit: int) -> Sequence[Head]:
        """
        Return what goes out with a waiting delivery: of its letter, or whatever is due by a time in none yet.

        In order, at most `limit`, itself included; `told` is empty.
        """
        ...

    def later(self, delivery: Delivery) -> Sequence[bytes]:
        """Return the events of the inbox that came after this one and are of its alert, in order."""
        ...

    def put(self, delivery: Delivery) -> None:
        """Keep what became of a delivery; one that was erased meanwhile stays so (ruling 23)."""
        ...


class AnswerInbox(Protocol):
    """
    The words about visits that were put on the queue, by provider. Its methods block.

    Each raises `StorageUnusable` where the database cannot be used.
    """

    def tell(self, answer: PushedAnswer, body: bytes) -> bool:
        """
        Put a word about a visit behind its provider's last, in place of those before (ruling 41).

        Returns False, having changed nothing, where the visit has a word of this revision or a newer one.
        """
        ...

    def standing(self, provider: OdsCode) -> Sequence[bytes]:
        """Return the newest word about each visit of a provider."""
        ...

    def word(self, answer_id: str) -> bytes | None:
        """Return the newest word about a visit, None where there is none."""
        ...

    def forget(self, answers: Collection[str]) -> None:
        """Let nothing be left of the words about visits but that there were some."""
        ...


class DeliveryShelf(Protocol):
    """The deliveries as an operator sees them. Its methods block."""

    def find(
        self,
        *,
        destination: str | None = None,
        state: State | None = None,
        event_id: str | None = None,
        letter: str | None = None,
        limit: int = 1_000,
        skip: int = 0,
    ) -> Sequence[Delivery]:
        """
        Return at most `limit` deliveries that are like this, the newest first, behind the first `skip`.

        An event may be named by the control id of its message, which is as its id begins.
        """
        ...

    def newest(self, destination: str, alert_id: str) -> int:
        """Return the number of the newest event of an alert that a destination has words for, 0 for none."""
        ...

    def put(self, delivery: Delivery) -> None:
        """Keep what became of a delivery; one that was erased meanwhile stays so (ruling 23)."""
        ...

    def destinations(self) -> Sequence[str]:
        """Return every destination that was ever delivered to, or was to be, and is not forgotten."""
        ...

    def forget(self, destination: str) -> bool:
        """Look at a destination no more; its deliveries stay. False for one that is not there."""
        ...


class Line(Protocol):
    """A connection to a receiver of messages: one message at a time, and its answer."""

    async def exchange(self, message: bytes) -> bytes | Fault:
        """Return the answer to a message within a time limit, or why there is none; then it is dropped."""
        ...

    async def drop(self) -> None:
        """Close the connection: what still comes on it belongs to nothing."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """
    The status of an answer over HTTP, and how many seconds the receiver asked to be left alone.

    `body` is what was read of what came with it, which is shown to nobody.
    """

    status: int
    retry_after_s: float | None = None
    body: bytes = field(default=b"", repr=False)


class Poster(Protocol):
    """An endpoint that documents are posted to."""

    async def post(self, body: bytes, *, request_id: str) -> Posted | Fault:
        """Return the answer's status within a time limit, or why there is none; no redirect is followed."""
        ...

    async def close(self) -> None:
        """Give the connection back; safe to call twice."""
        ...
