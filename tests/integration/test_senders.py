"""The file of senders at the real door: a message is taken only on its sender's own connection."""

import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

from broker.adapters.memory import MemoryFactLog, MemoryKafka
from broker.core.senders import Peer
from broker.ports import Topic
from broker.runtime.intake_role import IntakeRole
from broker.runtime.metrics import EVENTS_ACKNOWLEDGED, REJECTED, Metrics
from broker.runtime.parts import Parts
from broker.wire.mllp import frame
from tests.builders.certificates import Office
from tests.builders.hl7 import edited
from tests.builders.logs import lent_logs
from tests.builders.mllp_house import HOST, House, visit
from tests.integration.test_intake_role import ask, configured, message, run

FILE = """
[provider.RXX.sender.EDSYS]
certificates = ["name:sender.test"]
[provider.RXM.sender.EDSYS]
certificates = ["name:another.test"]
"""


def test_a_message_that_claims_another_provider_is_refused_and_told_of(tmp_path: Path) -> None:
    """By metric, log line and record; a line has address and reason, and nothing of the message."""
    office, metrics, kafka = Office(tmp_path), Metrics(), MemoryKafka()
    (tmp_path / "senders.toml").write_text(FILE)
    settings = configured(tmp_path, senders_file=tmp_path / "senders.toml", **office.settings())

    async def scenario(role: IntakeRole, _parts: Parts) -> None:
        """Send as oneself, as another, as a stranger, as a system that nobody named; and again as oneself."""
        own = message("M1")
        claims = [
            own,
            edited(own, MSH_4="RXM"),
            edited(own, MSH_4="RXZ"),
            edited(own, MSH_3="PAS"),
            edited(own, MSH_10="M2"),
        ]
        assert ["AA", "AE", "AE", "AE", "AA"] == [
            await ask(role.port, claim, office.sender()) for claim in claims
        ]

    with lent_logs() as logs:
        run(settings, scenario, MemoryFactLog(kafka), metrics=metrics)

    told = [line for line in logs.lines() if line["event"] == "not its sender"]
    assert [
        ("connection not bound to this sending facility", HOST, 1),
        ("sending facility not registered", HOST, 2),
        ("sending application not registered", HOST, 3),
    ] == [(line["reason"], line["peer"], line["count"]) for line in told]
    assert 3 == metrics.value(REJECTED, door="mllp", code="sender") == len(kafka.read(Topic.REJECTED))
    assert 2 == len(kafka.read(Topic.ATTENDANCES))


def test_the_door_knows_the_certificate_that_it_was_shown(tmp_path: Path) -> None:
    """By fingerprint, common name and DNS names; without one by address alone."""
    office = Office(tmp_path)
    named, nameless = ssl.create_default_context(), ssl.create_default_context()
    for context, identities in ((named, ["A.test", "b.test"]), (nameless, [])):
        office.authority.configure_trust(context)
        office.authority.issue_cert(*identities, common_name="Engine 1").configure_cert(context)

    def scenario(*senders: ssl.SSLContext) -> Callable[[House], Awaitable[None]]:
        """Return a scenario in which each sends a message."""

        async def play(house: House) -> None:
            """Play the scenario."""
            for context in senders:
                client = await house.connect(context)
                await client.send(frame(b"one"))
                await client.answer()

        return play

    asked = visit(scenario(named, nameless), tls=office.door()).door.peers
    [unasked] = visit(scenario(named), tls=office.door(asks_for_certificate=False)).door.peers

    assert [
        {"name:engine 1", "name:a.test", "name:b.test"},
        {"name:engine 1"},
    ] == [{name for name in peer.certificates if name.startswith("name:")} for peer in asked]
    assert [1, 1] == [sum(name.startswith("sha256:") for name in peer.certificates) for peer in asked]
    assert Peer(HOST) == unasked


def test_events_that_a_sender_makes_up_take_no_room(tmp_path: Path) -> None:
    """Those that are acknowledged unread are counted as `other`, and their names held nowhere."""
    metrics = Metrics()
    (tmp_path / "senders.toml").write_text(
        f'[provider.RXX.sender.EDSYS]\naddresses = ["{HOST}"]\nunknown_events = "accept"\n'
    )

    async def scenario(role: IntakeRole, _parts: Parts) -> None:
        """Send events that there are not."""
        for event in ("XYZ", "ROBIN"):
            assert "AA" == await ask(role.port, edited(message("M1"), MSH_9=f"ADT^{event}"))
        assert not [name for name in role.counts if "XYZ" in name or "ROBIN" in name]

    settings = configured(tmp_path, senders_file=tmp_path / "senders.toml")
    run(settings, scenario, MemoryFactLog(MemoryKafka()), metrics=metrics)

    assert 2 == metrics.value(EVENTS_ACKNOWLEDGED, event="other")
