"""The fixed sentences of rulings 14, 16, 30, 32 and 33: what a reader of an alert must always be told."""

from broker.core.alerts import Alert, Note, Occasion, PlanState, RecipientKind, VisitState

SUPPORTS = "This supports and does not replace professional judgement or a direct call."
NOT_FOR_RELEASE = "Not for patient or proxy release."
NOT_TO_ADULT = "Do not show to the accompanying adult."
CANCELLED = (
    "Cancelled by the hospital; no reason was given. "
    "The child may have been there and left – ring the hospital."
)
REMOVED = "Removed by the authority – ring before relying on it."
VIEW_IS_NO_ATTENDANCE = "Somebody looked this record up. That is not evidence that the person attended."
RING_PROVIDER = "Restricted record: ask to be rung by the hospital's safeguarding role."
NEXT_OF_KIN = "Next of kin on the hospital's record may not be the person with the child."
SITE_UNLISTED = "The hospital has not said whether this location is scheduled."
MOVED = "The authority was reorganised; this went to its successor."
NUMBER_CHANGE = (
    "The NHS number may have changed; the demographic source has been asked. Check who this is about."
)
NO_PLAN = "No plan on file. That is not evidence of no risk."
SEARCHED = (
    "Searched: child protection, looked-after and unborn plans of English authorities; "
    "not section 47 enquiries, police or emergency protection, short breaks, or other nations."
)

_NOTES = {
    Note.SITE_UNLISTED: SITE_UNLISTED,
    Note.RESTRICTED: RING_PROVIDER,
    Note.MOVED_TO_SUCCESSOR: MOVED,
    Note.NUMBER_CHANGE: NUMBER_CHANGE,
}


def statements(alert: Alert) -> tuple[str, ...]:
    """Return the sentences that go with an alert, the most pressing first."""
    said: list[str] = []
    if alert.visit is not None and alert.visit.state is VisitState.CANCELLED:
        said.append(CANCELLED)
    if any(plan.state is PlanState.REMOVED for plan in alert.plans):
        said.append(REMOVED)
    if alert.occasion is Occasion.VIEWED:
        said.append(VIEW_IS_NO_ATTENDANCE)
    to_authority = alert.recipient.kind is RecipientKind.AUTHORITY
    said += [_NOTES[note] for note in alert.notes if to_authority or note is not Note.RESTRICTED]
    if alert.visit is not None and alert.visit.next_of_kin_relationship is not None:
        said.append(NEXT_OF_KIN)
    said.append(SUPPORTS)
    if not to_authority:
        said += [NOT_FOR_RELEASE, NOT_TO_ADULT]
    return tuple(said)
