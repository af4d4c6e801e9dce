"""The drop folder on a real directory: when a file is complete, where it goes, what a crash leaves behind."""

import asyncio
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from broker.adapters.drop_folder import DONE, REFUSED, DropFolder, Pace, Verdict
from broker.core.errors import BrokerError, StorageUnusable
from broker.upload_ports import Content

PATIENCE_SECONDS = 60.0  # alone no step of a test takes a tenth of it
QUICK = Pace(look_seconds=0.01, retry_seconds_min=0.01, retry_seconds_max=0.02)


CRASH_EXIT_CODE = 9
CRASHING = f"""
import asyncio, os, sys
from pathlib import Path
from broker.adapters.drop_folder import DropFolder, Verdict

unlink = Path.unlink

def unlink_no_upload(path, *words, **more):
    if path.name == "a.xml":
        os._exit({CRASH_EXIT_CODE})
    return unlink(path, *words, **more)

async def take(content, name):
    return Verdict(accepted=True, kept=True, answer=[b"answer of the process that crashed"])

async def main():
    Path.unlink = unlink_no_upload
    folder = DropFolder(Path(sys.argv[1]), take, None, count=lambda event: None)
    await folder.look()
    await folder.look()

asyncio.run(main())
"""
"""A process that ends, as by a power cut, when it has written the answer and is about to remove the file."""


class Reception:
    """Takes contents; refuses those that begin with `bad`, and raises what it is told to, once each."""

    def __init__(self, *faults: BrokerError) -> None:
        self.taken: list[bytes] = []
        self.names: list[str] = []
        self.faults = list(faults)

    async def take(self, content: Content, name: str) -> Verdict:
        """Remember a content, and what it is called."""
        self.names.append(name)
        if self.faults:
            raise self.faults.pop(0)
        data = b"".join(content())
        self.taken.append(data)
        return Verdict(accepted=not data.startswith(b"bad"), kept=True, answer=[b"answer to ", data])


def refuse(reason: str) -> Verdict:
    """Answer a file that is not to be read."""
    return Verdict(accepted=False, kept=False, answer=[reason.encode()])


class Post:
    """A drop folder, its reception and its counts."""

    def __init__(self, path: Path, *faults: BrokerError, pace: Pace = QUICK) -> None:
        self.path = path / "drop"
        self.reception = Reception(*faults)
        self.counts: Counter[str] = Counter()
        self.counted = asyncio.Event()
        self.folder = DropFolder(self.path, self.reception.take, refuse, count=self.count, pace=pace)
        self.folder.prepare()

    def count(self, event: str) -> None:
        """Count one event."""
        self.counts.update([event])
        self.counted.set()

    def drop(self, name: str, content: bytes) -> None:
        """Put a file into the folder."""
        (self.path / name).write_bytes(content)

    def look(self, times: int = 2) -> list[bool]:
        """Look so many times; return what each look said."""

        async def looks() -> list[bool]:
            """Look so many times."""
            return [await self.folder.look() for _ in range(times)]

        return asyncio.run(looks())

    def run_until(self, condition: Callable[[], bool]) -> None:
        """Run the folder until a condition on the counts holds."""

        async def run() -> None:
            """Run until the condition holds."""
            running = asyncio.create_task(self.folder.run())
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not condition():
                    self.counted.clear()
                    await self.counted.wait()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

        asyncio.run(run())

    def names(self, folder: str) -> list[str]:
        """Return the names of what lies in a folder below."""
        return sorted(entry.name for entry in (self.path / folder).iterdir())


def test_a_file_that_is_replaced_while_it_is_taken_is_taken_as_well(tmp_path: Path) -> None:
    """A large file takes an hour to check; the next day's of the same name is not removed unread."""
    post = Post(tmp_path)
    first = post.reception.take

    async def slow(content: Content, name: str) -> Verdict:
        """Take a file, while its sender writes another in its place."""
        if b"".join(content()) == b"first":
            verdict = await first(content, name)
            post.drop("a.xml", b"the second")
            return verdict
        return await first(content, name)

    post.folder = DropFolder(post.path, slow, refuse, count=post.count, pace=QUICK)
    post.drop("a.xml", b"first")
    post.look(5)

    assert [b"first", b"the second"] == post.reception.taken
    assert not (post.path / "a.xml").exists()
    assert {"a.xml.ack.xml", "a.2.xml.ack.xml"} == {path.name for path in (post.path / DONE).iterdir()}


def test_of_a_taken_file_the_answer_alone_lies_in_done(tmp_path: Path) -> None:
    """The sender finds what became of it; the file itself is kept sealed, and names nobody here any more."""
    post = Post(tmp_path)
    post.drop("a.xml", b"good")

    post.look()

    assert post.names(DONE) == ["a.xml.ack.xml"]
    assert not (post.path / "a.xml").exists()
    assert (post.path / DONE / "a.xml.ack.xml").read_bytes() == b"answer to good"


def test_the_answer_to_a_refused_file_lies_in_refused(tmp_path: Path) -> None:
    """One of which nothing could be taken is told apart by its place."""
    post = Post(tmp_path)
    post.drop("a.xml", b"bad")

    post.look()

    assert post.names(REFUSED) == ["a.xml.ack.xml"]
    assert {"upload refused": 1} == post.counts


def test_a_file_is_not_taken_at_first_sight(tmp_path: Path) -> None:
    """It could be half written."""
    post = Post(tmp_path)
    post.drop("a.xml", b"good")

    post.look(1)

    assert post.reception.taken == []


def test_a_file_that_grew_since_the_last_look_is_not_taken(tmp_path: Path) -> None:
    """It is taken whole, when it has stopped growing."""
    post = Post(tmp_path)
    post.drop("a.xml", b"go")
    post.look(1)
    post.drop("a.xml", b"good")

    post.look(1)
    before = list(post.reception.taken)
    post.look(1)

    assert (before, post.reception.taken) == ([], [b"good"])


@pytest.mark.parametrize("name", [".a.xml", "a.xml.part", "a.txt"])
def test_only_xml_files_that_are_not_hidden_are_taken(tmp_path: Path, name: str) -> None:
    """Whoever writes under another name and renames has nothing to fear."""
    post = Post(tmp_path)
    post.drop(name, b"good")

    post.look()

    assert post.reception.taken == []


def test_a_directory_is_left_alone(tmp_path: Path) -> None:
    """Whatever it is called."""
    post = Post(tmp_path)
    (post.path / "a.xml").mkdir()

    assert post.look() == [True, True]


def test_a_file_that_arrived_first_is_taken_first(tmp_path: Path) -> None:
    """Later files correct earlier ones."""
    post = Post(tmp_path)
    post.drop("b.xml", b"first")
    first = (post.path / "b.xml").stat().st_mtime_ns
    post.drop("a.xml", b"second")
    _touch(post.path / "a.xml", first + 1_000_000)

    post.look()

    assert post.reception.taken == [b"first", b"second"]


def test_what_cannot_be_kept_stays_and_is_handed_over_again(tmp_path: Path) -> None:
    """Nothing has moved, and the next look takes it, by the same name: it is the same file."""
    post = Post(tmp_path, StorageUnusable())
    post.drop("a.xml", b"good")

    looks = post.look(3)

    assert looks == [True, False, True]
    assert {"upload postponed": 1, "upload done": 1} == post.counts
    assert 1 == len(set(post.reception.names))


def test_a_file_of_the_same_name_is_another_file(tmp_path: Path) -> None:
    """Even where it has as many bytes, and its sender says that it is as old."""
    post = Post(tmp_path)
    for content in (b"good", b"best"):
        post.drop("a.xml", content)
        _touch(post.path / "a.xml", 1_700_000_000_000_000_000)
        post.look()

    assert [b"good", b"best"] == post.reception.taken
    assert 2 == len(set(post.reception.names))


def test_no_file_waits_for_another(tmp_path: Path) -> None:
    """A large one takes an hour; which of them comes first, who takes them decides."""
    post = Post(tmp_path)
    others = asyncio.Event()

    async def take(content: Content, name: str) -> Verdict:
        """Take the large one once the small one is answered."""
        if b"".join(content()) == b"large":
            await others.wait()
        return await post.reception.take(content, name)

    def count(event: str) -> None:
        """Note that one is answered."""
        post.count(event)
        others.set()

    post.folder = DropFolder(post.path, take, refuse, count=count, pace=QUICK)
    post.drop("a.xml", b"large")
    _touch(post.path / "a.xml", 1_700_000_000_000_000_000)
    post.drop("b.xml", b"small")

    post.run_until(lambda: post.counts["upload done"] == 2)

    assert [b"small", b"large"] == post.reception.taken


def test_so_many_files_are_handed_over_at_once_and_no_more(tmp_path: Path) -> None:
    """Each is on the disk twice meanwhile; the next comes when one of them is answered."""
    post = Post(tmp_path, pace=replace(QUICK, at_once_max=1))
    for number, content in enumerate((b"one", b"two")):
        post.drop(f"{number}.xml", content)
        _touch(post.path / f"{number}.xml", 1_700_000_000_000_000_000 + number)

    post.look()
    first = list(post.reception.taken)
    post.look(1)

    assert ([b"one"], [b"one", b"two"]) == (first, post.reception.taken)


def test_when_the_broker_stops_what_is_being_taken_is_left_where_it_lies(tmp_path: Path) -> None:
    """Its successor finds it."""
    post = Post(tmp_path)
    begun = asyncio.Event()

    async def take(_content: Content, _name: str) -> Verdict:
        """Take for ever."""
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    post.folder = DropFolder(post.path, take, refuse, count=post.count, pace=QUICK)
    post.drop("a.xml", b"good")

    async def run() -> None:
        """Run until it is being taken."""
        running = asyncio.create_task(post.folder.run())
        async with asyncio.timeout(PATIENCE_SECONDS):
            await begun.wait()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(run())

    assert ({}, True) == (post.counts, (post.path / "a.xml").exists())


def test_a_file_that_cannot_be_kept_does_not_hold_up_the_others(tmp_path: Path) -> None:
    """The next file is taken in the same look."""
    post = Post(tmp_path, StorageUnusable())
    post.drop("a.xml", b"one")
    post.drop("b.xml", b"two")

    looks = post.look()

    assert looks == [True, False]
    assert len(post.reception.taken) == 1


def test_a_crash_between_the_answer_and_the_end_of_the_file_repeats_it(tmp_path: Path) -> None:
    """A process that ends there leaves the file where it was: taken again, it is answered once more."""
    post = Post(tmp_path)
    post.drop("a.xml", b"good")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}

    crashed = subprocess.run(
        [sys.executable, "-c", CRASHING, str(post.path)], env=environment, check=False, timeout=180
    )
    left = post.names(DONE), (post.path / "a.xml").exists()
    post.look()

    assert CRASH_EXIT_CODE == crashed.returncode
    assert (["a.xml.ack.xml"], True) == left
    assert ["a.2.xml.ack.xml", "a.xml.ack.xml"] == post.names(DONE)
    assert (post.path / DONE / "a.2.xml.ack.xml").read_bytes() == b"answer to good"


def test_an_answer_is_for_the_broker_s_account_alone(tmp_path: Path) -> None:
    """It names the children that the file names."""
    post = Post(tmp_path)
    post.drop("a.xml", b"good")

    post.look()

    assert 0o600 == (post.path / DONE / "a.xml.ack.xml").stat().st_mode & 0o777


def test_a_file_that_nobody_keeps_lies_beside_its_answer(tmp_path: Path) -> None:
    """One that was not read is the operator's to look at, and takes the place of no other."""
    post = Post(tmp_path, pace=Pace(file_bytes_max=3))
    for content in (b"good", b"better"):
        post.drop("a.xml", content)
        post.look()

    assert ["a.2.xml", "a.2.xml.ack.xml", "a.xml", "a.xml.ack.xml"] == post.names(REFUSED)
    assert b"better" == (post.path / REFUSED / "a.2.xml").read_bytes()


def test_without_room_for_the_answer_the_file_stays(tmp_path: Path) -> None:
    """Once there is room it is taken again, and answered."""
    post = Post(tmp_path)
    (post.path / DONE).rmdir()
    post.drop("a.xml", b"good")

    looks = post.look()
    (post.path / DONE).mkdir()
    post.look()

    assert (looks, post.names(DONE)) == ([True, False], ["a.xml.ack.xml"])


def test_the_answer_to_an_earlier_file_of_the_same_name_is_kept(tmp_path: Path) -> None:
    """The later one gets a number."""
    post = Post(tmp_path)
    post.drop("a.xml", b"good")
    post.look()
    post.drop("a.xml", b"better")

    post.look()

    assert post.names(DONE) == ["a.2.xml.ack.xml", "a.xml.ack.xml"]


def test_a_file_beyond_the_limit_is_refused_unread(tmp_path: Path) -> None:
    """It is never held in memory."""
    post = Post(tmp_path, pace=Pace(file_bytes_max=3))
    post.drop("a.xml", b"good")

    post.look()

    assert post.reception.taken == []
    assert (post.path / REFUSED / "a.xml.ack.xml").read_bytes() == b"file too large"


def test_a_file_that_vanished_is_no_trouble(tmp_path: Path) -> None:
    """Somebody took it away between the look and the reading."""
    post = Post(tmp_path)
    post.drop("a.xml", b"good")
    post.look(1)
    (post.path / "b.xml").symlink_to(post.path / "nowhere")
    (post.path / "a.xml").unlink()

    assert post.look(1) == [True]


def test_a_folder_that_vanished_is_looked_for_again(tmp_path: Path) -> None:
    """A share that is not mounted for a moment stops nobody."""
    post = Post(tmp_path)
    away = tmp_path / "away"
    post.path.rename(away)
    missing = post.look(1)
    away.rename(post.path)

    assert missing + post.look(1) == [False, True]


def test_it_runs_by_itself_and_goes_on_once_there_is_room(tmp_path: Path) -> None:
    """Without anybody's help."""
    post = Post(tmp_path, StorageUnusable(), StorageUnusable())
    post.drop("a.xml", b"good")

    post.run_until(lambda: post.counts["upload done"] == 1)

    assert post.counts["upload postponed"] == 2


def test_a_place_where_no_folder_can_be_made_is_told(tmp_path: Path) -> None:
    """The operator is told, not the log of a crash."""
    (tmp_path / "drop").write_text("a file", encoding="utf-8")

    with pytest.raises(StorageUnusable, match="CPIS_DROP_FOLDER"):
        Post(tmp_path)


def test_what_was_taken_is_destroyed_after_a_time(tmp_path: Path) -> None:
    """Answers, accepted or refused; what is not taken yet, and what is no file, stays (23)."""
    post = Post(tmp_path)
    post.drop("a.xml", b"good")
    post.drop("b.xml", b"bad")
    post.look()
    post.drop("c.xml", b"good")
    (post.path / DONE / "of the operator").mkdir()
    now = datetime.now(tz=UTC)

    assert 0 == post.folder.destroy_before(now - timedelta(minutes=5))
    assert 2 == post.folder.destroy_before(now + timedelta(minutes=5))

    assert (["of the operator"], []) == (post.names(DONE), post.names(REFUSED))
    assert (post.path / "c.xml").exists()


def test_a_folder_that_cannot_be_read_is_tried_again(tmp_path: Path) -> None:
    """The other one is looked at all the same."""
    post = Post(tmp_path)
    post.drop("b.xml", b"bad")
    post.look()
    (post.path / DONE).rmdir()

    assert 1 == post.folder.destroy_before(datetime.now(tz=UTC) + timedelta(minutes=5))


def test_the_folders_are_closed_to_others(tmp_path: Path) -> None:
    """The files name children."""
    post = Post(tmp_path)

    modes = {(post.path / name).stat().st_mode & 0o777 for name in (".", DONE, REFUSED)}

    assert modes == {0o700}


def _touch(path: Path, modified_ns: int) -> None:
    """Set a file's time of modification."""
    os.utime(path, ns=(modified_ns, modified_ns))
