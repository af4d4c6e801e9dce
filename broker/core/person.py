"""
What is known of one person, and its merge.

Known facts form a join-semilattice: `merge` is commutative, associative and idempotent, so the order and
the number of times facts arrive do not matter. It is a union of facts; where the same fact was received
twice, the first receipt stands. Everything else – the fields of a visit, the newest version of a plan –
is derived from the facts when it is asked for.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, TypeVar, assert_never

from broker.core.alerts import Alert, EventKind
from broker.core.canonical import canonical
from broker.core.facts import (
    Access,
    Birth,
    Cover,
    Fact,
    IdentityNotice,
    LinkEnded,
    PlanContent,
    PlanFact,
    VisitLeft,
    VisitMessage,
)
from broker.core.identifiers import NhsNumber
from broker.core.past import Past
from broker.core.user_words import joined_words
from broker.core.worklist import WorklistItem

K = TypeVar("K")
V = TypeVar("V")
Received = TypeVar("Received", VisitMessage, VisitLeft, Access, IdentityNotice, Birth, PlanFact)


@dataclass(frozen=True, slots=True, order=True)
class Said:
    """One time an authority said a plan's content: the source's stamp and the file it came in."""

    recorded_at: datetime
    file_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """
    The merge of a person's facts.

    `plans` maps each distinct content to when it was said and first received; `visits` maps a visit's
    reference to its messages by message id; `left` to what was said of its going on under another number, by
    the id of the message that it left after; `accesses` and `notices` are by id. `births` maps the number of
    a baby to what was said of it by id, `covers` that of a mother to what is known of her plans; None is one
    whose number is not in use (ruling 26).
    """

    plans: Mapping[PlanContent, Mapping[Said, datetime]] = field(default_factory=dict)
    visits: Mapping[str, Mapping[str, VisitMessage]] = field(default_factory=dict)
    left: Mapping[str, Mapping[str, VisitLeft]] = field(default_factory=dict)
    accesses: Mapping[str, Access] = field(default_factory=dict)
    notices: Mapping[str, IdentityNotice] = field(default_factory=dict)
    births: Mapping[NhsNumber, Mapping[str, Birth]] = field(default_factory=dict)
    covers: Mapping[NhsNumber | None, Cover] = field(default_factory=dict)


_NEVER = datetime.min.replace(tzinfo=UTC)

NOTHING = Known()
"""The bottom of the semilattice."""


def lift(fact: Fact) -> Known:
    """Return what is known from one fact alone."""
    match fact:
        case PlanFact():
            said = Said(fact.recorded_at, fact.file_id)
            return Known(plans={fact.content: {said: fact.received_at}})
        case VisitMessage():
            return Known(visits={fact.visit: {fact.message_id: fact}})
        case VisitLeft():
            return Known(left={fact.visit: {fact.message_id: fact}})
        case Access():
            return Known(accesses={fact.access_id: fact})
        case IdentityNotice():
            return Known(notices={fact.notice_id: fact})
        case Birth():
            return Known(births={fact.baby: {fact.birth_id: fact}})
        case Cover():
            return Known(covers={fact.mother: joined(fact, fact)})
        case LinkEnded():  # what it takes away is for the record that has it (`without`)
            return NOTHING
        case _:
            assert_never(fact)


def lift_messages(messages: Iterable[VisitMessage]) -> Known:
    """Return what is known from messages alone: the join of each, at the cost of a single pass."""
    visits: dict[str, dict[str, VisitMessage]] = {}
    for message in messages:
        visit = visits.setdefault(message.visit, {})
        held = visit.get(message.message_id)
        visit[message.message_id] = message if held is None else _first_received(held, message)
    return Known(visits=visits)


def merge(left: Known, right: Known) -> Known:
    """Return the join of two states of knowledge: commutative, associative, idempotent."""
    return Known(
        plans=_union(left.plans, right.plans, lambda a, b: _union(a, b, min)),
        visits=_union(left.visits, right.visits, lambda a, b: _union(a, b, _first_received)),
        left=_union(left.left, right.left, lambda a, b: _union(a, b, _first_received)),
        accesses=_union(left.accesses, right.accesses, _first_received),
        notices=_union(left.notices, right.notices, _first_received),
        births=_union(left.births, right.births, lambda a, b: _union(a, b, _as_settled)),
        covers=_union(left.covers, right.covers, joined),
    )


def joined(left: Cover, right: Cover) -> Cover:
    """Return the join of what is known of one mother's plans, each part once and in a settled order."""
    births = _by((*left.births, *right.births), lambda birth: birth.birth_id)
    void = {birth.birth_id for birth in (*left.births, *right.births) if birth.void}
    births = tuple(replace(birth, void=birth.birth_id in void) for birth in births) if void else births
    plans = _by(
        (*left.plans, *right.plans), lambda plan: (plan.recorded_at, plan.file_id, canonical(plan.content))
    )
    marks = [one.restricted or _NEVER for one in (left, right)]
    newest = max((left, right), key=lambda one: (one.recorded_at, one.restricted or _NEVER))
    doubt = max((one.recorded_at, one.doubt) for one in (left, right))[1]
    if left.mother is None:  # nobody will say any more that a mark is lifted, or that a doubt is over
        newest = replace(newest, restricted=max(marks) if max(marks) > _NEVER else None)
        doubt = max(one.doubt % 2 for one in (left, right))
    return replace(
        newest,
        doubt=doubt,
        births=births,
        plans=plans,
        losses=tuple(sorted({*left.losses, *right.losses})),
        exclusions=joined_words((*left.exclusions, *right.exclusions)),
        received_at=min(left.received_at, right.received_at),
    )


def as_said(birth: Birth) -> Birth:
    """Return a birth as a hospital or a notice said it, whether or not it links still."""
    return replace(birth, void=False, settled_at=None)


def _as_settled(left: Birth, right: Birth) -> Birth:
    """
    Return what was said of one birth, and whether it links still by the newest word of the baby's record.

    Of two words at one time by a quiet partition's clock the one that it does: it was taken back before.
    """
    if left.settled_at is None and right.settled_at is None:
        return _first_received(left, right)
    newest = max((left, right), key=lambda one: (one.settled_at or _NEVER, not one.void))
    first = _first_received(as_said(left), as_said(right))
    return replace(first, void=newest.void, settled_at=newest.settled_at)


def without(known: Known, end: LinkEnded) -> Known:
    """
    Return what is known without the number of a mother or a baby that is to be forgotten (rulings 22, 23).

    Of a mother whose number is not in use the plan is kept, without her child id and whatever is derived from
    her number: the baby is as much at risk (ruling 26).
    """
    births = {baby: said for baby, said in known.births.items() if baby != end.number}
    covers = {mother: cover for mother, cover in known.covers.items() if mother != end.number}
    kept = known.covers.get(end.number)
    if end.covered and kept is not None:
        left = replace(
            kept,
            mother=None,
            births=tuple(map(nobodys, kept.births)),
            plans=tuple(
                replace(one, content=replace(one.content, child_id=None), file_id="") for one in kept.plans
            ),
        )
        covers[None] = joined(covers.get(None, left), left)
    return replace(known, births=births, covers=covers)


def nobodys(birth: Birth) -> Birth:
    """Return a birth with nothing in it that is derived from its mother's number (ruling 23)."""
    return replace(birth, birth_id=f"{birth.visit} {birth.recorded_at}", named=None)


def _by(facts: Iterable[Received], name: Callable[[Received], Any]) -> tuple[Received, ...]:
    """Return facts by their names, of those of one name the one received first, in the order of names."""
    found: dict[Any, Received] = {}
    for fact in facts:
        held = found.get(name(fact))
        found[name(fact)] = fact if held is None else _first_received(held, fact)
    return tuple(found[one] for one in sorted(found))


def _union(left: Mapping[K, V], right: Mapping[K, V], join: Callable[[V, V], V]) -> Mapping[K, V]:
    """Return the union of two maps; `join` settles the keys that both have."""
    if not right:
        return left
    if not left:
        return right
    joined = dict(left)
    for key, value in right.items():
        mine = joined.get(key)
        joined[key] = value if mine is None else join(mine, value)
    return joined


def _first_received(left: Received, right: Received) -> Received:
    """Return the one received first; at equal receipt the one whose content sorts first."""
    return left if left == right else min(left, right, key=_receipt_order)


def _receipt_order(fact: Received) -> tuple[datetime, str]:
    """Return a total order over facts of one id: receipt, then content as text."""
    return fact.received_at, canonical(fact)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """
    A row of the told ledger: what was last said of one alert, and with which revision.

    `alert` is None once the visit is closed and the row has shrunk. `number` is the former number it was told
    under, until that is put right with an update (ruling 22); None is the person's own.
    """

    revision: int
    kind: EventKind
    alert: Alert | None
    number: NhsNumber | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Untold:
    """
    What stands and nobody was told, since newer rules alone make it (ADR 0016).

    `to` names the recipient, or the kind of a worklist item; `subject` is the reference of the visit or the
    id of the view. `digest` is of the content and of when the person had left: another is told as any.
    """

    to: str
    subject: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """
    A person's whole state, one record of `cpis.people`.

    `told` is by alert id, `items` holds the open worklist items by id, `entries` the digest of the last
    audited decision by visit reference or access id, `closed` the visits that no late fact may revise any
    more. `salt` blinds the audit's commitments and is destroyed with the record. `returns` counts how often
    the number came back into use after a succession (ruling 22): what it told before may still be on its way.
    `untold` is what stands and only newer rules make, of people who had left. `history` has a
    line for each of the newest visits and views that are closed (R25). `waiting` says where lies what waits
    while the person is on hold, as input and offset, in its order; `set_aside` when a plan or a notice could
    not be processed, aware UTC by the partition's clock, by its digest (ADR 0036). `doubt` counts how often
    the person's babies were told that something waits or was set aside, or that the number is under enquiry
    or out of use, and that it no longer is: odd while it is (26; ADR 0047, 0051).
    """

    number: NhsNumber
    salt: bytes = field(repr=False)
    known: Known = NOTHING
    told: Mapping[str, Told] = field(default_factory=dict)
    items: Mapping[str, WorklistItem] = field(default_factory=dict)
    entries: Mapping[str, str] = field(default_factory=dict)
    closed: frozenset[str] = frozenset()
    returns: int = 0
    untold: frozenset[Untold] = frozenset()
    history: tuple[Past, ...] = ()
    waiting: tuple[tuple[str, int], ...] = ()
    set_aside: Mapping[str, datetime] = field(default_factory=dict)
    doubt: int = 0

    def learn(self, known: Known) -> "Person":
        """Return the person with `known` merged in."""
        return replace(self, known=merge(self.known, known))
