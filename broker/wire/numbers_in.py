"""Finds NHS numbers in bytes of any format: whose something that was kept unread may be."""

import re
from contextlib import suppress

from broker.core.errors import InvalidNhsNumber
from broker.core.identifiers import NhsNumber

_WRITTEN = re.compile(rb"(?<!\d)(\d{3})[ -]?(\d{3})[ -]?(\d{4})(?!\d)")


def numbers_in(data: bytes) -> frozenset[NhsNumber]:
    """Return every run of ten digits with a right check digit, in UTF-8 or UTF-16: rather too many."""
    found = set()
    for parts in (*_WRITTEN.findall(data), *_WRITTEN.findall(data.replace(b"\x00", b""))):
        with suppress(InvalidNhsNumber):
            found.add(NhsNumber(b"".join(parts).decode("ascii")))
    return frozenset(found)
