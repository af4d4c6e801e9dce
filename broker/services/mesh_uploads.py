"""
An authority's upload that came over the message exchange: taken at the desk, answered to its own mailbox.

The acknowledgement goes out before the exchange may forget the file, so that a file is never taken without an
answer; by its local id a second one of the same file is known and not sent.
"""

from collections.abc import Callable

from broker.core.identifiers import OdsCode
from broker.core.kept_uploads import UploadDoor
from broker.core.mailbox import Incoming, Outgoing
from broker.core.mesh_errors import MessageRefused
from broker.services.mesh_post import MeshPost
from broker.services.upload_desk import UploadDesk
from broker.upload_ports import in_memory

ACKNOWLEDGES = "ack-"
"""What the local id of an acknowledgement begins with; behind it stands the exchange's id of the file."""
ANSWERS = "answers"
"""The last part of such a destination's name: what intake sends."""
STRANGER = "stranger"
"""Stands there for a mailbox that is on no list."""


def answered(owner: OdsCode | None) -> str:
    """Return the destination of what is answered to an authority, or to a mailbox on no list."""
    return f"la.{STRANGER if owner is None else owner}.{ANSWERS}"


class MeshUploads:
    """
    The handler of uploads.

    `owner` says whose a mailbox is, None for nobody's: its files are refused as a whole. `refused` hears of
    an acknowledgement that the exchange did not take, by its mailbox and the exchange's code.
    """

    def __init__(
        self,
        desk: UploadDesk,
        post: MeshPost,
        *,
        owner: Callable[[str], OdsCode | None],
        workflow: str,
        refused: Callable[[str, str], None],
    ) -> None:
        """Take the desk, what sends, and the workflow id of acknowledgements."""
        self._desk = desk
        self._post = post
        self._owner = owner
        self._workflow = workflow
        self._refused = refused

    async def __call__(self, incoming: Incoming) -> None:
        """Take a file and send its acknowledgement; raise as the desk and the mailbox do."""
        owner = self._owner(incoming.sender)
        if incoming.trouble is not None:
            outcome = self._desk.refuse(incoming.trouble.value)
        else:
            senders = frozenset({owner} if owner is not None else ())
            outcome = await self._desk.take(
                in_memory(incoming.body),
                door=UploadDoor.MESH,
                senders=senders,
                known_as=incoming.message_id,
            )
        acknowledgement = Outgoing(
            mailbox=incoming.sender,
            workflow=self._workflow,
            local_id=f"{ACKNOWLEDGES}{incoming.message_id}",
            body=outcome.acknowledgement,
        )
        try:
            await self._post.once(acknowledgement, answered(owner))
        except MessageRefused as error:  # sending it again would be refused again
            self._refused(incoming.sender, error.fault)
