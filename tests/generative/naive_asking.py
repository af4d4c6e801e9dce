"""What authorities are asked again, and the outcome of a pregnancy, once more for the oracle (26, 43)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from broker.core.facts import Birth, Fact, IdentityNotice
from broker.core.identifiers import LONDON, OdsCode, london_day
from broker.core.policy import AnyPolicy, Policy
from tests.generative.naive_newborn import as_first_said, said_at
from tests.generative.naive_policy import has_stopped, in_force, of_authority
from tests.generative.naive_times import counted
from tests.generative.oracle import STOPPED, Oracle, Plan, Version

NO_OUTCOME = "ruling 43: no outcome of a pregnancy is awaited"
_REASONS = ("ruling 18: out of view when recorded", "ruling 43: pregnancy ended", STOPPED, NO_OUTCOME)
"""Of several plans' reasons the first here is told."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """What one authority is asked about plans past their due date; `lapsed` that one of them has."""

    owner: OdsCode
    plans: Sequence[Plan]
    asked_again: int
    open: bool
    lapsed: bool


def how_late(facts: Sequence[Fact]) -> datetime | None:
    """Return the latest time that a timer has said to have passed."""
    said = [
        counted(fact)
        for fact in facts
        if isinstance(fact, IdentityNotice) and fact.kind.value == "time passed"
    ]
    return max(said, default=None)


def how_often(first: datetime, late: datetime | None, owner: OdsCode, policy: Policy) -> int:
    """Return how many whole spans have passed since something was first asked."""
    every, count = of_authority(policy, "asked_again", owner), 0
    while late is not None and first + (count + 1) * every <= late:
        count += 1
    return count


def begins(day: date) -> datetime:
    """Return when a day begins in London."""
    return datetime.combine(day, time(), LONDON).astimezone(UTC)


def end_of(version: Version) -> date:
    """Return the due date of an unborn plan."""
    assert version.content.end is not None
    return version.content.end


def lapses(version: Version, policy: Policy) -> datetime:
    """Return when an unborn plan has lapsed."""
    return begins(end_of(version) + of_authority(policy, "outcome_lapses", version.content.authority))


def unborn_plans(oracle: Oracle) -> list[list[Version]]:
    """Return the versions of each unborn plan of the person's own."""
    found: dict[tuple[str, date], list[Version]] = {}
    for version in oracle.versions:
        if version.content.plan_type.value == "UCP":
            found.setdefault((version.content.authority.code, version.content.start), []).append(version)
    return list(found.values())


def may_be_asked(version: Version, at: datetime, policy: AnyPolicy) -> bool:
    """Whether a plan's outcome may be asked at a time: until it has lapsed for longer than L."""
    if version.content.deleted is not None:
        return False
    return any(at < lapses(version, one) + policy.lateness for one in policy.every)


def questions(oracle: Oracle) -> tuple[list[Question], str, Policy] | None:
    """Return what is asked, why nothing is, and by which policy; None where no timer has spoken of it."""
    late, unborn = how_late(oracle.facts), unborn_plans(oracle)
    if late is None or not unborn:
        return None
    past = [
        versions
        for versions in unborn
        if begins(end_of(versions[-1])) <= late and may_be_asked(versions[-1], late, oracle.policy)
    ]
    policy = in_force(oracle.policy, min(begins(end_of(one[-1])) for one in past or unborn))
    reasons = [_why_not(oracle, versions, policy) for versions in past]
    asked: dict[OdsCode, list[Plan]] = {}
    for versions, why_not in zip(past, reasons, strict=True):
        if why_not is None:
            plan = _as_told(versions)
            asked_at = max(begins(end_of(versions[-1])), min(late, lapses(versions[-1], policy)))
            owner = oracle.owner(plan, asked_at, policy)
            asked.setdefault(owner, []).append(plan)
    told = [
        Question(
            owner=owner,
            plans=plans,
            asked_again=max(
                how_often(begins(end_of(one.shown)), min(late, lapses(one.shown, policy)), owner, policy)
                for one in plans
            ),
            open=any(late < lapses(one.shown, policy) for one in plans),
            lapsed=any(late >= lapses(one.shown, policy) for one in plans),
        )
        for owner, plans in asked.items()
    ]
    return told, next((why for why in _REASONS if why in reasons), NO_OUTCOME), policy


def _why_not(oracle: Oracle, versions: Sequence[Version], policy: Policy) -> str | None:
    """Return why nothing is asked about one plan past its due date."""
    newest = versions[-1].content
    if any(london_day(at) >= newest.start for at in oracle.all_losses()):
        return "ruling 43: pregnancy ended"
    if any((birth.born or london_day(said_at(birth))) >= newest.start for birth in _linked(oracle.facts)):
        return NO_OUTCOME
    if all(london_day(one.recorded_at) > oracle.last_visible_day(one.content, policy) for one in versions):
        return "ruling 18: out of view when recorded"
    return STOPPED if has_stopped(policy, newest.authority, end_of(versions[-1])) else None


def _linked(facts: Sequence[Fact]) -> list[Birth]:
    """
    Return each birth as it was received first, but what links no more by the newest word of the baby's (26).

    At one time the word that it does stands.
    """
    births = [fact for fact in facts if isinstance(fact, Birth)]
    found = []
    for first in as_first_said(births):
        same = [birth for birth in births if birth.birth_id == first.birth_id]
        words = [(birth.settled_at, not birth.void) for birth in same if birth.settled_at is not None]
        if not words or max(words)[1]:
            found.append(first)
    return found


def _as_told(versions: Sequence[Version]) -> Plan:
    """Return a plan as it is told past its due date."""
    newest = versions[-1]
    return Plan(
        shown=newest,
        known=tuple(versions),
        state="past due date",
        live=True,
        said_at=versions[0].recorded_at,
        removed_afterwards=False,
        names=frozenset({(newest.content.authority.code, "UCP", newest.content.start)}),
    )


def outcome_to_come(oracle: Oracle, clock: datetime) -> bool:
    """Whether what answers an outcome that may be asked must be kept."""
    open_plans = [one[-1] for one in unborn_plans(oracle) if one[-1].content.deleted is None]
    said = how_late(oracle.facts) is not None
    return any(said or may_be_asked(one, clock, oracle.policy) for one in open_plans)


def old_words(facts: Sequence[Fact], before: datetime, *, asking: bool) -> list[Fact]:
    """Return the words of timers but the newest; that one too once it was said before L and nobody asks."""
    words = [f for f in facts if isinstance(f, IdentityNotice) and f.kind.value == "time passed"]
    late = how_late(facts)
    keeps = late is not None and (asking or late >= before)
    newest = max(words, key=lambda one: (counted(one), one.notice_id), default=None)
    return [one for one in words if not (keeps and one is newest)]
