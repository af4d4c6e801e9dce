"""
Operations over HTTP: what is asked, what is answered, and how each is described.

Each is declared once; routes and the OpenAPI document are made of the same declaration. Nothing here knows a
server, and a handler knows none either.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from broker.core.door_errors import RequestRefused
from broker.core.senders import Peer

JSON: Final = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """
    One request: `headers` by their names in small letters, `query` by name, every value that was given.

    `body` is what came, decompressed; where that could not be done, as it came, as far as it came.
    """

    peer: Peer
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """What is answered; no header and no body names a person."""

    status: int
    body: bytes = b""
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A parameter of a query or a header: `place` is `query` or `header`."""

    name: str
    place: str
    meaning: str
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """
    One operation: method and path, what it takes and gives, and what each status means.

    `takes` are media types of a body, none where it has none; `gives` those of an answer. `refuse` answers a
    request that never became one, in the operation's own format.
    """

    method: str
    path: str
    name: str
    summary: str
    meaning: str
    handle: Callable[[HttpRequest], Awaitable[HttpAnswer]]
    refuse: Callable[[HttpRequest, RequestRefused], Awaitable[HttpAnswer]]
    statuses: Mapping[int, str]
    takes: tuple[str, ...] = ()
    gives: tuple[str, ...] = (JSON,)
    parameters: tuple[Parameter, ...] = ()
    open_to_all: bool = False
