"""
Traces people at a demographic source, one or a file of them: one exact match, or work for a person.

Nothing is guessed. Who has a number is asked about by that number alone: looking for them by details would
put a second number beside it, which nobody but the source may (ruling 42). A number that is not in use is
told as that, and nothing else (ruling 23).
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import assert_never

from broker.core.demographics import (
    Current,
    Invalidated,
    NoMatch,
    NumberAnswer,
    OneMatch,
    SeveralMatches,
    SupersededBy,
)
from broker.core.facts import Details
from broker.core.identifiers import NhsNumber
from broker.core.matching import fold_name
from broker.core.policy_keys import GivenNameRule
from broker.core.source_errors import DemographicsUnreadable
from broker.core.succession import NUMBERS_PASSED_MAX
from broker.core.verification import differences
from broker.ports import Demographics
from broker.wire.batch_trace import TraceRow

_RULES = (GivenNameRule.ALL,)  # of twins one may have the other's first name, and a second of their own
_RULES_FOR_ONE_NAME = (GivenNameRule.ALL, GivenNameRule.FIRST)


class TraceOutcome(StrEnum):
    """What came of one person."""

    CONFIRMED = "confirmed"
    FOUND = "found"
    CORRECTED = "corrected"
    DIFFERS = "details differ"
    NOT_IN_USE = "number not in use"
    NOT_FOUND = "not found"
    SEVERAL = "several"
    RESTRICTED = "restricted"
    TOO_LITTLE = "too little to trace"
    NOT_UNDERSTOOD = "answer not understood"
    UNREADABLE = "row cannot be read"


SETTLED = frozenset({TraceOutcome.CONFIRMED, TraceOutcome.FOUND, TraceOutcome.CORRECTED})
"""Whose number is known now; everybody else is for a person to look into."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traced:
    """What came of one person; `number` is there for who is settled alone, `detail` repeats no value."""

    outcome: TraceOutcome
    number: NhsNumber | None = field(default=None, repr=False)
    detail: str = ""

    @property
    def cells(self) -> tuple[str, str, str]:
        """The answer's columns behind the reference."""
        return self.outcome.value, "" if self.number is None else self.number.digits, self.detail


async def trace(source: Demographics, row: TraceRow) -> Traced:
    """
    Return what a source makes of one person; raise `DemographicsUnavailable`.

    An answer that cannot be read is that row's outcome, and no other's.
    """
    if row.fault:
        return Traced(outcome=TraceOutcome.UNREADABLE, detail=row.fault)
    try:
        if row.number is not None:
            return await _by_number(source, row.number, row.details)
        return await _by_details(source, row.details)
    except DemographicsUnreadable:
        return Traced(outcome=TraceOutcome.NOT_UNDERSTOOD)


async def trace_all(
    source: Demographics, rows: Iterable[TraceRow], *, at_once: int = 1
) -> AsyncIterator[tuple[TraceRow, Traced]]:
    """
    Yield each row with what came of it, in their order; `at_once` so many are asked about together.

    Raises `DemographicsUnavailable` behind the last row that has its answer.
    """
    coming = iter(rows)
    while together := list(islice(coming, at_once)):
        answers = await asyncio.gather(*(trace(source, row) for row in together), return_exceptions=True)
        for row, answer in zip(together, answers, strict=True):
            if isinstance(answer, BaseException):
                raise answer
            yield row, answer


async def _by_number(source: Demographics, asked: NhsNumber, details: Details) -> Traced:
    """Return what became of a number, and whether its person has the details."""
    number, answer = await _last(source, asked)
    match answer:
        case Invalidated():
            return Traced(outcome=TraceOutcome.NOT_IN_USE)
        case Current():
            names = (details.given or "").split()
            rules = _RULES_FOR_ONE_NAME if len(names) == 1 else _RULES
            differ = differences(details, answer.details, rules)
            if differ:
                return Traced(outcome=TraceOutcome.DIFFERS, detail=", ".join(differ))
            if answer.restricted:
                return Traced(outcome=TraceOutcome.RESTRICTED)
            outcome = TraceOutcome.CONFIRMED if number == asked else TraceOutcome.CORRECTED
            return Traced(outcome=outcome, number=number)
        case _:
            return Traced(outcome=TraceOutcome.NOT_FOUND)


async def _last(source: Demographics, number: NhsNumber) -> tuple[NhsNumber, NumberAnswer]:
    """Return the number that is in use now and what is said of it, through those that replaced each other."""
    answer = await source.get(number)
    passed = {number}
    while isinstance(answer, SupersededBy) and len(passed) <= NUMBERS_PASSED_MAX:
        number = answer.successor
        if number in passed:
            break
        passed.add(number)
        answer = await source.get(number)
    return number, answer


async def _by_details(source: Demographics, details: Details) -> Traced:
    """Return who alone has these details, once the source has confirmed them under that number."""
    if None in {fold_name(details.family), fold_name(details.given), details.birth_date}:
        return Traced(outcome=TraceOutcome.TOO_LITTLE)
    found = await source.search(details)
    match found:
        case SeveralMatches():
            return Traced(outcome=TraceOutcome.SEVERAL)
        case NoMatch():
            return Traced(outcome=TraceOutcome.NOT_FOUND)
        case OneMatch():
            return await _confirmed(source, found.number, details)
        case _:
            assert_never(found)


async def _confirmed(source: Demographics, number: NhsNumber, details: Details) -> Traced:
    """Return what the source says of the number that it found, which nobody had."""
    confirmed = await _by_number(source, number, details)
    if confirmed.outcome is TraceOutcome.CONFIRMED:
        return Traced(outcome=TraceOutcome.FOUND, number=number)
    if confirmed.outcome is TraceOutcome.RESTRICTED:
        return confirmed
    return Traced(outcome=TraceOutcome.NOT_FOUND)
