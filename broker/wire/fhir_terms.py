"""
The codes of FHIR R4 and the UK Core that a visit is read by, each with what it is in the broker's own terms.

One table to review for each element (dossier 6.4, 6.6, 6.7). Where HL7 version 2 has a code for the same,
that is the term, so that a visit is the same fact by either format. A code that is in no table goes on as it
is where it can only be shown, and is left alone where it would decide.
"""

from typing import Final

from broker.core.facts import NumberStatus, VisitEvent
from broker.core.senders import Sender

NHS_NUMBER: Final = frozenset(
    {
        "https://fhir.nhs.uk/Id/nhs-number",
        "http://fhir.nhs.net/Id/nhs-number",
        "urn:oid:2.16.840.1.113883.2.1.4.1",
    }
)
"""Systems of an identifier that is an NHS number: today's, that of older guides, that of HL7 version 3."""
ORGANISATION: Final = frozenset(
    {"https://fhir.nhs.uk/Id/ods-organization-code", "http://fhir.nhs.net/Id/ods-organization-code"}
)
SITE: Final = frozenset({"https://fhir.nhs.uk/Id/ods-site-code", "http://fhir.nhs.net/Id/ods-site-code"})
SNOMED: Final = "http://snomed.info/sct"

_UK = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-"
NUMBER_STATUS: Final = f"{_UK}NHSNumberVerificationStatus"
ADMISSION_METHOD: Final = f"{_UK}AdmissionMethod"
DISCHARGE_METHOD: Final = f"{_UK}DischargeMethod"
DISCHARGE_STATUS: Final = f"{_UK}EmergencyCareDischargeStatus"

TRIGGER_EVENTS: Final = "http://terminology.hl7.org/CodeSystem/v2-0003"
"""System of the trigger events of HL7 version 2, as they stand in MessageHeader."""
NOTIFICATIONS: Final = "http://hl7.org/fhir/us/davinci-alerts/CodeSystem/notification-event"
"""System of the event codes of Da Vinci notifications [A20]."""
ADMISSION: Final = "notification-admit"
"""The event that means a registration or an admission, by the visit's class."""

EVENTS: Final = {
    **{(TRIGGER_EVENTS, event.value): event for event in VisitEvent},
    (NOTIFICATIONS, "notification-transfer"): VisitEvent.TRANSFERRED,
    (NOTIFICATIONS, "notification-discharge"): VisitEvent.DISCHARGED,
}
"""What a message says happened, by system and code of its event."""

MERGES: Final = frozenset({(TRIGGER_EVENTS, "A40"), (TRIGGER_EVENTS, "A34")})

PLANNED: Final = "planned"
PRESENT: Final = frozenset({"arrived", "triaged", "in-progress", "onleave"})
"""Status of an encounter whose patient is there, or is expected back."""
STATUSES: Final = {
    "finished": VisitEvent.DISCHARGED,
    "cancelled": VisitEvent.CANCELLED,
    "entered-in-error": VisitEvent.CANCELLED,
    "unknown": VisitEvent.UPDATED,
}
"""What the other states of an encounter say happened."""
IN_ERROR: Final = "entered-in-error"
"""The state that says why as well (ruling 16): it is the cancellation's reason, in capitals."""


def event_of(system: str, code: str, began: VisitEvent) -> VisitEvent | None:
    """Return what a message says happened, `began` for an `ADMISSION`, None for an event nobody knows."""
    return began if (system, code) == (NOTIFICATIONS, ADMISSION) else EVENTS.get((system, code))


def contradicts(status: str, event: VisitEvent | None) -> bool:
    """Whether a visit is void by its status, and by the event of its message something happened in it."""
    void = STATUSES.get(status) is VisitEvent.CANCELLED
    return void and event not in {None, VisitEvent.CANCELLED, VisitEvent.UPDATED}


INPATIENT: Final = "I"
CLASSES: Final = {
    "EMER": "E",
    "IMP": INPATIENT,
    "ACUTE": INPATIENT,
    "NONACUTE": INPATIENT,
    "SS": INPATIENT,
    "AMB": "O",
    "PRENC": "P",
}
"""PV1-2 by the code of the class; any other code goes on as it is, and alerts (rulings 2, 4)."""


def class_of(code: str, sender: Sender) -> str | None:
    """Return PV1-2 by the code of a class, one of the sender's own by what it means; None without one."""
    national = sender.patient_classes.of(code)
    return CLASSES.get(national, national) or None


NUMBER_STATUSES: Final = {
    **{status.value: status for status in NumberStatus},
    "number-present-and-verified": NumberStatus.VERIFIED,
    "number-present-but-not-traced": NumberStatus.NOT_TRACED,
    "trace-required": NumberStatus.TRACE_REQUIRED,
    "trace-attempted-no-match-or-multiple-match-found": NumberStatus.NO_OR_MULTIPLE_MATCH,
    "trace-needs-to-be-resolved": NumberStatus.CONFLICT,
    "trace-in-progress": NumberStatus.IN_PROGRESS,
    "number-not-present-and-trace-not-required": NumberStatus.NOT_REQUIRED,
    "trace-postponed": NumberStatus.POSTPONED,
}
"""Both code systems of the UK Core: two digits, and words."""

DISPOSITIONS: Final = {
    (SNOMED, "1066301000000103"): "12",  # left before initial assessment
    (SNOMED, "1066311000000101"): "12",  # after it
    (SNOMED, "1066321000000107"): "12",  # before treatment was completed
    (SNOMED, "63238001"): "10",  # dead on arrival
    (SNOMED, "75004002"): "10",  # died in the department
    ("http://terminology.hl7.org/CodeSystem/discharge-disposition", "exp"): "10",
    ("http://terminology.hl7.org/CodeSystem/discharge-disposition", "aadvice"): "13",
    ("http://terminology.hl7.org/CodeSystem/discharge-disposition", "other-hcf"): "7",
}
"""PV1-36 by system and code of how somebody left; any other says nothing of it."""
DISCHARGE_METHODS: Final = {"2": "13", "4": "10", "5": "5", "6": "13", "7": "13"}
"""PV1-36 by the data dictionary's discharge method: 2, 6 and 7 are against advice, 4 death, 5 stillbirth."""

ARRIVAL_MODES: Final = frozenset(
    {
        *("1048031000000100", "1048041000000109", "1048021000000102", "1048051000000107"),
        *("1048081000000101", "1048061000000105", "1048071000000103", "1048001000000106"),
        "1047991000000102",
    }
)
"""SNOMED CT, dossier 6.6. They are known by themselves, in whichever extension a supplier has them."""
ARRIVAL_MODE: Final = "http://terminology.hl7.org/CodeSystem/v2-0430"

RESTRICTING: Final = frozenset({"R", "V", "REDACTED"})
"""Codes of `meta.security` that restrict the whole person (ruling 24), in whichever system: doubt hides."""

CLINICIANS: Final = {"ATND": "attending", "CON": "consulting"}
"""Role by the type of a participant, in the order of preference (ruling 29)."""

MOTHER: Final = frozenset({"MTH", "NMTH", "12"})
RELATIONSHIPS: Final = {
    "SPS": "1",
    "DOMPART": "2",
    "PRN": "3",
    "N": "4",
    "GUARD": "5",
    "PRNFOST": "6",
    "CHILD": "9",
    "CHD": "9",
    "MTH": "12",
    "NMTH": "12",
    "FTH": "13",
    "NFTH": "13",
    "SIS": "14",
    "BRO": "15",
    "FAMMEMB": "16",
    "STPPRN": "61",
    "STPMTH": "61",
    "STPFTH": "61",
}
"""Table 0063 (UK) by the code of a relationship; any other code goes on as it is."""
