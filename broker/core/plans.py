"""
Which plans count for a stay, in which version, and how they are told. Rulings 9, 10, 11, 12, 14, 15.

A stay is a span of whole days in Europe/London with a cut-off; a view outside any visit is one too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum

from broker.core.alerts import Mark, PlanState
from broker.core.facts import PlanContent, PlanKey, PlanType
from broker.core.identifiers import london_day
from broker.core.matching import Stated
from broker.core.person import Said
from broker.core.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One time an authority said a plan's content; `recorded_at` is never later than the receipt."""

    content: PlanContent
    recorded_at: datetime
    received_at: datetime
    file_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """When a person was somewhere: what a plan must overlap, and until when its record may arrive (10)."""

    arrived_at: datetime
    until: datetime
    cutoff: datetime


class NotDue(Enum):
    """Why a plan does not count for a stay."""

    NO_OVERLAP = "no version recorded by the cut-off overlaps the stay"
    REMOVED_BEFORE = "removed by the authority, recorded by the arrival"


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """
    A plan that counts for a stay.

    `shown` is the newest version recorded by the cut-off, `versions` all recorded by then; `said_at` and
    `received_at` are those of the first version that made the pair due.
    """

    shown: Version
    versions: tuple[Version, ...]
    state: PlanState
    live: bool
    said_at: datetime
    received_at: datetime
    removed_afterwards: bool

    def stated(self) -> tuple[Stated, ...]:
        """Return the registered details as the authority recorded them over time (ruling 20)."""
        return tuple(
            Stated(
                recorded_at=version.recorded_at,
                received_at=version.received_at,
                details=version.content.details,
                trusted=version.content.verified,
            )
            for version in self.versions
        )


def histories(plans: Mapping[PlanContent, Mapping[Said, datetime]]) -> dict[PlanKey, list[Version]]:
    """Return every plan's versions in the order of recording; at equal stamps the one that alerts is last."""
    found: dict[PlanKey, list[Version]] = {}
    for content, stamps in plans.items():
        for said, received_at in stamps.items():
            version = Version(
                content=content,
                recorded_at=min(said.recorded_at, received_at),
                received_at=received_at,
                file_id=said.file_id,
            )
            found.setdefault(content.key, []).append(version)
    for versions in found.values():
        versions.sort(key=_order)
    return found


def _order(version: Version) -> tuple[datetime, bool, date, bool, str, str]:
    """Order versions by stamp; between conflicting ones not deleted, then the later end, wins (ruling 37)."""
    content = version.content
    return (
        version.recorded_at,
        content.deleted is None,
        content.end or date.max,
        content.verified,
        version.file_id,
        repr((content.authority_name, content.phone_office, content.phone_emergency, content.child_id))
        + repr((content.details.family, content.details.given, content.details.birth_date, content.deleted)),
    )


def last_visible_day(content: PlanContent, policy: Policy) -> date:
    """Return the last day on which a plan is shown (ruling 9); `date.max` for one without an end (R2)."""
    if content.end is None:
        return date.max
    unborn = content.plan_type is PlanType.UNBORN
    return _plus(content.end, policy.unborn_visible if unborn else policy.visible_after_end)


def _plus(day: date, span: timedelta) -> date:
    """Return a day later, at most the last there is."""
    return day + span if day <= date.max - span else date.max


def due(versions: Sequence[Version], stay: Stay, policy: Policy) -> Due | NotDue:
    """
    Decide whether a plan counts for a stay (rulings 10, 14, 15).

    `versions` are one plan's, in order. The version in force at the arrival and every one recorded after
    it and by the cut-off are looked at; the newest of them is the one that is shown.
    """
    recorded = [version for version in versions if version.recorded_at <= stay.cutoff]
    before = [version for version in recorded if version.recorded_at <= stay.arrived_at]
    looked_at = before[-1:] + recorded[len(before) :]
    removed_before = bool(before) and before[-1].content.deleted is not None
    counting = _counting(looked_at, stay, policy, removed_before=removed_before)
    if not counting:
        return NotDue.REMOVED_BEFORE if removed_before else NotDue.NO_OVERLAP
    shown = looked_at[-1]
    later = [version for version in versions if version.recorded_at > stay.cutoff]
    heard = counting if removed_before else [v for v in recorded if _overlaps(v, stay, policy)]
    return Due(
        shown=shown,
        versions=tuple(recorded),
        state=_state(shown, stay, policy),
        live=counting[0] in before,
        said_at=counting[0].recorded_at,
        received_at=min(version.received_at for version in heard),
        removed_afterwards=shown.content.deleted is None
        and any(version.content.deleted is not None for version in later),
    )


def _counting(
    looked_at: Sequence[Version], stay: Stay, policy: Policy, *, removed_before: bool
) -> list[Version]:
    """Return the versions that make the pair due: overlapping, not removed already at the arrival (14)."""
    counting = []
    removed = removed_before
    for version in looked_at:
        deleted = version.content.deleted is not None
        removed = removed and deleted  # a removal recorded by the arrival, said again, is the same removal
        if not removed and _overlaps(version, stay, policy):
            counting.append(version)
    return counting


def _overlaps(version: Version, stay: Stay, policy: Policy) -> bool:
    """Whether the plan's visible days and the stay have a day in common (ruling 10)."""
    first, last = london_day(stay.arrived_at), london_day(stay.until)
    return version.content.start <= last and last_visible_day(version.content, policy) >= first


def _state(shown: Version, stay: Stay, policy: Policy) -> PlanState:
    """Return how the shown version stands to the stay (rulings 12, 14, 15)."""
    content = shown.content
    if content.deleted is not None:
        return PlanState.REMOVED
    if not _overlaps(shown, stay, policy):
        return PlanState.NO_LONGER_IN_FORCE
    if content.end is None or content.end >= london_day(stay.arrived_at):
        return PlanState.ACTIVE
    return PlanState.PAST_DUE_DATE if content.plan_type is PlanType.UNBORN else PlanState.ENDED


def delayed(received_at: datetime, *, first_recorded_at: datetime, left_at: datetime, policy: Policy) -> bool:
    """Whether the last fact that made the pair due came too late to page anybody for (ruling 11)."""
    return (
        received_at > first_recorded_at + policy.delayed_after
        and received_at > left_at + policy.delayed_after_departure
    )


def timing_marks(plan: Due, *, is_delayed: bool) -> tuple[Mark, ...]:
    """Return the marks of rulings 11 and 14."""
    marks = []
    if not plan.live:
        marks.append(Mark.RETROACTIVE)
    if is_delayed:
        marks.append(Mark.DELAYED)
    if plan.removed_afterwards:
        marks.append(Mark.REMOVED_AFTERWARDS)
    return tuple(marks)
