"""A late end of a plan that is on file is told from a new record that was out of view at once. Ruling 18."""

from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from itertools import islice

import pytest

from broker.adapters.memory_archive import MemoryArchive
from broker.core.errors import KafkaUnavailable
from broker.core.facts import Fact, IdentityKind
from broker.core.identifiers import OdsCode
from broker.core.policy import Policy
from broker.ports import Archive, Topic, Write
from broker.services.plans_held import Late, PlansHeld
from broker.services.uploads import ENDED_LATE, OUT_OF_VIEW
from broker.wire.record_answers import GROUP
from broker.wire.upload_codes import FileCode, RecordCode
from tests.builders.enquiry import BEN, Failing
from tests.builders.house import ADA, House, in_house
from tests.builders.matcher import NOON, plan
from tests.builders.street import said, superseded
from tests.builders.upload import Person, PlanBlock, build_upload
from tests.builders.upload import Record as Sent
from tests.builders.upload_desk import Desk
from tests.spec.numbers import numbers_beginning

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
OPEN = PlanBlock(kind="LAC", start="202001010000")
ENDED = replace(OPEN, end="202101010000")
FEBRUARY, MARCH, LATER_IN_MARCH = "20250201063000", "20250301063000", "20250301073000"


def sent(
    *plans: PlanBlock, created: str = MARCH, authority: str = "Z211", number: str = "9990000018"
) -> bytes:
    """Return a file with one record."""
    child = Person(number=number)
    return build_upload([Sent(plans=plans, child=child)], created=created, authority=authority)


TOLD = [
    pytest.param([sent(OPEN, created=FEBRUARY)], True, id="on file"),
    pytest.param([], False, id="new"),
    pytest.param([sent(ENDED, created=FEBRUARY)], False, id="new, and sent before"),
    pytest.param([sent(OPEN, created=MARCH)], True, id="recorded at the same time"),
    pytest.param([sent(OPEN, created=LATER_IN_MARCH)], False, id="in view by a later record"),
    pytest.param([sent(replace(OPEN, start="202001020000"), created=FEBRUARY)], False, id="another day"),
    pytest.param([sent(replace(OPEN, kind="CPP"), created=FEBRUARY)], False, id="another type"),
    pytest.param([sent(OPEN, created=FEBRUARY, authority="Z212")], False, id="another authority's"),
    pytest.param([sent(OPEN, created=FEBRUARY, number="9990000026")], False, id="another child's"),
    pytest.param([sent(replace(OPEN, deleted="202502010000"), created=FEBRUARY)], False, id="removed"),
    pytest.param(
        [sent(OPEN, created=FEBRUARY), sent(replace(OPEN, deleted="202502020000"), created=FEBRUARY)],
        True,
        id="removed since",
    ),
]
"""What was sent before, and whether the end is one of a plan that is held."""


@pytest.mark.parametrize(("before", "held"), TOLD)
def test_a_late_end_of_a_plan_that_is_held_is_loaded_and_a_new_record_out_of_view_is_not(
    before: Iterable[bytes], *, held: bool
) -> None:
    """Held: a version that was in view is on file; sent again, the answer is the same (ruling 18)."""
    desk = Desk(lend=True)
    for file in before:
        desk.load(file)

    answers = [desk.load(sent(ENDED)) for _ in range(2)]

    code = RecordCode.LOADED if held else RecordCode.NOT_LOADED
    assert [(code, ENDED_LATE if held else OUT_OF_VIEW)] * 2 == [
        (record.code, record.words) for answer in answers for record in answer.records
    ]
    assert [FileCode.LOADED if held else FileCode.NOTHING_LOADED] * 2 == [one.code for one in answers]


@pytest.mark.parametrize(("held", "code"), [(OPEN, RecordCode.LOADED), (None, RecordCode.NOT_LOADED)])
def test_a_record_of_which_one_plan_is_new_is_not_loaded(held: PlanBlock | None, code: RecordCode) -> None:
    """An end may be a slip: somebody looks at it (ruling 18)."""
    desk = Desk(lend=True)
    desk.load(sent(*[replace(OPEN, kind="CPP"), *([held] if held else [])], created=FEBRUARY))

    [record] = desk.load(sent(ENDED, replace(ENDED, kind="CPP"))).records

    assert code is record.code


def test_so_many_records_of_a_file_are_looked_up_and_the_rest_are_not_loaded() -> None:
    """The same ones each time that it is sent: what is held of a file does not grow with it (ruling 18)."""
    desk = Desk(lend=True, most=1)
    numbers = [number.digits for number in islice(numbers_beginning("999"), 2)]
    for created, block in ((FEBRUARY, OPEN), (MARCH, ENDED), (MARCH, ENDED)):
        records = [Sent(plans=[block], child=Person(number=number)) for number in numbers]
        answer = desk.load(build_upload(records, created=created))

    assert [RecordCode.LOADED, RecordCode.NOT_LOADED] == [record.code for record in answer.records]


def test_without_anything_to_look_in_no_end_is_known_as_late() -> None:
    """What is played again answers nobody (ruling 18)."""
    desk = Desk()
    desk.load(sent(OPEN, created=FEBRUARY))

    [record] = desk.load(sent(ENDED)).records

    assert (RecordCode.NOT_LOADED, OUT_OF_VIEW) == (record.code, record.words)


def test_each_record_of_a_file_has_its_own_answer() -> None:
    """Whatever stands around it: those that were packed already among them (R15, ruling 18)."""
    desk = Desk(lend=True)
    numbers = [number.digits for number in islice(numbers_beginning("999"), 3)]
    desk.load(build_upload([Sent(plans=[OPEN], child=Person(number=numbers[0]))], created=FEBRUARY))
    records = [Sent(plans=[ENDED], child=Person(number=number)) for number in numbers]
    many = [Sent(plans=[OPEN], child=Person(number="9990005214"))] * GROUP

    answer = desk.load(build_upload([*records, *many, records[0]]))

    codes = [record.code for record in answer.records]
    assert [RecordCode.LOADED, *[RecordCode.NOT_LOADED] * 2] == codes[:3]
    assert [RecordCode.LOADED] * (GROUP + 1) == codes[3:]
    assert {RecordCode.LOADED: GROUP + 2, RecordCode.NOT_LOADED: 2} == answer.records.codes
    assert FileCode.PARTLY_LOADED is answer.code


LONG_AGO = Late(ADA, plan().content.key, NOON + 400 * DAY)
"""The plan of the builders, ended late."""


def held(house: House, archive: Archive | None = None) -> PlansHeld:
    """Return what looks in a house."""
    return PlansHeld(
        lend=lambda: nullcontext(archive or MemoryArchive(house.kafka)),
        facts=house.codecs.facts,
        states=house.codecs.states,
        policy=Policy(),
    )


def forget_plans(house: House) -> None:
    """Let the input forget what was taken of it."""
    for record in house.kafka.read(Topic.PLANS):
        house.kafka.delete_before(Topic.PLANS, record.partition, record.offset + 1)


@pytest.mark.parametrize("forgotten", [False, True])
def test_a_plan_that_a_matcher_took_long_ago_is_held(*, forgotten: bool) -> None:
    """By its person's record, once the log has forgotten it (ruling 18)."""

    async def scenario(house: House) -> None:
        house.send(plan())
        async with house.at_work():
            await house.taken()
        if forgotten:
            forget_plans(house)
        assert {LONG_AGO} == await held(house).among([LONG_AGO])
        other = LONG_AGO._replace(number=BEN)
        assert {LONG_AGO} == await held(house).among([LONG_AGO, other])

    in_house(scenario)


def test_a_plan_that_no_matcher_has_taken_yet_is_held() -> None:
    """It is durable, and will be taken: the answer hangs on no race (ruling 18)."""

    async def scenario(house: House) -> None:
        house.send(plan(authority=OdsCode("204")))
        async with house.at_work():
            await house.taken()
        house.send(plan())
        assert {LONG_AGO} == await held(house).among([LONG_AGO])

    in_house(scenario)


@pytest.mark.parametrize(
    "gone", [said(IdentityKind.INVALIDATED), superseded(BEN)], ids=["out of use", "superseded"]
)
def test_under_a_number_that_is_not_in_use_nothing_is_held(gone: Fact) -> None:
    """What is sealed nobody opens, and what went to another number stands there (rulings 18, 22, 23)."""

    async def scenario(house: House) -> None:
        house.send(plan(), gone)
        async with house.at_work():
            await house.taken()
        assert frozenset() == await held(house).among([LONG_AGO])

    in_house(scenario)


def test_what_cannot_be_read_is_not_held() -> None:
    """Neither of a person's record nor of the input; nor is what is gone (ruling 18)."""

    async def scenario(house: House) -> None:
        for value in (b"no record", None):
            house.kafka.append([Write(Topic.PEOPLE, ADA.key, value, partition=0)])
            house.send_raw(Topic.PLANS, ADA.key, b"no plan")
            assert frozenset() == await held(house).among([LONG_AGO])

    in_house(scenario)


def test_where_nothing_can_be_found_out_nothing_is_held() -> None:
    """The file is durable, so that it is answered with care, and not again and again (ruling 18)."""

    async def scenario(house: House) -> None:
        house.send(plan())
        away = Failing(MemoryArchive(house.kafka), [], Topic.PLANS, KafkaUnavailable())
        assert frozenset() == await held(house, away).among([LONG_AGO])
        assert frozenset() == await held(house).among([])

    in_house(scenario)
