"""Records as the broker writes them, beside what another writer of Avro makes of the same values."""

from datetime import UTC, date, datetime
from io import BytesIO
from typing import Any

import pytest
from fastavro import parse_schema, schemaless_writer
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.wire.avro_writing import UNWRITABLE, writer_of
from tests.avro_strategies import values_of
from tests.unit.wire.shipped import shipped_names, shipped_schema

EXAMPLES = 6  # of each of some forty schemas, each with dozens of fields
NAMED = {"type": "enum", "name": "Colour", "symbols": ["RED", "BLUE"]}


def record(*types: Any) -> Any:
    """Return the parsed schema of a record with a field of each of these types: a, b, c …"""
    fields = [{"name": chr(ord("a") + place), "type": kind} for place, kind in enumerate(types)]
    return parse_schema({"type": "record", "name": "One", "fields": fields}, named_schemas={})


def by_another(schema: Any, value: Any) -> bytes:
    """Return the bytes that fastavro writes."""
    body = BytesIO()
    schemaless_writer(body, schema, value)
    return body.getvalue()


@pytest.mark.parametrize("name", shipped_names())
def test_every_schema_is_written_as_another_writer_does(name: str) -> None:
    """Whatever a schema of the broker can hold comes to the same bytes."""
    parsed = parse_schema(shipped_schema(name), named_schemas={})
    write = writer_of(parsed)

    @settings(max_examples=EXAMPLES)
    @given(values_of(shipped_schema(name)))
    def holds(value: Any) -> None:
        assert by_another(parsed, value) == write(value)

    holds()


@given(st.integers(-(2**63), 2**63 - 1))
def test_a_number_of_any_size_is_written_as_another_writer_does(number: int) -> None:
    """Numbers take as many bytes as they need, and so do the sizes that stand before texts."""
    schema = record("long")

    assert by_another(schema, {"a": number}) == writer_of(schema)({"a": number})


@pytest.mark.parametrize("size", [0, 1, 63, 64, 8191, 8192, 100_000])
def test_a_text_is_written_behind_its_size(size: int) -> None:
    """A size takes one byte, two or more."""
    schema = record("string", "bytes")
    row = {"a": "x" * size, "b": b"y" * size}

    assert by_another(schema, row) == writer_of(schema)(row)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ({"type": "long", "logicalType": "timestamp-millis"}, datetime(2025, 3, 1, 12, 30, tzinfo=UTC)),
        ({"type": "long", "logicalType": "timestamp-millis"}, 1_740_832_200_123),
        ({"type": "int", "logicalType": "date"}, date(1969, 12, 31)),
        ({"type": "int", "logicalType": "date"}, 20_000),
        (["null", "string"], None),
        (["null", NAMED], "BLUE"),
        ({"type": "array", "items": "string"}, []),
        ({"type": "array", "items": "int"}, (1, 2)),
        ({"type": "map", "values": "int"}, {}),
        ({"type": "map", "values": "int"}, {"é": 1, "f": -1}),
        ({"type": "string"}, "a"),
        ("boolean", False),
    ],
)
def test_a_value_is_written_as_another_writer_does(kind: Any, value: Any) -> None:
    """Times and days may be given as numbers, lists as tuples."""
    schema = record(kind)

    assert by_another(schema, {"a": value}) == writer_of(schema)({"a": value})


def test_a_type_that_is_named_again_is_written_as_it_was_declared() -> None:
    """A schema declares an enum or a record once."""
    schema = record(NAMED, "Colour")
    row = {"a": "RED", "b": "BLUE"}

    assert b"\x00\x02" == by_another(schema, row) == writer_of(schema)(row)


def test_a_field_that_is_left_out_has_its_default() -> None:
    """Whoever writes a row need not know a field that a later version has added."""
    schema = parse_schema(
        {"type": "record", "name": "One", "fields": [{"name": "a", "type": "int", "default": 7}]},
        named_schemas={},
    )

    assert b"\x0e" == by_another(schema, {}) == writer_of(schema)({})


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("long", 2**63),
        ("long", -(2**63) - 1),
        ("long", "1"),
        ("int", 2**31),
        ("int", -(2**31) - 1),
        ("int", 1.5),
        ("int", None),
        ("string", b"a"),
        ("string", 1),
        ("string", None),
        ("string", "\ud800"),
        ("bytes", "a"),
        ("boolean", None),
        ("boolean", "yes"),
        (NAMED, "GREEN"),
        (NAMED, None),
        (["null", NAMED], "GREEN"),
        ({"type": "int", "logicalType": "date"}, "2025-03-01"),
        ({"type": "array", "items": "string"}, None),
        ({"type": "array", "items": "string"}, [1]),
        ({"type": "map", "values": "string"}, {"a": 1}),
    ],
)
def test_what_is_no_value_of_a_type_is_not_written(kind: Any, value: Any) -> None:
    """A mistake of ours is found where it is made, and not by whoever reads the record."""
    write = writer_of(record(kind))

    with pytest.raises(UNWRITABLE):
        write({"a": value})


@pytest.mark.parametrize(
    "kind",
    [
        "double",
        ["string", "null"],
        ["null", "string", "int"],
        {"type": "fixed", "name": "Two", "size": 2},
        {"type": "long", "logicalType": "timestamp-micros"},
    ],
)
def test_a_type_that_no_schema_of_ours_uses_is_refused_at_once(kind: Any) -> None:
    """A schema with one is noticed when it is loaded."""
    with pytest.raises(UNWRITABLE):
        writer_of(record(kind))
