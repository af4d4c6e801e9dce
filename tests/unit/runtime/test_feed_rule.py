"""By what feeds are judged: who is expected to send, and who is said to be live (R18, R20)."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from broker.core.answers import Feeds
from broker.core.destinations import Authority
from broker.core.errors import KafkaUnavailable
from broker.core.feeds import FeedHealth, FeedState, count, health, notices
from broker.core.identifiers import OdsCode
from broker.core.senders import Senders
from broker.runtime.feeds import feed_rule, kept_for
from broker.runtime.parts import assemble
from broker.runtime.settings import Settings
from broker.runtime.topics import declared_topics
from tests.tools.stale_docs import REPOSITORY

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LIVE = OdsCode("E99")


def test_a_live_feed_of_which_nothing_is_remembered_is_stale_wherever_else_it_is_listed(
    tmp_path: Path,
) -> None:
    """Neither a topic of its own nor the list of authorities names it: silence is no health (R18)."""
    settings = Settings(data_dir=tmp_path)
    said = Senders(authorities={LIVE: Authority(feed=FeedState.LIVE)})
    parts = replace(assemble(settings), senders=said)
    rule = feed_rule(settings, parts, NOON)

    assert LIVE in rule.expected
    assert [LIVE] == [one.authority for one in notices(health([], {}, NOON, rule), NOON)]


def test_an_authority_that_left_is_awaited_by_nobody(tmp_path: Path) -> None:
    """By a person's word, where nobody succeeds it, whatever else says that it is expected (R18)."""
    settings = Settings(data_dir=tmp_path)
    topics = declared_topics(None)
    gone = min(topics.local_authorities)
    parts = assemble(settings)
    said = replace(parts, senders=Senders(authorities={gone: Authority(feed=FeedState.CLOSED)}))
    rule = feed_rule(settings, said, NOON, topics=topics)
    feeds = health([], {gone: NOON - timedelta(days=90)}, NOON, rule)
    [feed] = [one for one in feeds if one.authority == gone]

    assert gone in feed_rule(settings, parts, NOON, topics=topics).expected
    assert (FeedState.CLOSED, False) == (feed.state, feed.stale)


def test_nobody_reads_that_the_canarys_plan_is_stale(tmp_path: Path) -> None:
    """It is loaded once: every answer would count it as stale for ever (R18, rulings 27, 41)."""
    settings = Settings(data_dir=tmp_path, canary_provider="ZZC", canary_authority="211")
    canary, topics = OdsCode("211"), declared_topics(None)
    rule = feed_rule(settings, assemble(settings), NOON, topics=topics)
    heard = dict.fromkeys(topics.local_authorities, NOON - timedelta(days=90))

    assert canary in topics.local_authorities
    others = len(topics.local_authorities) - 1
    assert Feeds(known=others, stale=others) == count(heard, NOON, rule)


def test_an_authority_of_the_list_is_no_canary(tmp_path: Path) -> None:
    """Named by mistake, it would fall silent, and no answer would say so (rulings 27, 41)."""
    listed = REPOSITORY / "deploy" / "reference" / "authorities.csv"
    settings = Settings(data_dir=tmp_path, canary_authority="211", authorities_file=listed)
    rule = feed_rule(settings, assemble(settings), NOON)

    assert OdsCode("211") in rule.expected
    assert rule.is_stale(OdsCode("211"), NOON - timedelta(days=90), NOON)


def test_feeds_are_read_every_few_seconds_however_often_they_are_asked_for() -> None:
    """Whoever asks without end holds up no door; a clock that was set back and a fault are read past."""
    now, faults = NOON, [KafkaUnavailable()]
    read: list[datetime] = []

    async def feeds() -> Sequence[FeedHealth]:
        """Fail once, then count."""
        if faults:
            raise faults.pop()
        read.append(now)
        return ()

    ask = kept_for(timedelta(seconds=5), feeds, lambda: now)
    with pytest.raises(KafkaUnavailable):
        asyncio.run(ask())
    for seconds in (0, 4, 5, 9, 2):
        now = NOON + timedelta(seconds=seconds)
        asyncio.run(ask())

    assert [0, 5, 2] == [(at - NOON).seconds for at in read]


def test_feeds_are_judged_by_the_topics_that_are_given(tmp_path: Path) -> None:
    """Whoever has read them needs the file no more: one that is being changed stops nobody."""
    topics = declared_topics(None)
    settings = Settings(data_dir=tmp_path, topics_file=tmp_path / "gone.toml")
    parts = assemble(Settings(data_dir=tmp_path))

    assert topics.local_authorities <= feed_rule(settings, parts, NOON, topics=topics).expected
