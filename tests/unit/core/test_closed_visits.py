"""What a closed visit still hears: nothing, unless its number is used for another attendance (ADR 0049)."""

import pytest

from broker.core.closed_visits import too_late, used_again
from broker.core.effects import advance
from broker.core.person import Person, lift
from tests.spec.settled import KEY
from tests.spec.table import facts, moment
from tests.unit.core.test_retention import HEAD, PLAN, POLICY, kept, settled

CLOSED = f"{PLAN}T | A04 | v1 |\nT | view | a1 RYY |"
NOW = "T+61d"

LATE = {
    "T+61d | A08 | v1 |": True,
    "T+61d | A08 | v1 | arrived_at=T+61d": True,
    "T+61d | A04 | v1 |": True,
    "T+61d | A04 | v1 | arrived_at=T+26d-1m": True,
    "T+61d | A04 | v1 | arrived_at=T+26d": False,
    "T+61d | A04 | v1 | occurred_at=T+61d": False,
    "T+61d | A04 | v1 | arrived_at=T occurred_at=T+61d": True,
    "T+61d | A04 | v1 | arrived_at=T+99d": True,
    "T+61d | A01 | v1 | arrived_at=T+61d": False,
    "T | view | a1 RYY |": True,
    "T+61d | A08 | v2 |": False,
    "T | view | a2 RYY |": False,
    "T | plan | CPP E09 |": False,
    "T | notice | n1 |": False,
}


def closed() -> Person:
    """Return somebody with a plan, whose visit and whose view are closed."""
    person = settled(CLOSED, "T+60d")
    assert person is not None
    return person


@pytest.mark.parametrize("row", LATE)
def test_what_is_about_a_closed_visit_or_view_is_too_late(row: str) -> None:
    """It is noted; a registration by whose own times the person came within L, and all else, is decided."""
    [fact] = facts(HEAD + row)
    person = used_again(closed(), [fact], moment(NOW), POLICY)

    assert LATE[row] == too_late(fact, person)


def test_a_closed_visit_whose_number_is_used_again_is_told_again() -> None:
    """Its thread goes on, loudly, with what this attendance says; of what was before nothing is held."""
    [fact] = facts(f"{HEAD}T+61d | A04 | v1 | arrived_at=T+61d")
    before = closed()
    advanced = advance(used_again(before, [fact], moment(NOW), POLICY).learn(lift(fact)), POLICY, KEY)

    assert {"v1", "a1"} == before.closed
    assert ["v1"] == kept(advanced.person)
    assert {"a1"} == advanced.person.closed
    first, *_ = advanced.events
    assert first.alert.visit is not None
    assert ({2}, moment(NOW)) == ({one.revision for one in advanced.events}, first.alert.visit.arrived_at)
