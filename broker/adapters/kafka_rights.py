"""
Which of the rights that we need the cluster does not give us, asked before anything begins.

A topic that we may not describe looks the same whether it exists or not: Kafka does not tell. A cluster that
says nothing of rights is taken to give them.
"""

from collections.abc import Iterable
from typing import Any, ClassVar

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    KafkaError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Int16, Int32, Schema, String

from broker.adapters.access_declarations import Grant, Kind, Operation
from broker.adapters.cluster import Cluster
from broker.adapters.kafka_clients import deadline
from broker.core.errors import KafkaNotAuthorized

ANSWER_MS = 10_000
_BITS = {Operation.READ: 3, Operation.WRITE: 4}  # in the answer's field of operations, by Kafka's numbers
_UNTOLD = -(2**31)  # the cluster says nothing of rights
_GROUP, _TRANSACTION = 0, 1  # kinds of coordinators


class _RightsResponse(Response):  # type: ignore[misc]  # aiokafka carries no type information
    """An answer to `_RightsRequest_v8`."""

    API_KEY = 3
    API_VERSION = 8
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            Array(("node_id", Int32), ("host", String("utf-8")), ("port", Int32), ("rack", String("utf-8"))),
        ),
        ("cluster_id", String("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            Array(
                ("error_code", Int16),
                ("topic", String("utf-8")),
                ("is_internal", Boolean),
                (
                    "partitions",
                    Array(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", Array(Int32)),
                        ("isr", Array(Int32)),
                        ("offline_replicas", Array(Int32)),
                    ),
                ),
                ("operations", Int32),
            ),
        ),
        ("cluster_operations", Int32),
    )


class _RightsStruct(RequestStruct):  # type: ignore[misc]  # aiokafka carries no type information
    """Metadata of topics with what we may do to each, which the client's own versions do not ask for."""

    API_KEY = 3
    API_VERSION = 8
    RESPONSE_TYPE = _RightsResponse
    SCHEMA = Schema(
        ("topics", Array(String("utf-8"))),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
    )


class _RightsRequest(Request[_RightsStruct]):  # type: ignore[misc]  # aiokafka carries no type information
    """Asks for the rights to these topics."""

    API_KEY: ClassVar[int] = 3

    def __init__(self, topics: list[str]) -> None:
        self._topics = topics

    def build(self, request_struct_class: Any) -> Any:
        """Return what is sent."""
        return request_struct_class(self._topics, False, False, True)


async def missing_rights(cluster: Cluster, needed: Iterable[Grant]) -> tuple[Grant, ...]:
    """
    Return those of the needed rights that the cluster does not give us, in their order.

    Of topics READ and WRITE may be asked for. A consumer group that is needed by its beginning only is not
    asked for. Raises `KafkaUnavailable`.
    """
    wanted = tuple(needed)
    admin = AIOKafkaAdminClient(**cluster.connection(), request_timeout_ms=ANSWER_MS)
    try:
        async with deadline(ANSWER_MS, "asking for our rights"):
            await admin.start()
            names = {grant.name for grant in wanted if grant.kind is Kind.TOPIC and not grant.prefixed}
            operations = await _operations(admin, sorted(names))
            lacking = [grant for grant in wanted if await _is_lacking(admin, grant, operations)]
    finally:
        await admin.close()
    return tuple(lacking)


async def prove_group(cluster: Cluster, group: str) -> None:
    """
    Return when we may join a consumer group; raise `KafkaNotAuthorized` when not, `KafkaUnavailable`.

    A Faust app that may not join waits for its group for ever and says nothing.
    """
    own = Grant("", Kind.GROUP, group, prefixed=False, operation=Operation.READ)
    if await missing_rights(cluster, [own]):
        raise KafkaNotAuthorized(f"this principal lacks {own}")


async def _operations(admin: Any, topics: list[str]) -> dict[str, int]:
    """Return a field of operations for each of these topics that we may see, and 0 for those we may not."""
    if not topics:
        return {}
    try:
        answer = (await admin._send_request(_RightsRequest(topics))).to_object()  # noqa: SLF001 – see above
    except NotImplementedError:  # the client's word for a cluster that does not know this version
        return {}
    hidden = TopicAuthorizationFailedError.errno
    return {
        topic["topic"]: 0 if topic["error_code"] == hidden else topic["operations"]
        for topic in answer["topics"]
        if topic["error_code"] in {0, hidden}
    }


async def _is_lacking(admin: Any, grant: Grant, operations: dict[str, int]) -> bool:
    """Tell whether the cluster would refuse what a grant allows."""
    match grant.kind:
        case Kind.TOPIC:
            field = operations.get(grant.name, _UNTOLD)
            return field != _UNTOLD and not field >> _BITS[grant.operation] & 1
        case Kind.GROUP:
            return not grant.prefixed and await _is_refused(admin, _GROUP, grant.name)
        case Kind.TRANSACTIONAL_ID:
            name = f"{grant.name}0" if grant.prefixed else grant.name
            return await _is_refused(admin, _TRANSACTION, name)
        case _:
            return False


async def _is_refused(admin: Any, kind: int, name: str) -> bool:
    """Tell whether the cluster refuses to name the coordinator of a group or of a transactional id."""
    try:
        await admin._client.coordinator_lookup(kind, name)  # noqa: SLF001 – the client has no public call
    except (GroupAuthorizationFailedError, TransactionalIdAuthorizationFailed):
        return True
    except KafkaError:  # it is being made, or away: not for us to judge here
        return False
    return False
