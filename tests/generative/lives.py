"""
Whole lives: a person's facts as they come, now and long afterwards, while the clock runs on.

A life has what a story lacks: days between the facts on which what is past revising is destroyed, and places
at which the matcher is started again from what it wrote.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, timedelta
from typing import Any

from broker.core.facts import (
    Access,
    Birth,
    Cover,
    Fact,
    IdentityNotice,
    PlanFact,
    VisitLeft,
    VisitMessage,
)
from broker.core.policy import AnyPolicy, Policies, Policy
from tests.generative.naive_times import counted
from tests.generative.picking import Picking
from tests.generative.settled import POLICIES
from tests.generative.stories import NEVERS, T, story

LATENESS = timedelta(days=35)
TELLINGS = 4
"""Of one story: making one costs more than folding it."""

_TOLD_AT_ONCE = 0.4
"""How often a fact comes to the matcher alone, or is the last of several."""

_LAGS = [timedelta(days=n) for n in (0, 0, 0, 0, 1, 15, 30)]
"""From a fact's receipt until the matcher takes it; with the longest wait for a receipt still within L."""

_AFTERWARDS = [timedelta(days=n) for n in (51, 87, 130, 400, 900)]
"""From the first chapter of a life to its second: into L of the first, past it, past the last visible day."""

_BEFORE = timedelta(days=41)
"""Before the middle of the second chapter, when everybody is looked at once more."""

_IDLE = [timedelta(days=n) for n in (1, 36, 51, 80, 120, 500)]
"""How far the clock runs on when nothing more comes."""


_OWN_ID = {
    PlanFact: "file_id",
    VisitMessage: "message_id",
    VisitLeft: "message_id",
    Access: "access_id",
    IdentityNotice: "notice_id",
    Birth: "birth_id",
    Cover: "",
}


@dataclass(frozen=True, kw_only=True)
class Taken:
    """
    One fact as the matcher takes it, or None where only the clock moves; `at` is when.

    `settles` tells whether everybody is looked at afterwards, `restarts` whether the matcher starts again.
    """

    at: datetime
    fact: Fact | None
    settles: bool
    restarts: bool


@dataclass(frozen=True, kw_only=True)
class Telling:
    """
    A story's facts in any order, some twice, as a matcher takes them: one or more at once.

    It tells what follows after the facts at the places `told`, the last one among them, and is started again
    after some of these, `restarts`.
    """

    facts: Sequence[Fact]
    told: frozenset[int]
    restarts: frozenset[int]


@dataclass(frozen=True, kw_only=True)
class Retold:
    """A story as it was made, how it is told, and the policy it is judged by."""

    policy: AnyPolicy
    facts: Sequence[Fact]
    tellings: Sequence[Telling]


@dataclass(frozen=True, kw_only=True)
class Life:
    """What comes of one person as time passes, and the policy by which it is judged and destroyed."""

    policy: AnyPolicy
    taken: Sequence[Taken]


def _telling(pick: Picking, facts: Sequence[Fact]) -> Telling:
    """Return facts told in any order, some twice and received later, split by restarts."""
    chance = pick.chance()
    again = told_again(facts, chance)
    told = [place for place in range(len(again) - 1) if chance.random() < _TOLD_AT_ONCE] + [len(again) - 1]
    restarts = frozenset(chance.sample(told, k=min(2, len(told))))
    return Telling(facts=again, told=frozenset(told), restarts=restarts)


def told_again(facts: Sequence[Fact], chance: random.Random) -> list[Fact]:
    """Return facts in any order, some twice and received later."""
    again = [*facts, *_received_again(facts, chance)]
    chance.shuffle(again)
    return again


def _received_again(facts: Sequence[Fact], chance: random.Random) -> list[Fact]:
    """Return some facts as they are received once more."""
    return [
        replace(fact, received_at=fact.received_at + timedelta(hours=chance.randint(0, 900)))
        for fact in chance.choices(facts, k=chance.randint(0, 4))
    ]


def retelling(pick: Picking) -> Retold:
    """Return a story and some tellings of it."""
    facts = story(pick)
    told = [_telling(pick, facts) for _ in range(TELLINGS)]
    return Retold(policy=pick.one(POLICIES), facts=facts, tellings=told)


def life(pick: Picking) -> Life:
    """Return a life of one or two chapters, each a story."""
    facts = story(pick)
    chance = pick.chance()
    told = [*facts, *_received_again(facts, chance)]
    idle = []
    if pick.one((False, True)):
        span = pick.one(_AFTERWARDS)
        days_too = pick.one((False, True))
        told += [later(fact, span, days_too=days_too) for fact in story(pick)]
        idle = [T + span - _BEFORE]
    return Life(policy=pick.one(_FORGETTING), taken=passing(told, idle, chance))


def passing(facts: Sequence[Fact], idle: Sequence[datetime], chance: random.Random) -> list[Taken]:
    """Return facts as they are taken, none of a plan later than L; the clock moves at `idle` and last."""
    steps: list[tuple[datetime, Fact | None]] = [(at, None) for at in idle]
    for fact in facts:
        at, latest = fact.received_at + chance.choice(_LAGS), _latest(fact)
        if fact.received_at <= latest:
            steps.append((at if at <= latest else fact.received_at, fact))
    chance.shuffle(steps)
    steps.sort(key=lambda one: one[0])
    end = steps[-1][0] if steps else T
    for span in chance.choices(_IDLE, k=chance.randint(1, 2)):
        end += span
        steps.append((end, None))
    settles, restarts = (frozenset(chance.choices(range(len(steps)), k=3)) for _ in range(2))
    return [
        Taken(at=at, fact=fact, settles=fact is None or place in settles, restarts=place in restarts)
        for place, (at, fact) in enumerate(steps)
    ]


def _latest(fact: Fact) -> datetime:
    """Return until when a fact may come: one about a visit at any time, all others within L."""
    return (
        datetime.max.replace(tzinfo=T.tzinfo)
        if isinstance(fact, VisitMessage | VisitLeft | Access)
        else (counted(fact) + LATENESS)
    )


def later(fact: Fact, span: timedelta, *, days_too: bool) -> Fact:
    """Return a fact of a second chapter: everything later by `span`, a plan's days too where it says so."""
    changed: dict[str, Any] = {
        entry.name: _later_time(value, span)
        for entry in fields(fact)
        if isinstance(value := getattr(fact, entry.name), datetime)
    }
    if isinstance(fact, Cover):
        return _later_cover(fact, span)
    own = _OWN_ID[type(fact)]
    changed[own] = f"{getattr(fact, own)}-2"
    if isinstance(fact, Birth):
        changed["born"] = _later_day(fact.born, span)
    if isinstance(fact, PlanFact) and days_too:
        content = fact.content
        changed["content"] = replace(
            content,
            start=content.start + span,
            end=_later_day(content.end, span),
            deleted=_later_day(content.deleted, span),
        )
    return replace(fact, **changed)


def _later_cover(cover: Cover, span: timedelta) -> Cover:
    """Return what covers a baby that is born later."""
    births = (later(birth, span, days_too=True) for birth in cover.births)
    plans = (later(plan, span, days_too=True) for plan in cover.plans)
    return replace(
        cover,
        births=tuple(birth for birth in births if isinstance(birth, Birth)),
        plans=tuple(plan for plan in plans if isinstance(plan, PlanFact)),
        losses=tuple(_later_time(lost, span) for lost in cover.losses),
        exclusions=tuple(replace(word, said_at=_later_time(word.said_at, span)) for word in cover.exclusions),
        restricted=None if cover.restricted is None else _later_time(cover.restricted, span),
        recorded_at=_later_time(cover.recorded_at, span),
        received_at=cover.received_at + span,
    )


def _later_time(moment: datetime, span: timedelta) -> datetime:
    """Return a time later by a span; nothing was recorded at some, and they stay as they are."""
    return moment if moment in NEVERS else moment + span


def _later_day(day: date | None, span: timedelta) -> date | None:
    """Return a day later by a span, as far as there is one."""
    return None if day is None else day + span


def forgetting(policy: AnyPolicy) -> AnyPolicy:
    """Return a policy with the L of lives; that of the specifications destroys nothing."""
    if isinstance(policy, Policy):
        return replace(policy, lateness=LATENESS)
    later_ones = tuple((start, replace(one, lateness=LATENESS)) for start, one in policy.later)
    return Policies(first=replace(policy.first, lateness=LATENESS), later=later_ones)


_FORGETTING = [forgetting(policy) for policy in POLICIES]
