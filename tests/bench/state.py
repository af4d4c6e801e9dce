"""
What a matcher's state costs: memory, the time to load it from Kafka, and the work for one attendance.

The state is written straight into a genuine Kafka in the shape in which intake and matcher write it: a record
in `cpis.people` for each child with a plan, the horizon's messages of others in `cpis.in.attendances`, and
`#p`, which says that both were taken.
"""

import asyncio
import os
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from pathlib import Path
from time import monotonic

from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import DefaultPartitioner

from broker.adapters.cluster import Cluster
from broker.adapters.kafka_topics import apply_topics, load_topics
from broker.core.effects import advance
from broker.core.identifiers import NhsNumber
from broker.core.partition import NEW
from broker.core.person import Person, lift
from broker.core.policy import RULES_VERSION, Policy
from broker.ports import PARTITION_STATE_KEY, Headers, Topic
from broker.runtime.kafka import embedded_kafka
from broker.runtime.resources import topics_file
from broker.services.matching import Codecs
from tests.builders.matcher import KEY, attendance, fact_write, pause, plan
from tests.fault.checker import caught_up
from tests.fault.fleet import Fleet
from tests.fault.load import AUTHORITIES, PROVIDERS

PARTITIONS = 6  # as deploy/topics.toml declares
MESSAGES_PER_OTHER = 6
FLAGGED_SHARE = 0.025
_VARIANTS = 200  # different values: enough that compression gains no more than with real ones
_BATCH_BYTES_MAX = 900_000  # under the broker's limit of a megabyte
_READY_S = 300.0
_LOOK_AGAIN_S = 0.2
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")

Pair = tuple[bytes, bytes, Headers]


@dataclass(frozen=True, slots=True, kw_only=True)
class StateCost:
    """Of one process that works all partitions: resident bytes, seconds of loading, CPU per attendance."""

    plans: int
    others: int
    resident_bytes: int
    bootstrap_s: float
    attendance_cpu_s: float


def measure_state(directory: Path, *, plans: int, others: int, attendances: int) -> StateCost:
    """Fill a fresh Kafka, let one matcher process load it, then send it attendances."""
    with embedded_kafka(say=print, lasting=True) as kafka, Fleet(kafka.cluster, directory) as fleet:
        asyncio.run(apply_topics(kafka.cluster, load_topics(topics_file().read_text("utf-8"))))
        codecs = fleet.codecs()
        began = monotonic()
        asyncio.run(_fill(kafka.cluster, codecs, plans, others))
        messages = others * MESSAGES_PER_OTHER
        print(f"filled in {monotonic() - began:.0f} s: {plans:,} plans, {messages:,} messages of others")
        began = monotonic()
        process = fleet.start()
        asyncio.run(_at_work(fleet, process))
        bootstrap_s = monotonic() - began
        held = resident_bytes(process.pid)
        attendance_cpu_s = asyncio.run(_attended(kafka.cluster, codecs, process.pid, plans, attendances))
    return StateCost(
        plans=plans,
        others=others,
        resident_bytes=held,
        bootstrap_s=bootstrap_s,
        attendance_cpu_s=attendance_cpu_s,
    )


def keys() -> Iterator[bytes]:
    """Yield the NHS numbers kept for tests, as keys of records."""
    for serial in count(999_000_000):
        check = (
            11
            - sum(int(digit) * weight for digit, weight in zip(str(serial), range(10, 1, -1), strict=True))
            % 11
        )
        if check != 10:
            yield f"{serial}{check % 11}".encode()


async def _fill(cluster: Cluster, codecs: Codecs, plans: int, others: int) -> None:
    """Write people, attendances and `#p`."""
    at = datetime.now(tz=UTC) - timedelta(days=1)
    numbered = keys()
    people = [_person(codecs, variant, at) for variant in range(_VARIANTS)]
    messages = [
        [_message(codecs, variant, message, at) for message in range(MESSAGES_PER_OTHER)]
        for variant in range(_VARIANTS)
    ]
    children = ((key, people[place % _VARIANTS], ()) for place, key in enumerate(islice(numbered, plans)))
    async with AIOKafkaProducer(
        **cluster.connection(), max_batch_size=_BATCH_BYTES_MAX, max_request_size=4 * _BATCH_BYTES_MAX
    ) as producer:
        await _write(producer, Topic.PEOPLE, children)
        ends = await _write(
            producer,
            Topic.ATTENDANCES,
            (
                (key, value, headers)
                for place, key in enumerate(islice(numbered, others))
                for value, headers in messages[place % _VARIANTS]
            ),
        )
        for partition in range(PARTITIONS):
            state = replace(
                NEW,
                offsets={Topic.ATTENDANCES.value: ends[partition]},
                rules_version=RULES_VERSION,
                policy_version=Policy().version,
                key_fingerprint=KEY.fingerprint,
                clock=datetime.now(tz=UTC),  # so that the hourly look at everybody is not due
                first_load_done=True,
            )
            value = codecs.states.encode_partition(state)
            await producer.send_and_wait(Topic.PEOPLE, value, key=PARTITION_STATE_KEY, partition=partition)


def _person(codecs: Codecs, variant: int, at: datetime) -> bytes:
    """Return a child's record as it is after the plan was taken, like thousands of others."""
    known = plan(authority=AUTHORITIES[variant % len(AUTHORITIES)], recorded_at=at, received_at=at)
    person = Person(number=NhsNumber("9990000018"), salt=os.urandom(32)).learn(lift(known))
    return codecs.states.encode_person(advance(person, Policy(), KEY).person)


def _message(codecs: Codecs, variant: int, message: int, at: datetime) -> tuple[bytes, Headers]:
    """Return one message of a visit, as intake writes it: sealed for one number, and opened for none."""
    visit = attendance(
        f"visit-{variant}",
        at=at,
        message_id=f"{variant}-{message}",
        provider=PROVIDERS[variant % len(PROVIDERS)],
    )
    write = fact_write(codecs.facts, visit, NhsNumber("9990000018"))
    return write.value or b"", write.headers


async def _write(producer: AIOKafkaProducer, topic: Topic, records: Iterable[Pair]) -> dict[int, int]:
    """Write records in whole batches, each by its key; return how many every partition got."""
    partitions = list(range(PARTITIONS))
    spread = DefaultPartitioner()
    batches = {partition: producer.create_batch() for partition in partitions}
    counts: dict[int, int] = defaultdict(int)
    for key, value, headers in records:
        partition = spread(key, partitions, partitions)
        added = batches[partition].append(key=key, value=value, timestamp=None, headers=list(headers))
        if added is None:
            await producer.send_batch(batches[partition], topic, partition=partition)
            batches[partition] = producer.create_batch()
            batches[partition].append(key=key, value=value, timestamp=None, headers=list(headers))
        counts[partition] += 1
    last = [
        await producer.send_batch(batch, topic, partition=partition)
        for partition, batch in batches.items()
        if counts[partition]
    ]
    await asyncio.gather(*last)
    return counts


async def _at_work(fleet: Fleet, process: subprocess.Popen[bytes]) -> None:
    """Wait until the process works every partition."""
    async with asyncio.timeout(_READY_S):
        while fleet.logs().count('"partition at work"') < PARTITIONS:
            assert process.poll() is None, fleet.logs()
            await pause(_LOOK_AGAIN_S)


async def _attended(cluster: Cluster, codecs: Codecs, pid: int, plans: int, attendances: int) -> float:
    """Return the CPU seconds that the process takes for one attendance, few of them of the children."""
    now = datetime.now(tz=UTC)
    every = round(1 / FLAGGED_SHARE)
    children: Sequence[bytes] = list(islice(keys(), min(plans, attendances // every)))
    strangers = islice(keys(), plans, None)
    async with AIOKafkaProducer(**cluster.connection(), linger_ms=5) as producer:
        before = cpu_s(pid)
        sent = []
        for place in range(attendances):
            flagged = place % every == 0 and place // every < len(children)
            number = NhsNumber((children[place // every] if flagged else next(strangers)).decode())
            provider = PROVIDERS[place % len(PROVIDERS)]
            write = fact_write(codecs.facts, attendance(f"new-{place}", at=now, provider=provider), number)
            sent.append(
                await producer.send(write.topic, write.value, key=write.key, headers=list(write.headers))
            )
        await asyncio.gather(*sent)
    async with asyncio.timeout(_READY_S):
        while not await caught_up(cluster, codecs):
            await pause(_LOOK_AGAIN_S)
    return (cpu_s(pid) - before) / attendances


def cpu_s(pid: int) -> float:
    """Return the CPU time of a process so far, its own and the kernel's for it."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_A_SECOND


def resident_bytes(pid: int) -> int:
    """Return the memory of a process that is in use and not swapped out."""
    return int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]) * _PAGE_BYTES
