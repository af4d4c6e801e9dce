"""Rounds over records that wait for the demographic source: one that fails ends none of the next."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path

from broker.adapters.cluster import Cluster
from broker.adapters.memory_archive import MemoryArchive
from broker.core.errors import KafkaUnavailable
from broker.ports import Archive
from broker.runtime.metrics import Metrics
from broker.runtime.parts import present
from broker.runtime.pds import source
from broker.runtime.retrying import Retrying
from broker.runtime.settings import Settings
from broker.services.record_retries import RecordRetries
from tests.builders.pds import signing_key
from tests.builders.upload_desk import Desk
from tests.unit.runtime.test_pds_settings import configured, pem

PATIENCE_SECONDS = 90.0


def test_rounds_go_on_after_one_that_failed() -> None:
    """Kafka is away for the first; whatever waits is asked about in a later one (R14)."""
    desk, rounds = Desk(), 0
    third = asyncio.Event()

    @asynccontextmanager
    async def lend() -> AsyncIterator[Archive]:
        """Fail once, then lend an empty archive."""
        nonlocal rounds
        rounds += 1
        if rounds == 1:
            raise KafkaUnavailable
        yield MemoryArchive(desk.kafka)
        if rounds > 2:
            third.set()

    async def scenario() -> None:
        """Run until the third round is over."""
        retries = RecordRetries(desk.records, desk.uploads.ask_again, count=lambda _event: None)
        running = asyncio.ensure_future(Retrying(retries=retries, lend=lend, every=timedelta(0)).run())
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await third.wait()
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running

    asyncio.run(scenario())

    assert rounds > 2


def test_the_source_of_the_settings_is_asked_as_they_say(tmp_path: Path) -> None:
    """How many at once follows from rate and deadline; what it refused is asked about again."""
    key_file = tmp_path / "key.pem"
    key_file.write_bytes(pem(signing_key()))
    settings: Settings = configured(key_file, pds_per_second=3, pds_ask_again_minutes=60)

    async def scenario() -> None:
        """Make it and give it back."""
        made = source(settings, Cluster("127.0.0.1:1"), clock=present, metrics=Metrics())
        assert made is not None
        await made.close()
        assert (2.5, 3, timedelta(hours=1), True) == (
            made.answer_seconds,
            made.at_once,
            made.asked_again_every,
            made.kept is not None,
        )

    asyncio.run(scenario())
