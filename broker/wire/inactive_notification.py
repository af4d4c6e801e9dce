"""
The inactive NHS number notification, HL7 v3 message REPC_MT000005GB01 (dossier 3.7): an alert event → bytes.

Says that a number on which the authority has a plan open is not in use. It never names another: nothing may
connect the two (ruling 23), and what has a successor is told under the successor (22).
"""

from datetime import datetime

from broker.core.alerts import TAKEN_BACK, AlertEvent, Occasion
from broker.wire.access_notification import Correspondents, add_person_ids
from broker.wire.alerts_codec import Published
from broker.wire.hl7v3_writing import UNKNOWN, add, add_recipient, begin, timestamp, written


def tells_of_inactive_number(event: AlertEvent) -> bool:
    """Whether an event says that a number is not in use, or says so again, so that a notification says it."""
    return event.alert.occasion is Occasion.NUMBER_INACTIVE and event.kind not in TAKEN_BACK


def write_inactive_notification(
    told: Published, between: Correspondents, *, notification_id: str, at: datetime
) -> bytes:
    """
    Return the notification of an event, in UTF-8.

    The authority's own id for the child stands in the first alone, as in the event; `notification_id` is a
    UUID, `at` (aware) when the message is made.
    """
    root = begin("CP-ISInactiveNHSNumberNotification")
    add(root, "effectiveTime", value=timestamp(at))
    add(root, "id", root=notification_id)
    add_recipient(root, code=between.authority.code.code, called=between.authority.name)
    patient = add(add(root, "subject"), "pDSInactivePatient")
    add_person_ids(patient, "id", told.event, between.authority)
    file = add(add(patient, "subjectOf"), "lAUploadFile")
    add(file, "value", extension=told.event.alert.file_id or UNKNOWN)
    return written(root)
