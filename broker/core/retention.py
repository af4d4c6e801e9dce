"""
What of a person's record may go, and when. Architecture section 2; ruling 10.

Everything is measured by the partition's clock, the highest receipt time seen in its inputs, so that a
replay forgets as the original did.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import groupby

from broker.core.facts import Access, Fact, IdentityKind, PlanContent, VisitMessage
from broker.core.identifiers import london_day
from broker.core.partition import Forwarding
from broker.core.person import Known, Person, Said, Told
from broker.core.plans import Version, born_on, cutoff, histories, last_visible_day, of_age
from broker.core.policy import AnyPolicy, Policy
from broker.core.reading import Visit, stamp
from broker.core.restriction import keeping_mark
from broker.core.succession import Merged
from broker.core.visits import read_visits

FORWARDING_KEPT = timedelta(days=2 * 365)
"""After its last use: by then every sender has the successor's number."""


def unused(forwarding: Forwarding, clock: datetime) -> bool:
    """Whether a forwarding record may go: nothing was sent on by it for two years (ruling 22)."""
    return clock - forwarding.last_used > FORWARDING_KEPT


def too_late(fact: Fact | Merged, person: Person) -> bool:
    """Whether a fact is about a visit or view that nothing may revise any more: noted in `cpis.late`."""
    match fact:
        case VisitMessage():
            return fact.visit in person.closed
        case Access():
            return fact.access_id in person.closed
        case _:
            return False


def settle(person: Person, clock: datetime, policy: AnyPolicy) -> Person | None:
    """
    Return the person without what is past revising, or None when nothing need be kept.

    A thread whose cut-off lies more than L behind the clock is closed: its messages go, its told row
    shrinks; so is a view. The record goes when no plan is visible or could become so, and every cut-off and
    every plan's newest record time lie more than L behind the clock; a child's plan can no longer once the
    18th birthday lies more than L behind it, too (ruling 13). The mark of a restricted record stays (24).
    """
    before = clock - policy.lateness
    closing = _closing(person, before, policy)
    gone = closing | person.closed
    visits = {ref: said for ref, said in person.known.visits.items() if ref not in gone}
    accesses = {
        access_id: access
        for access_id, access in person.known.accesses.items()
        if access_id not in gone and (visits or _view_cutoff(access, policy) >= before)
    }
    if not visits and not accesses and not _plan_to_come(person, clock, before, policy):
        return _protected(person)
    plans = _folded(person.known.plans, before)
    gone |= person.known.accesses.keys() - accesses.keys()
    known = keeping_mark(person.known, replace(person.known, plans=plans, visits=visits, accesses=accesses))
    if known == person.known:
        return person
    return replace(
        person,
        known=known,
        told={alert_id: _shrunk(told, gone) for alert_id, told in person.told.items()},
        items={item_id: item for item_id, item in person.items.items() if item.visit not in gone},
        entries={subject: digest for subject, digest in person.entries.items() if subject not in gone},
        closed=frozenset(gone),
    )


def _protected(person: Person) -> Person | None:
    """
    Return what is kept of somebody of whom nothing else need be, None for nothing.

    That the record is restricted, until the demographic source lifts it (ruling 24); who is excluded (48).
    """
    excluded = {
        notice_id: notice
        for notice_id, notice in person.known.notices.items()
        if notice.kind is IdentityKind.EXCLUDED
    }
    known = keeping_mark(person.known, Known(notices=excluded))
    if not known.notices:
        return None
    return person if known == person.known else Person(number=person.number, salt=person.salt, known=known)


def _view_cutoff(access: Access, policy: AnyPolicy) -> datetime:
    """Return until when a plan's record may be made and still count for a view (ruling 10)."""
    recorded_at = min(access.recorded_at, access.received_at)
    in_force = policy.at(access.accessed_at)
    return cutoff(newest_at=recorded_at, arrived_at=access.accessed_at, policy=in_force)


def _closing(person: Person, before: datetime, policy: AnyPolicy) -> frozenset[str]:
    """
    Return the visits to close: past their cut-off by L, and bound to no visit that is still open.

    Visits are counted in the alerts of those that follow within a week (ruling 8) and compared with their
    neighbours (ruling 16), so a chain of such visits closes together: nothing that is closed changes what
    stands of another.
    """
    open_visits = {ref: said for ref, said in person.known.visits.items() if ref not in person.closed}
    threads = read_visits(open_visits, policy)
    told_of = {reference for thread in threads for reference in thread.references}
    closing = {
        reference
        for chain in _chains(threads, policy)
        if all(thread.cutoff < before for thread in chain)
        for thread in chain
        for reference in thread.references
    }
    silent = {
        reference
        for reference, messages in open_visits.items()
        if reference not in told_of and all(stamp(message)[0] < before for message in messages.values())
    }
    return frozenset(closing | silent)


def _chains(threads: Sequence[Visit], policy: AnyPolicy) -> list[list[Visit]]:
    """Return threads, which come by arrival, in chains of those that may bear on each other."""
    bound = max(span for one in policy.every for span in (one.reattendance, one.same_visit))
    chains: list[list[Visit]] = []
    for thread in threads:
        if chains and thread.arrived_at - chains[-1][-1].arrived_at <= bound:
            chains[-1].append(thread)
        else:
            chains.append([thread])
    return chains


def _plan_to_come(person: Person, clock: datetime, before: datetime, policy: AnyPolicy) -> bool:
    """Whether a plan is visible, may become so, or was recorded so lately that a late fact may change it."""
    if any(notice.recorded_at >= before for notice in person.known.notices.values()):
        return True
    births = born_on(person.known.notices.values(), clock)
    today, long_ago = london_day(clock), london_day(before)
    return any(
        versions[-1].recorded_at >= before
        or (
            versions[-1].content.deleted is None
            and any(_may_show(versions, today, long_ago, one, births) for one in policy.every)
        )
        for versions in histories(person.known.plans).values()
    )


def _may_show(
    versions: Sequence[Version], today: date, long_ago: date, policy: Policy, born: date | None
) -> bool:
    """Whether a plan is visible today or later, of somebody who is not of age or became so lately."""
    visible = last_visible_day(versions[-1].content, policy) >= today
    return visible and not of_age(versions, long_ago, policy, born_on=born)


def _folded(
    plans: Mapping[PlanContent, Mapping[Said, datetime]], before: datetime
) -> Mapping[PlanContent, Mapping[Said, datetime]]:
    """
    Keep, of each run of equal content recorded before L, the first and the last time it was said.

    The first keeps the earliest receipt of the run: since then the content was known.
    """
    folded: dict[PlanContent, dict[Said, datetime]] = {}
    for versions in histories(plans).values():
        old = [version for version in versions if version.recorded_at < before]
        for content, group in groupby(old, key=lambda version: version.content):
            run = list(group)
            stamps = folded.setdefault(content, {})
            for version in (run[0], run[-1]):
                stamps[version.said] = version.received_at
            stamps[run[0].said] = min(version.received_at for version in run)
        for version in versions[len(old) :]:
            folded.setdefault(version.content, {})[version.said] = version.received_at
    return folded


def _shrunk(told: Told, gone: frozenset[str]) -> Told:
    """Return a told row without its content when its visit or view is closed."""
    return replace(told, alert=None) if told.alert is not None and told.alert.subject in gone else told
