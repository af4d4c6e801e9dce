"""A trace never guesses: one exact match, or work for a person. Rulings 21, 23, 42; R35, R36, R39."""

import asyncio
from collections import Counter
from datetime import date
from itertools import pairwise

import pytest

from broker.adapters.memory_demographics import MemoryDemographics
from broker.adapters.pds_simulator.people import population
from broker.core.demographics import (
    Current,
    Invalidated,
    NumberAnswer,
    OneMatch,
    SearchAnswer,
    SupersededBy,
)
from broker.core.errors import DemographicsUnavailable
from broker.core.facts import Details
from broker.core.identifiers import NhsNumber
from broker.core.source_errors import DemographicsUnreadable
from broker.services.batch_trace import SETTLED, Traced, TraceOutcome, trace, trace_all
from broker.wire.batch_trace import TraceRow
from tests.builders.pds import AT
from tests.builders.truth import KnownPeople, asked_about

ROBIN, ALEX, SAM = NhsNumber("9990000018"), NhsNumber("9990000026"), NhsNumber("9990000034")
DETAILS = Details(family="Sample", given="Robin Kim", birth_date=date(2014, 4, 12))
IN_USE = Current(details=DETAILS, recorded_at=AT)
PROTECTED = Current(details=DETAILS, restricted=True, recorded_at=AT)
GONE = Invalidated(recorded_at=AT)
TO_ALEX = SupersededBy(successor=ALEX, recorded_at=AT)
TO_ROBIN = SupersededBy(successor=ROBIN, recorded_at=AT)


def traced(answers: dict[NhsNumber, NumberAnswer], row: TraceRow) -> Traced:
    """Return what comes of a row at a source with these answers."""
    source = MemoryDemographics()
    for number, answer in answers.items():
        source.put(number, answer)
    return asyncio.run(trace(source, row))


@pytest.mark.parametrize(
    ("answers", "details", "outcome", "number", "detail"),
    [
        ({ROBIN: IN_USE}, {}, TraceOutcome.CONFIRMED, ROBIN, ""),
        ({ROBIN: IN_USE}, {"given": "Robin"}, TraceOutcome.CONFIRMED, ROBIN, ""),
        ({ROBIN: IN_USE}, {"given": "Robin Sam"}, TraceOutcome.DIFFERS, None, "given names"),
        ({ROBIN: IN_USE}, {"given": None}, TraceOutcome.DIFFERS, None, "given names"),
        ({ROBIN: IN_USE}, {"given": "Kim"}, TraceOutcome.DIFFERS, None, "given names"),
        ({ROBIN: IN_USE}, {"family": "Other"}, TraceOutcome.DIFFERS, None, "family name"),
        ({ROBIN: IN_USE}, {"birth_date": date(2014, 12, 4)}, TraceOutcome.DIFFERS, None, "date of birth"),
        ({ROBIN: IN_USE}, {"birth_date": None}, TraceOutcome.DIFFERS, None, "date of birth"),
        ({ROBIN: TO_ALEX, ALEX: IN_USE}, {}, TraceOutcome.CORRECTED, ALEX, ""),
        ({ROBIN: TO_ALEX, ALEX: IN_USE}, {"family": "Other"}, TraceOutcome.DIFFERS, None, "family name"),
        ({ROBIN: TO_ALEX, ALEX: GONE}, {}, TraceOutcome.NOT_IN_USE, None, ""),
        ({ROBIN: TO_ALEX, ALEX: TO_ROBIN}, {}, TraceOutcome.NOT_FOUND, None, ""),
        ({ROBIN: TO_ALEX}, {}, TraceOutcome.NOT_FOUND, None, ""),
        ({ROBIN: GONE, ALEX: IN_USE}, {}, TraceOutcome.NOT_IN_USE, None, ""),
        ({ALEX: IN_USE}, {}, TraceOutcome.NOT_FOUND, None, ""),
        ({ROBIN: PROTECTED}, {}, TraceOutcome.RESTRICTED, None, ""),
    ],
)
def test_who_has_a_number_is_asked_about_by_it_alone(
    answers: dict[NhsNumber, NumberAnswer],
    details: dict[str, object],
    outcome: TraceOutcome,
    number: NhsNumber | None,
    detail: str,
) -> None:
    """No search puts a second number beside it: least of all beside one not in use (rulings 23, 42)."""
    asked = Details(**{"family": "Sample", "given": "Robin Kim", "birth_date": DETAILS.birth_date, **details})  # type: ignore[arg-type]  # by name

    found = traced(answers, TraceRow(number=ROBIN, details=asked))

    assert (outcome, number, detail) == (found.outcome, found.number, found.detail)
    assert (found.outcome in SETTLED) is (found.number is not None)


@pytest.mark.parametrize(
    ("answers", "outcome", "number"),
    [
        ({ROBIN: IN_USE}, TraceOutcome.FOUND, ROBIN),
        ({ROBIN: IN_USE, ALEX: IN_USE}, TraceOutcome.SEVERAL, None),
        ({ROBIN: PROTECTED}, TraceOutcome.RESTRICTED, None),
        ({ROBIN: GONE}, TraceOutcome.NOT_FOUND, None),
        ({}, TraceOutcome.NOT_FOUND, None),
    ],
)
def test_who_has_none_is_found_where_one_alone_has_the_details(
    answers: dict[NhsNumber, NumberAnswer], outcome: TraceOutcome, number: NhsNumber | None
) -> None:
    """One exact match; a protected person's number is not given away (R39)."""
    found = traced(answers, TraceRow(details=DETAILS))

    assert (outcome, number) == (found.outcome, found.number)


@pytest.mark.parametrize(
    "details",
    [
        Details(family="Sample", given="Robin"),
        Details(family="UNKNOWN", given="Robin", birth_date=DETAILS.birth_date),
        Details(family="Sample", given="Baby", birth_date=DETAILS.birth_date),
    ],
)
def test_with_too_little_nobody_is_looked_for(details: Details) -> None:
    """Two details are many people's."""
    assert TraceOutcome.TOO_LITTLE is traced({ROBIN: IN_USE}, TraceRow(details=details)).outcome


class Mistaken(MemoryDemographics):
    """A source that calls somebody exact who is another by now, or whose answer cannot be read."""

    async def search(self, details: Details) -> SearchAnswer:
        """Return Sam, whoever was asked about."""
        if details.family == "Puzzle":
            raise DemographicsUnreadable
        return OneMatch(number=SAM)


@pytest.mark.parametrize(
    ("family", "outcome"),
    [("Sample", TraceOutcome.NOT_FOUND), ("Puzzle", TraceOutcome.NOT_UNDERSTOOD)],
)
def test_a_match_that_the_number_does_not_confirm_is_none(family: str, outcome: TraceOutcome) -> None:
    """The source is asked about the number that it named; what cannot be read is that row's alone."""
    source = Mistaken()
    source.put(SAM, Current(details=Details(family="Other"), recorded_at=AT))
    row = TraceRow(details=Details(family=family, given="Robin", birth_date=DETAILS.birth_date))

    assert outcome is asyncio.run(trace(source, row)).outcome


def test_a_row_that_cannot_be_read_is_not_asked_about() -> None:
    """Its answer says where it is at fault."""
    found = traced({}, TraceRow(reference="A1", fault="line 2: 4 columns where there are 5"))

    assert (TraceOutcome.UNREADABLE, "line 2: 4 columns where there are 5") == (found.outcome, found.detail)


def test_more_numbers_than_a_person_has_end_the_search() -> None:
    """A chain without end is no answer (ruling 22)."""
    chain = [NhsNumber(digits) for digits in NUMBERS]
    answers: dict[NhsNumber, NumberAnswer] = {
        one: SupersededBy(successor=other, recorded_at=AT) for one, other in pairwise(chain)
    }

    assert TraceOutcome.NOT_FOUND is traced(answers, TraceRow(number=chain[0], details=DETAILS)).outcome


NUMBERS = [one.digits for one in sorted(population(5, 12).people)]


class Failing(MemoryDemographics):
    """A source that is away from the third question on."""

    asked = 0

    async def get(self, number: NhsNumber) -> NumberAnswer:
        """Answer twice."""
        self.asked += 1
        if self.asked > 2:
            raise DemographicsUnavailable
        return await super().get(number)


def test_a_source_that_goes_away_ends_a_batch_behind_the_last_answer() -> None:
    """What was answered stands; the rest is asked about another time."""
    rows = [TraceRow(reference=str(place), number=ROBIN, details=DETAILS) for place in range(20)]
    answered: list[str] = []

    async def scenario() -> None:
        """Trace until it ends."""
        async for row, _ in trace_all(Failing(), rows, at_once=8):
            answered.append(row.reference)

    with pytest.raises(DemographicsUnavailable):
        asyncio.run(scenario())
    assert ["0", "1"] == answered


def test_of_ten_thousand_people_nobody_gets_the_number_of_another() -> None:
    """Slips, swapped dates, twins, namesakes, given-up names, old numbers and others': none is guessed."""
    people = population(seed=2026, count=10_000)
    asked = list(asked_about(people, seed=11))
    wrong: list[str] = []
    outcomes: Counter[TraceOutcome] = Counter()

    async def scenario() -> None:
        """Trace everybody, and compare with the truth."""
        truths = iter(asked)
        async for row, found in trace_all(KnownPeople(people), [one.row for one in asked], at_once=8):
            outcomes[found.outcome] += 1
            if found.number not in {None, next(truths).truth}:
                wrong.append(row.reference)

    asyncio.run(scenario())

    assert [] == wrong
    assert len(asked) == outcomes.total()
    settled = sum(outcomes[one] for one in SETTLED) / len(asked)
    assert 0.6 < settled < 0.9
    assert all(outcomes[one] for one in (*SETTLED, TraceOutcome.DIFFERS, TraceOutcome.SEVERAL))
    assert len(people.invalidated) == outcomes[TraceOutcome.NOT_IN_USE]
