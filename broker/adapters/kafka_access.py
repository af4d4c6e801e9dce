"""
Make a cluster's access lists be as they are declared: grant what is missing, tell what else is granted.

Knows Kafka's numbers for kinds, patterns and operations. Takes a grant away only when asked to.
"""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    BrokerResponseError,
    ClusterAuthorizationFailedError,
    for_code,
)
from aiokafka.protocol.admin import CreateAclsRequest, DeleteAclsRequest, DescribeAclsRequest

from broker.adapters.access_declarations import Access, Grant, Kind, Operation
from broker.adapters.cluster import Cluster
from broker.adapters.kafka_admission import explained
from broker.adapters.kafka_clients import deadline
from broker.core.errors import AccessRefused, KafkaNotAuthorized

_ANSWER_MS = 10_000
_ANY = 1
_LITERAL, _PREFIXED = 3, 4
_ALLOW = 3
_EVERYWHERE = "*"  # from whatever address
_EVERYTHING = "*"  # the name that stands for every resource of its kind
_KINDS = {2: Kind.TOPIC, 3: Kind.GROUP, 4: Kind.CLUSTER, 5: Kind.TRANSACTIONAL_ID}
_OPERATIONS = {
    2: Operation.ALL,
    3: Operation.READ,
    4: Operation.WRITE,
    5: Operation.CREATE,
    6: Operation.DELETE,
    7: Operation.ALTER,
    8: Operation.DESCRIBE,
    9: Operation.CLUSTER_ACTION,
    10: Operation.DESCRIBE_CONFIGS,
    11: Operation.ALTER_CONFIGS,
    12: Operation.IDEMPOTENT_WRITE,
}
_KIND_NUMBERS = {kind: number for number, kind in _KINDS.items()}
_OPERATION_NUMBERS = {operation: number for number, operation in _OPERATIONS.items()}
_OUR_TOPICS = "cpis."
_USER = "User:"
_SECURITY_DISABLED = 54


class Binding(NamedTuple):
    """An entry of a cluster's access lists, in Kafka's numbers and words."""

    kind: int
    name: str
    pattern: int
    principal: str
    host: str
    operation: int
    permission: int

    def __str__(self) -> str:
        """Return the entry as a sentence has it."""
        operation = _OPERATIONS.get(self.operation)
        kind = _KINDS.get(self.kind)
        return (
            f"{self.principal} {'may' if self.permission == _ALLOW else 'may not'} "
            f"{operation.name if operation else f'operation {self.operation}'} on "
            f"{kind or f'resource {self.kind}'} {self.name}{'*' if self.pattern == _PREFIXED else ''}"
            f"{'' if self.host == _EVERYWHERE else f' from {self.host}'}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessReport:
    """What was granted, what had been, and what is granted and not declared, which `removed` took away."""

    granted: tuple[Grant, ...]
    unchanged: tuple[Grant, ...]
    undeclared: tuple[Binding, ...]
    removed: bool


async def apply_access(cluster: Cluster, access: Access, *, remove: bool = False) -> AccessReport:
    """
    Grant what is declared and missing; doing it twice is doing it once.

    `undeclared` holds every other entry that is about us: of a declared user, or on our topics, groups and
    transactional ids, by whatever pattern. With `remove` these are taken away, after the granting. Raises
    `AccessRefused` when the cluster takes no access lists, `KafkaNotAuthorized` when we may not alter them,
    `KafkaUnavailable`.
    """
    wanted = {binding_of(grant): grant for grant in access.grants}
    async with _admin(cluster) as admin:
        found = await _found(admin)
        missing = [binding for binding in wanted if binding not in found]
        for binding in missing:
            await _change(admin, CreateAclsRequest, binding, "granting a right")
        undeclared = sorted(
            binding for binding in found if binding not in wanted and _concerns(binding, access)
        )
        if remove:
            for binding in undeclared:
                await _change(admin, DeleteAclsRequest, binding, "taking a right away")
    return AccessReport(
        granted=tuple(wanted[binding] for binding in missing),
        unchanged=tuple(grant for binding, grant in wanted.items() if binding in found),
        undeclared=tuple(undeclared),
        removed=remove,
    )


def binding_of(grant: Grant) -> Binding:
    """Return a grant as Kafka has it."""
    return Binding(
        _KIND_NUMBERS[grant.kind],
        grant.name,
        _PREFIXED if grant.prefixed else _LITERAL,
        f"{_USER}{grant.user}",
        _EVERYWHERE,
        _OPERATION_NUMBERS[grant.operation],
        _ALLOW,
    )


def _concerns(binding: Binding, access: Access) -> bool:
    """Tell whether an entry is about one of our users or one of our resources."""
    if binding.principal.removeprefix(_USER) in {principal.user for principal in access}:
        return True
    ours = _OUR_TOPICS if _KINDS.get(binding.kind) is Kind.TOPIC else f"{access.application}-"
    if _KINDS.get(binding.kind) not in {Kind.TOPIC, Kind.GROUP, Kind.TRANSACTIONAL_ID}:
        return False
    return (
        binding.name == _EVERYTHING
        or binding.name.startswith(ours)
        or (binding.pattern == _PREFIXED and ours.startswith(binding.name))
    )


@asynccontextmanager
async def _admin(cluster: Cluster) -> AsyncIterator[Any]:
    """Lend an administration client."""
    admin = AIOKafkaAdminClient(**cluster.connection(), request_timeout_ms=_ANSWER_MS)
    try:
        async with explained(cluster):
            async with deadline(_ANSWER_MS, "connecting"):
                await admin.start()
            yield admin
    finally:
        await admin.close()


async def _found(admin: Any) -> frozenset[Binding]:
    """Return every entry of the cluster's access lists."""
    request = DescribeAclsRequest(_ANY, None, _ANY, None, None, _ANY, _ANY)
    async with deadline(_ANSWER_MS, "reading the access lists"):
        answer = (await admin._send_request(request)).to_object()  # noqa: SLF001 – no public call asks this
        _refuse(answer["error_code"], answer["error_message"], "DESCRIBE")
    return frozenset(
        Binding(
            resource["resource_type"],
            resource["resource_name"],
            resource["resource_pattern_type"],
            entry["principal"],
            entry["host"],
            entry["operation"],
            entry["permission_type"],
        )
        for resource in answer["resources"]
        for entry in resource["acls"]
    )


async def _change(admin: Any, request: Any, binding: Binding, doing: str) -> None:
    """Make or remove one entry."""
    async with deadline(_ANSWER_MS, doing):
        answer = (await admin._send_request(request(*binding))).to_object()  # noqa: SLF001 – as above
        for response in answer.get("creation_responses") or answer.get("filter_responses", ()):
            _refuse(response["error_code"], response["error_message"], "ALTER")


def _refuse(code: int, words: str | None, operation: str) -> None:
    """Raise what an error code means; 0 is none."""
    if code == ClusterAuthorizationFailedError.errno:
        raise KafkaNotAuthorized(f"this principal lacks {operation} on the cluster")
    if code == _SECURITY_DISABLED:
        raise AccessRefused("this cluster has no authorizer: everybody may do everything on it")
    if code:
        error = for_code(code)
        name = error.__name__ if issubclass(error, BrokerResponseError) else str(code)
        raise AccessRefused(f"Kafka refuses: {words or name}")


def kafka_acls_lines(grants: Iterable[Grant]) -> list[str]:
    """Return the grants as lines of Kafka's own tool; the address and who asks are to be added."""
    return [
        f"kafka-acls --add --allow-principal {_USER}{grant.user} --operation {grant.operation} "
        f"--{grant.kind} '{grant.name}'"
        f"{' --resource-pattern-type prefixed' if grant.prefixed else ''}"
        for grant in grants
    ]
