"""
Is this setting scheduled, unscheduled or sensitive? Rulings 2, 3, 4 and 47, in the order ruling 4 gives.

Doubt falls toward telling the authority, after 47.
"""

from enum import Enum

from broker.core.policy import Place, Site

EMERGENCY_CLASSES = frozenset({"E"})
EMERGENCY_TYPES = frozenset(
    {"21", "22", "23", "24", "25", "28", "31", "32", "2A", "2B", "2C", "2D"}
)  # emergency and maternity admissions
SCHEDULED_TYPES = frozenset({"11", "12", "13", "81"})
SCHEDULED_CLASSES = frozenset({"P", "R", "W"})
OUTPATIENT = "O"


class Setting(Enum):
    """What the place and kind of a visit say; `UNLISTED` is unscheduled and asks the site to list it."""

    SENSITIVE = "sensitive"
    SCHEDULED = "scheduled"
    UNSCHEDULED = "unscheduled"
    UNLISTED = "unscheduled, location not listed"


def listed_as(site: Site, *, location: str | None, site_code: str | None) -> Place | None:
    """Return how the site has listed this location, failing that its site code, or None."""
    by_location = site.locations.get(location) if location else None
    return by_location or (site.locations.get(site_code) if site_code else None)


def classify(place: Place | None, *, patient_class: str | None, admission_type: str | None) -> Setting:
    """Return the setting of one message by ruling 4; an absent or unknown type or class decides nothing."""
    outpatient = patient_class == OUTPATIENT
    if place is Place.SENSITIVE:
        return Setting.SENSITIVE
    if place is Place.UNSCHEDULED:
        return Setting.UNSCHEDULED
    if place is Place.SCHEDULED and outpatient:
        return Setting.SCHEDULED
    if patient_class in EMERGENCY_CLASSES or admission_type in EMERGENCY_TYPES:
        return Setting.UNSCHEDULED
    if admission_type in SCHEDULED_TYPES or patient_class in SCHEDULED_CLASSES:
        return Setting.SCHEDULED
    return Setting.UNLISTED if outpatient else Setting.UNSCHEDULED
