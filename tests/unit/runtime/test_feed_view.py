"""The outbox's view of the feeds: gauges, and when each authority was last heard of."""

from datetime import datetime, timedelta

from broker.adapters.memory import MemoryKafka
from broker.core.feeds import NEVER_TAKEN, FeedRule
from broker.core.identifiers import OdsCode
from broker.ports import Record, Topic, Write
from broker.runtime.codecs import load_schemas
from broker.runtime.feed_metrics import FEED_AGE, FEED_MATCHED, FEED_REFUSED, FEED_STALE, FEED_WAITING
from broker.runtime.feed_view import FeedView
from broker.runtime.metrics import Metrics
from broker.wire.feed_codec import FeedCodec
from tests.builders.feeds import NOON, OURS, taken

CODEC = FeedCodec(load_schemas())
SILENT = OdsCode("204")
RULE = FeedRule(stale_after=timedelta(hours=48), gate=0.95, expected=frozenset({SILENT}))


def record(*, at: datetime = NOON, codes: dict[str, int] | None = None) -> Record:
    """Return the record of a file that was taken."""
    codes = {"CPR06": 3, "CPR01": 1} if codes is None else codes
    file = taken(codes, at=at, code="CPF03")
    kafka = MemoryKafka()
    kafka.append([Write(Topic.FEEDS, b"211", CODEC.encode_file(file))])
    return kafka.read(Topic.FEEDS)[0]


def test_the_gauges_say_how_every_feed_stands() -> None:
    """Of a feed that never came there is no age and no share: neither is nought (R18, R20)."""
    view, metrics = FeedView(CODEC), Metrics()
    view.take(record())
    view.measure(metrics, NOON + timedelta(hours=1), RULE)

    ours, silent = {"authority": "211"}, {"authority": "204"}
    assert 0 == metrics.value(FEED_STALE, state="in trial", **ours)
    assert 3_600 == metrics.value(FEED_AGE, **ours)
    assert 0.75 == metrics.value(FEED_MATCHED, **ours)
    assert 1 == metrics.value(FEED_WAITING, code="CPR01", **ours)
    assert 1 == metrics.value(FEED_REFUSED, **ours)
    assert 1 == metrics.value(FEED_STALE, state="in trial", **silent)
    assert [None, None] == [metrics.value(FEED_AGE, **silent), metrics.value(FEED_MATCHED, **silent)]


def test_what_is_read_anew_is_not_counted_twice() -> None:
    """After a fault the topic is read from its beginning; when an authority was heard of stays known."""
    view, metrics = FeedView(CODEC), Metrics()
    view.take(record())
    view.begin()

    assert {OURS: NOON} == view.last
    view.take(record())
    view.measure(metrics, NOON, RULE)
    assert 0.75 == metrics.value(FEED_MATCHED, authority="211")


def test_files_that_no_health_goes_by_are_forgotten() -> None:
    """What an outbox holds has a bound: 40 days back from the newest; a foreign record changes nothing."""
    view = FeedView(CODEC)
    foreign = MemoryKafka()
    foreign.append([Write(Topic.FEEDS, b"211", b"\x00\x00")])
    for days in (0, 39, 40):
        view.take(record(at=NOON + timedelta(days=days), codes={"CPR06": 1}))
    view.take(foreign.read(Topic.FEEDS)[0])
    assert 3 == sum(len(own) for own in view._files.values())

    view.take(record(at=NOON + timedelta(days=41), codes={"CPR06": 1}))
    assert 3 == sum(len(own) for own in view._files.values())
    assert NOON + timedelta(days=41) == view.last[OURS]


def test_of_one_authority_no_more_than_the_newest_files_are_held() -> None:
    """One that sends each record as a file of its own neither fills the outbox nor holds it up."""
    view = FeedView(CODEC)
    for seconds in range(501):
        view.take(record(at=NOON + timedelta(seconds=seconds)))

    [times] = [[at for _, at in own] for own in view._files.values()]
    assert (500, NOON + timedelta(seconds=1)) == (len(times), min(times))
    assert NOON + timedelta(seconds=500) == view.last[OURS]


def test_how_old_plans_are_is_not_said_before_the_topic_was_read_whole() -> None:
    """An authority that was not read yet would be called silent (C7)."""
    view = FeedView(CODEC)
    ages = view.ages(timedelta(hours=48), {})
    assert ages.words(SILENT, NOON) is None

    view.take(record())
    view.caught_up()
    assert "last file of this authority 1 h ago" == ages.words(OURS, NOON + timedelta(hours=1))
    assert NEVER_TAKEN == ages.words(SILENT, NOON)
