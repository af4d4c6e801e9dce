"""Which of a message's times count is settled by the policy in force when it was received."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from broker.core.facts import VisitEvent, VisitMessage
from broker.core.identifiers import OdsCode
from broker.core.message_times import arrival_of, at_receipt, occurred
from broker.core.policy import Policies, Policy

T = datetime(2026, 1, 10, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
STRICT = Policy(arrival_age=HOUR, arrival_ahead=HOUR, occurred_within=HOUR)
POLICIES = Policies(first=Policy(), later=((T, STRICT),))
MESSAGE = VisitMessage(
    message_id="m",
    visit="v",
    provider=OdsCode("RXX"),
    system="EDSYS",
    control_id="c",
    event=VisitEvent.REGISTERED,
    recorded_at=T - 3 * HOUR,
    sent_at=T - 3 * HOUR,
    received_at=T,
)


@pytest.mark.parametrize("said", [T - 2 * HOUR, T + 2 * HOUR])
def test_an_arrival_counts_by_the_policy_of_its_message_s_receipt(said: datetime) -> None:
    """A later policy is stricter, and is not asked about what came before it (ruling 37)."""
    told = replace(MESSAGE, arrived_at=said)
    before = replace(told, received_at=T - HOUR / 60)

    assert (said, MESSAGE.recorded_at) == (arrival_of([before], POLICIES), arrival_of([told], POLICIES))


def test_when_an_event_occurred_counts_by_the_policy_of_its_message_s_receipt() -> None:
    """As its arrival does (ruling 37)."""
    said = T - 5 * HOUR
    told = replace(MESSAGE, occurred_at=said)
    before = replace(told, received_at=T - HOUR / 60)

    assert [said, MESSAGE.recorded_at] == [
        occurred(message, at_receipt(message, POLICIES)) for message in (before, told)
    ]
