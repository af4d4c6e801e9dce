"""Which authorities should send plans and how often, which a person has said to be live, how each stands."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from broker.adapters.cluster import Cluster
from broker.adapters.kafka_archive import KafkaArchive
from broker.adapters.topic_declarations import Topics
from broker.core.feeds import FeedHealth, FeedRule, FeedState
from broker.core.identifiers import OdsCode, london_day
from broker.core.senders import Senders
from broker.ports import Clock
from broker.runtime.parts import Parts, present
from broker.runtime.settings import Settings
from broker.runtime.topics import declared_topics
from broker.services.feed_door import ReadFeeds
from broker.services.feed_health import FeedsReport

_PERCENT = 100


def agreed_with(senders: Senders) -> Mapping[OdsCode, timedelta]:
    """Return after how long the feeds are stale of those with whom a time of their own is agreed (R18)."""
    said = senders.authorities.items()
    return {code: timedelta(hours=one.stale_hours) for code, one in said if one.stale_hours is not None}


def feed_rule(settings: Settings, parts: Parts, at: datetime, *, topics: Topics | None = None) -> FeedRule:
    """
    Return by what feeds are judged at a moment (aware); `topics` are those declared, read unless given.

    Expected are those with a topic of their own, those that the list has open and those said to be live;
    whoever has said something of an authority in the file of senders has said whether its feed is live (R20),
    or that it has left and nobody has taken over. Of the canary's authority no file is awaited, but where it
    stands in the list it is a real one.
    """
    topics, day = topics or declared_topics(settings.topics_file), london_day(at)
    opened = parts.authorities.open_on(day)
    said = parts.senders.authorities.items()
    closed = {code for code, row in parts.authorities.rows.items() if row.is_closed(day)}
    closed |= {code for code, one in said if one.feed is FeedState.CLOSED}
    canary = settings.canary - parts.authorities.rows.keys()
    closed |= canary  # its one plan is loaded once: nobody is to read that it is stale
    live = frozenset(code for code, one in said if one.feed is FeedState.LIVE)
    return FeedRule(
        stale_after=timedelta(hours=settings.feed_stale_hours),
        gate=settings.feed_gate_percent / _PERCENT,
        agreed=agreed_with(parts.senders),
        expected=(topics.local_authorities | opened | live) - closed,
        live=live,
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


def kept_for(span: timedelta, read: ReadFeeds, clock: Clock) -> ReadFeeds:
    """
    Return what reads anew once what was read is as old as a span; what fails is read again at once.

    Each reading goes through two topics: somebody who asks without end holds up no door.
    """
    kept: tuple[datetime, Sequence[FeedHealth]] | None = None

    async def read_or_kept() -> Sequence[FeedHealth]:
        """Return what was read lately, else what is read now."""
        nonlocal kept
        now = clock()
        if kept is None or not timedelta(0) <= now - kept[0] < span:
            kept = now, await read()
        return kept[1]

    return read_or_kept
