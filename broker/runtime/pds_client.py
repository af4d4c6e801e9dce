"""The client of the demographic source, and who hears how it does: the metrics and the log."""

from broker.adapters.pds_address import PdsAddress
from broker.adapters.pds_fhir import PdsFhir, PdsWatch
from broker.core.source_pace import Trouble
from broker.ports import Clock
from broker.runtime import pds_events as events
from broker.runtime.logs import Log
from broker.runtime.metrics import Metrics
from broker.runtime.pds_metrics import SOURCE_AWAY, SOURCE_QUESTIONS, SOURCE_SECONDS


def pds_source(address: PdsAddress, *, clock: Clock, metrics: Metrics) -> PdsFhir:
    """Return the source at an address, which counts and logs how it does; to be closed by `close`."""
    log, unreadable = Log("intake"), [0]

    def answered(trouble: Trouble | None, seconds: float) -> None:
        """Count a question."""
        metrics.add(SOURCE_QUESTIONS, outcome="answered" if trouble is None else trouble)
        metrics.observe(SOURCE_SECONDS, seconds)
        if trouble is Trouble.UNREADABLE:
            unreadable[0] += 1
            log.write(events.SourceUnreadable(count=unreadable[0]))

    def away(trouble: Trouble | None) -> None:
        """Tell that the source is away, or back."""
        metrics.set(SOURCE_AWAY, 0 if trouble is None else 1)
        log.write(events.SourceAnswers() if trouble is None else events.SourceAway(reason=trouble.value))

    metrics.set(SOURCE_AWAY, 0)
    return PdsFhir(address, clock=clock, watch=PdsWatch(answered=answered, away=away))
