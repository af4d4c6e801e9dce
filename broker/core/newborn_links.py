"""
What the records of a mother and of her baby tell each other, when either changes. Rulings 22, 23, 24, 26.

A mother's record knows whom she was said to have born, a baby's record what is known of her unborn child's
plans: each in its own partition, so that what one has to say goes to the other as a fact. Saying it again
changes nothing. When either number is superseded the successor says everything anew; when one is taken out of
use, the other forgets it.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime

from broker.core.excluded import told_to_babies
from broker.core.facts import (
    Birth,
    Cover,
    IdentityKind,
    IdentityNotice,
    LinkEnded,
    PlanContent,
    PlanFact,
    PlanType,
    is_doubtful,
)
from broker.core.holding import is_unfinished
from broker.core.identifiers import NhsNumber, to_the_minute
from broker.core.keyed import IdentityKey
from broker.core.leaving import elsewhere
from broker.core.newborn import ends
from broker.core.number_answers import recorded, under_enquiry
from broker.core.person import Known, Person, as_said, joined, nobodys
from broker.core.plans import last_visible_day
from broker.core.policy import AnyPolicy
from broker.core.restriction import mark_of
from broker.core.succession import Came, Merged

Words = list[tuple[NhsNumber, Birth | Cover | LinkEnded]]
"""Facts, each with the number that it is keyed by."""


def birth_id(key: IdentityKey, mother: NhsNumber, birth: Birth) -> str:
    """Return the id of what a birth says: said once more it is the same, by a notice at its own time."""
    born = "" if birth.born is None else birth.born.isoformat()
    is_notice = birth.visit is None and birth.named is not None
    by_notice = [str(birth.named), birth.recorded_at.isoformat()] if is_notice else []
    parts = (born, birth.visit or "", str(birth.restricted), *by_notice)
    return key.derive("birth of", mother.key, birth.baby.key, *parts)


def mother_named(key: IdentityKey, visit: str, mother: NhsNumber) -> str:
    """Return by what the messages of a visit name a mother: of another visit it is another."""
    return key.derive("mother named", visit, mother.key)


def named_by_notice(key: IdentityKey, baby: NhsNumber, mother: NhsNumber) -> str:
    """Return by what birth notices name a baby's mother: of another baby it is another."""
    return key.derive("mother named in a notice", baby.key, mother.key)


def exchanged(  # noqa: PLR0913 - what a record was and is, and by which rules
    number: NhsNumber,
    before: Known,
    after: Known,
    came: Iterable[Came],
    *,
    policy: AnyPolicy,
    key: IdentityKey,
    at: datetime,
    doubts: tuple[int, int] = (0, 0),
    closed: Collection[str] = (),
    anew: bool = False,
) -> Words:
    """
    Return what a person's mothers and babies are to be told, now that `after` is known.

    `came` is what led there, `at` when it was received: the clock of the partition. `doubts` are the person's
    own before and after; what came of visits that are `closed` ends no link (10). `anew`: the number was out
    of use, and whoever is linked is in doubt since (ADR 0051).
    """
    arrived = list(came)
    words: Words = []
    for baby in sorted(after.births):
        known = cover_of(number, before, baby, policy, at, doubt=doubts[0])
        told = anew or (known is not None and known.in_doubt)
        cover = cover_of(number, after, baby, policy, at, doubt=doubts[1], heard=told)
        if cover is not None and not _same(known, cover):
            words.append((baby, cover))
    if is_doubtful(doubts[0]) and not arrived:  # a link that is destroyed leaves nobody in doubt
        for baby in sorted(before.births.keys() - after.births):
            over = cover_of(number, before, baby, policy, at, doubt=doubts[0] + 1, heard=True)
            words += [] if over is None else [(baby, over)]
    words += _former_ones(number, arrived, at)
    heard = {one.fact.mother for one in arrived if isinstance(one.fact, Cover) and one.passage is None}
    for mother in mothers_in(after):
        was = before.covers.get(mother)
        then = [] if was is None else restated(number, mother, was, before, key)
        now = restated(number, mother, after.covers[mother], after, key)
        if was is None and mother in heard:  # she knows of this number, and need not be told
            then = [birth for birth in now if not birth.restricted]
        words += [(mother, birth) for birth in now if birth not in then]
    words += _links_settled(number, before, after, at, closed)
    said = {one.fact.number for one in arrived if isinstance(one.fact, LinkEnded)}
    gone = [mother for mother in mothers_in(before) if mother not in after.covers and mother not in said]
    return words + [(mother, ended(number, at)) for mother in gone]


def _links_settled(
    number: NhsNumber, before: Known, after: Known, at: datetime, closed: Collection[str]
) -> Iterator[tuple[NhsNumber, Birth]]:
    """
    Yield to mothers which of their births link the baby no more, and which do again (rulings 26, 43, 44).

    Her record goes on telling the baby of her plan; but what became of her pregnancy such a birth is not.
    """
    then, now = _standing(number, before, closed), _standing(number, after, closed)
    for (mother, birth), stands in now.items():
        if stands is not then.get((mother, birth), True):
            yield mother, replace(birth, void=not stands, settled_at=at, received_at=to_the_minute(at))


def _standing(
    number: NhsNumber, known: Known, closed: Collection[str]
) -> dict[tuple[NhsNumber, Birth], bool]:
    """Return of each birth as its mother knows it whether it links this baby."""
    if not known.covers:
        return {}
    open_visits = {visit: said for visit, said in known.visits.items() if visit not in closed}
    has_ended = ends(replace(known, visits=open_visits), elsewhere(open_visits, known.left))
    return {
        (mother, replace(birth, void=False)): not has_ended(birth)
        for mother, cover in known.covers.items()
        if mother is not None
        for birth in cover.births
        if birth.baby == number
    }


def parted(number: NhsNumber, before: Known, came: Iterable[Came], at: datetime, policy: AnyPolicy) -> Words:
    """
    Return what mothers and babies are told of a number that was taken out of use: to forget it (ruling 23).

    A baby stays covered by what it knows of the plan, and hears no more of it. One that no plan covers is in
    doubt: its mother's may be under another number by now (ADR 0051).
    """
    words: Words = [(mother, ended(number, at)) for mother in mothers_in(before)]
    for baby, births in sorted(before.births.items()):
        words.append((baby, ended(number, at, covered=True)))
        if cover_of(number, before, baby, policy, at) is None:
            words += [(baby, unknown(birth, at)) for birth in births.values() if not birth.void]
    return [*words, *answered(number, came, at, policy)]


def left(before: Person, came: Iterable[Came], at: datetime, policy: AnyPolicy) -> Words:
    """
    Return what is told of a number that its successor has taken over from, who says the rest (22).

    `before` is the person as they were. A successor without a plan says nothing: where the enquiry into the
    number's change alone was a doubt, the babies that no plan covers hear that it is over (38, ADR 0051).
    """
    number, known, arrived = before.number, before.known, list(came)
    heard = {
        one.fact.mother for one in arrived if isinstance(one.fact, Cover) and one.fact.mother is not None
    }
    words: Words = [(mother, ended(number, at)) for mother in sorted({*mothers_in(known), *heard})]
    notices = [one.fact for one in arrived if isinstance(one.fact, IdentityNotice)]
    enquiry = under_enquiry([*known.notices.values(), *notices])
    if is_doubtful(before.doubt) and not (enquiry or is_unfinished(before)):
        uncovered = (baby for baby in known.births if cover_of(number, known, baby, policy, at) is None)
        words += [(baby, ended(number, at)) for baby in sorted(uncovered)]
    return words


def answered(number: NhsNumber, came: Iterable[Came], at: datetime, policy: AnyPolicy) -> Words:
    """
    Return what those are told who have just named a number that is not in use (ruling 23).

    A baby is in doubt: nobody looks for a plan under its mother's number (41; ADR 0051).
    """
    words: Words = []
    for one in came:
        if isinstance(one.fact, Cover) and one.fact.mother is not None:
            words.append((one.fact.mother, ended(number, at)))
        elif isinstance(one.fact, Birth):
            words.append((one.fact.baby, ended(number, at, covered=True)))
            words.append((one.fact.baby, unknown(one.fact, at)))
        elif isinstance(one.fact, Merged):
            came_from = () if one.passage is None else one.passage.numbers
            for known_by in sorted({number, *came_from}):
                words += parted(known_by, one.fact.known, (), at, policy)
    return words


def unknown(birth: Birth, at: datetime) -> Cover:
    """
    Return that a plan may cover a baby of which nobody can say so, by what one birth says (ADR 0051).

    It names nobody: who the mother was is not to stand in the baby's record (ruling 23).
    """
    return Cover(
        mother=None,
        births=(nobodys(as_said(birth)),),
        plans=(),
        doubt=1,
        recorded_at=at,
        received_at=to_the_minute(at),
    )


def ended(number: NhsNumber, at: datetime, *, covered: bool = False) -> LinkEnded:
    """Return that a number is to be forgotten."""
    return LinkEnded(number=number, covered=covered, received_at=to_the_minute(at))


def cover_of(
    number: NhsNumber,
    known: Known,
    baby: NhsNumber,
    policy: AnyPolicy,
    at: datetime,
    *,
    doubt: int = 0,
    heard: bool = False,
) -> Cover | None:
    """
    Return what a mother's record says to a baby, None where no plan of hers could cover it.

    While she is in `doubt` a plan that nobody could take may be one that does. `heard`: the baby was told of
    a doubt, and hears that it is over.
    """
    births = known.births.get(baby, {})
    days = {birth.born for birth in births.values()}
    unborn = {content: said for content, said in known.plans.items() if content.plan_type is PlanType.UNBORN}
    keys = {content.key for content in unborn if any(_may_cover(content, day, policy) for day in days)}
    plans = [
        PlanFact(
            content=replace(content, details=type(content.details)(), restricted=False),
            recorded_at=said.recorded_at,
            received_at=received_at,
            file_id=said.file_id,
        )
        for content, history in unborn.items()
        if content.key in keys
        for said, received_at in history.items()
    ]
    if not (plans or is_doubtful(doubt) or heard):
        return None
    lost = [recorded(one) for one in known.notices.values() if one.kind is IdentityKind.PREGNANCY_ENDED]
    cover = Cover(
        mother=number,
        births=tuple(map(as_said, births.values())),
        plans=tuple(plans),
        losses=tuple(lost),
        restricted=mark_of(known),
        doubt=doubt,
        exclusions=told_to_babies(known),
        recorded_at=at,
        received_at=to_the_minute(at),
    )
    return joined(cover, cover)


def restated(
    number: NhsNumber, mother: NhsNumber, cover: Cover, known: Known, key: IdentityKey
) -> Sequence[Birth]:
    """
    Return what a baby's record says of its birth to a mother's.

    She may know it by a former number of the baby's, or may not know that its record is restricted.
    """
    marked = mark_of(known) is not None
    said = []
    for birth in (one for one in cover.births if not one.void):
        now = replace(birth, baby=number, restricted=birth.restricted or marked)
        now = replace(now, birth_id=birth_id(key, mother, now))
        said.append(now if now.birth_id != birth.birth_id else birth)
    return said


def _may_cover(content: PlanContent, born: date | None, policy: AnyPolicy) -> bool:
    """Whether somebody born on a day was born under a plan, by some policy; who knows when may have been."""
    if born is None:
        return True
    return content.start <= born and any(born <= last_visible_day(content, one) for one in policy.every)


def mothers_in(known: Known) -> list[NhsNumber]:
    """Return the numbers of the mothers in a baby's record."""
    return sorted(mother for mother in known.covers if mother is not None)


def _same(before: Cover | None, after: Cover) -> bool:
    """Whether a baby has been told already."""
    return before is not None and replace(before, recorded_at=after.recorded_at) == after


def _former_ones(
    number: NhsNumber, came: Iterable[Came], at: datetime
) -> Iterator[tuple[NhsNumber, LinkEnded]]:
    """Yield to the babies of a mother who came here from another number that they are to forget that one."""
    for one in came:
        if isinstance(one.fact, Merged) and one.passage is not None:
            for baby in sorted(one.fact.known.births):
                for former in sorted({*one.passage.numbers} - {number}):
                    yield baby, ended(former, at)
