"""
What an authority asks over HTTP about its own feed: how old it is, what matches, what waits, what to do.

Who asks is known by certificate or token (`[authority.ODS]` in the file of senders), and learns of nobody
else's. Numbers alone are given: no record, no person.
"""

import asyncio
import json
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

from broker.core.authorities import Authorities
from broker.core.errors import BrokerError
from broker.core.feeds import FeedHealth
from broker.core.reconciling import PlansCounted
from broker.core.senders import Senders
from broker.core.upload_errors import AuthorityUnknown
from broker.wire.feed_json import feed_row
from broker.wire.http import JSON, HttpAnswer, HttpRequest, Operation
from broker.wire.problem import PROBLEM, problem, refusing

PATH: Final = "/la/v1/feed"
RETRY_AFTER_SECONDS: Final = 10

ReadFeeds = Callable[[], Coroutine[Any, Any, Sequence[FeedHealth]]]
"""Returns how every feed stands now; raises `BrokerError` where it cannot be read."""


class FeedDoor:
    """The operation of the door; feeds are read one request after the other."""

    def __init__(
        self,
        senders: Senders,
        listed: Authorities,
        read: ReadFeeds,
        counted: Callable[[], PlansCounted | None] = lambda: None,
    ) -> None:
        """Take who is who, what authorities are called, what reads, and what plans were counted last."""
        self._counted = counted
        self._senders = senders
        self._listed = listed
        self._read = read
        self._reading = asyncio.Lock()

    def operations(self) -> tuple[Operation, ...]:
        """Return everything that can be asked."""
        return (
            Operation(
                method="GET",
                path=PATH,
                name="feed",
                summary="Ask how your feed stands",
                meaning="Age of the last file, share of records that match a person, what waits and why, "
                "what was refused, how the plans stand that are held, where they are counted, and what to "
                "do: of each authority that whoever asks may act for.",
                handle=self._feed,
                refuse=refusing(RETRY_AFTER_SECONDS),
                statuses={
                    200: "How it stands.",
                    401: "Neither certificate nor token of a local authority was shown.",
                    406: "The answer is not to be had in that form.",
                    429: "Too much at once: ask again after `Retry-After`.",
                    503: "It cannot be read now: ask again after the time in `Retry-After`.",
                },
                gives=(JSON, PROBLEM),
            ),
        )

    async def _feed(self, request: HttpRequest) -> HttpAnswer:
        """Say how the feeds of whoever asks stand; an error is never shown as a healthy feed."""
        own = self._senders.authorities_of(request.peer)
        if not own:
            return problem(AuthorityUnknown(), 401)
        try:
            async with self._reading:
                feeds = await self._read()
        except BrokerError as error:
            return problem(error, 503, retry_after=RETRY_AFTER_SECONDS)
        counted = self._counted()
        rows = [
            feed_row(feed, self._listed.name(feed.authority), counted)
            for feed in feeds
            if feed.authority in own
        ]
        return HttpAnswer(status=200, body=json.dumps({"feeds": rows}, ensure_ascii=False).encode())
