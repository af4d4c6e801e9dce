"""
The settings the rules are decided by, with the defaults of the rulings and the dossier's section 5.

A policy is a value: frozen, complete, and known by its `version`, a digest of everything in it.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date, timedelta
from enum import StrEnum
from functools import cached_property

from broker.core.identifiers import OdsCode

RULES_VERSION = 1
"""Rises with every release that decides differently; a matcher re-decides everybody when it has risen."""


class Place(StrEnum):
    """How a site has listed one of its locations (rulings 3, 4, 47)."""

    SCHEDULED = "scheduled"
    UNSCHEDULED = "unscheduled"
    SENSITIVE = "sensitive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """
    What a provider has settled before go-live.

    `locations` lists point-of-care codes (PV1-3.1) or site codes; `traced_by_sender` says that its numbers
    are traced whatever PID-32 says (ruling 20); `withheld` names fields of the visit that its alerts leave
    out (ruling 29); `error_reasons` are its codes for "registered in error" (ruling 16).
    """

    name: str | None = None
    call_back: str | None = None
    locations: Mapping[str, Place] = field(default_factory=dict)
    traced_by_sender: bool = False
    withheld: frozenset[str] = frozenset()
    error_reasons: frozenset[str] = frozenset()


UNKNOWN_SITE = Site()
"""A provider that has settled nothing: its attendances alert, with what the messages say (ruling 2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Successor:
    """The authority that takes over from a reorganised one, from its opening day (ruling 19)."""

    code: OdsCode
    opens_on: date


@dataclass(frozen=True, kw_only=True)
class Policy:
    """Everything `decide` may depend on beside what is known. Durations are aware of no time zone."""

    visible_after_end: timedelta = timedelta(days=365)  # ruling 9, D1
    unborn_visible: timedelta = timedelta(days=28)  # ruling 9, D2
    plan_wait: timedelta = timedelta(days=14)  # W of ruling 10
    plan_wait_after_arrival: timedelta = timedelta(days=21)  # W + 7 days, ruling 10
    open_stay: timedelta = timedelta(hours=24)  # a stay without departure, ruling 10
    admission_joins: timedelta = timedelta(hours=24)  # ruling 7
    reattendance: timedelta = timedelta(days=7)  # ruling 8
    same_visit: timedelta = timedelta(hours=2)  # ruling 16
    delayed_after: timedelta = timedelta(hours=2)  # ruling 11
    delayed_after_departure: timedelta = timedelta(hours=1)  # ruling 11
    provider_after_departure: timedelta = timedelta(hours=72)  # ruling 11
    lateness: timedelta = timedelta(days=35)  # L
    horizon: timedelta = timedelta(days=23)  # H = W + 7 days + 2 days' margin
    sites: Mapping[OdsCode, Site] = field(default_factory=dict)
    successors: Mapping[OdsCode, Successor] = field(default_factory=dict)

    def site(self, provider: OdsCode) -> Site:
        """Return what a provider has settled, or `UNKNOWN_SITE`."""
        return self.sites.get(provider, UNKNOWN_SITE)

    @cached_property
    def version(self) -> str:
        """Twelve hex digits over the content: equal policies have equal versions."""
        content = [(entry.name, _canonical(getattr(self, entry.name))) for entry in fields(self)]
        return hashlib.sha256(repr(content).encode()).hexdigest()[:12]


def _canonical(value: object) -> object:
    """Return a value whose `repr` does not depend on the order of maps and sets."""
    match value:
        case Mapping():
            return sorted((repr(key), _canonical(item)) for key, item in value.items())
        case frozenset():
            return sorted(repr(item) for item in value)
        case Site():
            return [_canonical(getattr(value, entry.name)) for entry in fields(value)]
        case _:
            return repr(value)
