"""A visit sent by a synthetic A&E, and its alert received by a synthetic integration engine."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

import pytest

from broker.adapters.embedded_kafka import EmbeddedKafka
from broker.core.alerts import RecipientKind
from broker.core.operators import ActionKind
from broker.ports import Topic
from broker.wire.oru import control_id
from tests.builders.adt import Adt
from tests.builders.declared_kafka import declared_kafka
from tests.builders.delivering import Engine
from tests.builders.hl7 import wall_time
from tests.builders.terminal import PATIENCE_SECONDS, Desk, mllp_port, send, with_key
from tests.fault.fleet import Fleet
from tests.integration.test_desk import CHILD, GROUNDS, PERSONAL, plan_file

VISITS = ("V2", "V3", "V4")

pytestmark = pytest.mark.kafka


@pytest.fixture(scope="module")
def own_kafka() -> Iterator[EmbeddedKafka]:
    """Lend a Kafka with the declared topics that no other test writes to."""
    with declared_kafka() as broker:
        yield broker


def message(event: str, visit: str) -> bytes:
    """Return a message of half an hour ago about a visit's arrival, or of this minute about its end."""
    now = datetime.now(UTC)
    arrived, registered, present = (wall_time(now - timedelta(minutes=ago)) for ago in (60, 30, 0))
    pv1 = {"class": "E", "location": "ED", "visit": visit, "arrived": arrived}
    adt = Adt(
        event=event,
        control_id=f"{event}{visit}",
        recorded=registered if event == "A04" else present,
        patient=CHILD,
        provider="RXH",
        pv1=pv1 if event == "A04" else pv1 | {"departed": present},
    )
    return adt.text().encode()


def senders(directory: Path, port: int) -> dict[str, str]:
    """Return the setting of a file in which the A&E may send and its engine is delivered to."""
    file = directory / "senders.toml"
    file.write_text(
        '[provider.RXH.sender.EDSYS]\naddresses = ["127.0.0.1"]\n'
        f'[provider.RXH.deliver]\nmllp = "127.0.0.1:{port}"\nmllp_tls = false\n'
        "answers = true\n"
    )
    return {"CPIS_SENDERS_FILE": str(file)}


def told(desk: Desk) -> list[tuple[str, int, str]]:
    """Return alert, revision and control id of every event for the provider."""
    return [
        (event.alert.alert_id, event.revision, control_id(event.event_id))
        for event in desk.alerts()
        if event.alert.recipient.kind is RecipientKind.PROVIDER
    ]


@pytest.mark.timeout(600)  # three processes and some commands on a machine that is shared
def test_a_visit_reaches_the_clinician_and_a_death_of_the_outbox_loses_nothing(
    own_kafka: EmbeddedKafka, tmp_path: Path
) -> None:
    """
    From AA to the engine's ORU over real sockets, timed; every visit is answered too (ruling 41). With the
    outbox killed while an answer is out, nothing is missing, each visit's events come in their order, and a
    repeat has the same control id.
    """
    desk = with_key(own_kafka, tmp_path)
    identity = {"CPIS_IDENTITY_KEY_FILE": str(tmp_path / "identity.key")}

    async def play() -> Engine:
        """Open the engine, run the roles, send, kill, start again."""
        engine = Engine()
        async with engine.open(), asyncio.timeout(PATIENCE_SECONDS * 3):
            settings = identity | senders(tmp_path, engine.port)
            with Fleet(own_kafka.cluster, tmp_path) as fleet:
                fleet.start("intake", "matcher", **settings)
                outbox = fleet.start("outbox", **settings)
                port = await asyncio.to_thread(mllp_port, fleet)
                await asyncio.to_thread(desk.shown, "upload", str(plan_file(tmp_path)), **settings)
                await asyncio.to_thread(desk.worked_off)
                assert "AA" == await asyncio.to_thread(send, port, message("A04", "V1"))
                answered = monotonic()
                await engine.until(1)
                print(f"AA to the ORU at the engine: {(monotonic() - answered) * 1_000:.0f} ms")  # noqa: T201

                engine.silent = True
                for event in (
                    "A04",
                    "A03",
                ):  # told apart: the matcher has come to the first before the second
                    for visit in VISITS:
                        assert "AA" == await asyncio.to_thread(send, port, message(event, visit))
                    await asyncio.to_thread(desk.worked_off)
                await engine.until(2)
                fleet.kill(outbox)
                engine.silent = False
                fleet.start("outbox", **settings)
                await asyncio.to_thread(desk.worked_off)
                wanted = {one[2] for one in await asyncio.to_thread(told, desk)}
                while not (wanted <= set(engine.control_ids) and _are_answered(engine)):
                    await engine.until(len(engine.messages) + 1)
                count = len(engine.messages)
                await asyncio.to_thread(_sends_again, desk, settings)
                await engine.until(count + 1)
                assert [] == [name for name in PERSONAL if name.lower() in fleet.logs().lower()]
        return engine

    engine = asyncio.run(play())

    events = told(desk)
    assert 1 + 2 * len(VISITS) <= len(events)
    assert {one[2] for one in events} == set(engine.control_ids) - {
        _control_id(one) for one in _answers(engine)
    }
    first_seen = {name: engine.control_ids.index(name) for _, _, name in events}
    by_alert: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for alert_id, revision, name in events:
        by_alert[alert_id].append((revision, first_seen[name]))
    for places in by_alert.values():
        assert sorted(places) == sorted(places, key=lambda place: place[1])


def _control_id(message: bytes) -> str:
    """Return MSH-10 of a message."""
    return message.decode().split("|")[9]


def _answers(engine: Engine) -> list[bytes]:
    """Return the messages that came which are answers, not alerts."""
    return [message for message in engine.messages if b"|CPIS-ANSWER^" in message]


def _are_answered(engine: Engine) -> bool:
    """Whether one of each visit's messages was answered with `plan on file` (ruling 41)."""
    answers = [message for message in _answers(engine) if b"|plan on file||" in message]
    return all(
        any(f"|{event}{visit}||".encode() in message for event in ("A04", "A03") for message in answers)
        for visit in ("V1", *VISITS)
    )


def _sends_again(desk: Desk, settings: dict[str, str]) -> None:
    """Send the newest delivery again by hand: shown first, then with grounds, which are audited."""
    listed = [
        json.loads(line)
        for line in desk.shown(
            "deliveries", "list", "--state", "delivered", "--json", **settings
        ).splitlines()
    ]
    one = listed[0]
    assert one["took"].endswith(" s")
    words = ("deliveries", "resend", one["destination"], one["event"])

    assert one["event"] in desk.shown(*words, **settings)
    assert "1 to be sent" in desk.shown(*words, "--yes", *GROUNDS, **settings)
    assert [ActionKind.REDRIVEN] == [action.kind for action in desk.actions(Topic.AUDIT)]
