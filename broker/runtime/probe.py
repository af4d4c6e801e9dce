"""
Sends the canary's visit through the whole path and looks out for it at each stage. Ruling 27.

Knows where each stage shows. What the user of the probe may not read on Kafka nobody looks at: that is said,
and is no failure.
"""

import ssl
import time
import uuid
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from broker.adapters.cluster import Cluster
from broker.adapters.kafka_sighting import Sighting, looking_out
from broker.adapters.mllp_client import MllpLine, Patience
from broker.core.alerts import RecipientKind
from broker.core.delivery import Fault
from broker.core.errors import (
    ConfigurationError,
    KafkaNotAuthorized,
    KafkaUnavailable,
    MalformedMessage,
)
from broker.core.identifiers import OdsCode
from broker.core.probing import Phase, Step, exit_code
from broker.ports import Record, Topic
from broker.runtime.parts import Parts, assemble, present
from broker.runtime.registry import registered_ids
from broker.runtime.settings import Settings
from broker.wire.acknowledgement import Verdict
from broker.wire.canary import canary_message
from broker.wire.hl7v2 import parse

T = TypeVar("T")

_NOT_CONNECTED = frozenset({Fault.AWAY, Fault.UNTRUSTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The door that is probed, how, and how many seconds each phase may take."""

    host: str
    port: int
    tls: ssl.SSLContext | None
    system: str
    seconds: float


class Probe:
    """One probe: `run` it once."""

    def __init__(self, settings: Settings, parts: Parts, cluster: Cluster, target: Target) -> None:
        """Raise `ConfigurationError` where no canary is named: nobody else may be told of what is sent."""
        if settings.canary_provider is None or settings.canary_authority is None:
            raise ConfigurationError(
                "CPIS_CANARY_PROVIDER and CPIS_CANARY_AUTHORITY are not set: a probe is sent as a provider, "
                "and told to an authority, that are reserved for tests"
            )
        self._provider = OdsCode(settings.canary_provider)
        self._live = settings.environment == "live"
        self._cluster = cluster
        self._target = target
        self._parts = parts
        self._visit = f"PROBE-{uuid.uuid4().hex}"
        self._at = present().replace(microsecond=0)
        self._began = time.monotonic()
        self._blind: dict[Phase, str] = {}

    async def run(self) -> list[Step]:
        """Return what became of each phase; after one that failed none is tried."""
        async with AsyncExitStack() as stack:
            log = await self._look_out(stack, Phase.DURABLE, Topic.ATTENDANCES)
            checks = await self._look_out(stack, Phase.PASSED, Topic.CHECKS)
            told = await self._look_out(stack, Phase.TOLD, f"{Topic.ALERTS}.provider.{self._provider}")
            self._began = time.monotonic()
            steps = await self._send()
            place = None
            if not exit_code(steps):
                place = await self._find(steps, Phase.DURABLE, log, self._in_log, "no record of it came")
            if not exit_code(steps):
                passed = partial(self._passed, place)
                await self._find(steps, Phase.PASSED, checks, passed, "no matcher took it")
            if not exit_code(steps):
                words = "nobody was told: is the canary's plan on file? Not"
                await self._find(steps, Phase.TOLD, told, self._told, words)
        return steps

    async def _look_out(self, stack: AsyncExitStack, phase: Phase, topic: str) -> Sighting | None:
        """Return a look-out on a topic, None where this user may not read it."""
        try:
            return await stack.enter_async_context(looking_out(self._cluster, topic))
        except KafkaNotAuthorized as error:
            self._blind[phase] = str(error)
            return None

    async def _send(self) -> list[Step]:
        """Send the message; return that it was connected and answered, or why not."""
        target = self._target
        patience = Patience(connect_seconds=target.seconds, answer_seconds=target.seconds)
        line = MllpLine(target.host, target.port, tls=target.tls, patience=patience)
        message = canary_message(
            self._provider, target.system, visit=self._visit, at=self._at, live=self._live
        )
        answer = await line.exchange(message)
        await line.drop()
        if isinstance(answer, Fault) and answer in _NOT_CONNECTED:
            return [Step(phase=Phase.CONNECTED, words=answer.value)]
        connected = self._reached(Phase.CONNECTED)
        if isinstance(answer, Fault):
            return [connected, Step(phase=Phase.ANSWERED, words=answer.value)]
        words = _refusal(answer)
        answered = Step(phase=Phase.ANSWERED, words=words) if words else self._reached(Phase.ANSWERED)
        return [connected, answered]

    async def _find(
        self,
        steps: list[Step],
        phase: Phase,
        sighting: Sighting | None,
        recognise: Callable[[Record], T | None],
        otherwise: str,
    ) -> T | None:
        """Look for a phase's record; add what became of it to `steps`, and return what was recognised."""
        if sighting is None:
            steps.append(Step(phase=phase, words=f"not looked at: {self._blind[phase]}", looked=False))
            return None
        try:
            found = await sighting.find(recognise, seconds=self._target.seconds)
        except KafkaUnavailable as error:
            steps.append(Step(phase=phase, words=str(error)))
            return None
        within = f"{otherwise} within {self._target.seconds:g} s"
        steps.append(Step(phase=phase, words=within) if found is None else self._reached(phase))
        return found

    def _reached(self, phase: Phase) -> Step:
        """Return that a phase is reached now."""
        return Step(phase=phase, seconds=time.monotonic() - self._began)

    def _in_log(self, record: Record) -> tuple[int, int] | None:
        """Return where the visit lies in the log, None for another record."""
        try:
            message = self._parts.facts.message_in_clear(record.value or b"")
        except MalformedMessage:
            return None
        ours = message.provider == self._provider and message.control_id == self._visit
        return (record.partition, record.offset) if ours else None

    def _passed(self, place: tuple[int, int] | None, record: Record) -> bool | None:
        """Return that a check mark of the canary's lies behind the visit; where none knows, any mark does."""
        try:
            mark = self._parts.records.decode_mark(record.value or b"")
        except MalformedMessage:
            return None
        if (mark.sender.kind, mark.sender.code) != (RecipientKind.PROVIDER, self._provider):
            return None
        return True if place is None or (mark.partition == place[0] and mark.offset > place[1]) else None

    def _told(self, record: Record) -> bool | None:
        """Return that an event is about the visit: by its provider and its arrival."""
        try:
            visit = self._parts.alerts.decode_published(record.value or b"").event.alert.visit
        except MalformedMessage:
            return None
        ours = visit is not None and (visit.provider, visit.arrived_at) == (self._provider, self._at)
        return True if ours else None


async def probe(settings: Settings, cluster: Cluster, target: Target) -> list[Step]:
    """
    Return what became of each phase of a probe.

    Raises `ConfigurationError`, `TopicMissing` and `KafkaUnavailable`.
    """
    parts = assemble(settings, registered=await registered_ids(settings))
    return await Probe(settings, parts, cluster, target).run()


def _refusal(answer: bytes) -> str:
    """Return why an answer is no `AA`, empty where it is one."""
    try:
        message = parse(answer)
    except MalformedMessage:
        return Fault.ANSWER_UNREADABLE.value
    segment = message.first("MSA")
    code = None if segment is None else segment.field(1)
    if code == Verdict.ACCEPTED:
        return ""
    told = None if segment is None else segment.field(3)
    return f"{code} {told}" if isinstance(code, str) and isinstance(told, str) else f"answered {code}"
