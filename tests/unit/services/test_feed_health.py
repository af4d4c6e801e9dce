"""What is remembered of each file, in numbers, and how every feed is read back from it (R15, R18, R20)."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.adapters.memory_archive import MemoryArchive
from broker.core.alerts import Recipient, RecipientKind
from broker.core.checks import CheckMark
from broker.core.errors import KafkaUnavailable, MalformedMessage
from broker.core.feeds import FeedHealth, FeedRule, FileTaken
from broker.core.identifiers import OdsCode
from broker.core.kept_uploads import MediaType
from broker.core.senders import Senders
from broker.ports import Topic, Write
from broker.runtime.codecs import load_schemas
from broker.services.feed_health import FeedsReport, files_taken, heard_by
from broker.wire.feed_codec import FeedCodec
from broker.wire.upload_codes import FileCode
from broker.wire.upload_csv import RECORD
from tests.builders.upload import Person, Record, build_upload
from tests.builders.upload_desk import NOW, Desk, door_of
from tests.builders.upload_store import UPLOAD, keep
from tests.builders.upload_tables import ROW, table
from tests.strategies import times

CODEC = FeedCodec(load_schemas())
OWN, OTHER = OdsCode("Z211"), OdsCode("Z212")
RULE = FeedRule(stale_after=timedelta(hours=48), gate=0.95)
UNUSABLE = Record(child=Person(number="1234567890"))
_PLACEHOLDER_FREE = st.text("ABCDEF0123456789", min_size=3, max_size=8)


def remembered(desk: Desk) -> list[FileTaken]:
    """Return what is remembered of files."""
    return asyncio.run(files_taken(MemoryArchive(desk.kafka), CODEC))


def read(desk: Desk, at: datetime) -> Sequence[FeedHealth]:
    """Return how every feed stands."""
    report = FeedsReport(MemoryArchive(desk.kafka), CODEC, desk.records, RULE)
    return asyncio.run(report.read(at))


@given(
    file=st.builds(
        FileTaken,
        authority=st.builds(OdsCode, _PLACEHOLDER_FREE),
        file_key=st.text(max_size=32),
        code=st.sampled_from(["CPF01", "CPF02"]),
        created_at=st.none() | times(),
        received_at=times(),
        found=st.integers(0, 20_000),
        plans=st.integers(0, 60_000),
        codes=st.dictionaries(st.sampled_from(["CPR01", "CPR06"]), st.integers(0, 20_000)),
    )
)
def test_what_became_of_a_file_is_read_back(file: FileTaken) -> None:
    """Every number survives."""
    assert file == CODEC.decode_file(CODEC.encode_file(file))


def test_a_table_without_a_record_is_taken_as_a_sign_of_life() -> None:
    """Loaded, though nothing was to be; the message REPC_MT000002GB01 has no such file (R18; dossier 3.1)."""
    desk = Desk()
    alive = table({**ROW, **dict.fromkeys(RECORD, "")})
    answer = desk.load(alive, media_type=MediaType.CSV)

    assert (FileCode.LOADED, 0, 0, 0) == (answer.code, answer.found, answer.loaded, answer.failed)
    [file] = remembered(desk)
    assert (True, 0) == (file.taken, file.found)
    assert ({}, []) == (desk.plans(), desk.kept())


def test_what_is_no_file_is_refused_or_passed_over() -> None:
    """A newer release may write something else there; a tombstone says nothing."""
    with pytest.raises(MalformedMessage):
        CODEC.decode_file(b"\x00\x00")
    assert [None, None] == [CODEC.glance(b"\x00\x00"), CODEC.glance(None)]


def test_a_file_is_remembered_with_the_last_of_what_it_led_to() -> None:
    """Numbers by code, under a keyed id and the authority's code; not the file's own id (R15)."""
    desk = Desk()
    desk.load(build_upload([Record(), UNUSABLE], created="20250301063000", file_id="FILE-1"))

    [file] = remembered(desk)
    [record] = desk.kafka.read(Topic.FEEDS)
    assert replace(file, file_key="") == FileTaken(
        authority=OWN,
        file_key="",
        code="CPF03",
        created_at=datetime(2025, 3, 1, 6, 30, tzinfo=UTC),
        received_at=NOW,
        found=2,
        plans=1,
        codes={"CPR06": 1, "CPR04": 1},
    )
    assert OWN.code.encode() == record.key
    assert b"FILE-1" not in (record.value or b"")


def test_a_file_that_is_refused_as_a_whole_is_remembered_where_it_says_whose_it_is() -> None:
    """Its authority sees that it came (CPF01); one that nobody can read belongs to nobody."""
    named, unreadable, foreign = Desk(), Desk(), Desk()
    named.load(build_upload(count="no number"))
    unreadable.load(b"<no")
    foreign.load(build_upload().replace(b"2.16.840.1.113883.2.1.3.2.4.19.1", b"1.2.3"))

    assert [("CPF01", OWN, {})] == [(one.code, one.authority, one.codes) for one in remembered(named)]
    assert [] == remembered(unreadable) == remembered(foreign)


def test_the_code_of_no_organisation_is_nobodys_feed() -> None:
    """What the author's identifier holds need not be a code at all."""
    desk = Desk()
    desk.load(build_upload(authority="no code!"))

    assert [] == remembered(desk)


def test_another_authoritys_file_says_nothing_about_the_one_that_it_names(tmp_path: Path) -> None:
    """Or anybody could make a feed look ill."""
    desk = Desk()
    _, at_desk, store, _ = door_of(desk, tmp_path, Senders())
    for named in (build_upload(), build_upload(count="no number")):
        upload = replace(UPLOAD, senders=frozenset({OTHER}))
        keep(store, upload, named)
        asyncio.run(at_desk.settle(upload))

    assert [] == remembered(desk)


def test_a_file_that_is_taken_twice_is_two_receipts_of_one_file() -> None:
    """A record that is written twice counts once, and what a newer release writes not at all."""
    desk = Desk()
    desk.load(build_upload())
    desk.load(build_upload())

    desk.kafka.append([Write(Topic.FEEDS, b"Z211", b"\x00\x00")])

    assert 3 == len(desk.kafka.read(Topic.FEEDS))
    assert 1 == len(remembered(desk))


def test_every_feed_is_read_back_with_its_health() -> None:
    """Files say what became of the records, and check marks who was heard for longer (ruling 41)."""
    desk = Desk()
    desk.load(build_upload([Record(), UNUSABLE]))
    marks = [
        CheckMark(
            sender=Recipient(kind=kind, code=code),
            partition=0,
            offset=1,
            received_at=NOW - timedelta(days=90),
        )
        for kind, code in ((RecipientKind.AUTHORITY, OTHER), (RecipientKind.PROVIDER, OdsCode("RXX")))
    ]
    desk.kafka.append([Write(Topic.CHECKS, one.key, desk.records.encode_mark(one)) for one in marks])

    found = {one.authority: one for one in read(desk, NOW)}
    assert {OWN, OTHER} == found.keys()
    assert (0.5, 1, False) == (found[OWN].matched, found[OWN].refused, found[OWN].stale)
    assert (True, NOW - timedelta(days=90)) == (found[OTHER].stale, found[OTHER].last_at)


def test_the_newest_mark_of_an_authority_counts() -> None:
    """There is one in each partition."""
    sender = Recipient(kind=RecipientKind.AUTHORITY, code=OWN)
    marks = [
        CheckMark(sender=sender, partition=number, offset=1, received_at=NOW - timedelta(hours=age))
        for number, age in enumerate((3, 1, 2))
    ]

    assert {OWN: NOW - timedelta(hours=1)} == heard_by(marks)


def test_while_kafka_is_away_nothing_is_said() -> None:
    """An error is no healthy feed."""
    desk = Desk()
    desk.kafka.available = False

    with pytest.raises(KafkaUnavailable):
        read(desk, NOW)
