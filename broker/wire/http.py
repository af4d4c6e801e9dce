"""
Operations over HTTP: what is asked, what is answered, and how each is described.

Each is declared once; routes and the OpenAPI document are made of the same declaration. Nothing here knows a
server, and a handler knows none either.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from broker.core.door_errors import RequestRefused
from broker.core.senders import Peer

JSON: Final = "application/json"


class NoPieces:
    """Yields nothing: a body that is not streamed."""

    def __aiter__(self) -> "NoPieces":
        """Return itself."""
        return self

    async def __anext__(self) -> bytes:
        """End at once."""
        raise StopAsyncIteration


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """
    One request: `headers` by their names in small letters, `query` by name, every value that was given.

    `body` is what came, decompressed; where that could not be done, as it came, as far as it came. `named`
    are the parts of the path that the operation's own path has in braces. A body that is `streamed` is empty,
    and comes in `pieces`, decompressed, which raise `RequestRefused` where it cannot be had.
    """

    peer: Peer
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    named: Mapping[str, str] = field(default_factory=dict, repr=False)
    pieces: AsyncIterator[bytes] = field(default_factory=NoPieces, repr=False)

    def prefers(self, kind: str, *, to: str) -> bool:
        """Tell whether an answer of one media type is asked for, and one of another is not."""
        wanted = accepted(self.headers.get("accept", ""))
        return kind in wanted and to not in wanted


def accepted(header: str) -> frozenset[str]:
    """Return the media types that an `Accept` header names; anything where it names none."""
    return frozenset(one.partition(";")[0].strip().lower() for one in (header or "*/*").split(","))


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """What is answered; no header and no body names a person."""

    status: int
    body: bytes = b""
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A parameter of a query, a header or the path: `place` is `query`, `header` or `path`."""

    name: str
    place: str
    meaning: str
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """
    One operation: method and path, what it takes and gives, and what each status means.

    `takes` are media types of a body, none where it has none; `gives` those of an answer. `refuse` answers a
    request that never became one, in the operation's own format. `streamed` is how many bytes a body may have
    where it is handed on as it comes, 0 where it is handed over whole.
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
    streamed: int = 0


class Routes:
    """Which operation answers which path, by the same table that describes them."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        """Take the operations; a part of a path in braces stands for any one part."""
        self._by_path: dict[str, dict[str, Operation]] = {}
        for one in operations:
            self._by_path.setdefault(one.path, {})[one.method] = one

    def find(self, path: str, method: str) -> tuple[Operation | None, Mapping[str, str], list[str]]:
        """
        Return the operation, what its path names, and the methods that there are of that path.

        A slash at the end says nothing: a client that puts its base and nothing together writes one.
        """
        path = path.removesuffix("/")
        for own, operations in self._by_path.items():
            named = _named(own.split("/"), path.split("/"))
            if named is not None:
                return operations.get(method), named, sorted(operations)
        return None, {}, []


def _named(own: list[str], parts: list[str]) -> dict[str, str] | None:
    """Return what the parts in braces of a path are in another, None where that is not such a path."""
    if len(own) != len(parts):
        return None
    named: dict[str, str] = {}
    for mine, theirs in zip(own, parts, strict=True):
        if mine.startswith("{"):
            named[mine.strip("{}")] = theirs
        elif mine != theirs:
            return None
    return named
