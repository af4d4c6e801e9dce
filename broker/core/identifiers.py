"""
Identifiers that refuse bad input at birth, and times that know their zone.

No error and no `repr` here repeats the value it is about.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from operator import mul
from zoneinfo import ZoneInfo

from broker.core.code_errors import GssCode
from broker.core.errors import InvalidNhsNumber, InvalidOdsCode, NaiveTime

LONDON = ZoneInfo("Europe/London")

_NHS_DIGITS = 10
_NHS_WEIGHTS = range(10, 1, -1)  # R32: weights 10 … 2 over the first nine digits
_NHS_ZEROS = sum(_NHS_WEIGHTS) * ord("0")  # what the weights make of the codes of nine noughts
_NHS_MODULUS = 11
# Ruling 35: values that pass the check digit but are typed to fill a mandatory box.
_PLACEHOLDERS = frozenset({*(str(digit) * _NHS_DIGITS for digit in range(10)), "0123456789", "9876543210"})
_ODS = re.compile(r"[A-Z0-9]{3,8}")
_GSS = re.compile(r"[EKNSW][0-9]{8}")


@dataclass(frozen=True, slots=True, order=True)
class NhsNumber:
    """
    Ten digits with a right check digit (R32) that are no placeholder (ruling 35).

    Raises `InvalidNhsNumber`, whose `args` say which rule failed and never the value.
    """

    digits: str

    def __post_init__(self) -> None:
        """Refuse anything but ten ASCII digits, a right check digit and no placeholder."""
        if len(self.digits) != _NHS_DIGITS or not (self.digits.isascii() and self.digits.isdigit()):
            raise InvalidNhsNumber("not ten digits")
        total = sum(map(mul, _NHS_WEIGHTS, self.digits.encode("ascii"))) - _NHS_ZEROS
        if (_NHS_MODULUS - total % _NHS_MODULUS) % _NHS_MODULUS != int(self.digits[-1]):
            raise InvalidNhsNumber("wrong check digit")
        if self.digits in _PLACEHOLDERS:
            raise InvalidNhsNumber("placeholder")

    @property
    def key(self) -> bytes:
        """The Kafka key of everything about this person: the ten digits as ASCII."""
        return self.digits.encode("ascii")

    def __repr__(self) -> str:
        """Show the type only: a traceback must not name a person."""
        return "NhsNumber(…)"

    __str__ = __repr__


@dataclass(frozen=True, slots=True, order=True)
class OdsCode:
    """
    An ODS organisation or site code: 3 to 8 capital letters and digits [S50][S84].

    Raises `InvalidOdsCode`, `GssCode` for one of the Office for National Statistics.
    """

    code: str

    def __post_init__(self) -> None:
        """Refuse anything that could not be part of a topic name."""
        if not _ODS.fullmatch(self.code):
            raise GssCode if _GSS.fullmatch(self.code) else InvalidOdsCode

    def __str__(self) -> str:
        """Return the code itself: it names an organisation, not a person."""
        return self.code


def aware(moment: datetime) -> datetime:
    """Return `moment` in UTC, cut to the millisecond; raise `NaiveTime` when it has no zone."""
    if moment.tzinfo is None:
        raise NaiveTime
    moment = moment.astimezone(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def london_day(moment: datetime) -> date:
    """
    Return the calendar day of an aware time in Europe/London: plans count in whole days (ruling 10).

    In the first or last hours of the calendar, where London's has no such day, it is the time's own.
    """
    try:
        return moment.astimezone(LONDON).date()
    except OverflowError:
        return moment.date()


def to_the_minute(moment: datetime) -> datetime:
    """Return the minute of a receipt, as it stands beside another person's number: they have no such time."""
    return moment.replace(second=0, microsecond=0)
