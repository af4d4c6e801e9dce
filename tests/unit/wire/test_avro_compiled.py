"""The compiled Avro codec, with `fastavro` as its witness."""

from datetime import UTC, date, datetime
from io import BytesIO
from typing import Any

import pytest
from fastavro import parse_schema, schemaless_reader, schemaless_writer
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.core.errors import ConfigurationError
from broker.wire.avro_compiled import compile_reader, compile_writer
from tests.strategies import days, times

TIME = {"type": "long", "logicalType": "timestamp-millis"}
DAY = {"type": "int", "logicalType": "date"}
COLOUR = {"type": "enum", "name": "Colour", "symbols": ["RED", "GREEN"]}
PAIR = {
    "type": "record",
    "name": "Pair",
    "fields": [{"name": "left", "type": COLOUR}, {"name": "right", "type": ["null", "Colour"]}],
}
LONGS = st.integers(-(2**63), 2**63 - 1)
INTS = st.integers(-(2**31), 2**31 - 1)
COLOURS = st.sampled_from(["RED", "GREEN"])
CASES: dict[str, tuple[Any, st.SearchStrategy[Any]]] = {
    "boolean": ("boolean", st.booleans()),
    "int": ("int", INTS),
    "long": ("long", LONGS),
    "string": ("string", st.text(max_size=300)),
    "bytes": ("bytes", st.binary(max_size=300)),
    "day": (DAY, days()),
    "enum": (COLOUR, COLOURS),
    "nullable string": (["null", "string"], st.none() | st.text(max_size=300)),
    "nullable long": (["null", "long"], st.none() | LONGS),
    "array": ({"type": "array", "items": "long"}, st.lists(LONGS, max_size=200)),
    "map": ({"type": "map", "values": "string"}, st.dictionaries(st.text(), st.text(), max_size=5)),
    "record": (PAIR, st.fixed_dictionaries({"left": COLOURS, "right": st.none() | COLOURS})),
}
NEVER_ENDS = b"\x80" * 10 + b"\x01"
OVER_64_BITS = b"\xff" * 9 + b"\x03"


def record(kind: Any) -> Any:
    """Return a parsed schema with one field of a type."""
    fields = [{"name": "field", "type": kind}]
    return parse_schema({"type": "record", "name": "Whole", "fields": fields}, named_schemas={})


def read(kind: Any, data: bytes) -> tuple[Any, int]:
    """Return a field's value as the compiled reader reads it, and where it ended."""
    row, end = compile_reader(record(kind))(data, 0)
    return row["field"], end


def write(kind: Any, value: Any) -> bytes:
    """Return a field's bytes as the compiled writer writes them."""
    return compile_writer(record(kind))({"field": value})


@pytest.mark.parametrize("case", CASES)
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_a_value_has_the_bytes_of_the_witness_and_is_read_back(case: str, data: st.DataObject) -> None:
    """Whatever the value, our bytes are those of `fastavro`, and reading them returns it."""
    kind, values = CASES[case]
    value = data.draw(values)
    witness = BytesIO()
    schemaless_writer(witness, record(kind), {"field": value})
    expected = witness.getvalue()

    actual = write(kind, value)

    assert expected == actual
    assert (value, len(expected)) == read(kind, actual)


@settings(deadline=None, max_examples=60)
@given(moment=times())
def test_a_time_is_written_from_milliseconds_and_read_as_aware(moment: datetime) -> None:
    """A time goes in as milliseconds since 1970 and comes out as `fastavro` reads it, in UTC."""
    milliseconds = round((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1000)
    data = write(TIME, milliseconds)

    assert {"field": moment} == schemaless_reader(BytesIO(data), record(TIME), None)
    assert (moment, len(data)) == read(TIME, data + b"behind")


@pytest.mark.parametrize(
    "blocks",
    [
        pytest.param(b"\x02\x02\x02\x04\x00", id="two blocks"),
        pytest.param(b"\x03\x04\x02\x04\x00", id="a block with its length"),
    ],
)
def test_an_array_of_another_writer_is_read_in_blocks(blocks: bytes) -> None:
    """Other writers split an array into blocks, or give a block's length in bytes."""
    assert ([1, 2], len(blocks)) == read({"type": "array", "items": "long"}, blocks)


def test_a_map_of_another_writer_is_read_in_blocks() -> None:
    """Other writers split a map into blocks."""
    blocks = b"\x02\x02a\x02\x01\x08\x02b\x04\x00"

    assert ({"a": 1, "b": 2}, len(blocks)) == read({"type": "map", "values": "long"}, blocks)


@pytest.mark.parametrize(
    ("kind", "data", "error"),
    [
        pytest.param("long", b"", IndexError, id="nothing there"),
        pytest.param("long", b"\x80", IndexError, id="number cut short"),
        pytest.param("long", NEVER_ENDS, ValueError, id="number of eleven bytes"),
        pytest.param("long", OVER_64_BITS, ValueError, id="number of more than 64 bits"),
        pytest.param("boolean", b"\x02", ValueError, id="neither yes nor no"),
        pytest.param("string", b"\x01", ValueError, id="negative length"),
        pytest.param("string", b"\x02\xff", UnicodeDecodeError, id="no UTF-8"),
        pytest.param(["null", "long"], b"\x04", ValueError, id="third branch"),
        pytest.param(COLOUR, b"\x04", KeyError, id="third of two symbols"),
        pytest.param(COLOUR, b"\x01", KeyError, id="symbol before the first"),
        pytest.param(TIME, b"\x80", IndexError, id="time cut short"),
        pytest.param(TIME, b"\xfe" + b"\xff" * 8 + b"\x01", OverflowError, id="time of no calendar"),
        pytest.param(DAY, b"\xfe\xff\xff\xff\x0f", OverflowError, id="day of no calendar"),
    ],
)
def test_bytes_that_are_no_value_are_refused(kind: Any, data: bytes, error: type[Exception]) -> None:
    """What is no value of the type raises."""
    with pytest.raises(error):
        read(kind, data)


def test_a_text_cut_short_ends_behind_the_bytes() -> None:
    """A length beyond the end shows in the position, which the caller compares."""
    _, end = read("string", b"\x0aabc")

    assert end == 6


@pytest.mark.parametrize(
    ("kind", "value", "error"),
    [
        pytest.param("long", 2**63, OverflowError, id="above 64 bits"),
        pytest.param("long", -(2**63) - 1, OverflowError, id="below 64 bits"),
        pytest.param("int", 2**31, OverflowError, id="above 32 bits"),
        pytest.param("string", 7, AttributeError, id="number for a text"),
        pytest.param("string", None, AttributeError, id="null where none may be"),
        pytest.param("boolean", "yes", KeyError, id="text for a boolean"),
        pytest.param(COLOUR, "BLUE", KeyError, id="no such symbol"),
        pytest.param(DAY, 3, AttributeError, id="number for a day"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(kind: Any, value: Any, error: type[Exception]) -> None:
    """Nothing is bent to fit its type."""
    with pytest.raises(error):
        write(kind, value)


def test_a_field_that_is_missing_is_refused() -> None:
    """Every field must be handed over, also one with a default: leaving it out is a decision."""
    with pytest.raises(KeyError):
        compile_writer(record("long"))({})


@pytest.mark.parametrize("kind", ["double", ["string", "null"], ["null", "string", "long"]], ids=str)
def test_a_type_that_our_schemas_do_not_use_is_refused(kind: Any) -> None:
    """A schema with another type is found out when the program starts."""
    with pytest.raises(ConfigurationError):
        compile_reader(record(kind))


def test_a_day_before_1970_is_negative() -> None:
    """Days count from 1970 in both directions."""
    assert b"\x01" == write(DAY, date(1969, 12, 31))
