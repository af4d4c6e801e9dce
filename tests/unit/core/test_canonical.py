"""The text that ids and digests cover leaves nothing out."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given

from broker.core.alerts import Alert, ViewLine
from broker.core.canonical import canonical
from broker.core.identifiers import OdsCode
from tests.strategies import alerts


@dataclass(frozen=True)
class Box:
    """One field, hidden from repr."""

    inside: object = field(repr=False)


@given(alerts(), alerts())
def test_two_alerts_have_one_text_only_when_they_are_equal(one: Alert, other: Alert) -> None:
    """Hidden fields and those left out of comparison included."""
    same = one == other and (one.child_id, one.file_id) == (other.child_id, other.file_id)
    assert same == (canonical(one) == canonical(other))


@given(alerts())
def test_an_equal_alert_has_the_same_text(alert: Alert) -> None:
    """A copy, built anew, is told alike."""
    assert canonical(alert) == canonical(replace(alert))


def test_a_set_is_told_in_a_settled_order() -> None:
    """Whatever order it was made in."""
    one, other = Box(frozenset("abcdefgh")), Box(frozenset("hgfedcba"))
    assert canonical(one) == canonical(other) != canonical(Box(frozenset("abc")))


def test_a_field_may_be_left_out() -> None:
    """The child id is no content of an alert."""
    view = ViewLine(
        access_id="a1",
        organisation=OdsCode("RXX"),
        organisation_name="Exton",
        role="nurse",
        user_name="A Nurse",
        accessed_at=datetime(2026, 1, 10, tzinfo=UTC),
    )
    other = replace(view, user_name="Another")
    name = frozenset({"user_name"})
    assert canonical(view) != canonical(other)
    assert canonical(view, without=name) == canonical(other, without=name)


@pytest.mark.parametrize("values", [(None, "None"), ("1", 1), (("a", "b"), ("ab",)), ((), (None,))])
def test_values_of_different_kinds_differ(values: tuple[Any, Any]) -> None:
    """Nothing reads like something else."""
    assert canonical(Box(values[0])) != canonical(Box(values[1]))
