"""
An authority's upload that came over the message exchange: kept, taken in its turn, answered to its mailbox.

It stays in the mailbox until its plans are durable and its acknowledgement is sent, so that a file is never
taken without an answer; by its local id a second one of the same file is known and not sent. It is copied
once, however often it is looked at: what is kept of it has an id that is derived from the exchange's.
"""

from collections.abc import Callable
from functools import partial

from broker.core.errors import MalformedMessage
from broker.core.identifiers import OdsCode
from broker.core.kept_uploads import UploadDoor
from broker.core.mailbox import Incoming, Outgoing
from broker.core.mesh_errors import MessageRefused, MessageUnderWay
from broker.mesh_ports import Mailbox
from broker.services.mesh_post import MeshPost
from broker.services.upload_reception import UploadReception

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
        mailbox: Mailbox,
        reception: UploadReception,
        post: MeshPost,
        *,
        owner: Callable[[str], OdsCode | None],
        workflow: str,
        refused: Callable[[str, str], None],
    ) -> None:
        """Take our mailbox, where files go, what sends, and the workflow id of acknowledgements."""
        self._mailbox = mailbox
        self._reception = reception
        self._post = post
        self._owner = owner
        self._workflow = workflow
        self._refused = refused

    async def __call__(self, incoming: Incoming) -> None:
        """
        Keep a file, or send the acknowledgement of one that was taken; of the message the heading is enough.

        Raises `MessageUnderWay` while the file waits its turn, and as the reception and the mailbox do.
        """
        owner = self._owner(incoming.sender)
        acknowledgement = Outgoing(
            mailbox=incoming.sender,
            workflow=self._workflow,
            local_id=f"{ACKNOWLEDGES}{incoming.message_id}",
            body=await self._acknowledgement(incoming.message_id, owner),
        )
        try:
            await self._post.once(acknowledgement, answered(owner))
        except MessageRefused as error:  # sending it again would be refused again
            self._refused(incoming.sender, error.fault)

    async def _acknowledgement(self, message_id: str, owner: OdsCode | None) -> bytes:
        """Return what is said of a file; raise `MessageUnderWay` as long as that is not known."""
        upload_id = self._reception.id_of(UploadDoor.MESH, message_id)
        upload = await self._reception.found(upload_id)
        if upload is None and not self._reception.full(UploadDoor.MESH):
            copy = partial(self._mailbox.copy, message_id)
            senders = frozenset({owner} if owner is not None else ())
            try:
                await self._reception.keep(upload_id, copy, door=UploadDoor.MESH, senders=senders)
            except MalformedMessage as trouble:  # its content is not to be had
                return self._reception.refuse(trouble.reason).acknowledgement
        if upload is None or upload.waits:
            raise MessageUnderWay
        return b"".join(self._reception.answer(upload))
