"""What people and timers say of a visit whose details disagree becomes a fact about it, audited first."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from broker.adapters.memory import MemoryFactLog
from broker.adapters.memory_archive import MemoryArchive
from broker.core.desk_errors import CannotConfirm, CannotSettle
from broker.core.errors import InvalidFact
from broker.core.facts import Details, IdentityKind, IdentityNotice
from broker.core.operators import ActionKind, Grounds, OperatorAction
from broker.core.person import Person
from broker.core.worklist import ItemKind
from broker.ports import Topic
from broker.services.desk_log import SOURCE, DeskLog
from broker.services.fact_desk import Added, FactDesk
from broker.services.item_words import ItemWords
from broker.services.worklist_desk import Work, WorklistDesk
from tests.builders.house import ADA, House, in_house
from tests.builders.matcher import KEY, NOON, SALT, attendance, numbers, plan
from tests.builders.readers import excluding_on, readers_of
from tests.builders.street import A, B, Street, arrives, in_street, superseded, visit_of

GROUNDS = Grounds(by="ops-7", reason="ticket 4711")
ALEX = Details(family="Other", given="Alex")
OVERDUE = NOON + timedelta(hours=12)
NOW = NOON + timedelta(hours=13)
BEN = list(zip(numbers(), range(2), strict=False))[1][0]


class Bench:
    """A desk over the cluster of a house or a street."""

    def __init__(self, place: House | Street) -> None:
        """Put the desk together; its present is an hour after the twelve."""
        archive, facts = MemoryArchive(place.kafka), MemoryFactLog(place.kafka)
        self.kafka, self.codecs = place.kafka, place.codecs
        self.log = DeskLog(facts, self.codecs.records, key=KEY, clock=lambda: NOW)
        excluding = excluding_on(place.kafka, readers_of(self.codecs), self.log, KEY, lambda: NOW)
        self.worklist = WorklistDesk(archive, self.codecs.records, self.log, excluding)
        by_hand = FactDesk(facts, self.codecs.facts, self.log, key=KEY, clock=lambda: NOW)
        self.words = ItemWords(archive, self.codecs.states, by_hand)

    async def work(self) -> Work:
        """Return the one item there is."""
        [work] = (await self.worklist.worklist()).items
        return work

    def actions(self) -> list[OperatorAction]:
        """Return what operators did."""
        records = self.codecs.records
        values = [record.value for record in self.kafka.read(Topic.AUDIT) if record.value is not None]
        return [records.decode_action(value) for value in values if records.is_action(value)]

    def said(self) -> list[tuple[bytes, IdentityNotice]]:
        """Return the words that lie in the input, with their keys."""
        decode = self.codecs.facts.decode
        facts = [
            (record.key or b"", decode(record.topic, record.key or b"", record.value or b""))
            for record in self.kafka.read(Topic.IDENTITY)
            if dict(record.headers)["ce_source"] == SOURCE.encode()
        ]
        return [(key, fact) for key, fact in facts if isinstance(fact, IdentityNotice)]


def with_item(scenario: Callable[[House, Bench], Awaitable[None]]) -> None:
    """Play a scenario in a house in which Alex came under Ada's number."""

    async def opening(house: House) -> None:
        """Have the item opened first."""
        async with house.at_work():
            house.send(plan(), attendance(details=ALEX))
            await house.taken()
            await scenario(house, Bench(house))

    in_house(opening)


Saying = Callable[[Bench, Work], Awaitable[Added]]
SAYINGS: list[tuple[Saying, IdentityKind, ActionKind, datetime]] = [
    (lambda b, w: b.words.confirm(w, ADA, GROUNDS), IdentityKind.CONFIRMED, ActionKind.CONFIRMED, NOW),
    (lambda b, w: b.words.refuse(w, GROUNDS), IdentityKind.REFUSED, ActionKind.REFUSED, NOW),
    (lambda b, w: b.words.unsettled(w, OVERDUE, GROUNDS), IdentityKind.UNSETTLED, ActionKind.ADDED, OVERDUE),
]
"""What is said, as which fact, audited as what, and as of when."""


@pytest.mark.parametrize(("saying", "kind", "action", "at"), SAYINGS, ids=[row[1].value for row in SAYINGS])
def test_a_word_is_a_fact_about_the_visit(
    saying: Saying, kind: IdentityKind, action: ActionKind, at: datetime
) -> None:
    """Under the visit's own number, with the item, its record, who and why in the audit trail (ruling 46)."""

    async def scenario(_house: House, bench: Bench) -> None:
        work = await bench.work()

        added = await saying(bench, work)

        [(key, word)] = bench.said()
        assert (ADA.key, kind, "visit-1", at, NOW) == (
            key,
            word.kind,
            word.visit,
            word.recorded_at,
            word.received_at,
        )
        assert (word.notice_id, Topic.IDENTITY) == (added.fact_id, added.topic)
        [done] = bench.actions()
        assert (action, work.item.item_id, work.place, GROUNDS, kind.value) == (
            done.kind,
            done.item_id,
            done.place,
            done.grounds,
            done.outcome,
        )

    with_item(scenario)


def test_the_matcher_acts_on_words() -> None:
    """Unsettled, then refused: raised, retracted, and the item is gone (ruling 46)."""

    async def scenario(house: House, bench: Bench) -> None:
        work = await bench.work()
        await bench.words.unsettled(work, OVERDUE, GROUNDS)
        await house.taken()
        await bench.words.refuse(work, GROUNDS)
        await house.taken()

        assert ["raised", "retracted"] == [event.kind.value for event in house.events()]
        assert () == (await bench.worklist.worklist()).items

    with_item(scenario)


def test_a_visit_is_confirmed_under_its_own_number_alone() -> None:
    """Another number is refused and written nowhere: nothing joins two (ruling 42)."""

    async def scenario(_house: House, bench: Bench) -> None:
        with pytest.raises(CannotConfirm) as refused:
            await bench.words.confirm(await bench.work(), BEN, GROUNDS)

        assert BEN.digits not in str(refused.value)
        assert ([], []) == (bench.said(), bench.actions())

    with_item(scenario)


def test_who_closes_an_item_without_a_word_hides_nothing_from_the_authority() -> None:
    """It cannot be settled by hand, and 12 hours after the arrival it is told as possible (ruling 46)."""

    async def scenario(house: House, bench: Bench) -> None:
        with pytest.raises(CannotSettle):
            await bench.worklist.settle(await bench.work(), GROUNDS)
        await bench.words.unsettled(await bench.work(), OVERDUE, GROUNDS)
        await house.taken()

        assert ["raised"] == [event.kind.value for event in house.events()]
        assert (await bench.work()).open

    with_item(scenario)


def test_a_time_that_cannot_be_is_refused() -> None:
    """More than a day ahead: nothing is written (rulings, Time)."""

    async def scenario(_house: House, bench: Bench) -> None:
        with pytest.raises(InvalidFact):
            await bench.words.unsettled(await bench.work(), NOW + timedelta(days=2), GROUNDS)

        assert ([], []) == (bench.said(), bench.actions())

    with_item(scenario)


def test_an_item_that_nothing_asks_any_more_takes_no_word() -> None:
    """The details agree since: who looked at the item before comes too late (ruling 20)."""

    async def scenario(house: House, bench: Bench) -> None:
        work = await bench.work()
        house.send(attendance(message_id="m2", at=NOON + timedelta(minutes=5)))
        await house.taken()

        with pytest.raises(CannotConfirm, match="any more"):
            await bench.words.refuse(work, GROUNDS)

        assert [] == bench.said()

    with_item(scenario)


@pytest.mark.parametrize("kind", [kind for kind in ItemKind if kind is not ItemKind.DETAILS_DISAGREE])
def test_only_an_item_about_details_that_disagree_takes_a_word(kind: ItemKind) -> None:
    """Above all no possible match: an index hit goes to no authority unconfirmed (ruling 46)."""

    async def scenario(_house: House, bench: Bench) -> None:
        work = await bench.work()
        other = replace(work, item=replace(work.item, kind=kind))

        for saying, *_ in SAYINGS:
            with pytest.raises(CannotConfirm, match="details"):
                await saying(bench, other)

        assert ([], []) == (bench.said(), bench.actions())

    with_item(scenario)


def test_a_record_that_only_mentions_the_item_does_not_ask_it() -> None:
    """Bytes of no person, and of nobody that we can read, are passed over."""

    async def scenario(house: House, bench: Bench) -> None:
        work = await bench.work()
        gone = replace(work.item, item_id="nobody-asks")
        told = Person(number=BEN, salt=SALT, entries={gone.item_id: "0"})
        house.send_raw(Topic.PEOPLE, b"stray", b"no record, but nobody-asks")
        house.send_raw(Topic.PEOPLE, BEN.key, house.codecs.states.encode_person(told))

        with pytest.raises(CannotConfirm, match="any more"):
            await bench.words.refuse(replace(work, item=gone), GROUNDS)

    with_item(scenario)


def test_a_visit_that_moved_is_found_under_the_number_it_has_now() -> None:
    """The item keeps its id, the word comes under the successor (rulings 22, 46)."""

    async def scenario(street: Street) -> None:
        async with street.at_work():
            street.send(A, plan(), replace(arrives(A), family="Other", given="Alex", birth_date=None))
            await street.settled()
            street.send(A, superseded(B))
            await street.settled()
            bench = Bench(street)
            work = await bench.work()

            with pytest.raises(CannotConfirm):
                await bench.words.confirm(work, A, GROUNDS)
            await bench.words.confirm(work, B, GROUNDS)

        assert [(B.key, visit_of(B))] == [(key, word.visit) for key, word in bench.said()]

    in_street(scenario)
