"""A kept upload is opened on grounds alone, noted before the first byte is read, by an administrator."""

import asyncio
from dataclasses import replace
from typing import NoReturn

import pytest

from broker.adapters.memory import MemoryFactLog, MemoryKafka
from broker.adapters.memory_sealing import MemorySealer
from broker.core.desk_errors import CannotDisclose, NotForThisRole
from broker.core.desk_roles import Role
from broker.core.errors import KafkaUnavailable
from broker.core.facts import IdentityKind, IdentityNotice
from broker.core.kept_uploads import Part
from broker.core.operators import ActionKind, Grounds, OperatorAction
from broker.core.upload_errors import NoSuchUpload, UploadLost
from broker.ports import Topic
from broker.runtime.codecs import load_schemas
from broker.services.desk_log import DeskLog
from broker.services.kept_desk import KeptDesk
from broker.wire.records_codec import RecordsCodec
from tests.builders.house import ADA
from tests.builders.matcher import fact_write, make_codecs
from tests.builders.readers import excluding_on, readers_of
from tests.builders.upload_desk import KEY, NOW
from tests.builders.upload_store import UPLOAD, MemoryUploads

GROUNDS = Grounds(by="A Administrator", reason="the authority asks what it sent, ticket 12")


class House:
    """A store with one upload, and the desk in front of it."""

    def __init__(self, role: Role = Role.ADMINISTRATOR, store: MemoryUploads | None = None) -> None:
        self.kafka = MemoryKafka()
        sealer = MemorySealer()
        self.records = RecordsCodec(load_schemas(), sealer)
        self.store = store or MemoryUploads()
        self.store.settle(UPLOAD, {Part.FILE: [b"<File/>"]})
        log = DeskLog(MemoryFactLog(self.kafka), self.records, key=KEY, clock=lambda: NOW, role=role)
        self.codecs = make_codecs(sealer)
        readers = readers_of(self.codecs)
        self.desk = KeptDesk(self.store, log, excluding_on(self.kafka, readers, log, KEY, lambda: NOW))

    def open(self, upload_id: str = UPLOAD.upload_id, part: Part = Part.FILE) -> bytes:
        """Open a part of an upload."""
        return asyncio.run(self.desk.open(upload_id, part, GROUNDS))

    def noted(self) -> list[OperatorAction]:
        """Return what stands in the audit trail."""
        return [self.records.decode_action(one.value or b"") for one in self.kafka.read(Topic.AUDIT)]


def test_what_is_opened_is_noted() -> None:
    """Which upload, which part of it, by whom and why."""
    house = House()

    assert b"<File/>" == house.open()
    [action] = house.noted()
    assert (ActionKind.UNMASKED, UPLOAD.upload_id, GROUNDS, "file") == (
        action.kind,
        action.item_id,
        action.grounds,
        action.outcome,
    )


def test_an_upload_that_is_not_there_is_told_and_nothing_noted() -> None:
    """Nor is anything read."""
    house = House()

    with pytest.raises(NoSuchUpload):
        house.open("b" * 32)
    assert [] == house.noted()


def test_what_is_kept_is_opened_though_what_is_known_of_it_is_damaged() -> None:
    """The bytes may be whole, and an administrator who is to rescue them is not kept out."""

    class Damaged(MemoryUploads):
        """A store that cannot read what is known."""

        def find(self, upload_id: str) -> NoReturn:  # noqa: ARG002 - the port's signature
            """Fail."""
            raise UploadLost

    house = House(store=Damaged())

    assert b"<File/>" == house.open()
    assert 1 == len(house.noted())


def test_an_answer_that_is_not_there_yet_is_told() -> None:
    """The file waits still."""
    with pytest.raises(NoSuchUpload):
        House().open(part=Part.XML)


@pytest.mark.parametrize("role", [Role.READER, Role.OPERATOR])
def test_only_an_administrator_opens_it(role: Role) -> None:
    """It names children."""
    house = House(role)

    with pytest.raises(NotForThisRole):
        house.open()
    assert [] == house.noted()


def test_what_cannot_be_noted_is_not_opened() -> None:
    """The audit trail comes first."""
    house = House()
    house.kafka.available = False

    with pytest.raises(KafkaUnavailable):
        house.open()
    assert replace(UPLOAD) == house.store.find(UPLOAD.upload_id)


def test_a_file_with_somebody_whom_anybody_must_not_see_stays_shut_to_a_desk_of_nobody() -> None:
    """Bytes as they came leave nobody out (ruling 48)."""
    house = House()
    house.store.settle(UPLOAD, {Part.FILE: [f"<Number>{ADA.digits}</Number>".encode()]})
    excluded = IdentityNotice(
        notice_id="exclusion", kind=IdentityKind.EXCLUDED, user="u1", recorded_at=NOW, received_at=NOW
    )
    assert ADA.key in house.open()

    house.kafka.append([fact_write(house.codecs.facts, excluded, ADA)])

    with pytest.raises(CannotDisclose):
        house.open()
