"""
Where a door hands in a file that stays at the door until it is answered: the drop folder, the mailbox.

It is sealed to disk in pieces as it comes, under an id by which the door finds it again after a crash, and
takes its turn like any other. So a door copies a file once, however long it has to wait.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterator

from broker.core.errors import KeysUnreadable, UnsealingFailed
from broker.core.identifiers import OdsCode, aware
from broker.core.kept_uploads import KeptUpload, Part, UploadDoor
from broker.core.keyed import IdentityKey
from broker.core.upload_errors import UploadLost
from broker.ports import Clock
from broker.services.upload_desk import Outcome
from broker.services.upload_queue import UploadQueue
from broker.upload_ports import UploadDraft, UploadStore
from broker.wire.upload_answer import refuse_file
from broker.wire.upload_heading import HEAD_BYTES_MAX, authority_of

Copy = Callable[[Callable[[bytes], None]], Awaitable[None]]
"""Hands a file in piece by piece, from whichever thread; raises as it likes where that fails."""


class Copied:
    """What is known of a file while it comes in: its digest, and its head of `HEAD_BYTES_MAX` at most."""

    def __init__(self, draft: UploadDraft) -> None:
        """Write what comes into a draft."""
        self._draft = draft
        self.content = hashlib.sha256()
        self.head = b""

    def write(self, piece: bytes) -> None:
        """Take what came next; it blocks."""
        self.content.update(piece)
        self.head += piece[: HEAD_BYTES_MAX - len(self.head)]
        self._draft.write(piece)


class UploadReception:
    """Takes files in for the queue; a file is copied once, and found again by its id."""

    def __init__(self, store: UploadStore, queue: UploadQueue, *, key: IdentityKey, clock: Clock) -> None:
        """Keep files in `store`, and let them wait in `queue`; ids are derived under `key`."""
        self._store = store
        self._queue = queue
        self._key = key
        self._clock = clock
        self._turns = {door: asyncio.Lock() for door in UploadDoor}

    def full(self, door: UploadDoor) -> bool:
        """Whether what is at this door should stay there, and only there, until there is room."""
        return self._queue.crowded(door)

    def id_of(self, door: UploadDoor, name: str) -> str:
        """Return the id of a file by what its door calls it, which must be another for each file."""
        return self._key.derive("upload at the door", door.value, name)

    async def found(self, upload_id: str) -> KeptUpload | None:
        """
        Return what is known of a file, None where it is to be handed in, be it again since it is lost.

        One that waits is seen to, though another process kept it. Raises `KeysUnreadable` and
        `StorageUnusable`: then nobody knows.
        """
        try:
            upload = await asyncio.to_thread(self._store.find, upload_id)
            if upload is not None and upload.waits:
                self._queue.see_to(upload)
                return upload
            if upload is None or await asyncio.to_thread(self._is_answered, upload):
                return upload
        except KeysUnreadable:
            raise
        except (UploadLost, UnsealingFailed):
            return None
        return None

    async def keep(
        self, upload_id: str, copy: Copy, *, door: UploadDoor, senders: frozenset[OdsCode] | None = None
    ) -> None:
        """
        Seal a file and let it wait its turn; whose it is its head says where `senders` does not.

        Of one door one is copied after the other, in the order in which they came. Raises what `copy` does,
        and `StorageUnusable`.
        """
        async with self._turns[door]:
            received_at = aware(self._clock())
            draft = await asyncio.to_thread(self._store.begin, upload_id)
            try:
                copied = Copied(draft)
                await copy(copied.write)
                upload = KeptUpload(
                    upload_id=upload_id,
                    door=door,
                    senders=_named_in(copied.head) if senders is None else senders,
                    received_at=received_at,
                    digest=digest(copied.content, self._key),
                )
                await asyncio.to_thread(draft.place)
                await asyncio.to_thread(self._store.settle, upload, {})
            finally:
                await asyncio.to_thread(draft.discard)
            self._queue.add(upload_id, upload.senders, door)

    def refuse(self, reason: str) -> Outcome:
        """Answer a file that is not to be read, for this reason: a stable word (CPF01)."""
        return Outcome(answer=refuse_file(reason), at=self._clock())

    def answer(self, upload: KeptUpload) -> Iterator[bytes]:
        """Yield the message to the sender of a file that is settled; raise `UnsealingFailed`."""
        return self._store.read(upload.upload_id, Part.XML)

    def _is_answered(self, upload: KeptUpload) -> bool:
        """Tell whether the message to the sender of a file can be read, for all that its beginning says."""
        return any(self.answer(upload))


def digest(content: "hashlib._Hash", key: IdentityKey) -> str:
    """Return what tells one content from another, and is keyed, since a small file could be guessed."""
    return key.derive("upload content", content.digest())


def _named_in(head: bytes) -> frozenset[OdsCode]:
    """Return whose a file is by its head, nobody's where it does not say so there."""
    authority = authority_of(head)
    return frozenset(() if authority is None else (authority,))
