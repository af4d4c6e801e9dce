"""
Providers' own topics beside the other doors of intake: taken from for as long as the role runs.

Knows that each trouble is told once, and that trying again is all there is to do about it.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from broker.adapters.cluster import Cluster
from broker.adapters.kafka_offers import KafkaOffers
from broker.core.errors import BrokerError, KafkaUnavailable, StorageUnusable
from broker.core.identifiers import OdsCode
from broker.core.senders import Sender
from broker.ports import Offers
from broker.runtime import log_events as events
from broker.runtime.logs import Log
from broker.runtime.metrics import Metrics
from broker.runtime.sender_metrics import RECORDS_LOST
from broker.runtime.settings import Settings
from broker.runtime.topics import declared_topics
from broker.services.intake import Intake
from broker.services.offers import TakingOffers

_PAUSE_SECONDS = 1.0  # as long as senders are refused after the cluster is back


@dataclass(frozen=True, slots=True, kw_only=True)
class Inward:
    """
    The topics that providers write to: whose each is, and what opens them.

    `opening` takes what is to hear that topics were handed out, and of so many records of a topic that were
    forgotten before anybody took them.
    """

    owners: Mapping[str, OdsCode]
    opening: Callable[[Callable[[], None], Callable[[str, int], None]], Offers]


def inward(settings: Settings, cluster: Cluster) -> Inward | None:
    """Return the topics that the topics file lets providers write to, None where there are none."""
    owners = declared_topics(settings.topics_file).written
    if not owners:
        return None
    group = f"{settings.application_id}-attendances"
    return Inward(
        owners=owners,
        opening=lambda assigned, lost: KafkaOffers(
            cluster, owners, group=group, on_assigned=assigned, on_lost=lost
        ),
    )


class ProviderTopics:
    """Takes from them until cancelled; `suspect` is told whenever another process may have taken before."""

    def __init__(
        self,
        topics: Inward,
        intake: Intake,
        *,
        settled: Callable[[OdsCode, str], Sender],
        suspect: Callable[[], None],
        count: Callable[[str], None],
        metrics: Metrics,
        log: Log,
    ) -> None:
        """Take nothing yet."""
        self._metrics = metrics
        self._log = log
        self._told = ""
        self._ended = False
        self._offers = topics.opening(suspect, self._lost)
        self._taking = TakingOffers(self._offers, intake, topics.owners, settled=settled, count=count)

    async def run(self) -> None:
        """Take until `close`."""
        try:
            while not self._ended:
                await self._take()
        finally:
            await self._offers.close()

    async def close(self) -> None:
        """Give the topics back to whoever else takes from them."""
        self._ended = True
        await self._offers.close()

    async def _take(self) -> None:
        """Take once; where that cannot be done, say so and wait a moment."""
        try:
            await self._taking.take()
        except (KafkaUnavailable, StorageUnusable) as error:
            if not self._ended:  # a connection that is given back breaks what is under way
                self._tell(error)
                await asyncio.sleep(_PAUSE_SECONDS)
        else:
            self._told = ""

    def _tell(self, error: BrokerError) -> None:
        """Log a trouble, once until something could be taken again."""
        if self._told != str(error):
            self._told = str(error)
            self._log.write(events.ProviderTopicsWait(error=error))

    def _lost(self, topic: str, count: int) -> None:
        """Tell that records were forgotten before anybody took them."""
        self._metrics.add(RECORDS_LOST, count)
        self._log.write(events.RecordsLostUntaken(topic=topic, count=count))
