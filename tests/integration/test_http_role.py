"""The intake role with its HTTP door: open where it has a port, and counted like the other."""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest

from broker.adapters.memory import MemoryFactLog, MemoryKafka
from broker.adapters.memory_tail import MemoryInputTail
from broker.core.errors import ConfigurationError
from broker.core.facts import VisitMessage
from broker.ports import Topic
from broker.runtime.intake_role import IntakeRole
from broker.runtime.metrics import FACTS, HTTP_ANSWERS, HTTP_CONNECTIONS, REJECTED, Metrics
from broker.runtime.parts import assemble
from broker.runtime.settings import Settings
from tests.builders.adt import Adt
from tests.builders.certificates import Office
from tests.builders.fhir import message, written
from tests.builders.http_house import HOST
from tests.builders.logs import lent_logs

ADT = Adt(event="A04", control_id="M1", recorded="20250301101500", pv1={"class": "E", "visit": "V-1"})
HEADERS = {"Content-Type": "application/fhir+json"}


class Role:
    """A role in front of a cluster in memory."""

    def __init__(self, directory: Path, **settings: object) -> None:
        given = {"data_dir": directory / "data", "mllp_port": 0, "http_port": 0, **settings}
        self.settings = Settings.model_validate(given)
        self.parts = assemble(self.settings)
        self.kafka, self.metrics = MemoryKafka(), Metrics()
        self.role = IntakeRole(
            self.settings,
            self.parts,
            facts=MemoryFactLog(self.kafka),
            tail=MemoryInputTail(self.kafka, Topic.ATTENDANCES),
            metrics=self.metrics,
        )

    def run(self, scenario: Callable[[aiohttp.ClientSession, str], Awaitable[None]]) -> None:
        """Play a scenario at the open door."""

        async def play() -> None:
            """Start the role, play, stop it."""
            await self.role.start()
            try:
                async with asyncio.timeout(90), aiohttp.ClientSession(headers=HEADERS) as session:
                    await scenario(session, f"http://{HOST}:{self.role.http_port}/fhir/R4/$process-message")
            finally:
                await self.role.stop()

        asyncio.run(play())


def test_a_visit_is_posted_and_counted(tmp_path: Path) -> None:
    """As one over MLLP is; what is refused is counted by its door."""
    own = Role(tmp_path)

    async def scenario(session: aiohttp.ClientSession, address: str) -> None:
        """Play the scenario."""
        for body, status in ((written(message(ADT)), 200), (b"{", 400)):
            async with session.post(address, data=body) as reply:
                assert status == reply.status
                json.loads(await reply.read())

    with lent_logs() as logs:
        own.run(scenario)

    [record] = own.kafka.read(Topic.ATTENDANCES)
    fact = own.parts.facts.decode(record.topic, record.key or b"", record.value or b"")
    assert isinstance(fact, VisitMessage)
    assert 1.0 == own.metrics.value(FACTS, topic=Topic.ATTENDANCES)
    assert 1.0 == own.metrics.value(REJECTED, door="fhir", code="102")
    assert 1.0 == own.metrics.value(HTTP_ANSWERS, operation="processMessage", status="200")
    assert 1.0 == own.metrics.value(HTTP_CONNECTIONS, event="opened")
    assert "http door ready" in [line["event"] for line in logs.lines()]


def test_a_sender_that_is_not_let_in_is_told_of(tmp_path: Path) -> None:
    """It speaks no TLS."""
    office = Office(tmp_path)
    files = {name.replace("mllp", "http"): file for name, file in office.settings().items()}
    own = Role(tmp_path, **files)

    async def scenario(session: aiohttp.ClientSession, address: str) -> None:
        """Play the scenario."""
        with pytest.raises(aiohttp.ClientError):
            await session.post(address, data=written(message(ADT)))

    with lent_logs() as logs:
        own.run(scenario)

    assert 1.0 == own.metrics.value(HTTP_CONNECTIONS, event="no tls")
    assert ["no tls"] == [line["reason"] for line in logs.lines() if line["event"] == "handshake failed"]


def test_a_port_that_is_taken_is_a_fault_of_the_settings(tmp_path: Path) -> None:
    """The operator is told which setting it is."""
    with socket.create_server((HOST, 0)) as taken:
        own = Role(tmp_path, http_port=taken.getsockname()[1])

        with pytest.raises(ConfigurationError, match="CPIS_HTTP_PORT"):
            asyncio.run(own.role.start())


def test_without_a_port_there_is_no_door(tmp_path: Path) -> None:
    """It is opened where somebody wants it."""
    assert Role(tmp_path, http_port=None).role.http_port is None
