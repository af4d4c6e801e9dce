"""When an authority is told of accesses: at once, at the full hour, in the morning (D18)."""

from datetime import UTC, datetime

import pytest

from broker.core.windows import Window, last_window_end, window_end


def at(text: str) -> datetime:
    """Return a time of January or July 2026, UTC."""
    return datetime.fromisoformat(f"2026-{text}+00:00").astimezone(UTC)


ENDS = [
    (Window.IMMEDIATE, "01-15T06:59:59", "01-15T06:59:59"),
    (Window.HOURLY, "01-15T06:59:59", "01-15T07:00:00"),
    (Window.HOURLY, "01-15T07:00:00", "01-15T08:00:00"),
    (Window.DAILY, "01-15T06:59:59", "01-15T07:00:00"),
    (Window.DAILY, "01-15T07:00:00", "01-16T07:00:00"),
    (Window.DAILY, "07-15T05:59:59", "07-15T06:00:00"),
    (Window.DAILY, "07-15T06:00:00", "07-16T06:00:00"),
]


@pytest.mark.parametrize(("window", "came", "told"), ENDS)
def test_what_came_is_told_at_the_end_of_its_window(window: Window, came: str, told: str) -> None:
    """A day ends at seven in London, summer and winter."""
    assert at(told) == window_end(window, at(came))


LAST = [
    (Window.HOURLY, "01-15T07:00:00", "01-15T07:00:00"),
    (Window.HOURLY, "01-15T06:59:59", "01-15T06:00:00"),
    (Window.DAILY, "01-15T07:00:00", "01-15T07:00:00"),
    (Window.DAILY, "01-15T06:59:59", "01-14T07:00:00"),
]


@pytest.mark.parametrize(("window", "now", "ended"), LAST)
def test_the_newest_window_that_ended_is_known(window: Window, now: str, ended: str) -> None:
    """A window has ended in the moment that is its end."""
    assert at(ended) == last_window_end(window, at(now))


def test_who_is_told_at_once_has_no_windows() -> None:
    """There is nothing that could be empty."""
    assert last_window_end(Window.IMMEDIATE, at("01-15T07:00:00")) is None
