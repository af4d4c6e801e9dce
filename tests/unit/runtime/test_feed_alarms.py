"""A stale feed is told to its authority in its inbox, once a day (R18)."""

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from broker.adapters.projection import Projection
from broker.core.feeds import FeedRule, health, notices
from broker.runtime.codecs import load_schemas
from broker.runtime.feed_alarms import KIND, FeedAlarms
from broker.runtime.logs import Log
from broker.wire.feed_codec import FeedCodec
from tests.builders.feeds import NOON, taken
from tests.builders.matcher import KEY

CODEC = FeedCodec(load_schemas())
DAY = timedelta(days=1)
RULE = FeedRule(stale_after=2 * DAY, gate=0.95)
FILE = taken()


@pytest.fixture
def projection(tmp_path: Path) -> Iterator[Projection]:
    """Lend a new inbox database."""
    opened = Projection(f"sqlite:///{tmp_path / 'broker.sqlite'}")
    yield opened
    opened.close()


def look(projection: Projection, *moments: datetime) -> None:
    """Look at the feed at these moments, each with an outbox of its own."""
    for at in moments:
        alarms = FeedAlarms(CODEC, KEY, Log("outbox"))
        asyncio.run(alarms.look(projection, health([FILE], {}, at, RULE), at))


def test_the_inbox_of_a_stale_feeds_authority_says_so_once_a_day(projection: Projection) -> None:
    """Whatever restarts, and however often it is looked: one row a day, loud, with what to do (R18)."""
    stale = NOON + 3 * DAY
    look(projection, NOON + DAY, stale, stale + timedelta(hours=1), stale + DAY)

    rows = projection.inbox("la.211")
    assert [(1, KIND, True), (2, KIND, True)] == [
        (row.number, row.event.kind, row.event.loud) for row in rows
    ]
    [expected] = notices(health([FILE], {}, stale, RULE), stale)
    assert expected == CODEC.decode_notice(rows[0].event.body)
    assert [] == projection.inbox("la.204")
