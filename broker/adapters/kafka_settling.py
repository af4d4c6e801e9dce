"""
What Kafka decided of a transaction and did not carry out: found when a partition is opened or Kafka was away.

Knows: that Kafka answers a commit before it writes the marker that shows the records. A cluster killed in
between may note the transaction as complete when it starts again, and never write the marker: it takes a
partition that has no leader at that moment for one that was deleted (seen with 4.3.1). What was committed is
then hidden, with all that comes after it, until the same producer ends another transaction there.
"""

import asyncio
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any, ClassVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.consumer.fetcher import READ_COMMITTED, READ_UNCOMMITTED
from aiokafka.errors import KafkaError, NoError, for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Int64,
    Schema,
    TaggedFields,
)

from broker.ports import POLLED, Topic

_TRANSACTION = 1  # a kind of coordinator
_RETRY_S = 0.1  # each question to a new cluster has it try to make its transaction log
_UNKNOWN_ID = 105  # TRANSACTIONAL_ID_NOT_FOUND: nobody wrote under it, or not for a week
_WRITTEN = frozenset(
    {*POLLED, Topic.PEOPLE, Topic.ALERTS, Topic.WORKLIST, Topic.LATE, Topic.AUDIT, Topic.CHECKS}
)
"""The topics that a transaction of ours may write to, besides those of recipients."""


class Decision(StrEnum):
    """What Kafka decided of the newest transaction under an id."""

    COMMIT = "commit"
    ABORT = "abort"


_DECISIONS = {
    "PrepareCommit": Decision.COMMIT,
    "CompleteCommit": Decision.COMMIT,
    "Ongoing": Decision.ABORT,  # by whoever opens the partition next
    "PrepareEpochFence": Decision.ABORT,
    "PrepareAbort": Decision.ABORT,
    "CompleteAbort": Decision.ABORT,
}


class _DescribedResponse(Response):  # type: ignore[misc]  # aiokafka carries no type information
    """An answer to `_DescribeStruct`."""

    API_KEY = 65
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "transaction_states",
            CompactArray(
                ("error_code", Int16),
                ("transactional_id", CompactString("utf-8")),
                ("transaction_state", CompactString("utf-8")),
                ("transaction_timeout_ms", Int32),
                ("transaction_start_time_ms", Int64),
                ("producer_id", Int64),
                ("producer_epoch", Int16),
                (
                    "topics",
                    CompactArray(
                        ("topic", CompactString("utf-8")),
                        ("partitions", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _DescribeStruct(RequestStruct):  # type: ignore[misc]  # aiokafka carries no type information
    """DescribeTransactions, which the client has not."""

    FLEXIBLE_VERSION = True
    API_KEY = 65
    API_VERSION = 0
    RESPONSE_TYPE = _DescribedResponse
    SCHEMA = Schema(("transactional_ids", CompactArray(CompactString("utf-8"))), ("tags", TaggedFields))


class _DescribeRequest(Request[_DescribeStruct]):  # type: ignore[misc]  # aiokafka carries no type information
    """Asks how the newest transaction under an id stands."""

    API_KEY: ClassVar[int] = 65

    def __init__(self, transactional_id: str) -> None:
        self._transactional_id = transactional_id

    def build(self, request_struct_class: Any) -> Any:
        """Return what is sent."""
        return request_struct_class([self._transactional_id], {})


async def newest_decision(client: Any, transactional_id: str) -> Decision | None:
    """
    Return what Kafka decided of the newest transaction under an id, None when there is none to decide.

    Only before its producer starts: starting begins a new history. `client` is that of a started consumer;
    whoever calls gives the deadline. Raises the client's own errors.
    """
    while True:
        try:
            node = await client.coordinator_lookup(_TRANSACTION, transactional_id)
            answer = await client.send(node, _DescribeRequest(transactional_id))
            [(code, _, state, *_)] = answer.transaction_states
            if code == _UNKNOWN_ID:
                return None
            error = for_code(code)
            if error is NoError:
                return _DECISIONS.get(state)
            raise error
        except KafkaError as error:
            if not error.retriable:
                raise
        await asyncio.sleep(_RETRY_S)


def written_places(cluster: Any) -> list[TopicPartition]:
    """Return every partition that a transaction of ours may have written to; `cluster` is fresh metadata."""
    topics = [name for name in cluster.topics() if name in _WRITTEN or name.startswith(f"{Topic.ALERTS}.")]
    return [
        TopicPartition(topic, partition)
        for topic in sorted(topics)
        for partition in sorted(cluster.partitions_for_topic(topic) or ())
    ]


async def hidden_places(consumer: AIOKafkaConsumer, places: Sequence[TopicPartition]) -> list[TopicPartition]:
    """
    Return the partitions at whose end something is not shown: of a transaction that is open, or never told.

    `consumer` reads what is committed, and nothing yet: for one question it is made to ask for everything. It
    is told all topics at once, or it would look for the leaders of one topic after the other.
    """
    await consumer._client.set_topics({place.topic for place in places})  # noqa: SLF001
    fetcher = consumer._fetcher  # noqa: SLF001
    fetcher._isolation_level = READ_UNCOMMITTED  # noqa: SLF001
    try:
        ends = await consumer.end_offsets(places)
    finally:
        fetcher._isolation_level = READ_COMMITTED  # noqa: SLF001
    shown = await consumer.end_offsets(places)
    return [place for place in places if shown[place] < ends[place]]


async def carry_out(producer: AIOKafkaProducer, decision: Decision, places: Iterable[TopicPartition]) -> None:
    """
    End the transaction that the producer's predecessor left in these partitions, as was decided.

    A marker ends whatever the producer's id has open in a partition; where nothing of it is open, as where
    somebody else works, it says nothing.
    """
    await producer.begin_transaction()
    for place in places:
        producer._txn_manager.maybe_add_partition_to_txn(place)  # noqa: SLF001 – without a record in it
    if decision is Decision.COMMIT:
        await producer.commit_transaction()
    else:
        await producer.abort_transaction()
