"""The sentences of an explanation, a table for each kind of outcome, each with the rule that it follows."""

from collections.abc import Mapping

from broker.core.alerts import Change, EventKind, Mark, Note, Occasion, PlanState, Route, Urgency, Why
from broker.core.alerts import VisitState as State
from broker.core.explanation import MatchedBy, Obstacle
from broker.core.facts import IdentityKind, PlanType, VisitEvent
from broker.core.matching import Comparison
from broker.core.setting import Ground

FACTS: Mapping[VisitEvent | PlanType | IdentityKind | Occasion, str] = {
    VisitEvent.ADMITTED: "admitted (A01)",
    VisitEvent.TRANSFERRED: "transferred (A02)",
    VisitEvent.DISCHARGED: "discharged (A03)",
    VisitEvent.REGISTERED: "registered (A04)",
    VisitEvent.UPDATED: "updated (A08)",
    VisitEvent.CANCELLED: "cancelled (A11)",
    VisitEvent.TRANSFER_CANCELLED: "transfer cancelled (A12)",
    VisitEvent.DISCHARGE_CANCELLED: "discharge cancelled (A13)",
    PlanType.CHILD_PROTECTION: "child protection plan",
    PlanType.LOOKED_AFTER: "looked-after plan",
    PlanType.UNBORN: "unborn child's plan",
    IdentityKind.RESTRICTED: "the record is restricted (ruling 24)",
    IdentityKind.RESTRICTION_LIFTED: "the restriction is lifted (ruling 24)",
    IdentityKind.EXCLUDED: "a user must not see the person (ruling 48)",
    IdentityKind.EXCLUSION_ENDED: "who named a user that must not see the person does so no more (ruling 48)",
    IdentityKind.BIRTH_DATE: "a date of birth (ruling 13)",
    IdentityKind.PREGNANCY_ENDED: "the pregnancy ended (ruling 43)",
    IdentityKind.STILLBIRTH: "a birth notice told of a stillbirth (ruling 43)",
    IdentityKind.STILLBIRTH_TAKEN_BACK: "what was said of a stillbirth does not hold (ruling 43)",
    IdentityKind.BORN_TO: "a birth notice was corrected or taken back: who is the mother (ruling 26)",
    IdentityKind.SUPERSEDED: "the number was superseded (ruling 22)",
    IdentityKind.NUMBER_CHANGE: "the number changed, and how is asked of the source (ruling 38)",
    IdentityKind.IN_USE: "the number is in use (rulings 22, 38)",
    IdentityKind.INVALIDATED: "the number is no longer valid (ruling 23)",
    IdentityKind.CONFIRMED: "a person confirmed that the visit is of the one whose number it is under (46)",
    IdentityKind.REFUSED: "a person said that the visit is not of the one whose number it is under (46)",
    IdentityKind.NO_OUTCOME: "nothing had been heard by then of how the visit ended (ruling 7)",
    IdentityKind.UNSETTLED: "nobody had said by then whose the visit is (ruling 46)",
    IdentityKind.UNOPENED: "an authority had not opened by then what it was told (ruling 45)",
    IdentityKind.OPENED: "every authority that was told has opened it (ruling 45)",
    IdentityKind.TIME_PASSED: "it was that late, and what is asked was asked again (rulings 23, 26, 43)",
    IdentityKind.ON_HOLD: "what comes in of the person is to wait",
    IdentityKind.HOLD_ENDED: "what waited was let go",
    Occasion.ATTENDED: "the person came",
    Occasion.VIEWED: "somebody looked the person up",
    Occasion.NUMBER_INACTIVE: "the number of an open plan is not in use (ruling 23)",
    Occasion.BORN: "the baby was linked with a mother who has an unborn child's plan (ruling 26)",
    Occasion.OUTCOME_AWAITED: "the due date of an unborn child's plan was past (ruling 43)",
}
"""What a source said."""

GROUNDS: Mapping[Ground, str] = {
    Ground.LISTED_SENSITIVE: "the place is listed as sensitive: silent whatever else is said (ruling 47)",
    Ground.LISTED_UNSCHEDULED: "unscheduled: the site has listed the place so (ruling 4)",
    Ground.LISTED_SCHEDULED: "scheduled: an outpatient at a place that the site has listed so (ruling 4)",
    Ground.EMERGENCY: "unscheduled: an emergency class or admission type outweighs any other (ruling 4)",
    Ground.PLANNED: "scheduled: a planned admission type or class, and nothing outweighs it (ruling 4)",
    Ground.OUTPATIENT_UNLISTED: "unscheduled: an outpatient at a place that is not listed (ruling 4)",
    Ground.DOUBT: "unscheduled: nothing says that it was planned, and doubt tells (rulings 2, 4)",
}
"""How the setting was decided; once unscheduled is unscheduled for the whole visit."""

WHYS: Mapping[Why, str] = {
    Why.SHARED: "shared",
    Why.SENSITIVE_PLACE: "not shared: recorded at a place listed as sensitive, and ignored (ruling 47)",
    Why.NOT_FUNDED: "not shared: a service of an independent hospital that is not on the list of "
    "those that the NHS pays for (ruling 49)",
    Why.SCHEDULED: "not shared: a scheduled setting is silent (ruling 3)",
    Why.SILENT_VIEW: "not shared: a silent view tells nobody (R23)",
    Why.NO_PLAN_DUE: "not shared: no plan on file counts for it (ruling 10)",
    Why.OF_AGE: "not shared: the birthday of majority was on or before the arrival (ruling 13)",
    Why.REMOVED_BEFORE: "not shared: the authority had removed the plan by the arrival (ruling 14)",
    Why.HISTORY: "not shared: the plan was out of view each time it was recorded (ruling 18)",
    Why.DETAILS_DISAGREE: "not shared: the details do not match; somebody is asked to confirm (ruling 20)",
    Why.NOT_CONFIRMED: "only provider and time are told: the details do not match, and in good time nobody "
    "confirmed who the patient is (ruling 46)",
    Why.NOT_THIS_PERSON: "not shared: the details do not match, and a person said that it is somebody else "
    "(ruling 46)",
    Why.REGISTERED_IN_ERROR: "not shared: cancelled as registered in error (ruling 16)",
    Why.REGISTERED_TWICE: "not shared: cancelled, and the same visit is registered again (ruling 16)",
    Why.RESTRICTED: "not shared: the record is restricted, and the policy shares nothing of such; the "
    "provider is answered: could not check (ruling 24)",
    Why.PREGNANCY_ENDED: "not shared: the pregnancy was recorded to have ended by then (ruling 43)",
    Why.NUMBER_NOT_IN_USE: "not shared: the number is not in use, and no plan is open on it (ruling 23)",
    Why.OWN_PLAN: "not shared: the mother's plan covers no baby with a plan of its own (ruling 26)",
    Why.NOT_BORN_UNDER: "not shared: the baby was not born under the mother's plan (ruling 26)",
    Why.NO_OUTCOME_AWAITED: "not asked: the outcome of the pregnancy is known, its due date is to come, or "
    "the plan was removed (ruling 43)",
    Why.WRONG_PERSON: "not shared: recorded under the wrong person, goes on under another number (ruling 44)",
    Why.NEWER_RULES: "not told: decided only by newer rules, when the person had left (ruling 45, ADR 0016)",
    Why.SHARING_STOPPED: "not shared: a controller's signed stop held; who asks is answered: could not check "
    "(ruling 45)",
}
"""What was decided of a visit or view as a whole."""

OBSTACLES: Mapping[Obstacle, str] = {
    Obstacle.PREGNANCY_ENDED: "pregnancy ended, recorded {at}, arrival {arrival} (ruling 43)",
    Obstacle.OF_AGE: "{age} years old by the arrival {arrival} (ruling 13)",
    Obstacle.HISTORY: "plan ended {end}, last visible day {last}, recorded only {recorded} (ruling 18)",
    Obstacle.REMOVED_BEFORE: "plan removed by the authority, recorded {at}, arrival {arrived} (ruling 14)",
    Obstacle.RECORDED_LATE: "plan first recorded {recorded}, cut-off {cutoff} (ruling 10)",
    Obstacle.ENDED: "plan ended {end}, last visible day {last}, arrival {arrival} (ruling 9)",
    Obstacle.NOT_BEGUN: "plan begins {start}, last day of the stay {stay_end} (ruling 10)",
    Obstacle.OWN_PLAN: "the baby has a plan of its own, recorded by the cut-off {cutoff} (ruling 26)",
    Obstacle.NOT_BORN_UNDER: "not born from the plan's first day {start} to its last visible day {last} "
    "(ruling 26)",
    Obstacle.LINKED_LATE: "linked with the mother only after the cut-off {cutoff} (ruling 26)",
    Obstacle.DETAILS_DISAGREE: "details do not match ({compared}); to be confirmed by a person (ruling 20)",
    Obstacle.NOT_THIS_PERSON: "details do not match ({compared}); somebody else, a person said (ruling 46)",
    Obstacle.SHARING_STOPPED: "its authority's signed stop of sharing held on {arrival} (ruling 45)",
}
"""Why a plan does not count, with what was compared."""

PLAN_STATES: Mapping[PlanState, str] = {
    PlanState.ACTIVE: "in force (rulings 9, 12)",
    PlanState.PAST_DUE_DATE: "past its due date, which counts as in force (ruling 12)",
    PlanState.ENDED: "ended, still visible (rulings 9, 12)",
    PlanState.REMOVED: "removed by the authority after the arrival: ring before relying on it (ruling 14)",
    PlanState.NO_LONGER_IN_FORCE: "no longer in force by the authority's newer record (ruling 15)",
}

MARKS: Mapping[Mark, str] = {
    Mark.RETROACTIVE: "recorded only after the arrival (ruling 11)",
    Mark.DELAYED: "received long after the visit was recorded and the person had left (ruling 11)",
    Mark.DETAILS_DIFFER: "a detail differs: check (ruling 20)",
    Mark.COULD_BE_TWIN: "only the given name differs: could be a twin or sibling (ruling 20)",
    Mark.DETAILS_NOT_CONFIRMED: "no details confirm the number (ruling 20)",
    Mark.CONFIRMED_BY_HAND: "the details do not match; a person confirmed who it is (ruling 46)",
    Mark.REMOVED_AFTERWARDS: "removed by the authority after the cut-off (ruling 14)",
    Mark.NEWBORN_OF: "newborn of the mother on whose number the plan is on file (ruling 26)",
}

MATCHED: Mapping[MatchedBy, str] = {
    MatchedBy.DETAILS: "match, by two details that agreed at one time (ruling 20)",
    MatchedBy.LINK: "match, since the baby is linked with its mother (ruling 26)",
    MatchedBy.ALLOWANCE: "match, since the number was traced on both sides (ruling 20)",
    MatchedBy.PERSON: "taken as a match, since a person confirmed who it is (ruling 46)",
}

COMPARED: Mapping[Comparison, str] = {
    Comparison.AGREES: "agrees",
    Comparison.DISAGREES: "disagrees",
    Comparison.NEITHER: "counts neither way",
}
"""How one detail stood to the other; never what it was."""

VISIT_STATES: Mapping[State, str] = {
    State.PRESENT: "the person is there",
    State.ADMITTED: "admitted",
    State.TRANSFERRED: "transferred to another provider",
    State.DISCHARGED: "discharged",
    State.LEFT_BEFORE_TREATMENT: "left before treatment",
    State.REFUSED_TREATMENT: "refused treatment",
    State.DIED: "died",
    State.CANCELLED: "cancelled by the hospital",
    State.NOT_CONFIRMED: "nobody has confirmed who the patient is (ruling 46)",
}

NOTES: Mapping[Note, str] = {
    Note.SITE_UNLISTED: "the site is asked to list the place (ruling 4)",
    Note.RESTRICTED: "restricted record: reduced content (ruling 24)",
    Note.MOVED_TO_SUCCESSOR: "the authority was reorganised: told to its successor (ruling 19)",
    Note.NUMBER_CHANGE: "the number may have changed: the source is asked, matching goes on (ruling 38)",
    Note.NUMBER_INACTIVE: "the number is not in use and a plan on it is open (ruling 23)",
    Note.NOT_CONFIRMED: "possible attendance, identity not confirmed: provider and time only (ruling 46)",
    Note.NO_OUTCOME: "no departure, admission or other outcome was received in time (ruling 7)",
    Note.PROTECTION_PLAN_OPEN: "a child protection plan is open on it (ruling 23)",
    Note.OPEN_OWN_PLAN: "the authority is asked to open the baby's own plan (ruling 26)",
    Note.TELL_OUTCOME: "the authority is asked how the pregnancy ended (ruling 43)",
    Note.LAPSED: "nobody has told how the pregnancy ended, and nobody asks any more (ruling 43)",
    Note.NOT_OPENED: "an authority has not opened what it was told: the clinician is to ring it (ruling 45)",
}

URGENCIES: Mapping[Urgency, str] = {
    Urgency.NOW: "at once (ruling 45)",
    Urgency.NEXT_WORKING_MORNING: "the next working morning, since the plan has ended (ruling 12)",
    Urgency.SUMMARY: "in a summary, since it is delayed and the person has left (ruling 11)",
}

ROUTES: Mapping[Route, str] = {
    Route.DUTY: "to the duty social worker",
    Route.CLINICIAN: "to the treating clinician: it could be told while the person was there (ruling 11)",
    Route.SAFEGUARDING: "to the safeguarding role: the person has left or the record is restricted "
    "(rulings 11, 24)",
    Route.RESTRICTED: "to those who receive restricted records (ruling 24)",
}

KINDS: Mapping[EventKind, str] = {
    EventKind.RAISED: "raised",
    EventKind.UPDATED: "updated",
    EventKind.WITHDRAWN: "withdrawn",
    EventKind.RETRACTED: "retracted",
}

CHANGES: Mapping[Change, str] = {
    Change.REINSTATED: "stands again",
    Change.LEFT: "left before treatment or refused it",
    Change.CANCELLED: "cancelled by the hospital",
    Change.ADMITTED: "admitted",
    Change.TRANSFERRED: "transferred to another provider",
    Change.DISCHARGED: "discharged",
    Change.DISCHARGE_CANCELLED: "the discharge was cancelled",
    Change.DIED: "died",
    Change.PLAN: "a plan changed",
    Change.REMOVED_AFTERWARDS: "a plan was removed after the cut-off",
    Change.RECIPIENT_ROUTE: "to whom or how urgently changed",
    Change.NOTE: "a note came or went",
    Change.LOCATION: "the location changed",
    Change.CLINICIAN: "the clinician changed",
    Change.REASON: "the reason changed",
    Change.ACUITY: "the acuity changed",
    Change.HISTORY: "the count of other visits changed",
    Change.VIEW: "somebody looked the person up",
    Change.RESTRICTED: "restricted since: what was told before is to be deleted, and that confirmed (24)",
    Change.VISIT: "other details of the visit changed",
    Change.IDENTITY: "who the patient is was confirmed, or is in doubt again (ruling 46)",
    Change.ASKED_AGAIN: "asked again, since nobody has answered (rulings 23, 26, 43)",
    Change.NOT_OPENED: "an authority has not opened what it was told, and is to be rung (ruling 45)",
    Change.NUMBER: "the person's number was superseded (ruling 22)",
    Change.RULES: "the rules or the policy changed, and no new message led to it (ADR 0016)",
}
