"""The mailbox as the settings have it, and the door: a trouble is told once, nobody is named."""

import asyncio
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from broker.adapters.memory import MemoryFactLog, MemoryKafka
from broker.adapters.memory_demographics import MemoryDemographics
from broker.adapters.memory_mailbox import MemoryExchange, MemoryMailbox
from broker.adapters.memory_tail import MemoryInputTail
from broker.core.authorities import Authorities, Authority
from broker.core.errors import ConfigurationError, KafkaUnavailable
from broker.core.identifiers import OdsCode
from broker.core.mailbox import Incoming, Outgoing, Report
from broker.core.operators import Place
from broker.ports import Topic, Write
from broker.runtime.asking import Source
from broker.runtime.authorities_file import COLUMNS
from broker.runtime.mesh import MeshDoor, mailbox, mesh_door
from broker.runtime.mesh_answers import MeshAnswers
from broker.runtime.mesh_metrics import MESH_LAST_POLL, MESH_MESSAGES, MESH_REPORTS, MESH_UNCOLLECTED
from broker.runtime.metrics import Metrics
from broker.runtime.parts import assemble
from broker.runtime.settings import Settings
from broker.services.mesh_inbox import Fate
from broker.services.mesh_uploads import ANSWERS
from broker.services.replay import SteppedClock
from tests.builders.upload import Record, build_upload
from tests.builders.upload_desk import NOW, Desk
from tests.builders.upload_reception import Received

OURS, COUNCIL = "X26CPIS", "E09OT001"
"""Ours, and the one of the authority that the builders' uploads are of."""


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """Return a file with a secret."""
    file = tmp_path / "secret"
    file.write_text("a secret\n", "utf-8")
    return file


def test_without_an_exchange_there_is_no_mailbox() -> None:
    """It is an option."""
    assert mailbox(Settings()) is None


def test_with_everything_named_there_is_one(secret: Path) -> None:
    """Nothing is asked before it is used."""
    settings = Settings(
        mesh_url="https://mesh.example",
        mesh_mailbox=OURS,
        mesh_password_file=secret,
        mesh_shared_key_file=secret,
    )

    found = mailbox(settings)
    assert found is not None
    asyncio.run(found.close())


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (None, "CPIS_MESH_URL needs CPIS_AUTHORITIES_FILE"),
        ("Z211,Exton Borough Council,,,,,,", "no authority has a mailbox: fill the column mailbox"),
    ],
)
def test_an_exchange_without_anybodys_mailbox_is_refused_at_the_start(
    secret: Path, tmp_path: Path, rows: str | None, words: str
) -> None:
    """Every file would be refused, one after the other: the file and its mending are in the message."""
    listed = tmp_path / "authorities.csv"
    listed.write_text(f"{','.join(COLUMNS)}\n{rows}\n", "utf-8")
    settings = Settings(
        data_dir=tmp_path,
        mesh_url="https://mesh.example",
        mesh_mailbox=OURS,
        mesh_password_file=secret,
        mesh_shared_key_file=secret,
        authorities_file=None if rows is None else listed,
    )
    desk = Desk()
    with pytest.raises(ConfigurationError, match=re.escape(words)):
        mesh_door(
            settings,
            assemble(settings),
            Received(desk).reception,
            desk.log,
            clock=lambda: NOW,
            metrics=Metrics(),
            notices={},
        )


FAULTS: list[tuple[dict[str, object], str]] = [
    ({"mesh_mailbox": None}, "CPIS_MESH_URL needs CPIS_MESH_MAILBOX"),
    ({"mesh_password_file": None}, "CPIS_MESH_URL needs"),
    ({"mesh_shared_key_file": None}, "CPIS_MESH_URL needs"),
    ({"mesh_password_file": Path("nowhere")}, "CPIS_MESH_PASSWORD_FILE cannot be read"),
    ({"mesh_certificate_file": Path("a")}, "CPIS_MESH_CERTIFICATE_FILE and CPIS_MESH_KEY_FILE go together"),
    (
        {"mesh_certificate_file": Path("nowhere"), "mesh_key_file": Path("nowhere")},
        "CPIS_MESH_CERTIFICATE_FILE cannot be read",
    ),
    ({"mesh_ca_file": Path("nowhere")}, "CPIS_MESH_CA_FILE cannot be used"),
    ({"mesh_url": "http://mesh.example", "environment": "live"}, "CPIS_MESH_URL: a live deployment"),
]


@pytest.mark.parametrize(("said", "words"), FAULTS)
def test_what_does_not_go_together_is_refused_by_name(
    secret: Path, said: dict[str, object], words: str
) -> None:
    """The setting to mend is in the message; no secret is."""
    whole: dict[str, object] = {
        "mesh_url": "https://mesh.example",
        "mesh_mailbox": OURS,
        "mesh_password_file": secret,
        "mesh_shared_key_file": secret,
    }
    with pytest.raises(ConfigurationError, match=re.escape(words)) as refused:
        mailbox(Settings.model_validate(whole | said))

    assert "a secret" not in str(refused.value)


@pytest.mark.parametrize("seconds", [0, 86_401])
def test_the_mailbox_is_never_looked_into_less_than_daily(seconds: int) -> None:
    """A pace slower than that is refused, since mail would be late (C7)."""
    with pytest.raises(ValueError, match="mesh_poll_seconds"):
        Settings(mesh_poll_seconds=seconds)


class Moody(MemoryFactLog):
    """A `FactLog` whose Kafka may be away."""

    away = False

    async def append(self, writes: Sequence[Write]) -> Sequence[Place]:
        """Take what comes, or nothing."""
        if self.away:
            raise KafkaUnavailable
        return await super().append(writes)


class House:
    """The door with its exchange, a clock that a test moves, and what was counted and logged."""

    def __init__(self, tmp_path: Path) -> None:
        """Open the door; the list of authorities says whose the council's mailbox is."""
        settings = Settings(data_dir=tmp_path, mesh_poll_seconds=1)
        kafka = MemoryKafka()
        self.log = Moody(kafka)
        self.desk = Desk(log=self.log)
        self.desk.kafka = kafka
        self.exchange = MemoryExchange(frozenset({OURS, COUNCIL}))
        self.metrics = Metrics()
        self.clock = SteppedClock()
        self.clock.now = NOW
        council = Authority(code=OdsCode("Z211"), name="Exton Borough Council", mailbox=COUNCIL)
        parts = replace(assemble(settings), authorities=Authorities(rows={council.code: council}))
        box = MemoryMailbox(self.exchange, OURS)
        self.answers = MeshAnswers(
            settings.database_url, box, every=1.0, clock=self.clock, metrics=self.metrics
        )
        self.received = Received(self.desk)
        self.door = MeshDoor(
            settings,
            parts,
            self.answers,
            self.received.reception,
            self.log,
            clock=self.clock,
            notices={},
            metrics=self.metrics,
        )

    def post(self, body: bytes, workflow: str = "LA_UPLOAD") -> None:
        """Have the council send something."""
        message = Outgoing(mailbox=OURS, workflow=workflow, local_id="", body=body)
        asyncio.run(MemoryMailbox(self.exchange, COUNCIL).send(message))

    def look(self) -> bool:
        """Have the door look into the mailbox; where a file was kept, have it taken, and look once more."""
        whole = asyncio.run(self.door.look())
        waits = any(one.waits for one in self.received.store.every())
        return asyncio.run(self.received.then(self.door.look)) if waits else whole

    def count(self, fate: Fate) -> float | None:
        """Return how many messages had a fate."""
        return self.metrics.value(MESH_MESSAGES, outcome=fate)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Lend a door, and close it."""
    made = House(tmp_path)
    yield made
    asyncio.run(made.door.close())


def test_an_upload_is_taken_from_the_mailbox_of_its_authority(house: House) -> None:
    """Whose a mailbox is, the list of authorities says."""
    house.post(build_upload([Record()]))

    assert house.look()
    assert 1 == house.count(Fate.TAKEN)
    assert 1 == len(house.desk.plans())


def test_while_the_exchange_is_away_that_is_told_once_and_once_that_it_is_back(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """Every look fails; two lines are all."""
    house.exchange.available = False
    assert [False, False] == [house.look(), house.look()]
    house.exchange.available = True
    assert [True, True] == [house.look(), house.look()]

    assert 1 == caplog.text.count("'message exchange away'")
    assert 1 == caplog.text.count("'message exchange answers again'")


def test_how_long_ago_the_mailbox_was_looked_into_is_shown(house: House) -> None:
    """It grows while the exchange is away (C7)."""
    house.look()
    house.exchange.available = False
    house.clock.now += timedelta(hours=3)
    house.look()
    house.door.measure()
    assert 3 * 3_600 == house.metrics.value(MESH_LAST_POLL)

    house.exchange.available = True
    house.look()
    house.door.measure()
    assert 0 == house.metrics.value(MESH_LAST_POLL)


def test_what_is_told_of_messages_is_counted_and_names_nobody(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """A workflow that is none of ours, and a code that is none of the exchange's, may say anything (R52)."""
    house.post(b"x", workflow="Robin Sample 9990000018")
    report = Report(code="Robin Sample", local_id="ours")
    house.exchange.put(Incoming(message_id="9", sender="", workflow="LA_ACCESS", report=report), OURS)
    assert house.look()
    house.log.away = True
    house.post(b"x", workflow="ANOTHER")
    assert not house.look()

    assert [1, 1, 1] == [house.count(fate) for fate in (Fate.KEPT, Fate.REPORT, Fate.POSTPONED)]
    assert 1 == house.metrics.value(MESH_REPORTS, code="other")
    for name in ("mesh message kept", "mesh error report", "mesh message postponed"):
        assert 1 == caplog.text.count(f"'{name}'")
    assert "Robin" not in caplog.text
    assert "9990000018" not in caplog.text


def test_an_acknowledgement_that_the_exchange_refuses_is_told(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody must mend the mailbox; the file is taken all the same."""
    stray = Incoming(message_id="8", sender="E77OT001", workflow="LA_UPLOAD", body=b"<File/>")
    house.exchange.put(stray, OURS)

    assert house.look()
    assert "'mesh message refused'" in caplog.text
    assert "its recipient is not registered with the exchange" in caplog.text


def test_the_door_runs_until_it_is_cancelled(house: House) -> None:
    """It looks again and again."""

    async def story() -> None:
        """Play it."""
        running = asyncio.gather(house.door.run(), house.received.queue.run())
        council = MemoryMailbox(house.exchange, COUNCIL)
        await council.send(Outgoing(mailbox=OURS, workflow="LA_UPLOAD", local_id="", body=b"?"))
        async with asyncio.timeout(90):
            while not house.count(Fate.TAKEN):  # noqa: ASYNC110 - the door knows no test
                await asyncio.sleep(0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(story())


def test_an_acknowledgement_that_nobody_collects_is_told_of_once_while_it_lies_there(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """As a notification is: after three days, by the authority's code; collected, it is forgotten."""
    house.post(build_upload([Record()]))
    house.look()
    looks = []
    for days in (2, 3, 4):
        house.clock.now = NOW + timedelta(days=days)
        asyncio.run(house.answers.look())
        looks.append(house.metrics.value(MESH_UNCOLLECTED, channel=ANSWERS))
    council = MemoryMailbox(house.exchange, COUNCIL)
    (answer,) = asyncio.run(council.waiting())
    asyncio.run(council.acknowledge(answer))
    asyncio.run(house.answers.look())

    assert [0, 1, 1] == looks
    assert 0 == house.metrics.value(MESH_UNCOLLECTED, channel=ANSWERS)
    assert 1 == caplog.text.count("'mesh message not collected'")
    assert "'la.Z211.answers'" in caplog.text


def test_answers_are_followed_while_the_exchange_is_away_and_after(house: House) -> None:
    """What cannot be asked is asked at the next look."""
    house.post(build_upload([Record()]))
    house.look()
    house.clock.now = NOW + timedelta(days=3)
    house.exchange.available = False
    asyncio.run(house.answers.look())
    assert house.metrics.value(MESH_UNCOLLECTED, channel=ANSWERS) is None
    house.exchange.available = True
    asyncio.run(house.answers.look())

    assert 1 == house.metrics.value(MESH_UNCOLLECTED, channel=ANSWERS)


def test_an_answer_that_could_not_be_noted_has_gone_and_is_told_of(
    house: House, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A database that is away keeps no file from being taken, nor its answer from being sent."""
    house.post(build_upload([Record()]))
    with closing(sqlite3.connect(tmp_path / "broker.sqlite")) as opened:
        opened.execute("DROP TABLE mesh_sent")

    assert house.look()
    assert 1 == len(asyncio.run(MemoryMailbox(house.exchange, COUNCIL).waiting()))
    assert "'mesh message not followed'" in caplog.text


def settled(tmp_path: Path, secret: Path, **more: object) -> MeshDoor:
    """Return the door that settings with an exchange and a council make; raise as they do."""
    listed = tmp_path / "authorities.csv"
    listed.write_text(f"{','.join(COLUMNS)}\nZ211,Exton Borough Council,,,,,,{COUNCIL}\n", "utf-8")
    said: dict[str, object] = {
        "data_dir": tmp_path,
        "mesh_url": "https://mesh.example",
        "mesh_mailbox": OURS,
        "mesh_password_file": secret,
        "mesh_shared_key_file": secret,
        "authorities_file": listed,
        "mesh_trace_mailboxes": f"{COUNCIL},X26LA204",
    }
    settings = Settings.model_validate(said | {k: v for k, v in more.items() if k != "source"})
    desk = Desk()
    made = mesh_door(
        settings,
        assemble(settings),
        Received(desk).reception,
        desk.log,
        clock=lambda: NOW,
        metrics=Metrics(),
        notices={},
        source=more.get("source"),  # type: ignore[arg-type]  # a source or none
    )
    assert made is not None
    return made


SOURCE = Source(demographics=MemoryDemographics(), notices=MemoryInputTail(MemoryKafka(), Topic.IDENTITY))


def test_mailboxes_that_may_have_people_traced_need_somebody_to_ask(tmp_path: Path, secret: Path) -> None:
    """Else every file would wait for ever; the setting to mend is named."""
    with pytest.raises(ConfigurationError, match="CPIS_MESH_TRACE_MAILBOXES needs a demographic source"):
        settled(tmp_path, secret)

    asyncio.run(settled(tmp_path, secret, source=SOURCE).close())


def test_a_workflow_id_stands_for_one_kind_of_messages(tmp_path: Path, secret: Path) -> None:
    """A file of people must not be taken for an upload, nor an upload for people to trace."""
    with pytest.raises(ConfigurationError, match="the workflow id LA_UPLOAD stands for two kinds"):
        settled(tmp_path, secret, source=SOURCE, mesh_trace_workflow="LA_UPLOAD")


@pytest.mark.parametrize("named", ["", "x26la204", "X26LA204, X26LA211", "X26LA204,"])
def test_mailboxes_are_named_with_commas_alone_between_them(named: str) -> None:
    """A name with a blank in it would never ask anything."""
    with pytest.raises(ValueError, match="mesh_trace_mailboxes"):
        Settings(mesh_trace_mailboxes=named)


def test_who_had_people_traced_is_logged_with_how_many_and_nobodys_name(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """An answer gives a number to who had none: whoever runs the broker sees how much is asked."""
    house.answers.traced(COUNCIL, 7)

    assert all(word in caplog.text for word in ("'people traced over mesh'", COUNCIL, "7"))


class Turns:
    """Says whose turn it is as a test does; notes whether it was left to another."""

    def __init__(self, *, ours: bool | None) -> None:
        """Begin; None stands for a Kafka that is away."""
        self.ours = ours
        self.left = False

    async def is_ours(self) -> bool:
        """Answer."""
        if self.ours is None:
            raise KafkaUnavailable
        return self.ours

    async def close(self) -> None:
        """Note it."""
        self.left = True


@pytest.mark.parametrize("ours", [True, False, None])
def test_of_several_processes_the_one_whose_turn_it_is_looks_into_the_mailbox(
    house: House, caplog: pytest.LogCaptureFixture, *, ours: bool | None
) -> None:
    """The others would answer each file once more; while another looks the mailbox is looked into."""
    house.post(b"?", workflow="ANOTHER")
    house.clock.now += timedelta(hours=1)

    assert (ours is True) == asyncio.run(house.door.look_in_turn(Turns(ours=ours)))
    house.door.measure()

    assert (1 if ours else 0) == house.count(Fate.KEPT)
    assert (3_600 if ours is None else 0) == house.metrics.value(MESH_LAST_POLL)
    assert (ours is None) == ("'message exchange away'" in caplog.text)


def test_a_process_whose_mailbox_another_looks_into_tells_of_the_next_trouble_too(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """What kept it from its turn is over once it hears whose turn it is, though it is another's."""
    for ours in (None, None, False, None):
        assert not asyncio.run(house.door.look_in_turn(Turns(ours=ours)))

    told = [
        word for line in caplog.messages for word in ("away", "answers again") if f"exchange {word}'" in line
    ]
    assert ["away", "answers again", "away"] == told


def test_a_process_that_ends_leaves_the_mailbox_to_another(house: House) -> None:
    """At once: else nobody would look for as long as Kafka waits for it."""
    turns = Turns(ours=False)

    async def story() -> None:
        """Run it, and end it."""
        running = asyncio.ensure_future(house.door.run(turns))
        await asyncio.sleep(0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(story())

    assert turns.left
