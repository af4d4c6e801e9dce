"""
Avro's binary form, compiled from a schema into one function per field.

Knows the types of our schemas: records, arrays, maps, enums, `["null", type]`, strings, bytes, booleans,
whole numbers, days, times. Writes the same bytes as `fastavro` in a quarter of the time and reads them in
two thirds: a person's state is read and written for every attendance that matters. Versions: `fastavro`.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, TypeVar

from broker.core.errors import ConfigurationError

F = TypeVar("F")

Write = Callable[[Any], bytes]
"""Returns a value's bytes; raises `KeyError`, `TypeError` and the like when it does not fit."""
Read = Callable[[bytes, int], tuple[Any, int]]
"""
Returns the value at a position and the position behind it; raises `ValueError` and the like for none.

A position behind the end of the bytes says that they were cut short: whoever calls compares at the end.
"""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_LONG_MIN, _LONG_MAX = -(1 << 63), (1 << 63) - 1
_INT_MIN, _INT_MAX = -(1 << 31), (1 << 31) - 1
_CODE_MAX = (1 << 64) - 1
_CODE_BITS_MAX = 63  # the tenth byte of a long starts at this bit; an eleventh is no long
_MORE = 0x80  # every byte of a number but the last has this bit
_VALUE = 0x7F
_BITS = 7
_LONG_BYTES_MAX = 10
_TIME_BYTES = 6  # as many has a time between mid-1970 and 2039; others are read a little slower
_TIMES_KEPT = 4_096  # a visit's messages repeat their times: saves 1 µs each
_END = b"\x00"
_NULL = b"\x00"
_SOME = b"\x02"
_SOME_BYTE = 2
_BOOLEANS = {False: b"\x00", True: b"\x01"}


def compile_writer(schema: Any) -> Write:
    """Return the writer of a parsed schema; raise `ConfigurationError` for a type that is not known here."""
    return _writer(schema, {})


def compile_reader(schema: Any) -> Read:
    """Return the reader of a parsed schema; raise `ConfigurationError` for a type that is not known here."""
    return _reader(schema, {})


def _write_long(value: int) -> bytes:
    """Return a whole number of 64 bits in zigzag coding; raise `OverflowError` beyond."""
    if not _LONG_MIN <= value <= _LONG_MAX:
        raise OverflowError
    code = value << 1 if value >= 0 else ~(value << 1)
    out = bytearray()
    while code >= _MORE:
        out.append(code & _VALUE | _MORE)
        code >>= _BITS
    out.append(code)
    return bytes(out)


_write_time = lru_cache(maxsize=_TIMES_KEPT)(_write_long)
_SHORT = tuple(_write_long(length) for length in range(64))  # the lengths that fit one byte


def _length(length: int) -> bytes:
    """Return a length as it stands before strings, bytes and blocks."""
    return _SHORT[length] if length < len(_SHORT) else _write_long(length)


def _read_long(data: bytes, at: int) -> tuple[int, int]:
    """Return a whole number of 64 bits; raise `IndexError` at the end, `ValueError` beyond 64 bits."""
    byte = data[at]
    at += 1
    code = byte & _VALUE
    shift = _BITS
    while byte >= _MORE:
        if shift > _CODE_BITS_MAX:
            raise ValueError
        byte = data[at]
        at += 1
        code |= (byte & _VALUE) << shift
        shift += _BITS
    if code > _CODE_MAX:
        raise ValueError
    return (code >> 1) ^ -(code & 1), at


def _write_int(value: int) -> bytes:
    """Return a whole number of 32 bits."""
    if not _INT_MIN <= value <= _INT_MAX:
        raise OverflowError
    return _write_long(value)


def _write_string(value: str) -> bytes:
    """Return a text."""
    data = value.encode()
    return _length(len(data)) + data


def _write_bytes(value: bytes) -> bytes:
    """Return bytes."""
    return _length(len(value)) + value


def _write_day(value: date) -> bytes:
    """Return a day as days since 1970."""
    return _write_long(value.toordinal() - _EPOCH_DAY)


def _read_bytes(data: bytes, at: int) -> tuple[bytes, int]:
    """Return bytes."""
    length, start = _read_long(data, at)
    if length < 0:
        raise ValueError
    end = start + length
    return data[start:end], end


def _read_string(data: bytes, at: int) -> tuple[str, int]:
    """Return a text."""
    value, end = _read_bytes(data, at)
    return value.decode(), end


def _read_boolean(data: bytes, at: int) -> tuple[bool, int]:
    """Return yes or no."""
    byte = data[at]
    if byte > 1:
        raise ValueError
    return byte == 1, at + 1


def _read_day(data: bytes, at: int) -> tuple[date, int]:
    """Return a day."""
    days, end = _read_long(data, at)
    return date.fromordinal(days + _EPOCH_DAY), end


@lru_cache(maxsize=_TIMES_KEPT)
def _moment(code: bytes) -> tuple[datetime, int] | None:
    """Return the time in UTC that the code starts with and its length, None when the code is cut short."""
    try:
        milliseconds, length = _read_long(code, 0)
    except IndexError:
        return None
    return _EPOCH + timedelta(milliseconds=milliseconds), length


def _read_time(data: bytes, at: int) -> tuple[datetime, int]:
    """Return a time in UTC; raise `OverflowError` where no calendar has it."""
    found = _moment(data[at : at + _TIME_BYTES]) or _moment(data[at : at + _LONG_BYTES_MAX])
    if found is None:
        raise IndexError
    moment, length = found
    return moment, at + length


_WRITERS: Mapping[str, Write] = {
    "boolean": _BOOLEANS.__getitem__,
    "int": _write_int,
    "long": _write_long,
    "string": _write_string,
    "bytes": _write_bytes,
    "date": _write_day,
    "timestamp-millis": _write_time,  # the codecs hand over milliseconds
}
_READERS: Mapping[str, Read] = {
    "boolean": _read_boolean,
    "int": _read_long,
    "long": _read_long,
    "string": _read_string,
    "bytes": _read_bytes,
    "date": _read_day,
    "timestamp-millis": _read_time,
}


def _kind(schema: Any) -> str:
    """Return what a schema is: its logical type where it has one, `nullable` for `["null", type]`."""
    match schema:
        case ["null", _]:
            return "nullable"
        case {"logicalType": str(kind)} | {"type": str(kind)}:
            return kind
        case str(kind):
            return kind
        case _:
            return "union"


def _writer(schema: Any, named: dict[str, Write]) -> Write:
    """Return the writer of a schema within which `named` types were met."""
    kind = _kind(schema)
    match kind:
        case "record":
            return _named(schema, named, _record_writer(_fields(schema, _writer, named)))
        case "enum":
            codes = {symbol: _write_long(index) for index, symbol in enumerate(schema["symbols"])}
            return _named(schema, named, codes.__getitem__)
        case "array":
            return _array_writer(_writer(schema["items"], named))
        case "map":
            return _map_writer(_writer(schema["values"], named))
        case _:
            return _known(kind, _WRITERS, named)


def _reader(schema: Any, named: dict[str, Read]) -> Read:
    """Return the reader of a schema within which `named` types were met."""
    kind = _kind(schema)
    match kind:
        case "record":
            return _named(schema, named, _record_reader(_fields(schema, _reader, named)))
        case "enum":
            return _named(schema, named, _enum_reader(dict(enumerate(schema["symbols"]))))
        case "array":
            return _array_reader(_reader(schema["items"], named))
        case "map":
            return _map_reader(_reader(schema["values"], named))
        case _:
            return _known(kind, _READERS, named)


def _fields(
    schema: Any, compiled: Callable[[Any, dict[str, F]], F], named: dict[str, F]
) -> list[tuple[str, bool, F]]:
    """Return each field's name, whether it may be null, and the function of its type."""
    fields = []
    for field in schema["fields"]:
        kind = field["type"]
        nullable = _kind(kind) == "nullable"
        fields.append((field["name"], nullable, compiled(kind[1] if nullable else kind, named)))
    return fields


def _named(schema: Any, named: dict[str, F], function: F) -> F:
    """Note the function of a named type, to which later fields refer by its full name."""
    named[schema["name"]] = function
    return function


def _known(kind: str, table: Mapping[str, F], named: Mapping[str, F]) -> F:
    """Return the function of a simple type or of one met before."""
    function = table.get(kind) or named.get(kind)
    if function is None:
        raise ConfigurationError(f"the Avro type {kind} is not one that schemas here may use")
    return function


def _record_writer(fields: list[tuple[str, bool, Write]]) -> Write:
    """Return the writer of a record: every field must be there. Nulls and texts are written in the loop."""
    plan = [(name, nullable, None if write is _write_string else write) for name, nullable, write in fields]

    def write_record(row: Mapping[str, Any]) -> bytes:
        parts: list[bytes] = []
        append = parts.append
        for name, nullable, write in plan:
            value = row[name]
            if nullable:
                if value is None:
                    append(_NULL)
                    continue
                append(_SOME)
            if write is None:
                text = value.encode()
                append(_length(len(text)))
                append(text)
            else:
                append(write(value))
        return b"".join(parts)

    return write_record


def _record_reader(fields: list[tuple[str, bool, Read]]) -> Read:
    """Return the reader of a record. Nulls and short texts are read in the loop."""
    plan = [(name, nullable, read is _read_string, read) for name, nullable, read in fields]
    blank = dict.fromkeys(name for name, _, _ in fields)  # copied: growing a dict costs double

    def read_record(data: bytes, at: int) -> tuple[dict[str, Any], int]:
        row: dict[str, Any] = blank.copy()
        for name, nullable, text, read in plan:
            if nullable:
                branch = data[at]
                at += 1
                if not branch:
                    continue
                if branch != _SOME_BYTE:
                    raise ValueError
            if text and not (length := data[at]) & 0x81:  # even: not negative; no high bit: one byte
                start = at + 1
                at = start + (length >> 1)
                row[name] = data[start:at].decode()
            else:
                row[name], at = read(data, at)
        return row, at

    return read_record


def _enum_reader(symbols: Mapping[int, str]) -> Read:
    """Return the reader of an enum."""

    def read_symbol(data: bytes, at: int) -> tuple[str, int]:
        index, end = _read_long(data, at)
        return symbols[index], end

    return read_symbol


def _array_writer(write_item: Write) -> Write:
    """Return the writer of an array: one block."""

    def write(items: list[Any]) -> bytes:
        if not items:
            return _END
        return b"".join([_length(len(items)), *[write_item(item) for item in items], _END])

    return write


def _map_writer(write_value: Write) -> Write:
    """Return the writer of a map: one block."""

    def write(values: Mapping[str, Any]) -> bytes:
        if not values:
            return _END
        entries = [_write_string(key) + write_value(value) for key, value in values.items()]
        return b"".join([_length(len(entries)), *entries, _END])

    return write


def _block(data: bytes, at: int) -> tuple[int, int]:
    """Return how many items the next block has; 0 ends the array or map."""
    count, at = _read_long(data, at)
    if count < 0:  # then the block's length in bytes follows, for readers that skip
        _, at = _read_long(data, at)
    return abs(count), at


def _array_reader(read_item: Read) -> Read:
    """Return the reader of an array."""

    def read_array(data: bytes, at: int) -> tuple[list[Any], int]:
        items: list[Any] = []
        count, at = _block(data, at)
        while count:
            for _ in range(count):
                item, at = read_item(data, at)
                items.append(item)
            count, at = _block(data, at)
        return items, at

    return read_array


def _map_reader(read_value: Read) -> Read:
    """Return the reader of a map."""

    def read_map(data: bytes, at: int) -> tuple[dict[str, Any], int]:
        values: dict[str, Any] = {}
        count, at = _block(data, at)
        while count:
            for _ in range(count):
                key, at = _read_string(data, at)
                values[key], at = read_value(data, at)
            count, at = _block(data, at)
        return values, at

    return read_map
