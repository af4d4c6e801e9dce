"""
The directory of one running broker: whose it is, and how it goes away.

A lock held by the owning process tells a live directory from one left behind by a process that was killed;
the next broker to start removes the latter.
"""

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

from broker.adapters.storage import require_room
from broker.core.errors import EmbeddedKafkaFailed

ROOM_BYTES = 16 * 1024 * 1024
"""What a new node and the declared topics take (half a MiB) and room for a while."""

_PREFIX = "cpis-kafka-"
_UNOWNED_PREFIX = ".cpis-kafka-new-"  # a name that no sweep looks at, until the lock is held
_LOCK_NAME = "owner.lock"


class BrokerDirectory:
    """
    A broker's directory, locked for this process: the user's own, which is kept, or a temporary one.

    Raises `EmbeddedKafkaFailed` when the user's directory is in use or cannot be written, `StorageUnusable`
    when there is too little room.
    """

    def __init__(self, kept: Path | None = None) -> None:
        if kept is None:
            sweep()
        require_room(kept or Path(tempfile.gettempdir()), ROOM_BYTES, "the embedded Kafka")
        try:
            created = kept or Path(tempfile.mkdtemp(prefix=_UNOWNED_PREFIX))
            created.mkdir(parents=True, exist_ok=True)
            self._lock = _try_lock(created, os.O_RDWR | os.O_CREAT)
        except OSError as error:
            raise EmbeddedKafkaFailed(
                f"no broker can be kept in {kept or tempfile.gettempdir()}: {error}"
            ) from error
        if self._lock is None:
            raise EmbeddedKafkaFailed(f"another broker is running in {created}")
        self._temporary = kept is None
        self.path = created.absolute()
        if self._temporary:
            self.path = created.rename(created.with_name(created.name.replace(_UNOWNED_PREFIX, _PREFIX)))

    def close(self) -> None:
        """Give the directory up, removing a temporary one; harmless when done before."""
        if self._lock is None:
            return
        if self._temporary:
            shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)
        self._lock = None


def sweep() -> None:
    """Remove the temporary directories whose owners were killed."""
    for abandoned in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        try:
            lock = _try_lock(abandoned, os.O_RDWR)  # one without a lock file was never ours
        except OSError:  # somebody else's, or just being removed
            continue
        if lock is not None:
            shutil.rmtree(abandoned, ignore_errors=True)
            os.close(lock)


def _try_lock(directory: Path, flags: int) -> int | None:
    """Return the descriptor of the lock of `directory`, or None when another process holds it."""
    descriptor = os.open(directory / _LOCK_NAME, flags, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
