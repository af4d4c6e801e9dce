"""
What goes to a number's successor, and how the successor takes it over. Ruling 22.

Pure: who sends it, and where it lies meanwhile, is the matcher's. Nothing here joins two numbers that the
source has not named successors of each other (ruling 42).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from broker.core.alerts import Alert, Occasion
from broker.core.errors import NumbersInCircle, SuccessionContradicted
from broker.core.facts import (
    Birth,
    Cover,
    Fact,
    IdentityKind,
    IdentityNotice,
    LinkEnded,
    VisitLeft,
    VisitMessage,
)
from broker.core.holding import noted
from broker.core.identifiers import NhsNumber
from broker.core.keyed import IdentityKey, moved_reference
from broker.core.newborn_forgotten import said_again, unnamed
from broker.core.number_answers import ABOUT_THE_NUMBER, newest_answer, recorded
from broker.core.partition import Forwarding
from broker.core.past import Past, newest
from broker.core.person import NOTHING, Known, Person, Told, Untold, lift, merge, without
from broker.core.restriction import is_restricted, mark_of, marking
from broker.core.worklist import WorklistItem

NUMBERS_PASSED_MAX = 8
"""More successions than a person has: beyond it the source's answers are at fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """
    How a fact came to the number it is keyed by: the numbers that sent it on, its own first.

    `stamp` is that of the newest succession among them, aware UTC: at that time the source took the number it
    arrives at for one in use.
    """

    numbers: tuple[NhsNumber, ...] = field(repr=False)
    stamp: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """
    What was known of and told about a person under a former number.

    `stamp` is when the source recorded the succession, `received_at` the newest receipt among the facts that
    led to it; both aware UTC. A person of whom nothing but places in the log was kept has none of the rest.
    `forgotten`: the former number was out of use, and whoever was told has been made to forget it (23).
    """

    stamp: datetime
    received_at: datetime
    known: Known = NOTHING
    told: Mapping[str, Told] = field(default_factory=dict)
    items: Mapping[str, WorklistItem] = field(default_factory=dict)
    closed: frozenset[str] = frozenset()
    untold: frozenset[Untold] = frozenset()
    history: tuple[Past, ...] = ()
    set_aside: Mapping[str, datetime] = field(default_factory=dict)
    forgotten: bool = False


@dataclass(frozen=True, slots=True)
class Came:
    """A fact as it reads under the number that it came to, and how it came there; None: it began there."""

    fact: Fact | Merged
    passage: Passage | None = None


C = TypeVar("C", bound=Came)


def onward(passage: Passage | None, number: NhsNumber, forwarding: Forwarding) -> Passage:
    """
    Return the passage of a fact that leaves a number for its successor.

    Raise `NumbersInCircle` for one that passed here before, or passes more than eight numbers.
    """
    passed = () if passage is None else passage.numbers
    if number in passed or len(passed) >= NUMBERS_PASSED_MAX:
        raise NumbersInCircle
    stamp = forwarding.stamp if passage is None else max(passage.stamp, forwarding.stamp)
    return Passage(numbers=(*passed, number), stamp=stamp)


def leaving(person: Person) -> IdentityNotice | None:
    """Return the source's answer by which a person goes to another number, None for one who stays."""
    answer = newest_answer(person.known.notices.values())
    return answer if answer is not None and answer.kind is IdentityKind.SUPERSEDED else None


def forwarding_by(person: Person, answer: IdentityNotice, last_used: datetime) -> Forwarding:
    """Return where facts go from a number that a person leaves; raise `NumbersInCircle` for no successor."""
    if answer.successor is None:
        raise NumbersInCircle
    return Forwarding(
        to=answer.successor,
        stamp=recorded(answer),
        last_used=last_used,
        returns=person.returns,
        restricted=mark_of(person.known),
    )


def forwarding_after(before: Forwarding, came: Sequence[Came], last_used: datetime) -> Forwarding:
    """Return where facts go after more has come for the number; raise `NumbersInCircle` for no successor."""
    known = _marked(before)
    for one in came:
        known = merge(known, one.fact.known if isinstance(one.fact, Merged) else lift(one.fact))
    gone = Person(number=before.to, salt=b"", known=known, returns=before.returns)
    return forwarding_by(gone, answer_at(before, came), last_used)


def _marked(forwarding: Forwarding) -> Known:
    """Return what a forwarding record says of the person: whether the record is restricted."""
    return NOTHING if forwarding.restricted is None else lift(marking(forwarding.restricted))


def in_use(stamp: datetime, received_at: datetime) -> IdentityNotice:
    """Return that a number was in use at a succession: the source named it as a successor."""
    return IdentityNotice(
        notice_id=f"succession {stamp.isoformat()}",
        kind=IdentityKind.IN_USE,
        recorded_at=stamp,
        received_at=max(stamp, received_at),
    )


def answer_at(forwarding: Forwarding, came: Iterable[Came]) -> IdentityNotice:
    """Return what the source said last of a number that is sent on; an invalidation changes no succession."""
    standing = IdentityNotice(
        notice_id="",
        kind=IdentityKind.SUPERSEDED,
        successor=forwarding.to,
        recorded_at=forwarding.stamp,
        received_at=forwarding.stamp,
    )
    own = [
        one.fact
        for one in came
        if isinstance(one.fact, IdentityNotice)
        and one.passage is None
        and one.fact.kind is not IdentityKind.INVALIDATED
    ]
    return newest_answer([standing, *own]) or standing


def back_in_use(number: NhsNumber, forwarding: Forwarding, came: Sequence[C]) -> list[C]:
    """
    Return what shows that a number sent on is in use again, nothing when it is not.

    Its source says so, or something came that another number has sent on since. Between successions of one
    stamp that name each other the greater number is the one in use.
    """
    newest = answer_at(forwarding, came)
    if newest.kind is IdentityKind.IN_USE:
        return [one for one in came if one.fact is newest]
    stamp, to = recorded(newest), newest.successor or number

    def shows(passage: Passage) -> bool:
        """Whether a passage is by a newer succession, or by one that the successor was in a circle with."""
        return passage.stamp > stamp or (passage.stamp == stamp and to in passage.numbers and number > to)

    return _evidence(came, shows)


def returned(number: NhsNumber, forwarding: Forwarding, salt: bytes) -> Person:
    """
    Return who has a number that is back in use: whether restricted (24) is known of them, and nothing else.

    What the number told before went to the successor and may still be on its way back. So the alerts and the
    work that begin now have ids of their own (`as_told`).
    """
    return Person(number=number, salt=salt, known=_marked(forwarding), returns=forwarding.returns + 1)


def evidence_of_use(person: Person, came: Sequence[C]) -> list[C]:
    """Return what shows that a number in somebody's record is in use, though its source once replaced it."""
    answer = leaving(person)
    return [] if answer is None else _evidence(came, lambda passage: passage.stamp > recorded(answer))


def _evidence(came: Iterable[C], shows: Callable[[Passage], bool]) -> list[C]:
    """Return, of what came from a former number by a newer succession, that this number is in use."""
    return [
        replace(one, fact=in_use(one.passage.stamp, one.fact.received_at))
        for one in came
        if one.passage is not None and shows(one.passage)
    ]


def goes_on(one: Came, *, before: Forwarding, now: Forwarding) -> bool:
    """
    Whether a fact goes on to the successor; what the source answered of the number itself does not.

    Raise `SuccessionContradicted` for an answer against the succession by which everything has moved.
    """
    fact = one.fact
    if not isinstance(fact, IdentityNotice) or one.passage is not None or fact.kind not in ABOUT_THE_NUMBER:
        return True
    if fact.kind is IdentityKind.NUMBER_CHANGE:
        return recorded(fact) > now.stamp  # else the succession has answered it
    if recorded(fact) > before.stamp and fact.successor != before.to:
        raise SuccessionContradicted
    return False


def handed_over(
    person: Person, forwarding: Forwarding, received_at: datetime, *, forgotten: bool = False
) -> Merged:
    """
    Return everything that goes to the successor; what the source said of the number itself stays.

    `forgotten` as of `Merged`.
    """
    notices = {
        notice_id: notice
        for notice_id, notice in person.known.notices.items()
        if notice.kind not in ABOUT_THE_NUMBER
        or (notice.kind is IdentityKind.NUMBER_CHANGE and recorded(notice) > forwarding.stamp)
    }
    return Merged(
        stamp=forwarding.stamp,
        received_at=received_at,
        known=replace(person.known, notices=notices),
        told=person.told,
        items=person.items,
        closed=person.closed,
        untold=person.untold,
        history=person.history,
        set_aside=person.set_aside,
        forgotten=forgotten,
    )


def kept(merged: Merged) -> bool:
    """Whether a person is kept whose record this is: one of whom something is known, told or set aside."""
    known = merged.known
    said = known.plans or known.notices or known.covers
    return bool(said or merged.told or merged.closed or merged.set_aside)


def translated(
    fact: Fact | Merged, key: IdentityKey, *, former: NhsNumber, number: NhsNumber
) -> Fact | Merged:
    """Return a fact that was made under a former number as it reads under the present one."""
    match fact:
        case VisitMessage() | VisitLeft():
            return replace(fact, visit=moved_reference(key, fact.visit, former=former, number=number))
        case IdentityNotice():
            return _Translation(key, former, number).notice(fact)
        case Cover():
            return _Translation(key, former, number).cover(fact)
        case Merged():
            return _Translation(key, former, number).merged(fact)
        case _:
            return fact


class _Translation:
    """References of one number read as those of another."""

    def __init__(self, key: IdentityKey, former: NhsNumber, number: NhsNumber) -> None:
        self.key = key
        self.former = former
        self.number = number

    def merged(self, merged: Merged) -> Merged:
        """Return a record under the present number; an id may be a visit's or a view's: both count."""
        visits = {
            self.visit(reference): {
                message_id: replace(message, visit=self.visit(reference))
                for message_id, message in messages.items()
            }
            for reference, messages in merged.known.visits.items()
        }
        left = {
            self.visit(reference): {
                message_id: replace(one, visit=self.visit(reference)) for message_id, one in leavings.items()
            }
            for reference, leavings in merged.known.left.items()
        }
        notices = {notice_id: self.notice(notice) for notice_id, notice in merged.known.notices.items()}
        covers = {mother: self.cover(cover) for mother, cover in merged.known.covers.items()}
        return replace(
            merged,
            known=replace(merged.known, visits=visits, left=left, notices=notices, covers=covers),
            told={alert_id: self.told(told) for alert_id, told in merged.told.items()},
            items={item_id: self.item(item) for item_id, item in merged.items.items()},
            closed=merged.closed | {self.visit(reference) for reference in merged.closed},
            untold=merged.untold | {replace(one, subject=self.visit(one.subject)) for one in merged.untold},
            history=tuple(replace(line, subject=self.visit(line.subject)) for line in merged.history),
        )

    def cover(self, cover: Cover) -> Cover:
        """Return what is known of a mother's plans; by which number she knows the baby stays as it is."""
        births = [
            birth if birth.visit is None else replace(birth, visit=self.visit(birth.visit))
            for birth in cover.births
        ]
        return replace(cover, births=tuple(births))

    def visit(self, reference: str) -> str:
        """Return a visit's reference."""
        return moved_reference(self.key, reference, former=self.former, number=self.number)

    def notice(self, notice: IdentityNotice) -> IdentityNotice:
        """Return what was said of the person, or of one of their visits (46)."""
        return notice if notice.visit is None else replace(notice, visit=self.visit(notice.visit))

    def told(self, told: Told) -> Told:
        """Return a row of the told ledger, with the number that its readers have."""
        number = told.number or self.former
        alert = None if told.alert is None else self.alert(told.alert)
        return replace(told, alert=alert, number=None if number == self.number else number)

    def alert(self, alert: Alert) -> Alert:
        """Return an alert; a view's id is the same under every number."""
        if alert.occasion is Occasion.VIEWED:
            return alert
        visit = None if alert.visit is None else replace(alert.visit, visit=self.visit(alert.visit.visit))
        return replace(alert, subject=self.visit(alert.subject), visit=visit)

    def item(self, item: WorklistItem) -> WorklistItem:
        """Return a worklist item."""
        return item if item.visit is None else replace(item, visit=self.visit(item.visit))


def fold(person: Person, fact: Fact | Merged) -> Person:
    """
    Return the person with a fact, or with what was known and told under a former number, folded in.

    Nobody is a child of their own: what says so joins two numbers of one person (ruling 42), and is left.
    """
    match fact:
        case LinkEnded():
            return replace(person, known=_parted(person, fact))
        case Merged():
            return _with_merged(person, fact)
        case Birth(baby=person.number) | Cover(mother=person.number):
            return person
        case Cover():
            return person.learn(lift(said_again(person.known, fact)))
        case _:
            return person.learn(lift(fact))


def _parted(person: Person, end: LinkEnded) -> Known:
    """Return what is known without a mother or a baby; restricted with theirs, a record stays so (24)."""
    after = without(unnamed(person.known, end, person.closed), end)
    lifted = is_restricted(person.known) and not is_restricted(after)
    return merge(after, lift(marking(end.recorded_at))) if lifted else after


def _with_merged(person: Person, fact: Merged) -> Person:
    """Return the person with what was known and told under a former number."""
    fact = replace(fact, known=_without_own(fact.known, person.number))
    learned = person.learn(fact.known).learn(lift(in_use(fact.stamp, fact.received_at)))
    told = dict(person.told)
    for alert_id, row in fact.told.items():
        mine = told.get(alert_id)
        told[alert_id] = row if mine is None or row.revision > mine.revision else mine
    open_again = _open(person.known, person.closed) | _open(fact.known, fact.closed)
    return replace(
        learned,
        told=told,
        items={**fact.items, **person.items},
        closed=(person.closed | fact.closed) - open_again,
        untold=person.untold | fact.untold,
        history=newest((*fact.history, *person.history), len(fact.history) + len(person.history)),
        set_aside=noted(person.set_aside, fact.set_aside),
    )


def _without_own(known: Known, number: NhsNumber) -> Known:
    """Return what is known but for a birth, or a mother, of the person's own number."""
    return replace(
        known,
        births={baby: said for baby, said in known.births.items() if baby != number},
        covers={mother: cover for mother, cover in known.covers.items() if mother != number},
    )


def _open(known: Known, closed: frozenset[str]) -> frozenset[str]:
    """Return the visits and views that a later fact may still revise."""
    return frozenset({*known.visits, *known.accesses} - closed)
