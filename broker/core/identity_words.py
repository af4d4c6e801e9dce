"""
What a person, or a timer, said of a visit: whose it is, that none knows, that no outcome came, that nobody at
an authority has opened what it was told. Rulings 7, 45, 46.

The newest word of a person counts, by its stamp; of one stamp the word that alerts (ruling 37). A refusal
covers what had been received when it was said: repeats of that ask nobody again, other details do. So any
order of arrival ends in the same. A timer's word counts from the earliest arrival that was said: a corrected
one takes back nothing that somebody was told while it is as open as before.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from broker.core.alerts import VisitState
from broker.core.clock import later
from broker.core.facts import IdentityKind, IdentityNotice
from broker.core.leaving import Messages, received_by
from broker.core.message_times import arrival_of
from broker.core.number_answers import recorded
from broker.core.plans import Due
from broker.core.policy import AnyPolicy
from broker.core.reading import Visit
from broker.core.visits import read_visits


def is_confirmed(notices: Iterable[IdentityNotice], visit: Visit) -> bool:
    """Whether a person said that a visit is of the one whose number it is under, and not otherwise since."""
    said = list(notices)
    confirmed = max(_said(said, IdentityKind.CONFIRMED, visit), default=None)
    refused = max(_said(said, IdentityKind.REFUSED, visit), default=None)
    return confirmed is not None and (refused is None or refused <= confirmed)


def was_refused(notices: Iterable[IdentityNotice], visit: Visit) -> bool:
    """Whether a person ever said that a visit is somebody else's."""
    return any(True for _ in _said(notices, IdentityKind.REFUSED, visit))


def is_refused(
    notices: Iterable[IdentityNotice],
    visit: Visit,
    unmatched: Sequence[Due],
    messages: Messages,
    policy: AnyPolicy,
) -> bool:
    """
    Whether a person said that a visit is somebody else's, of all that it and the plans have stated.

    `unmatched` are the plans whose details disagree, `messages` those of the person's visits.
    """
    at = max(_said(notices, IdentityKind.REFUSED, visit), default=None)
    if at is None:
        return False
    held = received_by({reference: messages[reference] for reference in visit.references}, at)
    by_hospital = {stated.details for thread in read_visits(held, policy) for stated in thread.stated}
    by_authority = {
        version.content.details
        for pair in unmatched
        for version in pair.versions
        if version.received_at <= at
    }
    return by_hospital.issuperset(stated.details for stated in visit.stated) and by_authority.issuperset(
        stated.details for pair in unmatched for stated in pair.stated()
    )


def is_overdue(notices: Iterable[IdentityNotice], visit: Visit) -> bool:
    """Whether a timer found a visit unsettled so long after its arrival that authorities hear of it."""
    wait = visit.policy.site(visit.provider).unconfirmed_told
    return any(at >= due_from_arrival(visit, wait) for at in _said(notices, IdentityKind.UNSETTLED, visit))


def is_without_outcome(notices: Iterable[IdentityNotice], visit: Visit) -> bool:
    """Whether nothing had been heard of a visit's end so long after its arrival, nor has been since (7)."""
    wait = visit.policy.site(visit.provider).outcome_awaited
    waiting = visit.state is VisitState.PRESENT
    return waiting and any(
        at >= due_from_arrival(visit, wait) for at in _said(notices, IdentityKind.NO_OUTCOME, visit)
    )


def is_unopened(notices: Iterable[IdentityNotice], visit: Visit) -> bool:
    """Whether an authority had not opened in time what it was told, and all have not since (ruling 45)."""
    said = list(notices)
    wait = visit.policy.site(visit.provider).unopened_to_manager
    unopened = max(_said(said, IdentityKind.UNOPENED, visit), default=None)
    opened = max(_said(said, IdentityKind.OPENED, visit), default=None)
    late = unopened is not None and unopened >= due_from_arrival(visit, wait)
    return late and (opened is None or (unopened is not None and opened < unopened))


def due_from_arrival(visit: Visit, wait: timedelta) -> datetime:
    """Return when a wait is over, from the earliest arrival that a message of the visit says by itself."""
    said = (arrival_of([message], visit.in_force) for message in visit.kept)
    return later(min(filter(None, (visit.arrived_at, *said))), wait)


def _said(notices: Iterable[IdentityNotice], kind: IdentityKind, visit: Visit) -> Iterator[datetime]:
    """Yield when a word of a kind was said of a visit, or of one that joined its thread."""
    return (recorded(one) for one in notices if one.kind is kind and one.visit in visit.references)
