"""
An authority's plans as the broker holds them, each with what is wrong and what to do (C8, C9, C10).

Pure: a person's record and a moment go in. Of a number that is not in use nothing comes out but that a plan
is open on it (ruling 23).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from broker.core.answers import ALL_STAFF, Asker
from broker.core.birthdays import born_on
from broker.core.content import successor_of
from broker.core.excluded import any_excluded
from broker.core.facts import PlanContent, PlanType
from broker.core.identifiers import NhsNumber, OdsCode, london_day
from broker.core.invalidation import Inactive
from broker.core.person import Person
from broker.core.plans import Version, histories, last_visible_day, of_age
from broker.core.policy import AnyPolicy, Policy
from broker.core.restriction import is_restricted


class PlanStanding(StrEnum):
    """How a plan stands on a day (rulings 9, 12, 13, 14, 23)."""

    NOT_BEGUN = "not begun"
    IN_FORCE = "in force"
    PAST_DUE_DATE = "past due date"
    ENDED = "ended"
    OUT_OF_VIEW = "out of view"
    OF_AGE = "of age"
    REMOVED = "removed"
    NUMBER_NOT_IN_USE = "number not in use"


OPEN = frozenset({PlanStanding.NOT_BEGUN, PlanStanding.IN_FORCE, PlanStanding.PAST_DUE_DATE})
"""A plan that its authority has neither ended nor removed, as far as we know."""


class PlanFault(StrEnum):
    """What is wrong with a plan, and what its authority does about it."""

    NUMBER_NOT_IN_USE = "the number is not in use: end the plan, and upload the number that the child has now"
    PAST_DUE_DATE = "past the due date: tell how the pregnancy ended, or upload the baby's own plan"
    OF_AGE = "the child is of age and the plan is open: end it"
    CODE_CLOSED = "your former code is closed: upload the plan under the new one"
    NOT_VERIFIED = "never agreed with the demographic source: upload the registered name and date of birth"
    WITHOUT_CHILD_ID = "no id of yours came with it: upload it with one"
    ANOTHER_AUTHORITY = "another authority has a plan in force too: agree with it who answers"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRow:
    """
    One plan of an authority.

    Of a number that is not in use all but `authority`, `standing`, `faults` and when it was last recorded is
    None: no number, no id of the child (ruling 23). `restricted` marks a record for restricted recipients
    alone (ruling 24), and that of a person whom somebody must not see: who reads the file, nobody knows.
    `shut` is one that whoever has it written out must not see, or may be somebody who must not (48). Days are
    Europe/London, `recorded_at` aware UTC. `content` is the plan as its newest version has it.
    """

    authority: OdsCode
    standing: PlanStanding
    faults: tuple[PlanFault, ...]
    recorded_at: datetime
    restricted: bool = False
    shut: bool = False
    child_id: str | None = field(default=None, repr=False)
    number: NhsNumber | None = None
    plan_type: PlanType | None = None
    start: date | None = None
    end: date | None = None
    content: PlanContent | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlansCounted:
    """How many plans each authority has, by how they stood `at` a moment, aware UTC."""

    at: datetime
    plans: Mapping[OdsCode, Mapping[PlanStanding, int]]

    def of(self, authority: OdsCode) -> Mapping[PlanStanding, int]:
        """Return how many plans of an authority stood in each way, none of those left out."""
        own = self.plans.get(authority, {})
        return {standing: own.get(standing, 0) for standing in PlanStanding}


def rows_of(
    record: Person | Inactive,
    at: datetime,
    policy: AnyPolicy,
    reader: Asker = ALL_STAFF,
    *,
    sourced: bool = True,
) -> Iterator[PlanRow]:
    """
    Yield every plan in somebody's record, whichever authority's, as it stands at a moment (aware).

    `reader` has them written out: who that is counts for who must not see the person (48). `sourced`: there
    is a demographic source, with which a plan's details can agree.
    A plan is its present owner's: after a reorganisation the successor's (ruling 19).
    """
    now = policy.at(at)
    if isinstance(record, Inactive):
        for plan in record.plans.values():
            if plan.is_open:
                yield PlanRow(
                    authority=successor_of(plan.authority, now, at),
                    standing=PlanStanding.NUMBER_NOT_IN_USE,
                    faults=(PlanFault.NUMBER_NOT_IN_USE,),
                    recorded_at=plan.recorded_at,
                )
        return
    day, notices = london_day(at), record.known.notices.values()
    restricted = is_restricted(record.known) or any_excluded(record.known)
    born = born_on(notices, at)
    newest = [versions for _, versions in sorted(histories(record.known.plans).items(), key=_order)]
    standings = [_standing(versions, day, now, born_on=born) for versions in newest]
    owners = [successor_of(versions[-1].content.authority, now, at) for versions in newest]
    others = {owner for owner, standing in zip(owners, standings, strict=True) if standing in OPEN}
    for versions, standing, owner in zip(newest, standings, owners, strict=True):
        content = versions[-1].content
        shared = standing in OPEN and bool(others - {owner}) and not restricted
        yield PlanRow(
            authority=owner,
            standing=standing,
            faults=tuple(
                fault
                for fault in _faults(versions, standing, moved=owner != content.authority, shared=shared)
                if sourced or fault is not PlanFault.NOT_VERIFIED
            ),
            recorded_at=versions[-1].recorded_at,
            restricted=restricted,
            shut=reader.is_excluded(record.known),
            child_id=content.child_id,
            number=record.number,
            plan_type=content.plan_type,
            start=content.start,
            end=content.end,
            content=content,
        )


def _order(item: tuple[object, list[Version]]) -> tuple[str, str, date]:
    """Return what plans are sorted by."""
    content = item[1][-1].content
    return content.authority.code, content.plan_type.value, content.start


def _standing(versions: list[Version], day: date, policy: Policy, *, born_on: date | None) -> PlanStanding:
    """Return how a plan stands on a day; the newest version decides."""
    content = versions[-1].content
    if content.deleted is not None:
        return PlanStanding.REMOVED
    if day < content.start:
        return PlanStanding.NOT_BEGUN
    if day > last_visible_day(content, policy):
        return PlanStanding.OUT_OF_VIEW
    if content.end is not None and day > content.end:
        unborn = content.plan_type is PlanType.UNBORN
        return PlanStanding.PAST_DUE_DATE if unborn else PlanStanding.ENDED
    if of_age(versions, day, policy, born_on=born_on):
        return PlanStanding.OF_AGE
    return PlanStanding.IN_FORCE


def _faults(
    versions: list[Version], standing: PlanStanding, *, moved: bool, shared: bool
) -> Iterator[PlanFault]:
    """Yield what is wrong with a plan; of one that is over nothing is."""
    if standing is PlanStanding.OF_AGE:
        yield PlanFault.OF_AGE
    if standing not in OPEN:
        return
    if standing is PlanStanding.PAST_DUE_DATE:
        yield PlanFault.PAST_DUE_DATE
    if moved:
        yield PlanFault.CODE_CLOSED
    if not any(version.content.verified for version in versions):
        yield PlanFault.NOT_VERIFIED
    if versions[-1].content.child_id is None:
        yield PlanFault.WITHOUT_CHILD_ID
    if shared:
        yield PlanFault.ANOTHER_AUTHORITY
