"""The work there is: open until its matcher or an operator settles it, opened on grounds only."""

import asyncio
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from broker.core.desk_errors import CannotDisclose, CannotSettle, NoSuchItem
from broker.core.identifiers import OdsCode
from broker.core.operators import ActionKind
from broker.core.worklist import ItemKind, Reader, WorklistItem
from broker.ports import Topic, Write
from broker.services.worklist_desk import Work
from broker.wire.records_codec import Unprocessable
from tests.builders.desk import ACTED, GROUNDS, RECEIVED, DeskHouse

ASK = WorklistItem(
    item_id="a" * 32,
    kind=ItemKind.DETAILS_DISAGREE,
    urgent=False,
    provider=OdsCode("RXX"),
    visit="v" * 32,
    control_id="9990000018",
    arrived_at=RECEIVED,
)
SEEK = replace(ASK, kind=ItemKind.POSSIBLE_MATCH)
MEND = WorklistItem(item_id="b" * 32, kind=ItemKind.UNPROCESSABLE_RECORD, urgent=True)
RECORD = Unprocessable(
    topic="cpis.in.plans", partition=3, offset=17, cause="CPIS-201", value=b"Sample 9990000018"
)


def put(house: DeskHouse, item: WorklistItem, record: Unprocessable | None = None) -> None:
    """Write an item as a matcher does."""
    value = house.parts.records.encode_item(item, record)
    house.write(Write(Topic.WORKLIST, item.item_id.encode(), value))


def put_by_record(house: DeskHouse, topic: Topic = Topic.PLANS) -> Unprocessable:
    """Write a record that cannot be processed, and the item about it; return what the item holds of it."""
    house.write(Write(topic, b"9990000026", RECORD.value))
    source = house.kafka.read(topic)[-1]
    record = replace(RECORD, topic=topic.value, partition=source.partition, offset=source.offset)
    put(house, MEND, record)
    return record


def settle(house: DeskHouse, work: Work) -> bool:
    """Settle an item."""
    return asyncio.run(house.worklist.settle(work, GROUNDS))


def test_an_item_is_shown_without_anything_of_a_person() -> None:
    """What to do, for whom and since when."""
    house = DeskHouse()
    put(house, ASK)

    [work] = house.work().items

    assert {
        "id": ASK.item_id,
        "state": "open",
        "kind": "details disagree",
        "to_do": "confirm identity before this patient leaves",
        "owner": "the provider's safeguarding role",
        "settled_by": "a message of the visit with other details or another number, or `confirm` or `refuse`",
        "urgent": False,
        "provider": "RXX",
        "control_id": "…",
        "arrived_at": RECEIVED.isoformat(),
        "opened_at": datetime(2033, 5, 18, 3, 33, 20, tzinfo=UTC).isoformat(),
        "place": str(work.place),
        "about": None,
        "cause": None,
        "settled": None,
    } == work.masked()


def test_registration_staff_see_which_patient_to_trace_and_no_more() -> None:
    """Not the kind of the item, nor who settled it and why; an operator's item is not theirs (ruling 46)."""
    house = DeskHouse()
    put(house, ASK)
    put(house, MEND, RECORD)

    shown = [work.shown_to(Reader.REGISTRATION) for work in house.work().items]

    [traced] = [one for one in shown if one is not None]
    assert (2, "trace this patient") == (len(shown), traced["to_do"])
    assert not {"kind", "owner", "settled_by", "settled", "place", "about", "cause"} & traced.keys()


def test_the_safeguarding_role_sees_what_is_to_be_confirmed() -> None:
    """The whole item, with what settles it (ruling 46)."""
    house = DeskHouse()
    put(house, ASK)

    [work] = house.work().items
    assert work.masked() == work.shown_to(Reader.SAFEGUARDING)


def test_an_item_about_a_record_says_where_it_lies_and_not_what_it_says() -> None:
    """Place and cause."""
    house = DeskHouse()
    put(house, MEND, RECORD)

    shown = house.work().find(MEND.item_id).masked()

    assert ("cpis.in.plans-3-17", "CPIS-201") == (shown["about"], shown["cause"])
    assert "Sample" not in repr(shown)


def test_a_recipient_without_a_topic_is_named() -> None:
    """By the topic: an organisation is no person."""
    house = DeskHouse()
    put(house, replace(MEND, kind=ItemKind.RECIPIENT_WITHOUT_TOPIC, topic="cpis.alerts.la.Z211"))

    [work] = house.work().items

    assert "cpis.alerts.la.Z211" == work.masked()["about"]


def test_urgent_items_come_first_and_then_the_oldest() -> None:
    """As they should be worked."""
    house = DeskHouse()
    for item in (ASK, replace(ASK, item_id="c" * 32), MEND):
        put(house, item)

    assert ["b", "a", "c"] == [work.item.item_id[0] for work in house.work().items]


def test_an_operator_settles_an_item() -> None:
    """It is no longer open, and says by whom, when and why; the audit trail has it first."""
    house = DeskHouse()
    put(house, SEEK)
    [work] = house.work().items

    assert settle(house, work)

    [settled] = house.work().items
    [audited], [marked] = house.actions(Topic.AUDIT), house.actions(Topic.WORKLIST)
    assert (False, "settled", audited) == (settled.open, settled.masked()["state"], marked)
    assert (ActionKind.SETTLED, SEEK.item_id, work.place, GROUNDS, ACTED) == (
        audited.kind,
        audited.item_id,
        audited.place,
        audited.grounds,
        audited.at,
    )
    assert settled.masked()["settled"] == {
        "by": "ops-7",
        "reason": "ticket 4711",
        "at": ACTED.isoformat(),
        "outcome": "",
    }


def test_settling_twice_is_settling_once() -> None:
    """Nothing is written the second time, and the first grounds stay."""
    house = DeskHouse()
    put(house, SEEK)
    settle(house, house.work().items[0])

    assert not settle(house, house.work().items[0])
    assert 1 == len(house.actions(Topic.AUDIT))


def test_an_item_that_the_matcher_opens_again_is_open_again() -> None:
    """A settlement covers the record that the operator saw."""
    house = DeskHouse()
    put(house, SEEK)
    seen = house.work().items[0]
    put(house, replace(SEEK, urgent=True))  # while the operator was reading
    settle(house, seen)

    [work] = house.work().items
    assert (True, True) == (work.open, work.item.urgent)


@pytest.mark.parametrize("settled_first", [True, False])
def test_an_item_that_the_matcher_settles_is_gone(*, settled_first: bool) -> None:
    """Later facts answered it, whatever an operator did."""
    house = DeskHouse()
    put(house, SEEK)
    if settled_first:
        settle(house, house.work().items[0])
    house.write(Write(Topic.WORKLIST, SEEK.item_id.encode(), None))

    assert () == house.work().items


@pytest.mark.parametrize("kind", ItemKind)
def test_what_waits_for_a_word_or_a_release_cannot_be_settled(kind: ItemKind) -> None:
    """Closed without it an alert would never be told: refused, nothing written, and it stays open (46)."""
    house = DeskHouse()
    put(house, replace(ASK, kind=kind))
    house.write(Write(Topic.PEOPLE, b"9990000018", b"asks " + ASK.item_id.encode()))
    [work] = house.work().items
    asks = kind in {ItemKind.DETAILS_DISAGREE, ItemKind.PERSON_ON_HOLD}

    with pytest.raises(CannotSettle) if asks else nullcontext():
        settle(house, work)

    written = house.actions(Topic.AUDIT) + house.actions(Topic.WORKLIST)
    assert (asks, not asks) == (house.work().items[0].open, bool(written))


def test_an_item_that_outlives_its_visit_is_settled_by_hand() -> None:
    """Nobody's record asks it, so that no word answers it: the reason stands, and it is open no more (46)."""
    house = DeskHouse()
    put(house, ASK)
    for value in (b"asks " + ASK.item_id.encode(), b"asks no more"):
        house.write(Write(Topic.PEOPLE, b"9990000018", value))

    assert settle(house, house.work().items[0])

    [action] = house.actions(Topic.AUDIT)
    assert (ActionKind.SETTLED, GROUNDS) == (action.kind, action.grounds)
    assert not house.work().items[0].open


@pytest.mark.parametrize("topic", [Topic.PLANS, Topic.DETAILS])
def test_the_record_of_an_item_is_opened_on_grounds(topic: Topic) -> None:
    """The audit trail has it first; of what is no fact there is no number to ask about."""
    house = DeskHouse()
    record = put_by_record(house, topic)

    assert record == asyncio.run(house.worklist.unmask(house.work().items[0], GROUNDS))
    [action] = house.actions(Topic.AUDIT)
    assert (ActionKind.UNMASKED, MEND.item_id) == (action.kind, action.item_id)


def test_a_record_whose_log_has_forgotten_whose_it_was_is_not_opened() -> None:
    """It may be of somebody who is shut to whoever works at the desk (rulings 23, 48)."""
    house = DeskHouse()
    put(house, MEND, RECORD)

    with pytest.raises(CannotDisclose):
        asyncio.run(house.worklist.unmask(house.work().items[0], GROUNDS))
    assert [ActionKind.UNMASKED] == [action.kind for action in house.actions(Topic.AUDIT)]


def test_an_item_without_a_record_has_nothing_to_unmask() -> None:
    """So nothing is noted."""
    house = DeskHouse()
    put(house, ASK)

    assert asyncio.run(house.worklist.unmask(house.work().items[0], GROUNDS)) is None
    assert [] == house.actions(Topic.AUDIT)


def test_an_item_that_went_meanwhile_is_no_item() -> None:
    """The matcher settled it, and compaction took its record."""
    house = DeskHouse()
    put(house, MEND, RECORD)
    [work] = house.work().items
    house.kafka.delete_before(Topic.WORKLIST, work.place.partition, work.place.offset + 1)

    with pytest.raises(NoSuchItem):
        asyncio.run(house.worklist.unmask(work, GROUNDS))


def test_an_unknown_id_is_no_item() -> None:
    """Of a list that has others."""
    house = DeskHouse()
    put(house, ASK)

    with pytest.raises(NoSuchItem):
        house.work().find("c" * 32)


def test_a_record_that_is_none_of_ours_is_told_by_its_place() -> None:
    """And the others are listed all the same."""
    house = DeskHouse()
    house.write(Write(Topic.WORKLIST, b"x", b"nonsense", (), 0))
    put(house, ASK)

    found = house.work()

    assert (["cpis.worklist-0-0"], 1) == ([str(place) for place in found.unreadable], len(found.items))
