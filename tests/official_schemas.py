"""
The official schemas of the CP-IS messages, as the oracle of tests.

They are not ours to copy: they are looked for where the environment variable says, else beside the
repository; without them the tests that need them are skipped, and say so. As published they break the XSD
standard in a few places (an attribute's type that is no restriction of its base's), so they are loaded laxly:
that is the only fault they may have, and instances are validated in full.
"""

import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import xmlschema

SCHEMAS_VARIABLE = "HL7V3_SCHEMAS"
SCHEMAS = Path(
    os.environ.get(SCHEMAS_VARIABLE, Path(__file__).parents[2] / "shared" / "specs" / "cpis-hl7v3")
)
KNOWN_FAULT = "Attribute type is not a restriction of the base attribute type"
"""What the published schemas get wrong."""


def official_schema(message: str) -> Any:
    """Return the official schema of a message, or skip the test."""
    schema = find_schema(message)
    if schema is None:
        pytest.skip(f"the official CP-IS schemas are not here: set {SCHEMAS_VARIABLE} to their directory")
    return schema


def faults_of(data: bytes, message: str = "REPC_MT000003GB01") -> list[str]:
    """Return what the official schema of a message finds wrong with one; nothing where it is not here."""
    schema = find_schema(message)
    if schema is None:
        return []
    return [f"{error.path}: {error.reason}" for error in schema.iter_errors(data)]


@cache
def find_schema(message: str) -> Any:
    """Return the official schema of a message, or None where there is none to be had."""
    path = SCHEMAS / "Schemas" / f"{message}.xsd"
    if not path.is_file():
        return None
    return xmlschema.XMLSchema(str(path), validation="lax")
