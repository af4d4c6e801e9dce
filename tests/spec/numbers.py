"""
Usable NHS numbers of the test range, one or more for every specification.

All lie on the partition that the specifications' matcher works, so that what moves from one to another comes
to it as well.
"""

from collections.abc import Iterator

from aiokafka.partitioner import DefaultPartitioner

from broker.core.errors import InvalidNhsNumber
from broker.core.identifiers import NhsNumber

_PARTITIONS = list(range(6))  # as many as deploy/topics.toml declares
_PARTITION = 0
_spread = DefaultPartitioner()
_RANGE = range(9_990_000_000, 10_000_000_000)


def numbers_beginning(digits: str) -> Iterator[NhsNumber]:
    """Yield the numbers that begin with these digits, smallest first: not every range is that of tests."""
    for candidate in range(10 ** (10 - len(digits))):
        try:
            yield NhsNumber(f"{digits}{candidate:0{10 - len(digits)}d}")
        except InvalidNhsNumber:
            continue


def usable_numbers() -> Iterator[NhsNumber]:
    """Yield the usable numbers of the range 999… on that partition, smallest first."""
    for candidate in _RANGE:
        try:
            number = NhsNumber(str(candidate))
        except InvalidNhsNumber:
            continue
        if _spread(number.key, _PARTITIONS, _PARTITIONS) == _PARTITION:
            yield number
