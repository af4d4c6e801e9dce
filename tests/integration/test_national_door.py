"""The door of the national event services over a real socket: who may post, and what is durable when."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import aiohttp

from broker.adapters.memory import MemoryFactLog, MemoryKafka
from broker.adapters.memory_demographics import MemoryDemographics
from broker.adapters.memory_tail import MemoryInputTail
from broker.core.demographics import Current
from broker.core.facts import Details
from broker.core.identifiers import NhsNumber
from broker.ports import Topic
from broker.runtime.asking import Source
from broker.runtime.intake_role import IntakeRole
from broker.runtime.metrics import NATIONAL_EVENTS, Metrics
from broker.runtime.parts import assemble, present
from broker.runtime.settings import Settings
from broker.services.national_door import PATH
from broker.wire.national_events import CLOUD_EVENTS
from tests.builders.http_house import HOST
from tests.builders.national_events import birth, cloud_event
from tests.unit.services.test_la_door import digest_of

MOTHER, BABY = "9990000018", "9990000026"
XML = "application/fhir+xml"


class Door:
    """A role in front of a cluster in memory; what is answered at its door."""

    def __init__(self, directory: Path) -> None:
        senders = directory / "senders.toml"
        senders.write_text(f'[national.MNS]\ntokens = ["{digest_of("own")}"]\n', "utf-8")
        settings = Settings(data_dir=directory / "data", mllp_port=0, http_port=0, senders_file=senders)
        self.kafka, self.metrics, self.source = MemoryKafka(), Metrics(), MemoryDemographics()
        self._role = IntakeRole(
            settings,
            assemble(settings),
            facts=MemoryFactLog(self.kafka),
            tail=MemoryInputTail(self.kafka, Topic.ATTENDANCES),
            source=Source(demographics=self.source, notices=MemoryInputTail(self.kafka, Topic.IDENTITY)),
            metrics=self.metrics,
        )

    def post(self, *events: tuple[bytes, str, str]) -> list[tuple[int, str | None, str | None]]:
        """Post events, each with its media type and a token; return status, error code and `Retry-After`."""

        async def play() -> list[tuple[int, str | None, str | None]]:
            """Start the role, post, stop it."""
            await self._role.start()
            answers = []
            try:
                async with aiohttp.ClientSession() as session:
                    for data, media_type, token in events:
                        headers = {"Content-Type": media_type, "Authorization": f"Bearer {token}"}
                        address = f"http://{HOST}:{self._role.http_port}{PATH}"
                        async with session.post(address, data=data, headers=headers) as reply:
                            body = await reply.read()
                            code = json.loads(body)["code"] if body else None
                            answers.append((reply.status, code, reply.headers.get("Retry-After")))
            finally:
                await self._role.stop()
            return answers

        return asyncio.run(play())

    def counted(self, outcome: str) -> float:
        """Return how many events came to this."""
        return self.metrics.value(NATIONAL_EVENTS, outcome=outcome) or 0


def test_an_event_is_answered_once_it_is_durable(tmp_path: Path) -> None:
    """A changed number and a birth at once, a changed record once the source has answered (26, 38; R53)."""
    door = Door(tmp_path)
    details, yesterday = Details(family="Sample", given="Robin"), present() - timedelta(days=1)
    door.source.put(NhsNumber(MOTHER), Current(details=details, recorded_at=present()))
    answers = door.post(
        (cloud_event("nhs-number-change-2", MOTHER), CLOUD_EVENTS, "own"),
        (birth(BABY, MOTHER, born=f"{yesterday:%Y-%m-%d}", recorded=yesterday.isoformat()), XML, "own"),
        (cloud_event("pds-record-change-2", MOTHER), "application/json", "own"),
        (cloud_event("pds-change-of-gp-2", MOTHER), CLOUD_EVENTS, "own"),
    )
    assert [(204, None, None)] * 4 == answers
    assert (door.counted("taken"), door.counted("of no use")) == (3, 1)
    assert len(door.kafka.read(Topic.ATTENDANCES)) == 1  # the birth
    assert len(door.kafka.read(Topic.IDENTITY)) >= 2


def test_a_stranger_is_refused_and_nothing_of_theirs_is_kept(tmp_path: Path) -> None:
    """Neither certificate nor token of a service."""
    door = Door(tmp_path)
    answers = door.post((birth(BABY, MOTHER), XML, "stolen"), (b"{", "text/plain", "stolen"))

    assert [(401, "CPIS-215", None), (415, "CPIS-216", None)] == answers
    assert not door.kafka.read(Topic.REJECTED)


def test_what_is_no_event_is_kept_and_a_source_that_is_away_is_waited_for(tmp_path: Path) -> None:
    """Sent again it is no better; sent again it is taken."""
    door = Door(tmp_path)
    door.source.available = False
    answers = door.post(
        (b"{}", CLOUD_EVENTS, "own"), (cloud_event("pds-record-change-2", MOTHER), CLOUD_EVENTS, "own")
    )
    assert [400, 503] == [status for status, _, _ in answers]
    assert [None, "5"] == [later for _, _, later in answers]
    assert door.counted("kept") == len(door.kafka.read(Topic.REJECTED)) == 1
