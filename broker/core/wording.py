"""The fixed sentences of rulings 14, 16, 24, 30, 32, 33, 44, 46: what a reader of an alert must be told."""

from collections.abc import Collection

from broker.core.alerts import (
    Alert,
    Change,
    EventKind,
    Note,
    Occasion,
    PlanState,
    RecipientKind,
    VisitState,
)

SUPPORTS = "This supports and does not replace professional judgement or a direct call."
NOT_FOR_RELEASE = "Not for patient or proxy release."
NOT_TO_ADULT = "Do not show to the accompanying adult."
CANCELLED = (
    "Cancelled by the hospital; no reason was given. "
    "The child may have been there and left – ring the hospital."
)
WRONG_PERSON = "Recorded under the wrong person – disregard this alert."
WITHDRAWN = (
    "Withdrawn: what you were told of this stands no longer. That is not evidence of no risk, "
    "and not that there was no plan."
)
REMOVED = "Removed by the authority – ring before relying on it."
VIEW_IS_NO_ATTENDANCE = "Somebody looked this record up. That is not evidence that the person attended."
CANCELLED_RESTRICTED = (
    "Cancelled by the hospital; no reason was given. The child may have been there and left – ask to be rung."
)
COULD_NOT_CHECK = "Could not check: ring safeguarding."
ATTENDED_SOMEWHERE = "Attended an unscheduled setting; which one is not told."
RING_PROVIDER = "Restricted record: ask to be rung by the hospital's safeguarding role."
TO_SAFEGUARDING = (
    "Restricted record: for the safeguarding role on duty, else the nurse in charge, who rings the "
    f"authority. All other staff are told: {COULD_NOT_CHECK}"
)
NOT_DISCUSSED = "Do not discuss with the accompanying adult."
CONFIRM_DELETION = (
    "The record was restricted after you were told: "
    "delete what you were told of it before, and confirm that it is deleted."
)
RULES_CHANGED = "The rules for deciding this have changed; no new message led to it."
NEXT_OF_KIN = "Next of kin on the hospital's record may not be the person with the child."
SITE_UNLISTED = "The hospital has not said whether this location is scheduled."
MOVED = "The authority was reorganised; this went to its successor."
NUMBER_CHANGE = (
    "The NHS number may have changed; the demographic source has been asked. Check who this is about."
)
NUMBER_INACTIVE = (
    "This NHS number is not in use, and your plan on it is open: nobody can be told of the child's visits. "
    "Find the number in use and send the plan under it; never send the two numbers together."
)
PROTECTION_PLAN_OPEN = "A child protection plan is open on this number."
NOT_CONFIRMED = (
    "Possible attendance, identity not confirmed: a visit was recorded under this NHS number, and nobody at "
    "the hospital has said yet whether it is this person's."
)
NO_OUTCOME = (
    "The hospital has sent no outcome of this visit: nobody knows here whether the child is still there."
)
OPEN_OWN_PLAN = (
    "A baby was born whom your unborn child's plan covers. Open a plan under the baby's own NHS number, or "
    "answer that there is to be none; the unborn child's plan is yours to end."
)
TELL_OUTCOME = (
    "The due date of this unborn child's plan is past, and no outcome of the pregnancy is known here. Send "
    "the baby's own plan, another due date, or that the pregnancy ended."
)
LAPSED = (
    "Lapsed without outcome: nobody has told how the pregnancy ended, and soon nobody is told by this plan "
    "any more. Find out where the baby is, and open its own plan."
)
NOT_OPENED = (
    "Nobody at the authority has opened this – ring the number that is given with its plan. Of several "
    "authorities at least one has not."
)
NOT_IN_USE = "Could not check: the NHS number is not in use, trace the patient (ruling 23)."
NO_PLAN = "No plan on file. That is not evidence of no risk."
SEARCHED = (
    "Searched: child protection, looked-after and unborn plans of English authorities; "
    "not section 47 enquiries, police or emergency protection, short breaks, or other nations."
)

_NOTES = {
    Note.SITE_UNLISTED: SITE_UNLISTED,
    Note.MOVED_TO_SUCCESSOR: MOVED,
    Note.NUMBER_CHANGE: NUMBER_CHANGE,
    Note.NUMBER_INACTIVE: NUMBER_INACTIVE,
    Note.PROTECTION_PLAN_OPEN: PROTECTION_PLAN_OPEN,
    Note.NOT_CONFIRMED: NOT_CONFIRMED,
    Note.NO_OUTCOME: NO_OUTCOME,
    Note.OPEN_OWN_PLAN: OPEN_OWN_PLAN,
    Note.TELL_OUTCOME: TELL_OUTCOME,
    Note.LAPSED: LAPSED,
    Note.NOT_OPENED: NOT_OPENED,
}


def statements(
    alert: Alert, changes: Collection[Change] = (), *, kind: EventKind = EventKind.RAISED
) -> tuple[str, ...]:
    """Return the sentences of an alert, of what an event does to it and changed, the most pressing first."""
    taken_back = {EventKind.RETRACTED: WRONG_PERSON, EventKind.WITHDRAWN: WITHDRAWN}
    said = [taken_back[kind]] if kind in taken_back else []
    to_authority = alert.recipient.kind is RecipientKind.AUTHORITY
    restricted = Note.RESTRICTED in alert.notes
    if Change.RESTRICTED in changes:
        said.append(CONFIRM_DELETION)
    if Change.RULES in changes:
        said.append(RULES_CHANGED)
    if restricted:
        said += _of_restricted(alert, to_authority=to_authority)
    if alert.visit is not None and alert.visit.state is VisitState.CANCELLED:
        said.append(CANCELLED_RESTRICTED if restricted and to_authority else CANCELLED)
    if any(plan.state is PlanState.REMOVED for plan in alert.plans):
        said.append(REMOVED)
    if alert.occasion is Occasion.VIEWED:
        said.append(VIEW_IS_NO_ATTENDANCE)
    said += [_NOTES[note] for note in alert.notes if note is not Note.RESTRICTED]
    if alert.visit is not None and alert.visit.next_of_kin_relationship is not None:
        said.append(NEXT_OF_KIN)
    said.append(SUPPORTS)
    if not to_authority:
        said += [NOT_FOR_RELEASE, NOT_TO_ADULT]
    return tuple(said)


def _of_restricted(alert: Alert, *, to_authority: bool) -> tuple[str, ...]:
    """Return what to say of a restricted record (ruling 24); no hospital knows of a number (23)."""
    if not to_authority:
        return TO_SAFEGUARDING, NOT_DISCUSSED
    if alert.occasion is Occasion.NUMBER_INACTIVE:
        return ()
    attended = alert.occasion is Occasion.ATTENDED and Note.NOT_CONFIRMED not in alert.notes
    return (ATTENDED_SOMEWHERE,) * attended + (RING_PROVIDER,)
