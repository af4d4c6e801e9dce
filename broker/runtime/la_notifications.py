"""What authorities fetch of their inbox at the HTTP door: whose it is, and from which database it is read."""

from collections.abc import Sequence
from functools import partial
from itertools import takewhile

from broker.adapters.projection import InboxRow, Projection
from broker.core.errors import MalformedMessage, StorageUnusable
from broker.core.identifiers import OdsCode
from broker.core.upload_errors import InboxUnready, WrongCursor
from broker.ports import Clock, Topic
from broker.runtime.correspondents import who_tells
from broker.runtime.parts import Parts, present
from broker.runtime.settings import Settings
from broker.runtime.topics import declared_topics
from broker.services.delivering import OWN_WITHIN
from broker.services.notification_door import Entry, NotificationDoor, Page
from broker.wire.alerts_codec import AlertCodec
from broker.wire.http import Operation


def notification_operations(settings: Settings, parts: Parts) -> tuple[Operation, ...]:
    """Return the operations, none where the settings do not ask for them."""
    if not settings.la_notifications:
        return ()
    door = NotificationDoor(
        parts.senders,
        Inboxes(settings.database_url, parts.alerts, clock=present),
        parts.alerts,
        feeds=parts.feeds,
        told=told_over_http(settings, parts),
        between=partial(who_tells, settings, parts),
        clock=present,
    )
    return door.operations()


def told_over_http(settings: Settings, parts: Parts) -> frozenset[OdsCode]:
    """Return who may fetch what it was told: known at the door, with a topic of its own."""
    if not settings.la_notifications:
        return frozenset()
    known = {code for code, one in parts.senders.authorities.items() if one.certificates or one.tokens}
    return declared_topics(settings.topics_file).local_authorities & known


class Inboxes:
    """
    Reads the outbox's database, opened when it is first asked for.

    An event is told once its recipient's own topic has brought it, or has not for long: it may never have
    been there, and late is worse than without the recipient's own ids.
    """

    def __init__(self, url: str, codec: AlertCodec, *, clock: Clock) -> None:
        """Take where it is, and what says how old an event is."""
        self._url = url
        self._codec = codec
        self._clock = clock
        self._projection: Projection | None = None

    def __call__(self, recipient: str, *, after: int, limit: int) -> Page:
        """Return the events behind a number; raise `InboxUnready`, `StorageUnusable` and `WrongCursor`."""
        try:
            projection = self._projection or Projection(self._url)
        except StorageUnusable as error:
            raise InboxUnready from error
        self._projection = projection
        if not projection.next_offsets(Topic.ALERTS.value):
            raise InboxUnready
        there = projection.inbox(recipient, after=after, limit=limit + 1)
        bare = projection.bare(recipient, after=after)  # second: what came in between is not there
        rows = list(takewhile(lambda row: row.number not in bare or self._has_waited(row), there))
        if there and not rows:
            raise InboxUnready  # its own topic has not brought what is there
        if not there and after > projection.last(recipient):
            raise WrongCursor  # of a database that was put back: what comes until there would be left out
        told = rows[:limit]
        entries = [Entry(number=row.number, loud=row.event.loud, body=row.event.body) for row in told]
        later: Sequence[bytes] = ()
        if len(there) > len(told):
            alerts = {row.event.alert_id for row in told if row.event.alert_id}
            later = projection.behind(recipient, alerts, after=told[-1].number)
        return Page(inbox=projection.identity, entries=entries, more=len(rows) > limit, later=later)

    def _has_waited(self, row: InboxRow) -> bool:
        """Whether an event waits no longer for its recipient's own topic."""
        try:
            at = self._codec.decode_published(row.event.body).caused_received_at
        except MalformedMessage:
            return True
        return at is None or self._clock() - at >= OWN_WITHIN
