"""At the desk every door gets the same answer, and nobody hands in the file of another authority."""

import asyncio

import pytest

from broker.core.identifiers import OdsCode
from broker.services.upload_desk import Outcome, UploadDesk, UploadDoor
from broker.services.uploads import NOT_ITS_OWN
from broker.wire.upload_answer import FileAnswer
from broker.wire.upload_codes import FileCode
from tests.builders.upload import build_upload
from tests.builders.upload_desk import NOW, Desk
from tests.official_schemas import faults_of

OWN, OTHER = OdsCode("Z211"), OdsCode("Z212")


class Hearing:
    """A desk, what is durable behind it, and what it told."""

    def __init__(self) -> None:
        self.memory = Desk()
        self.heard: list[tuple[UploadDoor, FileCode]] = []
        self.desk = UploadDesk(self.memory.uploads, clock=lambda: NOW, told=self._hear)

    def _hear(self, door: UploadDoor, answer: FileAnswer) -> None:
        """Remember."""
        self.heard.append((door, answer.code))

    def take(self, data: bytes, door: UploadDoor, senders: frozenset[OdsCode] | None = None) -> Outcome:
        """Hand a file in."""
        return asyncio.run(self.desk.take(data, door=door, senders=senders))


@pytest.mark.parametrize("door", UploadDoor)
def test_every_door_gets_the_same_answer_to_the_same_file(door: UploadDoor) -> None:
    """The acknowledgement is that of the file alone, and the door is told with it (R15)."""
    hearing = Hearing()

    outcome = hearing.take(build_upload(), door, frozenset({OWN, OTHER}))

    assert outcome == Hearing().take(build_upload(), UploadDoor.FOLDER)
    assert [(door, FileCode.LOADED)] == hearing.heard
    assert [] == faults_of(outcome.acknowledgement)


def test_another_authority_s_file_is_refused_as_a_whole() -> None:
    """Nothing of it is loaded, its bytes are kept, and the answer names the place (CPF01)."""
    hearing = Hearing()

    outcome = hearing.take(build_upload(), UploadDoor.MESH, frozenset({OTHER}))

    fault = outcome.answer.fault
    assert fault is not None
    assert (FileCode.MALFORMED, NOT_ITS_OWN) == (outcome.answer.code, fault.reason)
    assert fault.location == "/File/communicationFunctionSnd/organisation/id"
    assert {} == hearing.memory.plans()
    assert [build_upload()] == [kept.raw for kept in hearing.memory.kept()]
    assert [] == faults_of(outcome.acknowledgement)


def test_a_file_that_nobody_can_read_is_answered_for_that_and_not_for_its_sender() -> None:
    """Whose it is cannot be said of it: the reason is the fault that was found."""
    outcome = Hearing().take(b"<no", UploadDoor.HTTP, frozenset({OTHER}))

    assert "not well-formed XML" == outcome.answer.refused[0].reason


def test_a_file_that_is_not_to_be_read_is_answered_all_the_same() -> None:
    """Its sender learns the reason from a valid message."""
    outcome = Hearing().desk.refuse("file too large")

    assert (FileCode.MALFORMED, False) == (outcome.answer.code, outcome.answer.accepted)
    assert [] == faults_of(outcome.acknowledgement)
