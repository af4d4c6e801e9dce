"""The door of the national event services, as this deployment has it."""

from broker.ports import Clock, Demographics, FactLog
from broker.runtime.metrics import NATIONAL_EVENTS, Metrics
from broker.runtime.parts import Parts, admits
from broker.runtime.settings import Settings
from broker.services.national_door import NationalDoor
from broker.services.national_events import NationalEvents
from broker.services.rejections import Rejections
from broker.wire.http import Operation


def national_operations(
    settings: Settings,
    parts: Parts,
    facts: FactLog,
    *,
    source: Demographics | None,
    clock: Clock,
    metrics: Metrics,
) -> tuple[Operation, ...]:
    """Return what the national services may ask; `source` is asked what changed, where there is one."""
    events = NationalEvents(
        facts,
        parts.facts,
        Rejections(parts.records, parts.key),
        source=source,
        key=parts.key,
        clock=clock,
        count=lambda outcome: metrics.add(NATIONAL_EVENTS, outcome=outcome),
        takes=admits(settings).takes,
    )
    return NationalDoor(events, parts.senders).operations()
