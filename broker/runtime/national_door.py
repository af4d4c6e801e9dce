"""The door of the national event services, as this deployment has it."""

from broker.core.senders import Senders
from broker.ports import Clock, FactLog
from broker.runtime.asking import Source
from broker.runtime.metrics import NATIONAL_EVENTS, Metrics
from broker.runtime.parts import Parts, admits
from broker.runtime.settings import Settings
from broker.services.mesh_inbox import Handler
from broker.services.mesh_notices import MeshNotices
from broker.services.national_door import NationalDoor
from broker.services.national_events import NationalEvents
from broker.services.rejections import Rejections
from broker.services.tracing import ANSWER_SECONDS
from broker.wire.http import Operation


def national_events(
    settings: Settings,
    parts: Parts,
    facts: FactLog,
    *,
    source: Source | None,
    clock: Clock,
    metrics: Metrics,
) -> NationalEvents:
    """Return the use case of national events; `source` is asked what changed, where there is one."""
    return NationalEvents(
        facts,
        parts.facts,
        Rejections(parts.records, parts.key),
        source=None if source is None else source.demographics,
        key=parts.key,
        clock=clock,
        count=lambda outcome: metrics.add(NATIONAL_EVENTS, outcome=outcome),
        takes=admits(settings).takes,
        seconds=ANSWER_SECONDS if source is None else source.answer_seconds,
    )


def national_operations(events: NationalEvents, senders: Senders) -> tuple[Operation, ...]:
    """Return what the national services may ask over HTTP."""
    return NationalDoor(events, senders).operations()


def mesh_notices(events: NationalEvents, senders: Senders) -> dict[str, Handler]:
    """Return what handles their events over MESH, by workflow id."""
    mailboxes = senders.national_mailboxes
    return dict.fromkeys(mailboxes, MeshNotices(events, mailboxes))
