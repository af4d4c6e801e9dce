"""Has records of uploads that the demographic source refused asked about again, every few hours, for ever."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta

from broker.adapters.cluster import Cluster
from broker.adapters.kafka_archive import KafkaArchive
from broker.core.errors import KafkaUnavailable, ReaderLost, StorageUnusable, TopicMissing
from broker.ports import Archive
from broker.runtime.asking import Source
from broker.runtime.parts import Parts
from broker.services.plans_held import Lend
from broker.services.record_retries import RecordRetries
from broker.services.uploads import Uploads


@dataclass(frozen=True, kw_only=True)
class Retrying:
    """The rounds over what waits, `every` so often; `lend` gives the topics to read back for one of them."""

    retries: RecordRetries
    lend: Lend
    every: timedelta

    async def run(self) -> None:
        """Wait, then ask about everything that waits; until cancelled. What could not be asked waits on."""
        while True:
            await asyncio.sleep(self.every.total_seconds())
            with suppress(KafkaUnavailable, ReaderLost, StorageUnusable, TopicMissing):
                async with self.lend() as archive:
                    await self.retries.go_round(archive)


def retrying(
    source: Source | None, parts: Parts, uploads: Uploads, *, count: Callable[[str], None]
) -> Retrying | None:
    """Return what asks again, None where there is no source or nothing to read back from."""
    if source is None or source.kept is None:
        return None
    retries = RecordRetries(parts.records, uploads.ask_again, count=count)
    return Retrying(retries=retries, lend=source.kept, every=source.asked_again_every)


def kept_on(cluster: Cluster) -> Lend:
    """Return what lends the topics of a cluster to be read back, connected for as long as they are lent."""

    @asynccontextmanager
    async def lent() -> AsyncIterator[Archive]:
        """Connect, lend, disconnect."""
        archive = KafkaArchive(cluster)
        await archive.start()
        try:
            yield archive
        finally:
            await archive.close()

    return lent
