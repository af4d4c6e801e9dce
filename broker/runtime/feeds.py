"""Which authorities should send plans, how often, and which of them a person has said to be live."""

from datetime import datetime, timedelta

from broker.core.feeds import FeedRule, FeedState
from broker.core.identifiers import london_day
from broker.runtime.parts import Parts
from broker.runtime.settings import Settings
from broker.runtime.topics import declared_topics

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
