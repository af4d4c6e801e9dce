"""What the shelf of a number says of a record that waits: until when, and nothing else. Ruling 23."""

from datetime import UTC, date, datetime, timedelta

import pytest

from broker.core.identifiers import NhsNumber
from broker.core.possible import OnFile, Shelf
from broker.core.waiting import waits_no_more_under, waits_under
from tests.builders.matcher import KEY

NUMBER = NhsNumber("9990000018")


@pytest.mark.parametrize(
    ("received", "last"),
    [
        (datetime(2026, 11, 26, 23, 59, tzinfo=UTC), date(2026, 12, 31)),
        (datetime(2026, 11, 27, 0, 0, tzinfo=UTC), date(2027, 1, 31)),
        (datetime(2026, 12, 27, 12, 0, tzinfo=UTC), date(2027, 1, 31)),
        (datetime(2026, 12, 28, 12, 0, tzinfo=UTC), date(2027, 2, 28)),
        (datetime(2027, 12, 28, 12, 0, tzinfo=UTC), date(2028, 2, 29)),
        (datetime(2026, 5, 26, 22, 59, tzinfo=UTC), date(2026, 6, 30)),
        (datetime(2026, 5, 26, 23, 0, tzinfo=UTC), date(2026, 7, 31)),
    ],
)
def test_a_record_waits_under_a_number_to_the_end_of_the_month_of_its_last_day(
    received: datetime, last: date
) -> None:
    """35 days, Europe/London, and what is left of that month (rulings 21, 23)."""
    placed = waits_under(KEY, NUMBER, received)

    assert isinstance(placed.clue, OnFile)
    assert placed.clue.window is not None
    assert (date.min, last) == (placed.clue.window.first, placed.clue.window.last)


def test_records_of_one_month_are_not_told_apart_under_a_number() -> None:
    """Whose they are, how many, and on which day they came does not stand there (ruling 23)."""
    first = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)

    assert 1 == len({repr(waits_under(KEY, NUMBER, first + timedelta(days=day))) for day in range(31)})


def test_a_number_out_of_use_has_nothing_on_its_shelf() -> None:
    """Whatever waited under it (ruling 23)."""
    at = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
    waits, no_more = waits_under(KEY, NUMBER, at), waits_no_more_under(KEY, NUMBER)
    assert isinstance(waits.clue, OnFile)
    assert isinstance(no_more.clue, OnFile)

    assert waits.place == no_more.place
    assert Shelf() == Shelf().put(waits.clue).put(no_more.clue)
