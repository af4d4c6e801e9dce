"""Each role under a principal of its own with the declared rights alone, on a secured Kafka."""

import asyncio
import json
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from broker.adapters.access_declarations import Kind, Operation
from broker.adapters.kafka_turn import KafkaTurn
from broker.core.errors import KafkaNotAuthorized
from broker.core.worklist import ItemKind, WorklistItem
from broker.ports import INPUTS, Topic
from tests.builders.adt import Adt, Patient
from tests.builders.hospital_record import record
from tests.builders.matcher import make_codecs, numbers
from tests.builders.secured import ADMINISTRATOR, WRITER, SecuredKafka
from tests.builders.upload import Person, PlanBlock, Record, build_upload
from tests.fault.fleet import Fleet
from tests.integration.test_operators import lines_of, ops_port_of, sent_by_mllp, until_ready
from tests.starting import END_SECONDS, environment, running
from tests.unit.wire.test_adt_other import merge
from tests.waiting import wait_until

ENDED_LATE = [
    Record(child=Person(number="9990000026"), plans=[PlanBlock(kind="LAC", start="202001010000", end=end)])
    for end in (None, "202101010000")
]
"""Another child's plan and its late end: for it intake looks into what is held (ruling 18)."""
ROLES = ("intake", "matcher", "outbox")
AUTHORITY, PROVIDER = "211", "RXH"

SENDING_ON = {f"cpis-matcher: WRITE on topic {topic}" for topic in INPUTS}
"""The rights that a superseded number needs: what comes under it is sent on to its successor."""
ON_DEMAND = {
    *(f"cpis-intake: READ on topic {topic}" for topic in ("cpis.feeds", "cpis.checks", "cpis.in.identity")),
    *(
        f"cpis-outbox: READ on topic {topic}"
        for topic in (
            *("cpis.in.attendances", "cpis.rejected", "cpis.checks", "cpis.in.details", "cpis.people"),
            "cpis.alerts.la.*",
        )
    ),
    "cpis-intake: READ on group cpis-mesh-*",
}
"""
Rights of what nobody has asked for: how a feed stands, a demographic source, answers that are pushed, a
mailbox, and notifications over MESH.
"""
UNUSED_THAT_DAY = {
    "cpis-matcher: WRITE on topic cpis.late",
    "cpis-intake: WRITE on topic cpis.in.identity",
    "cpis-intake: READ on topic cpis.in.attendances",
    *SENDING_ON,
    *ON_DEMAND,
}
"""
Rights that a day does not need and another does: for a fact too late to revise a decision, for a mark that
comes late under a number that its visit has left, for what another intake or an earlier one wrote, and to
move; and those of `ON_DEMAND`.
"""
FORMER, PRESENT = islice(numbers(), 20, 22)
"""Two numbers that no other test here uses."""

_ROBIN = Patient()
_IMOGEN = Patient(number="9990000034", family="Otherwise", given="Imogen", born="20110305")

pytestmark = pytest.mark.kafka


@dataclass(frozen=True)
class Site:
    """The three roles at work, each in a process of its own."""

    directory: Path
    fleets: dict[str, Fleet]

    @property
    def mllp_port(self) -> int:
        """Where hospitals send to."""
        return int(str(lines_of(self.fleets["intake"], "intake ready")[0]["port"]))

    def inbox(self) -> int:
        """Return how many events lie in the inbox."""
        with closing(sqlite3.connect(self.directory / "outbox" / "broker.sqlite")) as database:
            return int(database.execute("SELECT count(*) FROM inbox").fetchone()[0])


@contextmanager
def at_work(
    directory: Path, settings_of: Callable[[str], dict[str, str]], secured: SecuredKafka
) -> Iterator[Site]:
    """Run the roles until they are ready, each with the settings of its principal."""
    with ExitStack() as stack:
        fleets = {}
        for role in ROLES:
            (directory / role).mkdir()
            fleet = stack.enter_context(Fleet(secured.kafka.cluster, directory / role, roles=(role,)))
            keys = {"CPIS_SEALING_KEYS_DIR": str(directory / "keys")}
            fleet.start(**keys, **settings_of(f"cpis-{role}"))
            fleets[role] = fleet
        for fleet in fleets.values():
            until_ready(ops_port_of(fleet), 200)
        yield Site(directory, fleets)


def attendance(visit: str, provider: str = PROVIDER, patient: Patient = _ROBIN) -> bytes:
    """Return an attendance of this minute."""
    now = f"{datetime.now(tz=ZoneInfo('Europe/London')):%Y%m%d%H%M%S}"
    pv1 = {"class": "E", "location": "ED", "visit": visit, "arrived": now}
    message = Adt(event="A04", control_id=visit, recorded=now, pv1=pv1, provider=provider, patient=patient)
    return message.text().encode()


def written(visit: str) -> bytes:
    """Return an attendance of this minute as the provider writes it that has Kafka."""
    now = datetime.now(tz=UTC)
    return record(control_id=visit, visit_number=visit, provider=WRITER, recorded_at=now, arrived_at=now)


def unused(secured: SecuredKafka) -> set[str]:
    """Return the declared rights of the roles that nobody has asked for yet."""
    done = secured.judged(allowed=True)
    return {
        f"{grant.user}: {grant}"
        for role in ROLES
        for grant in secured.access.of(role).grants
        if not any(one.is_by(grant) for one in done)
    }


def until_used(secured: SecuredKafka) -> None:
    """Wait until every right is used that a day needs; fail with those that are not."""
    lacking: set[str] = set()

    def every_one() -> bool:
        """Look once more."""
        lacking.clear()
        lacking.update(unused(secured) - UNUSED_THAT_DAY)
        return not lacking

    try:
        wait_until(every_one, END_SECONDS, "every right is used")
    except AssertionError:
        assert set() == lacking
        raise


def told(settings: dict[str, str], *recipient: str) -> list[dict[str, Any]]:
    """Return the alerts that a recipient reads from the beginning, as itself."""
    log = Path(settings["CPIS_KAFKA_CA_FILE"]).parent / "listen.log"
    with running(log, "listen", *recipient, "--json", "--from-beginning", "--once", **settings) as process:
        assert 0 == process.wait(END_SECONDS), log.read_text()
    return [json.loads(line) for line in log.read_text().splitlines()]


def asked(command: str, settings: dict[str, str], visit: str, *, code: int = 0) -> str:
    """Return what is said of a visit to somebody who gives a reason, with this exit code."""
    log = Path(settings["CPIS_KAFKA_CA_FILE"]).parent / f"{command}.log"
    grounds = ("--by", "explainer", "--reason", "a test")
    with running(log, command, "--visit", visit, *grounds, **settings) as process:
        assert code == process.wait(END_SECONDS), log.read_text()
    return log.read_text()


def senders(settings: dict[str, str]) -> str:
    """Return how the senders have done, as a steward sees it."""
    log = Path(settings["CPIS_KAFKA_CA_FILE"]).parent / "senders.log"
    with running(log, "senders", **settings) as process:
        assert 0 == process.wait(END_SECONDS), log.read_text()
    return log.read_text()


@pytest.mark.parametrize("manner", ["password", "certificate"])
def test_a_visit_becomes_an_alert_and_an_inbox_row(
    secured: SecuredKafka, tmp_path: Path, manner: str
) -> None:
    """
    With the declared rights, whatever names the principal; and every one of these rights is used. What came
    of it is explained to whoever has an explainer's.

    The day holds a visit to somebody without a topic (worklist), one of a patient without a number, a message
    nobody can read, a merge of two numbers (worklist), a visit that a provider wrote to its own topic, and an
    event that the outbox cannot read. What was never asked for would be a right too many.
    """
    settings_of = getattr(secured, f"by_{manner}")
    listening = ["--authority", AUTHORITY]
    before = len(told(settings_of(f"la-{AUTHORITY}"), *listening))
    with at_work(tmp_path, settings_of, secured) as site:
        upload = build_upload([Record(), *ENDED_LATE], authority=AUTHORITY)
        (tmp_path / "intake" / "uploads" / "one.xml").write_bytes(upload)
        done = tmp_path / "intake" / "uploads" / "done"
        wait_until(lambda: bool(list(done.glob("*.xml"))), END_SECONDS, "the plan is loaded")
        held = site.inbox()
        visits = (attendance(f"V-{manner}"), attendance(f"W-{manner}", "RXX"))
        two_numbers = merge("9990000026^^^NHS", control_id=f"M-{manner}")
        nobodys = attendance(f"X-{manner}", patient=replace(_ROBIN, number=None))
        planless = attendance(f"Y-{manner}", patient=_IMOGEN)
        answers = sent_by_mllp(site.mllp_port, *visits, planless, nobodys, two_numbers, b"MSH|nonsense")
        secured.send(ADMINISTRATOR, Topic.ALERTS, b"no alert")
        secured.send(f"provider-{WRITER}", f"{Topic.ATTENDANCES}.{WRITER}", written(f"Z-{manner}"))
        wait_until(lambda: site.inbox() >= held + 6, END_SECONDS, "six alerts are in the inbox")
        until_used(secured)
        explainer = {"CPIS_SEALING_KEYS_DIR": str(tmp_path / "keys"), **settings_of("cpis-explainer")}
        steward = {"CPIS_SEALING_KEYS_DIR": str(tmp_path / "keys"), **settings_of("cpis-steward")}
        assert f"{PROVIDER}/EDSYS" in senders(steward)
        assert "No plan on file." in asked("answer", explainer, f"{PROVIDER}/Y-{manner}", code=3)
        logs = "".join(fleet.logs() for fleet in site.fleets.values())

    visit = f"{PROVIDER}/V-{manner}"
    assert "entered in the audit trail" in asked("explain", explainer, visit)
    assert "Plan on file." in asked("answer", explainer, visit)
    assert "Could not check: " in asked("answer", explainer, f"{PROVIDER}/X-{manner}", code=4)
    assert ["AA", "AA", "AA", "AA", "AA", "AE"] == answers
    assert before + 3 == len(told(settings_of(f"la-{AUTHORITY}"), *listening))
    assert "refuses us" not in logs
    assert "Traceback" not in logs


def added(settings: dict[str, str], *words: str, told: str) -> None:
    """Put a fact in by hand as the operator; whom it is about comes by standard input."""
    grounds = ("--by", "operator", "--reason", "a test")
    done = subprocess.run(
        [sys.executable, "-m", "broker", "fact", "add", *words, *grounds],
        env=environment(**settings),
        input=told,
        capture_output=True,
        text=True,
        timeout=END_SECONDS,
        check=False,
    )
    assert 0 == done.returncode, done.stderr


def test_what_comes_under_a_superseded_number_is_sent_on(secured: SecuredKafka, tmp_path: Path) -> None:
    """A plan, a visit, a view and what was known, with the rights of matcher and operator (ruling 22)."""
    now = datetime.now(tz=ZoneInfo("Europe/London")).isoformat(timespec="seconds")
    hands = {"CPIS_SEALING_KEYS_DIR": str(tmp_path / "keys"), "CPIS_DATA_DIR": str(tmp_path / "operator")}
    operator = hands | secured.by_password("cpis-operator")
    authority = secured.by_password(f"la-{AUTHORITY}")
    record = Record(child=Person(number=FORMER.digits))
    upload = build_upload([record], authority=AUTHORITY, file_id="LA-FILE-0002")
    looked = ("--organisation", PROVIDER, "--organisation-name", "Exton Hospital", "--role", "nurse")

    def told_under() -> set[object]:
        """Return the numbers that the authority was told under."""
        return {one["event"]["subject"] for one in told(authority, "--authority", AUTHORITY)}

    def used() -> set[str]:
        """Return the rights of sending on that were used."""
        return SENDING_ON - unused(secured)

    with at_work(tmp_path, secured.by_password, secured) as site:
        (tmp_path / "intake" / "uploads" / "two.xml").write_bytes(upload)
        wait_until(
            lambda: bool(list(tmp_path.glob("intake/uploads/done/*.xml"))), END_SECONDS, "it is loaded"
        )
        pair = f"{FORMER.digits}\n{PRESENT.digits}\n"
        added(operator, "notice", "--kind", "superseded", "--recorded-at", now, told=pair)
        wait_until(lambda: len(used()) >= 1, END_SECONDS, "the person moves")
        added(operator, "view", *looked, "--accessed-at", now, told=f"{FORMER.digits}\nA Nurse\n")
        answers = sent_by_mllp(site.mllp_port, attendance("M-1", patient=Patient(number=FORMER.digits)))
        again = build_upload([record], authority=AUTHORITY, file_id="LA-FILE-0003")
        (tmp_path / "intake" / "uploads" / "three.xml").write_bytes(again)
        wait_until(lambda: used() == SENDING_ON, END_SECONDS, "every kind of fact is sent on")
        wait_until(lambda: PRESENT.digits in told_under(), END_SECONDS, "the authority is told")
        logs = "".join(fleet.logs() for fleet in site.fleets.values())

    assert ["AA"] == answers
    assert "refuses us" not in logs
    assert "Traceback" not in logs


def test_a_right_taken_away_while_at_work_loses_nothing(secured: SecuredKafka, tmp_path: Path) -> None:
    """Hospitals are answered AR and the log names the right; once it is granted again, AA."""
    [right] = [
        grant
        for grant in secured.access.of("intake").grants
        if grant.name == Topic.ATTENDANCES and grant.operation is Operation.WRITE
    ]
    with Fleet(secured.kafka.cluster, tmp_path, roles=("intake",)) as fleet:
        fleet.start(**secured.by_password("cpis-intake"))
        until_ready(ops_port_of(fleet), 200)
        port = int(str(lines_of(fleet, "intake ready")[0]["port"]))
        answers = sent_by_mllp(port, attendance("V-8"))
        secured.revoke(right)
        try:
            wait_until(
                lambda: sent_by_mllp(port, attendance("V-9")) == ["AR"], END_SECONDS, "a sender is refused"
            )
        finally:
            secured.grant(right)
        wait_until(lambda: sent_by_mllp(port, attendance("V-9")) == ["AA"], END_SECONDS, "it is taken again")
        [line] = lines_of(fleet, "kafka refuses us")

    assert ["AA"] == answers
    assert re.search(r"CPIS-423: writing facts: .*WRITE on topic cpis\.in\.attendances", str(line["error"]))


def test_intake_has_its_turn_at_a_mailbox_with_its_own_rights(secured: SecuredKafka) -> None:
    """One of several looks into it; without the right nobody does, and that is told with its name."""

    async def turn_of(user: str) -> bool:
        """Wait until it is a principal's turn; raise what keeps it from that."""
        turn = KafkaTurn(secured.cluster(user), "cpis-mesh-X26CPIS")
        try:
            async with asyncio.timeout(END_SECONDS):
                while not await turn.is_ours():  # noqa: ASYNC110 - the group tells nobody
                    await asyncio.sleep(0.1)
        finally:
            await turn.close()
        return True

    assert asyncio.run(turn_of("cpis-intake"))
    [right] = [one for one in secured.access.of("intake").grants if one.name.startswith("cpis-mesh-")]
    secured.revoke(right)
    try:
        with pytest.raises(KafkaNotAuthorized, match="READ on group cpis-mesh-X26CPIS"):
            asyncio.run(turn_of("cpis-intake"))
    finally:
        secured.grant(right)


def test_an_outbox_that_may_not_join_its_group_says_so(secured: SecuredKafka, tmp_path: Path) -> None:
    """Faust would wait for ever in silence; granted, it goes on by itself."""
    [right] = [grant for grant in secured.access.of("outbox").grants if grant.kind is Kind.GROUP]
    secured.revoke(right)
    with Fleet(secured.kafka.cluster, tmp_path, roles=("outbox",)) as fleet:
        try:
            fleet.start(**secured.by_password("cpis-outbox"))
            failed = "outbox app failed, starting again"
            wait_until(lambda: bool(lines_of(fleet, failed)), END_SECONDS, "the log says why")
            error = str(lines_of(fleet, failed)[0]["error"])
        finally:
            secured.grant(right)
        until_ready(ops_port_of(fleet), 200)

    assert "CPIS-423" in error
    assert "READ on group cpis-outbox-" in error


def test_the_desk_works_with_an_operators_rights(secured: SecuredKafka, tmp_path: Path) -> None:
    """List, open and redrive what was refused; list what is left to people, and look who asks it."""
    settings = {"CPIS_DATA_DIR": str(tmp_path), "CPIS_SEALING_KEYS_DIR": str(tmp_path / "keys")}
    with Fleet(secured.kafka.cluster, tmp_path, roles=("intake",)) as fleet:
        fleet.start(**settings, **secured.by_password("cpis-intake"))
        until_ready(ops_port_of(fleet), 200)
        sent_by_mllp(int(str(lines_of(fleet, "intake ready")[0]["port"])), b"MSH|nonsense too")

    def desk(*arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a command as the operator."""
        log = tmp_path / "desk.log"
        operator = secured.by_password("cpis-operator")
        with running(log, *arguments, **settings, **operator) as process:
            code = process.wait(END_SECONDS)
        return subprocess.CompletedProcess(arguments, code, log.read_text("utf-8"))

    listed = desk("rejected", "list", "--json")
    item = json.loads(listed.stdout.splitlines()[-1])
    grounds = ["--by", "operator", "--reason", "a test"]
    redriven = desk("rejected", "redrive", str(item["id"]), *grounds)
    worklist = desk("worklist", "list")
    asked = WorklistItem(item_id="f" * 32, kind=ItemKind.DETAILS_DISAGREE, urgent=True)
    value = make_codecs().records.encode_item(asked)
    secured.send("cpis-matcher", Topic.WORKLIST, value, key=asked.item_id.encode())
    answered = desk("worklist", "refuse", asked.item_id, *grounds)
    settled = desk("worklist", "settle", asked.item_id, *grounds)

    assert (65, True) == (answered.returncode, "CPIS-610" in answered.stdout), answered.stdout
    assert 0 == settled.returncode, settled.stdout
    assert (0, 0) == (listed.returncode, worklist.returncode), listed.stdout
    assert (65, True) == (redriven.returncode, "refused: " in redriven.stdout), redriven.stdout
