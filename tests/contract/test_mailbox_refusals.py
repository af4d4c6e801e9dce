"""
What the genuine client makes of an exchange that is strict: stale and wrong tokens, senders, workflows.

NHS England's sandbox lets these through. A message that is refused is told of; an exchange that does not let
us in is waited for, whatever words it uses, since what it would not take must not be given up.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta

import pytest

from broker.adapters.mesh import MeshMailbox
from broker.core.mailbox import Outgoing
from broker.core.mesh_errors import MailboxUnavailable, MessageRefused
from tests.builders.mesh_stub import FRESH_FOR, StrictExchange

OURS, COUNCIL, STRANGER = "X26CPIS", "X26LA211", "E99OT001"
ANSWER = Outgoing(mailbox=COUNCIL, workflow="LA_UPLOAD_ACK", local_id="ack-1", body=b"<Answer/>")
WORDS = [
    b"",
    b"<html>Forbidden</html>",
    b"{}",
    b'{"detail": "not let in"}',
    b'{"detail": [{"event": "", "code": "EPL-153", "msg": "x"}]}',
    b'{"errorCode": "EPL-153", "errorDescription": "x"}',
]
"""In which an exchange may say that it lets nobody in."""


@pytest.fixture
def exchange() -> Iterator[StrictExchange]:
    """Lend an exchange at which we may send acknowledgements."""
    strict = StrictExchange(
        may_send={OURS: frozenset({"LA_UPLOAD_ACK"})}, recipients=frozenset({OURS, COUNCIL})
    )
    with strict.open() as opened:
        yield opened


def at(
    exchange: StrictExchange,
    ask: Callable[[MeshMailbox], Awaitable[object]],
    *,
    mailbox: str = OURS,
    password: str | None = None,
) -> None:
    """Ask something at a mailbox of an exchange."""
    address = exchange.address(mailbox) if password is None else exchange.address(mailbox, password=password)

    async def story() -> None:
        """Open, ask, close."""
        box = MeshMailbox(address)
        try:
            await ask(box)
        finally:
            await box.close()

    asyncio.run(story())


def test_each_request_comes_with_a_token_of_its_own(exchange: StrictExchange) -> None:
    """One that was used before would be refused."""

    async def thrice(box: MeshMailbox) -> None:
        """Ask twice and send."""
        await box.waiting()
        await box.waiting()
        await box.send(ANSWER)

    at(exchange, thrice)

    assert [] == exchange.refused
    assert 1 == len(exchange.taken)


@pytest.mark.parametrize("words", WORDS)
@pytest.mark.parametrize("ahead", [FRESH_FOR + timedelta(minutes=2), -FRESH_FOR - timedelta(minutes=2)])
def test_a_stale_token_is_no_refusal_of_a_message(
    exchange: StrictExchange, ahead: timedelta, words: bytes
) -> None:
    """Our clock is wrong, or the exchange's: it is tried again, and nothing is given up for it."""
    exchange.ahead, exchange.says = ahead, words
    for ask in (lambda box: box.waiting(), lambda box: box.send(ANSWER)):
        with pytest.raises(MailboxUnavailable):
            at(exchange, ask)
    assert ["stale", "stale"] == exchange.refused
    exchange.ahead = timedelta(0)
    at(exchange, lambda box: box.send(ANSWER))

    assert 1 == len(exchange.taken)


def test_a_token_that_is_not_quite_stale_is_let_in(exchange: StrictExchange) -> None:
    """On the other side of the limit."""
    exchange.ahead = FRESH_FOR - timedelta(minutes=2)
    at(exchange, lambda box: box.send(ANSWER))

    assert 1 == len(exchange.taken)


def test_a_wrong_password_sends_nothing_and_refuses_nothing(exchange: StrictExchange) -> None:
    """Somebody mends the file; what waited goes out then."""
    with pytest.raises(MailboxUnavailable):
        at(exchange, lambda box: box.send(ANSWER), password="another")  # noqa: S106 - opens nothing
    assert ["another's"] == exchange.refused


@pytest.mark.parametrize(
    ("sender", "recipient", "workflow", "code"),
    [
        (OURS, "NOBODY", "LA_UPLOAD_ACK", "12"),
        (STRANGER, COUNCIL, "LA_UPLOAD_ACK", "16"),
        (OURS, COUNCIL, "LA_ACCESS", "17"),
    ],
)
def test_a_message_that_may_not_be_sent_is_refused_with_its_code(
    exchange: StrictExchange, sender: str, recipient: str, workflow: str, code: str
) -> None:
    """Somebody who is not there, a sender that may not, a workflow that is not registered (dossier 6.1)."""
    message = Outgoing(mailbox=recipient, workflow=workflow, local_id="x", body=b"x")
    with pytest.raises(MessageRefused) as refused:
        at(exchange, lambda box: box.send(message), mailbox=sender)

    assert code == refused.value.fault
    assert [] == exchange.taken


@pytest.mark.parametrize("status", [401, 403, 408, 429, 500, 502, 503])
@pytest.mark.parametrize("words", WORDS)
def test_an_exchange_that_takes_nothing_now_is_unavailable_whatever_it_says(
    exchange: StrictExchange, status: int, words: bytes
) -> None:
    """A gateway in front of it may say anything; the message is sent when it is over."""
    exchange.broken, exchange.says = status, words
    with pytest.raises(MailboxUnavailable):
        at(exchange, lambda box: box.send(ANSWER))
    exchange.broken = 0
    at(exchange, lambda box: box.send(ANSWER))

    assert 1 == len(exchange.taken)


@pytest.mark.parametrize("words", [b"", b"<html>Welcome</html>", b"{}", b"[]", b'"x"'])
def test_a_page_that_is_no_answer_means_that_nothing_was_taken(
    exchange: StrictExchange, words: bytes
) -> None:
    """Of a page of a gateway nobody says that the message lies at the exchange."""
    exchange.broken, exchange.says = 200, words
    with pytest.raises(MailboxUnavailable):
        at(exchange, lambda box: box.send(ANSWER))
