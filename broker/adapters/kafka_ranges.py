"""
Reads a stretch of one partition to its end, whatever lies in it.

Knows: that a position moves over transaction markers and gaps without handing out a record.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition

from broker.adapters.kafka_clients import deadline
from broker.core.errors import KafkaUnavailable
from broker.ports import Record

READ_WAIT_MS = 50
"""For positions that move over markers without handing out a record."""
READ_BATCH_RECORDS = 2_000
"""Keeps one turn of the event loop under 50 ms."""


async def records_between(
    reader: AIOKafkaConsumer, place: TopicPartition, start: int, end: int, *, answer_ms: int
) -> AsyncIterator[Sequence[Record]]:
    """
    Yield the records from `start` to before `end`; a position that moves over markers counts.

    `place` is assigned to `reader`. Raise `KafkaUnavailable` when nothing moves for `answer_ms`.
    """
    if start >= end:
        return
    reader.seek(place, start)
    idle_since = asyncio.get_running_loop().time()
    position = start
    while position < end:
        async with deadline(answer_ms, "reading a partition"):
            found = await reader.getmany(place, timeout_ms=READ_WAIT_MS, max_records=READ_BATCH_RECORDS)
            reached = await reader.position(place)
        now = asyncio.get_running_loop().time()
        if reached == position and now - idle_since > answer_ms / 1000:
            raise KafkaUnavailable("reading a partition: no progress")
        if reached != position:
            position, idle_since = reached, now
        records = found.get(place, [])
        if records and records[-1].offset >= end:
            records = [record for record in records if record.offset < end]
        if records:
            yield records
        await asyncio.sleep(0)
