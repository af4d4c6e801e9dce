"""The authorities' door over a real socket: streamed bodies and their limits, and a start after a crash."""

import asyncio
import gzip
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from broker.adapters.memory import MemoryFactLog, MemoryKafka
from broker.adapters.memory_tail import MemoryInputTail
from broker.core.kept_uploads import Part
from broker.ports import Topic
from broker.runtime.intake_role import IntakeRole
from broker.runtime.metrics import FILES, HTTP_ANSWERS, Metrics
from broker.runtime.parts import assemble
from broker.runtime.settings import Settings
from broker.services.la_door import BASE, BODY_BYTES_MAX
from tests.builders.http_house import HOST
from tests.builders.logs import lent_logs
from tests.builders.matcher import until
from tests.builders.upload import Person, Record, build_upload
from tests.official_schemas import faults_of
from tests.unit.services.test_la_door import digest_of

PATIENCE_SECONDS = 90.0
HEADERS = {"Authorization": "Bearer own", "Content-Type": "application/xml"}
FILE = build_upload()
Scenario = Callable[["Door"], Awaitable[None]]


class Door:
    """A role in front of a cluster in memory; what is asked of its door."""

    def __init__(self, directory: Path, *, available: bool = True) -> None:
        senders = directory / "senders.toml"
        senders.write_text(f'[authority.Z211]\ntokens = ["{digest_of("own")}"]\n', "utf-8")
        self.settings = Settings(data_dir=directory / "data", mllp_port=0, http_port=0, senders_file=senders)
        self.kafka, self.metrics = MemoryKafka(), Metrics()
        self.kafka.available = available
        self.role = IntakeRole(
            self.settings,
            assemble(self.settings),
            facts=MemoryFactLog(self.kafka),
            tail=MemoryInputTail(self.kafka, Topic.ATTENDANCES),
            metrics=self.metrics,
        )

    def run(self, scenario: Scenario) -> None:
        """Play a scenario at the open door."""

        async def play() -> None:
            """Start the role, play, stop it."""
            await self.role.start()
            try:
                async with (
                    asyncio.timeout(PATIENCE_SECONDS),
                    aiohttp.ClientSession(headers=HEADERS) as session,
                ):
                    self.session, self.address = session, f"http://{HOST}:{self.role.http_port}"
                    await scenario(self)
            finally:
                await self.role.stop()

        asyncio.run(play())

    async def send(self, data: Any, **headers: str) -> tuple[int, dict[str, Any]]:
        """Send a file; return status and answer."""
        body = io.BytesIO(data) if isinstance(data, bytes) else data
        async with self.session.post(f"{self.address}{BASE}", data=body, headers=headers) as reply:
            return reply.status, json.loads(await reply.read())

    async def settled(self, upload_id: str) -> dict[str, Any]:
        """Ask until an upload is done; return its status."""

        def done() -> bool:
            """Tell whether it is."""
            return any(one.result is not None for one in self.role._files._store.every())

        await until(done, PATIENCE_SECONDS)
        async with self.session.get(f"{self.address}{BASE}/{upload_id}") as reply:
            return dict(json.loads(await reply.read()))


def test_an_upload_is_sent_taken_and_answered(tmp_path: Path) -> None:
    """From the file to the facts and back to the message; logs and metrics name nobody."""
    door = Door(tmp_path)

    async def scenario(door: Door) -> None:
        """Send, ask, fetch."""
        status, said = await door.send(FILE)
        done = await door.settled(said["id"])
        async with door.session.get(f"{door.address}{done['acknowledgement']}") as reply:
            acknowledgement = await reply.read()

        assert (202, "done", "CPF02") == (status, done["state"], done["code"])
        assert [] == faults_of(acknowledgement)

    with lent_logs() as logs:
        door.run(scenario)

    assert 1 == len(door.kafka.read(Topic.PLANS))
    assert 1.0 == door.metrics.value(HTTP_ANSWERS, operation="upload", status="202")
    assert "upload taken" in {line["event"] for line in logs.lines()}


def test_what_was_accepted_survives_a_process_that_ends(tmp_path: Path) -> None:
    """Kafka was away and the process ended: the next one takes the file, and nobody sends it again."""

    async def accepted(door: Door) -> None:
        """Send while Kafka is away."""
        status, _ = await door.send(FILE)
        await until(lambda: bool(door.metrics.value(FILES, outcome="postponed")), PATIENCE_SECONDS)

        assert 202 == status

    first, successor = Door(tmp_path, available=False), Door(tmp_path)
    first.run(accepted)
    [waiting] = first.role._files._store.every()

    async def finished(door: Door) -> None:
        """Ask what became of it."""
        assert "CPF02" == (await door.settled(waiting.upload_id))["code"]

    successor.run(finished)

    assert ([], 1) == (first.kafka.read(Topic.PLANS), len(successor.kafka.read(Topic.PLANS)))


def test_a_large_file_is_taken_compressed_or_not(tmp_path: Path) -> None:
    """Far beyond what a message of a hospital may be, and byte for byte."""
    data = build_upload([Record(child=Person(local_id=str(number))) for number in range(1_500)])

    async def scenario(door: Door) -> None:
        """Send it twice, the second time compressed."""
        assert 202 == (await door.send(data))[0]
        assert 202 == (await door.send(gzip.compress(data), **{"Content-Encoding": "gzip"}))[0]

        store = door.role._files._store
        assert [data] * 2 == [b"".join(store.read(one.upload_id, Part.FILE)) for one in store.every()]

    assert len(data) > 1_500_000
    Door(tmp_path, available=False).run(scenario)


async def broken() -> AsyncIterator[bytes]:
    """Begin a body, and break off."""
    yield FILE[:100]
    raise ConnectionResetError


NOTHING = gzip.compress(b"")[:10] + b"\x00\x00\x00\xff\xff" * (BODY_BYTES_MAX // 5 + 1)
"""Blocks of nothing, packed with gzip: however many there are, no byte comes out."""


@pytest.mark.parametrize(
    ("data", "headers", "status"),
    [
        (NOTHING, {"Content-Encoding": "gzip"}, 413),
        (gzip.compress(bytes(BODY_BYTES_MAX + 1), 1), {"Content-Encoding": "gzip"}, 413),
        (bytes(BODY_BYTES_MAX + 1), {}, 413),
        (b"no gzip", {"Content-Encoding": "gzip"}, 400),
        (gzip.compress(FILE)[:-4], {"Content-Encoding": "gzip"}, 400),
        (gzip.compress(FILE) + b"more", {"Content-Encoding": "gzip"}, 400),
        (FILE, {"Content-Encoding": "br"}, 415),
        (FILE, {"Content-Type": "text/plain"}, 415),
        (FILE, {"Accept": "text/html"}, 406),
        (FILE, {"Authorization": "Bearer stranger"}, 401),
    ],
    ids=[
        "nothing",
        "bomb",
        "too large",
        "no gzip",
        "cut",
        "trailing",
        "encoding",
        "type",
        "answer",
        "stranger",
    ],
)
def test_a_body_that_is_not_taken_is_answered_and_leaves_nothing(
    data: bytes, headers: dict[str, str], status: int, tmp_path: Path
) -> None:
    """No byte is kept of what is refused; a bomb is never unpacked whole."""
    door = Door(tmp_path)

    async def scenario(door: Door) -> None:
        """Send it."""
        assert status == (await door.send(data, **headers))[0]

    door.run(scenario)

    kept = door.settings.kept_files
    assert not kept.exists() or [] == list(kept.iterdir())


def test_a_sender_that_goes_away_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    """It was never answered, and has the file still."""
    door = Door(tmp_path)

    async def scenario(door: Door) -> None:
        """Begin a body, and break off; then another is taken."""
        with pytest.raises((aiohttp.ClientError, ConnectionError)):
            await door.send(broken())
        assert 202 == (await door.send(FILE))[0]
        kept = door.settings.kept_files
        await until(lambda: not list(kept.glob(".*.draft")), PATIENCE_SECONDS)

    door.run(scenario)

    assert 1 == len(door.role._files._store.every())
