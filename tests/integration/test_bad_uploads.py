"""
Files as no authority should send them, through the drop folder and over the message exchange: the same codes.

What each fault is called and where it stands other tests say. Here each comes by a real door, beside all
the others: each is answered with the right code, nothing is lost, nothing is loaded twice.
"""

import asyncio
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from broker.adapters.drop_folder import ANSWER_SUFFIX, DONE, REFUSED
from broker.adapters.memory import MemoryFactLog, MemoryKafka
from broker.adapters.memory_demographics import MemoryDemographics
from broker.adapters.memory_mailbox import MemoryExchange, MemoryMailbox
from broker.adapters.memory_tail import MemoryInputTail
from broker.core.errors import DemographicsUnavailable
from broker.core.facts import PlanFact
from broker.core.identifiers import OdsCode
from broker.core.mailbox import Outgoing
from broker.ports import Topic
from broker.runtime.asking import Source
from broker.runtime.logs import Log
from broker.runtime.metrics import Metrics
from broker.runtime.parts import Parts, assemble
from broker.runtime.settings import Settings
from broker.runtime.upload_doors import UploadDoors, uploads
from broker.services.mesh_inbox import MeshInbox
from broker.services.mesh_post import MeshPost
from broker.services.mesh_uploads import MeshUploads
from broker.services.rejections import Rejections
from tests.builders.matcher import until
from tests.builders.sent_messages import MemorySent
from tests.builders.upload import ODS_ROOT, Person, PlanBlock, Record, build_upload, head_last
from tests.builders.upload_desk import NOW
from tests.official_schemas import faults_of

OURS, COUNCIL = "OURS", "COUNCIL"
OWN = "Z211"
RECORDS_MAX = 3
PATIENCE_S = 180.0
_CODE = re.compile(rb'code="(CP[FR]0[0-9])"')
GOOD = Record(child=Person(number="9990000026"))


def one(**changed: object) -> bytes:
    """Return a file of one record whose plan is changed."""
    return build_upload([Record(plans=[replace(PlanBlock(), **changed)])])  # type: ignore[arg-type]  # by name


def of(number: str) -> bytes:
    """Return a file of one record whose child has a number."""
    return build_upload([Record(child=Person(number=number))])


def typed(declared: bytes) -> bytes:
    """Return a file with a document type."""
    data = build_upload()
    start = data.index(b"<File")
    return data[:start] + b"<!DOCTYPE File [" + declared + b"]>" + data[start:].replace(b"Robin", b"&a;")


LAUGHS = b'<!ENTITY b "ha"><!ENTITY a "' + b"&b;" * 10 + b'">'
BAD: dict[str, tuple[bytes, list[str]]] = {
    "no emergency number": (build_upload(telephones=[("WP", "tel:02079460001")]), ["CPF01", "CPR07"]),
    "two emergency numbers": (
        build_upload(telephones=[("EC", "tel:02079460001"), ("EC", "tel:02079460002")]),
        ["CPF01", "CPR07"],
    ),
    "letters in a telephone": (build_upload(telephones=[("EC", "tel:0207CALLME")]), ["CPF01", "CPR07"]),
    "letters in an NHS number": (of("99900000A8"), ["CPF04", "CPR04"]),
    "a wrong check digit": (of("9990000019"), ["CPF04", "CPR04"]),
    "an unborn plan without end": (
        build_upload([Record(plans=[PlanBlock(kind="UCP")], child=None, mother=Person())]),
        ["CPF04", "CPR07"],
    ),
    "a day that is none": (one(start="202502300900"), ["CPF04", "CPR07"]),
    "a day without a time": (one(start="20250230"), ["CPF04", "CPR07"]),
    "a time to the second": (one(start="20250110093000"), ["CPF04", "CPR07"]),
    "an unknown kind of plan": (build_upload().replace(b"TP146101GB01", b"TP146109GB01"), ["CPF04", "CPR07"]),
    "a root that is none": (build_upload().replace(ODS_ROOT.encode(), b"1.2.3.4"), ["CPF01", "CPR07"]),
    "good and bad": (build_upload([GOOD, Record(child=Person(number="1"))]), ["CPF03", "CPR06", "CPR04"]),
    "cut off": (build_upload([GOOD, GOOD])[:-40], ["CPF01", "CPR07"]),
    "no XML": (b"child,plan\n", ["CPF01", "CPR07"]),
    "nothing": (b"", ["CPF01", "CPR07"]),
    "another encoding than declared": (
        build_upload([Record(child=Person(given="Zoë"))]).decode().encode("latin-1"),
        ["CPF01", "CPR07"],
    ),
    "an encoding that is none": (build_upload().replace(b"UTF-8", b"X-NONE"), ["CPF01", "CPR07"]),
    "a billion laughs": (typed(LAUGHS), ["CPF01", "CPR07"]),
    "an external entity": (typed(b'<!ENTITY a SYSTEM "file:///etc/hostname">'), ["CPF01", "CPR07"]),
    "too many records": (build_upload([GOOD] * (RECORDS_MAX + 1)), ["CPF01", "CPR07"]),
    "a head behind its records": (head_last(build_upload([GOOD])), ["CPF02", "CPR06"]),
    "a count that is wrong": (build_upload([GOOD], count="7"), ["CPF02", "CPR06"]),
}
"""Files by their faults, with the codes of the file and of its records (dossier 3.2, 3.3; ruling 40)."""
ANOTHERS = {
    "another authority's": (build_upload([GOOD], authority="Z212"), ["CPF01", "CPR07"]),
}
"""Over the exchange the mailbox says whose a file is; who may write into the folder may send for anybody."""


class Doors:
    """The doors for files of one intake in front of a Kafka in memory; what came of each file."""

    def __init__(self, directory: Path, source: MemoryDemographics | None = None) -> None:
        """Open them."""
        self.settings = Settings(
            data_dir=directory, drop_folder=directory / "drop", upload_records_max=RECORDS_MAX
        )
        self.kafka = MemoryKafka()
        self.log = MemoryFactLog(self.kafka)
        self.parts: Parts = assemble(self.settings)
        self.counts: list[str] = []
        asked = None
        if source is not None:
            asked = Source(demographics=source, notices=MemoryInputTail(self.kafka, Topic.IDENTITY))
        use_case = uploads(
            self.settings, self.parts, self.log, clock=lambda: NOW, count=self.counts.append, source=asked
        )
        self.doors = UploadDoors(
            self.settings,
            self.parts,
            use_case,
            clock=lambda: NOW,
            count=self.counts.append,
            metrics=Metrics(),
            log=Log("intake"),
        )

    def drop(self, files: dict[str, bytes]) -> None:
        """Put files into the folder, as a sender does that renames."""
        self.settings.drop_folder.mkdir(exist_ok=True)
        for name, data in files.items():
            part = self.settings.drop_folder / f".{name}"
            part.write_bytes(data)
            part.rename(self.settings.drop_folder / f"{name}.xml")

    def answers(self) -> dict[str, bytes]:
        """Return the answers in the folder, by the names of the files."""
        found = [*self._in(DONE), *self._in(REFUSED)]
        return {path.name.removesuffix(f".xml{ANSWER_SUFFIX}"): path.read_bytes() for path in found}

    def _in(self, folder: str) -> Iterator[Path]:
        """Yield what lies in a folder below."""
        yield from (self.settings.drop_folder / folder).glob(f"*{ANSWER_SUFFIX}")

    async def work_until(self, condition: Callable[[], bool]) -> None:
        """Have the doors work until a condition holds."""
        await self.doors.prepare()
        working = [asyncio.ensure_future(one) for one in self.doors.work()]
        try:
            await until(condition, PATIENCE_S)
        finally:
            for task in working:
                task.cancel()
            await asyncio.gather(*working, return_exceptions=True)

    def plans(self) -> list[PlanFact]:
        """Return the plans that are durable, in order."""
        found = [
            self.parts.facts.decode(Topic.PLANS, record.key or b"", record.value or b"")
            for record in self.kafka.read(Topic.PLANS)
        ]
        return [one for one in found if isinstance(one, PlanFact)]


def codes(answer: bytes) -> list[str]:
    """Return the codes of an answer, having seen that it is valid."""
    assert [] == faults_of(answer)
    return [code.decode() for code in _CODE.findall(answer)]


def test_each_bad_file_is_answered_with_its_code_through_the_drop_folder(tmp_path: Path) -> None:
    """All of them at once, beside each other; of each the answer alone is left, and its bytes are kept."""
    doors = Doors(tmp_path)
    doors.drop({name: data for name, (data, _) in BAD.items()})

    asyncio.run(doors.work_until(lambda: len(doors.answers()) == len(BAD)))

    assert {name: expected for name, (_, expected) in BAD.items()} == {
        name: codes(answer) for name, answer in doors.answers().items()
    }
    assert [] == list(doors.settings.drop_folder.glob("*.xml"))
    accepted = {name for name, (_, expected) in BAD.items() if expected[0] in {"CPF02", "CPF03"}}
    assert len(accepted) == len([*(doors.settings.drop_folder / DONE).iterdir()]) == len(doors.plans())


def test_each_bad_file_is_answered_with_its_code_over_the_exchange(tmp_path: Path) -> None:
    """To the mailbox it came from, with another authority's among them."""
    doors = Doors(tmp_path)
    every = {**BAD, **ANOTHERS}
    exchange = MemoryExchange(frozenset({OURS, COUNCIL}))
    ours, council = MemoryMailbox(exchange, OURS), MemoryMailbox(exchange, COUNCIL)

    async def story() -> dict[str, list[str]]:
        """Send, look, have what was kept taken, look again; return what was answered to which file."""
        sent: dict[str, str] = {}
        for name, (data, _) in every.items():
            file = Outgoing(mailbox=OURS, workflow="LA_UPLOAD", local_id=name, body=data)
            sent[f"ack-{await council.send(file)}"] = name
        inbox = inbox_of(doors, ours)
        assert not await inbox.poll()
        await doors.work_until(lambda: not any(one.waits for one in doors.doors._store.every()))
        assert await inbox.poll()
        answers = {
            sent[held.local_id]: held.incoming for held in exchange.held().values() if held.sender == OURS
        }
        return {name: codes(answer.body) for name, answer in answers.items()}

    answered = asyncio.run(story())

    assert {name: expected for name, (_, expected) in every.items()} == answered


def inbox_of(doors: Doors, box: MemoryMailbox) -> MeshInbox:
    """Return what looks into the mailbox in front of the doors."""
    handler = MeshUploads(
        box,
        doors.doors.reception,
        MeshPost(box, MemorySent(), clock=lambda: NOW, unnoted=lambda _: None),
        owner={COUNCIL: OdsCode(OWN)}.get,
        workflow="LA_UPLOAD_ACK",
        refused=lambda _mailbox, _fault: None,
    )
    return MeshInbox(
        box,
        {"LA_UPLOAD": handler},
        by_heading=["LA_UPLOAD"],
        facts=doors.log,
        rejections=Rejections(doors.parts.records, doors.parts.key),
        clock=lambda: NOW,
        told=lambda _incoming, _fate: None,
    )


def test_the_same_file_twice_and_an_older_one_change_nothing(tmp_path: Path) -> None:
    """Merging twice is merging once; the source's own time decides, not the time of arrival (ruling 10)."""
    doors = Doors(tmp_path)
    newer = build_upload([Record(plans=[PlanBlock(end="202603010900")])], created="20250228063000")
    older = build_upload([Record()], created="20250101063000", file_id="OLDER")
    doors.drop({"a": newer, "b": newer, "c": older})

    asyncio.run(doors.work_until(lambda: len(doors.answers()) == 3))

    assert [["CPF02", "CPR06"]] * 3 == [codes(answer) for answer in doors.answers().values()]
    newest = max(doors.plans(), key=lambda one: one.recorded_at)
    assert newest.content.end is not None
    assert 2 == len({dict(record.headers)["ce_id"] for record in doors.kafka.read(Topic.PLANS)})


def test_a_file_whose_source_is_away_is_taken_by_itself_once_it_answers(tmp_path: Path) -> None:
    """Nobody sends it again: it stays in the folder, unanswered, and says meanwhile why it waits (R16)."""
    source = MemoryDemographics()
    source.available = False
    doors = Doors(tmp_path, source)
    doors.drop({"a": build_upload()})
    waiting: list[str] = []

    def answered() -> bool:
        """Have the source answer once the file waits for it; tell whether the file is answered."""
        if not waiting:
            waiting.extend(one.postponed for one in doors.doors._store.every() if one.postponed)
            source.available = bool(waiting)
            assert ({}, []) == (doors.answers(), doors.plans())
        return len(doors.answers()) == 1

    asyncio.run(doors.work_until(answered))

    assert [DemographicsUnavailable.code] == waiting
    assert [["CPF04", "CPR01"]] == [codes(answer) for answer in doors.answers().values()]
    assert [] == list(doors.settings.drop_folder.glob("*.xml"))
