"""Which policy is in force and what of it holds where, once more, for the oracle: from the plain tables."""

from collections.abc import Sequence
from datetime import date, datetime
from functools import cache
from typing import Any

from broker.core.facts import VisitMessage
from broker.core.identifiers import OdsCode
from broker.core.policy import AnyPolicy, Policy
from broker.core.policy_keys import Selector


def in_force(policy: AnyPolicy, moment: datetime) -> Policy:
    """Return the newest policy that has begun."""
    if isinstance(policy, Policy):
        return policy
    return [policy.first, *(later for start, later in policy.later if start <= moment)][-1]


def of_authority(policy: Policy, name: str, authority: OdsCode) -> Any:
    """Return a setting as it holds for an authority's plans."""
    return policy.overrides.get(Selector(authority=authority), {}).get(name, getattr(policy, name))


def of_place(
    policy: Policy, name: str, provider: OdsCode, location: str | None = None, site: OdsCode | None = None
) -> Any:
    """Return a setting as it holds at a place: by its location, else its site, else its provider."""
    held: Any = getattr(policy, name)
    for place in _places(provider, location, site):
        held = policy.overrides.get(place, {}).get(name, held)
    return held


@cache
def _places(provider: OdsCode, location: str | None, site: OdsCode | None) -> Sequence[Selector]:
    """Return what may be settled for a place, the most particular last."""
    places = [Selector(provider=provider)]
    places += [Selector(provider=provider, site=site.code)] if site else []
    return places + ([Selector(provider=provider, location=location)] if location else [])


def of_sender(policy: Policy, name: str, message: VisitMessage) -> Any:
    """Return a setting as it holds for the system that sent a message, else for its provider."""
    held = of_place(policy, name, message.provider)
    system = Selector(provider=message.provider, system=message.system)
    return policy.overrides.get(system, {}).get(name, held)


def has_stopped(policy: Policy, code: OdsCode, day: date) -> bool:
    """Whether an organisation has stopped sharing on a day, or an authority that follows it has (19, 45)."""
    names = {code}
    for _ in policy.successors:
        names |= {policy.successors[name].code for name in names if name in policy.successors}
    return any(stop.code in names and stop.first <= day <= (stop.last or date.max) for stop in policy.stops)
