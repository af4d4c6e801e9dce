"""The MLLP door over real sockets: framing, order, limits, a graceful stop."""

import asyncio
import socket
import struct

import pytest

from broker.adapters.mllp_limits import Limits
from broker.adapters.mllp_server import MllpServer
from broker.wire.mllp import NO_START, START, TOO_LONG, frame
from tests.builders.mllp_house import HOST, EchoingDoor, HoldingDoor, House, deaf, visit


def test_a_message_is_answered_in_a_frame() -> None:
    """One frame in, one frame out."""

    async def scenario(house: House) -> None:
        """Play the scenario."""
        client = await house.connect()
        await client.send(frame(b"one"))

        assert await client.answer() == b"re:one"

    visit(scenario)


def test_a_frame_may_come_byte_by_byte() -> None:
    """A slow sender is understood as a quick one is."""

    async def scenario(house: House) -> None:
        """Play the scenario."""
        client = await house.connect()
        for byte in frame(b"slow"):
            await client.send(bytes([byte]))

        assert await client.answer() == b"re:slow"

    visit(scenario)


def test_two_frames_in_one_packet_are_answered_in_order() -> None:
    """The second message waits for the first one's answer."""

    async def scenario(house: House) -> None:
        """Play the scenario."""
        client = await house.connect()
        await client.send(frame(b"one") + frame(b"two"))

        assert [await client.answer(), await client.answer()] == [b"re:one", b"re:two"]

    visit(scenario)


def test_garbage_between_frames_is_handed_over_and_the_next_frame_is_answered() -> None:
    """Junk costs its sender nothing but the junk."""

    async def scenario(house: House) -> None:
        """Play the scenario."""
        client = await house.connect()
        await client.send(frame(b"one") + b"junk" + frame(b"two"))

        assert [await client.answer(), await client.answer()] == [b"re:one", b"re:two"]

    house = visit(scenario)

    assert house.door.junk == [(b"junk", NO_START)]


def test_a_frame_that_is_too_long_is_answered_and_the_connection_goes_on() -> None:
    """The limit is told to the sender, and the next message is as good as any."""

    async def scenario(house: House) -> None:
        """Play the scenario."""
        client = await house.connect()
        await client.send(frame(b"x" * 100) + frame(b"short"))

        assert [await client.answer(), await client.answer()] == [b"what?", b"re:short"]

    house = visit(scenario, limits=Limits(frame_bytes_max=10))

    assert house.door.junk == [(START + b"x" * 10, TOO_LONG)]


def test_a_message_that_a_peer_does_not_end_is_handed_over_when_it_goes_away() -> None:
    """Bytes that were never answered are kept all the same."""

    async def scenario(house: House) -> None:
        """Play the scenario."""
        client = await house.connect()
        await client.send(START + b"half a mess")
        client.writer.close()
        await house.until(lambda: house.counts["connection closed"] == 1)

    house = visit(scenario)

    assert [data for data, _ in house.door.junk] == [START + b"half a mess"]
    assert house.counts["message cut off"] == 1


def test_a_frame_begun_and_not_ended_times_out() -> None:
    """A peer that is gone in the middle of a frame holds its connection for a limited time."""

    async def scenario(house: House) -> None:
        """Play the scenario."""
        client = await house.connect()
        await client.send(START + b"half")

        assert await client.rest() == b""

    house = visit(scenario, limits=Limits(frame_seconds=0.05))

    assert house.counts["connection slow"] == 1


def test_a_frame_begun_in_the_packet_of_the_one_before_times_out() -> None:
    """It has the time of a frame, not that of a quiet connection."""

    async def scenario(house: House) -> None:
        """Play the scenario."""
        client = await house.connect()
        await client.send(frame(b"one") + b"\x0btwo")
        await client.answer()

        assert await client.rest() == b""

    house = visit(scenario, limits=Limits(frame_seconds=0.05, idle_seconds=5.0))

    assert (house.counts["connection slow"], house.counts["connection idle"]) == (1, 0)


def test_a_quiet_connection_is_kept_until_its_idle_time_is_over() -> None:
    """A line end behind the last frame begins no new one: the longer idle time counts."""

    async def scenario(house: House) -> None:
        """Play the scenario."""
        client = await house.connect()
        await client.send(frame(b"one") + b"\r\n")
        await client.answer()

        assert await client.rest() == b""

    house = visit(scenario, limits=Limits(frame_seconds=30.0, idle_seconds=0.7))

    assert house.counts["connection idle"] == 1
    assert house.counts["message cut off"] == 0


def test_a_connection_that_is_used_outlives_one_that_is_not() -> None:
    """Its idle time begins anew with each answer, however long it has been there."""

    async def scenario(house: House) -> None:
        """Play the scenario."""
        quiet, used = await house.connect(), await house.connect()
        while house.counts["connection idle"] == 0:
            await used.send(frame(b"one"))
            await used.answer()
        await used.send(frame(b"two"))

        assert await quiet.rest() == b""
        assert await used.answer() == b"re:two"

    visit(scenario, limits=Limits(idle_seconds=2.0))


def test_the_time_that_an_answer_takes_is_not_the_senders() -> None:
    """Who waits for us longer than they may be idle is answered, and has all their time after it."""
    door: list[HoldingDoor] = []

    def holding() -> EchoingDoor:
        door.append(HoldingDoor())
        return door[0]

    async def scenario(house: House) -> None:
        """Play the scenario."""
        waiting = await house.connect()
        await waiting.send(frame(b"one"))
        await door[0].entered.wait()
        quiet = await house.connect()
        assert await quiet.rest() == b""
        door[0].let_go.set()

        assert await waiting.answer() == b"re:one"
        assert await waiting.rest() == b""

    house = visit(scenario, door=holding, limits=Limits(idle_seconds=1.0))

    assert house.counts["connection idle"] == 2


def test_a_connection_above_the_limit_is_closed_at_once() -> None:
    """One sender that leaks connections cannot take them all."""

    async def scenario(house: House) -> None:
        """Play the scenario."""
        first = await house.connect()
        await first.send(frame(b"one"))
        await first.answer()
        second = await house.connect()

        assert await second.rest() == b""

    house = visit(scenario, limits=Limits(connections_max=1))

    assert house.counts["connection refused"] == 1


def test_a_place_that_was_given_back_can_be_taken() -> None:
    """The limit counts open connections, not all there ever were."""

    async def scenario(house: House) -> None:
        """Play the scenario."""
        first = await house.connect()
        first.writer.close()
        await house.until(lambda: house.counts["connection closed"] == 1)
        second = await house.connect()
        await second.send(frame(b"two"))

        assert await second.answer() == b"re:two"

    visit(scenario, limits=Limits(connections_max=1))


def test_stopping_finishes_the_message_in_hand() -> None:
    """Who was being served gets the answer; the connection is closed behind it."""
    door: list[HoldingDoor] = []

    def holding() -> EchoingDoor:
        door.append(HoldingDoor())
        return door[0]

    async def scenario(house: House) -> None:
        """Play the scenario."""
        client = await house.connect()
        await client.send(frame(b"one") + frame(b"two"))
        await door[0].entered.wait()
        port = house.server.port
        stopping = asyncio.create_task(house.server.stop())
        await deaf(port)
        door[0].let_go.set()
        await stopping

        assert await client.rest() == frame(b"re:one")

    house = visit(scenario, door=holding)

    assert house.door.messages == [b"one"]


def test_stopping_does_not_wait_for_ever_for_a_handler() -> None:
    """A handler that never ends is cut off, its sender without an answer: it will send again."""
    door: list[HoldingDoor] = []

    def holding() -> EchoingDoor:
        door.append(HoldingDoor())
        return door[0]

    async def scenario(house: House) -> None:
        """Play the scenario."""
        client = await house.connect()
        await client.send(frame(b"one"))
        await door[0].entered.wait()
        await house.server.stop()

        assert await client.rest() == b""

    visit(scenario, door=holding, limits=Limits(stop_seconds=0.05))


def test_a_stopped_server_does_not_listen() -> None:
    """After the stop nobody gets in."""

    async def scenario(house: House) -> None:
        """Play the scenario."""
        port = house.server.port
        await house.server.stop()

        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(HOST, port)

    visit(scenario)


def test_a_peer_that_does_not_read_its_answers_is_cut_off() -> None:
    """Answers nobody takes fill the connection, which then ends."""

    async def scenario(house: House) -> None:
        """Play the scenario."""
        client = await house.connect()
        message = frame(b"y" * 500_000)
        for _ in range(60):
            client.writer.write(message)
        await house.until(lambda: house.counts["connection deaf"] == 1)
        client.writer.transport.abort()

    visit(scenario, limits=Limits(write_seconds=0.2))


def test_a_lost_connection_is_told_apart_from_a_closed_one() -> None:
    """A peer that resets is counted as lost."""

    async def scenario(house: House) -> None:
        """Play the scenario."""
        client = await house.connect()
        await client.send(frame(b"one"))
        await client.answer()
        reset = struct.pack("ii", 1, 0)  # linger for no time: the close is a reset
        client.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
        client.writer.close()
        await house.until(lambda: house.counts["connection lost"] == 1)

    visit(scenario)


def test_a_server_that_was_not_started_says_the_port_it_was_told() -> None:
    """Only a started server can know which free port it took."""
    door = EchoingDoor()

    server = MllpServer(
        door.receive, door.receive_unreadable, host=HOST, port=2575, count=lambda _event: None
    )

    assert server.port == 2575


def test_stopping_a_server_that_was_not_started_does_nothing() -> None:
    """A start that failed elsewhere can be undone in the usual way."""
    door = EchoingDoor()
    server = MllpServer(door.receive, door.receive_unreadable, host=HOST, port=0, count=lambda _event: None)

    assert asyncio.run(server.stop()) is None
