"""
Tells an authority at the end of a window that nobody came: the empty notification, for who asked for it.

So a system that gets nothing knows that it is connected. By its local id the exchange knows it, so that it is
sent once, whoever of several processes sends it.
"""

from collections.abc import Callable
from datetime import datetime

from broker.core.mailbox import Outgoing
from broker.core.mesh_errors import MessageRefused
from broker.core.windows import Window, last_window_end
from broker.services.mesh_courier import Office
from broker.services.mesh_post import MeshPost
from broker.wire.access_notification import Correspondents, write_access_notification
from broker.wire.hl7v3_writing import message_id

EMPTY = "empty-"
"""What the local id of an empty notification begins with; behind it stand authority and end of the window."""

Quiet = Callable[[datetime], bool]
"""Says whether nothing waits for the authority and nothing was sent since an aware time; blocks."""


class EmptyNotifications:
    """Tells one authority of its quiet windows; `look` again and again, by one caller at a time."""

    def __init__(
        self, post: MeshPost, office: Office, between: Correspondents, window: Window, *, quiet: Quiet
    ) -> None:
        """Take what sends, where to, who tells whom, the window, and who knows whether it was quiet."""
        self._post = post
        self._office = office
        self._between = between
        self._window = window
        self._quiet = quiet
        self._done: datetime | None = None

    async def look(self, now: datetime) -> bool:
        """
        Tell of the newest window that ended, if nobody has; return whether it was told.

        Raises `MailboxUnavailable` or `StorageUnusable`; the next look begins anew.
        """
        end = last_window_end(self._window, now)
        if end is None or end == self._done:
            return False
        code = self._between.authority.code
        local_id = f"{EMPTY}{code}-{end:%Y%m%d%H}"
        if not self._quiet(end):  # what waits may yet be taken back, so that it is asked again
            return False
        body = write_access_notification([], self._between, notification_id=message_id(local_id), at=end)
        empty = Outgoing(
            mailbox=self._office.mailbox, workflow=self._office.access, local_id=local_id, body=body
        )
        try:
            told = await self._post.once(empty, self._office.destination)
        except MessageRefused:  # the next access would be refused as well, and is told of
            told = False
        self._done = end
        return told
