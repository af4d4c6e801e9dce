"""
What a treating provider's own system is sent of an alert, line by line (rulings 24, 30, 32; R39).

One list for every format that is pushed: HL7 v2 makes an OBX row of each line, FHIR a sentence. Nothing is
here that the alert does not say; what depends on the hour is worked out for the hour of sending.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from broker.core.alerts import TAKEN_BACK, Alert, AlertEvent, Change, Note, PlanLine, Route
from broker.core.answer_words import NOT_NONE
from broker.core.facts import PlanType
from broker.core.feeds import FeedAges
from broker.core.identifiers import OdsCode
from broker.core.office_hours import OfficeHours, to_ring
from broker.core.wording import (
    CONFIRM_DELETION,
    COULD_NOT_CHECK,
    NOT_FOR_RELEASE,
    NOT_TO_ADULT,
    SUPPORTS,
    WITHDRAWN,
)

Hours = Mapping[OdsCode, OfficeHours]
"""The office hours that are known, by authority."""

PLAN_WORDS = {
    PlanType.CHILD_PROTECTION: "CPP, child protection plan",
    PlanType.LOOKED_AFTER: "LAC, looked-after child",
    PlanType.UNBORN: "UCP, unborn child protection plan",
}
"""The three plans as a clinician reads them."""


PLACE_LENGTH = 20
"""Characters of a line's place: OBX-4 of HL7 v2.4 has no more, and a strict receiver refuses a longer one."""


class Code(StrEnum):
    """What a line tells; the words are its label."""

    EVENT = "Event"
    CHANGE = "Changed"
    ROUTE = "For"
    VISIT = "Visit"
    PLAN = "Plan"
    PLAN_OF = "Plan of"
    PLAN_START = "Plan start"
    PLAN_END = "Plan end"
    PLAN_STATE = "Plan state"
    PLAN_MARK = "Mark"
    AUTHORITY = "Authority"
    PLAN_DATA = "Plan data"
    RING_NOW = "Ring now"
    EMERGENCY = "Emergency number"
    OFFICE = "Office number"
    EARLIER_VISITS = "Other unscheduled visits in 7 days"
    LAST_VISIT = "Last of them"
    STATEMENT = "Note"
    ANSWER = "Answer"
    MESSAGE = "Your message"


@dataclass(frozen=True, slots=True)
class Line:
    """One thing told; `place` tells lines of a code apart and is the same in every message of an alert."""

    code: Code
    place: str
    value: str | int | date | datetime

    @property
    def key(self) -> str:
        """What a receiver knows the line by: a later message with the same key replaces it."""
        return f"{self.code.name}.{self.place}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """
    Who reads what a destination is sent, the hours of the authorities that they may ring, and how old the
    plans of each are, where that is known.

    `safeguarding`: the safeguarding role on duty or the nurse in charge alone, who may see what a restricted
    record says, and what is for that role (rulings 11, 24); everybody else is told `could not check`.
    """

    safeguarding: bool = False
    hours: Mapping[OdsCode, OfficeHours]
    feeds: FeedAges | None = None


def is_shown(event: AlertEvent, reader: Reader) -> bool:
    """
    Return whether a reader may see what an alert says.

    Not everybody may who is no safeguarding role: of a restricted record (24), and of a plan that came to be
    known only after the person had left (11).
    """
    alert = event.alert
    return reader.safeguarding or not (alert.route is Route.SAFEGUARDING or Note.RESTRICTED in alert.notes)


def lines(event: AlertEvent, statements: Iterable[str], reader: Reader, at: datetime) -> tuple[Line, ...]:
    """
    Return what a reader is told of an event that is sent at an aware time.

    What was taken back names no plan any more. `statements` are those published with the event.
    """
    if not is_shown(event, reader):
        return tuple(_numbered(Code.STATEMENT, _of_withheld(event)))
    return (
        Line(Code.EVENT, "1", event.kind.value),
        *_numbered(Code.CHANGE, (change.value for change in event.changes)),
        Line(Code.ROUTE, "1", event.alert.route.value),
        *(() if event.kind in TAKEN_BACK else _of_alert(event.alert, reader, at)),
        *_numbered(Code.STATEMENT, statements),
    )


def _of_withheld(event: AlertEvent) -> Iterator[str]:
    """Yield all that staff are told who may not see what an alert says (ruling 24)."""
    if event.kind in TAKEN_BACK:
        yield WITHDRAWN
    if Change.RESTRICTED in event.changes:
        yield CONFIRM_DELETION
    yield from (COULD_NOT_CHECK, NOT_NONE, SUPPORTS, NOT_FOR_RELEASE, NOT_TO_ADULT)


def _of_alert(alert: Alert, reader: Reader, at: datetime) -> Iterator[Line]:
    """Yield the visit's state, the plans and the other visits (ruling 30)."""
    if alert.visit is not None:
        yield Line(Code.VISIT, "1", alert.visit.state.value)
    for number, plan in enumerate(alert.plans, start=1):
        yield from _of_plan(str(number), plan, reader, at)
    yield Line(Code.EARLIER_VISITS, "1", alert.earlier_visits)
    if alert.last_visit_at is not None:
        yield Line(Code.LAST_VISIT, "1", alert.last_visit_at)


def _of_plan(place: str, plan: PlanLine, reader: Reader, at: datetime) -> Iterator[Line]:
    """Yield a plan, how old its data are (C7), and whom to ring, the emergency number first (ruling 30)."""
    yield Line(Code.PLAN, place, PLAN_WORDS[plan.plan_type])
    yield Line(Code.PLAN_OF, place, plan.role.value)
    yield Line(Code.PLAN_START, place, plan.start)
    if plan.end is not None:
        yield Line(Code.PLAN_END, place, plan.end)
    yield Line(Code.PLAN_STATE, place, plan.state.value)
    for mark in plan.marks:
        yield Line(Code.PLAN_MARK, f"{place}.{mark.name}"[:PLACE_LENGTH], mark.value)
    yield Line(Code.AUTHORITY, place, f"{plan.authority_name} ({plan.authority})")
    aged = None if reader.feeds is None else reader.feeds.words(plan.authority, at)
    if aged is not None:
        yield Line(Code.PLAN_DATA, place, aged)
    now = to_ring(plan.phone_emergency, plan.phone_office, reader.hours.get(plan.authority), at)
    yield Line(Code.RING_NOW, place, now)
    yield Line(Code.EMERGENCY, place, plan.phone_emergency)
    if plan.phone_office is not None:
        yield Line(Code.OFFICE, place, plan.phone_office)


def _numbered(code: Code, values: Iterable[str]) -> Iterator[Line]:
    """Yield a line for each value, counted from 1."""
    for number, value in enumerate(values, start=1):
        yield Line(code, str(number), value)
