"""Each control of a hazard is one: without it the tests of that hazard fail, and those of no other."""

import re

import pytest

from tests.tools.hazards import HAZARDS, TESTS, Hazard
from tests.tools.mutants import try_out
from tests.tools.mutations import Mutation
from tests.tools.stale_docs import REPOSITORY

CONTROLS = [(hazard, control) for hazard in HAZARDS for control in hazard.controls]
TEST_NAME = re.compile(r"^def (test_\w+)", re.MULTILINE)


@pytest.mark.parametrize(
    ("hazard", "control"), CONTROLS, ids=[f"{hazard.name}, {one.mistake}" for hazard, one in CONTROLS]
)
def test_a_hazard_is_noticed_when_its_control_is_removed(hazard: Hazard, control: Mutation) -> None:
    """By its own tests, on the pure core: what each shows hangs on the control and on nothing else."""
    trial = try_out(control.mutant(REPOSITORY), (str(TESTS),), first_only=False)

    noticed = {re.split(r"::|\[", one)[1] for one in trial.noticed_by}
    assert (False, True) == (trial.broken, bool(noticed))
    assert noticed <= hazard.tests


def test_every_hazard_has_its_tests_and_every_test_its_hazard() -> None:
    """Ten, and none of them without a control."""
    written = TEST_NAME.findall((REPOSITORY / TESTS).read_text("utf-8"))

    assert 10 == len(HAZARDS)
    assert sorted(written) == sorted(name for hazard in HAZARDS for name in hazard.tests)
    assert [] == [hazard.name for hazard in HAZARDS if not hazard.controls]


def test_the_hazard_log_has_every_hazard_with_its_controls_and_tests() -> None:
    """Where a control is, and which test notices that it is gone, stands in the log that people read."""
    log = (REPOSITORY / "docs/explanation/hazards.md").read_text("utf-8")
    named = [
        word
        for hazard in HAZARDS
        for word in (hazard.name, *hazard.tests, *(str(one.module) for one in hazard.controls))
    ]

    assert [] == [word for word in named if word not in log]
