"""The page that describes every operation over HTTP, itself one of them."""

import json
from collections.abc import Iterable
from typing import Final

from broker.core.door_errors import RequestRefused
from broker.wire.http import JSON, HttpAnswer, HttpRequest, Operation
from broker.wire.openapi import openapi

VERSION: Final = "0.1.0"
"""Of the description: that of the program in whose first release it is."""


def described(operations: Iterable[Operation]) -> tuple[Operation, ...]:
    """Return the operations, and the one that describes them."""

    async def shown(_request: HttpRequest) -> HttpAnswer:
        """Show the page."""
        return HttpAnswer(status=200, body=page(every))

    async def refused(_request: HttpRequest, fault: RequestRefused) -> HttpAnswer:
        """Answer with the reason alone."""
        return HttpAnswer(status=fault.status, body=json.dumps({"reason": fault.reason}).encode())

    every = (
        *operations,
        Operation(
            method="GET",
            path="/openapi.json",
            name="openapi",
            summary="Describe what can be asked",
            meaning="This page.",
            handle=shown,
            refuse=refused,
            statuses={200: "OpenAPI 3.1.", 406: "Only JSON is given."},
            gives=(JSON,),
            open_to_all=True,
        ),
    )
    return every


def page(operations: Iterable[Operation]) -> bytes:
    """Return the page as bytes."""
    return json.dumps(openapi(operations, version=VERSION), indent=2, ensure_ascii=False).encode()
