"""How many pieces of work are open: the worklist read as a table."""

from datetime import UTC, datetime, timedelta

import pytest

from broker.adapters.memory import MemoryRecord
from broker.core.worklist import ItemKind, WorklistItem
from broker.ports import Topic
from broker.runtime.worklist_view import Age, WorklistView
from broker.wire.cloudevents import WORKLIST_TYPE, CloudEvent, write_headers
from tests.builders.matcher import make_codecs

NOW = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
CODEC = make_codecs().records


def record(item_id: str, value: bytes | None, at: datetime = NOW) -> MemoryRecord:
    """Return a record of the worklist."""
    event = CloudEvent(event_id=item_id, source="urn:cpis:matcher", event_type=WORKLIST_TYPE, time=at)
    return MemoryRecord(
        topic=Topic.WORKLIST,
        partition=0,
        offset=0,
        timestamp=int(NOW.timestamp() * 1000),
        key=item_id.encode(),
        value=value,
        headers=write_headers(event),
    )


def opened(item_id: str, kind: ItemKind = ItemKind.UNPROCESSABLE_RECORD, at: datetime = NOW) -> MemoryRecord:
    """Return the record that opens an item."""
    item = WorklistItem(item_id=item_id, kind=kind, urgent=True)
    return record(item_id, CODEC.encode_item(item), at)


def viewed(*records: MemoryRecord) -> WorklistView:
    """Return a view that has read these."""
    view = WorklistView(CODEC)
    view.begin()
    for one in records:
        view.take(one)
    return view


@pytest.mark.parametrize(
    ("passed", "age"),
    [
        (timedelta(), Age.HOUR),
        (timedelta(hours=1), Age.HOUR),
        (timedelta(hours=1, seconds=1), Age.DAY),
        (timedelta(days=1), Age.DAY),
        (timedelta(days=2), Age.WEEK),
        (timedelta(days=8), Age.OLDER),
    ],
)
def test_an_item_has_the_age_of_its_record(passed: timedelta, age: Age) -> None:
    """The bounds belong to the younger side."""
    view = viewed(opened("one", at=NOW - passed))

    assert {(ItemKind.UNPROCESSABLE_RECORD, age): 1} == view.standing(NOW)
    assert passed.total_seconds() == view.oldest_seconds(NOW)


def test_a_settled_item_is_not_open() -> None:
    """A tombstone settles, also one for an item that was never seen."""
    view = viewed(opened("one"), opened("two"), record("one", None), record("three", None))

    assert 1 == view.standing(NOW).total()


def test_an_item_told_again_keeps_its_age() -> None:
    """The same item written anew is the same piece of work; it may have become another kind."""
    view = viewed(
        opened("one", at=NOW - timedelta(days=2)),
        opened("one", ItemKind.DETAILS_DISAGREE, at=NOW),
    )

    assert {(ItemKind.DETAILS_DISAGREE, Age.WEEK): 1} == view.standing(NOW)


def test_what_is_no_item_changes_nothing() -> None:
    """Bytes under another schema, or under none, neither open nor settle."""
    other = CODEC.encode_item(WorklistItem(item_id="x", kind=ItemKind.DETAILS_DISAGREE, urgent=False))
    foreign = other[:1] + (1014).to_bytes(4, "big") + other[5:]
    view = viewed(opened("one"), record("one", b"\x00"), record("one", foreign), record("two", foreign))

    assert {(ItemKind.UNPROCESSABLE_RECORD, Age.HOUR): 1} == view.standing(NOW)


def test_reading_anew_forgets() -> None:
    """After a failure the table is read from its beginning."""
    view = viewed(opened("one"))

    view.begin()

    assert (0, 0.0) == (view.standing(NOW).total(), view.oldest_seconds(NOW))
