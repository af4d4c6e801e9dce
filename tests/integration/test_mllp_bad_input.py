"""Bad input at the MLLP door, over real sockets: the protocol's answer, bounded memory, nobody disturbed."""

import asyncio
import contextlib
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from broker.adapters.memory import MemoryFactLog, MemoryKafka
from broker.adapters.mllp_limits import Limits
from broker.core.senders import Peer
from broker.ports import Topic
from broker.runtime.intake_role import IntakeRole
from broker.runtime.parts import Parts
from broker.wire.cloudevents import read_headers
from broker.wire.mllp import END, FRAME_BYTES_MAX, START, frame
from tests.builders.hl7 import edited
from tests.builders.mllp_house import HOST, Client, EchoingDoor, HoldingDoor, House, visit
from tests.integration.test_intake_role import configured, message, run, until, verdict

MIB = 1_048_576
OWN = b"MSH|^~\\&|EDSYS|RXX|ROUTE|ROUTE|20250301113500||ADT^A04|OWN|T|2.4\r"
MANY = 500


async def connected(port: int) -> Client:
    """Open a connection to the door."""
    return Client(*await asyncio.open_connection(HOST, port))


def at_the_door(tmp_path: Path, play: Callable[[Client, Client], object]) -> tuple[MemoryKafka, list[str]]:
    """Run a scenario of two senders at the real door; return its Kafka and the reasons of what was kept."""
    kafka, reasons = MemoryKafka(), list[str]()

    async def scenario(role: IntakeRole, parts: Parts) -> None:
        """Play the scenario; then the other sender is answered as ever."""
        bad, good = await connected(role.port), await connected(role.port)
        await play(bad, good)  # type: ignore[misc]  # a coroutine function
        await good.send(frame(message("GOOD")))
        assert "AA" == verdict(await good.answer())
        for client in (bad, good):
            client.writer.close()
        await until(lambda: role.counts["connection closed"] == 2)
        for record in kafka.read(Topic.REJECTED):
            rejected = parts.records.decode_rejected(record.value or b"")
            reasons.append(
                f"{rejected.reason} at {rejected.location}" if rejected.location else rejected.reason
            )

    run(configured(tmp_path), scenario, MemoryFactLog(kafka))
    return kafka, reasons


def test_a_frame_split_at_every_byte_is_the_same_message(tmp_path: Path) -> None:
    """In two packets, cut at each place once; a resend is the same fact."""
    data = frame(message("SPLIT"))

    async def scenario(bad: Client, _good: Client) -> None:
        for cut in range(1, len(data)):
            await bad.send(data[:cut])
            await bad.send(data[cut:])
            assert "AA" == verdict(await bad.answer())

    kafka, reasons = at_the_door(tmp_path, scenario)

    written = [read_headers(record.headers).event_id for record in kafka.read(Topic.ATTENDANCES)]
    assert (len(data), 2, []) == (len(written), len(set(written)), reasons)


BAD = {
    "no end block": (START + OWN, None, f"frame not ended at byte {len(OWN) + 2}"),
    "garbage before it": (b"GET / HTTP/1.1\r\n", None, "no start of frame at byte 1"),
    "utf-16": (frame(OWN.decode().encode("utf-16-le")), "AE", "character set of two bytes at MSH-18"),
    "null bytes alone": (frame(b"\x00" * 100), "AE", "no MSH segment at MSH"),
    "an empty frame": (frame(b""), "AE", "no MSH segment at MSH"),
    "a header alone": (frame(OWN), "AE", "no PID segment at PID"),
    "no delimiters": (frame(b"MSH|\r"), "AE", "delimiters unusable at MSH-2"),
    "another type": (frame(OWN.replace(b"ADT^A04", b"ORU^R01")), "AR", "message type not taken at MSH-9"),
    "XML": (frame(b"<!DOCTYPE a [<!ENTITY b SYSTEM 'a'>]><a>&b;</a>"), "AE", "no MSH segment at MSH"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_message_is_answered_and_kept_with_the_place(tmp_path: Path, case: str) -> None:
    """With the protocol's answer where one is waited for; the connection goes on, and so does the other."""
    data, answer, reason = BAD[case]

    async def scenario(bad: Client, _good: Client) -> None:
        await bad.send(data)
        if answer is not None:
            assert answer == verdict(await bad.answer())
        await bad.send(frame(message("AFTER")))
        assert "AA" == verdict(await bad.answer())

    kafka, reasons = at_the_door(tmp_path, scenario)

    assert ([reason], 2) == (reasons, len(kafka.read(Topic.ATTENDANCES)))


def test_null_bytes_and_a_wrong_character_set_lose_no_child(tmp_path: Path) -> None:
    """The message is taken, the fault counted: a name with a byte too many is the same child."""

    async def scenario(bad: Client, _good: Client) -> None:
        for number, damaged in enumerate((b"Sam\x00ple", b"Sampl\xe9")):
            data = edited(message(f"D{number}"), MSH_18="UNICODE UTF-8").replace(b"Sample", damaged)
            await bad.send(frame(data))
            assert "AA" == verdict(await bad.answer())

    kafka, reasons = at_the_door(tmp_path, scenario)

    assert (3, []) == (len(kafka.read(Topic.ATTENDANCES)), reasons)


def test_a_frame_of_64_mib_costs_a_few_and_is_answered() -> None:
    """As much as may be is kept, the rest dropped as it comes; the connection goes on."""
    packet, peaks = bytes(MIB), list[int]()

    async def scenario(house: House) -> None:
        client = await house.connect()
        tracemalloc.start()
        await client.send(START)
        for _ in range(64):
            await client.send(packet)
        assert await client.answer() == b"what?"
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        await client.send(END + frame(b"next"))
        assert await client.answer() == b"re:next"

    house = visit(scenario)

    assert [FRAME_BYTES_MAX + 1] == [len(data) for data, _ in house.door.junk]
    assert peaks[0] < 12 * MIB


def test_a_byte_at_a_time_has_the_time_of_one_frame() -> None:
    """Each byte gives no new time: who is that slow is cut off, and the other is answered meanwhile."""

    async def scenario(house: House) -> None:
        slow, other = await house.connect(), await house.connect()

        async def drip() -> None:
            """Send byte after byte until the door has had enough."""
            await slow.send(START)
            while not slow.reader.at_eof():
                await slow.send(b"a")
                await other.send(frame(b"one"))
                assert await other.answer() == b"re:one"

        with contextlib.suppress(ConnectionError):  # cut off in the middle of a byte
            await drip()
        await house.until(lambda: house.counts["connection slow"] == 1)

    house = visit(scenario, limits=Limits(frame_seconds=0.2))

    assert 1 == house.counts["message cut off"]


def test_five_hundred_idle_connections_keep_nobody_out() -> None:
    """One peer has its share and no more; what is over it is closed at once."""

    async def scenario(house: House) -> None:
        idle = [await house.connect() for _ in range(MANY)]
        await house.until(lambda: house.counts["connection over share"] == MANY - 50)
        assert 50 == house.server.connections
        for client in idle:
            client.writer.close()
        await house.until(lambda: house.counts["connection closed"] == 50)
        client = await house.connect()
        await client.send(frame(b"one"))
        assert await client.answer() == b"re:one"

    house = visit(scenario, most=50)

    assert (51, 0) == (house.counts["connection opened"], house.counts["connection refused"])


def test_a_peer_that_vanishes_before_its_answer_costs_its_answer_alone() -> None:
    """The message is durable: a resend is the same fact."""
    door: list[HoldingDoor] = []

    def holding() -> EchoingDoor:
        door.append(HoldingDoor())
        return door[0]

    async def scenario(house: House) -> None:
        client = await house.connect()
        await client.send(frame(b"one"))
        await door[0].entered.wait()
        client.writer.transport.abort()
        door[0].let_go.set()
        await house.until(lambda: house.counts["connection lost"] + house.counts["connection closed"] == 1)

    house = visit(scenario, door=holding)

    assert house.door.messages == [b"one"]


def test_more_messages_than_may_be_in_hand_wait_unread_and_are_all_answered() -> None:
    """Back-pressure: nobody is answered before its turn, nobody is refused; that it was full is told once."""
    door: list[HoldingDoor] = []

    def holding() -> EchoingDoor:
        door.append(HoldingDoor())
        return door[0]

    async def scenario(house: House) -> None:
        clients = [await house.connect() for _ in range(6)]
        for number, client in enumerate(clients):
            await client.send(frame(b"%d" % number))
        await house.until(lambda: house.counts["connection held back"] == 1)
        assert not door[0].messages
        door[0].let_go.set()
        assert {b"re:%d" % number for number in range(6)} == {await client.answer() for client in clients}

    house = visit(scenario, door=holding, limits=Limits(unacknowledged_max=2))

    assert 1 == house.counts["connection held back"]
    assert {Peer(HOST)} == set(house.door.peers)
