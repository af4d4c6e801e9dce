"""
How long a reload of the whole country takes: every authority's file through the drop folder into plan facts.

The files lie ready before the time is taken; it ends when what became of the last one is on `cpis.feeds`:
that is written with the last of what a file led to.
"""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import Self

from broker.adapters.cluster import Cluster
from broker.adapters.kafka_clients import lone_consumer
from broker.adapters.kafka_reader import partitions_of
from broker.ports import Topic
from tests.bench.state import resident_bytes
from tests.builders.matcher import numbers, pause
from tests.builders.upload import Person, Record, build_upload
from tests.fault.fleet import Fleet

FILES = 153
_LOOK_AGAIN_S = 0.25
_DEADLINE_S = 1_800.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reloaded:
    """
    What became of the country: `resident_bytes` is the most that intake and its reader held at once.

    `plans` are the facts on Kafka: a file that is taken again, since Kafka was slow, adds to them.
    """

    seconds: float
    records: int
    plans: int
    resident_bytes: int

    @property
    def rate(self) -> float:
        """Records a second."""
        return self.records / self.seconds


async def measure_country(cluster: Cluster, directory: Path, records: int) -> Reloaded:
    """Return how long it takes until as many records in 153 files are durable, each of another child."""
    folder = directory / "uploads"
    folder.mkdir(mode=0o700)
    hidden = [_written(folder, number, data) for number, data in enumerate(_files(records))]
    with Fleet(cluster, directory, roles=("intake",)) as fleet:
        process = fleet.start()
        async with asyncio.timeout(_DEADLINE_S):
            while '"intake ready"' not in fleet.logs():
                assert process.poll() is None, fleet.logs()
                await pause(_LOOK_AGAIN_S)
            began, most = monotonic(), 0
            for file in hidden:
                file.rename(folder / file.name.removeprefix("."))
            async with _Counting(cluster) as counting:
                while (await counting.written())[Topic.FEEDS] < FILES:
                    assert process.poll() is None, fleet.logs()
                    most = max(most, sum(map(resident_bytes, _family(process.pid))))
                    await pause(_LOOK_AGAIN_S)
                seconds = monotonic() - began
                plans = (await counting.written())[Topic.PLANS]
    return Reloaded(seconds=seconds, records=records, plans=plans, resident_bytes=most)


class _Counting:
    """Counts what was written to a topic, markers of transactions left out of account: intake makes none."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._consumer = lone_consumer(cluster, answer_ms=60_000, wait_ms=50)

    async def __aenter__(self) -> Self:
        await self._consumer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()

    async def written(self) -> Mapping[Topic, int]:
        """Return how many records each topic has taken."""
        found = {}
        for topic in (Topic.FEEDS, Topic.PLANS):
            places = await partitions_of(self._cluster, topic.value)
            found[topic] = sum((await self._consumer.end_offsets(places)).values())
        return found


def _files(records: int) -> Iterator[bytes]:
    """Yield the file of each authority, of about as many records each; their codes are no real ones."""
    people = iter(numbers())
    for number in range(FILES):
        size = records * (number + 1) // FILES - records * number // FILES
        yield build_upload(
            [
                Record(child=Person(number=child.digits, local_id=f"C-{number}-{place}"))
                for place, child in enumerate(islice(people, size))
            ],
            authority=f"E{700 + number}",
            file_id=f"RELOAD-{number}",
        )


def _written(folder: Path, number: int, data: bytes) -> Path:
    """Write a file under a name that the folder does not look at yet."""
    file = folder / f".reload-{number:03}.xml"
    file.write_bytes(data)
    return file


def _family(pid: int) -> list[int]:
    """Return a process and its children, those that read files aside among them."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
    return [pid, *(int(child) for child in children if Path(f"/proc/{child}/statm").exists())]
