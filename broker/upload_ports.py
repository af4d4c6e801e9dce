"""The narrow protocols by which upload files are kept: sealed, on disk, for as long as they may be."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from broker.core.kept_uploads import KeptUpload, Part

Content = Callable[[], Iterator[bytes]]
"""Yields the bytes of a file from its beginning, each time the same, in pieces; it blocks, and may raise."""


def in_memory(data: bytes) -> Content:
    """Return bytes that are held as a content."""
    return lambda: iter((data,))


class UploadDraft(Protocol):
    """A file that is coming in; its methods block, and raise `StorageUnusable`."""

    def write(self, data: bytes) -> None:
        """Take what came next; it is sealed before it is on disk."""
        ...

    def end(self) -> None:
        """Take it that no more comes: what was written can be read from now on."""
        ...

    def read(self) -> Iterator[bytes]:
        """Yield what was written; it must have ended."""
        ...

    def place(self) -> None:
        """Return once it would survive a power cut; it is kept once the store is told what is known of it."""
        ...

    def discard(self) -> None:
        """Leave nothing of it; does nothing once it is in its place."""
        ...


class UploadStore(Protocol):
    """
    The upload files that are kept, and their answers. Its methods block, and raise `StorageUnusable`.

    An id that is none is one that is not there.
    """

    def begin(self, upload_id: str) -> UploadDraft:
        """Return where a file is written as it comes; it takes the place of one of the same id."""
        ...

    def find(self, upload_id: str) -> KeptUpload | None:
        """Return what is known of a file, None where there is none; raise `UploadLost` if unreadable."""
        ...

    def every(self) -> Sequence[KeptUpload]:
        """Return what is known of every file, the oldest first; not those that `damaged` tells."""
        ...

    def damaged(self) -> Sequence[str]:
        """Return the ids of the files of which it cannot be read what is known."""
        ...

    def read(self, upload_id: str, part: Part) -> Iterator[bytes]:
        """
        Yield what is kept of a file, in order; nothing where that part is not there.

        Raises `UnsealingFailed` where a byte is not as it was sealed, or the key is destroyed. Whatever was
        kept has at least one piece, be it an empty one.
        """
        ...

    def settle(self, upload: KeptUpload, parts: Mapping[Part, Iterable[bytes]]) -> None:
        """Keep the answers of a file, each as it comes in pieces, then what is known of it now."""
        ...

    def destroy_before(self, moment: datetime) -> int:
        """Destroy whatever was received before a moment (aware); return how many files that were kept."""
        ...
