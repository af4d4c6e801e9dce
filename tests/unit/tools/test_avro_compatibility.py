"""The compatibility of schemas: each kind of change against the rules, and against fastavro as it reads."""

from io import BytesIO
from typing import Any

import pytest
from fastavro import parse_schema, schemaless_reader, schemaless_writer
from fastavro.read import SchemaResolutionError
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from tests.avro_strategies import values_of
from tests.tools.avro_compatibility import full_problems, problems

EXAMPLES = 50
_UNREADABLE = (SchemaResolutionError, ValueError, KeyError, TypeError, EOFError, IndexError)


def record(*fields: dict[str, Any], name: str = "Thing", **more: Any) -> dict[str, Any]:
    """Return a record with a first field that never changes, and these."""
    return {"type": "record", "name": name, "fields": [{"name": "id", "type": "string"}, *fields]} | more


def field(schema: Any, name: str = "it", **more: Any) -> dict[str, Any]:
    """Return a field."""
    return {"name": name, "type": schema} | more


def holding(schema: Any) -> dict[str, Any]:
    """Return a record whose field `it` is of a type."""
    return record(field(schema))


def enum(*symbols: str, **more: Any) -> dict[str, Any]:
    """Return an enum."""
    return {"type": "enum", "name": "Kind", "symbols": list(symbols)} | more


def fixed(size: int, name: str = "Bytes") -> dict[str, Any]:
    """Return a fixed."""
    return {"type": "fixed", "name": name, "size": size}


def array(items: Any) -> dict[str, Any]:
    """Return an array."""
    return {"type": "array", "items": items}


def chained(*fields: dict[str, Any]) -> dict[str, Any]:
    """Return a record that may hold another of its own kind."""
    return record(field(["null", "Thing"], "next", default=None), *fields)


# former schema, later schema, the later reads the former (BACKWARD), the former reads the later (FORWARD)
CHANGES = [
    pytest.param(record(), record(), True, True, id="none"),
    pytest.param(record(), record(field("int", default=1)), True, True, id="field with default added"),
    pytest.param(record(), record(field("int")), False, True, id="field without default added"),
    pytest.param(record(field("int", default=1)), record(), True, True, id="field with default removed"),
    pytest.param(record(field("int")), record(), True, False, id="field without default removed"),
    pytest.param(
        record(field("int")),
        record(field("int", "other", aliases=["it"])),
        True,
        False,
        id="field renamed with alias",
    ),
    pytest.param(
        record(field("int", default=1)),
        record(field("int", "other", default=1, aliases=["it"])),
        True,
        True,
        id="field with default renamed with alias",
    ),
    pytest.param(
        record(field("int"), field("string", "b")),
        record(field("string", "b"), field("int")),
        True,
        True,
        id="fields in another order",
    ),
    pytest.param(holding(enum("A")), holding(enum("A", "B")), True, False, id="symbol added, no default"),
    pytest.param(
        holding(enum("A", "U", default="U")),
        holding(enum("A", "B", "U", default="U")),
        True,
        True,
        id="symbol added, default",
    ),
    pytest.param(holding(enum("A", "B")), holding(enum("A")), False, True, id="symbol removed, no default"),
    pytest.param(
        holding(enum("A", "B")),
        holding(enum("A", default="A")),
        True,
        True,
        id="symbol removed for a default",
    ),
    pytest.param(holding(enum("A", "B")), holding(enum("B", "A")), True, True, id="symbols in another order"),
    pytest.param(
        holding(["null", "string"]), holding(["null", "string", "int"]), True, False, id="union widened"
    ),
    pytest.param(holding("string"), holding(["null", "string"]), True, False, id="type becomes a union"),
    pytest.param(
        holding(["null", "string"]), holding(["string", "null"]), True, True, id="branches in another order"
    ),
    pytest.param(holding("int"), holding("long"), True, False, id="int to long"),
    pytest.param(holding("int"), holding("double"), True, False, id="int to double"),
    pytest.param(holding("long"), holding("float"), True, False, id="long to float"),
    pytest.param(holding("float"), holding("double"), True, False, id="float to double"),
    pytest.param(holding("int"), holding("string"), False, False, id="int to string"),
    pytest.param(holding("string"), holding("bytes"), True, False, id="string to bytes"),
    pytest.param(holding("boolean"), holding("int"), False, False, id="boolean to int"),
    pytest.param(holding(array("int")), holding(array("long")), True, False, id="items to long"),
    pytest.param(holding(array("int")), holding("int"), False, False, id="array to its item"),
    pytest.param(
        holding({"type": "map", "values": "int"}),
        holding({"type": "map", "values": "string"}),
        False,
        False,
        id="values of a map",
    ),
    pytest.param(
        holding({"type": "map", "values": "int"}), holding(array("int")), False, False, id="map to array"
    ),
    pytest.param(holding(fixed(4)), holding(fixed(5)), False, False, id="size of a fixed"),
    pytest.param(holding(fixed(4)), holding(fixed(4)), True, True, id="fixed"),
    pytest.param(
        holding(record(name="Inner")),
        holding(record(field("int"), name="Inner")),
        False,
        True,
        id="field without default added inside",
    ),
    pytest.param(
        holding(array(record(name="Inner"))),
        holding(array(record(field("int", default=1), name="Inner"))),
        True,
        True,
        id="field with default added inside a list",
    ),
    pytest.param(
        holding(record(name="Inner")),
        holding(record(name="Other", aliases=["Inner"])),
        True,
        False,
        id="record renamed with alias",
    ),
    pytest.param(
        holding(record(name="Inner")), holding(record(name="Other")), False, False, id="record renamed"
    ),
    pytest.param(chained(), chained(field("int", default=1)), True, True, id="record within itself"),
    pytest.param(chained(), chained(field("int")), False, True, id="record within itself, no default"),
]

# refused here although fastavro, or a reader as lenient, reads something
STRICTER = [
    pytest.param(
        holding("long"),
        holding({"type": "long", "logicalType": "timestamp-millis"}),
        id="a number becomes a time",
    ),
    pytest.param(
        holding({"type": "long", "logicalType": "timestamp-millis"}),
        holding({"type": "long", "logicalType": "timestamp-micros"}),
        id="milliseconds become microseconds",
    ),
    pytest.param(
        holding({"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}),
        holding({"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 3}),
        id="another scale",
    ),
    pytest.param(
        record(namespace="cpis"), record(namespace="other"), id="another namespace, which Java refuses"
    ),
    pytest.param(holding("bytes"), holding("string"), id="bytes that may be no text"),
]


class Pair:
    """fastavro with the schema that wrote and the one that reads."""

    def __init__(self, *, reader: Any, writer: Any) -> None:
        """Parse both."""
        self._reader = parse_schema(reader, named_schemas={})
        self._writer = parse_schema(writer, named_schemas={})

    def refuses(self, value: Any) -> bool:
        """Return whether the reader cannot read what the writer wrote."""
        data = BytesIO()
        schemaless_writer(data, self._writer, value)
        data.seek(0)
        try:
            schemaless_reader(data, self._writer, self._reader)
        except _UNREADABLE:
            return True
        return False


def reads_all(*, reader: Any, writer: Any) -> bool:
    """Return whether fastavro reads every value, as far as examples tell."""
    try:
        find(
            values_of(writer),
            Pair(reader=reader, writer=writer).refuses,
            settings=settings(max_examples=EXAMPLES, database=None, deadline=None, phases=[Phase.generate]),
        )
    except NoSuchExample:
        return True
    return False


@pytest.mark.parametrize(("former", "later", "backward", "forward"), CHANGES)
def test_a_change_is_judged(former: Any, later: Any, backward: bool, forward: bool) -> None:  # noqa: FBT001
    """Each kind of change, in both directions."""
    assert (backward, forward) == (
        not problems(reader=later, writer=former),
        not problems(reader=former, writer=later),
    )


@pytest.mark.parametrize(("former", "later", "backward", "forward"), CHANGES)
def test_fastavro_agrees(former: Any, later: Any, backward: bool, forward: bool) -> None:  # noqa: FBT001
    """What is called readable is read, whatever the value; of the rest some value is not."""
    assert (backward, forward) == (
        reads_all(reader=later, writer=former),
        reads_all(reader=former, writer=later),
    )


@pytest.mark.parametrize(("former", "later"), STRICTER)
def test_what_is_read_as_something_else_is_refused(former: Any, later: Any) -> None:
    """A reader that takes a value for another one is worse than one that refuses it."""
    assert full_problems(former, later)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(value=st.data())
def test_a_generated_value_can_be_written(value: st.DataObject) -> None:
    """The strategy of values covers every kind of type."""
    schema = record(
        field(array({"type": "map", "values": ["null", "double", "bytes"]})),
        field(fixed(3), "b"),
        field(enum("A", "B"), "c"),
        field({"type": "int", "logicalType": "date"}, "d"),
        field({"type": "long", "logicalType": "timestamp-millis"}, "e"),
        field("boolean", "f"),
    )
    assert not Pair(reader=schema, writer=schema).refuses(value.draw(values_of(schema)))


def test_a_problem_names_its_place() -> None:
    """Who changed a schema sees where."""
    former = holding(array(record(name="Inner")))
    later = holding(array(record(field("int"), name="Inner")))

    assert [".it[].it: the writer lacks it and the reader has no default"] == full_problems(former, later)
