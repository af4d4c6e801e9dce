"""The OpenAPI 3.1 document of operations: made of the table that their routes are made of."""

from collections.abc import Iterable
from typing import Any

from broker.wire.http import Operation

_SECURITY: dict[str, Any] = {
    "certificate": {
        "type": "mutualTLS",
        "description": "A certificate that the file of senders names for the sending system.",
    },
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "A token whose SHA-256 the file of senders names for the sending system.",
    },
}


def openapi(operations: Iterable[Operation], *, version: str) -> dict[str, Any]:
    """Return the document; `version` is the program's."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _described(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "CP-IS event broker",
            "version": version,
            "description": "What is asked of the broker over HTTP. No address holds a person's data.",
        },
        "paths": paths,
        "components": {"securitySchemes": _SECURITY},
    }


def _described(operation: Operation) -> dict[str, Any]:
    """Return one operation."""
    told: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": operation.meaning,
        "security": [] if operation.open_to_all else [{name: []} for name in _SECURITY],
        "responses": {
            str(status): {"description": meaning, "content": {kind: {} for kind in operation.gives}}
            for status, meaning in operation.statuses.items()
        },
    }
    if operation.parameters:
        told["parameters"] = [
            {
                "name": one.name,
                "in": one.place,
                "required": one.required,
                "description": one.meaning,
                "schema": {"type": "string"},
            }
            for one in operation.parameters
        ]
    if operation.takes:
        told["requestBody"] = {"required": True, "content": {kind: {} for kind in operation.takes}}
    return told
