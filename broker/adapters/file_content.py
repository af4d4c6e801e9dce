"""A file on disk as a content: read in pieces, as often as it is wanted."""

from collections.abc import Iterator
from pathlib import Path

from broker.upload_ports import Content

_PIECE_BYTES = 1_048_576


def content_of(path: Path) -> Content:
    """Return what yields the bytes of a file, at least one piece; it raises `OSError`."""

    def pieces() -> Iterator[bytes]:
        """Yield the file."""
        with path.open("rb") as file:
            yield file.read(_PIECE_BYTES)
            while piece := file.read(_PIECE_BYTES):
                yield piece

    return pieces
