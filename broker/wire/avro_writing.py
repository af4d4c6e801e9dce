"""
Writing of Avro records by functions that are put together once for each schema.

Knows what the schemas of the broker are made of, and nothing else: records, enums, arrays, maps, days, times
to the millisecond, and unions of null with one other type. The bytes are those that any writer of Avro makes:
each value has one form but for the blocks of arrays and maps, of which there is one here.
"""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from broker.wire.avro_values import millis

Writer = Callable[[Any], bytes]
"""Returns a value's bytes; raises one of `UNWRITABLE` for what is no value of the type."""

UNWRITABLE = (AttributeError, KeyError, OverflowError, TypeError, ValueError)

_NULL_BRANCH, _OTHER_BRANCH = b"\x00", b"\x02"
_END = b"\x00"  # of the blocks of an array or a map
_SHORT_MAX = 1 << 13  # what takes two bytes
_INT, _LONG = 1 << 31, 1 << 63
_GROUP, _MORE, _BITS = 0x7F, 0x80, 7  # of a number of variable length
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_BOOLEANS = {False: b"\x00", True: b"\x01"}


def _spread(value: int) -> bytes:
    """Return a number in as many bytes as it needs, the lowest seven bits first; its sign comes last."""
    rest = value << 1 if value >= 0 else ~(value << 1)
    spread = bytearray()
    while rest > _GROUP:
        spread.append(rest & _GROUP | _MORE)
        rest >>= _BITS
    spread.append(rest)
    return bytes(spread)


_SHORT = [_spread(number) for number in range(_SHORT_MAX)]


def _write_long(value: int) -> bytes:
    """Write a number of 64 bits."""
    if 0 <= value < _SHORT_MAX:
        return _SHORT[value]
    if not -_LONG <= value < _LONG:
        raise OverflowError
    return _spread(value)


def _write_int(value: int) -> bytes:
    """Write a number of 32 bits."""
    if not -_INT <= value < _INT:
        raise OverflowError
    return _write_long(value)


def _write_string(value: str) -> bytes:
    """Write a text."""
    text = value.encode()
    size = len(text)
    return (_SHORT[size] if size < _SHORT_MAX else _spread(size)) + text


def _write_bytes(value: bytes) -> bytes:
    """Write bytes."""
    return _write_long(len(value)) + value


def _write_day(value: Any) -> bytes:
    """Write a day, or the days since 1970 that it is."""
    return _write_int(value if isinstance(value, int) else value.toordinal() - _EPOCH_DAY)


def _write_moment(value: Any) -> bytes:
    """Write an aware time, or the milliseconds since 1970 that it is."""
    return _write_long(value if isinstance(value, int) else millis(value))


_PLAIN: Mapping[str, Writer] = {
    "boolean": _BOOLEANS.__getitem__,
    "int": _write_int,
    "long": _write_long,
    "string": _write_string,
    "bytes": _write_bytes,
}
_LOGICAL: Mapping[tuple[str, str], Writer] = {
    ("int", "date"): _write_day,
    ("long", "timestamp-millis"): _write_moment,
}


def writer_of(schema: Any) -> Writer:
    """Return what writes values of a parsed schema; raise one of `UNWRITABLE` where it has other types."""
    return _made(schema, dict(_PLAIN))


def _made(schema: Any, named: dict[str, Writer]) -> Writer:
    """Return the writer of a schema within one that has named these types so far, and note its own name."""
    if isinstance(schema, str):
        return named[schema]
    if isinstance(schema, list):
        return _of_union(schema, named)
    kind = schema["type"]
    if "logicalType" in schema:
        return _LOGICAL[kind, schema["logicalType"]]
    if kind == "record":
        made = named[schema["name"]] = _of_record(schema["fields"], named)
    elif kind == "enum":
        places = {symbol: _write_int(place) for place, symbol in enumerate(schema["symbols"])}
        made = named[schema["name"]] = places.__getitem__
    elif kind == "array":
        made = _of_array(_made(schema["items"], named))
    elif kind == "map":
        made = _of_map(_made(schema["values"], named))
    else:
        made = _made(kind, named)
    return made


def _of_union(branches: list[Any], named: dict[str, Writer]) -> Writer:
    """Return the writer of null or one other type, in that order."""
    null, other = branches
    if null != "null":
        raise ValueError
    write = _made(other, named)

    def written(value: Any) -> bytes:
        """Write nothing, or the value."""
        return _NULL_BRANCH if value is None else _OTHER_BRANCH + write(value)

    return written


def _of_record(fields: list[dict[str, Any]], named: dict[str, Writer]) -> Writer:
    """Return the writer of a record; a field that is left out has its default."""
    parts = [(field["name"], field.get("default"), _made(field["type"], named)) for field in fields]

    def written(row: Mapping[str, Any]) -> bytes:
        """Write one field after the other."""
        get = row.get
        return b"".join([write(get(name, default)) for name, default, write in parts])

    return written


def _of_array(write: Writer) -> Writer:
    """Return the writer of a list."""

    def written(values: Any) -> bytes:
        """Write all items as one block."""
        if not values:
            return _write_long(len(values))
        return b"".join([_write_long(len(values)), *map(write, values), _END])

    return written


def _of_map(write: Writer) -> Writer:
    """Return the writer of a dictionary with texts as keys."""

    def written(values: Mapping[str, Any]) -> bytes:
        """Write all entries as one block."""
        if not values:
            return _write_long(len(values))
        entries = (_write_string(key) + write(value) for key, value in values.items())
        return b"".join([_write_long(len(values)), *entries, _END])

    return written
