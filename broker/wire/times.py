"""
Times as HL7 writes them, versions 2 and 3 alike: digits, most significant first, often without a zone.

Knows that a time without an offset is the wall clock of Europe/London, or of the zone that is settled for its
sender (rulings, "Time"), and what becomes of the hour that happens twice and the hour that never happens. The
clock is never read: receipt is an argument.
"""

import re
from datetime import date, datetime
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from broker.core.errors import MalformedMessage
from broker.core.identifiers import LONDON, aware

REPEATED_HOUR = "repeated hour"
"""Fault: the wall time happened twice (October), and one of the two instants was chosen."""
MISSING_HOUR = "missing hour"
"""Fault: the wall time never happened (March), and was moved forward."""
DAY_ONLY = "time without hour"
"""Fault: the sender gave a day, a month or a year; its first moment was taken."""

_DATA_TYPE_ERROR = 102  # HL7 table 0357
_DAY_DIGITS = 8
_FIRST_DAY = "0101"  # what a time given to the year lacks
_INSTANTS_KEPT = 1024  # a message repeats its times, and its neighbours share them: saves 8 µs each
_TIMESTAMP = re.compile(
    r"([0-9]{4}(?:[0-9]{2}(?:[0-9]{2})?)?)"  # year, month, day
    r"((?<=[0-9]{8})(?:[01][0-9]|2[0-3])(?:[0-9]{2}(?:[0-9]{2}(?:\.[0-9]{1,9})?)?)?)?"  # hour, minute, second
    r"([+-](?:[01][0-9]|2[0-3])[0-5][0-9])?"
)


class Reading(NamedTuple):
    """
    A time that was read: `moment` in UTC to the millisecond, and a stable word where one had to choose.

    `fault` is one of `REPEATED_HOUR`, `MISSING_HOUR`, `DAY_ONLY`, or None.
    """

    moment: datetime
    fault: str | None = None


def read_timestamp(
    text: str, received_at: datetime, *, location: str = "", zone: ZoneInfo = LONDON
) -> Reading:
    """
    Read `YYYY[MM[DD[HH[MM[SS[.S…]]]]]][±ZZZZ]`; `received_at` is the first receipt of the same bytes.

    Without an offset it is wall time of `zone`: in October's repeated hour the later instant that is not
    after receipt, else the earlier; in March's missing hour moved forward (rulings, "Time"). Raises
    `MalformedMessage` (102) at `location` for anything else, also for a day that no calendar has.
    """
    try:
        first, second, whole = _instants(text, zone)
    except (ValueError, OverflowError):
        raise _unreadable("time unreadable", location) from None
    if not whole:
        return Reading(first, DAY_ONLY)
    if first == second:
        return Reading(first)
    if first > second:  # the wall time does not exist: the old offset moves it forward
        return Reading(first, MISSING_HOUR)
    return Reading(second if second <= aware(received_at) else first, REPEATED_HOUR)


def parse_day(text: str, *, location: str = "") -> date:
    """
    Read the calendar day of `YYYYMMDD[HH…][±ZZZZ]` as written: a day of birth belongs to no time zone.

    Raises `MalformedMessage` (102) at `location` when there is no whole day or no calendar has it.
    """
    match = _TIMESTAMP.fullmatch(text)
    if match is None or len(match[1]) != _DAY_DIGITS:
        raise _unreadable("day unreadable", location)
    try:
        return date.fromisoformat(match[1])
    except ValueError:
        raise _unreadable("day unreadable", location) from None


def _whole_day(digits: str) -> str:
    """Fill a year or a month up to its first day."""
    return digits + _FIRST_DAY[len(digits) - len("YYYY") :]


@lru_cache(maxsize=_INSTANTS_KEPT)
def _instants(text: str, clock_of: ZoneInfo) -> tuple[datetime, datetime, bool]:
    """
    Return the two instants a text can mean when clocks change, else one twice, and whether it has an hour.

    Raises `ValueError` or `OverflowError` when it means none.
    """
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        raise ValueError
    day, clock, zone = match.groups()
    written = datetime.fromisoformat(f"{_whole_day(day)}T{clock or '00'}{zone or ''}")
    if zone:
        return aware(written), aware(written), clock is not None
    wall = written.replace(tzinfo=clock_of)
    return aware(wall), aware(wall.replace(fold=1)), clock is not None


def _unreadable(reason: str, location: str) -> MalformedMessage:
    """Make the one error of this module; it never repeats the text."""
    return MalformedMessage(reason, hl7_code=_DATA_TYPE_ERROR, location=location)
