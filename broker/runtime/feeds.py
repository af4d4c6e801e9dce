"""Which authorities should send plans and how often, which a person has said to be live, how each stands."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from broker.adapters.cluster import Cluster
from broker.adapters.kafka_archive import KafkaArchive
from broker.core.feeds import FeedHealth, FeedRule, FeedState
from broker.core.identifiers import london_day
from broker.ports import Clock
from broker.runtime.parts import Parts, present
from broker.runtime.settings import Settings
from broker.runtime.topics import declared_topics
from broker.services.feed_door import ReadFeeds
from broker.services.feed_health import FeedsReport

_PERCENT = 100


def feed_rule(settings: Settings, parts: Parts, at: datetime) -> FeedRule:
    """
    Return by what feeds are judged at a moment (aware).

    Expected are those with a topic of their own and those that the list has open; whoever has said something
    of an authority in the file of senders has said whether its feed is live (R20).
    """
    topics, day = declared_topics(settings.topics_file), london_day(at)
    opened = parts.authorities.open_on(day)
    closed = {code for code, row in parts.authorities.rows.items() if row.is_closed(day)}
    return FeedRule(
        stale_after=timedelta(hours=settings.feed_stale_hours),
        gate=settings.feed_gate_percent / _PERCENT,
        expected=(topics.local_authorities | opened) - closed,
        live=frozenset(
            code for code, said in parts.senders.authorities.items() if said.feed is FeedState.LIVE
        ),
        closed=frozenset(closed),
    )


def feed_reader(settings: Settings, parts: Parts, cluster: Cluster, *, clock: Clock = present) -> ReadFeeds:
    """Return what reads how every feed stands now, over a connection of its own each time."""

    async def read() -> Sequence[FeedHealth]:
        """Read; raise `KafkaUnavailable` or `TopicMissing`."""
        archive, now = KafkaArchive(cluster), clock()
        try:
            await archive.start()
            rule = feed_rule(settings, parts, now)
            return await FeedsReport(archive, parts.feeds, parts.records, rule).read(now)
        finally:
            await archive.close()

    return read
