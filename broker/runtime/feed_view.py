"""
How every feed stands as far as `cpis.feeds` was read, for gauges and for what is delivered meanwhile.

Keeps when something was last taken from each authority, and of its files those that its health goes by.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

from broker.core.feeds import FeedAges, FeedHealth, FeedRule, FileTaken, health, heard_of, last_taken, later
from broker.core.identifiers import OdsCode
from broker.ports import Record
from broker.runtime.feed_metrics import (
    FEED_AGE,
    FEED_MATCHED,
    FEED_REFUSED,
    FEED_STALE,
    FEED_WAITING,
)
from broker.runtime.metrics import Metrics
from broker.wire.feed_codec import FeedCodec

_KEPT = timedelta(days=40)  # of each authority's files, back from its newest: more than the share goes by
_FILES_MOST = 500  # of one authority: one that sends every record by itself takes nobody's room


class FeedView:
    """The files that were taken; `last` is when something last was, by authority, and grows as they are."""

    def __init__(self, codec: FeedCodec) -> None:
        """Begin without a file."""
        self.last: dict[OdsCode, datetime] = {}
        self._codec = codec
        self._whole = False
        self._files: dict[OdsCode, dict[tuple[str, datetime], FileTaken]] = {}

    def ages(self, stale_after: timedelta, agreed: Mapping[OdsCode, timedelta]) -> FeedAges:
        """Return how old plans are from now on, known once the topic has been read to its end."""
        return FeedAges(
            last=lambda: self.last if self._whole else None, stale_after=stale_after, agreed=agreed
        )

    def caught_up(self) -> None:
        """Take note that the topic has been read to its end."""
        self._whole = True

    def begin(self) -> None:
        """Forget every file: the topic is read anew. When each authority was last heard of stays."""
        self._files.clear()

    def take(self, record: Record) -> None:
        """Take one record; what says nothing of a file changes nothing."""
        file = self._codec.glance(record.value)
        if file is None:
            return
        self.last.update(later(self.last, last_taken([file])))
        own = self._files.setdefault(file.authority, {})
        own[file.file_key, file.received_at] = file
        bound = file.received_at - _KEPT
        while len(own) > _FILES_MOST or next(iter(own))[1] < bound:
            del own[next(iter(own))]  # as they stand in the log, the oldest first

    def standing(
        self, at: datetime, rule: FeedRule, marks: Mapping[OdsCode, datetime] = MappingProxyType({})
    ) -> tuple[FeedHealth, ...]:
        """Return how every feed stands at a moment (aware), by authority; `marks` as in `heard_of`."""
        files = (file for own in self._files.values() for file in own.values())
        return health(files, heard_of(marks, self.last), at, rule)

    def measure(self, metrics: Metrics, at: datetime, rule: FeedRule) -> None:
        """Bring the gauges up to date; what is not known of a feed has none."""
        feeds = self.standing(at, rule)
        metrics.name("authority", (feed.authority.code for feed in feeds))
        for gauge in (FEED_AGE, FEED_STALE, FEED_MATCHED, FEED_WAITING, FEED_REFUSED):
            metrics.clear(gauge)
        for feed in feeds:
            code = feed.authority.code
            metrics.set(FEED_STALE, feed.stale, authority=code, state=feed.state)
            metrics.set(FEED_REFUSED, feed.refused, authority=code)
            if feed.age is not None:
                metrics.set(FEED_AGE, feed.age.total_seconds(), authority=code)
            if feed.matched is not None:
                metrics.set(FEED_MATCHED, feed.matched, authority=code)
            for waiting in feed.waiting:
                metrics.set(FEED_WAITING, waiting.count, authority=code, code=waiting.code)
