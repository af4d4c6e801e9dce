"""`cpis deliveries`: what waits and why, what was put aside, and what would be sent again."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from broker.cli import root
from broker.core.delivery import Fault, State, failed
from broker.core.desk_errors import DeliveryNotDead, GroundsRefused, NoSuchDelivery
from broker.core.errors import ConfigurationError
from broker.wire.oru import control_id
from tests.builders.delivering import HERE, Counter, Desk, database, work


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Lend a destination with one event that was put aside, one that waits and one delivered."""
    opened = Desk(database(tmp_path))
    for name in ("e1", "e2", "e3"):
        opened.arrive(name, alert_id=name)
    work(opened, Counter(failed(Fault.REFUSED_CONTENT), failed(Fault.REFUSED)))
    yield opened
    opened.close()


def run(desk: Desk, *arguments: str) -> Result:
    """Run the command on this database, without a Kafka."""
    settings = {"CPIS_DATABASE_URL": desk.url, "CPIS_KAFKA_BOOTSTRAP_SERVERS": ""}
    return CliRunner().invoke(root, ["deliveries", *arguments], env=settings)


def test_a_list_says_why_something_waits(desk: Desk) -> None:
    """Last error, attempts, next attempt (peers.md 3.2, complaint 8)."""
    rows = [json.loads(line) for line in run(desk, "list", "--json").stdout.splitlines()]

    assert [("e3", "delivered", None), ("e2", "waiting", "2026-11-30T12:00:01+00:00")] == [
        (row["event"], row["state"], row["next attempt"]) for row in rows[:2]
    ]
    assert ("the receiver refuses for no fault of the content", 1) == (
        rows[1]["last error"],
        rows[1]["attempts"],
    )
    assert "0.000 s" == rows[0]["took"]


def test_what_went_out_in_one_message_is_listed_by_its_id(desk: Desk) -> None:
    """Where it is lost, each of its events is to be sent again."""
    for event in ("e1", "e3"):
        desk.store.put(replace(desk.found(event), letter="e1"))
    shown = run(desk, "list", "--letter", "e1", "--json").stdout.splitlines()

    assert ["e3", "e1"] == [json.loads(line)["event"] for line in shown]


def test_a_delivery_is_found_by_the_control_id_that_its_receiver_knows(desk: Desk) -> None:
    """All that an analyst at the hospital has in hand is MSH-10; what only looks like one finds nothing."""
    whole = "7c4f63fa6a0e0ac509cd73769bf70e0c"
    desk.arrive(whole, alert_id="a4")
    work(desk, Counter())

    shown = run(desk, "show", HERE.name, control_id(whole), "--json")
    resent = run(desk, "resend", HERE.name, control_id(whole))

    assert whole == json.loads(shown.stdout)["event"]
    assert "1 would go to provider.RXX.mllp" in resent.stderr
    for other in (whole[:19], "%" * 20, whole[:19] + "_"):
        assert isinstance(run(desk, "show", HERE.name, other).exception, NoSuchDelivery)


def test_what_was_put_aside_is_listed_by_itself(desk: Desk) -> None:
    """`dead` is the list of that state."""
    shown = run(desk, "dead", "--destination", HERE.name).stdout

    assert ("e1" in shown, "e2" in shown) == (True, False)


@pytest.mark.parametrize("command", [("list", "--destination"), ("dead", "--destination"), ("resend",)])
def test_a_destination_that_is_none_is_not_one_at_which_nothing_is_amiss(
    desk: Desk, command: tuple[str, ...]
) -> None:
    """A slip of the pen would look like a queue that has been worked off."""
    dead = ("--dead",) if command == ("resend",) else ()

    assert isinstance(run(desk, *command, "provider.RXX.mlpp", *dead).exception, NoSuchDelivery)


def test_a_destination_at_which_nothing_is_amiss_has_none(desk: Desk) -> None:
    """It says so, and sends nothing."""
    desk.store.put(replace(desk.found("e1"), state=State.DELIVERED))

    assert "no deliveries" in run(desk, "dead", "--destination", HERE.name).stdout
    assert "0 would go to" in run(desk, "resend", HERE.name, "--dead").stderr


def test_a_list_says_where_it_stops(tmp_path: Path) -> None:
    """A thousand on a page, and the next on the next."""
    desk = Desk(database(tmp_path))
    desk.arrive("e1", received_at=desk.now - timedelta(days=2))
    desk.repeat_the_first(1_001)
    work(desk, Counter())

    first, second = (run(desk, "list", "--json", "--page", page) for page in ("1", "2"))
    desk.close()

    assert (1_000, "--page 2" in first.stderr) == (len(first.stdout.splitlines()), True)
    assert (1, "") == (len(second.stdout.splitlines()), second.stderr)


def test_nothing_is_settled_without_grounds_or_an_audit_trail(desk: Desk) -> None:
    """Nor what was not put aside."""
    before = desk.states()
    grounds = ("--by", "ops-7", "--reason", "ticket 4711")

    refusals = [
        run(desk, "settle", HERE.name, "e1"),
        run(desk, "settle", HERE.name, "e1", *grounds),
        run(desk, "settle", HERE.name, "e3", *grounds),
    ]

    assert [GroundsRefused, ConfigurationError, DeliveryNotDead] == [type(one.exception) for one in refusals]
    assert before == desk.states()


def test_one_is_shown_in_words(desk: Desk) -> None:
    """With what its state means."""
    assert "put aside: needs somebody" in run(desk, "show", HERE.name, "e1").stdout
    assert isinstance(run(desk, "show", HERE.name, "e9").exception, NoSuchDelivery)


@pytest.mark.parametrize("which", [("e1",), ("--dead",)])
def test_what_would_be_sent_is_shown_before_it_is(desk: Desk, which: tuple[str, ...]) -> None:
    """Without --yes nothing changes (peers.md 3.2, complaint 6)."""
    before = desk.states()

    shown = run(desk, "resend", HERE.name, *which)

    assert "e1" in shown.stdout
    assert "1 would go to provider.RXX.mllp" in shown.stderr
    assert before == desk.states()


def test_nothing_is_sent_without_grounds_or_an_audit_trail(desk: Desk) -> None:
    """Neither without a name and a reason, nor without the Kafka that keeps them."""
    before = desk.states()
    words = ("resend", HERE.name, "e1", "--yes")

    refusals = [run(desk, *words), run(desk, *words, "--by", "ops-7", "--reason", "ticket 4711")]

    assert [GroundsRefused, ConfigurationError] == [type(one.exception) for one in refusals]
    assert before == desk.states()


def test_everything_that_was_put_aside_is_sent_again_however_much_it_is(desk: Desk) -> None:
    """The 1,001st as well (peers.md 3.2, complaint 5)."""
    first = desk.found("e1")
    for number in range(4, 1_005):
        desk.arrive(f"e{number}", alert_id=f"e{number}")
    work(desk, Counter(*[failed(Fault.REFUSED_CONTENT)] * 1_001))
    assert first == desk.found("e1")

    shown = run(desk, "resend", HERE.name, "--dead")

    assert "1002 would go to provider.RXX.mllp" in shown.stderr


@pytest.mark.parametrize("which", [(), ("e1", "--dead")])
def test_it_is_said_which(desk: Desk, which: tuple[str, ...]) -> None:
    """Events by name, or everything that was put aside: one of them."""
    assert 2 == run(desk, "resend", HERE.name, *which).exit_code


def test_no_destination_is_forgotten_without_grounds_or_an_audit_trail(desk: Desk) -> None:
    """Who says that nobody is owed an end there any more says so with a name and a reason."""
    words = ("forget", HERE.name)

    refusals = [run(desk, *words), run(desk, *words, "--by", "ops-7", "--reason", "ticket 4711")]

    assert [GroundsRefused, ConfigurationError] == [type(one.exception) for one in refusals]
    assert [HERE.name] == desk.store.destinations()
