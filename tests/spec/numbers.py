"""Usable NHS numbers of the test range, one or more for every specification."""

from collections.abc import Iterator

from broker.core.errors import InvalidNhsNumber
from broker.core.identifiers import NhsNumber

_RANGE = range(9_990_000_000, 10_000_000_000)


def numbers_beginning(digits: str) -> Iterator[NhsNumber]:
    """Yield the numbers that begin with these digits, smallest first: not every range is that of tests."""
    for candidate in range(10 ** (10 - len(digits))):
        try:
            yield NhsNumber(f"{digits}{candidate:0{10 - len(digits)}d}")
        except InvalidNhsNumber:
            continue


def usable_numbers() -> Iterator[NhsNumber]:
    """Yield the usable numbers of the range 999…, smallest first."""
    for candidate in _RANGE:
        try:
            yield NhsNumber(str(candidate))
        except InvalidNhsNumber:
            continue
