"""The operators' desk as operators use it: what is rejected, work, answers, beside a broker at work."""

import asyncio
import base64
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from broker.adapters.embedded_kafka import REPLICAS, EmbeddedKafka
from broker.adapters.kafka_topics import apply_topics, load_topics
from broker.core.alerts import EventKind
from broker.core.operators import ActionKind
from broker.ports import Topic
from broker.runtime.kafka import embedded_cluster
from broker.runtime.resources import topics_file
from tests.builders.adt import Adt, Patient
from tests.builders.declared_kafka import declared_kafka
from tests.builders.hl7 import wall_time
from tests.builders.lawful_basis import confirmed
from tests.builders.terminal import PATIENCE_SECONDS, Desk, mllp_port, send, with_key
from tests.builders.upload import Person, build_upload
from tests.builders.upload import Record as PlanRecord
from tests.fault.fleet import Fleet
from tests.waiting import wait_until

CHILD = Patient(number="9990000018", family="Quillfeather", given="Rosalind", local_id="L-77123")
SOMEBODY = Patient(number="9990000026", family="Otherwise", given="Imogen", local_id="L-1")
HELD = Patient(number="9990000034", family="Keptback", given="Una", local_id="L-2")
PERSONAL = ("9990000018", "Quillfeather", "Rosalind", "20160412", "2016-04-12", "L-77123", "Test Row", "ZZ99")
GROUNDS = ("--by", "A. Operator", "--reason", "ticket 4711")

pytestmark = pytest.mark.kafka


@pytest.fixture(scope="module")
def own_kafka() -> Iterator[EmbeddedKafka]:
    """Lend a Kafka with the declared topics that no other test writes to."""
    with declared_kafka() as broker:
        yield broker


@pytest.fixture
def desk(own_kafka: EmbeddedKafka, tmp_path: Path) -> Desk:
    """Return a desk whose deployment has an identity key of its own."""
    return with_key(own_kafka, tmp_path)


@pytest.fixture
def live_desk(tmp_path: Path) -> Iterator[Desk]:
    """Lend a desk of a deployment that may be live: its topics lie on three nodes."""
    declared = load_topics(topics_file().read_text("utf-8")).overridden(replication_factor=REPLICAS)
    with embedded_cluster() as nodes:
        asyncio.run(apply_topics(nodes.cluster, declared))
        yield with_key(nodes, tmp_path)


def attendance(processing: str, *, patient: Patient = CHILD, visit: str = "V1", hours_ago: int = 1) -> bytes:
    """Return an attendance of so many hours ago; `processing` is MSH-11."""
    now = datetime.now(UTC) - timedelta(hours=hours_ago)
    arrived, recorded = (wall_time(now + timedelta(minutes=after)) for after in (0, 5))
    pv1 = {"class": "E", "location": "ED", "visit": visit, "arrived": arrived}
    adt = Adt(
        event="A04",
        control_id="EDSYS0001",
        recorded=recorded,
        patient=patient,
        provider="RXH",
        pv1=pv1,
        processing=processing,
    )
    return adt.text().encode()


def plan_file(directory: Path) -> Path:
    """Write an upload file with the child's plan."""
    child = Person(number=CHILD.number, family=CHILD.family, given=CHILD.given, born=CHILD.born)
    file = directory / "plans.xml"
    file.write_bytes(build_upload((PlanRecord(child=child),), authority="211"))
    return file


def names_somebody(text: str) -> list[str]:
    """Return what in a text is the child's."""
    return [value for value in PERSONAL if value.lower() in text.lower()]


def gives_three_answers(desk: Desk, port: int) -> None:
    """Ask about the child's visit, of somebody without a plan or a number, of nobody, and without Kafka."""
    assert "AA" == send(port, attendance("P", patient=SOMEBODY, visit="V2"))
    assert "AA" == send(port, attendance("P", patient=replace(SOMEBODY, number=None), visit="V4"))

    answers = [
        desk.run("answer", "--visit", f"RXH/{visit}", "--json", *GROUNDS)
        for visit in ("V1", "V2", "V3", "V4")
    ]
    away = desk.run("answer", "--visit", "RXH/V2", *GROUNDS, CPIS_KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:9")

    assert [
        (0, "plan on file", None),
        (3, "no plan on file", None),
        (4, "could not check", "visit not held"),
        (4, "could not check", "no number"),
    ] == [
        (done.returncode, told["finding"], told["reason"])
        for done in answers
        for told in [json.loads(done.stdout)]
    ]
    assert 4 == away.returncode
    assert away.stdout.startswith("Could not check: the broker has not come to this visit, or cannot tell")
    assert [] == names_somebody("".join(done.stdout + done.stderr for done in (*answers, away)))
    assert 3 == [action.kind for action in desk.actions(Topic.AUDIT)].count(ActionKind.ANSWERED)


def finds_both_copies(desk: Desk, message: bytes) -> None:
    """Find a message that was refused and then redriven, look at both copies, and open them on grounds."""
    assert [] == desk.items("rejected", "list")
    [item] = desk.items("rejected", "list", "--all")
    assert ("taken", "taken") == (item["state"], item["outcome"])
    found = desk.items("messages", "list", "--control-id", "EDSYS0001")
    refused, taken = sorted(found, key=lambda one: str(one["outcome"]))
    assert [("taken", None), ("refused", "taken")] == [
        (one["outcome"], one["redriven"]) for one in (taken, refused)
    ]
    places = [str(one["message"]) for one in (taken, refused)]
    shown = "".join(desk.shown("messages", "show", place) for place in places)
    assert "|ADT^A04^ADT_A01|EDSYS0001|" in shown
    assert [] == names_somebody(shown)

    only_reads = desk.run("messages", "show", places[1], "--unmask", *GROUNDS, CPIS_DESK_ROLE="reader")
    assert (77, "") == (only_reads.returncode, only_reads.stdout)
    assert message.decode().replace("\r", "\n") in desk.shown(
        "messages", "show", places[1], "--unmask", *GROUNDS
    )
    [opened] = desk.items("messages", "show", places[0], "--unmask", *GROUNDS)
    assert "Quillfeather" in json.dumps(opened["fact"])


def refuses_another_key(desk: Desk, item_id: str) -> None:
    """Redrive an item under the key of another deployment: a visit would be another visit, told again."""
    key = desk.directory / "other.key"
    key.write_bytes(b"the key of another deployment, named here by mistake")
    before = len(desk.records(Topic.ATTENDANCES))

    mistaken = desk.run("rejected", "redrive", item_id, *GROUNDS, CPIS_IDENTITY_KEY_FILE=str(key))

    assert (78, "") == (mistaken.returncode, mistaken.stdout)
    assert "CPIS-404" in mistaken.stderr
    assert before == len(desk.records(Topic.ATTENDANCES))


@pytest.mark.timeout(900)  # some thirty commands, each a process of its own on a machine that is shared
def test_a_message_refused_for_a_setting_is_redriven_and_alerts_once(live_desk: Desk) -> None:
    """Refused at the live door, found, looked at, opened on grounds, redriven; twice tells nobody twice."""
    desk = live_desk
    live = {
        "CPIS_ENVIRONMENT": "live",
        "CPIS_CANARY_PROVIDER": "RXH",  # in live numbers kept for tests are taken from nobody else
        "CPIS_IDENTITY_KEY_FILE": str(desk.directory / "identity.key"),
        "CPIS_LAWFUL_BASIS_FILE": str(confirmed(desk.directory)),
    }
    with Fleet(desk.kafka.cluster, desk.directory, roles=("intake", "matcher")) as fleet:
        fleet.start(**live)
        port = mllp_port(fleet)
        desk.shown("upload", str(plan_file(desk.directory)))
        message = attendance("T")
        assert "AR" == send(port, message)

        [item] = desk.items("rejected", "list", "--sender", "rxh", "--code", "Processing id not taken")
        item_id = str(item["id"])
        shown = desk.shown("rejected", "list") + desk.shown("rejected", "show", item_id)
        assert item_id in shown
        assert "processing id not taken" in shown
        assert [] == names_somebody(shown)
        assert [] == desk.actions(Topic.AUDIT)

        unfounded = desk.run("rejected", "show", item_id, "--unmask", "--by", "A. Operator")
        assert (64, "") == (unfounded.returncode, unfounded.stdout)
        assert "CPIS-603" in unfounded.stderr
        opened = desk.shown("rejected", "show", item_id, "--unmask", *GROUNDS)
        assert message.decode().replace("\r", "\n") in opened
        [unmasked] = desk.actions(Topic.AUDIT)
        assert (ActionKind.UNMASKED, item_id, "A. Operator", "ticket 4711") == (
            unmasked.kind,
            unmasked.item_id,
            unmasked.grounds.by,
            unmasked.grounds.reason,
        )
        [as_json] = desk.items("rejected", "show", item_id, "--unmask", *GROUNDS)
        assert message == base64.b64decode(str(as_json["bytes"]))

        refused = desk.run("rejected", "redrive", item_id, "--dry-run", CPIS_ENVIRONMENT="live")
        assert 65 == refused.returncode
        assert "refused: processing id not taken at MSH-11" in refused.stdout
        assert "taken" in desk.shown("rejected", "redrive", "--all", "--dry-run")  # the setting is mended
        desk.worked_off()
        assert [] == desk.alerts()

        refuses_another_key(desk, item_id)

        desk.shown("rejected", "redrive", item_id, *GROUNDS)
        wait_until(lambda: len(desk.alerts()) >= 2, PATIENCE_SECONDS, "the alerts")
        desk.worked_off()
        told = desk.alerts()
        assert ["211", "RXH"] == sorted(event.alert.recipient.code.code for event in told)

        finds_both_copies(desk, message)

        attendances = len(desk.records(Topic.ATTENDANCES))
        desk.shown("rejected", "redrive", item_id, *GROUNDS)
        desk.worked_off()
        assert attendances + 1 == len(desk.records(Topic.ATTENDANCES))
        assert told == desk.alerts()
        gives_three_answers(desk, port)
        assert [] == desk.items("worklist", "list")
        kinds = [action.kind for action in desk.actions(Topic.AUDIT)]
        assert [4, 2] == [kinds.count(kind) for kind in (ActionKind.UNMASKED, ActionKind.REDRIVEN)]
        assert [] == names_somebody(fleet.logs())


def test_a_record_that_cannot_be_processed_is_work_until_it_is_settled(desk: Desk) -> None:
    """Listed, shown masked, opened on grounds, settled with who and why; settled twice is settled once."""
    poison = f"no fact at all: {CHILD.family} {CHILD.number}".encode()
    with Fleet(desk.kafka.cluster, desk.directory, roles=("matcher",)) as fleet:
        fleet.start(CPIS_IDENTITY_KEY_FILE=str(desk.directory / "identity.key"))
        asyncio.run(_write(desk, Topic.PLANS, poison))
        wait_until(lambda: bool(_unprocessable(desk)), PATIENCE_SECONDS, "the item")

    [item] = _unprocessable(desk)
    item_id = str(item["id"])
    listed = desk.shown("worklist", "list")
    assert {"age", "owner", str(item["owner"])} <= set(listed.split())
    assert re.fullmatch(r"\d+m", str(item["age"]))
    shown = listed + desk.shown("worklist", "show", item_id)
    assert "CPIS-201" in shown
    assert [] == names_somebody(shown)
    assert [] == desk.items("worklist", "list", "--older-than", "1d")
    assert "nothing like that; 1 open in all\n" == desk.shown("worklist", "list", "--older-than", "1d")

    before = len(desk.actions(Topic.AUDIT))
    assert poison.decode() in desk.shown("worklist", "show", item_id, "--unmask", *GROUNDS)
    assert before + 1 == len(desk.actions(Topic.AUDIT))

    kept_in = desk.run("worklist", "release", "--all", "--cause", "CPIS-201", *GROUNDS)
    assert 65 == kept_in.returncode
    assert "still not readable: CPIS-201" in kept_in.stdout

    assert f"{item_id} settled\n" == desk.shown("worklist", "settle", item_id, *GROUNDS)
    assert "there is no work\n" == desk.shown("worklist", "list")
    [settled] = [one for one in desk.items("worklist", "list", "--all") if one["id"] == item_id]
    assert ("settled", "A. Operator", "ticket 4711") == (
        settled["state"],
        *(settled["settled"][name] for name in ("by", "reason")),  # type: ignore[index]  # JSON
    )
    assert "settled already" in desk.shown("worklist", "settle", item_id, *GROUNDS)
    assert before + 2 == len(desk.actions(Topic.AUDIT))


def test_a_person_is_put_on_hold_and_released_at_the_desk(desk: Desk) -> None:
    """By a message, without the number: what comes waits, who asks is told so, and it is let go in order."""
    with Fleet(desk.kafka.cluster, desk.directory, roles=("intake", "matcher")) as fleet:
        fleet.start(CPIS_IDENTITY_KEY_FILE=str(desk.directory / "identity.key"))
        port = mllp_port(fleet)
        assert "AA" == send(port, attendance("P", patient=HELD, visit="V21", hours_ago=2))
        [sent] = [one for one in desk.records(Topic.ATTENDANCES) if one.key == str(HELD.number).encode()]
        message = f"{sent.topic}-{sent.partition}-{sent.offset}"

        said = desk.shown("worklist", "hold", message, *GROUNDS)
        wait_until(lambda: bool(_held(desk)), PATIENCE_SECONDS, "the item")
        [item_id] = _held(desk)
        assert "AA" == send(port, attendance("P", patient=HELD, visit="V22"))
        asked = desk.run("answer", "--visit", "RXH/V22", "--json", *GROUNDS)
        assert (4, "set aside") == (asked.returncode, json.loads(asked.stdout)["reason"])
        assert 65 == desk.run("worklist", "settle", item_id, *GROUNDS).returncode
        rehearsed = desk.shown("worklist", "release", item_id, "--dry-run")
        released = desk.shown("worklist", "release", item_id, *GROUNDS)
        wait_until(lambda: not _held(desk), PATIENCE_SECONDS, "the hold is over")
        asked = desk.run("answer", "--visit", "RXH/V22", "--json", *GROUNDS)

    assert (3, "no plan on file") == (asked.returncode, json.loads(asked.stdout)["finding"])
    assert ("can be read now" in rehearsed, "released" in released) == (True, True)
    assert item_id in said
    assert str(HELD.number) not in said + rehearsed + released + fleet.logs()


def _held(desk: Desk) -> list[str]:
    """Return the items about people on hold."""
    return [str(one["id"]) for one in desk.items("worklist", "list", "--reason-code", "person on hold")]


def _unprocessable(desk: Desk) -> list[dict[str, object]]:
    """Return the open items about records that no matcher can read, whatever else other tests left there."""
    return desk.items("worklist", "list", "--reason-code", "unprocessable record")


async def _write(desk: Desk, topic: Topic, value: bytes) -> None:
    """Write a record as no intake does."""
    async with AIOKafkaProducer(**desk.kafka.cluster.connection()) as producer:
        await producer.send_and_wait(topic, value, key=str(CHILD.number).encode())


@pytest.mark.parametrize(
    ("words", "exit_code", "said"),
    [
        (("rejected", "show", "9990000018"), 66, "CPIS-601"),
        (("rejected", "redrive", "nowhere", *GROUNDS), 66, "CPIS-601"),
        (("rejected", "redrive", "--all"), 64, "CPIS-603"),
        (("rejected", "redrive"), 2, "Name items, or --all"),
        (("rejected", "redrive", "x", "--all"), 2, "Name items, or --all"),
        (("rejected", "redrive", "x", "--code", "CPF01"), 2, "--code goes with --all"),
        (("rejected", "show", "x", "--reason", "why"), 64, "are for --unmask"),
        (("worklist", "show", "nowhere"), 66, "CPIS-601"),
        (("worklist", "settle", "nowhere", *GROUNDS), 66, "CPIS-601"),
        (("worklist", "settle", "x", "--by", "me", "--reason", "child 999 000 0018"), 64, "NHS number"),
        (("worklist", "list", "--older-than", "soon"), 2, "30m, 12h, 2d"),
        (("worklist", "list", "--bootstrap-servers", "127.0.0.1:1"), 69, "CPIS-401"),
    ],
)
def test_a_mistake_at_the_desk_is_said_clearly(
    desk: Desk, words: tuple[str, ...], exit_code: int, said: str
) -> None:
    """With its code, without repeating what could be a person's, and nothing is done."""
    done = desk.run(*words)

    assert (exit_code, "") == (done.returncode, done.stdout)
    assert said in done.stderr
    assert [] == names_somebody(done.stderr)


def test_a_visit_without_a_number_is_confirmed_by_a_person_and_alerts(desk: Desk) -> None:
    """
    It asks who the patient may be and alerts nobody; once somebody says so it alerts and asks no more.

    Registration staff see which patient to trace; nowhere on the way does anybody read a name (ruling 46).
    """
    with Fleet(desk.kafka.cluster, desk.directory, roles=("intake", "matcher")) as fleet:
        fleet.start(CPIS_IDENTITY_KEY_FILE=str(desk.directory / "identity.key"))
        port = mllp_port(fleet)
        desk.shown("upload", str(plan_file(desk.directory)))
        assert "AA" == send(port, attendance("T", patient=replace(CHILD, number="9990000019"), visit="V9"))
        wait_until(lambda: bool(desk.items("worklist", "list")), PATIENCE_SECONDS, "an item")
        before = len(desk.alerts())

        [item] = desk.items("worklist", "list")
        [traced] = desk.items("worklist", "list", "--for", "registration")
        assert ("possible match", "EDSYS0001") == (item["kind"], item["control_id"])
        assert "trace this patient" == traced["to_do"]
        assert "kind" not in traced

        refused = desk.run("worklist", "confirm", str(item["id"]), *GROUNDS, told="9990000019\n")
        assert (65, "") == (refused.returncode, refused.stdout)
        done = desk.run("worklist", "confirm", str(item["id"]), *GROUNDS, told=f"{CHILD.number}\n")
        assert 0 == done.returncode, done.stderr
        wait_until(lambda: len(desk.alerts()) == before + 2, PATIENCE_SECONDS, "both are told")
        wait_until(lambda: not desk.items("worklist", "list"), PATIENCE_SECONDS, "the item is settled")
        actions = [(one.kind, one.item_id) for one in desk.actions(Topic.AUDIT)]

    assert 1 == actions.count((ActionKind.CONFIRMED, str(item["id"])))
    assert [] == names_somebody(str(item) + str(traced) + done.stdout + done.stderr + fleet.logs())


def test_whose_a_visit_is_is_said_at_the_desk_or_by_nobody(desk: Desk) -> None:
    """
    One is refused after the authority heard of a possible attendance, one is confirmed and alerts.

    Another number is refused, and nowhere on the way does anybody read a name (rulings 42, 46).
    """
    other = replace(CHILD, family="Otherwise", given="Imogen", born="20110101")

    def asked() -> list[str]:
        """Return the ids of the items that ask whose a visit is."""
        return [str(one["id"]) for one in desk.items("worklist", "list", "--reason-code", "details disagree")]

    def told() -> int:
        """Return how often an alert came or went; another visit's may be updated by how many there were."""
        return sum(event.kind is not EventKind.UPDATED for event in desk.alerts())

    with Fleet(desk.kafka.cluster, desk.directory, roles=("intake", "matcher")) as fleet:
        fleet.start(CPIS_IDENTITY_KEY_FILE=str(desk.directory / "identity.key"))
        port = mllp_port(fleet)
        desk.shown("upload", str(plan_file(desk.directory)))
        before = told()
        assert "AA" == send(port, attendance("T", patient=other, visit="V11", hours_ago=14))
        wait_until(lambda: bool(asked()), PATIENCE_SECONDS, "an item")
        [first] = asked()

        at = f"{datetime.now(UTC) - timedelta(minutes=1):%Y-%m-%dT%H:%M:%SZ}"
        timer = desk.run("fact", "add", "unsettled", first, "--at", at, *GROUNDS)
        assert 0 == timer.returncode, timer.stderr
        wait_until(lambda: told() == before + 1, PATIENCE_SECONDS, "the authority is told")
        refused = desk.run("worklist", "refuse", first, *GROUNDS)
        assert 0 == refused.returncode, refused.stderr
        wait_until(lambda: told() == before + 2, PATIENCE_SECONDS, "it is retracted")
        wait_until(lambda: not asked(), PATIENCE_SECONDS, "the item is settled")

        assert "AA" == send(port, attendance("T", patient=other, visit="V12"))
        wait_until(lambda: bool(asked()), PATIENCE_SECONDS, "another item")
        [second] = asked()
        mistaken = desk.run("worklist", "confirm", second, *GROUNDS, told=f"{SOMEBODY.number}\n")
        assert (65, "") == (mistaken.returncode, mistaken.stdout)
        done = desk.run("worklist", "confirm", second, *GROUNDS, told=f"{CHILD.number}\n")
        assert 0 == done.returncode, done.stderr
        wait_until(lambda: told() == before + 4, PATIENCE_SECONDS, "both are told")
        wait_until(lambda: not asked(), PATIENCE_SECONDS, "that item is settled, too")
        actions = [(one.kind, one.item_id) for one in desk.actions(Topic.AUDIT)]

    for action in ((ActionKind.ADDED, first), (ActionKind.REFUSED, first), (ActionKind.CONFIRMED, second)):
        assert 1 == actions.count(action)
    shown = [one.stdout + one.stderr for one in (timer, refused, mistaken, done)]
    assert [] == names_somebody("".join(shown) + fleet.logs())
