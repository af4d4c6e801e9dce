"""
What of a person's record may go, and when. Architecture section 2; ruling 10.

Everything is measured by the partition's clock, the highest receipt time seen in its inputs, so that a
replay forgets as the original did.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from broker.core.facts import Fact, PlanContent, VisitMessage
from broker.core.identifiers import london_day
from broker.core.person import Person, Said, Told
from broker.core.plans import histories, last_visible_day
from broker.core.policy import Policy
from broker.core.visits import read_visits, stamp


def too_late(fact: Fact, person: Person) -> bool:
    """Whether a fact belongs to a visit that no late fact may revise any more; it is noted in `cpis.late`."""
    return isinstance(fact, VisitMessage) and fact.visit in person.closed


def settle(person: Person, clock: datetime, policy: Policy) -> Person | None:
    """
    Return the person without what is past revising, or None when nothing need be kept.

    A thread whose cut-off lies more than L behind the clock is closed: its messages go, its told row
    shrinks. The record goes when no plan is visible or could become so, and every cut-off and every
    plan's newest record time lie more than L behind the clock.
    """
    before = clock - policy.lateness
    closing = _closing(person, before, policy)
    visits = {ref: said for ref, said in person.known.visits.items() if ref not in closing}
    accesses = {
        access_id: access
        for access_id, access in person.known.accesses.items()
        if visits or max(access.recorded_at, access.accessed_at + policy.plan_wait) >= before
    }
    if not visits and not accesses and not _plan_to_come(person, clock, before, policy):
        return None
    plans = _folded(person.known.plans, before)
    gone = closing | (person.known.accesses.keys() - accesses.keys())
    if not gone and plans == person.known.plans:
        return person
    return replace(
        person,
        known=replace(person.known, plans=plans, visits=visits, accesses=accesses),
        told={alert_id: _shrunk(told, gone) for alert_id, told in person.told.items()},
        items={item_id: item for item_id, item in person.items.items() if item.visit not in gone},
        entries={subject: digest for subject, digest in person.entries.items() if subject not in gone},
        closed=person.closed | closing,
    )


def _closing(person: Person, before: datetime, policy: Policy) -> frozenset[str]:
    """
    Return the visits to close: past their cut-off by L, and near no visit that is still open.

    Visits within a week of each other are counted in each other's alerts (ruling 8), so they close together.
    """
    threads = read_visits(person.known.visits, policy)
    told_of = {reference for thread in threads for reference in thread.references}
    still_open = [thread.arrived_at for thread in threads if thread.cutoff >= before]
    closing = {
        reference
        for thread in threads
        if all(abs(thread.arrived_at - other) > policy.reattendance for other in still_open)
        for reference in thread.references
    }
    silent = {
        reference
        for reference, messages in person.known.visits.items()
        if reference not in told_of and all(stamp(message)[0] < before for message in messages.values())
    }
    return frozenset(closing | silent)


def _plan_to_come(person: Person, clock: datetime, before: datetime, policy: Policy) -> bool:
    """Whether a plan is visible, may become so, or was recorded so lately that a late fact may change it."""
    if any(notice.recorded_at >= before for notice in person.known.notices.values()):
        return True
    newest = [versions[-1] for versions in histories(person.known.plans).values()]
    return any(
        version.recorded_at >= before
        or (
            version.content.deleted is None and last_visible_day(version.content, policy) >= london_day(clock)
        )
        for version in newest
    )


def _folded(
    plans: Mapping[PlanContent, Mapping[Said, datetime]], before: datetime
) -> Mapping[PlanContent, Mapping[Said, datetime]]:
    """Keep, of each run of equal content recorded before L, the first and the last time it was said."""
    dropped: set[tuple[PlanContent, datetime, str]] = set()
    for versions in histories(plans).values():
        old = [version for version in versions if version.recorded_at < before]
        for earlier, middle, later in zip(old, old[1:], old[2:], strict=False):
            if earlier.content == middle.content == later.content:
                dropped.add((middle.content, middle.recorded_at, middle.file_id))
    if not dropped:
        return plans
    return {
        content: {
            said: received_at
            for said, received_at in stamps.items()
            if (content, min(said.recorded_at, received_at), said.file_id) not in dropped
        }
        for content, stamps in plans.items()
    }


def _shrunk(told: Told, gone: frozenset[str]) -> Told:
    """Return a told row without its content when its visit or view is closed."""
    return replace(told, alert=None) if told.alert is not None and told.alert.subject in gone else told
