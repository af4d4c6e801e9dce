"""Hypothesis strategies for the values that an Avro schema can write, whatever it is the schema of."""

from typing import Any

from fastavro import parse_schema
from hypothesis import strategies as st

from tests.strategies import days, times

_INT = 2**31
_LONG = 2**63
_SIZE_MAX = 3


def values_of(schema: Any) -> st.SearchStrategy[Any]:
    """Return the values of a schema (JSON of an `.avsc`), as fastavro takes them."""
    named: dict[str, Any] = {}
    return _values(parse_schema(schema, named_schemas=named), named)


def _values(schema: Any, named: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Return the values of a parsed schema."""
    if isinstance(schema, list):
        return st.one_of([_values(branch, named) for branch in schema])
    if isinstance(schema, str):
        return st.deferred(lambda: _values(named[schema], named)) if schema in named else _primitive(schema)
    match schema:
        case {"logicalType": "timestamp-millis"}:
            return times()
        case {"logicalType": "date"}:
            return days()
        case {"type": "record", "fields": fields}:
            return st.fixed_dictionaries({field["name"]: _values(field["type"], named) for field in fields})
        case {"type": "enum", "symbols": symbols}:
            return st.sampled_from(symbols)
        case {"type": "fixed", "size": size}:
            return st.binary(min_size=size, max_size=size)
        case {"type": "array", "items": items}:
            return st.lists(_values(items, named), max_size=_SIZE_MAX)
        case {"type": "map", "values": values}:
            return st.dictionaries(st.text(max_size=_SIZE_MAX), _values(values, named), max_size=_SIZE_MAX)
        case _:
            return _values(schema["type"], named)


def _primitive(name: str) -> st.SearchStrategy[Any]:
    """Return the values of a primitive type."""
    primitives: dict[str, st.SearchStrategy[Any]] = {
        "null": st.none(),
        "boolean": st.booleans(),
        "int": st.integers(-_INT, _INT - 1),
        "long": st.integers(-_LONG, _LONG - 1),
        "float": st.floats(width=32, allow_nan=False),
        "double": st.floats(allow_nan=False),
        "string": st.text(max_size=20),
        "bytes": st.binary(max_size=20),
    }
    return primitives[name]
