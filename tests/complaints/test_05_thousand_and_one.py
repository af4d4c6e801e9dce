"""Complaint 5 of integration teams: the 1,001st message was silently never delivered."""

from pathlib import Path

from broker.core.delivery import PASSED_OVER_AFTER, State
from tests.builders.delivering import HERE, NOON, Counter, Desk, database, work

OLD = 1_000


def test_what_came_in_went_out_or_was_put_aside(tmp_path: Path) -> None:
    """
    Complaint 5: count in is count out and parked, at every look. Of 1,002 events a thousand are too old to
    be news, the next is delivered, the last cannot be read; and a delivery that vanishes is missed.
    """
    desk = Desk(database(tmp_path))
    desk.arrive("e1", received_at=NOON - 2 * PASSED_OVER_AFTER)
    desk.repeat_the_first(OLD)
    desk.arrive("news", alert_id="news")
    desk.arrive("unreadable", alert_id="unreadable", body=b"no alert")
    receiver = Counter()

    work(desk, receiver)

    after = desk.store.balance(HERE.name)
    assert {State.PASSED_OVER: OLD, State.DELIVERED: 1, State.DEAD: 1} == after.states
    assert (OLD + 2, 0) == (after.arrived, after.unaccounted)
    assert ["news"] == receiver.ids

    desk.lose(OLD + 1)

    assert 1 == desk.store.balance(HERE.name).unaccounted
    desk.close()
