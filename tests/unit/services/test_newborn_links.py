"""A mother's record and her baby's, in two partitions: what each holds of the other. Ruling 26."""

from collections.abc import Collection
from dataclasses import replace
from datetime import date, timedelta

import pytest

from broker.core.errors import PersonTooLarge
from broker.core.facts import Cover, Fact, IdentityKind, LinkEnded
from broker.core.identifiers import NhsNumber
from broker.core.invalidation import Inactive
from broker.core.newborn_links import mother_named, named_by_notice
from broker.core.person import Person
from broker.core.restriction import is_restricted
from broker.ports import Topic
from broker.services.matching_kin import kin_write
from broker.services.matching_output import PERSON_BYTES_MAX, SOURCE
from tests.builders.matcher import KEY, NOON, birth, make_codecs, notice, plan, unborn
from tests.builders.street import A, B, C, Street, arrives, in_street, said, superseded, visit_of

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BORN = birth(B, visit=visit_of(B))
OUT, BACK = IdentityKind.INVALIDATED, IdentityKind.IN_USE


def babies(street: Street, mother: NhsNumber = A) -> Collection[NhsNumber]:
    """Return whose births a mother's record holds."""
    held = street.held(mother)
    return set(held.known.births) if isinstance(held, Person) else set()


def covers(street: Street, baby: NhsNumber = B) -> dict[NhsNumber | None, Cover]:
    """Return what covers a baby, by mother."""
    held = street.held(baby)
    return dict(held.known.covers) if isinstance(held, Person) else {}


def kin(street: Street) -> list[tuple[NhsNumber, Fact]]:
    """Return what was written to mothers and babies, with the number that each is keyed by."""
    found: list[tuple[NhsNumber, Fact]] = []
    for record in street.inputs():
        number = NhsNumber((record.key or b"").decode())
        fact = street.codecs.facts.read(record.topic, number.key, record.value or b"").fact
        if isinstance(fact, Cover | LinkEnded):
            found.append((number, fact))
    return found


def test_nobody_gets_a_record_by_a_birth_alone() -> None:
    """It waits in the log of attendances like a visit: only people with a plan are kept."""

    async def scenario(street: Street) -> None:
        async with street.at_work():
            street.send(A, BORN)
            street.send(B, arrives(B))
            await street.settled()
        assert (None, None) == (street.held(A), street.held(B))
        assert [] == kin(street)

    in_street(scenario)


def test_a_plan_that_comes_later_finds_the_birth_that_waited() -> None:
    """And the baby's visit, which waited for it in another partition."""

    async def scenario(street: Street) -> None:
        async with street.at_work():
            street.send(A, BORN)
            street.send(B, arrives(B))
            await street.settled()
            street.send(A, unborn())
            await street.settled()
        assert {visit_of(B)} <= {event.alert.subject for event in street.events()}
        [cover] = covers(street).values()
        assert all(one.content.details.family is None for one in cover.plans)

    in_street(scenario)


@pytest.mark.parametrize("born", [date(2026, 3, 31), date(2026, 7, 30)])
def test_a_child_of_another_pregnancy_hears_nothing(born: date) -> None:
    """Born before the plan's first day, or after its last visible day: no copy and no record (26)."""

    async def scenario(street: Street) -> None:
        async with street.at_work():
            street.send(A, unborn(), birth(B, born=born))
            await street.settled()
        assert street.held(B) is None

    in_street(scenario)


def test_a_mothers_own_plan_is_not_copied() -> None:
    """The unborn child's alone is her baby's (ruling 26)."""

    async def scenario(street: Street) -> None:
        async with street.at_work():
            street.send(A, plan(), unborn(), BORN)
            await street.settled()
        [cover] = covers(street).values()
        assert ["file-9"] == [one.file_id for one in cover.plans]

    in_street(scenario)


def test_what_says_nothing_new_is_told_once() -> None:
    """A birth that is said again, and a plan of hers that is none of the baby's, cost no message."""

    async def scenario(street: Street) -> None:
        async with street.at_work():
            street.send(A, unborn(), BORN)
            await street.settled()
            before = len(kin(street))
            street.send(A, replace(BORN, received_at=NOON + HOUR), plan())
            await street.settled()
        assert before == len(kin(street))

    in_street(scenario)


def test_an_invalidated_baby_is_forgotten_by_its_mothers_record() -> None:
    """Adoption at birth: her record names it no more, nor does one that hears of it later (ruling 23)."""

    async def scenario(street: Street) -> None:
        async with street.at_work():
            street.send(A, unborn(), BORN)
            await street.settled()
            assert {B} == babies(street)
            street.send(B, said(OUT, at=NOON + HOUR))
            await street.settled()
            assert set() == babies(street)
            street.send(A, birth(B, at=NOON + 2 * HOUR, visit=visit_of(B, "V-9")))
            await street.settled()
            street.send(A, birth(C, at=NOON + 3 * HOUR))
            await street.settled()
        assert isinstance(street.held(B), Inactive)
        assert {C} == babies(street)
        newest = {record.key: record.value for record in street.kafka.read(Topic.PEOPLE)}
        assert B.key not in (newest[A.key] or b"")
        assert A.key not in (newest[B.key] or b"")

    in_street(scenario)


def test_the_logs_hold_neither_number_beside_the_other_in_clear() -> None:
    """Not in a value, a key or a header of any input: the other's is sealed (rulings 23, 26)."""

    async def scenario(street: Street) -> None:
        async with street.at_work():
            street.send(A, unborn(), BORN)
            await street.settled()
            street.send(B, said(OUT, at=NOON + HOUR))
            await street.settled()
        for record in [*street.inputs(), *street.kafka.read(Topic.ALERTS)]:
            headers = b"".join(value for _, value in record.headers)
            whole = b" ".join([record.key or b"", record.value or b"", headers])
            assert not (A.key in whole and B.key in whole)
            assert not (record.key == A.key and visit_of(B).encode() in whole)

    in_street(scenario)


def test_of_a_mother_not_in_use_the_baby_keeps_the_plan_and_nothing_of_hers() -> None:
    """Neither number nor child id, nor what was derived from them; it stays covered (rulings 23, 26)."""

    async def scenario(street: Street) -> None:
        by_visit = mother_named(KEY, visit_of(B), A)
        names = by_visit, named_by_notice(KEY, B, A)
        noticed = replace(birth(B), birth_id="noticed", named=names[1])
        corrected = replace(said(IdentityKind.BORN_TO), mother=names[1])
        async with street.at_work():
            street.send(B, replace(arrives(B), mothers=(by_visit,)), corrected)
            street.send(A, unborn(), replace(BORN, named=by_visit), noticed)
            await street.settled()
            street.send(A, said(OUT, at=NOON + HOUR))
            await street.settled()
            street.send(B, arrives(B, at=NOON + 2 * HOUR))
            await street.settled()
        [(mother, cover)] = covers(street).items()
        assert (None, [None], [""]) == (
            mother, [one.content.child_id for one in cover.plans], [one.file_id for one in cover.plans],
        )  # fmt: skip
        newest = {record.key: record.value for record in street.kafka.read(Topic.PEOPLE)}
        hers = (A.key, BORN.birth_id.encode(), *(name.encode() for name in names))
        assert not any(word in (newest[B.key] or b"") for word in hers)
        assert visit_of(B) in {event.alert.subject for event in street.events()}

    in_street(scenario)


def test_a_birth_of_a_mother_not_in_use_ends_the_link_and_leaves_a_doubt() -> None:
    """It was on its way: the baby hears of no plan, and of nobody that there may be one (rulings 23, 41)."""

    async def scenario(street: Street) -> None:
        async with street.at_work():
            street.send(A, unborn(), said(OUT, at=NOON + HOUR))
            await street.settled()
            street.send(A, BORN)
            await street.settled()
        [(_, link), (_, doubt)] = kin(street)
        assert [(B, LinkEnded), (B, Cover)] == [(number, type(fact)) for number, fact in kin(street)]
        assert isinstance(doubt, Cover)
        assert isinstance(link, LinkEnded)
        assert (None, (), True) == (doubt.mother, doubt.plans, doubt.in_doubt)
        assert [(BORN.visit, None)] == [(one.visit, one.named) for one in doubt.births]
        assert {None} == set(street.person(B).known.covers)

    in_street(scenario)


@pytest.mark.parametrize("number", [A, B])
def test_a_number_in_use_again_is_linked_again(number: NhsNumber) -> None:
    """What was sealed is opened, and each record hears of the other (rulings 23, 26)."""

    async def scenario(street: Street) -> None:
        async with street.at_work():
            street.send(A, unborn(), BORN)
            await street.settled()
            street.send(number, said(OUT, at=NOON + HOUR))
            await street.settled()
            street.send(number, said(BACK, at=NOON + 2 * HOUR))
            await street.settled()
        assert {B} == babies(street)
        assert A in covers(street)

    in_street(scenario)


@pytest.mark.parametrize("first", ["the plan", "the succession"])
def test_after_a_mothers_succession_the_baby_knows_the_new_number_alone(first: str) -> None:
    """Whatever the order; no cover is missing meanwhile, so that nothing is withdrawn (rulings 22, 26)."""

    async def scenario(street: Street) -> None:
        moves: list[Fact] = [superseded(C, at=NOON + HOUR), unborn()]
        async with street.at_work():
            street.send(B, arrives(B))
            street.send(A, BORN)
            for fact in reversed(moves) if first == "the plan" else moves:
                street.send(A, fact)
                await street.settled()
        assert {C} == set(covers(street))
        assert [1] * len(street.events()) == [event.revision for event in street.events()]

    in_street(scenario)


def test_after_a_babys_succession_the_mother_knows_the_new_number_alone() -> None:
    """And what her authority says later reaches it (rulings 22, 26)."""

    async def scenario(street: Street) -> None:
        async with street.at_work():
            street.send(A, unborn(), BORN)
            await street.settled()
            street.send(B, superseded(C, at=NOON + HOUR))
            await street.settled()
            street.send(A, unborn(end=date(2026, 7, 9), recorded_at=NOON + 2 * HOUR))
            await street.settled()
        assert {C} == babies(street)
        assert {date(2026, 7, 1), date(2026, 7, 9)} == {one.content.end for one in covers(street, C)[A].plans}

    in_street(scenario)


def test_a_baby_that_moves_with_what_covers_it_is_forgotten_under_the_old_number() -> None:
    """Also where both came at once (ruling 22)."""

    async def scenario(street: Street) -> None:
        async with street.at_work(0):
            street.send(A, unborn(), BORN)
            await street.settled_alone(0)
        street.send(B, superseded(C, at=NOON + HOUR))
        async with street.at_work():
            await street.settled()
        assert {C} == babies(street)

    in_street(scenario)


@pytest.mark.parametrize(("marked", "other"), [(A, B), (B, A)])
def test_a_mark_of_one_restricts_the_other_and_stays(marked: NhsNumber, other: NhsNumber) -> None:
    """Where one is the other is; when the link ends the mark does not (rulings 24, 26)."""

    async def scenario(street: Street) -> None:
        async with street.at_work():
            street.send(A, unborn(), BORN)
            await street.settled()
            street.send(marked, notice(at=NOON + HOUR))
            await street.settled()
            assert is_restricted(street.person(other).known)
            street.send(marked, said(OUT, at=NOON + 2 * HOUR))
            await street.settled()
        assert is_restricted(street.person(other).known)

    in_street(scenario)


def test_when_nothing_covers_a_baby_any_more_both_records_let_go() -> None:
    """Once the plan and 28 days after birth are L behind; nobody is told anything by that (ruling 26)."""

    async def scenario(street: Street) -> None:
        async with street.at_work():
            street.send(A, unborn(end=date(2026, 5, 4)), birth(B))
            street.send(B, notice(at=NOON + 40 * DAY))
            await street.settled()
            told = len(street.events())
            for number in (A, B):
                street.send(number, notice(f"n {number.digits}", at=NOON + 70 * DAY))
            await street.settled()
            for number in (A, B):
                street.send(number, notice(f"m {number.digits}", at=NOON + 71 * DAY))
            await street.settled()
        assert (set(), {}) == (babies(street), covers(street))
        assert told == len(street.events())

    in_street(scenario)


def test_what_is_said_to_a_former_number_reaches_the_present_one() -> None:
    """That the link has ended, too (rulings 22, 23)."""

    async def scenario(street: Street) -> None:
        async with street.at_work():
            street.send(A, unborn(), BORN, superseded(C, at=NOON + HOUR))
            await street.settled()
            assert {B} == babies(street, C)
            street.send(A, LinkEnded(number=B, received_at=NOON + 2 * HOUR))
            await street.settled()
        assert set() == babies(street, C)

    in_street(scenario)


def test_a_mother_who_comes_to_a_number_not_in_use_is_forgotten_by_every_number() -> None:
    """Her former number would lead to that one (rulings 22, 23)."""

    async def scenario(street: Street) -> None:
        async with street.at_work():
            street.send(A, unborn(), BORN)
            await street.settled()
            street.send(C, said(OUT, at=NOON + 2 * HOUR))
            await street.settled()
            street.send(A, superseded(C, at=NOON + HOUR))
            await street.settled()
        assert {None} == set(covers(street))

    in_street(scenario)


def test_what_no_record_could_hold_is_not_written() -> None:
    """The fact that led to it is set aside, and the partition goes on."""
    codecs = make_codecs()
    long = unborn(authority_name="x" * PERSON_BYTES_MAX)
    cover = Cover(mother=A, births=(BORN,), plans=(long,), recorded_at=NOON, received_at=NOON)
    with pytest.raises(PersonTooLarge):
        kin_write(codecs.facts, KEY, cover, B, SOURCE)
