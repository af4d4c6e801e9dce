"""Is a setting scheduled? Ruling 4 over every combination; the rows are in tests/spec/test_setting.py."""

from itertools import product

import pytest

from broker.core.policy import Policy
from broker.core.policy_keys import Place
from broker.core.setting import Ground, Setting, classify

PLACES = (None, *Place)
CLASSES = (None, "E", "I", "O", "B", "P", "R", "W", "?")
TYPES = (None, "11", "12", "13", "81", "21", "22", "28", "31", "2D", "99")


@pytest.mark.parametrize(("place", "patient_class", "kind"), list(product(PLACES, CLASSES, TYPES)))
def test_what_is_scheduled(place: Place | None, patient_class: str | None, kind: str | None) -> None:
    """Location first; an emergency outweighs anything planned; then type, then class (ruling 4)."""
    planned = kind in {"11", "12", "13", "81"} or patient_class in {"P", "R", "W"}
    emergency = patient_class == "E" or kind in {"21", "22", "28", "31", "2D"}
    scheduled = (place is Place.SCHEDULED and patient_class == "O") or (
        planned and not emergency and place is not Place.UNSCHEDULED
    )

    setting = classify(Policy(listed=place), patient_class=patient_class, admission_type=kind).setting

    assert (place is Place.SENSITIVE) == (setting is Setting.SENSITIVE)
    if place is not Place.SENSITIVE:
        assert scheduled == (setting is Setting.SCHEDULED)


def test_every_ground_and_setting_is_reached() -> None:
    """No member is missing."""
    reached = {
        classify(Policy(listed=place), patient_class=patient_class, admission_type=kind)
        for place, patient_class, kind in product(PLACES, CLASSES, TYPES)
    }
    assert (set(Ground), set(Setting)) == (reached, {ground.setting for ground in reached})
