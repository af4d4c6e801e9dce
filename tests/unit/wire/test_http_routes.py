"""Operations are found by the same table that describes them, and answers by what is asked for."""

import asyncio

import pytest

from broker.core.door_errors import RequestRefused
from broker.core.senders import Peer
from broker.wire.http import HttpAnswer, HttpRequest, Operation, Routes


async def handled(_request: HttpRequest) -> HttpAnswer:
    """Answer."""
    return HttpAnswer(status=200)


async def refused(_request: HttpRequest, fault: RequestRefused) -> HttpAnswer:
    """Answer with the status."""
    return HttpAnswer(status=fault.status)


def operation(method: str, path: str) -> Operation:
    """Return an operation, called by method and path."""
    return Operation(
        method=method,
        path=path,
        name=f"{method} {path}",
        summary="",
        meaning="",
        handle=handled,
        refuse=refused,
        statuses={},
    )


ROUTES = Routes(
    operation(*one)
    for one in (
        ("POST", "/a"),
        ("GET", "/a"),
        ("GET", "/a/{id}"),
        ("GET", "/a/{id}/b"),
        ("GET", "/a/{id}/b/{n}"),
    )
)


@pytest.mark.parametrize(
    ("path", "method", "found", "named", "methods"),
    [
        ("/a", "POST", "POST /a", {}, ["GET", "POST"]),
        ("/a/", "POST", "POST /a", {}, ["GET", "POST"]),
        ("/a//", "POST", None, {"id": ""}, ["GET"]),
        ("/a", "DELETE", None, {}, ["GET", "POST"]),
        ("/a/1", "GET", "GET /a/{id}", {"id": "1"}, ["GET"]),
        ("/a/1/b", "GET", "GET /a/{id}/b", {"id": "1"}, ["GET"]),
        ("/a/1/b/2", "GET", "GET /a/{id}/b/{n}", {"id": "1", "n": "2"}, ["GET"]),
        ("/a/1/c", "GET", None, {}, []),
        ("/a/1/b/2/c", "GET", None, {}, []),
        ("/b", "GET", None, {}, []),
    ],
)
def test_an_operation_is_found_by_path_and_method(
    path: str, method: str, found: str | None, named: dict[str, str], methods: list[str]
) -> None:
    """A part in braces stands for any one part; a known path without that method is told apart."""
    operation, parts, there = ROUTES.find(path, method)

    assert (found, named, methods) == (operation and operation.name, dict(parts), there)


@pytest.mark.parametrize(
    ("accept", "preferred"),
    [
        ("", False),
        ("*/*", False),
        ("application/json", True),
        ("Application/JSON;q=0.9, text/plain", True),
        ("application/xml, application/json", False),
    ],
)
def test_an_answer_is_given_in_the_form_that_is_asked_for(accept: str, *, preferred: bool) -> None:
    """JSON only where it is asked for and XML is not."""
    request = HttpRequest(peer=Peer(""), headers={"accept": accept} if accept else {})

    assert preferred is request.prefers("application/json", to="application/xml")


def test_a_body_that_is_not_streamed_has_no_pieces() -> None:
    """Whoever asks for them finds none."""

    async def pieces() -> list[bytes]:
        """Collect them."""
        return [piece async for piece in HttpRequest(peer=Peer(""), body=b"whole").pieces]

    assert [] == asyncio.run(pieces())
