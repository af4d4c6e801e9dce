"""A policy is a value, known by a digest of its content; places and days have policies of their own."""

from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from broker.core.alerts import RecipientKind
from broker.core.identifiers import OdsCode
from broker.core.policy import DECLARATIONS, AnyPolicy, Policies, Policy
from broker.core.policy_keys import GivenNameRule, Place, Restricted, Selector, Successor, Where
from broker.core.policy_looks import WithoutVisit
from broker.core.stops import Stop

RXX, RYY, E09 = OdsCode("RXX"), OdsCode("RYY"), OdsCode("E09")
HOURS = timedelta(hours=7)
STOP = Stop(
    controller=RecipientKind.PROVIDER,
    code=RXX,
    first=date(2026, 4, 1),
    signed_by="A. Trust",
    signed_on=date(2026, 3, 1),
)
OTHERWISE: Mapping[str, object] = {
    **{name: HOURS for name in DECLARATIONS if isinstance(getattr(Policy(), name), timedelta)},
    **{name: frozenset({"X"}) for name in DECLARATIONS if isinstance(getattr(Policy(), name), frozenset)},
    "age_of_majority": 21,
    "look_without_visit": WithoutVisit.REFUSED,
    "history_size": 10,
    "listed": Place.SENSITIVE,
    "nhs_funded": frozenset({"URGENT"}),
    "restricted": Restricted.NATIONAL,
    "traced_by_sender": True,
    "given_name_rules": (GivenNameRule.ALL,),
    "name": "Exton Hospital",
    "call_back": "02070000000",
    "successors": {RXX: Successor(code=RYY, opens_on=date(2026, 4, 1))},
    "overrides": {Selector(provider=RXX): {"name": "Exton Hospital"}},
    "stops": (STOP,),
}
SELECTORS = {
    Where.AUTHORITY: Selector(authority=E09),
    Where.PROVIDER: Selector(provider=RXX),
    Where.SYSTEM: Selector(provider=RXX, system="EDSYS"),
    Where.SITE: Selector(provider=RXX, site="RXX01"),
    Where.LOCATION: Selector(provider=RXX, location="ED"),
}
SCOPED = [(name, where) for name, declared in DECLARATIONS.items() for where in declared.scopes]


def overriding(overrides: Mapping[Selector, Mapping[str, object]]) -> Policy:
    """Return the defaults with overrides."""
    return Policy(overrides=overrides)


@pytest.mark.parametrize("name", [entry.name for entry in fields(Policy)])
def test_every_setting_changes_the_version(name: str) -> None:
    """No setting is left out of the digest."""
    changed: Policy = replace(Policy(), **{name: OTHERWISE[name]})  # type: ignore[arg-type]  # by name
    assert Policy().version != changed.version


def held_at(policy: Policy, where: Where) -> Policy:
    """Return a policy as it holds at the one place of a kind that has an override."""
    if where is Where.AUTHORITY:
        return policy.authority(E09)
    system, site, location = (SELECTORS[where].system, SELECTORS[where].site, SELECTORS[where].location)
    return policy.site(RXX, system=system, site=site, location=location)


@pytest.mark.parametrize(("name", "where"), SCOPED)
def test_an_override_holds_in_its_place_and_nowhere_else(name: str, where: Where) -> None:
    """The others have what holds everywhere."""
    policy = overriding({SELECTORS[where]: {name: OTHERWISE[name]}})

    assert OTHERWISE[name] == getattr(held_at(policy, where), name)
    elsewhere = [policy, policy.authority(RXX), policy.site(RYY), policy.site(RYY, location="ED")]
    if where is not Where.PROVIDER:
        elsewhere += [policy.site(RXX), policy.site(RXX, system="X", site="RXX02", location="WARD")]
    assert {getattr(Policy(), name)} == {getattr(one, name) for one in elsewhere}
    assert Policy().version != policy.version


def test_the_more_specific_override_wins() -> None:
    """A location outweighs its site, both outweigh the provider."""
    policy = overriding(
        {
            Selector(provider=RXX): {"name": "provider", "call_back": "1"},
            Selector(provider=RXX, site="RXX01"): {"name": "site", "call_back": "2"},
            Selector(provider=RXX, location="ED"): {"name": "location"},
        }
    )

    assert [("provider", "1"), ("site", "2"), ("location", "1"), ("location", "2")] == [
        (held.name, held.call_back)
        for held in (
            policy.site(RXX, site="RXX02", location="WARD"),
            policy.site(RXX, site="RXX01"),
            policy.site(RXX, location="ED"),
            policy.site(RXX, site="RXX01", location="ED"),
        )
    ]


def test_what_holds_at_a_place_is_worked_out_once() -> None:
    """Looking it up for every message costs next to nothing, however many places are named."""
    policy = overriding({Selector(provider=RXX, location="ED"): {"name": "ED"}})

    assert policy.site(RXX, location="ED") is policy.site(RXX, location="ED", site="RXX09", system="X")
    assert policy.site(RXX) is policy.site(RXX, location="WARD 1") is policy.site(RXX, location="WARD 2")
    assert policy is policy.site(RYY, location="ED")


@pytest.mark.parametrize(
    "values",
    [{"plan_wait": HOURS}, {"no_such_setting": 1}, {"listed": Place.SCHEDULED}],
    ids=["not for a provider", "unknown", "for places only"],
)
def test_an_override_that_nobody_would_look_for_is_refused(values: Mapping[str, object]) -> None:
    """A value without effect must not pass for a setting."""
    with pytest.raises(ValueError, match="cannot be overridden for provider RXX"):
        overriding({Selector(provider=RXX): values})


@pytest.mark.parametrize(
    ("overrides", "same"),
    [
        ({Selector(provider=RXX): {"open_stay": timedelta(hours=24)}}, True),
        ({Selector(authority=E09): {"visible_after_end": timedelta(days=365)}}, True),
        ({Selector(provider=RXX): {"error_reasons": frozenset()}}, True),
        ({Selector(provider=RXX, location="ED"): {"withheld": frozenset()}}, True),
        ({Selector(provider=RXX): {}}, True),
        ({Selector(provider=RXX): {"open_stay": timedelta(hours=25)}}, False),
    ],
)
def test_what_is_spelt_out_though_it_holds_anyway_changes_no_version(
    overrides: Mapping[Selector, Mapping[str, object]], *, same: bool
) -> None:
    """Policies that decide alike have one version, with defaults spelt out or not."""
    assert same == (Policy().version == overriding(overrides).version)


def test_an_override_that_equals_the_providers_is_not_idle_where_a_site_differs() -> None:
    """It takes the site's back at one of its locations."""
    site_only = {
        Selector(provider=RXX): {"name": "Exton"},
        Selector(provider=RXX, site="RXX01"): {"name": "East"},
    }
    location_too = {**site_only, Selector(provider=RXX, location="ED"): {"name": "Exton"}}

    assert overriding(site_only).version != overriding(location_too).version


def test_the_order_of_maps_and_sets_does_not_change_the_version() -> None:
    """Equal policies have equal versions."""
    first, second = Selector(provider=RXX), Selector(provider=RYY, location="A")
    one = overriding({first: {"name": "A", "call_back": "1"}, second: {"listed": Place.SCHEDULED}})
    two = overriding({second: {"listed": Place.SCHEDULED}, first: {"call_back": "1", "name": "A"}})
    assert one.version == two.version
    assert (
        Policy(error_reasons=frozenset("ABCDEF")).version == Policy(error_reasons=frozenset("FEDCBA")).version
    )


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ({"signed_by": "B. Trust"}, True),
        ({"signed_on": date(2026, 3, 2)}, True),
        ({"controller": RecipientKind.AUTHORITY}, False),
        ({"code": RYY}, False),
        ({"first": date(2026, 4, 2)}, False),
        ({"last": date(2026, 4, 1)}, False),
    ],
)
def test_who_signed_a_stop_when_decides_nothing(other: Mapping[str, Any], *, same: bool) -> None:
    """A name that is mended decides nobody anew; whose sharing is stopped, and when, does (ruling 45)."""
    assert same == (Policy(stops=(STOP,)).version == Policy(stops=(replace(STOP, **other),)).version)


CONTRADICTIONS = {
    "the wait after the last message is longer than that after the arrival": (
        {"plan_wait": timedelta(days=22)},
        ("plan_wait", "plan_wait_after_arrival"),
    ),
    "a plan would be waited for longer than the visit is held": (
        {"plan_wait_after_arrival": timedelta(days=22)},
        ("plan_wait_after_arrival", "horizon"),
    ),
    "a type is both": ({"scheduled_types": frozenset({"21"})}, ("scheduled_types", "emergency_types")),
    "a class is both": ({"emergency_classes": frozenset({"P"})}, ("scheduled_classes", "emergency_classes")),
}


@pytest.mark.parametrize(("values", "names"), CONTRADICTIONS.values(), ids=CONTRADICTIONS.keys())
def test_what_cannot_be_at_once_is_told(values: Mapping[str, object], names: tuple[str, ...]) -> None:
    """Which fields, and what to do."""
    (found,) = replace(Policy(), **values).contradictions()  # type: ignore[arg-type]  # by name

    assert names == found[0]
    assert "change one" in found[1]


def test_the_boundaries_are_no_contradiction() -> None:
    """Equal waits, and two days between the wait and H."""
    waits = Policy(plan_wait=timedelta(days=21), plan_wait_after_arrival=timedelta(days=21))
    assert [] == [*Policy().contradictions(), *waits.contradictions()]


MIDNIGHT = datetime(2026, 5, 31, 23, tzinfo=UTC)
FIRST = Policy(lateness=timedelta(days=40), horizon=timedelta(days=25))
SECOND = Policy(reattendance=timedelta(days=14))
BOTH = Policies(first=FIRST, later=((MIDNIGHT, SECOND),))


@pytest.mark.parametrize(
    ("moment", "policy"),
    [
        (datetime.min.replace(tzinfo=UTC), FIRST),
        (MIDNIGHT - timedelta(microseconds=1), FIRST),
        (MIDNIGHT, SECOND),
        (datetime.max.replace(tzinfo=UTC), SECOND),
    ],
)
def test_the_newest_policy_that_has_begun_is_in_force(moment: datetime, policy: Policy) -> None:
    """From its moment on, to the next."""
    assert policy is BOTH.at(moment)


def test_one_policy_is_in_force_always() -> None:
    """It has no dates."""
    assert (FIRST, (FIRST,)) == (FIRST.at(MIDNIGHT), FIRST.every)


def test_what_is_kept_is_kept_as_long_as_any_policy_needs_it() -> None:
    """The longest of all holds for L and for H."""
    assert (timedelta(days=40), timedelta(days=25)) == (BOTH.lateness, BOTH.horizon)


def test_another_period_leaves_the_versions_of_the_others_alone() -> None:
    """Only the version of the whole is new."""
    third = Policies(first=FIRST, later=(*BOTH.later, (MIDNIGHT + HOURS, FIRST)))
    moved = Policies(first=FIRST, later=((MIDNIGHT + HOURS, SECOND),))
    every: list[AnyPolicy] = [FIRST, SECOND, BOTH, third, moved]

    assert BOTH.every == third.every[:2]
    assert len(every) == len({one.version for one in every})


@pytest.mark.parametrize("shift", [timedelta(), -HOURS])
def test_periods_whose_order_nobody_knows_are_refused(shift: timedelta) -> None:
    """Each begins after the one before it."""
    with pytest.raises(ValueError, match="begins after"):
        Policies(first=FIRST, later=((MIDNIGHT, SECOND), (MIDNIGHT + shift, FIRST)))
