"""What a `Demographics` promises: one suite over the twin and the PDS FHIR API, which a simulator speaks."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

import pytest

from broker.adapters.memory_demographics import MemoryDemographics
from broker.adapters.pds_simulator.server import Fault
from broker.core.demographics import (
    Current,
    Invalidated,
    NoMatch,
    NotKnown,
    NumberAnswer,
    OneMatch,
    SeveralMatches,
    SupersededBy,
)
from broker.core.errors import DemographicsUnavailable
from broker.core.facts import Details
from broker.core.identifiers import NhsNumber
from broker.ports import Demographics
from tests.builders.pds import AskedAnew, simulating

AT = datetime(2026, 3, 2, 10, tzinfo=UTC)
ROBIN, ALEX, SAM = NhsNumber("9990000018"), NhsNumber("9990000026"), NhsNumber("9990000034")
DETAILS = Details(family="Sample", given="Robin", birth_date=date(2014, 4, 12))


@dataclass(frozen=True)
class World:
    """
    A source, the way to tell it about somebody, and to have it fall silent.

    `says_lifted`: whether it can say when it recorded that a person needs no more protection (ruling 24).
    """

    source: Demographics
    put: Callable[[NhsNumber, NumberAnswer], None]
    fall_silent: Callable[[], None]
    says_lifted: bool


@contextmanager
def in_memory() -> Iterator[World]:
    """Lend the twin."""
    twin = MemoryDemographics()
    yield World(twin, twin.put, lambda: setattr(twin, "available", False), says_lifted=True)


@contextmanager
def over_http() -> Iterator[World]:
    """Lend the PDS FHIR API over a socket."""
    with simulating() as service:
        source = AskedAnew(service.address(deadline_seconds=2.0))
        yield World(
            source,
            service.put,
            lambda: service.simulator.fail(lasting=Fault.CUT_OFF),
            says_lifted=False,
        )


@pytest.fixture(params=[in_memory, over_http], ids=["memory", "pds fhir"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """Lend each source in turn, without anybody in it."""
    with request.param() as made:
        yield made


@pytest.mark.parametrize(
    "answer",
    [
        Current(details=DETAILS, recorded_at=AT),
        Current(details=DETAILS, restricted=True, recorded_at=AT),
        Current(details=DETAILS, lifted_at=AT, recorded_at=AT),
        Current(details=Details(), recorded_at=AT),
        SupersededBy(successor=ALEX, recorded_at=AT),
        Invalidated(recorded_at=AT),
    ],
)
def test_a_number_is_answered_as_it_stands(world: World, answer: NumberAnswer) -> None:
    """In use with details, restricted or not any more; superseded by whom; invalidated; with its stamp."""
    world.put(ROBIN, answer)
    if isinstance(answer, Current) and not world.says_lifted:
        answer = replace(answer, lifted_at=None)

    assert answer == asyncio.run(world.source.get(ROBIN))


def test_a_number_never_given_out_is_not_known(world: World) -> None:
    """That is an answer, and no failure."""
    world.put(ALEX, Current(details=DETAILS, recorded_at=AT))

    assert NotKnown() == asyncio.run(world.source.get(ROBIN))


def test_the_newest_answer_counts(world: World) -> None:
    """A source that changes its mind is asked again."""
    world.put(ROBIN, SupersededBy(successor=ALEX, recorded_at=AT))
    world.put(ROBIN, Current(details=DETAILS, recorded_at=AT))

    assert Current(details=DETAILS, recorded_at=AT) == asyncio.run(world.source.get(ROBIN))


def test_one_person_with_these_details_is_found(world: World) -> None:
    """However the names are written."""
    world.put(ROBIN, Current(details=DETAILS, recorded_at=AT))
    world.put(ALEX, Current(details=Details(family="Other", given="Alex"), recorded_at=AT))
    asked = Details(family="SAMPLE", given="robin", birth_date=DETAILS.birth_date)

    assert OneMatch(number=ROBIN) == asyncio.run(world.source.search(asked))


def test_a_protected_person_is_found_and_said_to_be_protected(world: World) -> None:
    """Whoever is given the number knows it before anything is told of a place (ruling 24)."""
    world.put(ROBIN, Current(details=DETAILS, restricted=True, recorded_at=AT))

    assert OneMatch(number=ROBIN, protected_at=AT) == asyncio.run(world.source.search(DETAILS))


def test_of_several_nobody_is_named(world: World) -> None:
    """Twins with one name, or an error of the source: only that there are several."""
    for number in (ROBIN, ALEX, SAM):
        world.put(number, Current(details=DETAILS, recorded_at=AT))

    assert SeveralMatches() == asyncio.run(world.source.search(DETAILS))


@pytest.mark.parametrize("gone", [SupersededBy(successor=ALEX, recorded_at=AT), Invalidated(recorded_at=AT)])
def test_a_number_not_in_use_is_never_found(world: World, gone: NumberAnswer) -> None:
    """A search must not lead to an old number, still less from an old one to a new one (ruling 23)."""
    world.put(ROBIN, Current(details=DETAILS, recorded_at=AT))
    world.put(ROBIN, gone)

    assert NoMatch() == asyncio.run(world.source.search(DETAILS))


@pytest.mark.parametrize(
    "asked",
    [
        Details(family="Sample", given="Robin"),
        Details(family="Sample", birth_date=DETAILS.birth_date),
        Details(given="Robin", birth_date=DETAILS.birth_date),
        Details(family="UNKNOWN", given="Robin", birth_date=DETAILS.birth_date),
        Details(family="Sample", given="Robin", birth_date=date(2014, 12, 4)),
        Details(),
    ],
)
def test_only_all_three_details_together_find_anybody(world: World, asked: Details) -> None:
    """One that is missing, says nothing or differs finds nobody; day and month are not swapped here."""
    world.put(ROBIN, Current(details=DETAILS, recorded_at=AT))

    assert NoMatch() == asyncio.run(world.source.search(asked))


def test_two_people_without_details_do_not_match_each_other(world: World) -> None:
    """Nothing equals nothing, and finds nobody all the same."""
    world.put(ROBIN, Current(details=Details(), recorded_at=AT))

    assert NoMatch() == asyncio.run(world.source.search(Details()))


def test_silence_is_an_error_and_never_an_answer(world: World) -> None:
    """Neither `not known` nor `no match`: the caller goes on asking (rulings 38, 41)."""
    world.put(ROBIN, Current(details=DETAILS, recorded_at=AT))
    world.fall_silent()

    with pytest.raises(DemographicsUnavailable):
        asyncio.run(world.source.get(ROBIN))
    with pytest.raises(DemographicsUnavailable):
        asyncio.run(world.source.search(DETAILS))


def test_no_answer_shows_a_number() -> None:
    """In a traceback or a log."""
    shown = repr([OneMatch(number=ROBIN), SupersededBy(successor=ALEX, recorded_at=AT)])

    assert not any(number.digits in shown for number in (ROBIN, ALEX))
