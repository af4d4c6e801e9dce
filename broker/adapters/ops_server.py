"""
The operators' port: `/livez`, `/readyz` and `/metrics` over HTTP, for those who supervise this process.

Knows paths, methods and status codes; what is asked of the process its three callables know. Nothing can be
changed here, and no request is logged: a path may hold whatever a stranger typed.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import cast

from aiohttp import web

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_STOP_SECONDS = 1.0  # a scrape takes milliseconds
_OK, _UNAVAILABLE = 200, 503
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a probe is told: 200 when `ok`, 503 otherwise; `body` becomes JSON and names no person."""

    ok: bool
    body: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of text: its media type and its bytes."""

    content_type: str
    body: bytes


class OpsServer:
    """
    Listens on one address; `start` once, then `stop` once. Port 0 takes a free one: see `port`.

    GET and HEAD of three paths are answered; another path is 404, another method 405.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        live: Callable[[], Answer],
        ready: Callable[[], Answer],
        metrics: Callable[[], Page],
    ) -> None:
        self._address = (host, port)
        app = web.Application(client_max_size=0)
        app.router.add_get("/livez", _told(live))
        app.router.add_get("/readyz", _told(ready))
        app.router.add_get("/metrics", _shown(metrics))
        app.on_response_prepare.append(_without_version)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_STOP_SECONDS)

    async def start(self) -> None:
        """Listen; raise `OSError` when the address cannot be had."""
        await self._runner.setup()
        await web.TCPSite(self._runner, *self._address).start()

    @property
    def port(self) -> int:
        """The port listened on, once started."""
        return cast("int", self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Close; safe to call twice, and after a start that failed."""
        await self._runner.cleanup()


def _told(ask: Callable[[], Answer]) -> _Handler:
    """Return the handler of a probe."""

    async def handle(_request: web.Request) -> web.Response:
        """Answer a probe."""
        answer = ask()
        text = json.dumps(answer.body, sort_keys=True) + "\n"
        return web.Response(
            status=_OK if answer.ok else _UNAVAILABLE,
            text=text,
            content_type="application/json",
            headers=_HEADERS,
        )

    return handle


def _shown(page_of: Callable[[], Page]) -> _Handler:
    """Return the handler of a page."""

    async def handle(_request: web.Request) -> web.Response:
        """Answer with the page."""
        page = page_of()
        return web.Response(body=page.body, headers={**_HEADERS, "Content-Type": page.content_type})

    return handle


async def _without_version(_request: web.Request, response: web.StreamResponse) -> None:
    """Tell nobody which version of which library answers."""
    response.headers["Server"] = "cpis"
