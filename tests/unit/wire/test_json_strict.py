"""JSON that another reader would read otherwise, or that costs without bound, is refused."""

import json

import pytest

from broker.core.errors import MalformedMessage
from broker.wire.json_strict import DEPTH_MAX, SIGNS_MAX, nodes, read_json


def refusal(data: bytes) -> str:
    """Return why a document is refused."""
    with pytest.raises(MalformedMessage) as caught:
        read_json(data)
    assert 102 == caught.value.hl7_code
    return caught.value.reason


def nested(levels: int) -> bytes:
    """Return an object in which arrays are nested so deep, itself included."""
    return b'{"a":' + b"[" * (levels - 1) + b"]" * (levels - 1) + b"}"


def test_an_object_is_read() -> None:
    """With or without a mark of the order of bytes, which some libraries write."""
    assert {"a": [1, 2.5, True, None]} == read_json(b'{"a":[1,2.5,true,null]}')
    assert {"a": "\u00e9"} == read_json(b'\xef\xbb\xbf{"a":"\xc3\xa9"}')


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no JSON"),
        (b"{", "no JSON"),
        (b'{"a":NaN}', "no JSON"),
        (b'{"a":-Infinity}', "no JSON"),
        (b'{"a":1}{"a":1}', "no JSON"),
        (b"[]", "no JSON object"),
        (b'"text"', "no JSON object"),
        (b'{"a":"\xff"}', "not in UTF-8"),
        ('{"a":1}'.encode("utf-16"), "not in UTF-8"),
        (b'{"a":1,"a":2}', "a name twice in one object"),
        (b'{"b":[{"a":1,"c":3,"a":2}]}', "a name twice in one object"),
        (b'{"a":' + b"9" * 41 + b"}", "a number without bound"),
        (b'{"a":' + b"9" * 5_000 + b"}", "a number without bound"),
        (b'{"a":1e999}', "a number without bound"),
        (b'{"a":0.' + b"1" * 100_000 + b"}", "a number without bound"),
        (b'{"a":"\x00"}', "no JSON"),
        (b"[" * 40_000, "nested too deeply"),
        (b'{"a":' * 40_000, "nested too deeply"),
    ],
)
def test_anything_else_is_refused(data: bytes, reason: str) -> None:
    """By a stable word, and never with a value."""
    assert reason == refusal(data)


def test_nesting_is_taken_up_to_a_bound() -> None:
    """One level more is refused."""
    assert read_json(nested(DEPTH_MAX))
    assert "nested too deeply" == refusal(nested(DEPTH_MAX + 1))


def test_values_are_taken_up_to_a_bound() -> None:
    """One more is refused, before any is read."""
    full = {"a": [0] * (SIGNS_MAX - 1)}
    assert full == read_json(json.dumps(full).encode())

    assert "too many values" == refusal(b'{"a":[' + b"0," * SIGNS_MAX)


def test_values_are_counted_no_further_than_asked() -> None:
    """Whoever has a bound need not know by how much it is passed."""
    document = {"a": [1, {"b": 2}], "c": "x"}

    assert 6 == nodes(document, most=6)
    assert 3 == nodes(document, most=2)
