"""At the desk every door gets the same answer, nobody hands in another's file, and everything is kept."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from broker.adapters.kept_files import KeptFiles
from broker.adapters.memory_demographics import MemoryDemographics
from broker.core.errors import DemographicsUnavailable
from broker.core.identifiers import OdsCode
from broker.core.kept_uploads import KeptUpload, Part, Result, UploadDoor
from broker.services.upload_desk import Outcome, UploadDesk
from broker.services.uploads import NOT_ITS_OWN
from broker.wire.upload_answer import SOURCE_AWAY, FileAnswer
from broker.wire.upload_codes import FileCode
from tests.builders.upload import build_upload
from tests.builders.upload_desk import NOW, Desk
from tests.builders.upload_store import UPLOAD, keep
from tests.official_schemas import faults_of

OWN, OTHER = OdsCode("Z211"), OdsCode("Z212")


class Hearing:
    """A desk, what is durable behind it, and what it told."""

    def __init__(self, directory: Path, source: MemoryDemographics | None = None) -> None:
        self.memory = Desk(source=source)
        self.heard: list[tuple[UploadDoor, FileCode]] = []
        self.store = KeptFiles(directory / "kept", self.memory.sealer)
        self.desk = UploadDesk(self.memory.uploads, self.store, clock=lambda: NOW, told=self._hear)

    def _hear(self, door: UploadDoor, answer: FileAnswer) -> None:
        """Remember."""
        self.heard.append((door, answer.code))

    def take(self, data: bytes, door: UploadDoor, senders: frozenset[OdsCode] = frozenset()) -> Outcome:
        """Hand a file in."""
        upload = replace(UPLOAD, door=door, senders=senders)
        keep(self.store, upload, data)
        return asyncio.run(self.desk.settle(upload))


@pytest.mark.parametrize("door", UploadDoor)
def test_every_door_gets_the_same_answer_to_the_same_file(door: UploadDoor, tmp_path: Path) -> None:
    """The acknowledgement is that of the file alone, and the door is told with it (R15)."""
    hearing = Hearing(tmp_path)

    outcome = hearing.take(build_upload(), door, frozenset({OWN, OTHER}))

    assert outcome.answer == Hearing(tmp_path).take(build_upload(), UploadDoor.FOLDER).answer
    assert [(door, FileCode.LOADED)] == hearing.heard
    assert [] == faults_of(outcome.acknowledgement)
    assert "CPF02" == json.loads(b"".join(outcome.parts[Part.JSON]))["code"]


@pytest.mark.parametrize("door", [UploadDoor.FOLDER, UploadDoor.MESH])
def test_a_file_and_its_answers_are_kept_byte_for_byte_and_sealed(door: UploadDoor, tmp_path: Path) -> None:
    """And nothing of them can be read on the disk, which names no child (ruling 23)."""
    hearing = Hearing(tmp_path)

    outcome = hearing.take(build_upload(), door, frozenset({OWN}))
    [upload] = hearing.store.every()

    assert (door, frozenset({OWN})) == (upload.door, upload.senders)
    assert Result(code="CPF02", loaded=1, failed=0, plans=1) == upload.result
    kept = {part: b"".join(hearing.store.read(upload.upload_id, part)) for part in Part}
    answers = {part: b"".join(pieces) for part, pieces in outcome.parts.items()}
    assert {Part.FILE: build_upload(), **answers} == kept
    assert all(b"Robin" not in path.read_bytes() for path in (tmp_path / "kept").iterdir())


def test_another_authority_s_file_is_refused_as_a_whole(tmp_path: Path) -> None:
    """Nothing of it is loaded, its bytes are kept, and the answer names the place (CPF01)."""
    hearing = Hearing(tmp_path)

    outcome = hearing.take(build_upload(), UploadDoor.MESH, frozenset({OTHER}))

    fault = outcome.answer.fault
    assert fault is not None
    assert (FileCode.MALFORMED, NOT_ITS_OWN) == (outcome.answer.code, fault.reason)
    assert fault.location == "/File/communicationFunctionSnd/organisation/id"
    assert {} == hearing.memory.plans()
    assert [build_upload()] == [kept.raw for kept in hearing.memory.kept()]
    assert [] == faults_of(outcome.acknowledgement)


def test_a_file_that_nobody_can_read_is_answered_for_that_and_not_for_its_sender(tmp_path: Path) -> None:
    """Whose it is cannot be said of it: the reason is the fault that was found."""
    outcome = Hearing(tmp_path).take(b"<no", UploadDoor.HTTP, frozenset({OTHER}))

    assert "not well-formed XML" == next(outcome.answer.refused()).reason


def test_whoever_is_answered_at_once_sends_again_while_the_source_is_away(tmp_path: Path) -> None:
    """CPF05: nothing was loaded, nothing is wrong with the file, and no record is refused (R16)."""
    source = MemoryDemographics()
    source.available = False
    hearing = Hearing(tmp_path, source)

    outcome = hearing.take(build_upload(), UploadDoor.HTTP, frozenset({OWN}))

    assert FileCode.DEMOGRAPHICS_AWAY == outcome.answer.code
    assert [SOURCE_AWAY] == [one.reason for one in outcome.answer.refused()]
    assert ({}, []) == (hearing.memory.plans(), hearing.memory.kept())
    assert [] == faults_of(outcome.acknowledgement)


@pytest.mark.parametrize("door", [UploadDoor.FOLDER, UploadDoor.MESH])
def test_a_file_in_folder_or_mailbox_waits_for_the_source(door: UploadDoor, tmp_path: Path) -> None:
    """It stays where it is, unanswered, and is taken by itself once the source answers."""
    source = MemoryDemographics()
    source.available = False
    hearing = Hearing(tmp_path, source)

    with pytest.raises(DemographicsUnavailable):
        hearing.take(build_upload(), door, frozenset({OWN}))

    assert [None] == [one.result for one in hearing.store.every()]


def test_a_file_that_is_kept_already_is_taken_as_it_lies_there(tmp_path: Path) -> None:
    """Its answer is put beside it, and its receipt stays the first one."""
    hearing = Hearing(tmp_path)
    upload = KeptUpload(
        upload_id="ab" * 16,
        door=UploadDoor.HTTP,
        senders=frozenset({OWN}),
        received_at=NOW.replace(hour=3),
        digest="d",
        postponed="CPIS-401",
    )
    keep(hearing.store, upload, build_upload())

    outcome = asyncio.run(hearing.desk.settle(upload))
    [kept] = hearing.store.every()

    assert (outcome.result, "", upload.received_at) == (kept.result, kept.postponed, kept.received_at)
    assert [upload.received_at] == [plan.received_at for plan in hearing.memory.plans().values()]
    assert outcome.acknowledgement == b"".join(hearing.store.read(upload.upload_id, Part.XML))
