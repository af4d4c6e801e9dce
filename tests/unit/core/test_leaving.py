"""A visit has left while nothing newer came than what it left after. Ruling 44."""

from datetime import UTC, datetime, timedelta

import pytest

from broker.core.facts import VisitEvent, VisitLeft, VisitMessage
from broker.core.identifiers import OdsCode
from broker.core.leaving import gone, staying, staying_by

T = datetime(2026, 1, 10, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)


def message(name: str, at: datetime, *, received_at: datetime | None = None) -> VisitMessage:
    """Return a message of visit v1."""
    return VisitMessage(
        message_id=name,
        visit="v1",
        provider=OdsCode("RXX"),
        system="EDSYS",
        control_id=name,
        event=VisitEvent.UPDATED,
        recorded_at=at,
        sent_at=at,
        received_at=received_at or at,
    )


def left(name: str, at: datetime, *, visit: str = "v1", received_at: datetime = T) -> VisitLeft:
    """Return that a visit left after a message."""
    return VisitLeft(
        visit=visit, message_id=name, control_id=name, recorded_at=at, sent_at=at, received_at=received_at
    )


@pytest.mark.parametrize(
    ("after", "at", "away"),
    [("b", T, True), ("c", T, True), ("a", T, False), ("a", T + HOUR, True), ("c", T - HOUR, False)],
)
def test_it_has_left_unless_something_newer_came(after: str, at: datetime, away: bool) -> None:  # noqa: FBT001
    """By stamp, then control id (rulings 37, 44)."""
    visits = {"v1": {"a": message("a", T), "b": message("b", T)}}

    assert (frozenset({"v1"}) if away else frozenset()) == gone(visits, {"v1": {after: left(after, at)}})


def test_the_newest_word_counts() -> None:
    """Of two, the one that left after the newer message."""
    visits = {"v1": {"a": message("a", T)}, "v2": {"x": message("x", T)}}
    leavings = {"v1": {"0": left("0", T - HOUR), "a": left("a", T)}}

    assert {"v2": visits["v2"]} == staying(visits, leavings)


def test_a_visit_that_is_not_known_does_not_leave() -> None:
    """Its messages are gone, or are still to come."""
    assert frozenset() == gone({}, {"v1": {"a": left("a", T)}})


def test_a_clock_that_ran_ahead_is_ordered_by_the_receipt() -> None:
    """As everywhere (ruling 37)."""
    visits = {"v1": {"a": message("a", T + HOUR, received_at=T)}}

    assert frozenset({"v1"}) == gone(visits, {"v1": {"a": left("a", T)}})


@pytest.mark.parametrize(("by", "messages"), [(T - HOUR, 0), (T, 1), (T + HOUR, 0), (T + 2 * HOUR, 2)])
def test_what_was_the_persons_by_a_time(by: datetime, messages: int) -> None:
    """Messages and leavings that had been received then (rulings 11, 44)."""
    visits = {"v1": {"a": message("a", T), "b": message("b", T + 2 * HOUR)}}
    leavings = {"v1": {"a": left("a", T, received_at=T + HOUR)}}

    assert messages == sum(len(held) for held in staying_by(visits, leavings, by).values())
