"""
A baby whom the unborn child's plan of its mother covers, until it has a plan of its own. Ruling 26; R34, C19.

What another partition tells of the mother's plans is `Known.covers`. Which days and which plans then count is
decided here; that the number is the baby's, the link itself says: no details are compared.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from functools import partial
from typing import NamedTuple

from broker.core.alerts import Mark, Why
from broker.core.clock import as_recorded_within
from broker.core.counting import WHY_NOT_DUE
from broker.core.facts import (
    Birth,
    Cover,
    IdentityKind,
    IdentityNotice,
    PlanContent,
    PlanFact,
    PlanType,
    VisitMessage,
)
from broker.core.holding import TURNS_OF_A_DOUBT
from broker.core.identifiers import NhsNumber
from broker.core.leaving import Messages
from broker.core.matching import Match, Stated, match_over_time
from broker.core.message_times import stamp
from broker.core.person import Known, Said
from broker.core.plans import (
    Due,
    Newborn,
    NotDue,
    Stay,
    Version,
    due,
    histories,
    last_covered_day,
    last_visible_day,
    was_history,
)
from broker.core.policy import Policy
from broker.core.replacing import each_once, with_replacements

FORGOTTEN = "-"
"""By what a baby's record names a mother whose number went out of use: not who she is."""

Statement = tuple[str | None, datetime]
"""The visit that linked, None for a notice, and when that was recorded."""


def said_at(birth: Birth) -> datetime:
    """Return when a birth was recorded, as it counts (ruling 37)."""
    return as_recorded_within(birth.recorded_at, birth.received_at)


def mothers_named(messages: Iterable[VisitMessage]) -> frozenset[str] | None:
    """
    Return whom the messages of a visit name as the mother, by the newest that says so; None where none does.

    At equal stamps whoever one of them names is named: what alerts wins (ruling 37).
    """
    saying = [one for one in messages if one.mothers is not None or "mothers" in one.cleared]
    if not saying:
        return None
    newest = max(map(stamp, saying))
    return frozenset(name for one in saying if stamp(one) == newest for name in one.mothers or ())


class Corrected(NamedTuple):
    """Whom a correction of birth notices names as the mother, and when it was recorded, aware UTC."""

    mothers: frozenset[str]
    at: datetime


def mothers_in_notices(notices: Iterable[IdentityNotice]) -> Corrected | None:
    """
    Return the newest correction of a birth notice; None where none was corrected.

    One that was taken back names nobody; at equal stamps whoever one of them names is named (37).
    """
    said = [
        (as_recorded_within(one.recorded_at, one.received_at), one.mother)
        for one in notices
        if one.kind is IdentityKind.BORN_TO
    ]
    if not said:
        return None
    newest = max(at for at, _ in said)
    return Corrected(frozenset(name for at, name in said if at == newest and name is not None), newest)


def ends(known: Known, gone: Collection[str]) -> Callable[[Birth], bool]:
    """Return what tells whether a birth in a baby's record links no more; `gone`: visits elsewhere (44)."""
    return partial(
        has_ended,
        visits=known.visits,
        gone=gone,
        corrected=mothers_in_notices(known.notices.values()),
        forgotten=statements(known.covers.get(None)),
    )


def statement(birth: Birth) -> Statement:
    """Return by what a birth is known again, whoever the mother is of whom it is said."""
    return birth.visit, birth.recorded_at


def statements(cover: Cover | None) -> frozenset[Statement]:
    """Return by what births are known again that a mother's record says, whoever she is; no void one."""
    births = cover.births if cover else ()
    return frozenset(statement(birth) for birth in births if not birth.void)


def has_ended(
    birth: Birth,
    visits: Messages,
    gone: Collection[str],
    corrected: Corrected | None,
    forgotten: Collection[Statement] = (),
) -> bool:
    """
    Whether who said that a baby is the mother's says so no more (rulings 26, 37, 44).

    What a visit said that was recorded under the wrong person (`gone`) links nobody, nor does a visit whose
    newest word names another mother, nor a notice that was `corrected` since (`mothers_in_notices`). A notice
    as new as the correction stands: at equal stamps what alerts wins. A birth that was `forgotten` when her
    number went out of use, and is said again, is of whoever the messages named then (23).
    """
    if birth.void or birth.visit in gone:
        return True
    if birth.visit is not None:
        named = mothers_named(visits.get(birth.visit, {}).values())
    else:
        named = None if corrected is None or said_at(birth) >= corrected.at else corrected.mothers
    if named is None or birth.named is None or birth.named in named:
        return False
    return FORGOTTEN not in named or statement(birth) not in forgotten


def covering(covers: Mapping[NhsNumber | None, Cover], ended: Callable[[Birth], bool]) -> list[list[Version]]:
    """
    Return the versions of each unborn plan that is on file for a baby's mothers, each mother's by itself.

    A birth that has `ended` links nobody. What was kept of a mother whose number is in use again, her own
    record says better.
    """
    found: list[list[Version]] = []
    for cover in _each_by_its_mother(covers):
        births = tuple(birth for birth in cover.births if not ended(birth))
        newborn = Newborn(births=births, losses=cover.losses)
        said = histories(_as_known(cover.plans if births else ()))
        found += [[replace(version, newborn=newborn) for version in versions] for versions in said.values()]
    return found


def in_doubt(known: Known, ended: Callable[[Birth], bool]) -> bool:
    """
    Whether a plan may cover the person that a mother's record could not take (rulings 26, 41; ADR 0047).

    A birth that has `ended` links nobody. What is kept of a mother whose number was out of use is over once
    she has said so under it: of each link by herself (ADR 0051), or by all who were named in one breath.
    """
    covers = known.covers
    spoken: dict[Statement, set[str | None]] = {}
    for cover in covers.values():
        if cover.mother is not None and cover.doubt >= TURNS_OF_A_DOUBT:
            for birth in cover.births:
                spoken.setdefault(statement(birth), set()).add(birth.named)

    def is_over(birth: Birth, mother: NhsNumber | None) -> bool:
        """Whether a birth puts nobody in doubt any more, or never did."""
        if ended(birth) or mother is not None:
            return ended(birth)
        by, together = spoken.get(statement(birth), set()), _named_together(known, birth.visit)
        return bool(by - together) or bool(by and together <= by)

    return any(
        cover.in_doubt and not all(is_over(birth, cover.mother) for birth in cover.births)
        for cover in covers.values()
    )


def _named_together(known: Known, visit: str | None) -> frozenset[str]:
    """Return by what a message of a visit names several mothers: each of them says of herself alone."""
    said = (set(one.mothers or ()) for one in known.visits.get(visit or "", {}).values())
    return frozenset().union(*(names for names in said if len(names) > 1))


def _each_by_its_mother(covers: Mapping[NhsNumber | None, Cover]) -> Iterable[Cover]:
    """Return what covers a baby, without what nobody's says of plans that a mother's record says again."""
    nobodys = covers.get(None)
    if nobodys is None or len(covers) == 1:
        return covers.values()
    known = statements(nobodys)
    mothers = [cover for cover in covers.values() if cover.mother is not None]
    back = [cover for cover in mothers if not known.isdisjoint(statements(cover))]
    said = {replace(plan.content, child_id=None) for cover in back for plan in cover.plans}
    left = tuple(plan for plan in nobodys.plans if plan.content not in said)
    return [*mothers, replace(nobodys, plans=left)]


def _as_known(plans: Sequence[PlanFact]) -> dict[PlanContent, dict[Said, datetime]]:
    """Return plans as they are known of a person: each content with when it was said and first received."""
    known: dict[PlanContent, dict[Said, datetime]] = {}
    for plan in plans:
        history, said = known.setdefault(plan.content, {}), Said(plan.recorded_at, plan.file_id)
        history[said] = min(plan.received_at, history.get(said, plan.received_at))
    return known


def judged(plans: Sequence[Sequence[Version]], stay: Stay, policy: Policy) -> list[Due | NotDue]:
    """Return whether each plan counts for a stay, the person's own and those of a mother (10, 26)."""
    own = has_own_plan(plans, stay.cutoff, policy)
    return [
        due(versions, stay, policy)
        if versions[0].newborn is None
        else _judged(versions, versions[0].newborn, stay, policy, own=own)
        for versions in plans
    ]


def has_own_plan(plans: Sequence[Sequence[Version]], by: datetime, policy: Policy) -> bool:
    """Whether a baby has a plan of its own recorded by a time, neither removed nor history (ruling 26)."""
    for versions in plans:
        recorded = [version for version in versions if version.recorded_at <= by]
        if (
            recorded
            and recorded[0].newborn is None
            and recorded[0].content.plan_type is not PlanType.UNBORN
            and recorded[-1].content.deleted is None
            and not all(was_history(version, policy) for version in recorded)
        ):
            return True
    return False


def _judged(
    versions: Sequence[Version], newborn: Newborn, stay: Stay, policy: Policy, *, own: bool
) -> Due | NotDue:
    """Return whether an unborn plan counts for a stay of the baby."""
    heard = [birth for birth in newborn.births if said_at(birth) <= stay.cutoff]
    if not heard:
        return NotDue.LINKED_LATE
    days = _birthdays(heard, stay)
    last = max(last_visible_day(version.content, policy) for version in versions)
    under = [day for day in days if versions[0].content.start <= day <= last]
    if days and not under:
        return NotDue.NOT_BORN_UNDER
    if own:
        return NotDue.OWN_PLAN
    counts = replace(newborn, born=max(under, default=None))
    return due([replace(version, newborn=counts) for version in versions], with_losses(stay, newborn), policy)


def _birthdays(births: Sequence[Birth], stay: Stay) -> list[date]:
    """
    Return when the baby was born by the newest word of the demographic source, and by the newest of a link.

    Where the two disagree, the one by which a plan covers the baby counts (as in ruling 13).
    """
    said = [(said_at(birth), birth.born) for birth in births if birth.born is not None]
    newest = [max(said)[1]] if said else []
    return newest if stay.born_on is None else [*newest, stay.born_on]


def with_losses(stay: Stay, newborn: Newborn | None) -> Stay:
    """Return a stay as a mother's plan sees it: with the authority's word that her pregnancy ended (43)."""
    return stay if newborn is None else replace(stay, losses=(*stay.losses, *newborn.losses))


def counting(stay: Stay, plans: Sequence[Sequence[Version]], policy: Policy) -> tuple[list[Due], Why]:
    """Return the plans that count for a stay, and the reason to give when none does."""
    found = judged(plans, stay, policy)
    pairs = with_replacements(each_once([result for result in found if isinstance(result, Due)]), policy)
    reason = next((reason for reason in NotDue if reason in found), NotDue.NO_OVERLAP)
    return pairs, WHY_NOT_DUE[reason]


def match(visit: Sequence[Stated], plan: Due, *, by_hand: bool) -> Match | None:
    """
    Return how a visit's details match a plan (ruling 20); a newborn is known by the link alone (26).

    `by_hand`: a person has confirmed who it is (46).
    """
    if plan.newborn is not None:
        return Match(marks=())
    return match_over_time(visit, plan.stated(), by_hand=by_hand)


def timing_marks(plan: Due, *, is_delayed: bool) -> tuple[Mark, ...]:
    """Return the marks of rulings 11, 14 and 26; a newborn of whom nobody says when it was born has two."""
    marks = []
    if not plan.live:
        marks.append(Mark.RETROACTIVE)
    if is_delayed:
        marks.append(Mark.DELAYED)
    if plan.removed_afterwards:
        marks.append(Mark.REMOVED_AFTERWARDS)
    if plan.newborn is not None:
        marks.append(Mark.NEWBORN_OF)
        marks += [] if plan.newborn.born else [Mark.DETAILS_NOT_CONFIRMED]
    return tuple(marks)


def received_by(versions: Sequence[Version], by: datetime) -> list[Version]:
    """Return what had been received by a time of one plan; of a mother's none before the link was."""
    newborn = versions[0].newborn
    if newborn is not None:
        heard = tuple(birth for birth in newborn.births if birth.received_at <= by)
        newborn = replace(newborn, births=heard)
        versions = [replace(version, newborn=newborn) for version in versions] if heard else []
    return [version for version in versions if version.received_at <= by]


def was_received(version: Version, by: datetime) -> bool:
    """Whether a version had been received by a time, and of a mother's every link (rulings 11, 26)."""
    links = () if version.newborn is None else version.newborn.births
    return version.received_at <= by and all(birth.received_at <= by for birth in links)


def is_covered_on(versions: Sequence[Version], day: date, policy: Policy) -> bool:
    """Whether a plan of a mother may yet be shown with her baby on a day, by the newest that is known."""
    newest, newborn = versions[-1], versions[0].newborn
    births = () if newborn is None else newborn.births
    return newest.content.deleted is None and any(
        last_covered_day(replace(newest, newborn=Newborn(births=(), born=birth.born)), policy) >= day
        for birth in births
    )
