"""
A newborn without a number whose message names its mother, met with her unborn child's plan. Rulings 21, 26.

Both meet under a keyed digest of her number, as others do under digests of details (`possible`): what is
found asks somebody who the patient is, and says nothing of a plan, or of her (rulings 42, 46; ADR 0058).
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from typing import NamedTuple

from broker.core.facts import PlanContent, PlanType
from broker.core.identifiers import NhsNumber
from broker.core.keyed import IdentityKey
from broker.core.person import Known
from broker.core.plans import histories
from broker.core.policy import AnyPolicy
from broker.core.possible import NOWHERE, Leads, OnFile, Placed, Sought
from broker.core.possible_keys import Window, last_day_found, last_day_shared, number_key, windows_of


def mother_key(key: IdentityKey, mother: NhsNumber) -> str:
    """Return under which key a newborn without a number is looked for whose message names this mother."""
    return number_key(key, "number: mother of a newborn", mother)


def found_by_newborns(before: Known, after: Known, policy: AnyPolicy) -> Mapping[str, Window | None]:
    """
    Return what changes of the days on which the babies of a person are found by unborn children's plans.

    By references that say nothing, each with its window, None where that is no more.
    """
    was, now = _windows(before, policy), _windows(after, policy)
    return {one: now.get(one) for one in sorted(was.keys() | now.keys()) if was.get(one) != now.get(one)}


def on_file_for_newborns(
    key: IdentityKey, mother: NhsNumber, changed: Mapping[str, Window | None]
) -> list[Placed]:
    """Return that somebody is found by newborns on other days; under her number there is nobody else (23)."""
    place = mother_key(key, mother)
    return [Placed(place=place, clue=OnFile(reference=one, window=changed[one])) for one in changed]


def _windows(known: Known, policy: AnyPolicy) -> Mapping[str, Window]:
    """
    Return on which days each version of each unborn plan counts, by its place among them.

    Who was born in a window is covered from its first day on, and for some days after birth where the newest
    version stands (ruling 26). That a pregnancy has ended is left to whoever is asked.
    """
    found: list[Window] = []
    unborn = {content: said for content, said in known.plans.items() if content.plan_type is PlanType.UNBORN}
    for versions in histories(unborn).values():
        newest, windows = versions[-1].content, windows_of(versions, policy)
        if newest.deleted is None and newest.start <= last_day_found(newest, policy):
            windows[-1] = replace(windows[-1], after_birth=_after_birth(newest, policy))
        found += windows
    ordered = sorted({*found}, key=lambda one: (one.first, one.last, one.after_birth))
    return {str(place): window for place, window in enumerate(ordered)}


def _after_birth(content: PlanContent, policy: AnyPolicy) -> int:
    """Return for how many days after its birth a newborn is covered; not while nothing is shared (26, 45)."""
    longest = max(one.authority(content.authority).newborn_covered for one in policy.every).days
    return min(longest, (last_day_shared(content.authority, policy) - last_day_found(content, policy)).days)


def sought_by_mothers(
    key: IdentityKey, sought: Sought, born: date | None, mothers: Iterable[NhsNumber]
) -> list[Placed]:
    """Return under the keys of which mothers a visit without a number is looked for; `born` as it says."""
    of_baby = replace(sought, births=() if born is None else (born,))
    return [Placed(place=mother_key(key, mother), clue=of_baby) for mother in sorted({*mothers})]


class Leading(NamedTuple):
    """Which number has taken over from one, None for none, and whether it is in use."""

    to: NhsNumber | None = None
    in_use: bool = True


def leads(key: IdentityKey, number: NhsNumber, leading: Leading) -> Placed:
    """Return where visits go that name a mother by this number: to its successor, or nowhere (22, 23)."""
    place = None if leading.to is None else mother_key(key, leading.to)
    return Placed(place=mother_key(key, number), clue=Leads(to=place if leading.in_use else NOWHERE))
