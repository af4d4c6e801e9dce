"""Usable NHS numbers of the test range, one for every specification."""

from collections.abc import Iterator

from broker.core.errors import InvalidNhsNumber
from broker.core.identifiers import NhsNumber

_RANGE = range(9_990_000_000, 10_000_000_000)


def usable_numbers() -> Iterator[NhsNumber]:
    """Yield the usable numbers of the range 999…, smallest first."""
    for candidate in _RANGE:
        try:
            yield NhsNumber(str(candidate))
        except InvalidNhsNumber:
            continue
