"""
Whether a person's record is restricted, and what may then still be told. Ruling 24; R39, C11.

Any source restricts the whole person: the demographic source, a hospital (PV1-16, ZU8-4), an authority. A
mark stays: nothing lifts it but the demographic source's word, recorded later. Order is that of the sources'
stamps (ruling 37); at equal stamps the record is restricted.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from broker.core.alerts import Alert, Note, RecipientKind, Route, VisitLine
from broker.core.clock import as_recorded
from broker.core.facts import IdentityKind, IdentityNotice
from broker.core.number_answers import recorded
from broker.core.person import Known

_WITHHELD_NOTES = frozenset({Note.SITE_UNLISTED})  # says something of the place


def is_restricted(known: Known) -> bool:
    """
    Return whether a person's record is restricted; what is asked of it is answered `could not check`.

    Where a mother is told of with her baby, the place of one is that of the other: a mark of either restricts
    both (ruling 26).
    """
    return mark_of(known) is not None or any(_marks_of_kin(known))


def mark_of(known: Known) -> datetime | None:
    """Return when a person's record was last marked, aware UTC; None where it is not restricted."""
    mark = _newest_mark(known)
    return mark if mark is not None and all(at <= mark for at in _lifted(known)) else None


def marking(mark: datetime) -> IdentityNotice:
    """Return that a record was marked at a time, of whatever source, aware UTC."""
    return IdentityNotice(
        notice_id=f"restricted {mark.isoformat()}",
        kind=IdentityKind.RESTRICTED,
        recorded_at=mark,
        received_at=mark,
    )


def lifted_at(notice: IdentityNotice) -> datetime:
    """
    Return from when a word that lifts a mark counts, aware UTC.

    One before 1900 stays there, and lifts no mark: doubt falls toward protecting (ruling 24).
    """
    return min(notice.recorded_at, notice.received_at)


def keeping_mark(before: Known, after: Known) -> Known:
    """
    Return what is left of what was known, with the mark that restricts, if that is not in it any more.

    A mark is sticky: it outlives the visit or the plan that it came with. One of a mother or a baby that the
    record lets go becomes one of its own, which nothing said so far lifts (ruling 26).
    """
    mark = mark_of(before)
    lasting = [] if mark is None or _newest_mark(after) == mark else [mark]
    of_kin = list(_marks_of_kin(before))
    if of_kin and not any(_marks_of_kin(after)):
        lasting.append(max([*of_kin, *_lifted(before)]))
    notices = {notice.notice_id: notice for notice in map(marking, lasting)}
    return replace(after, notices={**after.notices, **notices}) if notices else after


def reduced(alert: Alert) -> Alert:
    """
    Return what may be told of an alert about a restricted record; twice is the same as once.

    The authority: person, time, its own plans, a count, and where the visit stands, which names no place; to
    those who receive restricted records. The provider, whose place it is: all, to its safeguarding role.
    """
    if alert.recipient.kind is RecipientKind.PROVIDER:
        return replace(alert, route=Route.SAFEGUARDING, notes=_noted(alert, frozenset()))
    visit = alert.visit
    return Alert(
        alert_id=alert.alert_id,
        subject=alert.subject,
        occasion=alert.occasion,
        recipient=alert.recipient,
        route=Route.RESTRICTED,
        urgency=alert.urgency,
        plans=alert.plans,
        visit=None
        if visit is None
        else VisitLine(visit=visit.visit, provider=None, state=visit.state, arrived_at=visit.arrived_at),
        earlier_visits=alert.earlier_visits,
        asked_again=alert.asked_again,
        notes=_noted(alert, _WITHHELD_NOTES),
        child_id=alert.child_id,
        file_id=alert.file_id,
    )


def is_reduced(alert: Alert) -> bool:
    """Return whether an alert is what may be told of a restricted record."""
    return Note.RESTRICTED in alert.notes


def unlinked(alert: Alert) -> Alert:
    """
    Return an alert as it leaves the broker: of a restricted record an authority gets references of its own.

    They are the alert's id, derived with the identity key for this recipient alone: stable over revisions,
    and not to be compared with what anybody else was given for the visit.
    """
    if alert.recipient.kind is RecipientKind.PROVIDER or not is_reduced(alert):
        return alert
    visit = None if alert.visit is None else replace(alert.visit, visit=alert.alert_id)
    return replace(alert, subject=alert.alert_id, visit=visit)


def _noted(alert: Alert, withheld: frozenset[Note]) -> tuple[Note, ...]:
    """Return an alert's notes with the one that it is restricted, in their order."""
    noted = {*alert.notes, Note.RESTRICTED} - withheld
    return tuple(note for note in Note if note in noted)


def _newest_mark(known: Known) -> datetime | None:
    """Return when a record was last marked, None for never; a mark from a sensitive place counts, too."""
    return max(_marks(known), default=None)


def _lifted(known: Known) -> list[datetime]:
    """Return when the demographic source said that the record is not restricted."""
    return [lifted_at(one) for one in known.notices.values() if one.kind is IdentityKind.RESTRICTION_LIFTED]


def _marks_of_kin(known: Known) -> Iterator[datetime]:
    """Yield when the records of mothers and babies that the person is told of with were marked (26)."""
    for cover in known.covers.values():
        if cover.restricted is not None and cover.plans:  # without a plan nothing of the mother is told
            yield cover.restricted
    for births in known.births.values():
        yield from (
            as_recorded(one.recorded_at, one.received_at) for one in births.values() if one.restricted
        )


def _marks(known: Known) -> Iterator[datetime]:
    """Yield when each source marked the record, as it counts (ruling 37)."""
    for notice in known.notices.values():
        if notice.kind is IdentityKind.RESTRICTED:
            yield recorded(notice)
    for messages in known.visits.values():
        for message in messages.values():
            if message.restricted:
                yield as_recorded(message.recorded_at, message.received_at)
    for content, stamps in known.plans.items():
        if content.restricted:
            yield from (as_recorded(said.recorded_at, at) for said, at in stamps.items())
