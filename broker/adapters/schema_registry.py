"""
A schema registry with Confluent's REST interface, outside and not ours.

Knows that interface and how its answers fail. Whatever is no answer of a registry, an HTML page or a redirect
among it, is an error of its own. Neither the address nor the password appears in any error.
"""

import json
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import aiohttp

from broker.core.errors import RegistryUnavailable, SchemaNotRegistered

DEADLINE_S_DEFAULT = 10.0
ANSWER_BYTES_MAX = 4 * 1024 * 1024  # a schema has some thousands; more is no registry
_CHUNK_BYTES = 64 * 1024
_CONTENT_TYPE = "application/vnd.schemaregistry.v1+json"
_SUBJECT_OR_SCHEMA_ABSENT = (40_401, 40_402, 40_403)  # the registry's own codes behind a 404
_REFUSED = {
    HTTPStatus.UNAUTHORIZED: "it does not accept the user and password",
    HTTPStatus.FORBIDDEN: "the user may not do that",
}
_UNFIT = {
    HTTPStatus.CONFLICT: "incompatible with what is registered there",
    HTTPStatus.UNPROCESSABLE_ENTITY: "not taken as a valid Avro schema",
}

Answer = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryAddress:
    """
    Where a registry is and who asks it.

    `url` has no user in it and no slash at its end; `tls` is whom to trust with https, `deadline_s` how many
    seconds an answer may take.
    """

    url: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    deadline_s: float = DEADLINE_S_DEFAULT


class SchemaRegistry:
    """
    Questions to a registry; a schema is what `json.loads` makes of an `.avsc` file.

    Every method raises `RegistryUnavailable` when there is no answer of a registry within the deadline.
    """

    def __init__(self, session: aiohttp.ClientSession, address: RegistryAddress) -> None:
        """Ask over this session."""
        self._session = session
        self._address = address

    async def id_of(self, subject: str, schema: Any) -> int | None:
        """Return the id under which exactly this schema is registered for a subject, None where it is not."""
        answer = await self._ask("POST", f"/subjects/{subject}", "looking up a schema", schema)
        return None if answer is None else _number(answer, "looking up a schema")

    async def register(self, subject: str, schema: Any) -> int:
        """Register a schema for a subject, or find it there; raise `SchemaNotRegistered` for one refused."""
        doing = f"registering {subject}"
        answer = await self._ask("POST", f"/subjects/{subject}/versions", doing, schema)
        if answer is None:
            raise RegistryUnavailable(f"{doing}: the schema registry knows no such place")
        return _number(answer, doing)

    async def is_compatible(self, subject: str, schema: Any) -> bool:
        """Return whether a subject would take a schema after its newest; one without schemas takes any."""
        doing = f"checking {subject}"
        path = f"/compatibility/subjects/{subject}/versions/latest"
        answer = await self._ask("POST", path, doing, schema)
        if answer is None:
            return True
        compatible = answer.get("is_compatible")
        if not isinstance(compatible, bool):
            raise _no_registry(doing)
        return compatible

    async def schema(self, number: int) -> Any:
        """Return the schema of an id, None where the registry has none."""
        doing = "fetching a schema"
        answer = await self._ask("GET", f"/schemas/ids/{number}", doing)
        if answer is None:
            return None
        try:
            return json.loads(answer["schema"])
        except (KeyError, TypeError, ValueError):
            raise _no_registry(doing) from None

    async def _ask(self, method: str, path: str, doing: str, schema: Any = None) -> Answer | None:
        """Return the answer to a request, None for a subject or schema that is not there."""
        body = None if schema is None else json.dumps({"schema": json.dumps(schema)}).encode()
        try:
            async with self._session.request(
                method, self._address.url + path, data=body, allow_redirects=False
            ) as response:
                status, text = response.status, await _text(response, doing)
        except TimeoutError:
            raise RegistryUnavailable(
                f"{doing}: the schema registry did not answer within {self._address.deadline_s:g} s"
            ) from None
        except (aiohttp.ClientError, OSError) as error:  # its text holds the address: not chained
            raise RegistryUnavailable(f"{doing}: {type(error).__name__} at the schema registry") from None
        return _judged(status, text, doing)


@asynccontextmanager
async def open_registry(address: RegistryAddress) -> AsyncIterator[SchemaRegistry]:
    """Lend a registry."""
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=address.tls or True),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers=_headers(address),
        timeout=aiohttp.ClientTimeout(total=address.deadline_s),
    ) as session:
        yield SchemaRegistry(session, address)


def _headers(address: RegistryAddress) -> dict[str, str]:
    """Return the headers of every request: what is spoken, and who asks (RFC 7617)."""
    headers = {"Accept": f"{_CONTENT_TYPE}, application/json", "Content-Type": _CONTENT_TYPE}
    if address.user is not None:
        credentials = f"{address.user}:{address.password or ''}".encode()
        headers["Authorization"] = f"Basic {b64encode(credentials).decode()}"
    return headers


async def _text(response: aiohttp.ClientResponse, doing: str) -> bytes:
    """Return the body of an answer, as far as it may be one."""
    text = b""
    async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
        text += chunk
        if len(text) > ANSWER_BYTES_MAX:
            raise _no_registry(doing)
    return text


def _judged(status: int, text: bytes, doing: str) -> Answer | None:
    """Return an answer's content, None for what is absent; raise what any other status means."""
    if status in _REFUSED:
        raise RegistryUnavailable(f"{doing}: the schema registry refuses: {_REFUSED[HTTPStatus(status)]}")
    content = _content(text)
    if status == HTTPStatus.OK and content is not None:
        return content
    if status == HTTPStatus.NOT_FOUND and content and content.get("error_code") in _SUBJECT_OR_SCHEMA_ABSENT:
        return None
    if status in _UNFIT and content is not None:
        raise SchemaNotRegistered(f"{doing}: {_UNFIT[HTTPStatus(status)]}")
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        raise RegistryUnavailable(f"{doing}: the schema registry sends elsewhere ({status}): not followed")
    if status in (HTTPStatus.OK, HTTPStatus.NOT_FOUND):
        raise _no_registry(doing)
    raise RegistryUnavailable(f"{doing}: the schema registry answered {status}")


def _content(text: bytes) -> Answer | None:
    """Return the JSON object that an answer holds, None where it holds none."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _number(answer: Answer, doing: str) -> int:
    """Return the id in an answer: what fits into the four bytes of the framing."""
    number = answer.get("id")
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < 2**31:
        raise _no_registry(doing)
    return number


def _no_registry(doing: str) -> RegistryUnavailable:
    """Return the error for an answer that no registry gives."""
    return RegistryUnavailable(f"{doing}: what answered is not a schema registry with Confluent's interface")
