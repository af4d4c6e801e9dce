"""
Avro with Confluent framing: a zero byte, the schema's id as four big-endian bytes, the body.

Knows every schema by name and id, so that no reader of ours needs a registry. A name is a subject (`plan`)
or, for an earlier version that may still lie in a topic, subject and number (`plan.1`): bytes written by it
are resolved to the subject's present schema. Reads no files: the caller hands in what it loaded.
"""

from collections.abc import Mapping
from io import BytesIO
from struct import Struct
from typing import Any

from fastavro import parse_schema, schemaless_reader
from fastavro.read import SchemaResolutionError
from fastavro.schema import SchemaParseException, UnknownType, to_parsing_canonical_form

from broker.core.errors import ConfigurationError, MalformedMessage, NaiveTime, UnwritableRecord
from broker.wire.avro_writing import UNWRITABLE, Writer, writer_of

Row = dict[str, Any]
"""
A record: field name → value. Enums are symbols; times are read as aware UTC and written as milliseconds.
"""

_HEAD = Struct(">BI")  # Confluent wire format: magic, schema id
_MAGIC = 0
_UNREADABLE = (
    EOFError,
    IndexError,
    KeyError,
    MemoryError,
    OverflowError,
    SchemaResolutionError,
    TypeError,
    ValueError,
)
_NO_SCHEMA = (SchemaParseException, UnknownType, AttributeError, KeyError, TypeError, ValueError)
_UNWRITABLE = (*UNWRITABLE, NaiveTime)


def frame(schema_id: int, body: bytes) -> bytes:
    """Return `body` behind its five-byte head."""
    return _HEAD.pack(_MAGIC, schema_id) + body


def schema_id_of(data: bytes) -> int:
    """Return the schema id of framed bytes; raise `MalformedMessage` when they are not framed."""
    if len(data) < _HEAD.size or data[0] != _MAGIC:
        raise MalformedMessage("avro framing missing")
    identifier: int = _HEAD.unpack_from(data)[1]
    return identifier


def reframe(data: bytes, schema_id: int) -> bytes:
    """Return framed bytes behind another id, that of the same schema elsewhere; raise `MalformedMessage`."""
    schema_id_of(data)
    return frame(schema_id, data[_HEAD.size :])


def canonical_form(schema: Any) -> str | None:
    """Return what of a schema decides about bytes (Avro's parsing canonical form); None when it is none."""
    try:
        return str(to_parsing_canonical_form(schema))
    except _NO_SCHEMA:
        return None


class Schemas:
    """
    Every schema of the broker, parsed once.

    `avsc` holds each schema's loaded JSON by name, `ids` the pinned id of each of the same names. Raises
    `ConfigurationError` when names or ids do not fit together or a schema is none.
    """

    def __init__(self, avsc: Mapping[str, Mapping[str, Any]], ids: Mapping[str, int]) -> None:
        """Parse every schema."""
        if set(avsc) != set(ids):
            odd = ", ".join(sorted(set(avsc) ^ set(ids)))
            raise ConfigurationError(f"schemas and pinned ids do not name the same: {odd}")
        if len(set(ids.values())) != len(ids):
            raise ConfigurationError("two schemas have one id")
        self._ids = dict(ids)
        self._names = {identifier: name for name, identifier in ids.items()}
        self._parsed = {name: _parse(name, schema) for name, schema in avsc.items()}
        self._writers = {name: _writer(name, parsed) for name, parsed in self._parsed.items()}
        for name in avsc:
            if _subject(name) not in avsc:
                raise ConfigurationError(f"schema {name} has no present version")

    def encode(self, name: str, row: Mapping[str, Any]) -> bytes:
        """Return `row` framed as the schema `name`; raise `UnwritableRecord` when it does not fit."""
        write = self._writers[name]
        try:
            body = write(row)
        except _UNWRITABLE as error:  # its text may hold the value: not chained
            raise UnwritableRecord(f"{type(error).__name__} while writing schema {name}") from None
        return frame(self._ids[name], body)

    def decode(self, name: str, data: bytes) -> Row:
        """
        Return the record of framed bytes of the subject `name`, whichever of its versions wrote them.

        Raise `MalformedMessage` for anything else.
        """
        writer = self._written_by(data)
        if _subject(writer) != name:
            raise MalformedMessage("avro schema unexpected", detail=f"{writer} instead of {name}")
        body = BytesIO(data)
        body.seek(_HEAD.size)
        try:
            row = schemaless_reader(
                body, self._parsed[writer], self._parsed[name] if writer != name else None
            )
        except _UNREADABLE as error:
            raise MalformedMessage("avro unreadable", detail=f"{type(error).__name__} in {name}") from None
        if body.tell() != len(data):
            raise MalformedMessage("avro length wrong", detail=name)
        result: Row = row
        return result

    def id_of(self, name: str) -> int:
        """Return the pinned id of a schema."""
        return self._ids[name]

    def is_unknown(self, data: bytes) -> bool:
        """Tell whether bytes are framed under a schema that is not ours, or not yet."""
        try:
            return schema_id_of(data) not in self._names
        except MalformedMessage:
            return False

    def subject_of(self, data: bytes) -> str:
        """Return the name of the subject that framed bytes belong to; raise `MalformedMessage` for none."""
        return _subject(self._written_by(data))

    def _written_by(self, data: bytes) -> str:
        """Return the name of the schema version that wrote framed bytes."""
        name = self._names.get(schema_id_of(data))
        if name is None:
            raise MalformedMessage("avro schema id unknown")
        return name


def _subject(name: str) -> str:
    """Return the name without a version's number."""
    return name.partition(".")[0]


def _parse(name: str, schema: Mapping[str, Any]) -> Any:
    """Return the schema as fastavro wants it; each file stands alone, so names are not shared."""
    try:
        return parse_schema(dict(schema), named_schemas={})
    except _NO_SCHEMA as error:
        raise ConfigurationError(f"schema {name} cannot be parsed: {type(error).__name__}") from error


def _writer(name: str, parsed: Any) -> Writer:
    """Return what writes a schema's records."""
    try:
        return writer_of(parsed)
    except UNWRITABLE as error:
        raise ConfigurationError(f"schema {name} has a type that is not written here") from error
