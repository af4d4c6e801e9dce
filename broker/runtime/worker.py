"""
One process of the broker: the roles it was asked for, started together, stopped together.

Knows which role needs what. A role that crashes takes the process with it: whoever supervises it sees that.
"""

import asyncio
import gc
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from mode import Service

from broker.adapters.cluster import Cluster
from broker.adapters.kafka_facts import KafkaFactLog
from broker.core.errors import BrokerError, RoleFailed
from broker.ports import Clock, Topic
from broker.runtime import log_events as events
from broker.runtime.access import needed
from broker.runtime.destinations import routes
from broker.runtime.door_tls import door_tls
from broker.runtime.fact_log import fact_log
from broker.runtime.lawful_basis_file import check_lawful_basis
from broker.runtime.logs import Log
from broker.runtime.metrics import Metrics
from broker.runtime.operators import operating
from broker.runtime.parts import Parts, assemble, present
from broker.runtime.pds import pds_address
from broker.runtime.preflight import check_cluster, check_doors, check_storage
from broker.runtime.registry import registered_ids
from broker.runtime.senders_file import read_senders
from broker.runtime.settings import Door, Settings

_ALLOCATIONS_PER_COLLECTION = 100_000
"""Records are many, live shortly and form no cycles: looking for garbage at Python's 700 halves the rate."""


class Role(StrEnum):
    """What a process can be asked to do."""

    INTAKE = "intake"
    MATCHER = "matcher"
    OUTBOX = "outbox"


class Worker(Service):  # type: ignore[misc]  # mode carries no type information
    """The root of the services of one process; `services` are its roles by name."""

    def __init__(self, services: dict[Role, Any], **options: Any) -> None:
        self.services = services
        super().__init__(**options)

    def on_init_dependencies(self) -> list[Any]:
        """Return the roles in the order in which they start; they stop in the reverse one."""
        return list(self.services.values())


@asynccontextmanager
async def working(
    settings: Settings,
    roles: Sequence[Role] = tuple(Role),
    *,
    parts: Parts | None = None,
    clock: Clock = present,
    metrics: Metrics | None = None,
) -> AsyncIterator[Worker]:
    """
    Lend a running worker with these roles on the cluster of the settings; it is stopped at the end.

    `metrics` is where the roles count, one of their own without it. While the worker works Python looks for
    no garbage in what was there before: one look at all modules and schemas holds the event loop for 80 ms.
    """
    cluster = settings.require_cluster()
    parts = parts or await _parts(settings, roles)
    settings.make_data_dir()
    shared = _Shared(
        settings=settings,
        parts=parts,
        cluster=cluster,
        facts=fact_log(settings),
        clock=clock,
        metrics=metrics or Metrics(),
    )
    facts = shared.facts
    worker = Worker({role: _service(role, shared) for role in Role if role in roles})
    try:
        await facts.start()
        await worker.start()
        gc.freeze()
        yield worker
    finally:
        gc.unfreeze()
        await worker.stop()
        await facts.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shared:
    """What the roles of one process share."""

    settings: Settings
    parts: Parts
    cluster: Cluster
    facts: KafkaFactLog
    clock: Clock
    metrics: Metrics


async def _parts(settings: Settings, roles: Sequence[Role]) -> Parts:
    """Return what the roles share; only the matcher writes to recipients and asks a schema registry."""
    return assemble(settings, registered=await registered_ids(settings) if Role.MATCHER in roles else None)


def _service(role: Role, shared: _Shared) -> Any:
    """Return the service of a role, importing only what it needs."""
    match role:
        case Role.INTAKE:
            from broker.adapters.kafka_tail import KafkaInputTail
            from broker.adapters.kafka_turn import KafkaTurn
            from broker.runtime.intake_role import IntakeRole
            from broker.runtime.la_feeds import LaFeeds
            from broker.runtime.mesh import mesh_group
            from broker.runtime.pds import source
            from broker.runtime.provider_topics import inward
            from broker.runtime.retrying import kept_on

            return IntakeRole(
                shared.settings,
                shared.parts,
                facts=shared.facts,
                tail=KafkaInputTail(shared.cluster, Topic.ATTENDANCES),
                clock=shared.clock,
                kept=KafkaInputTail(shared.cluster, Topic.REJECTED),
                notices=KafkaInputTail(shared.cluster, Topic.IDENTITY),
                refusing=lambda: shared.facts.refusing,
                source=source(shared.settings, shared.cluster, clock=shared.clock, metrics=shared.metrics),
                lend=kept_on(shared.cluster),
                inward=inward(shared.settings, shared.cluster),
                feeds=LaFeeds(
                    shared.settings,
                    shared.parts,
                    shared.cluster,
                    clock=shared.clock,
                    metrics=shared.metrics,
                ),
                mesh_turn=KafkaTurn(shared.cluster, mesh_group(shared.settings)),
                metrics=shared.metrics,
            )
        case Role.MATCHER:
            from broker.runtime.matcher_role import MatcherRole

            return MatcherRole(shared.settings, shared.parts, shared.cluster, metrics=shared.metrics)
        case Role.OUTBOX:
            from broker.runtime.outbox_role import OutboxRole

            return OutboxRole(
                shared.settings, shared.parts, shared.cluster, shared.facts, metrics=shared.metrics
            )


def collect_rarely() -> None:
    """Let Python look for garbage as rarely as suits a process that handles records."""
    gc.set_threshold(_ALLOCATIONS_PER_COLLECTION, *gc.get_threshold()[1:])


async def serve(settings: Settings, roles: Sequence[Role] = tuple(Role)) -> None:
    """
    Work until SIGTERM or SIGINT, with the operators' port open from before the first role to after the last.

    Raises the error that crashed a role when it is one of ours, `RoleFailed` for any other.
    """
    collect_rarely()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    parts = await _proved(settings, roles, stop)
    if parts is None:
        return
    metrics = Metrics()
    async with (
        operating(settings, metrics) as operators,
        working(settings, roles, parts=parts, metrics=metrics) as worker,
    ):
        operators.roles = {role.value: service for role, service in worker.services.items()}
        Log().write(events.Ready(count=len(roles)))
        await worker.wait(stop.wait())
        crash = worker.crash_reason
    if isinstance(crash, BrokerError):
        raise crash
    if crash is not None:
        raise RoleFailed from crash


async def _proved(settings: Settings, roles: Sequence[Role], stop: asyncio.Event) -> Parts | None:
    """Look at everything before anything begins, cheap things first; return None when told to stop."""
    cluster = settings.require_cluster()
    if Role.INTAKE in roles:
        door_tls(settings, read_senders(settings.senders_file))
        pds_address(settings)
    if Role.OUTBOX in roles:
        routes(settings, read_senders(settings.senders_file))
    intake = Role.INTAKE in roles
    database = Role.OUTBOX in roles or (intake and settings.mesh_url is not None)
    await check_storage(settings, drop_folder=intake, database=database)
    doors: list[Door] = ["ops"]
    if intake:
        doors += ["mllp"] if settings.http_port is None else ["mllp", "http"]
    await check_doors(settings, doors)
    parts = await _parts(settings, roles)
    if Role.MATCHER in roles:
        check_lawful_basis(settings)
    checking = asyncio.ensure_future(
        check_cluster(
            settings,
            parts,
            cluster,
            patience_ms=settings.start_deadline_ms,
            needed=needed(settings, roles),
        )
    )
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({checking, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if checking.done():
            checking.result()
        return None if stop.is_set() else parts
    finally:
        checking.cancel()
        stopping.cancel()
        await asyncio.wait({checking, stopping})
