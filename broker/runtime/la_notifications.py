"""What authorities fetch of their inbox at the HTTP door: whose it is, and from which database it is read."""

from broker.adapters.projection import Projection
from broker.core.errors import StorageUnusable
from broker.core.identifiers import OdsCode
from broker.core.upload_errors import InboxUnready
from broker.ports import Topic
from broker.runtime.parts import Parts, present
from broker.runtime.settings import Settings
from broker.runtime.topics import declared_topics
from broker.services.notification_door import Entry, NotificationDoor, Page
from broker.wire.access_notification import Correspondents, Office
from broker.wire.http import Operation


def notification_operations(settings: Settings, parts: Parts) -> tuple[Operation, ...]:
    """Return the operations, none where the settings do not ask for them."""
    if not settings.la_notifications:
        return ()
    operator = Office(code=OdsCode(settings.mesh_operator), name=settings.mesh_operator_name)

    def between(code: OdsCode) -> Correspondents:
        """Return who tells an authority."""
        authority = Office(code=code, name=parts.authorities.name(code))
        return Correspondents(authority=authority, operator=operator, asid=settings.mesh_asid)

    door = NotificationDoor(
        parts.senders,
        Inboxes(settings.database_url),
        parts.alerts,
        feeds=parts.feeds,
        told=told_over_http(settings, parts),
        between=between,
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
    """Reads the outbox's database, opened when it is first asked for."""

    def __init__(self, url: str) -> None:
        """Take where it is."""
        self._url = url
        self._projection: Projection | None = None

    def __call__(self, recipient: str, *, after: int, limit: int) -> Page:
        """Return the events behind a number, in order; raise `InboxUnready` and `StorageUnusable`."""
        try:
            projection = self._projection or Projection(self._url)
        except StorageUnusable as error:
            raise InboxUnready from error
        self._projection = projection
        if not projection.next_offsets(Topic.ALERTS.value):
            raise InboxUnready
        rows = projection.brought(recipient, after=after, limit=limit + 1)
        if not rows and projection.inbox(recipient, after=after, limit=1):
            raise InboxUnready  # its own topic has not brought what is there
        entries = [Entry(number=row.number, loud=row.event.loud, body=row.event.body) for row in rows[:limit]]
        return Page(inbox=projection.identity, entries=entries, more=len(rows) > limit)
