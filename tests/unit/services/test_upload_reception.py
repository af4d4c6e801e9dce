"""A file that stays at its door until it is answered is copied once, and found again by its name."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from broker.adapters.kept_files import KeptFiles
from broker.core.errors import KeysUnreadable, MalformedMessage, StorageUnusable
from broker.core.identifiers import OdsCode
from broker.core.kept_uploads import Part, UploadDoor
from broker.services.upload_reception import Copy
from tests.builders.upload import build_upload
from tests.builders.upload_desk import NOW, Desk
from tests.builders.upload_reception import Received
from tests.official_schemas import faults_of

FOLDER, MESH = UploadDoor.FOLDER, UploadDoor.MESH
OWN = OdsCode("Z211")
HALF = len(build_upload()) // 2


async def copy(write: Callable[[bytes], None]) -> None:
    """Copy a file in two pieces."""
    for piece in (build_upload()[:HALF], build_upload()[HALF:]):
        write(piece)


def opened(tmp_path: Path) -> tuple[Received, str]:
    """Return a reception with files on disk, and the id of a file."""
    desk = Desk()
    received = Received(desk, KeptFiles(tmp_path / "kept", desk.sealer))
    return received, received.reception.id_of(FOLDER, "a file")


def test_a_file_is_kept_as_it_came_and_waits_for_whom_its_head_names(tmp_path: Path) -> None:
    """Sealed, and in line behind what is that authority's, before anybody has looked through it."""
    received, upload_id = opened(tmp_path)

    asyncio.run(received.reception.keep(upload_id, copy, door=FOLDER))
    [kept] = received.store.every()

    assert (upload_id, FOLDER, frozenset({OWN}), NOW, True) == (
        kept.upload_id,
        kept.door,
        kept.senders,
        kept.received_at,
        kept.waits,
    )
    assert build_upload() == b"".join(received.store.read(upload_id, Part.FILE))
    assert kept == asyncio.run(received.reception.found(upload_id))


@pytest.mark.parametrize(
    ("senders", "named"), [(frozenset(), frozenset()), (None, frozenset()), ({OdsCode("Z212")}, {"Z212"})]
)
def test_whose_it_is_the_door_says_where_it_knows(
    tmp_path: Path, senders: frozenset[OdsCode] | None, named: frozenset[str]
) -> None:
    """A mailbox is somebody's, or nobody's; what has no head that can be read is nobody's."""
    received, upload_id = opened(tmp_path)

    async def nonsense(write: Callable[[bytes], None]) -> None:
        """Copy what is no file."""
        write(b"<no")

    asyncio.run(received.reception.keep(upload_id, nonsense, door=MESH, senders=senders))

    assert [named] == [{code.code for code in one.senders} for one in received.store.every()]


def test_a_slow_door_keeps_no_other_waiting(tmp_path: Path) -> None:
    """A large file over the exchange takes minutes to fetch; those of one door keep their order."""
    received, upload_id = opened(tmp_path)
    others = [received.reception.id_of(MESH, name) for name in ("first", "second")]

    async def story() -> list[str]:
        """Fetch one over the exchange until another has come by the folder, and a second behind it."""
        begun, dropped = asyncio.Event(), asyncio.Event()

        async def slow(write: Callable[[bytes], None]) -> None:
            """Wait for the other door."""
            begun.set()
            await dropped.wait()
            await copy(write)

        async def over_mesh(name: str, how: Copy) -> None:
            """Keep one that came over the exchange."""
            await received.reception.keep(name, how, door=MESH, senders=frozenset({OWN}))

        fetching = asyncio.gather(over_mesh(others[0], slow), over_mesh(others[1], copy))
        await begun.wait()
        await received.reception.keep(upload_id, copy, door=FOLDER)
        before = [one.upload_id for one in received.store.every()]
        dropped.set()
        await fetching
        return before

    assert [upload_id] == asyncio.run(story())
    assert [upload_id, *others] == list(received.queue._waiting)


def test_one_that_was_taken_is_answered_from_what_is_kept(tmp_path: Path) -> None:
    """After a crash as well: nobody takes it a second time to be able to answer it."""
    received, upload_id = opened(tmp_path)

    async def story() -> None:
        """Keep it, have it taken while somebody waits for that."""
        await received.reception.keep(upload_id, copy, door=FOLDER)
        waiting = asyncio.create_task(received.queue.settled(upload_id))
        await received.work_until(waiting.done)

    asyncio.run(story())
    upload = asyncio.run(received.reception.found(upload_id))

    assert upload is not None
    assert [] == faults_of(b"".join(received.reception.answer(upload)))


def test_what_another_process_kept_and_did_not_take_is_taken(tmp_path: Path) -> None:
    """Of two with one disk the first died: the second finds its file at the door, and does not only wait."""
    received, upload_id = opened(tmp_path)
    asyncio.run(received.reception.keep(upload_id, copy, door=MESH))
    second = Received(Desk(), received.store)

    async def story() -> None:
        """Find it again and again, as a door does that looks, until it is taken."""
        assert await second.reception.found(upload_id) is not None
        assert await second.reception.found(upload_id) is not None
        await second.work_until(second.tried)

    asyncio.run(story())

    assert ["CPF02"] == [one.result.code for one in received.store.every() if one.result]


@pytest.mark.parametrize("damage", ["the answer", "what is known", "never there"])
def test_what_is_kept_and_cannot_be_read_any_more_is_handed_in_again(tmp_path: Path, damage: str) -> None:
    """The door has it still."""
    received, upload_id = opened(tmp_path)
    asyncio.run(received.reception.keep(upload_id, copy, door=FOLDER))
    asyncio.run(received.work_until(received.tried))
    if damage == "the answer":
        (tmp_path / "kept" / f"{upload_id}.{Part.XML}").write_bytes(b"x" * 40)
    elif damage == "what is known":
        (tmp_path / "kept" / f"{upload_id}.json").write_bytes(b"{")
    else:
        (tmp_path / "kept" / f"{upload_id}.{Part.XML}").unlink()

    assert asyncio.run(received.reception.found(upload_id)) is None


def test_what_cannot_be_read_only_now_is_not_handed_in_again(tmp_path: Path) -> None:
    """The disk of the keys fails for a moment: the answer is there, and the door asks later."""
    desk = Desk()
    received = Received(desk, KeptFiles(tmp_path / "kept", desk.sealer))
    upload_id = received.reception.id_of(FOLDER, "a file")
    asyncio.run(received.reception.keep(upload_id, copy, door=FOLDER))
    asyncio.run(received.work_until(received.tried))
    desk.sealer.readable = False

    with pytest.raises(KeysUnreadable):
        asyncio.run(received.reception.found(upload_id))
    desk.sealer.readable = True
    assert asyncio.run(received.reception.found(upload_id)) is not None


def test_what_is_lost_is_handed_in_again(tmp_path: Path) -> None:
    """Its bytes on disk are damaged; those at the door are not."""
    received, upload_id = opened(tmp_path)
    asyncio.run(received.reception.keep(upload_id, copy, door=FOLDER))
    [kept] = received.store.every()
    received.store.settle(replace(kept, lost=True), {})

    assert asyncio.run(received.reception.found(upload_id)) is None


@pytest.mark.parametrize("error", [MalformedMessage("file too large"), StorageUnusable()])
def test_nothing_is_left_of_a_file_that_could_not_be_copied(tmp_path: Path, error: Exception) -> None:
    """It does not wait, and the door is told why."""
    received, upload_id = opened(tmp_path)

    async def broken(write: Callable[[bytes], None]) -> None:
        """Break off."""
        write(b"<File")
        raise error

    with pytest.raises(type(error)):
        asyncio.run(received.reception.keep(upload_id, broken, door=FOLDER))

    assert [] == [path for path in (tmp_path / "kept").iterdir() if path.is_file()]


def test_a_file_that_is_not_to_be_read_is_answered_all_the_same(tmp_path: Path) -> None:
    """Its sender learns the reason from a valid message; nothing is kept of what was not read."""
    received, _ = opened(tmp_path)

    outcome = received.reception.refuse("file too large")

    assert ("CPF01", False, []) == (outcome.result.code, outcome.result.accepted, received.store.every())
    assert [] == faults_of(outcome.acknowledgement)


def test_files_are_told_apart_by_door_and_name(tmp_path: Path) -> None:
    """Nothing of either stands in the id."""
    reception = opened(tmp_path)[0].reception

    names = [reception.id_of(door, name) for door in (FOLDER, MESH) for name in ("a.xml", "b.xml")]

    assert 4 == len(set(names))
    assert all(set(name) <= set("0123456789abcdef") for name in names)
