"""`cpis fact add` on a genuine Kafka: asked in secret, audited, and acted on by a matcher."""

import asyncio
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from broker.adapters.embedded_kafka import EmbeddedKafka
from broker.cli import root
from broker.core.alerts import Change
from broker.core.identifiers import NhsNumber
from broker.core.operators import ActionKind
from broker.ports import Topic
from tests.builders.declared_kafka import declared_kafka
from tests.builders.matcher import attendance, plan
from tests.builders.query import build_query
from tests.fault.checker import caught_up, read_topics
from tests.fault.fleet import Fleet, send
from tests.fault.load import Sent
from tests.official_schemas import faults_of
from tests.waiting import wait_until

PATIENCE_S = 90.0
ROBIN, ALEX = NhsNumber("9990000018"), NhsNumber("9990000026")
NOW = datetime.now(UTC).replace(microsecond=0)
SAID = ("--recorded-at", NOW.isoformat())
GROUNDS = ("--by", "A. Operator", "--reason", "ticket 4711")
USERS = ("--organisation", "RXH", "--named-by", "E09")
LOOKED = (
    "--organisation", "RXH", "--organisation-name", "Exton Hospital", "--role", "nurse",
    "--accessed-at", NOW.isoformat(),
)  # fmt: skip

pytestmark = pytest.mark.kafka

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def own_kafka() -> Iterator[EmbeddedKafka]:
    """Lend a Kafka with the declared topics that no other test writes to."""
    with declared_kafka() as broker:
        yield broker


@pytest.fixture
def run(own_kafka: EmbeddedKafka, tmp_path: Path) -> Run:
    """Return what runs `cpis fact add` with words and a standard input."""

    def add(*words: str, told: str, servers: str = own_kafka.bootstrap_servers) -> Result:
        settings = {"CPIS_KAFKA_BOOTSTRAP_SERVERS": servers, "CPIS_DATA_DIR": str(tmp_path)}
        return CliRunner().invoke(root, ["fact", "add", *words], input=told, env=settings)

    return add


def length(kafka: EmbeddedKafka) -> int:
    """Return how many records there are, inputs and audit trail."""
    topics = [Topic.IDENTITY, Topic.ACCESSES, Topic.AUDIT]
    return sum(len(records) for records in asyncio.run(read_topics(kafka.cluster, topics)).values())


REFUSED = [
    pytest.param(("notice", "--kind", "in-use", *SAID, *GROUNDS), "9990000019\n", "CPIS-101", id="number"),
    pytest.param(("notice", "--kind", "in-use", *SAID), "9990000018\n", "CPIS-603", id="no grounds"),
    pytest.param(
        ("notice", "--kind", "superseded", *SAID, *GROUNDS), "9990000018\n" * 2, "CPIS-104", id="itself"
    ),
    pytest.param(
        ("notice", "--kind", "in-use", "--recorded-at", "2999-01-01T00:00:00Z", *GROUNDS),
        "9990000018\n", "CPIS-104", id="ahead",
    ),
    pytest.param(
        ("notice", "--kind", "date-of-birth", *SAID, *GROUNDS),
        "9990000018\n2999-01-01\n", "CPIS-104", id="unborn",
    ),
    pytest.param(("view", *LOOKED, *GROUNDS), "9990000018\n\x07\n", "CPIS-104", id="control characters"),
]  # fmt: skip
MISUSED = [
    pytest.param(
        ("notice", "--kind", "superseded", *SAID, *GROUNDS), "9990000018\n", "needed", id="one line"
    ),
    pytest.param(("notice", "--kind", "in-use", *SAID, *GROUNDS), "", "needed", id="nothing"),
    pytest.param(("notice", "--kind", "invalidated", *SAID, *GROUNDS), "", "invalidated", id="kind"),
    pytest.param(
        ("notice", "--kind", "restriction-lifted", *SAID, *GROUNDS), "", "restriction-lifted", id="lift"
    ),
    pytest.param(
        ("notice", "--kind", "date-of-birth", *SAID, *GROUNDS), "9990000018\n", "needed", id="no day"
    ),
    pytest.param(
        ("notice", "--kind", "date-of-birth", *SAID, *GROUNDS),
        "9990000018\n12.4.2014\n", "date of birth", id="day",
    ),
    pytest.param(("notice", "--kind", "in-use", *GROUNDS), "", "recorded-at", id="no time"),
    pytest.param(
        ("notice", "--kind", "in-use", "--recorded-at", "2026-03-02T10:00", *GROUNDS), "", "zone", id="zone"
    ),
    pytest.param(
        ("notice", "--kind", "in-use", "--recorded-at", "yesterday", *GROUNDS),
        "",
        "zone",
        id="no time at all",
    ),
    pytest.param(("view", *LOOKED, "--organisation", "r", *GROUNDS), "", "ODS", id="organisation"),
    pytest.param(("view", *LOOKED, *GROUNDS), "9990000018\nA\nB\nC\n", "needed", id="four lines"),
    pytest.param(("exclusion", *USERS, *GROUNDS), "9990000018\n", "needed", id="no user"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "told", "code"), REFUSED)
def test_what_cannot_be_is_refused_and_nothing_is_written(
    own_kafka: EmbeddedKafka, run: Run, words: tuple[str, ...], told: str, code: str
) -> None:
    """By the error's own code; no value is repeated."""
    before = length(own_kafka)
    result = run(*words, told=told)

    assert code == getattr(result.exception, "code", None)
    assert told.split(maxsplit=1)[0] not in str(result.exception) + result.output
    assert before == length(own_kafka)


@pytest.mark.parametrize(("words", "told", "says"), MISUSED)
def test_misuse_is_explained(run: Run, words: tuple[str, ...], told: str, says: str) -> None:
    """As every command does it: exit code 2, and what to give."""
    result = run(*words, told=told)

    assert (2, True) == (result.exit_code, says in result.output)


def test_what_time_brings_about_is_counted_and_said_by_a_command(
    own_kafka: EmbeddedKafka, tmp_path: Path
) -> None:
    """`cpis timers`: here nobody waits for anything; without grounds nothing is said."""
    settings = {
        "CPIS_KAFKA_BOOTSTRAP_SERVERS": own_kafka.bootstrap_servers,
        "CPIS_DATA_DIR": str(tmp_path),
    }
    due = CliRunner().invoke(root, ["timers", "due"], env=settings)
    said = CliRunner().invoke(root, ["timers", "say"], env=settings)

    assert (0, True) == (due.exit_code, "nothing is due" in due.output)
    assert "CPIS-603" == getattr(said.exception, "code", None)


def test_without_kafka_nothing_is_answered(run: Run) -> None:
    """The operator is told to try again, which does no harm."""
    result = run("notice", "--kind", "in-use", *SAID, *GROUNDS, told="9990000018\n", servers="127.0.0.1:1")

    assert ("CPIS-401", "") == (getattr(result.exception, "code", None), result.output)


def test_at_a_terminal_a_number_is_asked_for_and_not_shown(own_kafka: EmbeddedKafka, tmp_path: Path) -> None:
    """What is typed does not appear, and stands in no command line."""
    ours, theirs = pty.openpty()
    with closing(os.fdopen(ours, "r+b", buffering=0)) as terminal:
        words = ["fact", "add", "notice", "--kind", "in-use", *SAID, *GROUNDS]
        with subprocess.Popen(
            [sys.executable, "-m", "broker", *words],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith("CPIS_")},
                "CPIS_KAFKA_BOOTSTRAP_SERVERS": own_kafka.bootstrap_servers,
                "CPIS_DATA_DIR": str(tmp_path),
            },
        ) as asking:
            os.close(theirs)
            shown = _until(terminal, b"NHS number: ")
            terminal.write(b"9990000018\n")
            shown += _until(terminal, b"cpis.in.identity")
            assert 0 == asking.wait(PATIENCE_S)

    assert b"9990000018" not in shown
    assert "9990000018" not in " ".join(words)


@pytest.mark.parametrize("own_id", ["", "u-17\n"])
def test_a_view_is_put_in_with_or_without_the_users_own_id(run: Run, own_id: str) -> None:
    """By the id somebody is known who must not see the person (ruling 48)."""
    result = run("view", *LOOKED, *GROUNDS, told=f"9990000018\nNurse Sample\n{own_id}")

    assert (0, "is in cpis.in.accesses\n") == (result.exit_code, result.output.partition(" ")[2])


@pytest.mark.parametrize(
    ("kind", "besides"),
    [("date-of-birth", "2014-04-12\n"), ("pregnancy-ended", ""), ("stillbirth-taken-back", "")],
)
def test_what_is_said_of_a_person_is_put_in(run: Run, kind: str, besides: str) -> None:
    """The source's date of birth (ruling 13), and words of a pregnancy (ruling 43)."""
    result = run("notice", "--kind", kind, *SAID, *GROUNDS, told=f"9990000018\n{besides}")

    assert (0, "is in cpis.in.identity\n") == (result.exit_code, result.output.partition(" ")[2])


def test_an_exclusion_is_put_in_and_ended_by_whose_word_it_is(run: Run) -> None:
    """Durable before it is answered (ruling 48)."""
    words = (*USERS, *GROUNDS)
    for command in ("exclusion", "exclusion-ended"):
        result = run(command, *words, told="9990000018\nu-17\n")
        assert (0, "is in cpis.in.identity\n") == (result.exit_code, result.output.partition(" ")[2])


def test_that_no_outcome_came_is_put_in_of_a_visit(run: Run) -> None:
    """Named as the hospital names it; the number comes by standard input alone (ruling 7)."""
    words = ("no-outcome", "RXH/V-1", "--system", "EDSYS", "--at", "2026-03-02T22:00:00Z", *GROUNDS)
    result = run(*words, told="9990000018\n")

    assert (0, "is in cpis.in.identity\n") == (result.exit_code, result.output.partition(" ")[2])


def _until(terminal: object, text: bytes) -> bytes:
    """Return what a terminal shows up to a text."""
    shown = b""
    while text not in shown:
        shown += terminal.read(1024)  # type: ignore[attr-defined]  # a raw file
    return shown


def answer_query(own_kafka: EmbeddedKafka, folder: Path) -> Result:
    """Answer a query about the former number with a file: the whole path of `cpis query` (ruling 39)."""
    (folder / "query.xml").write_bytes(build_query())
    settings = {"CPIS_KAFKA_BOOTSTRAP_SERVERS": own_kafka.bootstrap_servers, "CPIS_DATA_DIR": str(folder)}
    words = ["query", str(folder / "query.xml"), "--response", str(folder / "response.xml"), *GROUNDS]
    return CliRunner().invoke(root, words, env=settings)


def test_a_succession_by_hand_moves_the_person(own_kafka: EmbeddedKafka, run: Run, tmp_path: Path) -> None:
    """Told under the old number, put in by hand, updated under the new one; a view joins the thread."""
    visit = attendance(at=NOW - timedelta(hours=1))
    first = [Sent(ROBIN, plan(recorded_at=NOW - timedelta(days=9))), Sent(ROBIN, visit)]
    with Fleet(own_kafka.cluster, tmp_path) as fleet:
        codecs = fleet.codecs()

        def settle() -> None:
            """Wait until everything is taken."""
            wait_until(lambda: asyncio.run(caught_up(own_kafka.cluster, codecs)), PATIENCE_S, "caught up")

        asyncio.run(send(own_kafka.cluster, codecs, first))
        fleet.start()
        settle()
        moved = run("notice", "--kind", "superseded", *SAID, *GROUNDS, told="999 000 0018\n999 000 0026\n")
        settle()
        viewed = run("view", *LOOKED, "--organisation", "RQX", *GROUNDS, told="9990000018\nNurse Sample\n")
        settle()
        found = asyncio.run(read_topics(own_kafka.cluster, [Topic.ALERTS, Topic.AUDIT]))
        looked = answer_query(own_kafka, tmp_path)

    assert (0, "SMSP-0000\n") == (looked.exit_code, looked.output)
    assert [] == faults_of((tmp_path / "response.xml").read_bytes(), "REPC_MT000007GB01")
    assert (0, 0) == (moved.exit_code, viewed.exit_code)
    assert "is in cpis.in.identity\n" == moved.output.partition(" ")[2]
    events = [codecs.alerts.decode_event(record.value or b"") for record in found[Topic.ALERTS]]
    told = sorted(
        (event.revision, event.subject.digits, event.changes)
        for event in events
        if event.alert.recipient.kind == "la"
    )
    assert [
        (1, ROBIN.digits, ()),
        (2, ALEX.digits, (Change.NUMBER,)),
        (3, ALEX.digits, (Change.VIEW,)),
    ] == told
    values = [record.value or b"" for record in found[Topic.AUDIT]]
    actions = [codecs.records.decode_action(value) for value in values if codecs.records.is_action(value)]
    assert {("superseded", "ticket 4711"), ("view", "ticket 4711")} <= {
        (action.outcome, action.grounds.reason) for action in actions if action.kind is ActionKind.ADDED
    }
