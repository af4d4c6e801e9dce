"""`cpis mesh list`: what was sent over the exchange, what waits, what is overdue, what was collected."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from broker.adapters.delivery_store import SqlDeliveries
from broker.adapters.sent_messages import SqlSentMessages
from broker.cli import root
from broker.core.delivery import Fault, State, failed
from broker.core.mailbox import SentMessage, Whereabouts
from broker.runtime.parts import present
from tests.builders.delivering import HERE, Counter, Desk, database, work

NOW = present()
FIRST = SentMessage(message_id="m1", destination="la.Z211.mesh", local_id="e1", sent_at=NOW)


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """Lend a database with a message in each state."""
    named = database(tmp_path)
    there = replace(HERE, name="la.Z211.mesh")
    desk = Desk(named, here=there, now=NOW)
    for event in ("e5", "e6"):
        desk.arrive(event, alert_id=event, received_at=NOW)
    work(desk, Counter(failed(Fault.AWAY)))
    desk.close()
    sent = SqlSentMessages(named)
    old = NOW - timedelta(days=3, seconds=1)
    sent.note(FIRST)
    sent.note(replace(FIRST, message_id="m2", local_id="e2", sent_at=old))
    sent.note(replace(FIRST, message_id="m3", local_id="e3", sent_at=old))
    sent.note(replace(FIRST, message_id="m4", local_id="ack-4", destination="la.Z211.answers"))
    sent.settle("m3", Whereabouts.COLLECTED, NOW)
    sent.settle("m4", Whereabouts.LOST, NOW)
    sent.settle("m1", Whereabouts.WAITING, NOW)
    yield named
    sent.close()


def run(url: str, *arguments: str) -> Result:
    """Run the command on this database, without a Kafka."""
    settings = {"CPIS_DATABASE_URL": url, "CPIS_KAFKA_BOOTSTRAP_SERVERS": ""}
    return CliRunner().invoke(root, ["mesh", "list", *arguments], env=settings)


def listed(url: str, *arguments: str) -> set[tuple[str, str]]:
    """Return id and state of what is listed."""
    rows = [json.loads(line) for line in run(url, *arguments, "--json").stdout.splitlines()]
    return {(row["id"], row["state"]) for row in rows}


EVERYTHING = {
    ("e5", "unsent"),
    ("e6", "unsent"),
    ("e1", "waiting"),
    ("e2", "overdue"),
    ("e3", "collected"),
    ("ack-4", "lost"),
}


def test_everything_is_listed_with_how_it_stands(url: str) -> None:
    """What is still to be sent too: it may wait for the end of its window."""
    assert EVERYTHING == listed(url)


@pytest.mark.parametrize(
    ("arguments", "ids"),
    [
        (("--state", "overdue"), {"e2"}),
        (("--state", "unsent"), {"e5", "e6"}),
        (("--destination", "la.Z211.answers"), {"ack-4"}),
        (("--id", "e3"), {"e3"}),
        (("--id", "e5"), {"e5"}),
        (("--id", "e9"), set()),
    ],
)
def test_one_authoritys_message_is_found(url: str, arguments: tuple[str, ...], ids: set[str]) -> None:
    """By its state, by where it went, or by the id that `cpis deliveries` and the audit trail name."""
    assert {one for one in EVERYTHING if one[0] in ids} == listed(url, *arguments)


def test_an_event_that_went_out_with_others_is_found_by_its_own_id(url: str) -> None:
    """The message is the first one's; what stands beside each event says so."""
    shelf = SqlDeliveries(url)
    (found,) = shelf.find(event_id="e6")
    shelf.put(replace(found, state=State.DELIVERED, letter="e1"))
    shelf.close()

    assert {("e1", "waiting")} == listed(url, "--id", "e6")


def test_a_table_has_the_times_and_the_exchanges_own_id(url: str) -> None:
    """By that id the exchange's own people can look for it."""
    shown = run(url, "--id", "e3").stdout

    assert all(word in shown for word in ("m3", "la.Z211.mesh", NOW.isoformat(timespec="seconds")))


def test_that_nothing_is_like_that_is_told_apart_from_nothing_at_all(url: str, tmp_path: Path) -> None:
    """A mistyped state must not look like a quiet day."""
    assert "nothing like that; 1 open in all" in run(url, "--id", "e3", "--state", "lost").stdout
    assert "nothing was sent" in run(f"sqlite:///{tmp_path}/another.sqlite").stdout


def test_what_is_noted_twice_stays_as_it_is(url: str) -> None:
    """A message that a crash had noted a second time keeps its time and its end."""
    sent = SqlSentMessages(url)
    sent.note(replace(FIRST, message_id="m3", local_id="e3"))
    sent.close()

    assert {("e3", "collected")} == listed(url, "--id", "e3")
