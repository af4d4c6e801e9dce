"""Complaint 6: a resend reaches destinations that nobody chose. Ours names one, and shows first what goes."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from broker.adapters.memory import MemoryFactLog, MemoryKafka
from broker.core.delivery import Delivery, State
from broker.core.desk_errors import NoSuchDelivery, NotForThisRole
from broker.core.desk_roles import Role
from broker.core.operators import ActionKind, Grounds
from broker.ports import Topic
from broker.services.desk_log import DeskLog
from broker.services.resending import look_up, resend
from tests.builders.delivering import HERE, Counter, Desk, database, work
from tests.builders.matcher import KEY, make_codecs

GROUNDS = Grounds(by="ops-7", reason="ticket 4711")
ELSEWHERE = "provider.RXX.fhir"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Lend two destinations of one provider to which two events were delivered."""
    opened = Desk(database(tmp_path))
    opened.arrive("e1")
    opened.arrive("e2", alert_id="a2")
    work(opened, Counter())
    for name in ("e1", "e2"):
        opened.store.put(replace(opened.found(name), destination=ELSEWHERE))
    yield opened
    opened.close()


def standing(desk: Desk) -> dict[tuple[str, str], State]:
    """Return how each delivery stands, by destination and event."""
    return {(one.destination, one.event_id): one.state for one in desk.store.find()}


def send_again(desk: Desk, chosen: list[Delivery], role: Role = Role.OPERATOR) -> MemoryKafka:
    """Send deliveries again as somebody of a role; return the cluster with what the audit trail says."""
    kafka = MemoryKafka([*Topic], partitions=1)
    log = DeskLog(MemoryFactLog(kafka), make_codecs().records, key=KEY, clock=lambda: desk.now, role=role)
    asyncio.run(resend(desk.store, chosen, GROUNDS, log=log, clock=lambda: desk.now))
    return kafka


def test_a_resend_reaches_the_destination_that_it_names_and_no_other(desk: Desk) -> None:
    """
    Complaint 6: resend names recipients; preview before send.

    Looking at what would go changes nothing. Of two events at two destinations one is sent again, once, and
    who asked for it is in the audit trail with the destination.
    """
    before = standing(desk)
    chosen = [look_up(desk.store, HERE.name, "e2")]
    assert [(HERE.name, "e2")] == [(one.destination, one.event_id) for one in chosen]
    assert before == standing(desk)

    kafka = send_again(desk, chosen)

    assert {**before, (HERE.name, "e2"): State.WAITING} == standing(desk)
    receiver = Counter()
    work(desk, receiver)
    assert ["e2"] == receiver.ids
    assert before == standing(desk)
    [record] = kafka.read(Topic.AUDIT)
    action = make_codecs().records.decode_action(record.value or b"")
    assert (ActionKind.REDRIVEN, "e2", HERE.name, GROUNDS) == (
        action.kind,
        action.item_id,
        action.place.topic,
        action.grounds,
    )


def test_a_destination_that_is_not_there_gets_nothing_by_another_name(desk: Desk) -> None:
    """Complaint 6: a misspelt destination is refused, not guessed."""
    with pytest.raises(NoSuchDelivery):
        look_up(desk.store, "provider.RXX", "e2")


def test_a_reader_sends_nothing_again(desk: Desk) -> None:
    """Complaint 6, and 13: refused before anything is written."""
    before = standing(desk)

    with pytest.raises(NotForThisRole):
        send_again(desk, [look_up(desk.store, HERE.name, "e2")], Role.READER)

    assert before == standing(desk)
