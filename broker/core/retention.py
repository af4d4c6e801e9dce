"""
What of a person's record may go, and when. Architecture section 2; ruling 10.

Everything is measured by the partition's clock, the highest receipt time seen in its inputs, so that a
replay forgets as the original did.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import accumulate, groupby

from broker.core.alerts import ASKED, TAKEN_BACK
from broker.core.asking_again import reached
from broker.core.birthdays import born_on
from broker.core.clock import as_recorded, earlier
from broker.core.effects import open_part
from broker.core.excluded import inherited, lasting
from broker.core.facts import (
    Access,
    IdentityKind,
    PlanContent,
    PlanType,
)
from broker.core.history import past_of
from broker.core.holding import is_unfinished, with_doubt
from broker.core.identifiers import london_day
from broker.core.identity_words import was_refused
from broker.core.leaving import staying
from broker.core.message_times import stamp
from broker.core.newborn_retention import covers_may_show, covers_recorded_since, past_asking
from broker.core.newborn_retention import settled as settled_kin
from broker.core.notices_kept import needed
from broker.core.number_answers import recorded
from broker.core.outcome_asked import awaiting, may_be_asked
from broker.core.partition import Forwarding
from broker.core.past import Past, newest
from broker.core.person import Known, Person, Said, Told
from broker.core.plans import Version, cutoff, histories, last_visible_day, of_age
from broker.core.policy import AnyPolicy, Policy
from broker.core.reading import STILLBIRTH, Visit
from broker.core.restriction import keeping_mark
from broker.core.visits import is_during, read_visits

FORWARDING_KEPT = timedelta(days=2 * 365)
"""After its last use: by then every sender has the successor's number."""


def unused(forwarding: Forwarding, clock: datetime) -> bool:
    """Whether a forwarding record may go: nothing was sent on by it for two years (ruling 22)."""
    return clock - forwarding.last_used > FORWARDING_KEPT


class Reason(StrEnum):
    """Why a person's record is kept; the first that holds."""

    OPEN = "a visit or a view can still be revised (its cut-off does not lie L back)"
    SET_ASIDE = "something of it waits, or could not be processed (ADR 0036)"
    VISIBLE = "a plan is visible or may become so"
    RECORDED_LATELY = "a plan or a notice was recorded within L"
    PROTECTED = "that it is restricted, or who is excluded, must not be forgotten"
    DUE = "nothing: it goes with the next pass over the partition"


def reason_kept(person: Person, clock: datetime, policy: AnyPolicy) -> Reason:
    """Return why a record is not tombstoned at a time of its partition's clock."""
    settled = settle(person, clock, policy)
    if settled is None:
        return Reason.DUE
    if settled.known.visits or settled.known.accesses:
        return Reason.OPEN
    if is_unfinished(settled):
        return Reason.SET_ASIDE
    if _plan_may_show(person, clock, earlier(clock, policy.lateness), policy):
        return Reason.VISIBLE
    lately = _recorded_lately(person, earlier(clock, policy.lateness))
    return Reason.RECORDED_LATELY if lately else Reason.PROTECTED


def known_since(person: Person) -> datetime | None:
    """Return the receipt of the oldest fact in a record, None where it holds none."""
    known = person.known
    received = [
        *(at for stamps in known.plans.values() for at in stamps.values()),
        *(message.received_at for messages in known.visits.values() for message in messages.values()),
        *(access.received_at for access in known.accesses.values()),
        *(notice.received_at for notice in known.notices.values()),
        *(birth.received_at for births in known.births.values() for birth in births.values()),
        *(cover.received_at for cover in known.covers.values()),
    ]
    return min(received, default=None)


def settle(person: Person, clock: datetime, policy: AnyPolicy) -> Person | None:
    """
    Return the person without what is past revising, or None when nothing need be kept.

    A thread whose cut-off lies more than L behind the clock is closed: its messages go, its told row
    shrinks; so is a view. The record goes when no plan is visible or could become so, and every cut-off and
    every plan's newest record time lie more than L behind the clock; a child's plan can no longer once the
    18th birthday lies more than L behind it, too (ruling 13). The mark of a restricted record stays (24).
    """
    before = earlier(clock, policy.lateness)
    before_all, person = person, _without_old(person, before)
    revisable = open_part(person)
    closing = _closing(person, revisable, clock, before, policy)
    gone = closing | person.closed
    visits = {ref: said for ref, said in person.known.visits.items() if ref not in gone}
    accesses = {
        access_id: access
        for access_id, access in person.known.accesses.items()
        if access_id not in gone and (visits or _view_cutoff(access, policy) >= before)
    }
    said = needed(person.known.notices, before)
    notices = {key: one for key, one in said.items() if one.visit not in gone}
    to_come = replace(person, known=replace(person.known, notices=notices))
    over = not visits and not accesses and not is_unfinished(person)
    if over and not _plan_to_come(to_come, clock, before, policy):
        return _protected(person, revisable, before)
    plans = _folded(person.known.plans, before)
    gone |= person.known.accesses.keys() - accesses.keys()
    left = {ref: said for ref, said in person.known.left.items() if ref not in gone}
    kin = settled_kin(
        person.number,
        revisable,
        gone,
        clock=clock,
        before=before,
        policy=policy,
        is_open=bool(visits or accesses) or is_unfinished(person),
        is_asked=_outcome_to_come(person, clock, policy),
    )
    still = replace(kin, plans=plans, visits=visits, left=left, accesses=accesses, notices=notices)
    known = keeping_mark(person.known, still)
    if person.known.covers and not known.covers:
        known = replace(known, notices={**known.notices, **inherited(revisable)})
    if (known, person.set_aside) == (before_all.known, before_all.set_aside):
        return before_all
    told = {alert_id: _shrunk(told, gone) for alert_id, told in person.told.items()}
    if not known.covers:
        told = {alert_id: past_asking(row) for alert_id, row in told.items()}
    left_over = replace(
        person,
        known=known,
        told=told,
        items={item_id: item for item_id, item in person.items.items() if item.visit not in gone},
        entries={subject: digest for subject, digest in person.entries.items() if subject not in gone},
        closed=frozenset(gone),
        untold=frozenset(one for one in person.untold if one.subject not in gone),
        history=_history(person, revisable, gone - person.closed, policy),
    )
    return with_doubt(left_over)


def _history(
    person: Person, revisable: Known, closing: frozenset[str], policy: AnyPolicy
) -> tuple[Past, ...]:
    """Return the newest lines of what is closed, with those of what closes now of the open part (R25)."""
    if not closing:
        return person.history
    visits = read_visits(staying(revisable.visits, revisable.left), policy)
    own = [visit for visit in visits if not _is_anothers(visit, person)]
    lines = past_of(own, revisable.accesses.values(), policy)
    closed = [line for line in lines if line.subject in closing]
    return newest((*person.history, *closed), policy.history_size)


def _is_anothers(visit: Visit, person: Person) -> bool:
    """Whether a person said that a visit is somebody else's, so that nothing told of it stands (46)."""
    standing = {
        row.alert.subject
        for row in person.told.values()
        if row.alert is not None and row.kind not in TAKEN_BACK
    }
    return was_refused(person.known.notices.values(), visit) and visit.reference not in standing


def _without_old(person: Person, before: datetime) -> Person:
    """Return the person without what was set aside before L, which its log forgets, and without old words."""
    set_aside = {digest: at for digest, at in person.set_aside.items() if at >= before}
    return _without_old_words(replace(person, set_aside=set_aside), before)


def _without_old_words(person: Person, before: datetime) -> Person:
    """
    Return the person with the newest word of a timer alone, and without it once nothing hangs on it.

    That is L after it was said, if nothing is asked any more: it tells how often something has been.
    """
    said = {key: one for key, one in person.known.notices.items() if one.kind is IdentityKind.TIME_PASSED}
    newest = max(said, key=lambda key: (recorded(said[key]), key), default=None)
    asking = any(
        row.alert is not None and row.kind not in TAKEN_BACK and row.alert.occasion in ASKED
        for row in person.told.values()
    )
    if newest is None or (len(said) == 1 and (asking or recorded(said[newest]) >= before)):
        return person
    kept = {newest} if asking or recorded(said[newest]) >= before else set()
    notices = {key: one for key, one in person.known.notices.items() if key not in said or key in kept}
    return replace(person, known=replace(person.known, notices=notices))


def _outcome_to_come(person: Person, clock: datetime, policy: AnyPolicy) -> bool:
    """Whether the outcome of a pregnancy may yet be asked, so that what answers it is kept (ruling 43)."""
    unborn = awaiting([*histories(person.known.plans).values()])
    return bool(unborn) and (
        reached(person.known.notices.values()) is not None
        or any(may_be_asked(versions, clock, policy) for versions in unborn)
    )


def _protected(person: Person, revisable: Known, before: datetime) -> Person | None:
    """
    Return what is kept of somebody of whom nothing else need be, None for nothing.

    That the record is restricted, until the demographic source lifts it (ruling 24); who is excluded (48), by
    a mother's record as well, as the part that is `revisable` knows it.
    """
    excluded = {**lasting(person.known.notices, before), **inherited(revisable)}
    known = keeping_mark(person.known, Known(notices=excluded))
    if not known.notices:
        return None
    left = Person(number=person.number, salt=person.salt, known=known, returns=person.returns)
    return person if left == person else left


def _view_cutoff(access: Access, policy: AnyPolicy) -> datetime:
    """Return until when a plan's record may be made and still count for a view (ruling 10)."""
    recorded_at = as_recorded(access.recorded_at, access.received_at)
    in_force = policy.at(access.accessed_at)
    return cutoff(newest_at=recorded_at, arrived_at=access.accessed_at, policy=in_force)


def _closing(
    person: Person, revisable: Known, clock: datetime, before: datetime, policy: AnyPolicy
) -> frozenset[str]:
    """
    Return the visits and views to close of the open part: past their cut-off by L, and bound to nothing that
    stays open.

    Visits are counted in the alerts of those that follow within a week (ruling 8) and compared with their
    neighbours (ruling 16), and a view during a stay is a line of its thread (ruling 1): outside it would be
    an alert of its own. So a chain of such visits closes together, with the views during them: nothing that
    is closed changes what stands of another. A stillbirth says of every later visit that an unborn plan is
    over (ruling 43): it stays as long as one may be asked about. So does one that was undone since, since it
    decides what had been heard by a time, and so what was delayed (ruling 11).
    """
    accesses = [*revisable.accesses.values()]
    threads = read_visits(staying(revisable.visits, revisable.left), policy)
    told_of = {reference for thread in threads for reference in thread.references}
    told_of_loss = {
        reference
        for reference, messages in revisable.visits.items()
        if any(message.disposition == STILLBIRTH for message in messages.values())
    }
    chains = _chains(threads, accesses, policy)
    alone = [view for view in accesses if not any(view in views for _, views in chains)]
    past = [chain for chain in chains if _cutoff(*chain, policy) < before]
    asked_about = (
        len(past) < len(chains)
        or any(_view_cutoff(view, policy) >= before for view in alone)
        or _unborn_to_come(person, clock, before, policy)
        or _outcome_to_come(person, clock, policy)
    )
    closing: set[str] = set()
    for chain, views in past:
        if not (asked_about and any(not told_of_loss.isdisjoint(thread.references) for thread in chain)):
            closing.update(reference for thread in chain for reference in thread.references)
            closing.update(view.access_id for view in views)
    silent = {
        reference
        for reference, messages in revisable.visits.items()
        if reference not in told_of and all(stamp(message)[0] < before for message in messages.values())
    }
    return frozenset(closing | silent)


def _cutoff(chain: Sequence[Visit], views: Sequence[Access], policy: AnyPolicy) -> datetime:
    """Return until when a chain may still be revised."""
    return max([*(thread.cutoff for thread in chain), *(_view_cutoff(view, policy) for view in views)])


def _unborn_to_come(person: Person, clock: datetime, before: datetime, policy: AnyPolicy) -> bool:
    """Whether an unborn plan is visible, may become so, or was recorded so lately that it may change."""
    unborn = {
        content: said for content, said in person.known.plans.items() if content.plan_type is PlanType.UNBORN
    }
    expecting = replace(person, known=Known(plans=unborn, covers=person.known.covers))
    return _recorded_lately(expecting, before) or _plan_may_show(expecting, clock, before, policy)


def _chains(
    threads: Sequence[Visit], accesses: Collection[Access], policy: AnyPolicy
) -> list[tuple[list[Visit], list[Access]]]:
    """Return threads, which come by arrival, in chains of those that bear on each other, with their views."""
    bound = max(span for one in policy.every for span in (one.reattendance, one.same_visit))
    chains: list[tuple[list[Visit], list[Access]]] = []
    for place, thread in enumerate(threads):
        views = [access for access in accesses if is_during(access, thread)]
        if chains and (
            thread.arrived_at - threads[place - 1].arrived_at <= bound
            or any(is_during(view, later) for view in chains[-1][1] for later in threads[place:])
        ):
            chains[-1][0].append(thread)
            chains[-1][1].extend(views)
        else:
            chains.append(([thread], views))
    return chains


def _plan_to_come(person: Person, clock: datetime, before: datetime, policy: AnyPolicy) -> bool:
    """Whether a plan is visible, may become so, or was recorded so lately that a late fact may change it."""
    return _recorded_lately(person, before) or _plan_may_show(person, clock, before, policy)


def _recorded_lately(person: Person, before: datetime) -> bool:
    """Whether a notice, a birth or a plan's newest version was recorded within L."""
    return (
        any(recorded(notice) >= before for notice in person.known.notices.values())
        or any(versions[-1].recorded_at >= before for versions in histories(person.known.plans).values())
        or covers_recorded_since(person.known, before)
    )


def _plan_may_show(person: Person, clock: datetime, before: datetime, policy: AnyPolicy) -> bool:
    """Whether a plan is visible or may become so, one that covers a newborn too."""
    births = born_on(person.known.notices.values(), clock)
    today, long_ago = london_day(clock), london_day(before)
    return covers_may_show(person.number, person.known, today, clock, policy) or any(
        versions[-1].content.deleted is None
        and any(_may_show(versions, today, long_ago, one, births) for one in policy.every)
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
    Keep, of each run of equal content recorded before L, what was received before all that precedes it.

    What was recorded later and received no sooner adds nothing, but for the last, the newest. No saying is
    kept with the receipt of another: it would have been known before it was, and what is delayed by it no
    longer be delayed (ruling 11).
    """
    folded: dict[PlanContent, dict[Said, datetime]] = {}
    for versions in histories(plans).values():
        old = [version for version in versions if version.recorded_at < before]
        for content, group in groupby(old, key=lambda version: version.content):
            stamps = folded.setdefault(content, {})
            run = list(group)
            known_at = accumulate((version.received_at for version in run), min)
            for version, before_it in zip(run, [None, *known_at], strict=False):
                if before_it is None or version.received_at < before_it or version is run[-1]:
                    stamps[version.said] = version.received_at
        for version in versions[len(old) :]:
            folded.setdefault(version.content, {})[version.said] = version.received_at
    return folded


def _shrunk(told: Told, gone: frozenset[str]) -> Told:
    """Return a told row without its content when its visit or view is closed."""
    return replace(told, alert=None) if told.alert is not None and told.alert.subject in gone else told
