"""
The settings the rules are decided by, with the defaults of the rulings and the dossier's section 5.

A policy is a value: frozen, complete, and known by its `version`, a digest of all that decides. It holds
values for everywhere and overrides for an authority, a provider, or a system, site or location of one.
`Policies` are several, each in force from a moment on: a visit is judged by the one in force at its arrival.
"""

import hashlib
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from functools import cached_property
from itertools import pairwise

from broker.core.alerts import VisitLine
from broker.core.identifiers import OdsCode
from broker.core.policy_keys import (
    DECLARED,
    Declared,
    GivenNameRule,
    Place,
    Restricted,
    Selector,
    Successor,
    Unit,
    Where,
    choice,
    codes,
    flag,
    names,
    orderless,
    services,
    span,
    steps,
    telephone,
    text,
    years,
)
from broker.core.policy_looks import Looks
from broker.core.policy_places import Places
from broker.core.policy_times import Times
from broker.core.policy_waits import Waits
from broker.core.stops import Stop

RULES_VERSION = 1
"""Rises with every release that decides differently; a matcher re-decides everybody when it has risen."""

HORIZON_MARGIN = timedelta(days=2)
"""By how much H outlives the last moment at which a plan's record may count for a visit (architecture)."""

ALWAYS_TOLD = frozenset({"visit", "state", "arrived_at"})
"""The fields of a visit that nobody may withhold: without them an alert says nothing."""

_WITHHOLDABLE = frozenset(entry.name for entry in fields(VisitLine)) - ALWAYS_TOLD
_BY_PLACE = (Where.PROVIDER, Where.SITE, Where.LOCATION)
_VERSION_DIGITS = 12

Overrides = Mapping[Selector, Mapping[str, object]]
"""Values by the name of their field, for whom they hold."""


@dataclass(frozen=True, kw_only=True)
class Policy(Waits, Times, Looks):
    """
    Everything `decide` may depend on beside what is known. Durations are aware of no time zone.

    What is asked of an authority or a provider is asked of `authority(…)` and `site(…)`, which return the
    policy as it holds there. Raises `ValueError` for an override where there may be none.
    """

    visible_after_end: timedelta = span(
        365, Unit.DAYS, most=3650, rule="ruling 9, D1", scopes=(Where.AUTHORITY,),
        meaning="how long a plan of a child is visible after its end day, the last day included",
    )  # fmt: skip
    unborn_visible: timedelta = span(
        28, Unit.DAYS, most=365, rule="ruling 9, D2", scopes=(Where.AUTHORITY,),
        meaning="how long an unborn child's plan is visible after its end day, the last day included",
    )  # fmt: skip
    newborn_covered: timedelta = span(
        28, Unit.DAYS, most=365, rule="ruling 26, R34", scopes=(Where.AUTHORITY,),
        meaning="how long after birth the unborn child's plan covers the baby, at least",
    )  # fmt: skip
    age_of_majority: int = years(
        18, least=16, most=25, rule="ruling 13, R8",
        meaning="the birthday from which no arrival alerts for a plan of the person's own",
    )  # fmt: skip
    plan_wait: timedelta = span(
        14, Unit.DAYS, most=366, rule="ruling 10",
        meaning="W: how long after a visit's newest message a plan may be recorded and still count for it",
    )  # fmt: skip
    plan_wait_after_arrival: timedelta = span(
        21, Unit.DAYS, most=366, rule="ruling 10",
        meaning="how long after the arrival a plan may be recorded and still count, if no message is newer",
    )  # fmt: skip
    open_stay: timedelta = span(
        24, Unit.HOURS, most=744, rule="ruling 10", scopes=(Where.PROVIDER,),
        meaning="how long after the newest message a person is taken to be there when no departure is told",
    )  # fmt: skip
    admission_joins: timedelta = span(
        24, Unit.HOURS, most=744, rule="ruling 7", scopes=(Where.PROVIDER,),
        meaning="how long after leaving A&E an admission from A&E joins the thread of that visit",
    )  # fmt: skip
    reattendance: timedelta = span(
        7, Unit.DAYS, most=366, rule="ruling 8",
        meaning="how far back an alert counts the person's other unscheduled visits",
    )  # fmt: skip
    same_visit: timedelta = span(
        2, Unit.HOURS, most=72, rule="ruling 16",
        meaning="how far the arrivals of a cancelled registration and of the right one may lie apart",
    )  # fmt: skip
    delayed_after: timedelta = span(
        2, Unit.HOURS, most=744, rule="ruling 11",
        meaning="an alert is delayed when its last fact was received later than this after the visit was "
        "first recorded, and later after the departure than `delayed_after_departure_hours`",
    )  # fmt: skip
    delayed_after_departure: timedelta = span(
        1, Unit.HOURS, most=744, rule="ruling 11",
        meaning="the other half of `delayed_after_hours`",
    )  # fmt: skip
    provider_after_departure: timedelta = span(
        72, Unit.HOURS, most=2160, rule="ruling 11", scopes=(Where.PROVIDER,),
        meaning="how long after a known departure the provider is still told of a plan recorded since",
    )  # fmt: skip
    emergency_classes: frozenset[str] = codes(
        "E", rule="ruling 4", scopes=_BY_PLACE,
        meaning="patient classes (PV1-2) that make a visit unscheduled whatever its type",
    )  # fmt: skip
    emergency_types: frozenset[str] = codes(
        "21", "22", "23", "24", "25", "28", "31", "32", "2A", "2B", "2C", "2D", rule="ruling 4",
        scopes=_BY_PLACE,
        meaning="admission types (PV1-4) that make a visit unscheduled whatever its class",
    )  # fmt: skip
    scheduled_types: frozenset[str] = codes(
        "11", "12", "13", "81", rule="ruling 4", scopes=_BY_PLACE,
        meaning="admission types (PV1-4) that make a visit scheduled, which is silent",
    )  # fmt: skip
    scheduled_classes: frozenset[str] = codes(
        "P", "R", "W", rule="ruling 4", scopes=_BY_PLACE,
        meaning="patient classes (PV1-2) that make a visit scheduled, which is silent",
    )  # fmt: skip
    listed: Place | None = choice(
        Place, None,
        rule="rulings 3, 4, 47", scopes=(Where.SITE, Where.LOCATION), everywhere=False,
        meaning="how the place is listed: scheduled silences its outpatients, sensitive all that it records",
    )  # fmt: skip
    nhs_funded: frozenset[str] | None = services(
        rule="ruling 49", scopes=(Where.PROVIDER,), everywhere=False,
        meaning="of an independent hospital: locations and sites whose services the NHS pays for, the only "
        "ones that are shared with; without it every service is",
    )  # fmt: skip
    traced_by_sender: bool = flag(
        default=False, rule="ruling 20", scopes=(Where.PROVIDER, Where.SYSTEM), everywhere=False,
        meaning="whether NHS numbers are traced before they are sent, whatever PID-32 says",
    )  # fmt: skip
    error_reasons: frozenset[str] = codes(
        rule="ruling 16", scopes=(Where.PROVIDER,),
        meaning="codes (EVN-4) that say of a cancelled visit that it was registered in error",
    )  # fmt: skip
    withheld: frozenset[str] = names(
        _WITHHOLDABLE, rule="ruling 29", scopes=_BY_PLACE,
        meaning="fields of the visit that alerts leave out",
    )  # fmt: skip
    restricted: Restricted = choice(
        Restricted, Restricted.LOCAL, rule="ruling 24",
        meaning="whether a restricted record is told with less, or, as nationally, not shared at all",
    )  # fmt: skip
    given_name_rules: tuple[GivenNameRule, ...] = steps(
        GivenNameRule, rule="ruling 20, R12",
        meaning="by what, one after the other, the given names of an uploaded record may agree with the "
        "demographic source: all equal, the first equal to the first, the first equal to any; family name "
        "and date of birth must be equal in any case",
    )  # fmt: skip
    name: str | None = text(
        rule="ruling 29", scopes=_BY_PLACE, everywhere=False,
        meaning="the name under which alerts speak of the provider",
    )  # fmt: skip
    call_back: str | None = telephone(
        rule="ruling 29", scopes=_BY_PLACE, everywhere=False,
        meaning="the number on which the hospital can be rung about the visit",
    )  # fmt: skip
    lateness: timedelta = span(
        35, Unit.DAYS, least=1, most=366, rule="ruling 10",
        meaning="L: how late a fact may be and still revise a decision; of all periods the longest holds",
    )  # fmt: skip
    horizon: timedelta = span(
        23, Unit.DAYS, least=2, most=366, rule="ruling 10",
        meaning="H: how long a visit of a person without a plan is held; of all periods the longest holds. "
        "`retention.ms` of `cpis.in.attendances` must be the same",
    )  # fmt: skip
    inactive_kept: timedelta = span(
        30, Unit.DAYS, least=1, most=35, rule="ruling 23",
        meaning="how long what was known under a number that its source took out of use stays sealed before "
        "it is destroyed; of all periods the longest holds",
    )  # fmt: skip
    successors: Mapping[OdsCode, Successor] = field(default_factory=dict)  # ruling 19
    stops: tuple[Stop, ...] = ()  # ruling 45
    overrides: Overrides = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse overrides that nobody would look for."""
        for selector, values in self.overrides.items():
            for name in values:
                declared = DECLARATIONS.get(name)
                if declared is None or selector.where not in declared.scopes:
                    raise ValueError(f"{name} cannot be overridden for {selector}")

    def at(self, _moment: datetime) -> "Policy":
        """Return the policy in force at a moment: this one, which has no dates."""
        return self

    @property
    def every(self) -> tuple["Policy", ...]:
        """The policies that are in force at some time: this one."""
        return (self,)

    def authority(self, code: OdsCode) -> "Policy":
        """Return the policy as it holds for the plans of an authority."""
        return self._authorities.get(code, self)

    def site(
        self,
        provider: OdsCode,
        *,
        system: str | None = None,
        site: str | None = None,
        location: str | None = None,
    ) -> "Policy":
        """
        Return the policy as it holds for a provider, or at a place or for a system of it.

        The more specific wins: a location outweighs its site, both outweigh the provider. One that has
        settled nothing has what holds everywhere (ruling 2).
        """
        settled = self._providers.get(provider)
        return self if settled is None else settled.at(system, site, location)

    @cached_property
    def _authorities(self) -> Mapping[OdsCode, "Policy"]:
        """The policy as it holds for each authority that has an override."""
        return {
            selector.authority: self._holding(values)
            for selector, values in self.overrides.items()
            if selector.authority is not None
        }

    @cached_property
    def _providers(self) -> Mapping[OdsCode, Places["Policy"]]:
        """What each provider that has an override has settled."""
        providers = {selector.provider for selector in self.overrides} - {None}
        return {code: Places(code, self.overrides, self._holding) for code in providers if code is not None}

    def _holding(self, values: Mapping[str, object]) -> "Policy":
        """Return the policy with other values, by the names of their fields."""
        return replace(self, overrides={}, **values)  # type: ignore[arg-type]  # by name

    def contradictions(self) -> Iterator[tuple[tuple[str, ...], str]]:
        """Yield what cannot be at once: the fields that say it, and a sentence with what to change."""
        if self.plan_wait > self.plan_wait_after_arrival:
            yield (
                ("plan_wait", "plan_wait_after_arrival"),
                "plan_wait_days must not be more than plan_wait_after_arrival_days: change one of the two",
            )
        if self.plan_wait_after_arrival + HORIZON_MARGIN > self.horizon:
            words = (
                "plan_wait_after_arrival_days may be at most two less than horizon_days, "
                f"{(self.horizon - HORIZON_MARGIN).days}: a visit that is forgotten finds no plan; change "
                "one of the two, and with horizon_days the retention.ms of cpis.in.attendances"
            )
            yield ("plan_wait_after_arrival", "horizon"), words
        for kind in ("types", "classes"):
            both = getattr(self, f"emergency_{kind}") & getattr(self, f"scheduled_{kind}")
            if both:
                one, other = f"scheduled_{kind}", f"emergency_{kind}"
                yield (
                    (one, other),
                    f"{one} and {other} both hold {', '.join(sorted(both))}: change one of the two",
                )

    @cached_property
    def version(self) -> str:
        """Twelve hex digits over the content: what decides alike has one, however written and signed."""
        content = [(name, orderless(getattr(self, name))) for name in (*DECLARATIONS, "successors")]
        content.append(("overrides", sorted(self._effective())))
        stops = frozenset((stop.controller, stop.code, stop.first, stop.last) for stop in self.stops)
        content += [("stops", orderless(stops))] if stops else []
        return hashlib.sha256(repr(content).encode()).hexdigest()[:_VERSION_DIGITS]

    def _effective(self) -> Iterator[tuple[str, str, object]]:
        """Yield the overrides that differ from what would hold without them."""
        for selector, values in self.overrides.items():
            for name, value in values.items():
                if value != getattr(self._without(selector), name) or self._between(selector, name):
                    yield str(selector), name, orderless(value)

    def _without(self, selector: Selector) -> "Policy":
        """Return the policy whose value would hold if the override of a setting did not."""
        if selector.where in {Where.AUTHORITY, Where.PROVIDER} or selector.provider is None:
            return self
        return self.site(selector.provider)

    def _between(self, selector: Selector, name: str) -> bool:
        """Whether a location's override may outweigh that of a site, which no value can make superfluous."""
        return selector.where is Where.LOCATION and any(
            other.where is Where.SITE and other.provider == selector.provider and name in values
            for other, values in self.overrides.items()
        )


@dataclass(frozen=True, kw_only=True)
class Policies:
    """
    Policies in their order of time: `first` since ever, each of `later` from its moment (aware) on.

    Raises `ValueError` unless the moments rise. What is not of one visit – how long things are kept – is the
    longest of all, so that nothing goes that one of them needs.
    """

    first: Policy
    later: tuple[tuple[datetime, Policy], ...]

    def __post_init__(self) -> None:
        """Refuse moments of which it cannot be said which comes first."""
        starts = self._starts
        if any(after <= before for before, after in pairwise(starts)):
            raise ValueError("each period begins after the one before it")

    @cached_property
    def _starts(self) -> list[datetime]:
        """When each later policy begins."""
        return [start for start, _ in self.later]

    def at(self, moment: datetime) -> Policy:
        """Return the policy in force at a moment (aware)."""
        return self.every[bisect_right(self._starts, moment)]

    @cached_property
    def every(self) -> tuple[Policy, ...]:
        """The policies that are in force at some time, in their order."""
        return (self.first, *(policy for _, policy in self.later))

    @cached_property
    def lateness(self) -> timedelta:
        """L: the longest of all."""
        return max(policy.lateness for policy in self.every)

    @cached_property
    def horizon(self) -> timedelta:
        """H: the longest of all."""
        return max(policy.horizon for policy in self.every)

    @cached_property
    def inactive_kept(self) -> timedelta:
        """How long what is sealed under a number not in use is kept: the longest of all."""
        return max(policy.inactive_kept for policy in self.every)

    @cached_property
    def history_size(self) -> int:
        """How many of the newest visits and views are kept: the most of all."""
        return max(policy.history_size for policy in self.every)

    @cached_property
    def version(self) -> str:
        """Twelve hex digits over all of them and their moments; each has a version of its own beside it."""
        content = [("", self.first.version), *((str(start), policy.version) for start, policy in self.later)]
        return hashlib.sha256(repr(content).encode()).hexdigest()[:_VERSION_DIGITS]


AnyPolicy = Policy | Policies
"""One policy since ever, or several in their order of time."""

DECLARATIONS: Mapping[str, Declared] = {
    entry.name: entry.metadata[DECLARED] for entry in fields(Policy) if DECLARED in entry.metadata
}
"""What is declared of each setting, by the name of its field."""
