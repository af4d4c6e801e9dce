"""
Is this setting scheduled, unscheduled or sensitive? Rulings 2, 3, 4 and 47, in the order ruling 4 gives.

Doubt falls toward telling the authority, after 47.
"""

from enum import Enum

from broker.core.policy import Policy
from broker.core.policy_keys import Place

OUTPATIENT = "O"  # PV1-2


class Setting(Enum):
    """What the place and kind of a visit say; `UNLISTED` is unscheduled and asks the site to list it."""

    SENSITIVE = "sensitive"
    SCHEDULED = "scheduled"
    UNSCHEDULED = "unscheduled"
    UNLISTED = "unscheduled, location not listed"


def classify(settled: Policy, *, patient_class: str | None, admission_type: str | None) -> Setting:
    """
    Return the setting of one message by ruling 4; an absent or unknown type or class decides nothing.

    `settled` is the policy as it holds where the message was recorded.
    """
    place = settled.listed
    outpatient = patient_class == OUTPATIENT
    if place is Place.SENSITIVE:
        return Setting.SENSITIVE
    if place is Place.UNSCHEDULED:
        return Setting.UNSCHEDULED
    if place is Place.SCHEDULED and outpatient:
        return Setting.SCHEDULED
    if patient_class in settled.emergency_classes or admission_type in settled.emergency_types:
        return Setting.UNSCHEDULED
    if admission_type in settled.scheduled_types or patient_class in settled.scheduled_classes:
        return Setting.SCHEDULED
    return Setting.UNLISTED if outpatient else Setting.UNSCHEDULED
