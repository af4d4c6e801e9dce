"""
How long a reload of the whole country takes: every authority's file over HTTP, asked about, made plan facts.

Each authority hands in its own file once the one before was accepted; the time begins with the first, and
ends when what became of the last one is on `cpis.feeds`: that is written with the last of what a file led to.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import Self

import aiohttp
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from broker.adapters.cluster import Cluster
from broker.adapters.kafka_clients import lone_consumer
from broker.adapters.kafka_reader import partitions_of
from broker.ports import Topic
from broker.services.la_door import BASE
from tests.bench.register import FAMILY, GIVEN
from tests.bench.state import resident_bytes
from tests.builders.http_house import HOST
from tests.builders.matcher import numbers, pause
from tests.builders.pds import APPLICATION, KEY_ID, signing_key
from tests.builders.upload import Person, Record, build_upload
from tests.fault.fleet import Fleet
from tests.unit.services.test_la_door import digest_of

FILES = 153
_LOOK_AGAIN_S = 0.25
_DEADLINE_S = 1_800.0
_PER_SECOND = "2000"  # questions: more than the source answers, so that it is not the rate that is measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Reloaded:
    """
    What became of the country: `resident_bytes` is the most that intake and its reader held at once.

    `plans` are the facts on Kafka: a file that is taken again, since Kafka or the source was slow, adds to
    them. `matched` is the share of records that became facts: those with which the source agreed (R14).
    """

    seconds: float
    records: int
    plans: int
    matched: float
    resident_bytes: int

    @property
    def rate(self) -> float:
        """Records a second."""
        return self.records / self.seconds


async def measure_reload(cluster: Cluster, directory: Path, records: int) -> Reloaded:
    """Return how long it takes until as many records in 153 files are durable, each of another child."""
    files = list(_files(records))
    senders = directory / "senders.toml"
    senders.write_text("".join(_entry(number) for number in range(FILES)), "utf-8")
    with (
        _register(records, directory / "key.pem") as asked_at,
        Fleet(cluster, directory, roles=("intake",)) as fleet,
    ):
        process = fleet.start(CPIS_SENDERS_FILE=str(senders), CPIS_HTTP_PORT="0", **asked_at)
        async with asyncio.timeout(_DEADLINE_S), _Counting(cluster) as counting:
            while not (ports := _http_ports(fleet.logs())):
                assert process.poll() is None, fleet.logs()
                await pause(_LOOK_AGAIN_S)
            began, most = monotonic(), 0
            sending = asyncio.ensure_future(_send(ports[0], files))
            while (await counting.written())[Topic.FEEDS] < FILES:
                assert process.poll() is None, fleet.logs()
                most = max(most, sum(map(resident_bytes, _family(process.pid))))
                await pause(_LOOK_AGAIN_S)
            seconds = monotonic() - began
            await sending
            plans = (await counting.written())[Topic.PLANS]
    return Reloaded(
        seconds=seconds,
        records=records,
        plans=plans,
        matched=min(plans, records) / records,
        resident_bytes=most,
    )


def _code(number: int) -> str:
    """Return the code of an authority: no real one has it."""
    return f"E{700 + number}"


def _entry(number: int) -> str:
    """Return what the file of senders says of an authority: by which token it is known."""
    return f'[authority.{_code(number)}]\ntokens = ["{digest_of(_code(number))}"]\n'


def _http_ports(logs: str) -> list[int]:
    """Return the port of the authorities' door as the log tells it, once all doors are open."""
    lines = [json.loads(line) for line in logs.splitlines() if line.startswith("{")]
    if not any(line["event"] == "intake ready" for line in lines):
        return []
    return [line["port"] for line in lines if line["event"] == "http door ready"]


async def _send(port: int, files: Sequence[bytes]) -> None:
    """Hand in every file, each as its own authority."""
    async with aiohttp.ClientSession(headers={"Content-Type": "application/xml"}) as session:
        for number, data in enumerate(files):
            headers = {"Authorization": f"Bearer {_code(number)}"}
            async with session.post(f"http://{HOST}:{port}{BASE}", data=data, headers=headers) as reply:
                assert reply.status == HTTPStatus.ACCEPTED, await reply.text()


@contextmanager
def _register(count: int, key_file: Path) -> Iterator[dict[str, str]]:
    """Run a demographic source that knows so many children; yield the settings by which it is asked."""
    written = signing_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    key_file.touch(mode=0o600)
    key_file.write_bytes(written)
    command = [sys.executable, "-m", "tests.bench.register", str(count), str(key_file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            url, token_url = process.stdout.readline().split()
            yield {
                "CPIS_PDS_URL": url,
                "CPIS_PDS_TOKEN_URL": token_url,
                "CPIS_PDS_APPLICATION_ID": APPLICATION,
                "CPIS_PDS_KEY_FILE": str(key_file),
                "CPIS_PDS_KEY_ID": KEY_ID,
                "CPIS_PDS_PER_SECOND": _PER_SECOND,
            }
        finally:
            process.terminate()


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
                Record(
                    child=Person(
                        number=child.digits, local_id=f"C-{number}-{place}", family=FAMILY, given=GIVEN
                    )
                )
                for place, child in enumerate(islice(people, size))
            ],
            authority=_code(number),
            file_id=f"RELOAD-{number}",
        )


def _family(pid: int) -> list[int]:
    """Return a process and its children, those that read files aside among them."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
    return [pid, *(int(child) for child in children if Path(f"/proc/{child}/statm").exists())]
