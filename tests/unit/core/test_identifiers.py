"""Identifiers refuse bad input at birth and never repeat it."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from broker.core.code_errors import GssCode
from broker.core.errors import InvalidNhsNumber, InvalidOdsCode, NaiveTime
from broker.core.identifiers import NhsNumber, OdsCode, aware, london_day


@pytest.mark.parametrize("digits", ["9990000018", "9990000026", "9990000034", "9990000115", "9992000015"])
def test_a_right_check_digit_is_taken(digits: str) -> None:
    """Weights 10 to 2, modulus 11 (R32)."""
    assert digits.encode() == NhsNumber(digits).key


def test_a_check_digit_of_eleven_is_nought() -> None:
    """11 minus a remainder of 0 is written 0 (R32)."""
    assert "9990000050" == NhsNumber("9990000050").digits


@pytest.mark.parametrize(
    ("digits", "reason"),
    [
        ("999000001", "not ten digits"),
        ("99900000188", "not ten digits"),
        ("999000001X", "not ten digits"),
        ("999 000001", "not ten digits"),
        ("٩٩٩٠٠٠٠٠١٨", "not ten digits"),
        ("", "not ten digits"),
        ("9990000019", "wrong check digit"),
        ("9991234560", "wrong check digit"),
        ("9999999999", "placeholder"),
        ("0000000000", "placeholder"),
        ("1111111111", "placeholder"),
        ("0123456789", "placeholder"),
        ("9876543210", "placeholder"),
    ],
)
def test_anything_else_is_refused_with_its_reason(digits: str, reason: str) -> None:
    """Length, digits, check digit, placeholder (R32, ruling 35)."""
    with pytest.raises(InvalidNhsNumber) as refused:
        NhsNumber(digits)

    assert (reason,) == refused.value.args


def test_an_error_and_a_text_never_repeat_the_number() -> None:
    """A traceback must not name a person."""
    with pytest.raises(InvalidNhsNumber) as refused:
        NhsNumber("9990000019")

    shown = f"{refused.value} {NhsNumber('9990000018')} {NhsNumber('9990000018')!r}"
    assert not any(character.isdigit() for character in shown)


@pytest.mark.parametrize("code", ["RXX", "E09", "RXX01", "E0900001"])
def test_an_ods_code_shows_itself(code: str) -> None:
    """It names an organisation, not a person."""
    assert code == str(OdsCode(code))


@pytest.mark.parametrize("code", ["", "RX", "rxx", "RXX/1", "RXX.1", "RXXXXXXXX", "RXX\n"])
def test_what_could_not_be_part_of_a_topic_name_is_no_ods_code(code: str) -> None:
    """3 to 8 capital letters and digits."""
    with pytest.raises(InvalidOdsCode):
        OdsCode(code)


@pytest.mark.parametrize("code", ["E09000030", "S12000036"])
def test_a_code_of_the_statisticians_is_called_one(code: str) -> None:
    """Nobody publishes which is which, so that none is guessed."""
    with pytest.raises(GssCode):
        OdsCode(code)


@pytest.mark.parametrize("code", ["X09000030", "E090000300", "E0900003O"])
def test_what_is_neither_is_not_called_one(code: str) -> None:
    """An ODS code that is too long, say."""
    with pytest.raises(InvalidOdsCode) as refused:
        OdsCode(code)
    assert InvalidOdsCode is refused.type


def test_a_time_becomes_utc_and_loses_its_microseconds() -> None:
    """As the state keeps it: whole milliseconds."""
    summer = timezone(timedelta(hours=1))
    assert datetime(2026, 7, 1, 9, 0, 0, 123_000, UTC) == aware(
        datetime(2026, 7, 1, 10, 0, 0, 123_999, summer)
    )


def test_a_time_without_a_zone_is_refused() -> None:
    """The core has aware times only."""
    with pytest.raises(NaiveTime):
        aware(datetime(2026, 7, 1, 10))  # noqa: DTZ001 – a naive time is the point


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        (datetime(2026, 1, 10, 23, 59, tzinfo=UTC), date(2026, 1, 10)),
        (datetime(2026, 7, 10, 22, 59, tzinfo=UTC), date(2026, 7, 10)),
        (datetime(2026, 7, 10, 23, 0, tzinfo=UTC), date(2026, 7, 11)),
        (datetime(2026, 3, 29, 0, 59, tzinfo=UTC), date(2026, 3, 29)),
        (datetime(2026, 3, 29, 23, 0, tzinfo=UTC), date(2026, 3, 30)),
        (datetime(2026, 10, 25, 23, 59, tzinfo=UTC), date(2026, 10, 25)),
        (datetime.min.replace(tzinfo=UTC), date.min),
        (datetime.max.replace(tzinfo=UTC), date.max),
    ],
)
def test_a_day_is_a_day_in_london(moment: datetime, day: date) -> None:
    """Plans count in whole days (ruling 10)."""
    assert day == london_day(moment)
