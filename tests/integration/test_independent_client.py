"""A client that is not ours sends every event over MLLP, and parses every acknowledgement strictly."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any

import pytest

from broker.adapters.memory import MemoryFactLog, MemoryKafka
from broker.adapters.memory_tail import MemoryInputTail
from broker.core.facts import VisitEvent
from broker.core.senders import MERGES, PERSONS
from broker.ports import Topic
from broker.runtime.intake_role import IntakeRole
from broker.runtime.parts import assemble
from broker.runtime.settings import Settings
from tests.builders.adt import Adt, Patient
from tests.tools.stale_docs import REPOSITORY

HOST = "127.0.0.1"
_DEADLINE_S = 120.0
_ACK = "ca.uhn.hl7v2.model.v24.message.ACK"
_PV1 = {"class": "E", "location": "ED", "visit": "V1", "arrived": "20260301101000"}
_MERGED = ("MRG|A55502^^^RXX",)


def message(event: str, control_id: str = "", **more: Any) -> str:
    """Return a message of an event, whose control id names it."""
    adt = Adt(
        event=event,
        control_id=control_id or f"C-{event}",
        recorded="20260301101500",
        patient=Patient(),
        pv1=_PV1,
        more=_MERGED if event in MERGES else (),
        **more,
    )
    return adt.text()


def answers_to(messages: list[str], tmp_path: Path) -> list[dict[str, Any]]:
    """Return what the client was answered by an intake in front of the in-memory Kafka."""
    settings = Settings(kafka_bootstrap_servers="localhost:9", data_dir=tmp_path, mllp_port=0)
    kafka = MemoryKafka()

    async def scenario() -> bytes:
        role = IntakeRole(
            settings,
            assemble(settings),
            facts=MemoryFactLog(kafka),
            tail=MemoryInputTail(kafka, Topic.ATTENDANCES),
        )
        await role.start()
        try:
            client = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.java.hapi_client", HOST, str(role.port)),
                cwd=REPOSITORY,
                stdin=PIPE,
                stdout=PIPE,
                stderr=PIPE,
            )
            async with asyncio.timeout(_DEADLINE_S):
                printed, complained = await client.communicate(json.dumps(messages).encode())
            assert 0 == client.returncode, complained.decode()
            return printed
        finally:
            await role.stop()

    answers: list[dict[str, Any]] = json.loads(asyncio.run(scenario()))
    return answers


@pytest.mark.timeout(180)
def test_an_independent_client_is_answered_as_the_standard_has_it(tmp_path: Path) -> None:
    """
    Every event that is taken, and one that is not: `ACK` of the same version, with the sender's control id.

    What is wrong is told by segment, field and code of table 0357, as the client itself reads them.
    """
    events = sorted({*VisitEvent, *MERGES, *PERSONS})
    faulty = [
        message("A05"),
        message("A04", "C-PROVIDER", provider="no code"),
        message("A04", "C-PROCESSING", processing="X"),
    ]

    answers = answers_to([*map(message, events), *faulty], tmp_path)

    accepted, refused = answers[: len(events)], answers[len(events) :]
    assert [_ACK] * len(answers) == [one["structure"] for one in answers]
    assert {("ACK", "2.4")} == {(one["kind"], one["version"]) for one in answers}
    assert [("AA", f"C-{event}", event, None) for event in events] == [
        (one["code"], one["control_id"], one["event"], one["error"]) for one in accepted
    ]
    assert [
        ("AR", "C-A05", "MSH", "9", "201"),
        ("AE", "C-PROVIDER", "MSH", "4", "103"),
        ("AR", "C-PROCESSING", "MSH", "11", "202"),
    ] == [(one["code"], one["control_id"], one["segment"], one["field"], one["error"]) for one in refused]
