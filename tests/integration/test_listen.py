"""`cpis listen` and the page for subscribers, on a genuine Kafka."""

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from aiokafka import AIOKafkaProducer
from click.testing import CliRunner, Result
from hypothesis import given
from rich.console import Console

from broker.adapters.cluster import Cluster
from broker.adapters.embedded_kafka import EmbeddedKafka
from broker.adapters.kafka_topics import apply_topics, load_topics
from broker.cli import root
from broker.cli.alert_view import alert_panel
from broker.core.alerts import (
    Alert,
    AlertEvent,
    EventKind,
    Occasion,
    PlanLine,
    PlanState,
    Recipient,
    RecipientKind,
    Route,
    SubjectRole,
    Urgency,
    VisitLine,
    VisitState,
)
from broker.core.errors import ConfigurationError, KafkaUnavailable, TopicMissing
from broker.core.facts import PlanType
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.visit_reason import Reason
from broker.runtime.codecs import load_schemas
from broker.wire.alerts_codec import AlertCodec, Published
from tests.strategies import alert_events
from tests.tools.markdown import code_blocks
from tests.waiting import wait_until

REPOSITORY = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 60.0
CODEC = AlertCodec(load_schemas())
NOW = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
DECLARATION = """
partitions = 1
replication_factor = 1
[topics."{name}"]
key = "alert id"
partitions = 2
settings = {{ "retention.ms" = "35 d" }}
"""


def event(number: int, code: OdsCode) -> AlertEvent:
    """Return an alert event for an authority; `number` makes its ids."""
    plan = PlanLine(
        authority=code,
        authority_name="Exton Borough Council",
        phone_emergency="02079460999",
        phone_office="02079460001",
        plan_type=PlanType.CHILD_PROTECTION,
        role=SubjectRole.CHILD,
        start=date(2025, 1, 10),
        end=None,
        state=PlanState.ACTIVE,
    )
    visit = VisitLine(
        visit="v1",
        provider=OdsCode("RXH"),
        provider_name="Exton General",
        state=VisitState.PRESENT,
        arrived_at=NOW,
        reason=Reason.HEAD_INJURY,
    )
    alert = Alert(
        alert_id=f"a{number:031}",
        subject="v1",
        occasion=Occasion.ATTENDED,
        recipient=Recipient(kind=RecipientKind.AUTHORITY, code=code),
        route=Route.DUTY,
        urgency=Urgency.NOW,
        plans=(plan,),
        visit=visit,
        child_id="LOCAL-7",
    )
    return AlertEvent(
        event_id=f"e{number:031}",
        subject=NhsNumber("9990000018"),
        alert=alert,
        revision=1,
        kind=EventKind.RAISED,
    )


@dataclass
class Line:
    """An authority with a topic nobody else writes to, and a listener on it."""

    cluster: Cluster
    code: OdsCode

    @property
    def topic(self) -> str:
        """The authority's topic."""
        return f"cpis.alerts.la.{self.code}"

    def tell(self, *numbers: int, commit: bool = True) -> None:
        """Send events in one transaction, committed or given up."""
        self.send([(_value(event(number, self.code))) for number in numbers], commit=commit)

    def send(self, values: Sequence[bytes], *, commit: bool = True) -> None:
        """Send values in one transaction, committed or given up."""

        async def transact() -> None:
            """Send everything in one transaction."""
            producer = AIOKafkaProducer(
                **self.cluster.connection(), transactional_id=f"test-{uuid.uuid4()}", retry_backoff_ms=5
            )
            async with producer:
                await producer.begin_transaction()
                for number, value in enumerate(values):
                    await producer.send_and_wait(self.topic, value, key=str(number).encode())
                await (producer.commit_transaction() if commit else producer.abort_transaction())

        asyncio.run(transact())

    def listen(self, *options: str) -> Result:
        """Run the command to its end."""
        arguments = [
            "listen",
            "--authority",
            str(self.code),
            "--bootstrap-servers",
            self.cluster.bootstrap_servers,
            *options,
        ]
        return CliRunner().invoke(root, arguments)

    def heard(self, *options: str) -> list[str]:
        """Return the ids of the events that the command shows up to the present end."""
        result = self.listen("--json", "--once", *options)
        assert result.exception is None, result.exception
        return [json.loads(line)["event"]["event_id"][-1] for line in result.stdout.splitlines()]


@pytest.fixture
def line(kafka: EmbeddedKafka) -> Line:
    """Lend an authority with an empty topic of its own."""
    code = OdsCode(uuid.uuid4().hex[:8].upper())
    made = Line(kafka.cluster, code)
    asyncio.run(apply_topics(made.cluster, load_topics(DECLARATION.format(name=made.topic))))
    return made


pytestmark = pytest.mark.kafka


def test_committed_events_are_shown_and_others_are_not(line: Line) -> None:
    """What was given up was never said."""
    line.tell(1)
    line.tell(2, commit=False)
    line.tell(3)

    assert sorted(line.heard("--from-beginning")) == ["1", "3"]


def test_the_first_time_it_begins_with_what_is_told_from_now_on(line: Line) -> None:
    """Also when nothing was told while it listened: the place is kept from the first start."""
    line.tell(1)

    first = line.heard()
    line.tell(2)

    assert (first, line.heard()) == ([], ["2"])


def test_it_goes_on_where_it_left_off(line: Line) -> None:
    """Nothing twice, nothing missed."""
    line.tell(1, 2)
    first = line.heard("--from-beginning")
    line.tell(3)

    assert (sorted(first), line.heard(), line.heard()) == (["1", "2"], ["3"], [])


def test_the_place_may_be_kept_in_a_file(line: Line, tmp_path: Path) -> None:
    """Then it is the file that remembers, not the group."""
    state = str(tmp_path / "state.json")
    line.tell(1)
    first = line.heard("--from-beginning", "--state", state)
    line.tell(2)

    assert (first, line.heard("--state", state)) == (["1"], ["2"])


def test_a_state_file_that_is_none_is_refused(line: Line, tmp_path: Path) -> None:
    """It is not overwritten."""
    state = tmp_path / "state.json"
    state.write_text("[]", encoding="utf-8")

    result = line.listen("--once", "--state", str(state))

    assert isinstance(result.exception, ConfigurationError)
    assert state.read_text("utf-8") == "[]"


def test_it_stops_after_so_many(line: Line) -> None:
    """And goes on with the next one."""
    line.tell(1, 2, 3)

    first = line.heard("--from-beginning", "--max", "2")
    rest = line.heard()

    assert (2, ["1", "2", "3"]) == (len(first), sorted(first + rest))


def test_a_readable_view_shows_whom_to_ring_and_every_statement(line: Line) -> None:
    """The visit, the plan with both numbers, the authority's own id, the sentences."""
    line.tell(1)

    shown = line.listen("--once", "--from-beginning").stdout

    expected = ["Exton General", "head injury", "02079460999", "02079460001", "LOCAL-7", "does not replace"]
    assert [words for words in expected if words not in shown] == []


def test_an_event_that_cannot_be_read_is_told_and_passed_over(line: Line) -> None:
    """It does not stand in the way of the next."""
    line.send([b"nonsense"])
    line.tell(1)

    result = line.listen("--once", "--from-beginning", "--json")

    assert "cannot be read" in result.stderr
    assert len(result.stdout.splitlines()) == 1


def test_a_recipient_without_a_topic_is_told_so(kafka: EmbeddedKafka) -> None:
    """With what to do about it, and an exit code of its own."""
    result = Line(kafka.cluster, OdsCode("NOBODY")).listen("--once")

    assert isinstance(result.exception, TopicMissing)
    assert "cpis.alerts.la.NOBODY" in str(result.exception)


def test_without_kafka_it_says_so() -> None:
    """Nobody listens on port 1."""
    result = Line(Cluster("127.0.0.1:1"), OdsCode("NOBODY")).listen("--once")

    assert isinstance(result.exception, KafkaUnavailable)


@pytest.mark.parametrize(
    "options",
    [[], ["--authority", "204", "--provider", "RXH"], ["--provider", "no ods code"]],
    ids=["nobody", "two", "no code"],
)
def test_exactly_one_recipient_has_to_be_named(options: list[str]) -> None:
    """Anything else is a mistake of use."""
    result = CliRunner().invoke(root, ["listen", "--bootstrap-servers", "127.0.0.1:1", *options])

    assert result.exit_code == 2


def test_it_waits_for_what_is_told_later_and_ends_with_ctrl_c(line: Line, tmp_path: Path) -> None:
    """As a user runs it, in a terminal of its own."""
    command = [sys.executable, "-m", "broker", "listen", "--authority", str(line.code), "--json"]
    environment = {**os.environ, "CPIS_KAFKA_BOOTSTRAP_SERVERS": line.cluster.bootstrap_servers}
    shown, errors = tmp_path / "shown", tmp_path / "errors"

    def lines(count: int) -> bool:
        """Whether so many lines have been shown; fail when the listener has ended."""
        assert listener.poll() is None, errors.read_text("utf-8")
        return shown.read_text("utf-8").count("\n") == count

    with shown.open("w") as out, errors.open("w") as err:
        listener = subprocess.Popen([*command, "--from-beginning"], stdout=out, stderr=err, env=environment)
    try:
        line.tell(1)
        wait_until(lambda: lines(1), PATIENCE_SECONDS, "the first event")
        line.tell(2)
        wait_until(lambda: lines(2), PATIENCE_SECONDS, "the second event")
        listener.send_signal(signal.SIGINT)
        code = listener.wait(PATIENCE_SECONDS)
    finally:
        listener.kill()
        listener.wait()

    assert (0, "\n") == (code, errors.read_text("utf-8"))


def test_the_python_of_the_page_for_subscribers_reads_every_committed_alert(line: Line) -> None:
    """The text is run as it stands there."""
    line.tell(1)
    line.tell(2, commit=False)
    line.tell(3)
    [code] = code_blocks((REPOSITORY / "docs/how-to/subscribe.md").read_text("utf-8"), "python")
    stored: list[dict[str, Any]] = []

    async def run_page() -> None:
        """Follow until enough was stored."""
        page: dict[str, Any] = {}
        exec(compile(code, "subscribe.md", "exec"), page)  # noqa: S102 - the page's own text
        enough = asyncio.Event()

        def store(alert: dict[str, Any]) -> None:
            """Store an alert."""
            stored.append(alert)
            if len(stored) == 2:
                enough.set()

        following = asyncio.create_task(page["follow"](line.cluster.bootstrap_servers, line.topic, store))
        async with asyncio.timeout(PATIENCE_SECONDS):
            await enough.wait()
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)

    before = Path.cwd()
    os.chdir(REPOSITORY)
    try:
        asyncio.run(run_page())
    finally:
        os.chdir(before)

    assert sorted(alert["event_id"][-1] for alert in stored) == ["1", "3"]
    assert {alert["authority_child_id"] for alert in stored} == {"LOCAL-7"}


@given(alert_events())
def test_any_event_has_a_readable_view(told: AlertEvent) -> None:
    """Whatever is told of it, or not."""
    console = Console(width=100, file=io.StringIO())
    published = Published(
        event=told,
        statements=("A sentence.",),
        caused_received_at=None,
        rules_version=1,
        policy_version="test",
    )

    console.print(alert_panel(published))

    shown = cast("io.StringIO", console.file).getvalue()
    assert [words for words in (told.subject.digits, "A sentence.") if words not in shown] == []


def _value(told: AlertEvent) -> bytes:
    """Return an event as an authority reads it."""
    return CODEC.encode_event(
        told, with_own_ids=True, caused_received_at=NOW, rules_version=1, policy_version="test"
    )
