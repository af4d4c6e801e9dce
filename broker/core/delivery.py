"""
What becomes of an alert event on its way to a provider's own system: one table of states, faults and pauses.

Pure: time and chance are arguments. A destination that is away is waited for without end; what a receiver
cannot take is put aside with its reason, and later news of the same alert goes on (peers.md 3.2, complaints
1, 2, 3, 5, 8).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

PAUSE_FIRST = timedelta(seconds=1)
PAUSE_MAX = timedelta(seconds=60)
"""Pauses double from the first to the longest: a clinician waits, so none may grow to hours (ruling 45)."""
_DOUBLINGS_MAX = 10  # the longest pause is reached before
REFUSALS_MAX = 30
"""
As often in all is sent what is refused for no fault of its content, while others are taken: some 25 minutes
(dossier 6.5).
"""
PASSED_OVER_AFTER = timedelta(hours=24)
"""Older than this when its destination was first seen, an event is news to nobody there."""


class State(StrEnum):
    """Where one event stands on its way to one destination; all but the first are ends."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    DEAD = "dead"
    PASSED_OVER = "passed over"
    SUPERSEDED = "superseded"
    ERASED = "erased"
    NOT_TOLD = "not told"
    SETTLED = "settled"


ENDED = frozenset(State) - {State.WAITING, State.DEAD}
"""The ends that ask for nobody."""
KEPT_FOR = timedelta(days=35)
"""For so long a delivery at its end is shown, as the topics that it came from hold it."""

STATE_WORDS = {
    State.WAITING: "not delivered yet",
    State.DELIVERED: "taken by the receiver",
    State.DEAD: "put aside: needs somebody",
    State.PASSED_OVER: "older than a day when the destination was set up",
    State.SUPERSEDED: "a newer event of its alert says what there is to say and may be said, if anything "
    "(rulings 16, 24, 44, 46)",
    State.ERASED: "nothing of it is kept (ruling 23)",
    State.NOT_TOLD: "the way it would go by has no words for it: it stands in the topic and the inbox",
    State.SETTLED: "put aside, and settled by hand: its clinicians were told by another way",
}
"""What each state means, for who reads the queue."""


class Fault(StrEnum):
    """Why an attempt failed, in words without any of the receiver's."""

    AWAY = "no connection"
    UNTRUSTED = "TLS failed: one side does not trust the other"
    NO_ANSWER = "no answer in time; the connection was dropped"
    CUT_OFF = "the connection broke before the answer"
    ANSWER_OF_ANOTHER = "the answer names another message; the connection was dropped"
    ANSWER_UNREADABLE = "the answer cannot be read"
    REFUSED_CONTENT = "the receiver calls the content wrong"
    REFUSED = "the receiver refuses for no fault of the content"
    IN_ERROR = "the receiver reports an error and does not say that the content is wrong"
    NOT_ADMITTED = "the receiver does not let us in"
    NOT_THERE = "nothing takes alerts at that address"
    BUSY = "the receiver cannot take it now"
    NOT_CONFIGURED = "its destination is not in the senders file any more"
    UNWRITABLE = "the event cannot be read or written"


_AT_ONCE = frozenset({Fault.REFUSED_CONTENT, Fault.UNWRITABLE, Fault.NOT_CONFIGURED})
"""Trying again cannot help."""
_COUNTED = frozenset({Fault.REFUSED, Fault.IN_ERROR})
"""Trying again may help, but not for ever."""
_OF_ONE_EVENT = _AT_ONCE | _COUNTED
"""The receiver is there and answers: others need not wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of an attempt: None is delivered. `wait` is how long the receiver asked us to leave it."""

    fault: Fault | None = None
    wait: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What an attempt makes of a delivery: `due_at`, aware UTC, where it is still waiting."""

    state: State
    due_at: datetime | None = None


def delivered() -> Outcome:
    """Return that the receiver took it."""
    return Outcome()


def failed(fault: Fault, *, wait: timedelta | None = None) -> Outcome:
    """Return that it did not, and why."""
    return Outcome(fault=fault, wait=wait)


def after(outcome: Outcome, *, attempts: int, at: datetime, chance: float, refuses_all: bool = False) -> Step:
    """
    Return what becomes of a delivery after its `attempts`-th attempt, at an aware time.

    `chance`, from 0 to 1, spreads the pause, so that not everybody comes back in one moment. A receiver that
    `refuses_all` is ill itself: what it refuses is at no fault, and is waited with.
    """
    if outcome.fault is None:
        return Step(state=State.DELIVERED)
    exhausted = outcome.fault in _COUNTED and attempts >= REFUSALS_MAX and not refuses_all
    if outcome.fault in _AT_ONCE or exhausted:
        return Step(state=State.DEAD)
    return Step(state=State.WAITING, due_at=at + pause(attempts, chance))


def leave_alone(outcome: Outcome, *, failures: int, chance: float) -> timedelta | None:
    """
    Return for how long nothing at all is sent to a destination after so many failures in a row, 1 or more.

    None where it answered, and only this event was at fault, if any was.
    """
    if outcome.fault is None or outcome.fault in _OF_ONE_EVENT:
        return None
    return max(pause(failures, chance), min(outcome.wait or timedelta(0), PAUSE_MAX))


def pause(failures: int, chance: float) -> timedelta:
    """Return how long to leave a receiver after so many failures, 1 or more; half of it is chance."""
    longest = min(PAUSE_FIRST * (1 << min(failures - 1, _DOUBLINGS_MAX)), PAUSE_MAX)
    half: timedelta = longest / 2
    return half + half * chance


def begins(*, received_at: datetime | None, first_seen_at: datetime) -> State:
    """Return how an event begins at a destination that was first seen at a time, both aware UTC."""
    old = received_at is not None and first_seen_at - received_at > PASSED_OVER_AFTER
    return State.PASSED_OVER if old else State.WAITING


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """
    One event on its way to one destination, or at its end; times are aware UTC.

    `number` is the event's in the inbox of its recipient; `received_at` the receipt of what caused it.
    `fault` is that of the last attempt. `told` are the keys of the lines that this event may have brought.
    `letter` is the id of the one letter that it goes out in with others, empty where it goes alone.
    """

    destination: str
    number: int
    event_id: str
    alert_id: str
    state: State
    attempts: int = 0
    fault: str = ""
    due_at: datetime
    received_at: datetime | None = None
    delivered_at: datetime | None = None
    told: tuple[str, ...] = ()
    letter: str = ""

    @property
    def sent_as(self) -> str:
        """The id of what it goes out in."""
        return self.letter or self.event_id

    def alone(self, at: datetime) -> "Delivery":
        """Return it as it begins once more in a letter of its own, at an aware time."""
        return replace(self, state=State.WAITING, attempts=0, due_at=at, letter=self.event_id)

    @property
    def took(self) -> timedelta | None:
        """How long it took from the receipt of its cause to the receiver's yes; None where one is missing."""
        if self.delivered_at is None or self.received_at is None:
            return None
        return self.delivered_at - self.received_at

    def again(self, at: datetime) -> "Delivery":
        """Return it as it begins once more, as if it had never been tried, at an aware time."""
        return replace(self, state=State.WAITING, attempts=0, fault="", due_at=at, letter="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """An event in a recipient's inbox; `body` is the value that was published, empty for what is erased."""

    number: int
    event_id: str
    alert_id: str
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The next delivery of an alert, what is to be sent, and the lines of it that may be there already."""

    delivery: Delivery
    body: bytes = field(repr=False)
    told: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """
    What came in for a destination and what became of it: nothing may be missing (complaint 5).

    `arrived` counts the events of its inbox, `untaken` those that it has not come to, `states` its
    deliveries, `pruned` those that were at their end for long and are kept no more; `waiting_since` is when
    the oldest that waits was caused, or else is due.
    """

    arrived: int
    untaken: int
    states: Mapping[State, int]
    waiting_since: datetime | None = None
    pruned: int = 0

    @property
    def unaccounted(self) -> int:
        """How many events are neither to come, nor waiting, nor at an end; anything but 0 is a defect."""
        return self.arrived - self.untaken - self.pruned - sum(self.states.values())
