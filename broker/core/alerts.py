"""
What an alert says, to whom, and the events that tell it.

Content is a pure function of what is known: nothing in it depends on "now" or on order of arrival.
Ruling 31 holds by construction: there is no field for an address, a family telephone, a category of
abuse or free text.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from broker.core.facts import PlanType
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.visit_reason import Reason


class RecipientKind(StrEnum):
    """Who is told: the owning local authority or the treating provider."""

    AUTHORITY = "la"
    PROVIDER = "provider"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Recipient:
    """An organisation that is told."""

    kind: RecipientKind
    code: OdsCode


class Occasion(StrEnum):
    """
    A person came, or somebody looked the person up, never mixed up (ruling 1); or the number of an open plan
    is not in use (ruling 23); or a baby was born whom an unborn child's plan covers (ruling 26); or the due
    date of such a plan is past, and nobody has told how the pregnancy ended (ruling 43).
    """

    ATTENDED = "attended"
    VIEWED = "viewed"
    NUMBER_INACTIVE = "number inactive"
    BORN = "born"
    OUTCOME_AWAITED = "outcome awaited"


ASKED = frozenset({Occasion.BORN, Occasion.OUTCOME_AWAITED})
"""What an authority is asked about a plan of its own, visit or no visit, and again until it answers."""


class SubjectRole(StrEnum):
    """Whether the plan is the person's own, her unborn child's, or that of its mother (dossier 2.2, R34)."""

    CHILD = "child"
    MOTHER = "mother of unborn"
    NEWBORN = "newborn"


class PlanState(StrEnum):
    """How a plan stands to the visit (rulings 9, 12, 14, 15)."""

    ACTIVE = "active"
    PAST_DUE_DATE = "past due date"
    ENDED = "ended"
    REMOVED = "removed by the authority"
    NO_LONGER_IN_FORCE = "no longer in force by the authority's newer record"


IN_FORCE = frozenset({PlanState.ACTIVE, PlanState.PAST_DUE_DATE})
"""The states that count as in force (ruling 12)."""


class Mark(StrEnum):
    """What a reader must know about one plan's match with the visit (rulings 11, 14, 20, 26, 46)."""

    RETROACTIVE = "retroactive"
    DELAYED = "delayed"
    DETAILS_DIFFER = "details differ, check"
    COULD_BE_TWIN = "could be twin or sibling"
    DETAILS_NOT_CONFIRMED = "details not confirmed"
    CONFIRMED_BY_HAND = "identity confirmed by a person"
    REMOVED_AFTERWARDS = "removed by the authority afterwards"
    NEWBORN_OF = "newborn of"


class VisitState(StrEnum):
    """Where a visit stands (rulings 7, 16; PV1-36); of one not known to be the person's that alone (46)."""

    PRESENT = "present"
    ADMITTED = "admitted"
    TRANSFERRED = "transferred to another provider"
    DISCHARGED = "discharged"
    LEFT_BEFORE_TREATMENT = "left before treatment"
    REFUSED_TREATMENT = "refused treatment"
    DIED = "died"
    CANCELLED = "cancelled by the hospital"
    NOT_CONFIRMED = "identity not confirmed"


class Note(StrEnum):
    """What a reader must know about the alert as a whole; the words are in `broker.core.wording`."""

    SITE_UNLISTED = "location not listed"
    RESTRICTED = "restricted record"
    MOVED_TO_SUCCESSOR = "moved to successor authority"
    NUMBER_CHANGE = "number change under enquiry"
    NUMBER_INACTIVE = "number not in use"
    PROTECTION_PLAN_OPEN = "child protection plan open on a number not in use"
    NOT_CONFIRMED = "possible attendance, identity not confirmed"
    NO_OUTCOME = "no outcome received"
    OPEN_OWN_PLAN = "open the baby's own plan"
    TELL_OUTCOME = "tell how the pregnancy ended"
    LAPSED = "lapsed without outcome"
    NOT_OPENED = "nobody at the authority has opened this"


class Urgency(StrEnum):
    """When a recipient is to be reached (rulings 11, 12, 45)."""

    NOW = "now"
    NEXT_WORKING_MORNING = "next working morning"
    SUMMARY = "summary"


class Route(StrEnum):
    """Which role at the recipient the alert is for (rulings 11, 24, 46)."""

    DUTY = "duty social worker"
    CLINICIAN = "treating clinician"
    SAFEGUARDING = "safeguarding role"
    RESTRICTED = "recipients of restricted records"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanLine:
    """One plan as told: type, dates, the authority with both numbers (ruling 30)."""

    authority: OdsCode
    authority_name: str
    phone_emergency: str
    phone_office: str | None
    plan_type: PlanType
    role: SubjectRole
    start: date
    end: date | None
    state: PlanState
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """Another authority with a plan in force: name and numbers, no plan type (ruling 19)."""

    authority: OdsCode
    name: str
    phone_emergency: str
    phone_office: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitLine:
    """The visit as told (ruling 29). A field that a site withholds, or a rule removes, is None."""

    visit: str
    provider: OdsCode | None
    provider_name: str | None = None
    site: OdsCode | None = None
    location: str | None = None
    state: VisitState
    arrived_at: datetime
    departed_at: datetime | None = None
    patient_class: str | None = None
    arrival_mode: str | None = None
    reason: Reason | None = None
    acuity: str | None = None
    disposition: str | None = None
    clinician_role: str | None = None
    clinician_name: str | None = field(default=None, repr=False)
    call_back: str | None = None
    next_of_kin_relationship: str | None = None
    next_of_kin_name: str | None = field(default=None, repr=False)
    accompanied_by: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewLine:
    """Who looked the person up, where and when (ruling 1, R54)."""

    access_id: str
    organisation: OdsCode
    organisation_name: str
    role: str
    user_name: str = field(repr=False)
    accessed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """
    One standing alert: what one recipient should know of one visit, or of one view outside any visit.

    `alert_id` stays for the life of the thread; `subject` is the reference of the visit or view.
    `earlier_visits` counts the person's other unscheduled visits that began in the seven days before,
    `last_visit_at` is the arrival of the newest (ruling 8). `asked_again` counts how often what is asked has
    been asked once more since (rulings 23, 26, 43). `child_id` is the authority's own id for the child,
    `file_id` the upload that named it last: they go to that authority alone and are no content.
    """

    alert_id: str
    subject: str
    occasion: Occasion
    recipient: Recipient
    route: Route
    urgency: Urgency
    plans: tuple[PlanLine, ...]
    visit: VisitLine | None = None
    views: tuple[ViewLine, ...] = ()
    other_authorities: tuple[Contact, ...] = ()
    earlier_visits: int = 0
    last_visit_at: datetime | None = None
    asked_again: int = 0
    notes: tuple[Note, ...] = ()
    child_id: str | None = field(default=None, repr=False, compare=False)
    file_id: str | None = field(default=None, repr=False, compare=False)


OWN_IDS = frozenset({"child_id", "file_id"})
"""The fields of an alert that are an authority's own and no content (ruling 28)."""


class EventKind(StrEnum):
    """What an event does to its alert."""

    RAISED = "raised"
    UPDATED = "updated"
    WITHDRAWN = "withdrawn"
    RETRACTED = "retracted"


TAKEN_BACK = frozenset({EventKind.WITHDRAWN, EventKind.RETRACTED})
"""After these an alert does not stand."""


class Change(StrEnum):
    """What an update changed (ruling 7); `LOUD` says which reopen the alert."""

    REINSTATED = "reinstated"
    LEFT = "left before treatment or refused"
    CANCELLED = "cancelled"
    ADMITTED = "admitted"
    TRANSFERRED = "transferred to another provider"
    DISCHARGED = "discharged"
    DISCHARGE_CANCELLED = "discharge cancelled"
    DIED = "died"
    PLAN = "plan change"
    REMOVED_AFTERWARDS = "plan removed afterwards"
    RECIPIENT_ROUTE = "route or urgency"
    NOTE = "note"
    LOCATION = "location"
    CLINICIAN = "clinician"
    REASON = "reason"
    ACUITY = "acuity"
    HISTORY = "history"
    VIEW = "view"
    VISIT = "visit details"
    NUMBER = "number superseded"
    RESTRICTED = "restricted: delete what was told before, and confirm it"
    RULES = "rules changed"
    IDENTITY = "identity confirmed, or in doubt again"
    ASKED_AGAIN = "asked again"
    NOT_OPENED = "not opened by the authority"


LOUD: frozenset[Change] = frozenset(
    {
        Change.REINSTATED,
        Change.LEFT,
        Change.CANCELLED,
        Change.ADMITTED,
        Change.TRANSFERRED,
        Change.DISCHARGED,
        Change.DISCHARGE_CANCELLED,
        Change.DIED,
        Change.PLAN,
        Change.RESTRICTED,
        Change.IDENTITY,
        Change.ASKED_AGAIN,
        Change.NOT_OPENED,
    }
)
"""
The loud changes of rulings 7, 23, 24, 26, 43, 45 and 46; every other is quiet: it joins the thread and
reopens nothing.
"""


class Why(StrEnum):
    """Why a visit or view led to an alert or to none: the rule that said so."""

    SHARED = "shared"
    SENSITIVE_PLACE = "ruling 47: sensitive place"
    NOT_FUNDED = "ruling 49: service not paid for by the NHS"
    SCHEDULED = "ruling 3: scheduled setting"
    SILENT_VIEW = "R23: silent view"
    NO_PLAN_DUE = "ruling 10: no plan due"
    OF_AGE = "ruling 13: 18th birthday passed"
    REMOVED_BEFORE = "ruling 14: removed before the arrival"
    HISTORY = "ruling 18: out of view when recorded"
    DETAILS_DISAGREE = "ruling 20: details disagree"
    NOT_CONFIRMED = "ruling 46: identity not confirmed"
    NOT_THIS_PERSON = "ruling 46: a person said that it is somebody else"
    REGISTERED_IN_ERROR = "ruling 16: registered in error"
    REGISTERED_TWICE = "ruling 16: registered twice"
    PREGNANCY_ENDED = "ruling 43: pregnancy ended"
    RESTRICTED = "ruling 24: restricted, nothing is shared"
    NUMBER_NOT_IN_USE = "ruling 23: number not in use"
    WRONG_PERSON = "ruling 44: recorded under the wrong person"
    NEWER_RULES = "not told: decided only by newer rules"
    SHARING_STOPPED = "ruling 45: sharing stopped by a controller"
    OWN_PLAN = "ruling 26: the baby has a plan of its own"
    NOT_BORN_UNDER = "ruling 26: not born under the unborn child's plan"
    NO_OUTCOME_AWAITED = "ruling 43: no outcome of a pregnancy is awaited"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertEvent:
    """
    One message to one recipient.

    Revisions of an alert are gapless from 1; `event_id` is the idempotency key. `why` is the rule that took
    a withdrawn alert back. `policy_version` is that of the policy under which it was decided; it is no
    content.
    """

    event_id: str
    subject: NhsNumber
    alert: Alert
    revision: int
    kind: EventKind
    changes: tuple[Change, ...] = ()
    why: Why | None = None
    policy_version: str = field(default="", compare=False)

    @property
    def loud(self) -> bool:
        """Whether the event reopens the alert: anything but an update of quiet changes only (ruling 7)."""
        return self.kind is not EventKind.UPDATED or not LOUD.isdisjoint(self.changes)
