"""Tells authorities in their inboxes that their feeds are stale, once a day for as long as they are (R18)."""

import asyncio
from collections.abc import Iterable
from datetime import datetime

from broker.adapters.projection import InboxEvent, Projection
from broker.core.alerts import RecipientKind
from broker.core.feeds import FeedHealth, notices
from broker.core.keyed import IdentityKey
from broker.runtime import outbox_events as events
from broker.runtime.logs import Log
from broker.wire.feed_codec import FeedCodec

KIND = "feed"
"""The kind of a row of an inbox that is no alert but a word about the authority's feed."""


class FeedAlarms:
    """Puts a row into the inbox of each authority whose feed is stale, unless it has the day's."""

    def __init__(self, codec: FeedCodec, key: IdentityKey, log: Log) -> None:
        """Take the codec, the key under which the id of a day's word is derived, and the log."""
        self._codec = codec
        self._key = key
        self._log = log

    async def look(self, projection: Projection, feeds: Iterable[FeedHealth], at: datetime) -> None:
        """Tell whoever is to be told at a moment (aware); raise `StorageUnusable`."""
        for notice in notices(feeds, at):
            code = notice.authority.code
            told = InboxEvent(
                recipient=f"{RecipientKind.AUTHORITY}.{code}",
                event_id=self._key.derive("feed notice", code, notice.day),
                alert_id="",
                revision=0,
                kind=KIND,
                loud=True,
                body=self._codec.encode_notice(notice),
            )
            if await asyncio.to_thread(projection.remind, told):
                self._log.write(events.FeedStale(sender=code))
