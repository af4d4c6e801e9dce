"""Whose bytes may be that were kept unread: every NHS number in them is found (rulings 23, 48)."""

import pytest

from broker.core.identifiers import NhsNumber
from broker.wire.numbers_in import numbers_in

ADA, BEN = NhsNumber("9990000018"), NhsNumber("9990000026")


@pytest.mark.parametrize(
    "data",
    [
        b"PID|||9990000018^^^NHS~9990000026^^^NHS",
        b"<Number>999 000 0018</Number><Number>999-000-0026</Number>",
        b'{"value":"9990000018"} {"value":"9990000026"}',
        "<Number>9990000018</Number> 9990000026".encode("utf-16"),
        b"9990000018\x009990000026 99900000181 9990000019",
    ],
)
def test_every_number_is_found_however_it_is_written(data: bytes) -> None:
    """With blanks or hyphens, in UTF-8 or UTF-16; what has another length or check digit is none."""
    assert {ADA, BEN} == numbers_in(data)


@pytest.mark.parametrize("data", [b"", b"9990000019", b"99900000181", b"no number"])
def test_what_is_no_number_is_not_found(data: bytes) -> None:
    """A wrong check digit, an eleventh digit, nothing at all."""
    assert frozenset() == numbers_in(data)
