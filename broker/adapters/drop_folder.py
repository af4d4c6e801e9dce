"""
The drop folder: upload files appear in it, and leave it once what they say is durable.

Knows when a file is complete, where the answer to its sender goes (`done/`, `refused/`), and how long to wait
when one cannot be handed over. What a file says and the answer says, where both are kept sealed, and which of
several is taken first, its handler knows.
"""

import asyncio
import contextlib
import os
import stat
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from broker.adapters.file_content import content_of
from broker.adapters.private_file import write_private_pieces
from broker.adapters.storage import unusable
from broker.core.errors import BrokerError
from broker.upload_ports import Content

DONE = "done"
REFUSED = "refused"

ANSWER_SUFFIX = ".ack.xml"
"""What stands behind a file's name in the name of its answer."""

_SUFFIX = ".xml"
_FOLDER_MODE = 0o700  # the files name children
_TOO_LARGE = "file too large"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of a file: `accepted` means `done/`, `kept` that nobody needs it here any more."""

    accepted: bool
    kept: bool
    answer: Iterable[bytes] = field(repr=False)


Handle = Callable[[Content, str], Awaitable[Verdict]]
"""
Makes a file's content durable; raises `BrokerError` where it must be taken again, later.

The second argument is a name that this file alone has, as long as it lies there untouched.
"""

Refuse = Callable[[str], Verdict]
"""Answers a file that is not to be read, for this reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often the folder is looked at, in seconds, how much of a file is taken, and how many at once."""

    look_seconds: float = 0.5  # a file is taken at the second look that finds it unchanged
    retry_seconds_min: float = 1.0  # somebody made room
    retry_seconds_max: float = 30.0  # and a full disk is not worth a busy loop
    at_once_max: int = 1_000  # what is handed over is on the disk twice until it is answered
    file_bytes_max: int = 1_073_741_824  # the largest authority's file is some 4 MB; disks are finite


class _Look(NamedTuple):
    """What a look saw of a file; it is complete when the next look sees the same."""

    size: int
    modified_ns: int
    changed_ns: int
    inode: int


class DropFolder:
    """
    Hands over the `*.xml` files of one folder, oldest first, each once; `run` until cancelled.

    None waits for another, but in its handler. A file is left where it is until that has returned, so a crash
    in the middle repeats it. `count` is told `upload done`, `upload refused`, `upload postponed` (the file
    could not be reached or not be kept) and `upload folder unreadable`.
    """

    def __init__(
        self,
        folder: Path,
        handle: Handle,
        refuse: Refuse,
        *,
        count: Callable[[str], None],
        pace: Pace | None = None,
    ) -> None:
        self._folder = folder
        self._handle = handle
        self._refuse = refuse
        self._count = count
        self._pace = pace or Pace()
        self._seen: dict[Path, _Look] = {}
        self._taking: dict[Path, asyncio.Task[bool]] = {}

    def prepare(self) -> None:
        """Make the folders; raise `StorageUnusable` where that is not possible."""
        try:
            for folder in (self._folder, self._folder / DONE, self._folder / REFUSED):
                folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        except OSError as error:
            raise unusable("CPIS_DROP_FOLDER", self._folder, error) from error

    async def run(self) -> None:
        """Look, hand over what is complete, wait; for ever. Waits longer while files are postponed."""
        retry_seconds = self._pace.retry_seconds_min
        taking: set[asyncio.Task[bool]] = set()
        try:
            while True:
                begun = await self._begin()
                taking |= set(begun or ())
                ended = {one for one in taking if one.done()}
                taking -= ended
                if begun is not None and all(one.result() for one in ended):
                    retry_seconds = self._pace.retry_seconds_min if ended else retry_seconds
                    await asyncio.sleep(self._pace.look_seconds)
                else:
                    await asyncio.sleep(retry_seconds)
                    retry_seconds = min(2 * retry_seconds, self._pace.retry_seconds_max)
        finally:
            for one in taking:
                one.cancel()
            await asyncio.gather(*taking, return_exceptions=True)

    async def look(self) -> bool:
        """Hand over what has not changed since the last look; return whether nothing was postponed."""
        begun = await self._begin()
        return begun is not None and all(await asyncio.gather(*begun))

    async def _begin(self) -> list[asyncio.Task[bool]] | None:
        """Begin with what has not changed since the last look; return None where nothing can be seen."""
        try:
            seen = await asyncio.to_thread(self._scan)
        except OSError:
            self._count("upload folder unreadable")
            return None
        complete = [path for path, look in seen.items() if self._seen.get(path) == look]
        self._seen = seen
        begun: list[asyncio.Task[bool]] = []
        for path in complete:
            if path not in self._taking and len(self._taking) < self._pace.at_once_max:
                self._taking[path] = asyncio.create_task(self._try(path, seen[path]))
                begun.append(self._taking[path])
        return begun

    async def _try(self, path: Path, look: _Look) -> bool:
        """Take one file; return whether that is done, and need not be tried again."""
        try:
            await self._take(path, look)
        except (BrokerError, OSError):  # this file alone: no right to it, the disk full
            self._count("upload postponed")
            return False
        finally:
            del self._taking[path]
        return True

    def destroy_before(self, moment: datetime) -> int:
        """
        Destroy what has lain in `done/` and `refused/` since before `moment` (aware); return how many files.

        They name a child by everything that the authority knows, under whichever number it has (ruling 23).
        What cannot be destroyed now is tried again by the next call.
        """
        gone = 0
        for path in self._taken():
            with contextlib.suppress(OSError):
                status = path.lstat()
                if stat.S_ISREG(status.st_mode) and status.st_ctime < moment.timestamp():
                    path.unlink()
                    gone += 1
        return gone

    def _taken(self) -> list[Path]:
        """Return what lies in `done/` and `refused/`, as far as they can be read."""
        paths: list[Path] = []
        for folder in (DONE, REFUSED):
            with contextlib.suppress(OSError):
                paths.extend((self._folder / folder).iterdir())
        return paths

    def _scan(self) -> dict[Path, _Look]:
        """Return the files there are, oldest first."""
        found: dict[Path, _Look] = {}
        with os.scandir(self._folder) as entries:
            for entry in entries:
                if entry.name.lower().endswith(_SUFFIX) and not entry.name.startswith("."):
                    with contextlib.suppress(FileNotFoundError):  # renamed since the folder was listed
                        status = entry.stat()
                        if stat.S_ISREG(status.st_mode):
                            found[Path(entry.path)] = _look_at(status)
        return dict(sorted(found.items(), key=lambda file: (file[1].modified_ns, file[0].name)))

    async def _take(self, path: Path, look: _Look) -> None:
        """Have one file made durable, then move it."""
        if look.size > self._pace.file_bytes_max:
            verdict = self._refuse(_TOO_LARGE)
        else:
            verdict = await self._handle(content_of(path), f"{path.name} {look}")
        await asyncio.to_thread(_settle, path, verdict, look)
        self._seen.pop(path, None)  # another of that name has to be seen twice as well
        self._count("upload done" if verdict.accepted else "upload refused")


def _settle(path: Path, verdict: Verdict, look: _Look) -> None:
    """
    Write the answer, then remove the file where it is kept elsewhere by now; else put it beside the answer.

    In this order a crash between the two leaves the file to be taken again, and answered once more. What has
    been written in its place since that look is another file, and stays to be taken.
    """
    folder = path.parent / (DONE if verdict.accepted else REFUSED)
    target = _free(folder / path.name)
    write_private_pieces(_answer_to(target), verdict.answer)
    if _look_at(path.stat()) != look:
        return
    if verdict.kept:
        path.unlink()
    else:
        path.replace(target)


def _look_at(status: os.stat_result) -> _Look:
    """Return what a look sees of a file."""
    return _Look(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def _free(path: Path) -> Path:
    """Return a name that neither an earlier file nor its answer has: `a.xml`, `a.2.xml`, …"""
    number, candidate = 1, path
    while candidate.exists() or _answer_to(candidate).exists():
        number += 1
        candidate = path.with_name(f"{path.stem}.{number}{path.suffix}")
    return candidate


def _answer_to(path: Path) -> Path:
    """Return where the answer to a file lies."""
    return path.with_name(f"{path.name}{ANSWER_SUFFIX}")
