"""How far a probe came is one exit code, and what the canary sends is a message like any other."""

from datetime import UTC, datetime, timedelta

import pytest

from broker.core.identifiers import OdsCode
from broker.core.number_ranges import Nation, nation_of
from broker.core.probing import CANARY_NUMBER, Phase, Step, exit_code
from broker.wire.canary import canary_message
from broker.wire.hl7v2 import parse
from tests.builders.hl7 import read

PROVIDER = OdsCode("RXM")
AT = datetime(2025, 7, 1, 10, 15, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("failing", "code"),
    [
        (None, 0),
        (Phase.CONNECTED, 3),
        (Phase.ANSWERED, 4),
        (Phase.DURABLE, 5),
        (Phase.PASSED, 6),
        (Phase.TOLD, 7),
    ],
)
def test_each_phase_has_an_exit_code(failing: Phase | None, code: int) -> None:
    """A phase that was not reached ends the probe."""
    steps = [Step(phase=phase, seconds=None if phase is failing else 1.0) for phase in Phase]

    assert code == exit_code(steps)


def test_what_nobody_could_look_at_is_no_failure() -> None:
    """It is said in words; what lies behind it may still be seen."""
    steps = [
        Step(phase=Phase.DURABLE, words="not looked at", looked=False),
        Step(phase=Phase.PASSED, seconds=1),
    ]

    assert not steps[0].failed
    assert 0 == exit_code(steps)


def test_an_end_that_nobody_could_see_is_no_success() -> None:
    """Whoever watches by the exit code would take a user without rights for a broker that works."""
    unseen = Step(phase=Phase.TOLD, words="not looked at", looked=False)

    assert 8 == exit_code([Step(phase=Phase.PASSED, seconds=1), unseen])
    assert 6 == exit_code([Step(phase=Phase.PASSED, words="no matcher took it"), unseen])


@pytest.mark.parametrize("live", [True, False])
def test_the_canary_is_read_like_any_patient(*, live: bool) -> None:
    """Verified, at an emergency department, in London's time; marked live in a live deployment alone (27)."""
    data = canary_message(PROVIDER, "CANARY", visit="PROBE-1", at=AT, live=live)

    reading = read(data, AT + timedelta(seconds=1))

    message = reading.message
    assert (CANARY_NUMBER, PROVIDER, "PROBE-1", ()) == (
        reading.number,
        reading.provider,
        reading.control_id,
        reading.faults,
    )
    assert (AT, "E", "ED", "Probe", "Canary") == (
        message.arrived_at,
        message.patient_class,
        message.location,
        message.family,
        message.given,
    )
    assert ("P" if live else "T") == parse(data).header.field(11)
    assert Nation.TEST is nation_of(CANARY_NUMBER)
