"""Values of FHIR: what is not of the shape asked for is not there."""

from datetime import UTC, date, datetime

import pytest

from broker.wire.fhir_values import codings, day, every, given, moment, person_name, text, whole_name


@pytest.mark.parametrize("said", ["2016-02-30", "2016-02", "20160229", "", "0000-01-01"])
def test_what_is_no_day_is_none(said: str) -> None:
    """A month or a year is none to compare (ruling 20)."""
    assert day(said) is None


def test_a_day_is_a_day() -> None:
    """As it is written: it belongs to no zone."""
    assert date(2016, 2, 29) == day("2016-02-29")


@pytest.mark.parametrize(
    "said", ["2025-02-30T10:00:00Z", "2025-02-30", "2025-03-01T10:00:00", "9999-12-31T23:59:59-01:00", "x"]
)
def test_what_is_no_time_is_none(said: str) -> None:
    """Nor is one without a zone."""
    assert (None, False) == moment(said)


def test_a_time_is_in_utc_to_the_millisecond() -> None:
    """However finely it was written."""
    assert (datetime(2025, 7, 1, 9, 0, 0, 120000, UTC), False) == moment("2025-07-01T10:00:00.12+01:00")
    assert (datetime(2025, 7, 1, 9, 0, 0, 123000, UTC), False) == moment(
        "2025-07-01T10:00:00.123456789+01:00"
    )


def test_a_shape_that_is_none_is_empty() -> None:
    """Nothing falls over it."""
    assert [] == every({"a": "x"}, "a")
    assert [{"b": 1}] == every({"a": {"b": 1}}, "a")
    assert "" == text({"a": 3}, "a")
    assert [] == list(codings("x"))
    assert {} == person_name([])
    assert "" == given({"given": [3]})
    assert whole_name("", " ") is None
