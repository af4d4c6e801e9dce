"""When a process is ready."""

import pytest

from broker.runtime.health import Health, State, readiness

READY = Health(State.READY, {"assigned": 2, "working": 2})


def test_all_roles_ready_is_ready() -> None:
    """Every role is ready and Kafka answers."""
    answer = readiness({"intake": Health(State.READY), "matcher": READY}, kafka_answers=True)

    assert answer.ok
    assert {
        "ready": True,
        "kafka": "answers",
        "roles": {"intake": {"state": "ready"}, "matcher": {"state": "ready", "assigned": 2, "working": 2}},
    } == answer.body


@pytest.mark.parametrize("state", [state for state in State if state is not State.READY])
def test_one_role_that_is_not_is_enough(state: State) -> None:
    """Whatever keeps one role from being ready keeps the process from it, and is named."""
    answer = readiness({"intake": Health(State.READY), "matcher": Health(state)}, kafka_answers=True)

    assert not answer.ok
    assert {"intake": {"state": "ready"}, "matcher": {"state": state.value}} == answer.body["roles"]


def test_without_kafka_nobody_is_ready() -> None:
    """A role may not have noticed yet."""
    answer = readiness({"matcher": READY}, kafka_answers=False)

    assert (False, "away") == (answer.ok, answer.body["kafka"])


def test_without_roles_nobody_is_ready() -> None:
    """A process that has started nothing yet is not ready."""
    assert not readiness({}, kafka_answers=True).ok
