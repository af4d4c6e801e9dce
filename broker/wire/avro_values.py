"""
Single values between the core and Avro: times, organisations, enums.

An enum's Avro symbol is its member's name. A symbol that this release does not know arrives as `UNKNOWN`
and is refused: what decides must never silently become something else.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import Enum
from functools import lru_cache
from typing import Generic, TypeVar

from broker.core.desk_errors import GroundsRefused
from broker.core.errors import InvalidFact, InvalidNhsNumber, InvalidOdsCode, MalformedMessage, NaiveTime
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.visit_reason import Reason

E = TypeVar("E", bound=Enum)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_MS = 86_400_000
_SECOND_MS = 1_000
_MILLISECOND_US = 1_000
_ODS_CODES_KEPT = 8_192  # more than the NHS and local government have organisations and sites that send to us


def millis(moment: datetime) -> int:
    """Return an aware time as milliseconds since 1970, what is finer cut off; raise `NaiveTime`."""
    try:
        since = moment - _EPOCH
    except TypeError:
        raise NaiveTime from None
    return since.days * _DAY_MS + since.seconds * _SECOND_MS + since.microseconds // _MILLISECOND_US


def maybe_millis(moment: datetime | None) -> int | None:
    """Return `millis`, or None for None."""
    return None if moment is None else millis(moment)


@lru_cache(maxsize=_ODS_CODES_KEPT)
def ods(code: str) -> OdsCode:
    """Return the organisation of a code, each object once; raise `InvalidOdsCode`."""
    return OdsCode(code)


def maybe_ods(code: str | None) -> OdsCode | None:
    """Return `ods`, or None for None."""
    return None if code is None else ods(code)


def maybe_code(organisation: OdsCode | None) -> str | None:
    """Return the organisation's code, or None for None."""
    return None if organisation is None else organisation.code


def maybe_number(digits: str | None) -> NhsNumber | None:
    """Return the NHS number of ten digits, or None for None; raise `InvalidNhsNumber`."""
    return None if digits is None else NhsNumber(digits)


def maybe_digits(number: NhsNumber | None) -> str | None:
    """Return an NHS number's digits, or None for None."""
    return None if number is None else number.digits


class Symbols(Generic[E]):
    """The Avro symbols of one enum, both ways."""

    def __init__(self, kind: type[E]) -> None:
        """Name every member once."""
        self._kind = kind.__name__
        self._members = {member.name: member for member in kind}
        self._names = {member: member.name for member in kind}

    def write(self, member: E) -> str:
        """Return a member's symbol."""
        return self._names[member]

    def write_maybe(self, member: E | None) -> str | None:
        """Return a member's symbol, or None for None."""
        return None if member is None else self._names[member]

    def write_all(self, members: tuple[E, ...]) -> list[str]:
        """Return the members' symbols in their order."""
        return [self._names[member] for member in members]

    def read(self, symbol: str) -> E:
        """Return a symbol's member; raise `MalformedMessage` for one that this release does not know."""
        member = self._members.get(symbol)
        if member is None:
            raise MalformedMessage("avro symbol unknown", detail=self._kind)
        return member

    def read_maybe(self, symbol: str | None) -> E | None:
        """Return a symbol's member, or None for None."""
        return None if symbol is None else self.read(symbol)

    def read_all(self, symbols: list[str]) -> tuple[E, ...]:
        """Return the symbols' members in their order."""
        return tuple(self.read(symbol) for symbol in symbols)


_REASONS = Symbols(Reason)
_NEWER = "UNKNOWN"  # what Avro resolution puts for a symbol that the reader's schema lacks


def write_reason(reason: Reason | None) -> str | None:
    """Return the symbol of a reason for coming."""
    return _REASONS.write_maybe(reason)


def read_reason(symbol: str | None) -> Reason | None:
    """Return the reason (ruling 29); one that a newer release added is `OTHER`, since it decides nothing."""
    return Reason.OTHER if symbol == _NEWER else _REASONS.read_maybe(symbol)


@contextmanager
def refusing(name: str) -> Iterator[None]:
    """Turn a core value's refusal of what a record holds into `MalformedMessage`, without the value."""
    try:
        yield
    except (GroundsRefused, InvalidFact, InvalidNhsNumber, InvalidOdsCode) as error:
        raise MalformedMessage("avro content refused", detail=f"{type(error).__name__} in {name}") from None
