"""Builds the reference page of the Avro schemas: every record, field and symbol with its meaning."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.tools.markdown import paragraph, table

Schema = Mapping[str, Any]

_NO_DEFAULT = "–"
_NAMED = frozenset({"record", "enum"})


def schemas_page(folder: Path) -> str:
    """
    Return the page of the schemas in `folder`, in the order of their ids in `ids.json`.

    An earlier version (`plan.1`) stands in the overview; what is described is the present one.
    """
    ids: Mapping[str, int] = json.loads((folder / "ids.json").read_text("utf-8"))
    files = {name: json.loads((folder / f"{name}.avsc").read_text("utf-8")) for name in ids}
    present = [name for name in sorted(ids, key=lambda entry: ids[entry]) if "." not in name]
    whole = {files[name]["name"] for name in present}
    parts: dict[str, Schema] = {}
    for schema in (files[name] for name in present):
        for part in _named_below(schema):
            if part["name"] not in whole:
                _keep_one(parts, part)
    about = paragraph(
        """
        Avro, in `schemas/`. A value on Kafka is a zero byte, the schema's id as four bytes (most significant
        first), and the Avro body: the framing of the Confluent clients. The ids are pinned in
        `schemas/ids.json`, so a reader needs no registry. Times are milliseconds since 1970 in UTC, days are
        days in Europe/London.
        """
    )
    overview = [
        (str(number), _link(files[name]["name"]), f"`schemas/{name}.avsc`")
        for name, number in sorted(ids.items(), key=lambda entry: entry[1])
    ]
    lines = ["# Schemas", "", about, "", *table(("id", "record", "file"), overview)]
    for name in present:
        lines += ["", *_record(files[name])]
    for part in sorted(parts.values(), key=lambda schema: str(schema["name"])):
        lines += ["", *(_record(part) if part["type"] == "record" else _enum(part))]
    return "\n".join(lines)


def _named_below(schema: Any) -> Iterator[Schema]:
    """Yield every record and enum that a schema defines inside itself."""
    if isinstance(schema, list):
        for branch in schema:
            yield from _named_below(branch)
    elif isinstance(schema, dict):
        if schema.get("type") in _NAMED:
            yield schema
        for inner in ("type", "items", "values"):
            yield from _named_below(schema.get(inner))
        for field in schema.get("fields", ()):
            yield from _named_below(field["type"])


def _keep_one(parts: dict[str, Schema], part: Schema) -> None:
    """Keep a part under its name; raise `ValueError` where two files give the name to different things."""
    kept = parts.setdefault(part["name"], part)
    if _shape(kept) != _shape(part):
        raise ValueError(f"{part['name']} is not the same in every schema")


def _shape(part: Schema) -> Sequence[Any]:
    """Return what must be the same wherever a part is defined: its fields or its symbols."""
    return [field["name"] for field in part.get("fields", ())] or list(part["symbols"])


def _record(schema: Schema) -> Iterator[str]:
    """Yield the section of one record."""
    yield from (f"## {schema['name']}", "", schema["doc"], "")
    rows = [
        (f"`{field['name']}`", _type(field["type"]), _default(field), field["doc"])
        for field in schema["fields"]
    ]
    yield from table(("field", "type", "default", "meaning"), rows)


def _enum(schema: Schema) -> Iterator[str]:
    """Yield the section of one enumeration."""
    symbols = ", ".join(f"`{symbol}`" for symbol in schema["symbols"])
    yield from (f"## {schema['name']}", "", schema["doc"], "", f"Symbols: {symbols}.")


def _default(field: Schema) -> str:
    """Return a field's default as JSON."""
    return f"`{json.dumps(field['default'])}`" if "default" in field else _NO_DEFAULT


def _type(schema: Any) -> str:
    """Return a type in words, with links to the named ones."""
    if isinstance(schema, list):
        return " or ".join(_type(branch) for branch in schema)
    if isinstance(schema, str):
        return schema if schema.islower() else _link(schema)
    match schema:
        case {"logicalType": logical}:
            return str(logical)
        case {"type": "array", "items": items}:
            return f"list of {_type(items)}"
        case {"type": "map", "values": values}:
            return f"map of {_type(values)}"
        case {"type": "record" | "enum", "name": name}:
            return _link(name)
        case _:
            return _type(schema["type"])


def _link(name: str) -> str:
    """Return a link to the section of a named type."""
    simple = name.rsplit(".", maxsplit=1)[-1]
    return f"[{simple}](#{simple.lower()})"
