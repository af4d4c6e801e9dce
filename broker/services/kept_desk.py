"""Opens an upload that is kept, or its acknowledgement: on grounds, noted before the first byte is read."""

import asyncio
from contextlib import suppress

from broker.core.kept_uploads import Part
from broker.core.operators import YET_UNWRITTEN, ActionKind, Grounds, Place
from broker.core.upload_errors import NoSuchUpload, UploadLost
from broker.services.desk_log import DeskLog
from broker.services.excluding import Excluding
from broker.upload_ports import UploadStore

KEPT_FILES = "kept files"
"""What the audit trail calls the place of an upload: it lies in no topic."""


class KeptDesk:
    """What is kept of uploads, as an administrator sees it."""

    def __init__(self, store: UploadStore, log: DeskLog, excluding: Excluding) -> None:
        """
        Read from `store`.

        Write down in `log` who reads, and why; `excluding` keeps what is opened from whom it must.
        """
        self._store = store
        self._log = log
        self._excluding = excluding

    async def open(self, upload_id: str, part: Part, grounds: Grounds) -> bytes:
        """
        Return what was sent or answered, byte for byte, once the entry in the audit trail is durable.

        Raises `NoSuchUpload` where there is none of that id, or no answer yet; `NotForThisRole`;
        `UnsealingFailed` where its key is destroyed; and what `Excluding` raises where anybody in the file is
        somebody whom the reader must not see: bytes as they came leave nobody out (ruling 48).
        """
        with suppress(UploadLost):  # what is known of it is damaged: the bytes may be there
            if await asyncio.to_thread(self._store.find, upload_id) is None:
                raise NoSuchUpload
        place = Place(topic=KEPT_FILES, partition=YET_UNWRITTEN, offset=YET_UNWRITTEN)
        await self._log.audit(ActionKind.UNMASKED, upload_id, place, grounds, outcome=part.value)
        data = await asyncio.to_thread(lambda: b"".join(self._store.read(upload_id, part)))
        if not data:
            raise NoSuchUpload
        await self._excluding.require_bytes(data, upload_id, grounds)
        return data
