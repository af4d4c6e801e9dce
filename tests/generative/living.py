"""The core led through a life: every fact folded and told, destroyed, written and read back as it goes."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from broker.core.alerts import Alert, AlertEvent, EventKind
from broker.core.closed_visits import used_again
from broker.core.decisions import decide
from broker.core.effects import Advance, advance
from broker.core.facts import Access, Birth, Fact, VisitLeft, VisitMessage
from broker.core.identifiers import NhsNumber
from broker.core.newborn_asked import birth_reference
from broker.core.outcome_asked import outcome_reference
from broker.core.person import Person, lift
from broker.core.policy import AnyPolicy
from broker.core.retention import settle
from broker.wire.state_codec import StateCodec
from tests.builders.matcher import schemas
from tests.generative.expected import BIRTH, OUTCOME, Expecting, Row, Told, row_of, without_own_ids
from tests.generative.lives import Life, Retold, Taken, Telling
from tests.generative.naive_destruction import Remembered, subject_of
from tests.generative.oracle import Oracle
from tests.generative.stories import known_of
from tests.spec.settled import KEY

NUMBER = NhsNumber("9990000018")
TAKEN_BACK = (EventKind.WITHDRAWN, EventKind.RETRACTED)
_STATES = StateCodec(schemas())
_ASKED = {birth_reference(KEY, NUMBER): BIRTH, outcome_reference(KEY, NUMBER): OUTCOME}


def new_person() -> Person:
    """Return the person of whom nothing is known yet."""
    return Person(number=NUMBER, salt=bytes(16))


def restarted(person: Person) -> Person:
    """Return a person as a matcher finds them that starts again: from the bytes of `cpis.people`."""
    return _STATES.decode_person(NUMBER, _STATES.encode_person(person))


def standing(person: Person) -> dict[str, Alert]:
    """Return what the told ledger says stands."""
    return {
        alert_id: told.alert
        for alert_id, told in person.told.items()
        if told.alert is not None and told.kind not in TAKEN_BACK
    }


def fold(facts: Sequence[Fact], policy: AnyPolicy) -> tuple[Person, list[AlertEvent]]:
    """Return a person who was told of after every single fact, and everything that was said."""
    every = frozenset(range(len(facts)))
    return fold_telling(Telling(facts=facts, told=every, restarts=frozenset()), policy)


def fold_telling(telling: Telling, policy: AnyPolicy) -> tuple[Person, list[AlertEvent]]:
    """Return a person after a telling, and everything that was said."""
    person, events = new_person(), list[AlertEvent]()
    for place, fact in enumerate(telling.facts):
        person = person.learn(lift(fact))
        if place not in telling.told:
            continue
        advanced = advance(person, policy, KEY)
        person = restarted(advanced.person) if place in telling.restarts else advanced.person
        events += advanced.events
    return person, events


class Lived:
    """
    A person in the hands of a matcher: without a record facts wait, from the first plan on one is kept.

    `events` is what was said, a list for each record there was; a record that was destroyed begins a new
    one.
    """

    def __init__(self, policy: AnyPolicy) -> None:
        self.policy = policy
        self.person: Person | None = None
        self.waiting: list[tuple[datetime, Fact]] = []
        self.events: list[list[AlertEvent]] = [[]]

    def take(self, fact: Fact, clock: datetime) -> None:
        """Fold a fact and tell what follows."""
        if self.person is None and isinstance(fact, VisitMessage | VisitLeft | Access | Birth):
            self.waiting.append((clock, fact))
            return
        person = used_again(self.person or new_person(), [fact], clock, self.policy)
        for learned in [*(waited for _, waited in self.waiting), fact]:
            person = person.learn(lift(learned))
        self.waiting = []
        self._tell(advance(person, self.policy, KEY))

    def settle(self, clock: datetime) -> None:
        """Let go of what is past revising; what is left must have nothing new to say."""
        self.waiting = [(at, fact) for at, fact in self.waiting if at >= clock - self.policy.horizon]
        if self.person is None:
            return
        before, self.person = self.person, settle(self.person, clock, self.policy)
        if self.person is before:
            return
        if self.person is None or (before.told and not self.person.told):
            self.events.append([])  # of a restricted person the mark alone is left
        if self.person is None:
            return
        advanced = advance(self.person, self.policy, KEY)
        assert () == advanced.events
        assert () == advanced.opened
        self._tell(advanced)

    def restart(self) -> None:
        """Start the matcher again."""
        if self.person is not None:
            self.person = restarted(self.person)

    def standing(self) -> frozenset[Row]:
        """Return what recipients hold: of each alert the newest that was said, unless taken back."""
        newest = {event.alert.alert_id: event for record in self.events for event in record}
        return frozenset(row_of(event.alert) for event in newest.values() if event.kind not in TAKEN_BACK)

    def _tell(self, advanced: Advance) -> None:
        """Take over a person as told."""
        self.person = advanced.person
        self.events[-1] += advanced.events


def check_retold(told: Retold) -> Told:
    """
    Return what the oracle expects; raise `AssertionError` where the core differs, or two tellings do.

    Permuted, repeated and split by restarts the facts end in the same; what was said adds up; telling
    everything again says nothing.
    """
    decisions = decide(NUMBER, known_of(told.facts), told.policy, KEY)
    expected = Expecting(Oracle(told.facts, told.policy)).told()
    assert expected == Told(
        alerts=frozenset(row_of(alert) for alert in decisions.alerts.values()),
        whys={_ASKED.get(subject, subject): entry.why.value for subject, entry in decisions.entries.items()},
        asked=frozenset(
            (item.kind.value, item.visit or "", item.control_id or "") for item in decisions.items.values()
        ),
    )
    for telling in told.tellings:
        person, events = fold_telling(telling, told.policy)
        assert (decisions.alerts, decisions.items) == (standing(person), person.items)
        check_adds_up(events)
        once_more = person.learn(known_of(telling.facts))
        assert person == once_more
        assert () == advance(once_more, told.policy, KEY).events
    return expected


def check_adds_up(events: Sequence[AlertEvent]) -> None:
    """Revisions count from 1 without gaps, and no event id occurs twice."""
    revisions: dict[str, list[int]] = {}
    for event in events:
        revisions.setdefault(event.alert.alert_id, []).append(event.revision)
    assert all(list(range(1, len(counted) + 1)) == counted for counted in revisions.values())
    assert len(events) == len({event.event_id for event in events})


class Happening(StrEnum):
    """What may become of a life, beside what the facts ask for."""

    WAITED = "a fact waited for a plan"
    CLOSED = "a visit or view was closed"
    STOOD = "an alert stood of what was closed"
    LATE = "a fact came for what was closed"
    DESTROYED = "a person was destroyed"
    BEGAN_ANEW = "a person began anew"
    RESTARTED = "the matcher started again"


def check_life(life: Life) -> set[Happening]:
    """
    Return what happened in a life; raise `AssertionError` where the core and the oracle differ about it.

    The same is held, closed and destroyed, nothing is said because of it, and the same stands in the end.
    """
    lived, remembered = Lived(life.policy), Remembered(life.policy)
    happened: set[Happening] = set()
    clock = life.taken[0].at
    for step in life.taken:
        clock = max(clock, step.at if step.fact is None else step.fact.received_at)
        if step.fact is not None:
            if subject_of(step.fact) in remembered.closed:
                happened.add(Happening.LATE)
            lived.take(step.fact, clock)
            remembered.take(step.fact, clock)
            assert len(remembered.waiting) == len(lived.waiting)
        if step.settles:
            lived.settle(clock)
            remembered.settle(clock)
            assert remembered.has_record == (lived.person is not None)
            assert lived.person is None or remembered.closed == lived.person.closed
        if step.restarts:
            lived.restart()
        happened |= _happened(remembered, step)
    assert without_own_ids(remembered.standing()) == without_own_ids(lived.standing())
    for record in lived.events:
        check_adds_up(record)
    return happened


def _happened(remembered: Remembered, step: Taken) -> set[Happening]:
    """Return what can be seen to have happened after a step."""
    seen = {
        Happening.WAITED: bool(remembered.waiting),
        Happening.CLOSED: bool(remembered.closed),
        Happening.STOOD: remembered.tells_of_closed,
        Happening.DESTROYED: remembered.destroyed > 0,
        Happening.BEGAN_ANEW: remembered.destroyed > 0 and remembered.has_record,
        Happening.RESTARTED: step.restarts,
    }
    return {happening for happening, is_so in seen.items() if is_so}
