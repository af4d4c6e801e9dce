"""
Brings the alerts of one provider, or its answers, into its own system: in order for each alert, at least
once, one at a time.

Knows in which order things are kept, which makes it safe: what may have reached the receiver is kept before
it is sent, and what became of it after. What follows an outcome, `broker.core.delivery` says.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import takewhile
from typing import NamedTuple, Protocol

from broker.core.delivery import (
    Arrival,
    Delivery,
    Fault,
    Head,
    Outcome,
    State,
    after,
    begins,
    failed,
    leave_alone,
)
from broker.core.errors import MalformedMessage
from broker.delivery_ports import DeliveryStore
from broker.ports import Clock
from broker.wire.answer_codec import AnswerCodec, Sendable

OWNED_FOR = timedelta(seconds=14)
"""How long a destination is a process's after it was last heard of: what waits for a process that died."""
RENEWED_BEFORE = timedelta(seconds=11)
"""An attempt takes less than this: nobody else delivers while one is under way."""
_LOOK_EVERY = timedelta(seconds=1)
"""What waits is looked for so often: somebody may have it sent again by hand."""
TAKEN_AT_ONCE = 100
"""So many events of the inbox are given deliveries in one go."""
TOGETHER_MAX = 50
"""So many events go out in one letter at most, where several may."""
OWN_WITHIN = timedelta(minutes=10)
"""After so long without it an event goes out without its recipient's own ids: late is worse than bare."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """
    What is sent of one event: its bytes, the id that says that it is the same when it is sent again.

    `told` are the keys of its lines, none where the receiver needs no word of what is told no more. `kind`
    says which message it is, where the way it goes by tells them apart; `repeated` that it may have been sent
    before.
    """

    body: bytes = field(repr=False)
    letter_id: str
    told: tuple[str, ...] = ()
    kind: str = ""
    repeated: bool = False


class Courier(Protocol):
    """Writes and sends in one format."""

    def write(self, sendable: Sendable, *, at: datetime, told: tuple[str, ...]) -> Letter | None:
        """
        Return the letter of what is sent at an aware time to who may have the lines `told`.

        None for what the format has no words for.
        """
        ...

    async def send(self, letter: Letter) -> Outcome:
        """Return what became of a letter, within a time limit."""
        ...

    async def looked_for(self, letter_id: str) -> Outcome | None:
        """
        Return what became of a letter that may have gone, and may not go any more, within a time limit.

        None where it has not gone, or the receiver cannot be asked such a thing.
        """
        ...

    async def close(self) -> None:
        """Give the connection back."""
        ...


Report = Callable[[Delivery, Fault | None], None]
"""Told what became of each attempt, and of each event that came to an end without one."""


Together = Callable[[Sequence[Sendable], datetime, str], Letter | None]
"""Writes several events, at an aware time, into one letter of an id; None for what cannot go in one."""


def _now(_sendable: Sendable, now: datetime) -> datetime:
    """Return that an event goes out at once."""
    return now


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """
    One provider's system of one kind: `provider.RXX.mllp`, and whose inbox it is sent: `provider.RXX`, or
    `answers.RXX` with the answers that are pushed.

    One that is not `configured` any more is looked at until it is forgotten. To one that is told its `own`
    ids an event goes once its own topic has brought it, or has not for long: it may never have been there.
    `due` says when an event goes out at the earliest, `overtaken` of a later event of its alert whether what
    was said before may go out no more: where a receiver has no words for taking it back. `together` writes
    several events into one letter of an id, None where each goes alone.
    """

    name: str
    recipient: str
    configured: bool = True
    own: bool = False
    due: Callable[[Sendable, datetime], datetime] = field(default=_now, compare=False)
    overtaken: Callable[[Sendable], bool] | None = field(default=None, compare=False)
    together: Together | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a deliverer works with; `chance` returns a number from 0 to 1, `owner` names the process."""

    store: DeliveryStore
    bodies: AnswerCodec
    clock: Clock
    chance: Callable[[], float]
    owner: str
    report: Report


class _Going(NamedTuple):
    """An event that is to be sent, and its letter if it goes alone."""

    delivery: Delivery
    sendable: Sendable
    letter: Letter


class Deliverer:
    """Delivers to one destination; `turn` again and again, by one caller at a time."""

    def __init__(self, destination: Destination, courier: Courier, around: Surroundings) -> None:
        self._destination = destination
        self._courier = courier
        self._around = around
        self._failures = 0  # in a row, whichever event they met
        self._refusals = 0  # attempts in a row that ended otherwise than with a yes
        self._takes = False  # whether anything was taken since this process began
        self._left_until: datetime | None = None
        self._first_seen_at: datetime | None = None
        self._owned_until: datetime | None = None
        self._bare: tuple[int, datetime] | None = None  # what its own topic has not brought, and since when

    async def turn(self) -> timedelta:
        """
        Do what there is to do next; return how long there is nothing, unless something new comes.

        Raises `StorageUnusable`: nothing is lost, and the next turn begins where this one did.
        """
        now = self._around.clock()
        if self._left_until is not None and now < self._left_until:
            return min(self._left_until - now, _LOOK_EVERY)
        first_seen_at = await self._own(now)
        if first_seen_at is None:
            return _LOOK_EVERY
        more = await self._take_in(first_seen_at, now)
        head = await asyncio.to_thread(self._around.store.head, self._destination.name)
        if head is not None and head.delivery.due_at <= now:
            await self._attempt(head, now)
        elif not more:
            return _LOOK_EVERY if head is None else min(head.delivery.due_at - now, _LOOK_EVERY)
        return timedelta(0)

    async def close(self) -> None:
        """Close the connection and let another process have the destination at once."""
        await self._courier.close()
        await asyncio.to_thread(self._around.store.disown, self._destination.name, self._around.owner)

    async def _own(self, now: datetime) -> datetime | None:
        """Return when the destination was first seen, None while another process has it."""
        if self._owned_until is None or self._owned_until - now <= RENEWED_BEFORE:
            until = now + OWNED_FOR
            self._first_seen_at = await asyncio.to_thread(
                self._around.store.own,
                self._destination.name,
                self._destination.recipient,
                self._around.owner,
                at=now,
                until=until,
                anew=self._destination.configured,
            )
            self._owned_until = None if self._first_seen_at is None else until
        return self._first_seen_at

    async def _take_in(self, first_seen_at: datetime, now: datetime) -> bool:
        """Give each new event of the inbox a delivery; return whether there may be more."""
        store, name, own = self._around.store, self._destination.name, self._destination.own
        arrived = await asyncio.to_thread(store.untaken, name, limit=TAKEN_AT_ONCE, own=own)
        made = [self._begun(one, first_seen_at, now) for one in arrived]
        more = len(made) == TAKEN_AT_ONCE
        if own and not made:
            bare = await asyncio.to_thread(store.untaken, name, limit=TAKEN_AT_ONCE)
            made = self._without_own([self._begun(one, first_seen_at, now) for one in bare], now)
            more = bool(made)  # what lies behind them may have been brought
        if made:
            await asyncio.to_thread(store.take_in, made)
            self._tell(made)
        return more

    def _without_own(self, bare: Sequence[Delivery], now: datetime) -> list[Delivery]:
        """
        Return those of the next events that wait no longer for their recipient's own topic.

        What is not to be sent waits for nothing: what an authority was told before it had a topic, say.
        """
        first = bare[0].number if bare else 0
        if self._bare is None or self._bare[0] != first:
            self._bare = (first, now)
        over = now - self._bare[1] >= OWN_WITHIN

        def goes(one: Delivery) -> bool:
            """Whether one of them goes on as it is."""
            late = over and (one.number == first or now - (one.received_at or now) >= OWN_WITHIN)
            return one.state is not State.WAITING or late

        return list(takewhile(goes, bare))

    def _begun(self, arrival: Arrival, first_seen_at: datetime, now: datetime) -> Delivery:
        """Return the delivery of an event as it begins."""
        begun = Delivery(
            destination=self._destination.name,
            number=arrival.number,
            event_id=arrival.event_id,
            alert_id=arrival.alert_id,
            state=State.WAITING,
            due_at=now,
        )
        if not arrival.body:
            return replace(begun, state=State.ERASED)
        if not arrival.alert_id:  # a word about the authority's feed, which is no alert
            return replace(begun, state=State.NOT_TOLD)
        try:
            sendable = self._around.bodies.open(arrival.body)
        except MalformedMessage:
            return replace(begun, state=State.DEAD, fault=Fault.UNWRITABLE.value)
        received_at = sendable.received_at
        state = begins(received_at=received_at, first_seen_at=first_seen_at)
        due_at = self._destination.due(sendable, now)
        return replace(begun, state=state, received_at=received_at, due_at=due_at)

    def _tell(self, begun: Iterable[Delivery]) -> None:
        """Report what came to an end as it began."""
        for one in begun:
            if one.state is not State.WAITING:
                self._around.report(one, Fault(one.fault) if one.fault else None)

    async def _attempt(self, head: Head, now: datetime) -> None:
        """Send what is due, alone or with what goes out with it, and keep what became of it."""
        going = [one for each in await self._with(head, now) if (one := await self._written(each, now))]
        same = [one for one in going if one.letter.kind == going[0].letter.kind]
        if not same:
            return
        letter = self._in_one(same, now)
        if letter is None:
            await self._apart([one.delivery for one in same], now)
            return
        tried = [
            replace(
                one.delivery,
                attempts=one.delivery.attempts + 1,
                told=tuple(dict.fromkeys((*one.delivery.told, *letter.told))),
                letter=letter.letter_id if len(same) > 1 else one.delivery.letter,
            )
            for one in same
        ]
        for each in tried:
            await asyncio.to_thread(self._around.store.put, each)
        outcome = await self._courier.send(letter)
        if outcome.fault is None:
            tried = [replace(one, told=letter.told) for one in tried]
        await self._end(tried, outcome, self._around.clock())

    async def _with(self, head: Head, now: datetime) -> Sequence[Head]:
        """Return what is tried with an event: nothing, unless the destination takes several in one letter."""
        if self._destination.together is None:
            return [head]
        store = self._around.store
        return await asyncio.to_thread(store.together, head.delivery, at=now, limit=TOGETHER_MAX) or [head]

    async def _written(self, head: Head, now: datetime) -> _Going | None:
        """Return an event with its letter, None for one that is not to be sent: that is kept."""
        delivery = head.delivery
        try:
            sendable = self._around.bodies.open(head.body)
        except MalformedMessage:
            await self._end([delivery], failed(Fault.UNWRITABLE), now)
            return None
        if sendable.event_id != delivery.event_id or await self._overtaken(delivery):
            await self._leave(delivery, now)
            return None
        try:
            letter = self._courier.write(sendable, at=now, told=head.told)
        except Exception:  # noqa: BLE001 - one event that we cannot write must not hold up the others
            await self._end([delivery], failed(Fault.UNWRITABLE), now)
            return None
        if letter is None:
            await self._keep(replace(delivery, state=State.NOT_TOLD, fault=""), None)
            return None
        return _Going(delivery, sendable, letter)

    async def _leave(self, delivery: Delivery, now: datetime) -> None:
        """Keep an event that may not go any more as superseded; where it may have gone, it is looked for."""
        outcome = await self._courier.looked_for(delivery.sent_as) if delivery.attempts else None
        if outcome is None:
            await self._keep(replace(delivery, state=State.SUPERSEDED), None)
        else:
            await self._end([delivery], outcome, now)

    def _in_one(self, going: Sequence[_Going], now: datetime) -> Letter | None:
        """Return the letter of several events, or of one; None where they cannot be written into one."""
        first, together = going[0], self._destination.together
        letter_id = first.delivery.sent_as
        letter: Letter | None = first.letter
        if together is not None and (len(going) > 1 or letter_id != first.letter.letter_id):
            try:
                letter = together([one.sendable for one in going], now, letter_id)
            except Exception:  # noqa: BLE001 - each is tried alone
                return None
        repeated = any(one.delivery.attempts for one in going)
        return None if letter is None else replace(letter, repeated=repeated)

    async def _apart(self, deliveries: Iterable[Delivery], at: datetime) -> None:
        """Have each of several events go alone: one of them is at fault, and keeps none of the others."""
        for one in deliveries:
            await asyncio.to_thread(self._around.store.put, one.alone(at))

    async def _overtaken(self, delivery: Delivery) -> bool:
        """Whether a later event of the alert is in the inbox after which this one may not be told."""
        overtaken = self._destination.overtaken
        if overtaken is None:
            return False
        for body in await asyncio.to_thread(self._around.store.later, delivery):
            with suppress(MalformedMessage):  # it is put aside at its turn
                if overtaken(self._around.bodies.open(body)):
                    return True
        return False

    async def _end(self, tried: Sequence[Delivery], outcome: Outcome, at: datetime) -> None:
        """Keep what an attempt made of deliveries, and leave a receiver that did not answer alone."""
        chance = self._around.chance()
        left = leave_alone(outcome, failures=self._failures + 1, chance=chance)
        self._failures = 0 if left is None else self._failures + 1
        self._left_until = None if left is None else at + left
        self._takes |= outcome.fault is None
        self._refusals = 0 if outcome.fault is None else self._refusals + 1
        steps = [
            after(outcome, attempts=max(one.attempts, 1), at=at, chance=chance, refuses_all=refuses_all)
            for one, refuses_all in ((one, self._refuses_all(one)) for one in tried)
        ]
        if len(tried) > 1 and any(step.state is State.DEAD for step in steps):
            await self._apart(tried, at)
            return
        for one, step in zip(tried, steps, strict=True):
            kept = replace(
                one,
                state=step.state,
                fault="" if outcome.fault is None else outcome.fault.value,
                due_at=step.due_at or one.due_at,
                delivered_at=at if step.state is State.DELIVERED else one.delivered_at,
            )
            await self._keep(kept, outcome.fault)

    def _refuses_all(self, delivery: Delivery) -> bool:
        """
        Whether nothing at all was taken since an event was tried first, as far as this process knows.

        Of what goes out in one letter with others one may keep the rest from being taken.
        """
        if self._destination.together is not None:
            return False
        return not self._takes or self._refusals >= delivery.attempts

    async def _keep(self, delivery: Delivery, fault: Fault | None) -> None:
        """Keep a delivery and report it."""
        await asyncio.to_thread(self._around.store.put, delivery)
        self._around.report(delivery, fault)
