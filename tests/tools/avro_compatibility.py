"""
Tells whether what one Avro schema wrote can be read with another, by the rules of schema resolution.

The rules are those of the Avro specification ("Schema Resolution"), as strict as the strictest reader: names
are compared in full, a logical type may not change (a reader would take days for milliseconds), and bytes do
not become text, since not all bytes are. A schema is what `json.loads` makes of an `.avsc` file.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from fastavro import parse_schema

Schema = Any

_PROMOTIONS: Mapping[str, frozenset[str]] = {
    "int": frozenset({"long", "float", "double"}),
    "long": frozenset({"float", "double"}),
    "float": frozenset({"double"}),
    "string": frozenset({"bytes"}),
}
_LOGICAL = ("logicalType", "precision", "scale")


def full_problems(one: Schema, other: Schema) -> list[str]:
    """Return why the two cannot each read what the other wrote; empty when they can."""
    return [*problems(reader=one, writer=other), *problems(reader=other, writer=one)]


def problems(*, reader: Schema, writer: Schema) -> list[str]:
    """Return why `reader` cannot read what `writer` wrote, each with its place; empty when it can."""
    return list(_Resolution(reader, writer).all())


class _Resolution:
    """One reader against one writer, with the names that each defines."""

    def __init__(self, reader: Schema, writer: Schema) -> None:
        """Parse both: all names are full ones from here on."""
        self._reader_names: dict[str, Any] = {}
        self._writer_names: dict[str, Any] = {}
        self._reader = parse_schema(reader, named_schemas=self._reader_names, expand=False)
        self._writer = parse_schema(writer, named_schemas=self._writer_names, expand=False)
        self._compared: set[tuple[str, str]] = set()

    def all(self) -> Iterator[str]:
        """Yield every problem."""
        yield from self._match(self._reader, self._writer, "")

    def _match(self, reader: Schema, writer: Schema, place: str) -> Iterator[str]:
        """Yield what keeps the reader's type from taking the writer's: every branch of a union of its."""
        if isinstance(writer, list):
            for branch in writer:
                yield from self._match(reader, branch, place)
        elif isinstance(reader, list):
            if all(any(self._match(branch, writer, place)) for branch in reader):
                yield f"{place}: the reader has no branch for {_kind(writer)}"
        else:
            yield from self._plain(
                _named(reader, self._reader_names), _named(writer, self._writer_names), place
            )

    def _plain(self, reader: Schema, writer: Schema, place: str) -> Iterator[str]:
        """Yield what keeps apart two types of which neither is a union."""
        if _logical(reader) != _logical(writer):
            yield f"{place}: the logical type differs"
        match (_kind(reader), _kind(writer)):
            case ("record", "record"):
                yield from self._records(reader, writer, place)
            case ("enum", "enum"):
                yield from _enums(reader, writer, place)
            case ("fixed", "fixed"):
                yield from _fixed(reader, writer, place)
            case ("array", "array"):
                yield from self._match(reader["items"], writer["items"], f"{place}[]")
            case ("map", "map"):
                yield from self._match(reader["values"], writer["values"], f"{place}{{}}")
            case (wanted, there) if wanted != there and wanted not in _PROMOTIONS.get(there, ()):
                yield f"{place}: {wanted} cannot be read from {there}"
            case _:
                pass

    def _records(self, reader: Schema, writer: Schema, place: str) -> Iterator[str]:
        """Yield what keeps apart two records; a pair that contains itself is compared once."""
        pair = (reader["name"], writer["name"])
        if pair in self._compared:
            return
        self._compared.add(pair)
        yield from _names(reader, writer, place)
        there = {field["name"]: field for field in writer["fields"]}
        for field in reader["fields"]:
            names = [field["name"], *field.get("aliases", ())]
            found = next((there[name] for name in names if name in there), None)
            where = f"{place}.{field['name']}"
            if found is not None:
                yield from self._match(field["type"], found["type"], where)
            elif "default" not in field:
                yield f"{where}: the writer lacks it and the reader has no default"
        self._compared.discard(pair)


def _enums(reader: Schema, writer: Schema, place: str) -> Iterator[str]:
    """Yield what keeps apart two enums: names, and symbols that the reader has no word for."""
    yield from _names(reader, writer, place)
    if "default" not in reader:
        for symbol in writer["symbols"]:
            if symbol not in reader["symbols"]:
                yield f"{place}: the reader lacks {symbol} and has no default"


def _fixed(reader: Schema, writer: Schema, place: str) -> Iterator[str]:
    """Yield what keeps apart two types of fixed size."""
    yield from _names(reader, writer, place)
    if reader["size"] != writer["size"]:
        yield f"{place}: the size differs"


def _named(schema: Schema, names: Mapping[str, Any]) -> Schema:
    """Return what a name stands for, and anything else as it is."""
    return names.get(schema, schema) if isinstance(schema, str) else schema


def _names(reader: Schema, writer: Schema, place: str) -> Iterator[str]:
    """Yield the difference of two named types' names, unless an alias of the reader's bridges it."""
    namespace = reader["name"].rpartition(".")[0]
    aliases = {
        alias if "." in alias or not namespace else f"{namespace}.{alias}"
        for alias in reader.get("aliases", ())
    }
    if writer["name"] not in {reader["name"], *aliases}:
        yield f"{place}: {writer['name']} is not {reader['name']}"


def _kind(schema: Schema) -> str:
    """Return a type's kind, which is a primitive's name."""
    return str(schema["type"] if isinstance(schema, dict) else schema)


def _logical(schema: Schema) -> tuple[Any, ...]:
    """Return what a schema says of the meaning of its bytes."""
    return tuple(schema.get(key) for key in _LOGICAL) if isinstance(schema, dict) else (None,) * len(_LOGICAL)
