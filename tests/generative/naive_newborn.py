"""Ruling 26 once more, for the oracle: by which plans of a mother's a baby is covered, and until when."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from broker.core.facts import Birth, Cover, IdentityNotice, PlanContent, PlanFact, VisitMessage
from broker.core.identifiers import NhsNumber
from broker.core.policy import AnyPolicy, Policy
from tests.generative.naive_policy import of_authority
from tests.generative.naive_thread import stamp
from tests.generative.naive_times import counted, within_its_minute


@dataclass(frozen=True, kw_only=True)
class Covered:
    """One unborn plan that is on file for the baby: each time it was said, who links, and what ended it."""

    said: Sequence[PlanFact]
    births: Sequence[Birth]
    losses: Sequence[datetime]


Statement = tuple[str | None, datetime]
"""The visit that linked, and when it said so."""


def forgotten(covers: Iterable[Cover]) -> set[Statement]:
    """Return what is kept of links with mothers whose number was out of use (23)."""
    nobodys = [birth for one in covers if one.mother is None for birth in one.births]
    return {(birth.visit, birth.recorded_at) for birth in nobodys if not birth.void}


def said_again(covers: Iterable[Cover]) -> list[PlanContent]:
    """Return what a mother says of her plans whose number is in use again: she has a link once forgotten."""
    mothers = list(covers)
    known = forgotten(mothers)
    back = {
        one.mother
        for one in mothers
        if one.mother is not None and any((birth.visit, birth.recorded_at) in known for birth in one.births)
    }
    return [
        replace(plan.content, child_id=None) for one in mothers if one.mother in back for plan in one.plans
    ]


def named_another(birth: Birth, messages: Iterable[VisitMessage], known: Collection[Statement]) -> bool:
    """
    Whether the newest message of a visit that names a mother names another; of equal ones all do (37).

    `-` is one whose number was out of use: who has a link that was kept so, `known`, may be that one (23).
    """
    saying = [
        (stamp(one), one.mothers or ())
        for one in messages
        if one.visit == birth.visit and (one.mothers is not None or "mothers" in one.cleared)
    ]
    newest = [names for at, names in saying if at == max(saying)[0]]
    if (birth.visit, birth.recorded_at) in known and any("-" in names for names in newest):
        return False
    return bool(newest) and birth.named is not None and all(birth.named not in names for names in newest)


def corrected(birth: Birth, notices: Iterable[IdentityNotice], known: Collection[Statement]) -> bool:
    """
    Whether a newer correction of birth notices names another, or nobody; of equal newest all (26, 37).

    `-` is as in a visit's messages (23).
    """
    said = [(within_its_minute(one), one.mother) for one in notices if one.kind.value == "born to"]
    newest = [name for at, name in said if at == max(at for at, _ in said)]
    by_notice = birth.visit is None and birth.named is not None
    is_older = any(said_at(birth) < at for at, _ in said)
    may_be_her = "-" in newest and (birth.visit, birth.recorded_at) in known
    return by_notice and is_older and birth.named not in newest and not may_be_her


def covered(
    covers: Iterable[Cover], ended: Callable[[Birth], bool], again: Sequence[PlanContent] = ()
) -> list[Covered]:
    """
    Return each mother's plans that may cover a baby; a link that has ended is none.

    Of what is nobody's without what is said `again` under her own number.
    """
    mothers = list(covers)
    found: list[Covered] = []
    for mother in {cover.mother for cover in mothers}:
        own = [cover for cover in mothers if cover.mother == mother]
        births = [birth for cover in own for birth in cover.births if not ended(birth)]
        losses = [lost for cover in own for lost in cover.losses]
        said = [
            plan
            for cover in own
            for plan in cover.plans
            if births and not (mother is None and plan.content in again)
        ]
        for name in sorted({(plan.content.authority.code, plan.content.start) for plan in said}):
            plans = [plan for plan in said if (plan.content.authority.code, plan.content.start) == name]
            found.append(Covered(said=plans, births=births, losses=losses))
    return found


def in_doubt(
    covers: Iterable[Cover], ended: Callable[[Birth], bool], messages: Sequence[VisitMessage]
) -> bool:
    """
    Whether a plan of a mother's that nobody could take may cover the baby that is linked (26, 41).

    Of mothers whose numbers were out of use no link counts that one says herself, who has told of two turns;
    where one message names several it is not known which of them that was, unless all have, or one whom
    none of those names.
    """
    said = list(covers)
    turned = {mother for mother, words in turns(said).items() if mother is not None and max(words) > 1}
    own_words = [birth for one in said if one.mother in turned for birth in one.births]
    return any(
        cover.mother == mother
        and not ended(birth)
        and not (mother is None and _is_over(birth, own_words, messages))
        for mother in doubtful(said)
        for cover in said
        for birth in cover.births
    )


def _is_over(birth: Birth, own_words: Iterable[Birth], messages: Iterable[VisitMessage]) -> bool:
    """Whether the mother of a link that is nobody's has said it herself."""
    words = [one for one in own_words if (one.visit, one.recorded_at) == (birth.visit, birth.recorded_at)]
    open_names = []
    for message in messages:
        names = message.mothers or ()
        if message.visit == birth.visit and len(names) > 1:
            open_names += list(names)
    if any(one.named not in open_names for one in words):
        return True
    return bool(words) and all(any(one.named == name for one in words) for name in open_names)


def doubtful(covers: Iterable[Cover]) -> set[NhsNumber | None]:
    """
    Return the mothers of whom something waits, or could not be taken (41).

    Their newest word says so, the one of the most turns where several are as new; of those whose numbers are
    not in use any word that did.
    """
    return {mother for mother, words in turns(covers).items() if any(word % 2 for word in words)}


def turns(covers: Iterable[Cover]) -> dict[NhsNumber | None, list[int]]:
    """Return how often each mother came into doubt and out of it, by her newest word; nobody's by each."""
    said = list(covers)
    found: dict[NhsNumber | None, list[int]] = {}
    for mother in {cover.mother for cover in said}:
        own = [cover for cover in said if cover.mother == mother]
        newest = max((cover.recorded_at, cover.doubt) for cover in own)[1]
        found[mother] = [cover.doubt for cover in own] if mother is None else [newest]
    return found


def heard_by(cover: Cover, moment: datetime) -> tuple[tuple[Birth, ...], tuple[PlanFact, ...]]:
    """Return what of a cover had been received by a moment: births, and plans."""
    return (
        tuple(birth for birth in cover.births if birth.received_at <= moment),
        tuple(plan for plan in cover.plans if plan.received_at <= moment),
    )


def said_at(birth: Birth) -> datetime:
    """Return when a birth was recorded (37)."""
    return within_its_minute(birth)


def as_first_said(births: Iterable[Birth]) -> list[Birth]:
    """Return each birth once, as it was received first, whatever the baby's record says of it since."""
    first: dict[str, Birth] = {}
    for birth in sorted(births, key=lambda one: one.received_at):
        first.setdefault(birth.birth_id, birth)
    return list(first.values())


def is_linked(one: Covered, cutoff: datetime) -> bool:
    """Whether somebody had said by a cut-off that the baby is the mother's."""
    return any(said_at(birth) <= cutoff for birth in one.births)


def birthdays(one: Covered, by_source: date | None, cutoff: datetime) -> set[date]:
    """Return when the baby was born, by the newest of a link and by the demographic source."""
    by_link = [
        (said_at(birth), birth.born) for birth in one.births if said_at(birth) <= cutoff and birth.born
    ]
    return ({max(by_link)[1]} if by_link else set()) | ({by_source} if by_source else set())


def last_visible(content: PlanContent, policy: Policy) -> date:
    """Return the due date plus 28 days, or what is settled for its authority (9)."""
    assert content.end is not None
    visible: timedelta = of_authority(policy, "unborn_visible", content.authority)
    return content.end + visible


def born_under(one: Covered, days: Collection[date], policy: Policy) -> list[date]:
    """Return the dates of birth from the plan's first day to its last visible day."""
    last = max(last_visible(plan.content, policy) for plan in one.said)
    return [day for day in days if one.said[0].content.start <= day <= last]


def last_day(content: PlanContent, born: date | None, policy: Policy) -> date:
    """Return until when a version covers: last visible day, or 28 days after birth if that is later (26)."""
    last = last_visible(content, policy)
    if born is None:
        return last
    if not content.start <= born <= last:
        return date.min
    after: timedelta = of_authority(policy, "newborn_covered", content.authority)
    return max(last, born + after)


def may_show(said: Sequence[PlanFact], births: Iterable[Birth], day: date, policy: AnyPolicy) -> bool:
    """Whether a plan, by the newest that was said of it, may be shown with the baby on a day or later."""
    newest = max(said, key=lambda plan: (counted(plan), _what_alerts(plan)))
    return newest.content.deleted is None and any(
        last_day(newest.content, birth.born, one) >= day for birth in births for one in policy.every
    )


def _what_alerts(plan: PlanFact) -> tuple[object, ...]:
    """Order what was said at one stamp: what alerts is the newest (37)."""
    content = plan.content
    return content.deleted is None, content.end, content.verified, plan.file_id
