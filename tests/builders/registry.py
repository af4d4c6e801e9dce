"""
A small schema registry with Confluent's REST interface, on a real socket: subjects, ids, compatibility.

Every subject is FULL_TRANSITIVE. One schema has one id, whatever its subjects, counted from `first_id`.
`ill` makes it answer as no registry should.
"""

import asyncio
import json
import ssl
import threading
from base64 import b64decode
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any

from aiohttp import web

from tests.tools.avro_compatibility import full_problems

FIRST_ID = 70_001
_TYPE = "application/vnd.schemaregistry.v1+json"
_START_DEADLINE_S = 90.0


class Ill(Enum):
    """What is wrong with the answers of a registry: status and body, where it gives one."""

    HTML = (200, "<html><body>Please log in</body></html>")
    NOT_JSON = (200, '{"id": ')
    A_LIST = (200, "[1, 2]")
    NO_ID = (200, '{"id": "seventeen", "is_compatible": "perhaps"}')
    ID_TOO_LARGE = (200, '{"id": 1099511627776, "schema": "{"}')
    ENDLESS = (200, " " * 5_000_000)
    REDIRECT = (307, "")
    FORBIDDEN = (403, '{"error_code": 40301, "message": "Forbidden"}')
    NOT_FOUND_PAGE = (404, "<html><body>404</body></html>")
    BROKEN = (500, '{"error_code": 50001, "message": "Error in the backend datastore"}')
    SILENT = (0, "")
    HANGS_UP = (-1, "")


class Registry:
    """What a registry holds; `asked` lists method and path of what it was asked."""

    def __init__(self, first_id: int, credentials: tuple[str, str] | None) -> None:
        """Begin empty."""
        self.url = ""
        self.ill: Ill | None = None
        self.asked: list[str] = []
        self.redirected = 0
        self.versions: dict[str, list[int]] = {}
        self.schemas: dict[int, str] = {}
        self._first_id = first_id
        self._credentials = credentials

    def add(self, subject: str, schema: Any) -> int:
        """Register a schema whatever its subject holds; return its id."""
        text = json.dumps(schema)
        number = next((known for known, kept in self.schemas.items() if kept == text), None)
        if number is None:
            number = self._first_id + len(self.schemas)
            self.schemas[number] = text
        versions = self.versions.setdefault(subject, [])
        if number not in versions:
            versions.append(number)
        return number

    def application(self) -> web.Application:
        """Return the registry as a web application."""
        application = web.Application(middlewares=[self._guard])
        application.add_routes(
            [
                web.post("/subjects/{subject}", self._look_up),
                web.post("/subjects/{subject}/versions", self._register),
                web.post("/compatibility/subjects/{subject}/versions/latest", self._check),
                web.get("/schemas/ids/{number}", self._fetch),
                web.get("/elsewhere", self._elsewhere),
            ]
        )
        return application

    @web.middleware
    async def _guard(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Note the request, ask who it is, and be ill."""
        self.asked.append(f"{request.method} {request.path}")
        if self._credentials is not None:
            kind, _, said = request.headers.get("Authorization", "").partition(" ")
            if (kind, b64decode(said).decode()) != ("Basic", ":".join(self._credentials)):
                return _problem(401, 40_101, "Unauthorized")
        return await handler(request) if self.ill is None else await self._be_ill(self.ill, request)

    async def _be_ill(self, ill: Ill, request: web.Request) -> web.StreamResponse:
        """Answer as no registry should."""
        status, text = ill.value
        if ill is Ill.SILENT:
            await asyncio.Event().wait()
        if ill is Ill.HANGS_UP:
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        return web.Response(status=status, text=text, headers={"Location": f"{self.url}/elsewhere"})

    async def _elsewhere(self, _request: web.Request) -> web.Response:
        """Count who followed a redirect."""
        self.redirected += 1
        return web.json_response({"id": 1})

    async def _look_up(self, request: web.Request) -> web.Response:
        """Return the id of a schema within a subject."""
        subject, text = request.match_info["subject"], (await request.json())["schema"]
        if subject not in self.versions:
            return _problem(404, 40_401, f"Subject '{subject}' not found.")
        for number in self.versions[subject]:
            if self.schemas[number] == text:
                return web.json_response({"subject": subject, "id": number, "version": 1, "schema": text})
        return _problem(404, 40_403, "Schema not found")

    async def _register(self, request: web.Request) -> web.Response:
        """Register a schema that is compatible with every version."""
        subject, schema = request.match_info["subject"], json.loads((await request.json())["schema"])
        if not self._compatible(subject, schema):
            return _problem(409, 409, "Schema being registered is incompatible with an earlier schema")
        return web.json_response({"id": self.add(subject, schema)})

    async def _check(self, request: web.Request) -> web.Response:
        """Tell whether a schema is compatible."""
        subject, schema = request.match_info["subject"], json.loads((await request.json())["schema"])
        if subject not in self.versions:
            return _problem(404, 40_401, f"Subject '{subject}' not found.")
        return web.json_response({"is_compatible": self._compatible(subject, schema)})

    async def _fetch(self, request: web.Request) -> web.Response:
        """Return the schema of an id."""
        text = self.schemas.get(int(request.match_info["number"]))
        if text is None:
            return _problem(404, 40_403, "Schema not found")
        return web.json_response({"schema": text})

    def _compatible(self, subject: str, schema: Any) -> bool:
        """Return whether a schema and every version of a subject read each other."""
        return not any(
            full_problems(schema, json.loads(self.schemas[number]))
            for number in self.versions.get(subject, [])
        )


@contextmanager
def running_registry(
    *,
    first_id: int = FIRST_ID,
    credentials: tuple[str, str] | None = None,
    tls: ssl.SSLContext | None = None,
) -> Iterator[Registry]:
    """Lend a registry that runs in a thread of its own; `credentials` are user and password."""
    registry = Registry(first_id, credentials)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="registry", daemon=True)
    thread.start()
    runner = web.AppRunner(
        registry.application(), access_log=None, handler_cancellation=True, shutdown_timeout=0.0
    )

    async def start() -> None:
        """Listen on a free port."""
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        host, port = runner.addresses[0][:2]
        registry.url = f"{'https' if tls else 'http'}://{host if tls is None else 'localhost'}:{port}"

    try:
        asyncio.run_coroutine_threadsafe(start(), loop).result(_START_DEADLINE_S)
        yield registry
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(_START_DEADLINE_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _problem(status: int, code: int, message: str) -> web.Response:
    """Return an error as a registry says it."""
    return web.json_response({"error_code": code, "message": message}, status=status, content_type=_TYPE)
