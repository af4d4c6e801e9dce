"""
Which plans count for a stay, in which version, and how they are told. Rulings 9 to 15, 18, 43.

A stay is a span of whole days in Europe/London with a cut-off; a view outside any visit is one too.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum
from functools import cached_property

from broker.core.alerts import PlanState
from broker.core.birthdays import birthday
from broker.core.clock import as_recorded, later
from broker.core.facts import Birth, PlanContent, PlanKey, PlanType
from broker.core.identifiers import OdsCode, london_day
from broker.core.matching import Stated
from broker.core.person import Said
from broker.core.policy import Policy
from broker.core.stops import stopped


@dataclass(frozen=True, slots=True, kw_only=True)
class Newborn:
    """
    Why an unborn child's plan is on file for the baby itself (ruling 26): who said that the baby is the
    mother's, and when the pregnancy was said to have ended. `born` is the day of birth as it counts for one
    stay, None where nothing says when.
    """

    births: tuple[Birth, ...]
    losses: tuple[datetime, ...] = ()
    born: date | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """
    One time an authority said a plan's content; `recorded_at` is as it counts (ruling 37).

    `newborn` goes with a plan that is on file for the person's mother, None with one of the person's own.
    """

    content: PlanContent
    said: Said
    recorded_at: datetime
    received_at: datetime
    newborn: Newborn | None = None


@dataclass(frozen=True, kw_only=True)
class Stay:
    """
    When a person was somewhere: what a plan must overlap, and until when its record may arrive (10).

    `born_on` is the newest date of birth that the demographic source had recorded by the cut-off (13);
    `losses` are the times at which a pregnancy was recorded to have ended (43).
    """

    arrived_at: datetime
    until: datetime
    cutoff: datetime
    born_on: date | None = field(default=None, repr=False)
    losses: tuple[datetime, ...] = ()

    @cached_property
    def first_day(self) -> date:
        """The day of arrival, Europe/London."""
        return london_day(self.arrived_at)

    @cached_property
    def last_day(self) -> date:
        """The last day of the stay, Europe/London."""
        return london_day(self.until)


def cutoff(*, newest_at: datetime, arrived_at: datetime, policy: Policy) -> datetime:
    """
    Return c of ruling 10: until when a plan's record may be made and still count.

    The later of n, the newest record time, and the earlier of n + W and arrival + W + 7 days.
    """
    waits = later(newest_at, policy.plan_wait), later(arrived_at, policy.plan_wait_after_arrival)
    return max(newest_at, min(waits))


class NotDue(Enum):
    """Why a plan does not count for a stay; of several plans' reasons the first here is the one to tell."""

    SHARING_STOPPED = "its authority had stopped sharing on the day of arrival"
    PREGNANCY_ENDED = "the pregnancy was recorded to have ended by the arrival"
    OF_AGE = "the arrival was on or after the 18th birthday"
    HISTORY = "out of view on the day of its record, every time it was recorded"
    REMOVED_BEFORE = "removed by the authority, recorded by the arrival"
    OWN_PLAN = "the baby has a plan of its own, recorded by the cut-off"
    NOT_BORN_UNDER = "the baby was born before the unborn plan's first day, or after its last visible day"
    LINKED_LATE = "the baby was linked with its mother after the cut-off"
    NO_OVERLAP = "no version recorded by the cut-off overlaps the stay"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanName:
    """Which plan counts for a person; one of the person's own and one of a mother's may have the same key."""

    key: PlanKey
    of_mother: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """
    A plan that counts for a stay.

    `shown` is the newest version recorded by the cut-off, `versions` all recorded by then; `said_at` is when
    the first version that made the pair due was recorded. `replaced` names the plans it took over from.
    """

    shown: Version
    versions: tuple[Version, ...]
    state: PlanState
    live: bool
    said_at: datetime
    removed_afterwards: bool
    replaced: tuple[PlanName, ...] = ()

    @property
    def newborn(self) -> Newborn | None:
        """Why the plan is on file for its mother's baby, None for one of the person's own (ruling 26)."""
        return self.shown.newborn

    @property
    def name(self) -> PlanName:
        """Which plan it is."""
        return PlanName(key=self.shown.content.key, of_mother=self.newborn is not None)

    @property
    def names(self) -> tuple[PlanName, ...]:
        """The plan, and those it took over from."""
        return (self.name, *self.replaced)

    def stated(self) -> tuple[Stated, ...]:
        """Return the registered details as the authority recorded them over time (ruling 20)."""
        return registered(self.versions)


def registered(versions: Sequence[Version]) -> tuple[Stated, ...]:
    """
    Return the registered details of a plan's versions as the authority recorded them over time (ruling 20).

    A plan that R12 verified at any record time is trusted: only one never verified gets no allowance.
    """
    verified = any(version.content.verified for version in versions)
    return tuple(
        Stated(recorded_at=version.recorded_at, details=version.content.details, trusted=verified)
        for version in versions
    )


def newest_record(due: Iterable[Due]) -> Version:
    """Return an authority's newest record of a child among its plans: what it calls it goes by that."""
    shown = [plan.shown for plan in due]
    return max(shown, key=lambda one: (one.recorded_at, one.content.child_id or "", one.said.file_id))


def histories(plans: Mapping[PlanContent, Mapping[Said, datetime]]) -> dict[PlanKey, list[Version]]:
    """Return every plan's versions in the order of recording; at equal stamps the one that alerts is last."""
    found: dict[PlanKey, list[Version]] = {}
    for content, stamps in plans.items():
        for said, received_at in stamps.items():
            version = Version(
                content=content,
                said=said,
                recorded_at=as_recorded(said.recorded_at, received_at),
                received_at=received_at,
            )
            found.setdefault(content.key, []).append(version)
    for versions in found.values():
        versions.sort(key=recording_order)
    return found


def recording_order(version: Version) -> tuple[datetime, bool, date, bool, str, str]:
    """Order versions by stamp; between conflicting ones not deleted, then the later end, wins (ruling 37)."""
    content = version.content
    return (
        version.recorded_at,
        content.deleted is None,
        content.end or date.max,
        content.verified,
        version.said.file_id,
        repr((content.authority_name, content.phone_office, content.phone_emergency, content.child_id))
        + repr((content.details.family, content.details.given, content.details.birth_date, content.deleted)),
    )


def contact_order(version: Version) -> tuple[datetime, str, date, str, str, str]:
    """Order versions of one authority by their record; then by type, start and what is told (19)."""
    content = version.content
    names = content.authority_name, content.phone_emergency, content.phone_office or ""
    return version.recorded_at, content.plan_type, content.start, *names


def last_visible_day(content: PlanContent, policy: Policy) -> date:
    """Return the last day on which a plan is shown (ruling 9); `date.max` for one without an end (R2)."""
    if content.end is None:
        return date.max
    settled = policy.authority(content.authority)
    unborn = content.plan_type is PlanType.UNBORN
    return later(content.end, settled.unborn_visible if unborn else settled.visible_after_end)


def last_covered_day(version: Version, policy: Policy) -> date:
    """
    Return the last day on which a version is shown, for a newborn that it covers too (rulings 9, 26).

    The later of its last visible day and 28 days after birth; `date.min` for a baby that was not born from
    its first to its last visible day.
    """
    content, last = version.content, last_visible_day(version.content, policy)
    if version.newborn is None or version.newborn.born is None:
        return last
    born = version.newborn.born
    if not content.start <= born <= last:
        return date.min
    return max(last, later(born, policy.authority(content.authority).newborn_covered))


def was_history(version: Version, policy: Policy) -> bool:
    """Whether a version was out of view already on the day of its own record (ruling 18)."""
    return last_visible_day(version.content, policy) < london_day(version.recorded_at)


def of_age(versions: Sequence[Version], day: date, policy: Policy, *, born_on: date | None) -> bool:
    """
    Whether the child of a plan has had the 18th birthday by a day in Europe/London (ruling 13).

    `born_on` is what the demographic source says, beside it stands the newest the authority recorded in
    `versions`; where one of the two says under age, or neither is known, nobody is of age. Never for a
    woman carrying an unborn child.
    """
    at = of_age_on(versions, policy, born_on=born_on)
    return at is not None and at <= day


def of_age_on(versions: Sequence[Version], policy: Policy, *, born_on: date | None) -> date | None:
    """Return the first day of which `of_age` says so, None where there is none."""
    if versions[-1].content.plan_type is PlanType.UNBORN:
        return None
    births = [birth for birth in (born_on, _registered_birth(versions)) if birth is not None]
    return max((birthday(birth, policy.age_of_majority) for birth in births), default=None)


def _pregnancy_ended(content: PlanContent, stay: Stay) -> bool:
    """Whether the pregnancy of an unborn plan ended, on or after its first day, before the arrival (43)."""
    return content.plan_type is PlanType.UNBORN and bool(losses_before(content, stay))


def losses_before(content: PlanContent, stay: Stay) -> list[datetime]:
    """Return when a pregnancy was recorded to have ended, on or after a plan's first day, by an arrival."""
    return [
        lost_at
        for lost_at in stay.losses
        if lost_at <= stay.arrived_at and content.start <= london_day(lost_at)
    ]


def _registered_birth(versions: Sequence[Version]) -> date | None:
    """Return the date of birth the authority recorded last; at equal stamps the later day alerts (37)."""
    births = [
        (version.recorded_at, version.content.details.birth_date)
        for version in versions
        if version.content.details.birth_date is not None
    ]
    return max(births)[1] if births else None


def due(versions: Sequence[Version], stay: Stay, policy: Policy) -> Due | NotDue:
    """
    Decide whether a plan counts for a stay (rulings 10, 13, 14, 15, 18, 43, 45).

    `versions` are one plan's, in order. The version in force at the arrival and every one recorded after
    it and by the cut-off are looked at; the newest of them is the one that is shown.
    """
    recorded, before, looked_at = considered(versions, stay)
    removed_before = bool(before) and before[-1].content.deleted is not None
    counting = _counting(looked_at, stay, policy, removed_before=removed_before)
    if not counting:
        return NotDue.REMOVED_BEFORE if removed_before else NotDue.NO_OVERLAP
    if all(was_history(version, policy) for version in recorded):
        return NotDue.HISTORY
    if _pregnancy_ended(looked_at[-1].content, stay):
        return NotDue.PREGNANCY_ENDED
    if of_age(recorded, stay.first_day, policy, born_on=stay.born_on):
        return NotDue.OF_AGE
    shown = looked_at[-1]
    if policy.stops and unshared(shown.content.authority, policy, stay.first_day):
        return NotDue.SHARING_STOPPED
    newest = versions[-1]
    return Due(
        shown=shown,
        versions=tuple(recorded),
        state=_state(shown, stay, policy),
        live=counting[0] in before,
        said_at=counting[0].recorded_at,
        removed_afterwards=shown.content.deleted is None and newest.content.deleted is not None,
    )


def considered(versions: Sequence[Version], stay: Stay) -> tuple[list[Version], list[Version], list[Version]]:
    """
    Return the versions of a plan recorded by the cut-off, those of them recorded by the arrival, and those
    looked at: the newest at the arrival and every one after it (ruling 10).
    """
    recorded = [version for version in versions if version.recorded_at <= stay.cutoff]
    before = [version for version in recorded if version.recorded_at <= stay.arrived_at]
    return recorded, before, before[-1:] + recorded[len(before) :]


def unshared(authority: OdsCode, policy: Policy, day: date) -> bool:
    """Whether an authority, or one that succeeds it at some time, has stopped sharing on a day (19, 45)."""
    seen: set[OdsCode] = set()
    while authority not in seen:
        if stopped(policy.stops, authority, day):
            return True
        seen.add(authority)
        successor = policy.successors.get(authority)
        authority = authority if successor is None else successor.code
    return False


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
    return has_begun(version.content, stay) and last_covered_day(version, policy) >= stay.first_day


def has_begun(content: PlanContent, stay: Stay) -> bool:
    """Whether a plan begins before the stay is over (ruling 10)."""
    return content.start <= stay.last_day


def _state(shown: Version, stay: Stay, policy: Policy) -> PlanState:
    """Return how the shown version stands to the stay (rulings 12, 14, 15)."""
    content = shown.content
    if content.deleted is not None:
        return PlanState.REMOVED
    if not _overlaps(shown, stay, policy):
        return PlanState.NO_LONGER_IN_FORCE
    if content.end is None or content.end >= stay.first_day:
        return PlanState.ACTIVE
    return PlanState.PAST_DUE_DATE if content.plan_type is PlanType.UNBORN else PlanState.ENDED


def delayed_from(*, first_recorded_at: datetime, left_at: datetime, policy: Policy) -> datetime:
    """Return until when what makes a pair due may be received without being delayed (ruling 11)."""
    return max(later(first_recorded_at, policy.delayed_after), later(left_at, policy.delayed_after_departure))
