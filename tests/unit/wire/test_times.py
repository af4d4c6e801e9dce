"""HL7 times: what is read, what is refused, and the two hours of the year that clocks make difficult."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.core.errors import MalformedMessage, NaiveTime
from broker.core.identifiers import LONDON
from broker.wire.times import DAY_ONLY, MISSING_HOUR, REPEATED_HOUR, Reading, parse_day, read_timestamp

RECEIVED = datetime(2025, 3, 1, 10, 16, tzinfo=UTC)
EARLIER, LATER = datetime(2025, 10, 26, 0, 30, tzinfo=UTC), datetime(2025, 10, 26, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2025030110", datetime(2025, 3, 1, 10, tzinfo=UTC)),
        ("202503011015", datetime(2025, 3, 1, 10, 15, tzinfo=UTC)),
        ("20250301101503", datetime(2025, 3, 1, 10, 15, 3, tzinfo=UTC)),
        ("20250301101503.1234", datetime(2025, 3, 1, 10, 15, 3, 123_000, tzinfo=UTC)),
        ("20250301101503.123456789", datetime(2025, 3, 1, 10, 15, 3, 123_000, tzinfo=UTC)),
        ("20250701101503", datetime(2025, 7, 1, 9, 15, 3, tzinfo=UTC)),
        ("20250701101503+0000", datetime(2025, 7, 1, 10, 15, 3, tzinfo=UTC)),
        ("202507011015-0530", datetime(2025, 7, 1, 15, 45, tzinfo=UTC)),
        ("20240229000000", datetime(2024, 2, 29, tzinfo=UTC)),
    ],
)
def test_a_time_is_london_wall_time_unless_it_names_its_zone(text: str, moment: datetime) -> None:
    """Every precision from the hour on is read to the millisecond (ruling on times)."""
    assert Reading(moment) == read_timestamp(text, RECEIVED)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2025", datetime(2025, 1, 1, tzinfo=UTC)),
        ("202507", datetime(2025, 6, 30, 23, tzinfo=UTC)),
        ("20250301", datetime(2025, 3, 1, tzinfo=UTC)),
        ("20250301+0100", datetime(2025, 2, 28, 23, tzinfo=UTC)),
    ],
)
def test_a_time_without_an_hour_is_the_first_moment_and_counted(text: str, moment: datetime) -> None:
    """A sender that knows only the day is understood, and the lack is named."""
    assert Reading(moment, DAY_ONLY) == read_timestamp(text, RECEIVED)


@pytest.mark.parametrize(
    ("received_at", "chosen"),
    [
        (LATER + timedelta(minutes=1), LATER),
        (LATER, LATER),
        (LATER - timedelta(milliseconds=1), EARLIER),
        (EARLIER - timedelta(hours=1), EARLIER),
    ],
)
def test_of_the_repeated_hour_the_later_instant_not_after_receipt_counts(
    received_at: datetime, chosen: datetime
) -> None:
    """Half past one on 26 October 2025 happened twice; receipt says which (ruling on times)."""
    assert Reading(chosen, REPEATED_HOUR) == read_timestamp("20251026013000", received_at)


def test_the_hour_that_never_happened_is_moved_forward() -> None:
    """Half past one on 30 March 2025 is half past two summer time, and counted (ruling on times)."""
    expected = Reading(datetime(2025, 3, 30, 1, 30, tzinfo=UTC), MISSING_HOUR)

    assert expected == read_timestamp("20250330013000", RECEIVED)


def test_a_zone_settles_the_repeated_hour() -> None:
    """Nothing is chosen and nothing counted where the sender said which of the two it was."""
    assert Reading(EARLIER) == read_timestamp("20251026013000+0100", LATER)


def test_a_receipt_without_a_zone_is_refused_where_it_decides() -> None:
    """A naive receipt time is our own defect, not the sender's."""
    with pytest.raises(NaiveTime):
        read_timestamp("20251026013000", LATER.replace(tzinfo=None))


@pytest.mark.parametrize(
    "text",
    [
        *("", "0000", "202", "20251", "2025130110", "20250230", "2025030124", "202503011060"),
        *("20250301101560", "20250301101503.", "20250301101503.1234567890", "20250301101503Z"),
        *("20250301101503+2400", "20250301101503+0060", "20250301101503+01", "2025-03-01", "20250301 1015"),
        *("20251015103", "٢٠٢٥٠٣٠١", "00010101000000+1400", "99991231235959-1400", '""'),
    ],
)
def test_any_other_text_is_refused_with_its_place_and_without_itself(text: str) -> None:
    """The error carries code 102 and the location, never the value."""
    with pytest.raises(MalformedMessage) as caught:
        read_timestamp(text, RECEIVED, location="EVN-2")

    assert (102, "EVN-2", "time unreadable at EVN-2") == (
        caught.value.hl7_code,
        caught.value.location,
        str(caught.value),
    )


@given(st.datetimes(datetime(1973, 1, 1), datetime(2030, 1, 1)))  # noqa: DTZ001 - wall times are what is tested
def test_a_wall_time_reads_as_one_that_london_clocks_showed(wall: datetime) -> None:
    """Outside the missing hour the moment read shows the same digits in London; inside, one hour later."""
    wall = wall.replace(microsecond=0)

    reading = read_timestamp(wall.strftime("%Y%m%d%H%M%S"), RECEIVED)

    shown = reading.moment.astimezone(LONDON).replace(tzinfo=None)
    assert wall + timedelta(hours=reading.fault == MISSING_HOUR) == shown


@pytest.mark.parametrize("text", ["20160412", "201604120000", "20160412235959+0100", "20160412-0000"])
def test_a_day_is_the_day_as_written(text: str) -> None:
    """Hour and zone behind a day of birth do not move it."""
    assert date(2016, 4, 12) == parse_day(text)


@pytest.mark.parametrize(
    "text", ["", "2016", "201604", "20160431", "00000000", "12/04/2016", "20160412250000"]
)
def test_what_is_no_whole_day_is_refused(text: str) -> None:
    """A year or a month is no day, nor is one that no calendar has."""
    with pytest.raises(MalformedMessage) as caught:
        parse_day(text, location="PID-7")

    assert (102, "day unreadable at PID-7") == (caught.value.hl7_code, str(caught.value))
