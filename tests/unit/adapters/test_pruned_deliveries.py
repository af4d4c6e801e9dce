"""Deliveries that have been at their end for long are kept no more, and nothing is missing for it."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from broker.core.alerts import Change, EventKind
from broker.core.delivery import KEPT_FOR, Fault, State, failed
from tests.builders.delivering import HERE, NOON, Counter, Desk, database, work

LATER = NOON + KEPT_FOR + timedelta(seconds=1)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Lend a destination with an empty inbox."""
    opened = Desk(database(tmp_path))
    yield opened
    opened.close()


def pruned(desk: Desk) -> int:
    """Prune what is older than it may be, and check that everything is accounted for."""
    count = desk.store.prune(HERE.name, before=LATER - KEPT_FOR)
    assert 0 == desk.store.balance(HERE.name).unaccounted
    return count


def updated(desk: Desk, event_id: str, alert_id: str = "a1") -> None:
    """Put an update of an alert into the inbox."""
    desk.arrive(event_id, alert_id, kind=EventKind.UPDATED, changes=(Change.PLAN,))


def test_what_said_an_alerts_lines_last_stays(desk: Desk) -> None:
    """They may have to be deleted at the receiver yet (ruling 24); what came before it goes."""
    desk.arrive("e1")
    work(desk, Counter())
    updated(desk, "e2")
    work(desk, Counter())

    assert 1 == pruned(desk)
    assert {"e2": State.DELIVERED} == desk.states()
    assert 1 == desk.store.balance(HERE.name).pruned
    assert 0 == pruned(desk)
    updated(desk, "e3")
    receiver = Counter()
    work(desk, receiver)
    assert [("EVENT.e2",)] == receiver.told


def test_what_waits_or_was_put_aside_keeps_everything_of_its_alert(desk: Desk) -> None:
    """Somebody has yet to look at it, however old it is."""
    desk.arrive("e1", received_at=NOON - timedelta(days=2))
    updated(desk, "e2")
    work(desk, Counter(failed(Fault.REFUSED_CONTENT)))

    assert 0 == pruned(desk)
    assert {"e1": State.PASSED_OVER, "e2": State.DEAD} == desk.states()


def test_what_is_younger_stays_and_what_was_erased_goes(desk: Desk) -> None:
    """Ruling 23: of what was erased there is nothing left to delete."""
    desk.arrive("e1")
    desk.arrive("e2", "a2")
    work(desk, Counter())
    desk.erase("a1")

    assert 0 == desk.store.prune(HERE.name, before=NOON)
    assert 1 == pruned(desk)
    assert {"e2": State.DELIVERED} == desk.states()
