"""
Compares the records of an upload with a demographic source before anything of the file is written. R12, R14.

What does not agree is refused with the source's code, so that nothing about that child flows while it lasts.
A source that does not answer refuses nothing: the file is taken again.
"""

import asyncio
from collections.abc import Container, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from broker.core.demographics import Current, Invalidated, NumberAnswer, SupersededBy, protected_at
from broker.core.errors import DemographicsUnavailable
from broker.core.facts import IdentityKind, IdentityNotice, PlanFact
from broker.core.identifiers import NhsNumber
from broker.core.keyed import IdentityKey
from broker.core.number_answers import notice_of
from broker.core.policy import AnyPolicy
from broker.core.policy_keys import GivenNameRule, Restricted
from broker.core.source_errors import DemographicsUnreadable
from broker.core.succession import NUMBERS_PASSED_MAX
from broker.core.verification import WAITING, Difference, Verification, differences, verify
from broker.ports import Demographics
from broker.services.tracing import ANSWER_SECONDS
from broker.wire.upload_codes import RecordCode
from broker.wire.upload_record import FaultyRecord, ReadRecord

_CODES = {
    Verification.NOT_IN_USE: RecordCode.NO_MATCH,
    Verification.NOT_KNOWN: RecordCode.NO_MATCH,
    Verification.DIFFERS: RecordCode.NOT_VERIFIED,
    Verification.SUPERSEDED: RecordCode.SUPERSEDED,
    Verification.RESTRICTED: RecordCode.SENSITIVE,
}

NOT_UNDERSTOOD = "the register's answer could not be read"
"""Reason, beside CPR07: nothing is said of number and details; the record is to be sent again."""
NOT_ANSWERED = "the register does not answer about this person"
"""Reason, beside CPR07: it answers about others; the record waits, and is asked about again."""


class Verified(NamedTuple):
    """A record after the source was asked, and who of its subjects the source protects (ruling 24)."""

    record: ReadRecord | FaultyRecord
    protected: tuple[tuple[NhsNumber, IdentityNotice], ...] = ()


class Verifying:
    """Asks `source` about `at_once` so many records together, and waits so many `seconds` for an answer."""

    def __init__(
        self,
        source: Demographics,
        *,
        policy: AnyPolicy,
        key: IdentityKey,
        seconds: float = ANSWER_SECONDS,
        at_once: int = 1,
    ) -> None:
        """Take what is needed."""
        self.at_once = at_once
        self._source = source
        self._policy = policy
        self._key = key
        self._seconds = seconds

    async def verify(self, record: ReadRecord, received_at: datetime) -> Verified:
        """
        Return a record whose plans are verified, or why it is refused (CPR01, 02, 03, 05, 07).

        Of somebody about whom the source's answer cannot be read the record alone is refused: no file is held
        up by one person. Raises `DemographicsUnavailable`.
        """
        try:
            answers = {number: await self._answer(number) for number in {one for one, _ in record.plans}}
        except DemographicsUnreadable:
            return Verified(left_open(record, NOT_UNDERSTOOD))
        protected = tuple(self._protected(answers, received_at))
        found = [
            verify(answers[number], plan.content.details, self._rules(plan)) for number, plan in record.plans
        ]
        worst = next(one for one in Verification if one in found)
        if worst is Verification.AGREES or (worst is Verification.RESTRICTED and self._is_told(record)):
            return Verified(_verified(record, {number for number, _ in protected}), protected)
        waiting = [
            (number, plan.content)
            for (number, plan), one in zip(record.plans, found, strict=True)
            if one in WAITING
        ]
        under = {number: await self._under(number, answers[number]) for number, _ in waiting}
        refused = FaultyRecord(
            location=record.location,
            code=_CODES[worst],
            reason=self._reason(worst, record, answers),
            waiting=tuple(content for _, content in waiting),
            numbered=tuple((one, content) for number, content in waiting for one in under[number]),
        )
        return Verified(refused, protected)

    def _rules(self, plan: PlanFact) -> tuple[GivenNameRule, ...]:
        """Return the policy's rules for given names (R12)."""
        return self._policy.at(plan.recorded_at).given_name_rules

    def _reason(
        self, worst: Verification, record: ReadRecord, answers: Mapping[NhsNumber, NumberAnswer]
    ) -> str:
        """Return why a record is refused, and of details that differ which: never what either side says."""
        if worst is not Verification.DIFFERS:
            return str(worst.value)
        differ = {
            one
            for number, plan in record.plans
            for answer in [answers[number]]
            if isinstance(answer, Current)
            for one in differences(plan.content.details, answer.details, self._rules(plan))
        }
        words = ", ".join(one.value for one in Difference if one in differ)
        return f"{worst.value}: {words}"

    async def _answer(self, number: NhsNumber) -> NumberAnswer:
        """Ask about a number."""
        try:
            async with asyncio.timeout(self._seconds):
                return await self._source.get(number)
        except TimeoutError as error:
            raise DemographicsUnavailable from error

    async def _under(self, number: NhsNumber, answer: NumberAnswer) -> list[NhsNumber]:
        """
        Return under which numbers a record that is refused waits: its own, and each that succeeded it.

        A hospital may use any of them (CPR05; rulings 22, 41). One that is invalid is none (ruling 23); one
        of which the answer cannot be read is the last that is known.
        """
        numbers = [number]
        for _ in range(NUMBERS_PASSED_MAX):
            if not isinstance(answer, SupersededBy) or answer.successor in numbers:
                break
            number = answer.successor
            try:
                answer = await self._answer(number)
            except DemographicsUnreadable:
                return [*numbers, number]
            numbers += [] if isinstance(answer, Invalidated) else [number]
        return numbers

    def _is_told(self, record: ReadRecord) -> bool:
        """Whether a restricted record is told with less, and not refused as nationally (ruling 24)."""
        return all(
            self._policy.at(plan.recorded_at).restricted is Restricted.LOCAL for _, plan in record.plans
        )

    def _protected(
        self, answers: dict[NhsNumber, NumberAnswer], received_at: datetime
    ) -> Iterator[tuple[NhsNumber, IdentityNotice]]:
        """Yield that the source protects a person: a refused record must not become `no plan` (ruling 24)."""
        for number, answer in answers.items():
            if (at := protected_at(answer)) is not None:
                person = answer.successor if isinstance(answer, SupersededBy) else number
                yield person, notice_of(person, IdentityKind.RESTRICTED, at, received_at, self._key)


def left_open(record: ReadRecord, reason: str) -> FaultyRecord:
    """Return a record about which the source has said nothing to go by, and why: its subjects wait (41)."""
    return FaultyRecord(
        location=record.location,
        code=RecordCode.NOT_LOADED,
        reason=reason,
        waiting=tuple(plan.content for _, plan in record.plans),
        numbered=tuple((number, plan.content) for number, plan in record.plans),
    )


def _verified(record: ReadRecord, protected: Container[NhsNumber]) -> ReadRecord:
    """
    Return a record whose plans say that the source agreed (ruling 20), and those of `protected` so (24).

    A plan that bears the mark itself tells no place, also where it is read before the source's own word.
    """
    plans = ((number, _agreed(plan, protected=number in protected)) for number, plan in record.plans)
    return replace(record, plans=tuple(plans))


def _agreed(plan: PlanFact, *, protected: bool) -> PlanFact:
    """Return a plan that says that the source agreed, and restricts whom it protects."""
    content = plan.content
    return replace(plan, content=replace(content, verified=True, restricted=content.restricted or protected))
