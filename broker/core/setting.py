"""
Is this setting scheduled, unscheduled or sensitive? Rulings 2, 3, 4 and 47, in the order ruling 4 gives.

And is it one that is shared with at all (ruling 49)?

Doubt falls toward telling the authority, after 47.
"""

from enum import Enum

from broker.core.identifiers import OdsCode
from broker.core.policy import Policy
from broker.core.policy_keys import Place

OUTPATIENT = "O"  # PV1-2


class Setting(Enum):
    """What the place and kind of a visit say; `UNLISTED` is unscheduled and asks the site to list it."""

    SENSITIVE = "sensitive"
    SCHEDULED = "scheduled"
    UNSCHEDULED = "unscheduled"
    UNLISTED = "unscheduled, location not listed"


class Ground(Enum):
    """By which step of ruling 4, or by 47, one message was classified."""

    LISTED_SENSITIVE = "the place is listed as sensitive"
    LISTED_UNSCHEDULED = "the place is listed as unscheduled"
    LISTED_SCHEDULED = "the place is listed as scheduled and the class is outpatient"
    EMERGENCY = "the class or the type is an emergency one"
    PLANNED = "the type or the class is a planned one"
    OUTPATIENT_UNLISTED = "an outpatient at a place that is not listed"
    DOUBT = "nothing says that it was scheduled"

    @property
    def setting(self) -> Setting:
        """What it makes of the message."""
        return _SETTINGS[self]


_SETTINGS = {
    Ground.LISTED_SENSITIVE: Setting.SENSITIVE,
    Ground.LISTED_UNSCHEDULED: Setting.UNSCHEDULED,
    Ground.LISTED_SCHEDULED: Setting.SCHEDULED,
    Ground.EMERGENCY: Setting.UNSCHEDULED,
    Ground.PLANNED: Setting.SCHEDULED,
    Ground.OUTPATIENT_UNLISTED: Setting.UNLISTED,
    Ground.DOUBT: Setting.UNSCHEDULED,
}


def classify(settled: Policy, *, patient_class: str | None, admission_type: str | None) -> Ground:
    """
    Return by what one message is classified (ruling 4); an absent or unknown type or class decides nothing.

    `settled` is the policy as it holds where the message was recorded.
    """
    place = settled.listed
    outpatient = patient_class == OUTPATIENT
    if place is Place.SENSITIVE:
        return Ground.LISTED_SENSITIVE
    if place is Place.UNSCHEDULED:
        return Ground.LISTED_UNSCHEDULED
    if place is Place.SCHEDULED and outpatient:
        return Ground.LISTED_SCHEDULED
    if patient_class in settled.emergency_classes or admission_type in settled.emergency_types:
        return Ground.EMERGENCY
    if admission_type in settled.scheduled_types or patient_class in settled.scheduled_classes:
        return Ground.PLANNED
    return Ground.OUTPATIENT_UNLISTED if outpatient else Ground.DOUBT


def is_funded(settled: Policy, location: str | None, site: OdsCode | None) -> bool:
    """
    Return whether a place's service is shared with: of an independent hospital those on the list alone (49).

    A place that is not said, or not known, is on no list.
    """
    funded = settled.nhs_funded
    return funded is None or location in funded or (site is not None and site.code in funded)
