"""The shipped schema files as they lie on disk, for tests of the files themselves."""

import json
from typing import Any

from broker.runtime.resources import schemas_directory


def shipped_schema(name: str) -> dict[str, Any]:
    """Return a schema's loaded JSON."""
    text = (schemas_directory() / f"{name}.avsc").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def shipped_names() -> list[str]:
    """Return the name of every shipped schema."""
    return sorted(path.stem for path in schemas_directory().glob("*.avsc"))


def shipped_ids() -> dict[str, int]:
    """Return the pinned ids by schema name."""
    ids: dict[str, int] = json.loads((schemas_directory() / "ids.json").read_text(encoding="utf-8"))
    return ids
