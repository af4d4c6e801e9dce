"""The MLLP door under TLS over real sockets: who is let in, who is not, and what that costs others."""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import trustme

from broker.adapters.mllp_limits import Limits
from broker.adapters.server_tls import HandshakeFault
from broker.wire.mllp import frame
from tests.builders.certificates import LONG_AGO, Office
from tests.builders.mllp_house import HOST, Client, EchoingDoor, HoldingDoor, House, deaf, visit

MANY = 60
STOP_SECONDS = 0.5
STOP_WITHIN_SECONDS = (
    20.0  # the limits above, on a busy machine; without them asyncio waits half a minute for a goodbye
)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    """Lend an authority and the door's certificate."""
    return Office(tmp_path)


async def answered(house: House, tls: ssl.SSLContext, message: bytes = b"one") -> bytes:
    """Send one message on a connection of its own; return the answer."""
    client = await house.connect(tls)
    await client.send(frame(message))
    return await client.answer()


def tls_1_1_hello() -> bytes:
    """Return the first words of a sender that speaks TLS 1.1 at best (RFC 4346, 7.4.1.2)."""
    body = b"\x03\x02" + bytes(32) + b"\x00" + b"\x00\x04\xc0\x13\x00\x2f" + b"\x01\x00"
    handshake = b"\x01" + len(body).to_bytes(3) + body
    return b"\x16\x03\x01" + len(handshake).to_bytes(2) + handshake


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_sender_with_a_certificate_is_answered(office: Office, version: ssl.TLSVersion) -> None:
    """Under both versions, message after message, and both sides say goodbye."""
    sender = office.sender()
    sender.minimum_version = sender.maximum_version = version

    async def scenario(house: House) -> None:
        """Play the scenario."""
        client = await house.connect(sender)
        for number in range(3):
            await client.send(frame(b"%d" % number))
            assert await client.answer() == b"re:%d" % number
        client.writer.close()
        await client.writer.wait_closed()
        await house.until(lambda: house.counts["connection closed"] == 1)

    house = visit(scenario, tls=office.door())

    assert house.door.messages == [b"0", b"1", b"2"]
    assert not house.faults


def test_a_long_message_goes_through(office: Office) -> None:
    """Over several records of TLS, both ways."""
    message = bytes(range(32, 127)) * 600  # four records of TLS

    async def scenario(house: House) -> None:
        """Play the scenario."""
        assert await answered(house, office.sender(), message) == b"re:" + message

    visit(scenario, tls=office.door())


WRONG: dict[str, tuple[Callable[[Office], ssl.SSLContext], HandshakeFault]] = {
    "no certificate": (lambda office: office.without_certificate(), HandshakeFault.NO_CERTIFICATE),
    "another authority's": (
        lambda office: office.sender(vouched_by=trustme.CA()),
        HandshakeFault.NOT_TRUSTED,
    ),
    "expired": (
        lambda office: office.sender(not_after=LONG_AGO + timedelta(days=90)),
        HandshakeFault.EXPIRED,
    ),
}


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize(("made", "fault"), WRONG.values(), ids=WRONG.keys())
def test_a_sender_that_is_not_let_in(
    office: Office, made: Callable[[Office], ssl.SSLContext], fault: HandshakeFault, version: ssl.TLSVersion
) -> None:
    """It is cut off and counted by the reason, gets no answer, and one that is connected notices nothing."""
    wrong = made(office)
    wrong.maximum_version = version

    async def scenario(house: House) -> None:
        """Play the scenario."""
        other = await house.connect(office.sender())
        with pytest.raises(
            (OSError, asyncio.IncompleteReadError)
        ):  # under TLS 1.3 it learns at its first read
            await answered(house, wrong)
        await house.until(lambda: bool(house.faults))
        await other.send(frame(b"other"))

        assert await other.answer() == b"re:other"

    house = visit(scenario, tls=office.door())

    assert house.faults == {fault: 1}
    assert house.door.messages == [b"other"]
    assert house.counts["connection opened"] == 1


def test_a_sender_that_does_not_trust_us(office: Office) -> None:
    """It goes away by itself, and says why."""
    sender = ssl.create_default_context()

    async def scenario(house: House) -> None:
        """Play the scenario."""
        with pytest.raises(ssl.SSLCertVerificationError), contextlib.ExitStack() as stack:
            await asyncio.to_thread(stack.enter_context, mute_peer(house.server.port, sender))
        await house.until(lambda: bool(house.faults))

    assert visit(scenario, tls=office.door()).faults == {HandshakeFault.WE_ARE_NOT_TRUSTED: 1}


FIRST_WORDS = {
    "MLLP without TLS": (frame(b"MSH|^~\\&|plain"), HandshakeFault.NO_TLS),
    "HTTP": (b"GET / HTTP/1.1\r\n\r\n", HandshakeFault.NO_TLS),
    "noise": (b"\xff" * 64, HandshakeFault.NO_TLS),
    "TLS 1.1": (tls_1_1_hello(), HandshakeFault.OLD_TLS),
    "half a TLS record, then gone": (b"\x16\x03\x01", HandshakeFault.ABANDONED),
    "nothing, then gone": (b"", HandshakeFault.ABANDONED),
}


@pytest.mark.parametrize(("words", "fault"), FIRST_WORDS.values(), ids=FIRST_WORDS.keys())
def test_first_words_that_are_no_handshake(office: Office, words: bytes, fault: HandshakeFault) -> None:
    """No message is taken in plain text on this port."""

    async def scenario(house: House) -> None:
        """Play the scenario."""
        client = await house.connect()
        await client.send(words)
        if fault is HandshakeFault.ABANDONED:
            client.writer.close()
        await house.until(lambda: bool(house.faults))

        assert await answered(house, office.sender()) == b"re:one"

    house = visit(scenario, tls=office.door())

    assert house.faults == {fault: 1}
    assert (house.door.messages, house.door.junk) == ([b"one"], [])


def test_a_sender_that_resets_the_connection_in_its_handshake(office: Office) -> None:
    """It is one that went away, as any other."""

    async def scenario(house: House) -> None:
        """Play the scenario."""
        client = await house.connect()
        await client.send(b"\x16\x03")
        client.writer.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
        client.writer.transport.abort()
        await house.until(lambda: bool(house.faults))

    assert visit(scenario, tls=office.door()).faults == {HandshakeFault.ABANDONED: 1}


def test_a_handshake_that_is_not_ended_times_out(office: Office) -> None:
    """And holds nobody up meanwhile."""

    async def scenario(house: House) -> None:
        """Play the scenario."""
        slow = await house.connect()
        await slow.send(b"\x16\x03\x01")

        assert await answered(house, office.sender()) == b"re:one"
        assert await slow.rest() == b""

    house = visit(scenario, tls=office.door(), limits=Limits(handshake_seconds=3.0))

    assert house.faults == {HandshakeFault.TIMED_OUT: 1}


def test_half_done_handshakes_take_no_place_from_a_sender(office: Office) -> None:
    """However many begin one and say no more: the oldest gives way, and a right one is let in at once."""

    async def scenario(house: House) -> None:
        """Play the scenario."""
        for _ in range(MANY):
            await house.connect()
        await house.until(lambda: house.faults[HandshakeFault.DISPLACED] == MANY - 5)

        assert await answered(house, office.sender()) == b"re:one"

    house = visit(scenario, tls=office.door(), limits=Limits(handshakes_max=5, connections_max=1))

    assert house.faults[HandshakeFault.DISPLACED] == MANY - 4
    assert house.counts["connection refused"] == 0


def test_many_senders_at_once(office: Office) -> None:
    """All are let in and each gets its own answer."""

    async def scenario(house: House) -> None:
        """Play the scenario."""
        messages = [b"%d" % number for number in range(MANY)]
        sender = office.sender()
        answers = await asyncio.gather(*(answered(house, sender, message) for message in messages))

        assert answers == [b"re:" + message for message in messages]

    house = visit(scenario, tls=office.door())

    assert house.counts["connection opened"] == MANY
    assert not house.faults


def test_a_connection_above_the_limit_is_closed_after_its_handshake(office: Office) -> None:
    """As without TLS."""

    async def scenario(house: House) -> None:
        """Play the scenario."""
        await answered(house, office.sender())
        second = await house.connect(office.sender())

        assert await second.rest() == b""

    house = visit(scenario, tls=office.door(), limits=Limits(connections_max=1))

    assert house.counts["connection refused"] == 1


def test_without_an_authority_for_senders_no_certificate_is_asked_for(office: Office) -> None:
    """The line is secret, and anybody may send."""
    tls = office.door(asks_for_certificate=False)

    async def scenario(house: House) -> None:
        """Play the scenario."""
        assert await answered(house, office.without_certificate()) == b"re:one"

    visit(scenario, tls=tls)


def test_a_new_certificate_is_shown_to_who_connects_next(office: Office) -> None:
    """Nobody is cut off for it, and nobody has to restart the broker."""

    async def scenario(house: House) -> None:
        """Play the scenario."""
        before = await house.connect(office.sender())
        office.renew()
        after = await house.connect(office.sender())
        shown = [client.writer.get_extra_info("ssl_object").getpeercert() for client in (before, after)]
        await before.send(frame(b"still"))

        assert await before.answer() == b"re:still"
        assert shown[0]["serialNumber"] != shown[1]["serialNumber"]

    visit(scenario, tls=office.door())

    assert (1, []) == (office.read, office.kept)


@contextlib.contextmanager
def mute_peer(port: int, sender: ssl.SSLContext) -> Iterator[ssl.SSLSocket]:
    """Lend a sender that never says goodbye: it reads and writes only when it is told to."""
    with (
        socket.create_connection((HOST, port)) as plain,
        sender.wrap_socket(plain, server_hostname=HOST) as secured,
    ):
        yield secured


def test_stopping_in_the_middle_of_a_message_ends_in_time(office: Office) -> None:
    """Half a message, one in hand, a quiet sender, half a handshake; and no goodbye from any of them."""
    door: list[HoldingDoor] = []

    def holding() -> EchoingDoor:
        """Return a door that never answers."""
        door.append(HoldingDoor())
        return door[0]

    async def scenario(house: House) -> None:
        """Play the scenario."""
        loop, port = asyncio.get_running_loop(), house.server.port
        with contextlib.ExitStack() as stack:
            for words in (b"\x0bhalf a mess", frame(b"one"), b""):
                peer = await asyncio.to_thread(stack.enter_context, mute_peer(port, office.sender()))
                await asyncio.to_thread(peer.sendall, words)
            await house.connect()
            await door[0].entered.wait()
            await house.until(lambda: house.counts["connection opened"] == 3)
            began = loop.time()
            await house.server.stop()

            assert loop.time() - began < STOP_WITHIN_SECONDS
            assert house.server.connections == 0

    limits = Limits(stop_seconds=STOP_SECONDS, close_seconds=STOP_SECONDS / 2)
    visit(scenario, tls=office.door(), door=holding, limits=limits)


def test_stopping_finishes_the_message_in_hand(office: Office) -> None:
    """Its sender gets the answer under TLS too, even if it goes on sending."""
    door: list[HoldingDoor] = []

    def holding() -> EchoingDoor:
        """Return a door that answers when it is let go."""
        door.append(HoldingDoor())
        return door[0]

    async def scenario(house: House) -> None:
        """Play the scenario."""
        client: Client = await house.connect(office.sender())
        await client.send(frame(b"one"))
        await door[0].entered.wait()
        port = house.server.port
        stopping = asyncio.create_task(house.server.stop())
        await deaf(port)
        await client.send(frame(b"two"))
        door[0].let_go.set()
        await stopping

        assert await client.answer() == b"re:one"

    house = visit(scenario, door=holding, tls=office.door())

    assert house.door.messages == [b"one"]
