"""Sending an alert event again, by hand, to one destination."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.adapters.memory import MemoryFactLog, MemoryKafka
from broker.core.alerts import Change, EventKind
from broker.core.delivery import Fault, State, failed
from broker.core.desk_errors import DeliveryNotDead, DeliveryOutdated, NoSuchDelivery, NotForThisRole
from broker.core.desk_roles import Role
from broker.core.operators import Grounds
from broker.ports import Topic
from broker.services.delivering import OWNED_FOR
from broker.services.desk_log import DeskLog
from broker.services.resending import forget, look_up, look_up_dead, resend, settle
from tests.builders.delivering import HERE, Counter, Desk, database, work, work_off
from tests.builders.matcher import KEY, make_codecs

GROUNDS = Grounds(by="an operator", reason="the engine lost its disk")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Lend a destination with an empty inbox."""
    opened = Desk(database(tmp_path))
    yield opened
    opened.close()


def trail(desk: Desk, kafka: MemoryKafka, role: Role = Role.OPERATOR) -> DeskLog:
    """Return the pen of somebody in a role."""
    return DeskLog(MemoryFactLog(kafka), make_codecs().records, key=KEY, clock=lambda: desk.now, role=role)


def sent_again(desk: Desk, *names: str) -> int:
    """Send events again; return how many entries the audit trail has then."""
    kafka = MemoryKafka([*Topic], partitions=1)
    log = trail(desk, kafka)
    chosen = [look_up(desk.store, HERE.name, name) for name in names]
    asyncio.run(resend(desk.store, chosen, GROUNDS, log=log, clock=lambda: desk.now))
    return len(kafka.read(Topic.AUDIT))


def test_what_was_put_aside_goes_out_again(desk: Desk) -> None:
    """From its first attempt on, with the same id, once it is in the audit trail."""
    desk.arrive("e1")
    receiver = Counter(failed(Fault.REFUSED_CONTENT))
    work(desk, receiver)

    assert 1 == sent_again(desk, "e1")
    assert (State.WAITING, 0, "") == (
        desk.found("e1").state,
        desk.found("e1").attempts,
        desk.found("e1").fault,
    )
    work(desk, receiver)

    assert ["e1", "e1"] == receiver.ids
    assert State.DELIVERED is desk.found("e1").state


def test_only_what_was_named_goes_out_again(desk: Desk) -> None:
    """No other event, and no other destination (peers.md 3.2, complaint 6)."""
    desk.arrive("e1")
    desk.arrive("e2", alert_id="a2")
    receiver = Counter()
    work(desk, receiver)

    sent_again(desk, "e2")
    work(desk, receiver)

    assert ["e1", "e2", "e2"] == receiver.ids


def test_an_older_event_does_not_take_back_a_newer_one(desk: Desk) -> None:
    """The newest says all that still holds."""
    desk.arrive("e1")
    desk.arrive("e2", kind=EventKind.UPDATED, changes=(Change.PLAN,))
    work(desk, Counter())

    with pytest.raises(DeliveryOutdated):
        look_up(desk.store, HERE.name, "e1")


@pytest.mark.parametrize("name", ["e1", "e9"])
def test_nothing_of_which_nothing_is_kept_is_sent_again(desk: Desk, name: str) -> None:
    """Erased or never there (ruling 23)."""
    desk.arrive("e1")
    work(desk, Counter())
    desk.erase("a1")

    with pytest.raises(NoSuchDelivery):
        look_up(desk.store, HERE.name, name)


def test_news_that_comes_while_the_trail_is_written_is_not_taken_back(desk: Desk) -> None:
    """A withdrawal that went out meanwhile is the last word that the receiver hears (R43)."""
    desk.arrive("e1")
    receiver = Counter()
    work(desk, receiver)
    chosen = [look_up(desk.store, HERE.name, "e1")]
    desk.arrive("e2", kind=EventKind.WITHDRAWN)
    work(desk, receiver)
    kafka = MemoryKafka([*Topic], partitions=1)

    with pytest.raises(DeliveryOutdated):
        asyncio.run(resend(desk.store, chosen, GROUNDS, log=trail(desk, kafka), clock=lambda: desk.now))
    work(desk, receiver)

    assert ["e1", "e2"] == receiver.ids


def test_who_says_that_nobody_is_owed_an_end_is_in_the_audit_trail(desk: Desk) -> None:
    """A destination is forgotten on grounds, once, and not by somebody who may only read."""
    desk.arrive("e1")
    work(desk, Counter())
    kafka = MemoryKafka([*Topic], partitions=1)

    def forgotten(role: Role) -> None:
        """Forget it in this role."""
        asyncio.run(forget(desk.store, HERE.name, GROUNDS, log=trail(desk, kafka, role)))

    with pytest.raises(NotForThisRole):
        forgotten(Role.READER)
    assert [HERE.name] == desk.store.destinations()

    forgotten(Role.OPERATOR)
    with pytest.raises(NoSuchDelivery):
        forgotten(Role.OPERATOR)

    actions = [make_codecs().records.decode_action(one.value or b"") for one in kafka.read(Topic.AUDIT)]
    assert [(HERE.name, "forgotten")] == [(one.item_id, one.outcome) for one in actions]
    assert [] == desk.store.destinations()


def test_what_is_forgotten_and_not_in_the_file_stays_forgotten(desk: Desk) -> None:
    """A process that goes on looking brings it back no more; its events are not put aside."""
    desk.arrive("e1")
    deliverer = desk.deliverer(Counter(), configured=False)

    async def look_on() -> None:
        """Deliver, be forgotten, go on."""
        await work_off(deliverer)
        desk.store.forget(HERE.name)
        desk.arrive("e2", alert_id="a2")
        desk.now += OWNED_FOR
        await work_off(deliverer)

    asyncio.run(look_on())

    assert [] == desk.store.destinations()
    assert {"e1": State.DELIVERED} == desk.states()


def test_a_destination_is_forgotten_and_begins_anew(desk: Desk) -> None:
    """What came in between and is old is passed over; the rest goes out."""
    desk.arrive("e1")
    work(desk, Counter())

    assert [True, False] == [desk.store.forget(HERE.name) for _ in range(2)]
    assert [] == desk.store.destinations()

    desk.arrive("e2", alert_id="a2")
    receiver = Counter()
    work(desk, receiver, owner="two")

    assert (["e2"], [HERE.name]) == (receiver.ids, desk.store.destinations())


def settled(desk: Desk, *names: str, role: Role = Role.OPERATOR) -> int:
    """Settle events; return how many entries the audit trail has then."""
    kafka = MemoryKafka([*Topic], partitions=1)
    chosen = [look_up_dead(desk.store, HERE.name, name) for name in names]
    asyncio.run(settle(desk.store, chosen, GROUNDS, log=trail(desk, kafka, role)))
    return len(kafka.read(Topic.AUDIT))


def test_what_was_put_aside_is_settled_once_the_trail_has_it(desk: Desk) -> None:
    """It asks for nobody more, keeps its reason, and is counted; news of its alert still goes out."""
    desk.arrive("e1")
    receiver = Counter(failed(Fault.REFUSED_CONTENT))
    work(desk, receiver)

    assert 1 == settled(desk, "e1")
    assert (State.SETTLED, Fault.REFUSED_CONTENT.value) == (desk.found("e1").state, desk.found("e1").fault)
    assert 0 == desk.store.balance(HERE.name).unaccounted
    desk.arrive("e2", kind=EventKind.UPDATED, changes=(Change.PLAN,))
    work(desk, receiver)
    assert {"e1": State.SETTLED, "e2": State.DELIVERED} == desk.states()


@pytest.mark.parametrize(("name", "error"), [("e1", DeliveryNotDead), ("e9", NoSuchDelivery)])
def test_only_what_was_put_aside_is_settled(desk: Desk, name: str, error: type[Exception]) -> None:
    """What was delivered, or was never there, is nobody's to settle."""
    desk.arrive("e1")
    work(desk, Counter())

    with pytest.raises(error):
        settled(desk, name)


def test_a_reader_settles_nothing(desk: Desk) -> None:
    """It leaves an entry in the trail, which a reader never does."""
    desk.arrive("e1")
    work(desk, Counter(failed(Fault.REFUSED_CONTENT)))

    with pytest.raises(NotForThisRole):
        settled(desk, "e1", role=Role.READER)
    assert State.DEAD is desk.found("e1").state
