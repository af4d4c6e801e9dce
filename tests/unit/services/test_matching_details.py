"""A matcher at work on `cpis.in.details`: what lasts, what goes after H, what cannot be read."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import pytest

from broker.adapters.memory_sealing import MemorySealer
from broker.core.errors import KeysUnreadable, StorageUnusable
from broker.core.facts import Details, IdentityKind, IdentityNotice, VisitMessage
from broker.core.policy import Policy
from broker.core.possible import Clue, Found, Numbered, OnFile, Placed, Search, Shelf, Sought, sought_in
from broker.core.possible_keys import Window, details_keys, person_reference
from broker.core.possible_newborns import mother_key
from broker.core.waiting import waiting_number_key
from broker.core.worklist import ItemKind
from broker.ports import Sealed, Topic, Write
from broker.services.matching_details import CLUES_PER_BATCH_MAX, clue_writes
from broker.services.matching_turns import Notice
from broker.services.waiting_records import WaitingRecords
from broker.wire.cloudevents import read_headers
from broker.wire.upload_codes import RecordCode
from broker.wire.upload_record import FaultyRecord
from tests.builders.house import ADA, House, in_house
from tests.builders.matcher import DETAILS, KEY, NOON, SALT, attendance, make_codecs, numbers, plan, until
from tests.unit.services.test_matching_sweep import ended, pass_time

VISIT = "f" * 32
OUT = IdentityKind.INVALIDATED
NEW_NAME = Details(family="Marchbanks", given="Robin", birth_date=date(2016, 4, 12))
KEYS = details_keys(KEY, DETAILS)


def send(house: House, under: str, clue: Clue) -> None:
    """Write a clue as intake does."""
    heard_at = clue.heard_at if isinstance(clue, Sought | Numbered) else NOON
    house.kafka.append(clue_writes(house.codecs.details, KEY, [Placed(place=under, clue=clue)], heard_at))


def seek(house: House, message: VisitMessage | None = None) -> Sought:
    """Have the patient of a message without a number looked for."""
    found = sought_in(message or attendance(VISIT), Policy())
    assert found is not None
    for under in details_keys(KEY, found[0]):
        send(house, under, found[1])
    return found[1]


def open_items(house: House) -> list[ItemKind]:
    """Return the kinds of the items that are open now."""
    newest = {record.key: record.value for record in house.records(Topic.WORKLIST)}
    return [house.codecs.records.decode_item(value).kind for value in newest.values() if value]


def held(house: House) -> dict[bytes, Shelf | Search]:
    """Return the shelves and searches that are held now."""
    newest = {record.key: record.value for record in house.records(Topic.PEOPLE)}
    codec = house.codecs.details
    return {
        key or b"": codec.decode_state(value) for key, value in newest.items() if value and codec.holds(value)
    }


@pytest.mark.parametrize("plan_first", [True, False])
def test_who_is_on_file_and_who_is_sought_outlive_a_restart(*, plan_first: bool) -> None:
    """Each side comes to another run of the matcher; the item is one (rulings 21, 46)."""

    async def scenario(house: House) -> None:
        for is_plan in (plan_first, not plan_first):
            if is_plan:
                house.send(plan())
            else:
                seek(house)
            async with house.at_work():
                await house.taken()
        assert [ItemKind.POSSIBLE_MATCH] == open_items(house)

    in_house(scenario)


def test_a_visit_without_a_number_leaves_nothing_after_h() -> None:
    """Its place on the shelves goes, the search and the item that nobody settled with it (ruling 21)."""

    async def scenario(house: House) -> None:
        house.send(plan())
        seek(house)
        async with house.at_work():
            await house.taken()
            await pass_time(house, NOON + timedelta(days=22))
            assert [ItemKind.POSSIBLE_MATCH] == open_items(house)
            await pass_time(house, NOON + timedelta(days=23, hours=2))
            await until(lambda: VISIT.encode() not in held(house))
        shelves = list(held(house).values())
        assert [] == open_items(house)
        assert 3 == len(shelves)
        assert all(isinstance(shelf, Shelf) and not shelf.sought and shelf.on_file for shelf in shelves)

    in_house(scenario)


def test_a_visit_that_met_nobody_leaves_nothing_after_h() -> None:
    """Its shelves are empty then, and go (ruling 21)."""

    async def scenario(house: House) -> None:
        seek(house)
        send(house, VISIT, Numbered(visit=VISIT, heard_at=NOON))
        async with house.at_work():
            await house.taken()
            await pass_time(house, NOON)
            await pass_time(house, NOON + timedelta(days=23, hours=2))
            await until(lambda: not held(house))
        assert [] == open_items(house)

    in_house(scenario)


def test_who_is_forgotten_is_no_longer_on_file() -> None:
    """A person of whom nothing need be kept takes back their copies."""

    async def scenario(house: House) -> None:
        gone = ended(NOON - timedelta(days=360))
        house.send(gone)
        async with house.at_work():
            await house.taken()
            assert 3 == len(held(house))
            await pass_time(house, NOON)
            await pass_time(house, NOON + timedelta(days=60))
            await until(lambda: not held(house))

    in_house(scenario)


def test_another_policy_puts_everybody_on_file_by_its_own_days() -> None:
    """A newer policy that shows plans longer lets them be found longer."""

    async def scenario(house: House) -> None:
        day = date(2026, 4, 1)
        house.send(replace(plan(), content=replace(plan().content, end=day)))
        async with house.at_work():
            await house.taken()
        longer = Policy(visible_after_end=timedelta(days=400))
        async with house.at_work(house.matcher(policy=longer)):
            await until(lambda: Notice.SWEPT in house.reported.kinds())
            await house.taken()
        lasts = {
            window.last
            for shelf in held(house).values()
            if isinstance(shelf, Shelf)
            for window in shelf.on_file.values()
        }
        assert {day + timedelta(days=400)} == lasts

    in_house(scenario)


def test_a_record_that_says_nothing_becomes_work_and_holds_nobody_up() -> None:
    """Bytes that are no clue, no key, and a damaged state: each is set aside, the others are taken."""

    async def scenario(house: House) -> None:
        under = KEYS[0].encode()
        shelf = house.codecs.details.encode_shelf(Shelf())
        house.kafka.append([Write(Topic.PEOPLE, under, shelf[:5] + b"\xff")])
        house.send_raw(Topic.DETAILS, None, b"junk")
        house.send_raw(Topic.DETAILS, KEYS[1].encode(), None)
        house.send(plan())
        seek(house)
        async with house.at_work():
            await house.taken()
        kinds = open_items(house)
        assert ItemKind.POSSIBLE_MATCH in kinds
        places = {
            fields["offset"]
            for fields in house.reported.fields(Notice.UNPROCESSABLE)
            if fields["topic"] == Topic.DETAILS
        }
        assert {0, 1} < places

    in_house(scenario)


def test_a_damaged_state_stops_no_sweep() -> None:
    """It is counted as one that could not be processed, and stays as it is."""

    async def scenario(house: House) -> None:
        shelf = house.codecs.details.encode_shelf(Shelf())
        house.kafka.append([Write(Topic.PEOPLE, b"0" * 32, shelf[:5] + b"\xff")])
        async with house.at_work():
            await pass_time(house, NOON)
            await pass_time(house, NOON + timedelta(hours=2))
            await until(lambda: Notice.SWEPT in house.reported.kinds())
        assert [1] == [fields["count"] for fields in house.reported.fields(Notice.SWEPT)]

    in_house(scenario)


def test_a_search_that_hears_the_same_again_writes_nothing() -> None:
    """A clue that is read twice changes nothing."""

    async def scenario(house: House) -> None:
        sought = seek(house)
        for _ in range(2):
            send(house, VISIT, Found(sought=sought, under=KEYS[0], met=True))
        async with house.at_work():
            await house.taken()
            written = len(house.records(Topic.PEOPLE))
            send(house, VISIT, Found(sought=sought, under=KEYS[0], met=True))
            send(house, KEYS[0], sought)
            await house.taken()
        assert [] == [r for r in house.records(Topic.PEOPLE)[written:] if len(r.key or b"") == len(VISIT)]
        assert 1 == len([record for record in house.records(Topic.WORKLIST) if record.value])

    in_house(scenario)


def test_many_clues_are_taken_in_parts() -> None:
    """One batch holds so many records, and none is lost between two."""

    async def scenario(house: House) -> None:
        sought = seek(house)
        for place in range(CLUES_PER_BATCH_MAX + 5):
            send(house, f"{place:032x}", sought)
        async with house.at_work():
            await house.taken()
        assert CLUES_PER_BATCH_MAX + 5 + 3 == len(held(house))

    in_house(scenario)


def test_a_state_of_the_other_kind_is_begun_anew() -> None:
    """Keys of details and of visits never meet; should they, nothing is mixed up."""

    async def scenario(house: House) -> None:
        sought = seek(house)
        send(house, KEYS[0], Numbered(visit=KEYS[0], heard_at=NOON))
        send(house, VISIT, Found(sought=sought, under=KEYS[0], met=True))
        async with house.at_work():
            await house.taken()
            send(house, VISIT, OnFile(reference="r", window=Window(first=date.min, last=date.max)))
            send(house, KEYS[0], sought)
            await house.taken()
        states = held(house)
        assert (Shelf, Shelf) == (type(states[VISIT.encode()]), type(states[KEYS[0].encode()]))

    in_house(scenario)


def test_a_number_that_is_not_in_use_is_found_no_more_until_it_is_in_use_again() -> None:
    """
    Its person is shut away with every copy; the source's word brings both back (rulings 21, 23).

    With them that something may wait for the number: nobody knows any more (ruling 41). Meanwhile all that is
    held is that it leads nowhere.
    """

    async def scenario(house: House) -> None:
        at = NOON - timedelta(days=1)
        house.send(plan())
        async with house.at_work():
            await house.taken()
            assert 3 == len(held(house))
            kinds = (IdentityKind.INVALIDATED, IdentityKind.IN_USE)
            for place, (kind, copies) in enumerate(zip(kinds, (1, 4), strict=True)):
                when = at + timedelta(hours=place)
                house.send(
                    IdentityNotice(notice_id=f"n{place}", kind=kind, recorded_at=when, received_at=when)
                )
                await house.taken()
                assert copies == len(held(house))

    in_house(scenario)


def test_a_superseded_number_leads_to_its_successor_until_it_is_forgotten() -> None:
    """Who names a mother by it is looked for under the present one, while facts go there too (22, 26)."""

    async def scenario(house: House) -> None:
        successor, under = (
            next(number for number in numbers() if number != ADA),
            mother_key(KEY, ADA).encode(),
        )
        house.send(
            IdentityNotice(
                notice_id="n",
                kind=IdentityKind.SUPERSEDED,
                successor=successor,
                recorded_at=NOON,
                received_at=NOON,
            )
        )
        async with house.at_work():
            await house.taken()
            assert Shelf(leads=mother_key(KEY, successor)) == held(house)[under]
            await pass_time(house, NOON)
            await pass_time(house, NOON + timedelta(days=800))
            await until(lambda: under not in held(house))

    in_house(scenario)


def test_what_waited_for_a_number_is_dropped_with_it_though_nobody_had_a_record() -> None:
    """Its shelf says no day of the plan; nothing of it is left once the number is not in use (ruling 23)."""

    async def scenario(house: House) -> None:
        at = NOON - timedelta(days=1)
        content = replace(plan().content, details=NEW_NAME)
        refused = FaultyRecord(
            location="/", code=RecordCode.NOT_VERIFIED, reason="details differ",
            waiting=(content,), numbered=((ADA, content),),
        )  # fmt: skip
        house.kafka.append(WaitingRecords(house.codecs.details, policy=Policy(), key=KEY).writes(refused, at))
        under = waiting_number_key(KEY, ADA).encode()
        async with house.at_work():
            await house.taken()
            shelf = held(house)[under]
            assert isinstance(shelf, Shelf)
            [window] = shelf.on_file.values()
            by_name = [one for key, one in held(house).items() if key != under]
            assert by_name
            assert not {window.first, window.last} & {
                day
                for one in by_name
                if isinstance(one, Shelf)
                for its in one.on_file.values()
                for day in (its.first, its.last)
            }
            house.send(IdentityNotice(notice_id="n", kind=OUT, recorded_at=NOON, received_at=NOON))
            await house.taken()
            assert under not in held(house)
            assert len(by_name) + 1 == len(held(house))  # and that the number leads nowhere

    in_house(scenario)


def test_what_a_person_is_looked_for_by_lies_in_one_record_that_says_nothing_in_clear() -> None:
    """Its key is the bucket alone, its time the hour, its id never twice the same (rulings 21, 23)."""
    at = NOON + timedelta(minutes=7, seconds=3)
    clue = OnFile(reference="r", window=None)
    placed = [Placed(place=under, clue=clue) for under in KEYS]
    codec = make_codecs().details

    [one], [other] = (clue_writes(codec, KEY, placed, at) for _ in range(2))

    assert (KEYS[0][:2].encode(), 3) == (one.key, len(KEYS))
    assert NOON == read_headers(one.headers).time
    assert read_headers(one.headers).event_id != read_headers(other.headers).event_id
    assert not any(under[2:].encode() in (one.value or b"") for under in KEYS)


def test_clues_for_several_buckets_are_a_record_each() -> None:
    """A date of birth that is put right is another year: each lies where it has to be met (ruling 21)."""
    other = details_keys(KEY, replace(DETAILS, birth_date=date(2012, 3, 1)))
    placed = [Placed(place=under, clue=OnFile(reference="r", window=None)) for under in (*KEYS, *other)]
    codec = make_codecs().details

    writes = clue_writes(codec, KEY, placed, NOON)

    assert [KEYS[0][:2].encode(), other[0][:2].encode()] == [write.key for write in writes]
    assert placed == [
        one for write in writes for one in codec.decode_clues(write.key or b"", write.value or b"")
    ]


def test_the_reference_of_a_person_is_that_of_their_record_alone() -> None:
    """It follows from the salt, which is random and goes with the record, and not from the number (23)."""
    other = next(number for number in numbers() if number != ADA)
    references = {
        person_reference(KEY, number, salt) for number in (ADA, other) for salt in (SALT, bytes(32))
    }

    assert 4 == len(references)

    async def scenario(house: House) -> None:
        house.send(plan())
        async with house.at_work():
            await house.taken()
        shelves = [shelf for shelf in held(house).values() if isinstance(shelf, Shelf)]
        assert [{person_reference(KEY, ADA, SALT)}] * 3 == [set(shelf.on_file) for shelf in shelves]

    in_house(scenario)


class FillingDisk(MemorySealer):
    """A sealer that cannot keep a new day's key while it is `full`, or once it sealed `room` more values."""

    full = False
    room = 1_000_000

    def seal(self, plain: bytes, *, bound_to: bytes) -> Sealed:
        """Refuse while there is no room."""
        self.room -= 1
        if self.full or self.room < 0:
            raise StorageUnusable
        return super().seal(plain, bound_to=bound_to)


def invalidated(house: House) -> None:
    """Have the number taken out of use."""
    at = NOON - timedelta(days=1)
    house.send(IdentityNotice(notice_id="n", kind=IdentityKind.INVALIDATED, recorded_at=at, received_at=at))


@pytest.mark.parametrize(
    ("before", "then", "policy"),
    [
        pytest.param(lambda _: None, lambda house: house.send(plan()), Policy(), id="a plan"),
        pytest.param(lambda house: house.send(plan()), seek, Policy(), id="somebody met"),
        pytest.param(
            lambda house: house.send(plan()),
            lambda _: None,
            Policy(visible_after_end=timedelta(days=400)),
            id="another policy",
        ),
        pytest.param(invalidated, lambda house: house.send(plan()), Policy(), id="a number not in use"),
    ],
)
def test_while_nothing_can_be_sealed_nothing_is_set_aside(
    before: Callable[[House], object], then: Callable[[House], object], policy: Policy
) -> None:
    """No fact is at fault: the partition starts again until it can go on, and loses none (rulings 21, 23)."""

    async def scenario(house: House) -> None:
        sealer = FillingDisk()
        house.codecs = make_codecs(sealer)
        before(house)
        async with house.at_work():
            await house.taken()
        then(house)
        sealer.full = True
        with pytest.raises(StorageUnusable):
            await house.matcher(policy=policy).run()
        sealer.full = False
        async with house.at_work(house.matcher(policy=policy)):
            await house.taken()
            await until(
                lambda: (state := house.state()) is not None and policy.version == state.policy_version
            )
        assert ItemKind.UNPROCESSABLE_RECORD not in open_items(house)
        assert not house.reported.fields(Notice.UNPROCESSABLE)

    in_house(scenario)


def test_a_note_that_cannot_be_kept_for_now_is_kept_later() -> None:
    """However much can be sealed before the disk is full: that a plan could not be read is not lost (41)."""

    async def scenario(room: int) -> bool:
        house, sealer = House(), FillingDisk()
        house.codecs = make_codecs(sealer)
        house.send(plan())
        house.send_raw(Topic.PLANS, ADA.key, b"no plan that can be read")
        sealer.room = room
        working, taken = asyncio.ensure_future(house.matcher().run()), asyncio.ensure_future(house.taken())
        await asyncio.wait({working, taken}, return_when=asyncio.FIRST_COMPLETED)
        full = working.done()
        if full:
            with pytest.raises(StorageUnusable):
                await working
        else:
            working.cancel()
        sealer.room = 1_000_000
        async with house.at_work():
            await taken
        assert 1 == len(house.person().set_aside)
        return full

    full = [asyncio.run(scenario(room)) for room in range(24)]
    assert full == sorted(full, reverse=True)
    assert {True, False} == set(full)


def taken_out_of_use(house: House) -> None:
    """Have a number with a plan taken out of use."""
    house.send(plan())
    invalidated(house)


def back_in_use(house: House) -> None:
    """Have the number that was taken out of use come back."""
    house.send(IdentityNotice(notice_id="b", kind=IdentityKind.IN_USE, recorded_at=NOON, received_at=NOON))


@pytest.mark.parametrize(
    ("before", "then"),
    [
        pytest.param(lambda _: None, lambda house: house.send(plan(), attendance()), id="a plan"),
        pytest.param(
            lambda house: house.send(plan(), attendance()),
            lambda house: house.send(attendance("later", at=NOON + timedelta(days=1))),
            id="a visit",
        ),
        pytest.param(lambda house: house.send(plan(), attendance()), seek, id="somebody sought"),
        pytest.param(taken_out_of_use, back_in_use, id="a number back in use"),
    ],
)
def test_while_a_key_cannot_be_read_nothing_is_set_aside_or_given_up(
    before: Callable[[House], object], then: Callable[[House], object]
) -> None:
    """A key that is there opens everything later: no plan is lost to a disk that failed once (23, 41)."""

    async def scenario(house: House) -> None:
        sealer = MemorySealer()
        house.codecs = make_codecs(sealer)
        before(house)
        async with house.at_work():
            await house.taken()
        then(house)
        sealer.readable = False
        with pytest.raises(KeysUnreadable):
            await house.matcher().run()
        sealer.readable = True
        async with house.at_work():
            await house.taken()
            house.send(attendance("at last", at=NOON + timedelta(days=2)))
            await house.taken()
        assert not house.reported.fields(Notice.UNPROCESSABLE)
        assert (1, {}) == (len(house.person().known.plans), house.person().set_aside)
        assert "at last" in {event.alert.subject for event in house.events()}

    in_house(scenario)
