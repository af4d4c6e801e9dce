"""Where alerts are delivered, and when an office answers, as the file of senders says it."""

from datetime import date, time
from pathlib import Path

import pytest

from broker.core.destination_keys import Server
from broker.core.destinations import Authority, Deliver
from broker.core.office_hours import OfficeHours
from broker.core.sender_keys import declared_keys

KEYS = {**declared_keys(Deliver), **declared_keys(Authority)}
WEEK = OfficeHours(weekdays=frozenset(range(5)), opens=time(9), closes=time(17))


@pytest.mark.parametrize(
    ("key", "value", "read"),
    [
        ("mllp", "engine.example:2575", Server("engine.example", 2575)),
        ("mllp", "[2001:db8::1]:1", Server("2001:db8::1", 1)),
        ("fhir", "https://fhir.example/R4", "https://fhir.example/R4"),
        ("fhir", "http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("key_file", "/etc/key.pem", Path("/etc/key.pem")),
        ("office_hours", "Mon-Fri 09:00-17:00", WEEK),
        ("closed_on", ["2026-12-25"], frozenset({date(2026, 12, 25)})),
    ],
)
def test_a_value_is_read(key: str, value: object, read: object) -> None:
    """As people write it."""
    assert read == KEYS[key].read(value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("mllp", "engine.example"),
        ("mllp", "engine.example:0"),
        ("mllp", "engine.example:65536"),
        ("mllp", 2575),
        ("fhir", "ftp://fhir.example"),
        ("fhir", "https://"),
        ("fhir", "https://user:secret@fhir.example"),
        ("fhir", "https://fhir.example?a=1"),
        ("fhir", "https://fhir.example#a"),
        ("fhir", "https://fhir.example/a b"),
        ("fhir", "https://fhir.example\n"),
        ("fhir", 1),
        ("key_file", ""),
        ("key_file", "a\0"),
        ("key_file", 1),
        ("office_hours", "Fri-Mon 09:00-17:00"),
        ("office_hours", "Mon-Fri 17:00-09:00"),
        ("office_hours", "Mon-Fri 09:00-25:00"),
        ("office_hours", "always"),
        ("office_hours", 9),
        ("closed_on", ["Christmas"]),
    ],
)
def test_an_impossible_value_is_none(key: str, value: object) -> None:
    """It is refused when the file is read."""
    with pytest.raises(ValueError):  # noqa: PT011 - nobody reads its words
        KEYS[key].read(value)


@pytest.mark.parametrize(
    ("deliver", "faults"),
    [
        (Deliver(), ["mllp"]),
        (Deliver(mllp=Server("a", 1)), []),
        (Deliver(fhir="https://a"), []),
        (Deliver(fhir="https://a", mllp_application="EPR"), ["mllp_application"]),
        (Deliver(mllp=Server("a", 1), fhir_token_file=Path("t")), ["fhir_token_file"]),
        (Deliver(mllp=Server("a", 1), certificate_file=Path("c")), ["certificate_file"]),
        (Deliver(mllp=Server("a", 1), key_file=Path("k")), ["certificate_file"]),
        (Deliver(mllp=Server("a", 1), certificate_file=Path("c"), key_file=Path("k")), []),
    ],
)
def test_keys_that_make_no_sense_together_are_told(deliver: Deliver, faults: list[str]) -> None:
    """Each by its name."""
    assert faults == [key for key, _ in deliver.faults()]


def test_an_authority_is_closed_on_its_days() -> None:
    """Hours and days are two keys of one table; without hours nothing is known (ruling 45)."""
    days = frozenset({date(2026, 12, 25)})
    closed = OfficeHours(weekdays=WEEK.weekdays, opens=WEEK.opens, closes=WEEK.closes, closed_on=days)

    assert [closed, None] == [Authority(office_hours=hours, closed_on=days).hours for hours in (WEEK, None)]
