"""What the documents show works when it is done as shown."""

import asyncio
import json
import shlex
import subprocess
import sys
import textwrap
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from broker.adapters.memory_sealing import MemorySealer
from broker.adapters.mllp_server import MllpServer
from broker.cli.alert_view import alert_panel
from broker.core.alerts import EventKind, RecipientKind
from broker.core.policy import RULES_VERSION
from broker.core.senders import Peer
from broker.runtime.parts import assemble
from broker.runtime.recorded import offline, play
from broker.runtime.settings import Settings
from broker.services.attendances import Attendances
from broker.services.intake import Intake
from broker.services.numberless import Numberless
from broker.services.rejections import Rejections
from broker.services.replay import Taken
from broker.wire.file_response import write_file_response
from broker.wire.stream import Door, StreamLine, read_stream
from broker.wire.visit_reading import Context
from tests.builders.hl7 import KEY
from tests.builders.hospital_record import READER
from tests.builders.upload_desk import Desk
from tests.tools.markdown import code_blocks
from tests.tools.stale_docs import REPOSITORY

HOW_TO = REPOSITORY / "docs" / "how-to"
STREAM = REPOSITORY / "tests" / "fixtures" / "streams" / "demo.jsonl"
README_COLUMNS = 118  # as wide as its text
DEADLINE_S = 120.0  # a fresh Python and one message take well under a second


def _blocks(page: str, language: str) -> list[str]:
    """Return the code that a how-to page shows."""
    return code_blocks((HOW_TO / page).read_text("utf-8"), language)


class ListeningDoor:
    """An MLLP door with the real intake behind it, whose facts go nowhere; it remembers what came."""

    def __init__(self, data_dir: Path) -> None:
        self.messages: list[bytes] = []
        parts = assemble(Settings(data_dir=data_dir), sealer=MemorySealer())
        self._intake = Intake(
            Taken(),
            Attendances(parts.facts, Numberless(parts.details, policy=parts.policy, key=parts.key)),
            Rejections(parts.records, parts.key),
            clock=lambda: datetime.now(UTC),
            count=_ignore,
            answer_seconds=DEADLINE_S,
        )
        self.server = MllpServer(
            self._receive, self._intake.receive_unreadable, host="127.0.0.1", port=0, count=_ignore
        )

    async def _receive(self, data: bytes, _peer: Peer) -> bytes:
        """Remember and answer."""
        self.messages.append(data)
        return await self._intake.receive(data)


def _ignore(_event: str) -> None:
    """Count nothing."""


async def _run_against(door: ListeningDoor, program: Callable[[int], str]) -> str:
    """Run a Python program that is told the door's port, and return what it prints."""
    await door.server.start()
    try:
        async with asyncio.timeout(DEADLINE_S):
            running = await asyncio.create_subprocess_exec(
                sys.executable, "-c", program(door.server.port), stdout=asyncio.subprocess.PIPE
            )
            printed, _ = await running.communicate()
    finally:
        await door.server.stop()
    return printed.decode()


def _send_by_hand(data_dir: Path) -> tuple[str, bytes]:
    """Run the example for hospitals and return what it prints and what it sends."""
    (example,) = _blocks("connect-a-hospital.md", "python")
    door = ListeningDoor(data_dir)
    printed = asyncio.run(_run_against(door, lambda port: example.replace("PORT = 2575", f"PORT = {port}")))
    (message,) = door.messages
    return printed, message


def test_a_message_sent_by_hand_is_accepted(tmp_path: Path) -> None:
    """The example for hospitals prints an acknowledgement that begins as the page says."""
    printed, _ = _send_by_hand(tmp_path)

    assert "MSA|AA" == printed.splitlines()[1][:6]


def test_a_message_sent_by_hand_raises_the_alert_that_the_page_promises(tmp_path: Path) -> None:
    """With the plans of the demonstration, the message of the example alerts the authority named there."""
    _, message = _send_by_hand(tmp_path)
    parts = assemble(Settings(data_dir=tmp_path), sealer=MemorySealer())
    replay = offline(parts)
    plans = [line for line in read_stream(STREAM.read_text("utf-8").splitlines()) if line.door is Door.UPLOAD]

    asyncio.run(play(replay, [*plans, StreamLine(at=datetime.now(UTC), door=Door.MLLP, raw=message)]))

    raised = {event.alert.recipient.code.code for event in replay.outcome.events}
    assert {EventKind.RAISED} == {event.kind for event in replay.outcome.events}
    assert {"211", "RXH"} == raised


def test_the_record_that_a_provider_is_shown_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the schema and the id on the page; it is a visit of the provider that the page lets write."""
    (example,) = _blocks("send-over-kafka.md", "python")
    monkeypatch.chdir(REPOSITORY)
    shown: dict[str, bytes] = {}

    exec(example, shown)  # noqa: S102 - the program of the page

    context = Context(key=KEY, received_at=datetime.now(UTC) + timedelta(seconds=1))
    reading = READER.read(shown["value"], context)
    assert ("RXX", "9990000018", ()) == (
        reading.provider.code,
        reading.number and reading.number.digits,
        reading.faults,
    )


def test_the_answer_shown_to_authorities_is_the_one_that_their_sample_gets() -> None:
    """Line for line."""
    (shown,) = _blocks("connect-an-authority.md", "xml")
    sample = REPOSITORY / "tests" / "fixtures" / "uploads" / "five-records.xml"

    answer = write_file_response(Desk().load(sample.read_bytes()), created_at=datetime.now(UTC))

    assert textwrap.indent(shown, "  ") in answer.decode()


def test_the_recorded_day_is_replayed_by_the_command_shown(tmp_path: Path) -> None:
    """The command of the page prints alerts and decisions as JSON."""
    (command,) = _blocks("replay-a-stream.md", "sh")
    program = [sys.executable, "-m", "broker", *shlex.split(command)[1:]]

    done = subprocess.run(
        program, cwd=REPOSITORY, env={"CPIS_DATA_DIR": str(tmp_path)}, capture_output=True, check=True
    )

    assert ["alerts", "decisions", "rejected", "summary", "worklist"] == sorted(json.loads(done.stdout))


def test_the_alert_that_the_readme_shows_is_one_of_the_demonstration(tmp_path: Path) -> None:
    """As `cpis listen` shows it to the authority that is told first."""
    parts = assemble(Settings(data_dir=tmp_path), sealer=MemorySealer())
    with STREAM.open(encoding="utf-8") as lines:
        outcome = asyncio.run(play(offline(parts), read_stream(lines)))
    first = next(one for one in outcome.events if one.alert.recipient.kind is RecipientKind.AUTHORITY)
    value = parts.alerts.encode_event(
        first,
        with_own_ids=True,
        caused_received_at=None,
        rules_version=RULES_VERSION,
        policy_version=first.policy_version,
    )
    screen = Console(width=README_COLUMNS, color_system=None, file=StringIO())
    screen.print(alert_panel(parts.alerts.decode_published(value)))

    _picture, shown, _layout = code_blocks((REPOSITORY / "README.md").read_text("utf-8"), "text")

    assert isinstance(screen.file, StringIO)
    assert screen.file.getvalue() == shown
