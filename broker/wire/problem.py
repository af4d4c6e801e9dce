"""Why a request over HTTP is not answered otherwise, as JSON (RFC 9457): an error of ours, and its status."""

import json
from collections.abc import Awaitable, Callable
from typing import Final

from broker.core.door_errors import RequestRefused
from broker.core.errors import BrokerError
from broker.wire.http import HttpAnswer, HttpRequest

PROBLEM: Final = "application/problem+json"
OTHER_STATUSES: Final = frozenset({202, 204, 409, 410, 422})
"""What the doors of authorities and national services answer beside what the hospitals' does."""

_UNKNOWN = 401


def problem(error: BrokerError, status: int, *, retry_after: int | None = None) -> HttpAnswer:
    """
    Return the answer that says what is wrong, by the error's own code, and what to do about it.

    `retry_after`: in how many seconds to come again, where that helps. Who is unknown learns what to show.
    """
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    if status == _UNKNOWN:
        headers["WWW-Authenticate"] = "Bearer"
    said = {"status": status, "title": str(error), "code": error.code, "detail": error.action}
    return HttpAnswer(
        status=status,
        body=json.dumps(said, ensure_ascii=False).encode(),
        content_type=PROBLEM,
        headers=headers,
    )


def refusing(retry_after: int) -> Callable[[HttpRequest, RequestRefused], Awaitable[HttpAnswer]]:
    """Return what answers a request that is none that is taken: come again in so many seconds."""

    async def refuse(_request: HttpRequest, fault: RequestRefused) -> HttpAnswer:
        """Answer it."""
        return problem(fault, fault.status, retry_after=retry_after)

    return refuse
