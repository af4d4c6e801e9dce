"""An `UploadStore` in memory, for tests that are about something else than what is kept."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime

from broker.core.identifiers import OdsCode
from broker.core.kept_uploads import KeptUpload, Part, UploadDoor
from broker.upload_ports import UploadStore
from tests.builders.upload_desk import NOW

UPLOAD = KeptUpload(
    upload_id="a" * 32,
    door=UploadDoor.HTTP,
    senders=frozenset({OdsCode("Z211")}),
    received_at=NOW,
    digest="d",
)
"""An upload that waits."""


def keep(store: UploadStore, upload: KeptUpload, data: bytes) -> None:
    """Keep a file, as a door does before it takes its turn."""
    draft = store.begin(upload.upload_id)
    draft.write(data)
    draft.place()
    store.settle(upload, {})


class MemoryDraft:
    """A file that is coming in."""

    def __init__(self, place: Callable[[bytes], None]) -> None:
        self._place = place
        self._data = b""

    def write(self, data: bytes) -> None:
        """Take what came next."""
        self._data += data

    def end(self) -> None:
        """Take it that no more comes."""

    def read(self) -> Iterator[bytes]:
        """Yield what was written."""
        yield self._data

    def place(self) -> None:
        """Put it into its place."""
        self._place(self._data)

    def discard(self) -> None:
        """Leave what is in its place."""


class MemoryUploads:
    """Upload files and their answers, gone with the test."""

    def __init__(self) -> None:
        self.known: dict[str, KeptUpload] = {}
        self.parts: dict[tuple[str, Part], bytes] = {}

    def begin(self, upload_id: str) -> MemoryDraft:
        """Return where a file is written."""
        return MemoryDraft(lambda data: self.parts.update({(upload_id, Part.FILE): data}))

    def find(self, upload_id: str) -> KeptUpload | None:
        """Return what is known of a file."""
        return self.known.get(upload_id)

    def every(self) -> list[KeptUpload]:
        """Return what is known of every file."""
        return sorted(self.known.values(), key=lambda one: one.received_at)

    def damaged(self) -> list[str]:
        """Return nothing: memory is not damaged."""
        return []

    def read(self, upload_id: str, part: Part) -> Iterator[bytes]:
        """Yield what is kept of a file."""
        if (upload_id, part) in self.parts:
            yield self.parts[upload_id, part]

    def settle(self, upload: KeptUpload, parts: Mapping[Part, Iterable[bytes]]) -> None:
        """Keep the answers of a file, then what is known of it."""
        self.parts |= {(upload.upload_id, part): b"".join(pieces) for part, pieces in parts.items()}
        self.known[upload.upload_id] = upload

    def destroy_before(self, moment: datetime) -> int:
        """Destroy what is older."""
        old = [one for one in self.known.values() if one.received_at < moment]
        for upload in old:
            del self.known[upload.upload_id]
        return len(old)
