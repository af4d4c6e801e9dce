"""The schemas that are shipped with the program, loaded for the codecs."""

import json
from typing import Any

from broker.core.errors import ConfigurationError
from broker.runtime.resources import schemas_directory
from broker.wire.avro import Schemas

_IDS = "ids.json"
_SUFFIX = ".avsc"


def load_schemas() -> Schemas:
    """Read and parse every schema with its pinned id; raise `ConfigurationError` where one is damaged."""
    return Schemas(*load_files())


def load_files() -> tuple[dict[str, Any], dict[str, int]]:
    """Return the JSON and the pinned id of every schema by name; raise `ConfigurationError`."""
    directory = schemas_directory()
    try:
        avsc: dict[str, Any] = {
            path.name.removesuffix(_SUFFIX): json.loads(path.read_text(encoding="utf-8"))
            for path in sorted(directory.glob(f"*{_SUFFIX}"))
        }
        ids: dict[str, int] = json.loads((directory / _IDS).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"the schemas cannot be read: {type(error).__name__}") from error
    return avsc, ids
