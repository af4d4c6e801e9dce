"""Merges: whether two NHS numbers stand side by side, and nothing else of them. Rulings 25, 42; R44."""

import pytest

from broker.core.errors import MalformedMessage
from broker.core.identifiers import OdsCode
from broker.wire.adt_merge import MergeReading, holds_merge, read_merge
from tests.builders.adt import Adt, Patient

FIRST, SECOND = "9990000018", "9990000026"


def merge(
    mrg: str | None, *, event: str = "A40", number: str | None = FIRST, control_id: str = "M1"
) -> bytes:
    """Return a merge; `mrg` is its MRG segment behind the name."""
    text = Adt(
        event=event, control_id=control_id, recorded="20250301113500", patient=Patient(number=number)
    ).text()
    kept = [part for part in text.split("\r") if part and not part.startswith("PV1")]
    return "\r".join([*kept, *([] if mrg is None else [f"MRG|{mrg}"]), ""]).encode()


@pytest.mark.parametrize(
    ("mrg", "number", "two"),
    [
        ("B7^^^RXX", FIRST, False),
        ("B7", FIRST, False),
        (f"{FIRST}^^^NHS~B7^^^RXX", FIRST, False),
        (f"{SECOND}^^^NHS~B7^^^RXX", FIRST, True),
        (f"B7^^^RXX~{SECOND}^^^NHS", FIRST, True),
        (f"B7^^^RXX|||{SECOND}", FIRST, True),
        (f"{SECOND}^^^^NH", FIRST, True),
        (f"{SECOND}^^^RXX", FIRST, False),
        (f"{SECOND}^^^NHS", None, False),
        ("9990000019^^^NHS", FIRST, False),
        (f"{FIRST}^^^NHS~{SECOND}^^^NHS", None, True),
    ],
)
def test_two_usable_numbers_are_two_and_anything_else_is_not(
    mrg: str,
    number: str | None,
    two: bool,  # noqa: FBT001
) -> None:
    """In MRG-1 or MRG-4, labelled as PID-3 and PID-2 are; a hospital's own identifiers are none (36, 42)."""
    expected = MergeReading(provider=OdsCode("RXX"), control_id="M1", two_numbers=two)

    assert expected == read_merge(merge(mrg, number=number))


@pytest.mark.parametrize(("event", "is_one"), [("A40", True), ("A34", True), ("A08", False), ("A18", False)])
def test_two_events_are_merges(event: str, is_one: bool) -> None:  # noqa: FBT001
    """A40, and A34 of older systems (ruling 25)."""
    data = merge("B7", event=event)

    assert (is_one, is_one) == (read_merge(data) is not None, holds_merge(data))


@pytest.mark.parametrize(
    ("data", "code", "place"),
    [
        (merge(None), 100, "MRG"),
        (merge("B7", control_id=""), 101, "MSH-10"),
        (merge("B7").replace(b"|RXX|", b"|R-X|", 1), 103, "MSH-4"),
        (merge("B7").replace(b"PID|", b"ZID|"), 100, "PID"),
    ],
)
def test_a_merge_that_cannot_be_read_says_what_must_be_mended(data: bytes, code: int, place: str) -> None:
    """With the sender's own error code (R44)."""
    with pytest.raises(MalformedMessage) as caught:
        read_merge(data)

    assert (code, place) == (caught.value.hl7_code, caught.value.location)


def test_what_is_no_message_is_no_merge() -> None:
    """Its bytes may be kept."""
    assert not holds_merge(b"junk")
