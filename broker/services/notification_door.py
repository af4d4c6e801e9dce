"""
What an authority fetches over HTTP of what it was told: its own inbox, in order, from where it left off.

Who asks is known by certificate or token. What may not be told any more is not in the inbox: of a restricted
record the reduced content stands there (ruling 24), of a number out of use nothing but a place (23).
"""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from broker.core.alerts import AlertEvent, RecipientKind
from broker.core.door_errors import RequestRefused
from broker.core.errors import BrokerError, MalformedMessage
from broker.core.feeds import FeedNotice
from broker.core.identifiers import OdsCode, aware
from broker.core.kept_uploads import MediaType
from broker.core.overtaking import overtakes
from broker.core.senders import Senders
from broker.core.upload_errors import AuthorityUnknown, InboxUnready, NotItsInbox, WrongCursor
from broker.ports import Clock
from broker.wire.access_notification import (
    Correspondents,
    access_ids,
    tells_of_access,
    write_access_notification,
)
from broker.wire.alerts_codec import AlertCodec, Published
from broker.wire.feed_codec import FeedCodec
from broker.wire.hl7v3_writing import message_id
from broker.wire.http import JSON, HttpAnswer, HttpRequest, Operation, Parameter
from broker.wire.problem import PROBLEM, problem, refusing
from broker.wire.readable import readable

PATH: Final = "/la/v1/notifications"
RETRY_AFTER_SECONDS: Final = 10
PAGE: Final = 100
"""How many events are told at once."""
NEXT: Final = "X-Next"
"""Header: from where to go on, which is `next` of the JSON."""
MORE: Final = "X-More"
"""Header: whether there is more, which is `more` of the JSON."""

TAKEN_BACK: Final = "X-Taken-Back"
"""Header beside the message: ids of accesses that earlier answers may have told, and that are so no more."""

_TAKEN_BACK_MAX = 100  # so many ids fit into a header with room to spare
_STATUSES = {AuthorityUnknown: 401, NotItsInbox: 403, WrongCursor: 410, InboxUnready: 503}
_BAD_REQUEST = 400
_DIGITS_MAX = 18  # what a database takes as a number


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An event of an inbox by its number; `body` is empty where nothing is left of it but its place."""

    number: int
    loud: bool
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """
    Some events in order, of the inbox that is so called; `more` where others are behind them.

    `later` are the bodies of those that are behind them and of the same alerts, told here or not yet.
    """

    inbox: str
    entries: Sequence[Entry]
    more: bool
    later: Sequence[bytes] = ()


class ReadInbox(Protocol):
    """Reads an inbox; it blocks."""

    def __call__(self, recipient: str, *, after: int, limit: int) -> Page:
        """
        Return the events behind a number that the recipient's own topic has brought, in order.

        Raises `InboxUnready` where the inbox was never filled, `WrongCursor` where it has no such number, and
        `StorageUnusable`.
        """
        ...


class NotificationDoor:
    """The operation of the door; `between` says who tells an authority, `told` which ones are told here."""

    def __init__(
        self,
        senders: Senders,
        read: ReadInbox,
        codec: AlertCodec,
        *,
        feeds: FeedCodec,
        told: frozenset[OdsCode],
        between: Callable[[OdsCode], Correspondents],
        clock: Clock,
    ) -> None:
        """Take who is who, and what reads."""
        self._senders = senders
        self._read = read
        self._codec = codec
        self._feeds = feeds
        self._told = told
        self._between = between
        self._clock = clock
        self._reading = asyncio.Lock()

    def operations(self) -> tuple[Operation, ...]:
        """Return everything that can be asked."""
        return (
            Operation(
                method="GET",
                path=PATH,
                name="notifications",
                summary="Fetch what you were told",
                meaning="The events of your inbox behind `after`, in order, each as its topic has it; or, "
                "where XML is asked for, the message REPC_MT000004GB01 of those that tell of an access: it "
                "has no words for the feed, and none for taking back what an earlier answer told, so that "
                "the ids of such accesses stand in the header `X-Taken-Back`, separated by commas; one that "
                "you do not know was never told. Ask with `next` until there is no `more`, and again later: "
                "events are only ever added.",
                handle=self._notifications,
                refuse=refusing(RETRY_AFTER_SECONDS),
                statuses={
                    200: "The next events; none where nothing is new.",
                    400: "The request names no authority where it must, or one that is none.",
                    401: "Neither certificate nor token of a local authority was shown.",
                    403: "The authority is not yours, or has no topic of its own.",
                    406: "The answer is not to be had in that form.",
                    410: "The inbox was made anew: begin without `after`; ids of events are as they were.",
                    429: "Too much at once: ask again after `Retry-After`.",
                    503: "It cannot be read now: ask again after the time in `Retry-After`.",
                },
                gives=(JSON, MediaType.XML.value, PROBLEM),
                parameters=(
                    Parameter(
                        name="authority",
                        place="query",
                        meaning="Whose inbox it is, for those who act for several.",
                    ),
                    Parameter(
                        name="after",
                        place="query",
                        meaning="`next` of the answer before; without it from the beginning.",
                    ),
                ),
            ),
        )

    async def _notifications(self, request: HttpRequest) -> HttpAnswer:
        """Hand over the next events; an error is never shown as an inbox in which nothing is new."""
        try:
            authority = self._authority(request)
            inbox, after = _place(request.query.get("after", ("",))[-1])
            async with self._reading:
                page = await asyncio.to_thread(
                    self._read, f"{RecipientKind.AUTHORITY}.{authority}", after=after, limit=PAGE
                )
            if inbox not in {"", page.inbox}:
                raise WrongCursor
            if request.prefers(MediaType.XML, to=JSON):
                return self._as_message(authority, page, after)
            reached = page.entries[-1].number if page.entries else after
            cursor = f"{page.inbox}.{reached}"
            return HttpAnswer(status=200, body=self._as_json(authority, page, cursor))
        except RequestRefused as fault:
            return problem(fault, fault.status)
        except BrokerError as error:
            status = _STATUSES.get(type(error), 503)
            return problem(error, status, retry_after=None if status < 500 else RETRY_AFTER_SECONDS)  # noqa: PLR2004 - a server's

    def _authority(self, request: HttpRequest) -> OdsCode:
        """Return whose inbox is asked for."""
        own = self._senders.authorities_of(request.peer)
        if not own:
            raise AuthorityUnknown
        named = request.query.get("authority", ())
        if not named and len(own) > 1:
            raise RequestRefused(_BAD_REQUEST, "several authorities: name one")
        for authority in own & self._told:
            if not named or authority.code == named[-1]:
                return authority
        raise NotItsInbox

    def _as_json(self, authority: OdsCode, page: Page, cursor: str) -> bytes:
        """Return events as JSON."""
        told = [{"number": entry.number, "loud": entry.loud, **self._said(entry)} for entry in page.entries]
        answer = {"authority": authority.code, "notifications": told, "next": cursor, "more": page.more}
        return json.dumps(answer, ensure_ascii=False).encode()

    def _said(self, entry: Entry) -> Mapping[str, Any]:
        """Return what an event says; one that cannot be read keeps back none behind it, and says so."""
        if not entry.body:
            return {"erased": True}
        try:
            word = self._word(entry.body)
        except MalformedMessage:
            return {"unreadable": True}
        said: Mapping[str, Any] = {"feed": readable(word)} if isinstance(word, FeedNotice) else readable(word)
        return said

    def _word(self, body: bytes) -> Published | FeedNotice:
        """Return an event of an alert, or a word about the feed (R18); raise `MalformedMessage`."""
        try:
            return self._codec.decode_published(body)
        except MalformedMessage:
            return self._feeds.decode_notice(body)

    def _as_message(self, authority: OdsCode, page: Page, after: int) -> HttpAnswer:
        """
        Return the accesses among events as the national message; it may tell of none.

        None that an event behind it takes back, on this page or a later one; beside it what this page takes
        back that an earlier one may have told. Raises `MalformedMessage` for an event that cannot be read:
        left out it would look as if nobody had come.
        """
        between, at = self._between(authority), aware(self._clock())
        accesses = _Accesses(between, at)
        reached, left = after, list(page.entries)
        while left:
            word = self._word(left[0].body) if left[0].body else None
            if isinstance(word, Published) and not accesses.take(word):
                break
            reached = left.pop(0).number
        for body in (*(entry.body for entry in left if entry.body), *page.later):
            with suppress(MalformedMessage):  # it is said at its turn that it cannot be read
                accesses.leave_out(self._codec.decode_published(body).event)
        cursor = f"{page.inbox}.{reached}"
        body = write_access_notification(
            accesses.told,
            between,
            notification_id=message_id("notifications", authority.code, cursor),
            at=at,
        )
        headers = {NEXT: cursor, MORE: str(page.more or bool(left)).lower()}
        if accesses.taken_back:
            headers[TAKEN_BACK] = ", ".join(accesses.taken_back)
        return HttpAnswer(status=200, body=body, content_type=MediaType.XML, headers=headers)


class _Accesses:
    """The accesses of which a message tells, by their alerts, and the ids of those that are so no more."""

    def __init__(self, between: Correspondents, at: datetime) -> None:
        """Begin with none; `between` says who tells whom, `at` (aware) when."""
        self._between = between
        self._at = at
        self._told: dict[str, list[Published]] = {}
        self._taken_back: dict[str, tuple[str, ...]] = {}

    @property
    def told(self) -> Sequence[Published]:
        """The events to be told, in order."""
        return [word for words in self._told.values() for word in words]

    @property
    def taken_back(self) -> Sequence[str]:
        """The ids of accesses that are so no more."""
        return [one for ids in self._taken_back.values() for one in ids]

    def take(self, word: Published) -> bool:
        """Take the next event; return whether there was room for it, as there is for one in any case."""
        event = word.event
        if overtakes(event):
            ids = access_ids(word, self._between, self._at)
            if self._taken_back and len(self.taken_back) + len(ids) > _TAKEN_BACK_MAX:
                return False
            self.leave_out(event)
            self._taken_back[event.alert.alert_id] = ids
        if tells_of_access(event):
            self._taken_back.pop(event.alert.alert_id, None)
            self._told.setdefault(event.alert.alert_id, []).append(word)
        return True

    def leave_out(self, later: AlertEvent) -> None:
        """Tell nothing of an alert that a later event takes back."""
        if overtakes(later):
            self._told.pop(later.alert.alert_id, None)


def _place(cursor: str) -> tuple[str, int]:
    """Return inbox and number of a cursor; raise `WrongCursor` for what is none."""
    if not cursor:
        return "", 0
    inbox, dot, number = cursor.partition(".")
    if not dot or not number.isascii() or not number.isdigit() or len(number) > _DIGITS_MAX:
        raise WrongCursor
    return inbox, int(number)
