"""
What each recipient is told of a visit or a view. Rulings 12, 19, 29, 30, 31; restricted records: 24.

Ruling 31 holds by construction: nothing forbidden is in the types this module fills.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime

from broker.core.alerts import (
    IN_FORCE,
    Alert,
    Contact,
    Mark,
    Note,
    Occasion,
    PlanLine,
    PlanState,
    Recipient,
    RecipientKind,
    Route,
    SubjectRole,
    Urgency,
    ViewLine,
    VisitLine,
    VisitState,
)
from broker.core.clock import later
from broker.core.counting import view_not_counted
from broker.core.facts import Access, PlanType
from broker.core.identifiers import OdsCode, london_day
from broker.core.lawful_basis import Flow
from broker.core.plans import Due, contact_order, newest_record
from broker.core.policy import ALWAYS_TOLD, AnyPolicy, Policy
from broker.core.reading import Visit
from broker.core.visits import is_during

_KEPT_FOR_MOTHER = ("visit", "provider", "provider_name", "state", "arrived_at", "call_back")  # ruling 29
_FLOWS = {
    (RecipientKind.AUTHORITY, Occasion.ATTENDED, SubjectRole.CHILD): Flow.VISIT_OF_CHILD,
    (RecipientKind.AUTHORITY, Occasion.ATTENDED, SubjectRole.MOTHER): Flow.VISIT_OF_MOTHER,
    (RecipientKind.AUTHORITY, Occasion.VIEWED, SubjectRole.CHILD): Flow.VIEW_OF_CHILD,
    (RecipientKind.AUTHORITY, Occasion.VIEWED, SubjectRole.MOTHER): Flow.VIEW_OF_MOTHER,
    (RecipientKind.PROVIDER, Occasion.ATTENDED, SubjectRole.CHILD): Flow.PLAN_OF_CHILD,
    (RecipientKind.PROVIDER, Occasion.ATTENDED, SubjectRole.MOTHER): Flow.PLAN_OF_MOTHER,
    (RecipientKind.AUTHORITY, Occasion.ATTENDED, SubjectRole.NEWBORN): Flow.VISIT_OF_CHILD,
    (RecipientKind.AUTHORITY, Occasion.VIEWED, SubjectRole.NEWBORN): Flow.VIEW_OF_CHILD,
    (RecipientKind.PROVIDER, Occasion.ATTENDED, SubjectRole.NEWBORN): Flow.PLAN_OF_CHILD,
    (RecipientKind.AUTHORITY, Occasion.BORN, SubjectRole.NEWBORN): Flow.BIRTH,
    (RecipientKind.AUTHORITY, Occasion.OUTCOME_AWAITED, SubjectRole.MOTHER): Flow.OUTCOME,
}  # a provider is told of its own visits alone
_KEPT_UNCONFIRMED = ("visit", "provider", "provider_name", "state", "arrived_at")  # ruling 46
_OF_A_VISIT = tuple(entry.name for entry in fields(VisitLine))


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """
    A plan that is due and whose details match, with what a reader must know about the match.

    `owner` answers for it: its authority, or that one's successor (ruling 19).
    """

    plan: Due
    marks: tuple[Mark, ...]
    owner: OdsCode

    @property
    def in_force(self) -> bool:
        """Whether the plan counts as in force (ruling 12)."""
        return self.plan.state in IN_FORCE

    def line(self) -> PlanLine:
        """Return the plan as told."""
        content = self.plan.shown.content
        role = SubjectRole.MOTHER if content.plan_type is PlanType.UNBORN else SubjectRole.CHILD
        return PlanLine(
            authority=content.authority,
            authority_name=content.authority_name,
            phone_emergency=content.phone_emergency,
            phone_office=content.phone_office,
            plan_type=content.plan_type,
            role=role if self.plan.newborn is None else SubjectRole.NEWBORN,
            start=content.start,
            end=content.end,
            state=self.plan.state,
            marks=self.marks,
        )


def successor_of(authority: OdsCode, policy: Policy, at: datetime) -> OdsCode:
    """Return who answers for an authority's plans on the day of `at` (ruling 19)."""
    seen = {authority}
    while (successor := policy.successors.get(authority)) is not None:
        if successor.opens_on > london_day(at) or successor.code in seen:
            break
        authority = successor.code
        seen.add(authority)
    return authority


def owner_of(pair: Due, policy: Policy, newest_at: datetime) -> OdsCode:
    """Return who answers for a plan from when it was there to be told, by the sources' stamps (19)."""
    return successor_of(pair.shown.content.authority, policy, max(newest_at, pair.said_at))


def authority_alert(
    alert_id: str,
    recipient: Recipient,
    visit: Visit,
    matched: Sequence[Matched],
    *,
    earlier: Sequence[Visit],
    views: tuple[ViewLine, ...],
    enquiry: bool,
    no_outcome: bool,
) -> Alert:
    """
    Return what an owning authority is told of a visit (rulings 19, 29).

    `enquiry`: a change of the number is being asked about (38). `no_outcome`: nothing was heard of how it
    ended (7).
    """
    own, others = _split(matched, recipient.code)
    lines = _lines(own)
    mother_only = all(line.role is SubjectRole.MOTHER for line in lines)
    told = _visit_line(visit)
    if mother_only:
        told = _only(told, _KEPT_FOR_MOTHER)
    moved = any(line.authority != recipient.code for line in lines)
    newest = newest_record(line.plan for line in own)
    return Alert(
        alert_id=alert_id,
        subject=visit.reference,
        occasion=Occasion.ATTENDED,
        recipient=recipient,
        route=Route.DUTY,
        urgency=_urgency(own),
        plans=lines,
        visit=told,
        views=() if mother_only else views,
        other_authorities=_contacts(others),
        earlier_visits=0 if mother_only else len(earlier),
        last_visit_at=None if mother_only else _newest(earlier),
        notes=_notes(
            (Note.SITE_UNLISTED, visit.unlisted),
            (Note.MOVED_TO_SUCCESSOR, moved),
            (Note.NUMBER_CHANGE, enquiry),
            (Note.NO_OUTCOME, no_outcome),
            (Note.OPEN_OWN_PLAN, any(line.role is SubjectRole.NEWBORN for line in lines)),
        ),
        child_id=newest.content.child_id,
        file_id=newest.said.file_id or None,
    )


def asking_alert(
    alert_id: str,
    subject: str,
    recipient: Recipient,
    occasion: Occasion,
    own: Sequence[Matched],
    *,
    notes: tuple[Note, ...],
    asked_again: int,
) -> Alert:
    """
    Return what asks an authority for something that has to do with plans of its own, no visit (26, 43).

    `asked_again` counts how often it has been asked since.
    """
    lines = _lines(own)
    moved = any(line.authority != recipient.code for line in lines)
    newest = newest_record(line.plan for line in own)
    return Alert(
        alert_id=alert_id,
        subject=subject,
        occasion=occasion,
        recipient=recipient,
        route=Route.DUTY,
        urgency=Urgency.NOW,
        plans=lines,
        asked_again=asked_again,
        notes=(*_notes((Note.MOVED_TO_SUCCESSOR, moved)), *notes),
        child_id=newest.content.child_id,
        file_id=newest.said.file_id or None,
    )


def possible_alert(alert_id: str, recipient: Recipient, visit: Visit, lines: Sequence[Matched]) -> Alert:
    """
    Return what an owning authority is told of a visit that nobody has settled: provider and time (46).

    Its plans say how urgent it is (12) and are not named. The name is the provider's own:
    that of a place would tell the place.
    """
    told = _only(_visit_line(visit), _KEPT_UNCONFIRMED)
    name = told.provider_name and visit.policy.site(visit.provider).name
    return Alert(
        alert_id=alert_id,
        subject=visit.reference,
        occasion=Occasion.ATTENDED,
        recipient=recipient,
        route=Route.DUTY,
        urgency=_urgency(_split(lines, recipient.code)[0]),
        plans=(),
        visit=replace(told, state=VisitState.NOT_CONFIRMED, provider_name=name),
        notes=(Note.NOT_CONFIRMED,),
    )


def provider_alert(
    alert_id: str,
    recipient: Recipient,
    visit: Visit,
    matched: Sequence[Matched],
    *,
    earlier: Sequence[Visit],
    unopened: bool,
) -> Alert | None:
    """
    Return what the treating provider is told: every plan with both numbers (rulings 19, 24, 30).

    `unopened`: an authority that is to be rung (45). None when every plan was recorded too long after the
    person left (ruling 11).
    """
    settled = visit.policy.site(visit.provider)
    limit = later(visit.departed_at, settled.provider_after_departure) if visit.departed_at else visit.left_at
    told = [line for line in matched if line.plan.said_at <= limit]
    if not told:
        return None
    present = any(line.plan.said_at <= visit.left_at and Mark.DELAYED not in line.marks for line in told)
    return Alert(
        alert_id=alert_id,
        subject=visit.reference,
        occasion=Occasion.ATTENDED,
        recipient=recipient,
        route=Route.CLINICIAN if present else Route.SAFEGUARDING,
        urgency=Urgency.NOW,
        plans=_lines(told),
        visit=replace(_visit_line(visit), accompanied_by=None),  # for the authority (ruling 29)
        earlier_visits=len(earlier),
        last_visit_at=_newest(earlier),
        notes=_notes((Note.SITE_UNLISTED, visit.unlisted), (Note.NOT_OPENED, unopened)),
    )


def view_alert(
    alert_id: str, recipient: Recipient, access: Access, lines: Sequence[Matched], *, enquiry: bool
) -> Alert:
    """Return what an owning authority is told of a view outside any visit (rulings 1, 38)."""
    own, others = _split(lines, recipient.code)
    newest = newest_record(line.plan for line in own)
    return Alert(
        alert_id=alert_id,
        subject=access.access_id,
        occasion=Occasion.VIEWED,
        recipient=recipient,
        route=Route.DUTY,
        urgency=_urgency(own),
        plans=_lines(own),
        views=(view_line(access),),
        other_authorities=_contacts(others),
        notes=_notes((Note.NUMBER_CHANGE, enquiry)),
        child_id=newest.content.child_id,
        file_id=newest.said.file_id or None,
    )


def view_line(access: Access) -> ViewLine:
    """Return a view as told: who looked, where and when (ruling 1, R54)."""
    return ViewLine(
        access_id=access.access_id,
        organisation=access.organisation,
        organisation_name=access.organisation_name,
        role=access.role,
        user_name=access.user_name,
        accessed_at=access.accessed_at,
    )


def views_during(accesses: Iterable[Access], visit: Visit, policy: AnyPolicy) -> tuple[ViewLine, ...]:
    """Return the views that are a line in a visit's thread: those that count by their own day (1, 45)."""
    lines = [
        view_line(access)
        for access in accesses
        if is_during(access, visit) and view_not_counted(access, policy.at(access.accessed_at)) is None
    ]
    return tuple(sorted(lines, key=lambda line: (line.accessed_at, line.access_id)))


def shared_fields(alert: Alert) -> tuple[str, ...]:
    """Return the names of what was shared, for the recorded decision; never a value."""
    visit = () if alert.visit is None else _filled(alert.visit, "visit.")
    plans = ("plans",) if alert.plans else ()
    views = ("views",) if alert.views else ()
    return (*visit, *plans, *views)


def flows_of(alerts: Iterable[Alert]) -> tuple[Flow, ...]:
    """Return the rows of the lawful-basis table on which alerts rest (ruling 49); one at least, by name."""
    flows = {
        Flow.POSSIBLE_VISIT if line is None else _FLOWS[alert.recipient.kind, alert.occasion, line.role]
        for alert in alerts
        for line in (alert.plans or (None,))
    }
    return tuple(sorted(flows)) or (Flow.NOTHING_SHARED,)


def _filled(line: VisitLine, prefix: str) -> tuple[str, ...]:
    """Return the names of the fields of a visit that are told."""
    return tuple(prefix + name for name in _OF_A_VISIT if getattr(line, name) is not None)


def _split(matched: Sequence[Matched], owner: OdsCode) -> tuple[list[Matched], list[Matched]]:
    """Divide plans into the recipient's own and the others'."""
    own = [line for line in matched if line.owner == owner]
    return own, [line for line in matched if line.owner != owner]


def _lines(matched: Iterable[Matched]) -> tuple[PlanLine, ...]:
    """Return plans as told, in a settled order."""
    lines = [entry.line() for entry in matched]
    return tuple(sorted(lines, key=lambda line: (line.authority, line.plan_type, line.start, line.role)))


def _contacts(others: Iterable[Matched]) -> tuple[Contact, ...]:
    """Return who else has a plan in force: name and numbers, the newest it sent before what it took over."""
    shown = [(line.plan.shown, line.owner) for line in others if line.in_force]
    shown.sort(key=lambda one: (one[0].content.authority == one[1], contact_order(one[0])))
    contacts = {
        owner: Contact(
            authority=version.content.authority,
            name=version.content.authority_name,
            phone_emergency=version.content.phone_emergency,
            phone_office=version.content.phone_office,
        )
        for version, owner in shown
    }
    by_office = sorted(contacts.values(), key=lambda one: one.phone_office or "")  # one may have none
    return tuple(sorted(by_office, key=lambda one: (one.authority, one.name, one.phone_emergency)))


def _urgency(own: Sequence[Matched]) -> Urgency:
    """A plan in force goes out now unless delayed; one that ended waits for the morning (11, 12, 45)."""
    if all(Mark.DELAYED in line.marks for line in own):
        return Urgency.SUMMARY
    if all(line.plan.state is PlanState.ENDED or Mark.DELAYED in line.marks for line in own):
        return Urgency.NEXT_WORKING_MORNING
    return Urgency.NOW


def _newest(earlier: Sequence[Visit]) -> datetime | None:
    """Return when the newest of the earlier visits began (ruling 8)."""
    return max((visit.arrived_at for visit in earlier), default=None)


def _notes(*candidates: tuple[Note, bool]) -> tuple[Note, ...]:
    """Return the notes that apply."""
    return tuple(note for note, applies in candidates if applies)


def _visit_line(visit: Visit) -> VisitLine:
    """Return the visit as told, without what its site withholds (ruling 29)."""
    said, code = visit.registers, visit.registers["site"]
    site = visit.policy.site(
        visit.provider, site=None if code is None else code.code, location=said["location"]
    )
    line = VisitLine(
        visit=visit.reference,
        provider=visit.provider,
        provider_name=site.name,
        site=said["site"],
        location=said["location"],
        state=visit.state,
        arrived_at=visit.arrived_at,
        departed_at=visit.departed_at,
        patient_class=said["patient_class"],
        arrival_mode=said["arrival_mode"],
        reason=said["reason"],
        acuity=said["acuity"],
        disposition=said["disposition"],
        clinician_role=said["clinician_role"],
        clinician_name=said["clinician_name"],
        call_back=site.call_back,
        next_of_kin_relationship=said["next_of_kin_relationship"],
        next_of_kin_name=said["next_of_kin_name"],
        accompanied_by=said["accompanied_by"],
    )
    if not site.withheld:
        return line
    return _only(line, [name for name in _OF_A_VISIT if name in ALWAYS_TOLD or name not in site.withheld])


def _only(line: VisitLine, kept: Sequence[str]) -> VisitLine:
    """Return a visit with every field emptied that is not kept."""
    emptied = {name: None for name in _OF_A_VISIT if name not in kept}
    return replace(line, **emptied)  # type: ignore[arg-type]  # only nullable fields are ever emptied
