"""Uploads that were accepted are taken in their turn, after a crash as well, until each is settled."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from broker.adapters.kept_files import KeptFiles
from broker.core.errors import KeysUnreadable, ReaderLost, StorageUnusable, UnsealingFailed
from broker.core.identifiers import OdsCode
from broker.core.kept_uploads import KeptUpload, Part, UploadDoor
from broker.services.upload_desk import Outcome, UploadDesk
from broker.services.upload_queue import AT_ONCE, WAITING_MAX, WAITING_OF_ONE_MAX, Pace, UploadQueue
from broker.wire.upload_codes import DEFECT
from tests.builders.matcher import until
from tests.builders.upload import build_upload
from tests.builders.upload_desk import NOW, Desk
from tests.builders.upload_store import UPLOAD, keep

PATIENCE_SECONDS = 90.0
QUICK = Pace(retry_seconds_min=0.001, retry_seconds_max=0.002)


class Line:
    """A queue in front of a desk whose cluster is in memory."""

    def __init__(
        self,
        directory: Path,
        store: type[KeptFiles] = KeptFiles,
        desk: type[UploadDesk] = UploadDesk,
        pace: Pace = QUICK,
    ) -> None:
        self.memory = Desk()
        self.store = store(directory / "kept", self.memory.sealer)
        self.counts: Counter[str] = Counter()
        self.taken: list[str] = []
        self.desk: Any = desk(
            self.memory.uploads,
            self.store,
            clock=lambda: NOW,
            told=lambda _door, answer: self.taken.append(answer.head.file_id or ""),
        )
        self.queue = UploadQueue(
            self.desk,
            self.store,
            clock=lambda: NOW,
            count=lambda event: self.counts.update([event]),
            pace=pace,
        )

    def keep(self, upload: KeptUpload, data: bytes) -> None:
        """Keep a file, as the door does before it answers."""
        keep(self.store, upload, data)

    def run(self, condition: Callable[[], bool]) -> None:
        """Run the queue until a condition holds."""

        async def run() -> None:
            """Take up what is left, run."""
            await self.queue.take_up()
            running = asyncio.create_task(self.queue.run())
            await until(condition, PATIENCE_SECONDS)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

        asyncio.run(run())

    def settled(self) -> bool:
        """Tell whether everything that is kept is settled."""
        return all(one.result is not None for one in self.store.every())


def test_what_was_accepted_and_not_finished_is_taken_up_in_its_order(tmp_path: Path) -> None:
    """The process that answered `202` was killed; its successor has the file and nobody sends it again."""
    line = Line(tmp_path)
    for hours, (upload_id, file_id) in enumerate((("b" * 32, "FIRST"), ("a" * 32, "SECOND"))):
        upload = replace(UPLOAD, upload_id=upload_id, received_at=NOW + timedelta(hours=hours))
        line.keep(upload, build_upload(file_id=file_id))

    line.run(line.settled)

    assert ["FIRST", "SECOND"] == line.taken
    assert {"CPF02"} == {one.result.code for one in line.store.every() if one.result}


def test_what_is_settled_is_not_taken_again(tmp_path: Path) -> None:
    """Nor what is added twice, nor what is gone meanwhile."""
    line = Line(tmp_path)
    line.keep(UPLOAD, build_upload(file_id="ONCE"))
    last = replace(UPLOAD, upload_id="b" * 32)

    async def run() -> None:
        """Run while nothing waits, then add one; then what is settled and what is gone before the last."""
        running = asyncio.create_task(line.queue.run())
        await asyncio.sleep(0)
        line.queue.add(UPLOAD.upload_id)
        await until(line.settled, PATIENCE_SECONDS)
        await line.queue.take_up()
        line.keep(last, build_upload(file_id="LAST"))
        for upload_id in (UPLOAD.upload_id, "c" * 32, last.upload_id, last.upload_id):
            line.queue.add(upload_id)
        await until(line.settled, PATIENCE_SECONDS)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(run())

    assert ["ONCE", "LAST"] == line.taken


def test_while_kafka_is_away_a_file_waits_and_its_status_says_why(tmp_path: Path) -> None:
    """It is taken once Kafka is back, without anybody's help."""
    line = Line(tmp_path)
    line.keep(UPLOAD, build_upload())
    line.memory.kafka.available = False

    line.run(lambda: line.counts["upload postponed"] > 2)
    waiting = line.store.find(UPLOAD.upload_id)
    line.memory.kafka.available = True
    line.run(line.settled)

    assert waiting is not None
    assert waiting.again_at is not None
    assert (NOW < waiting.again_at, "CPIS-401", True) == (True, waiting.postponed, waiting.waits)
    assert (1, "") == (len(line.memory.plans()), line.store.every()[0].postponed)


def test_a_file_that_cannot_be_read_any_more_is_told_and_holds_up_nobody(tmp_path: Path) -> None:
    """The next one is taken."""
    line = Line(tmp_path)
    line.keep(UPLOAD, build_upload(file_id="DAMAGED"))
    (tmp_path / "kept" / f"{UPLOAD.upload_id}.{Part.FILE}").write_bytes(b"x" * 40)
    following = replace(UPLOAD, upload_id="b" * 32, received_at=NOW + timedelta(hours=1))
    line.keep(following, build_upload(file_id="NEXT"))

    line.run(lambda: line.taken == ["NEXT"])

    assert {"upload lost": 1} == line.counts
    damaged = line.store.find(UPLOAD.upload_id)
    assert damaged is not None
    assert (None, UnsealingFailed.code, True) == (damaged.result, damaged.postponed, damaged.lost)


def test_a_file_whose_key_cannot_be_read_now_is_not_lost(tmp_path: Path) -> None:
    """It waits, and nobody is told to send it again; then it is taken."""
    line = Line(tmp_path)
    line.keep(UPLOAD, build_upload(file_id="LATER"))
    line.memory.sealer.readable = False

    line.run(lambda: line.counts["upload postponed"] > 1)
    waiting = line.store.find(UPLOAD.upload_id)
    line.memory.sealer.readable = True
    line.run(line.settled)

    assert waiting is not None
    assert (True, KeysUnreadable.code) == (waiting.waits, waiting.postponed)
    assert ["LATER"] == line.taken


@pytest.mark.parametrize("lost", ["the bytes", "what is known"])
def test_what_is_lost_is_not_tried_again_at_the_next_start(lost: str, tmp_path: Path) -> None:
    """A day's key does not come back: the log and its sender are told once."""
    line = Line(tmp_path)
    line.keep(UPLOAD, build_upload(file_id="GONE"))
    line.queue.add(UPLOAD.upload_id)
    if lost == "the bytes":
        (tmp_path / "kept" / f"{UPLOAD.upload_id}.{Part.FILE}").unlink()
    else:
        (tmp_path / "kept" / f"{UPLOAD.upload_id}.json").write_bytes(b"{")
    line.run(lambda: line.counts["upload lost"] == 1)

    following = replace(UPLOAD, upload_id="b" * 32, received_at=NOW + timedelta(hours=1))
    line.keep(following, build_upload(file_id="NEXT"))
    line.run(lambda: line.taken == ["NEXT"])

    assert {"upload lost": 1} == line.counts


@pytest.mark.parametrize("fault", [ReaderLost(), ZeroDivisionError()])
def test_a_file_that_cannot_be_taken_holds_up_no_other_and_ends_nothing(
    tmp_path: Path, fault: Exception
) -> None:
    """Its reader dies again and again, or meets a defect of ours; the others are another authority's."""

    class Fragile(UploadDesk):
        """Fails for one file."""

        async def settle(self, upload: KeptUpload) -> Outcome:
            """Take any but that one."""
            if upload.upload_id == UPLOAD.upload_id:
                raise fault
            return await super().settle(upload)

    line = Line(tmp_path, desk=Fragile)
    line.keep(UPLOAD, build_upload(file_id="POISON"))
    for number in "bc":
        following = replace(UPLOAD, upload_id=number * 32, received_at=NOW + timedelta(hours=1))
        line.keep(following, build_upload(file_id=number))

    line.run(lambda: len(line.taken) == 2 and line.counts["upload postponed"] > 2)

    poison = line.store.find(UPLOAD.upload_id)
    assert ["b", "c"] == line.taken
    assert poison is not None
    assert (None, getattr(fault, "code", DEFECT)) == (poison.result, poison.postponed)


class UncertainFiles(KeptFiles):
    """A store whose disk fails once, when a file is looked for."""

    failed = False

    def find(self, upload_id: str) -> KeptUpload | None:
        """Fail at first."""
        if not self.failed:
            self.failed = True
            raise StorageUnusable
        return super().find(upload_id)


def test_a_disk_that_fails_for_a_moment_loses_nothing(tmp_path: Path) -> None:
    """The file is looked for again."""
    line = Line(tmp_path, UncertainFiles)
    line.keep(UPLOAD, build_upload(file_id="ONCE"))

    async def run() -> None:
        """Add the file and run until it is taken."""
        line.queue.add(UPLOAD.upload_id)
        running = asyncio.create_task(line.queue.run())
        await until(lambda: line.taken == ["ONCE"], PATIENCE_SECONDS)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(run())

    assert {"upload postponed": 1} == line.counts


def test_no_more_than_so_many_may_wait(tmp_path: Path) -> None:
    """A disk is finite, and whoever sends more is told so."""
    queue = Line(tmp_path).queue
    for number in range(WAITING_MAX - 1):
        queue.add(f"{number:032x}")
    before = queue.full
    queue.add("f" * 32)

    assert (False, True) == (before, queue.full)


def test_one_authority_keeps_no_other_out(tmp_path: Path) -> None:
    """What waits of one is bounded by itself; whoever sends for two may have twice as many."""
    queue = Line(tmp_path).queue
    own, other = frozenset({OdsCode("Z211")}), frozenset({OdsCode("Z212")})
    for number in range(WAITING_OF_ONE_MAX):
        queue.add(f"{number:032x}", own)

    assert (True, False, False) == (queue.full_for(own), queue.full_for(other), queue.full_for(own | other))


class Gates(UploadDesk):
    """Takes a file once its gate is opened; says which are being taken, and the most that were at once."""

    def __init__(self, *words: object, **more: object) -> None:
        super().__init__(*words, **more)  # type: ignore[arg-type]  # as any desk
        self.gates: dict[str, asyncio.Event] = {}
        self.taking: list[str] = []
        self.most = 0

    async def settle(self, upload: KeptUpload) -> Outcome:
        """Wait at the gate, then take it."""
        self.taking.append(upload.upload_id)
        self.most = max(self.most, len(self.taking))
        if upload.upload_id in self.gates:
            await self.gates[upload.upload_id].wait()
        try:
            return await super().settle(upload)
        finally:
            self.taking.remove(upload.upload_id)


def of(*authorities: str) -> frozenset[OdsCode]:
    """Return these authorities."""
    return frozenset(map(OdsCode, authorities))


def test_a_small_file_is_answered_while_another_authority_s_large_one_is_being_taken(
    tmp_path: Path,
) -> None:
    """The large one, first in line, ends once the small one is answered; its own authority's next waits."""
    line = Line(tmp_path, desk=Gates)
    large, following, small = (
        replace(UPLOAD, upload_id=name * 32, senders=of(sender), received_at=NOW + timedelta(hours=hours))
        for name, sender, hours in (("a", "Z211", 0), ("b", "Z211", 1), ("c", "Z212", 2))
    )
    for upload, file_id in ((large, "LARGE"), (following, "FOLLOWING"), (small, "SMALL")):
        [sender] = upload.senders
        line.keep(upload, build_upload(file_id=file_id, authority=sender.code))

    async def run() -> None:
        """Hold the large one back until the small one is answered."""
        line.desk.gates[large.upload_id] = asyncio.Event()
        await line.queue.take_up()
        running = asyncio.create_task(line.queue.run())
        await until(lambda: line.taken == ["SMALL"], PATIENCE_SECONDS)
        assert large.upload_id in line.desk.taking
        assert following.upload_id not in line.desk.taking
        line.desk.gates[large.upload_id].set()
        await until(line.settled, PATIENCE_SECONDS)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(run())

    assert ["SMALL", "LARGE", "FOLLOWING"] == line.taken


def test_so_many_files_are_taken_at_once_and_no_more(tmp_path: Path) -> None:
    """Each large one has a process of its own; those of which nobody is known are taken one by one."""
    line = Line(tmp_path, desk=Gates)
    codes = [f"Z2{number:02}" for number in range(AT_ONCE + 2)]
    for number, code in enumerate(codes):
        upload = replace(UPLOAD, upload_id=f"{number:032x}", senders=of(code))
        line.keep(upload, build_upload(file_id=code, authority=code))
        line.desk.gates[upload.upload_id] = asyncio.Event()
    for number in range(2):
        line.keep(replace(UPLOAD, upload_id=f"{number + 256:032x}", senders=of()), b"<no")

    async def run() -> None:
        """Open the gates once as many are being taken as may be."""
        await line.queue.take_up()
        running = asyncio.create_task(line.queue.run())
        await until(lambda: len(line.desk.taking) == AT_ONCE, PATIENCE_SECONDS)
        for gate in line.desk.gates.values():
            gate.set()
        await until(line.settled, PATIENCE_SECONDS)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(run())

    assert AT_ONCE == line.desk.most
    assert {*codes, ""} == set(line.taken)


def test_a_file_that_cannot_be_taken_is_left_alone_for_longer_each_time(tmp_path: Path) -> None:
    """It is looked through anew each time, which costs; until when it is left alone is beside it, bounded."""

    class Stuck(UploadDesk):
        """Never takes a file."""

        async def settle(self, upload: KeptUpload) -> Outcome:  # noqa: ARG002
            """Fail."""
            raise ReaderLost

    pauses: list[float] = []

    class Noting(KeptFiles):
        """Notes for how long files are left alone."""

        def settle(self, upload: KeptUpload, parts: Mapping[Part, Iterable[bytes]]) -> None:
            """Note it."""
            super().settle(upload, parts)
            if upload.again_at is not None:
                pauses.append((upload.again_at - NOW).total_seconds())

    line = Line(tmp_path, Noting, Stuck, pace=Pace(retry_seconds_min=0.001, retry_seconds_max=0.003))
    line.keep(UPLOAD, build_upload())

    line.run(lambda: len(pauses) > 3)

    assert [0.001, 0.002, 0.003, 0.003] == pauses[:4]


def test_a_file_that_is_looked_after_while_it_is_taken_is_left_alone_all_the_same(tmp_path: Path) -> None:
    """Its door asks for it every few seconds; that begins no new count of its pauses."""

    class Failing(Gates):
        """Fails once its gate is open."""

        async def settle(self, upload: KeptUpload) -> Outcome:
            """Wait, be asked for, fail."""
            line.queue.see_to(upload)
            raise ReaderLost

    line = Line(tmp_path, desk=Failing, pace=Pace(retry_seconds_min=3_600.0, retry_seconds_max=3_600.0))
    line.keep(UPLOAD, build_upload())

    line.run(lambda: line.counts["upload postponed"] == 1)

    [waiting] = line.queue._waiting.values()
    assert (3_600.0, ReaderLost.code) == (waiting.pause, waiting.why)


def test_what_kept_one_file_waiting_and_is_over_keeps_no_other_waiting(tmp_path: Path) -> None:
    """Kafka is back: whatever waited for it is tried at once, however long it was to be left alone."""
    line = Line(tmp_path, pace=Pace(retry_seconds_min=0.001, retry_seconds_max=3_600.0))
    line.memory.kafka.available = False
    line.keep(UPLOAD, build_upload(file_id="FIRST"))
    following = replace(UPLOAD, upload_id="b" * 32, senders=of("Z212"), received_at=NOW + timedelta(hours=1))
    line.keep(following, build_upload(file_id="SECOND", authority="Z212"))

    async def run() -> None:
        """Let both wait for long, then have another authority's come when Kafka is there."""
        await line.queue.take_up()
        for waiting in line.queue._waiting.values():
            waiting.pause = 3_600.0
        running = asyncio.create_task(line.queue.run())
        await until(lambda: line.counts["upload postponed"] == 2, PATIENCE_SECONDS)
        third = replace(UPLOAD, upload_id="c" * 32, senders=of("Z213"))
        line.keep(third, build_upload(file_id="THIRD", authority="Z213"))
        line.queue.add(third.upload_id, third.senders)
        await until(lambda: line.counts["upload postponed"] >= 3, PATIENCE_SECONDS)
        line.memory.kafka.available = True
        await until(line.settled, PATIENCE_SECONDS)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(run())

    assert "THIRD" == line.taken[0]
    assert {"FIRST", "SECOND", "THIRD"} == set(line.taken)


@pytest.mark.parametrize("door", [UploadDoor.FOLDER, UploadDoor.MESH])
def test_what_lies_at_its_door_as_well_takes_no_other_s_room(tmp_path: Path, door: UploadDoor) -> None:
    """A folder with a year's files keeps nobody out who sends over HTTP."""
    queue = Line(tmp_path).queue
    for number in range(WAITING_MAX):
        queue.add(f"{number:032x}", of("Z211"), door)

    assert (False, False) == (queue.full, queue.full_for(of("Z211")))
