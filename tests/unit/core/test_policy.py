"""A policy is a value, known by the digest of everything in it."""

from dataclasses import fields, replace
from datetime import date, timedelta

import pytest

from broker.core.identifiers import OdsCode
from broker.core.policy import UNKNOWN_SITE, Place, Policy, Site, Successor

RXX, RYY = OdsCode("RXX"), OdsCode("RYY")
CHANGES: dict[str, object] = {
    entry.name: timedelta(minutes=7) for entry in fields(Policy) if isinstance(entry.default, timedelta)
} | {
    "sites": {RXX: Site(name="Exton Hospital")},
    "successors": {RXX: Successor(code=RYY, opens_on=date(2026, 4, 1))},
}


@pytest.mark.parametrize("name", [entry.name for entry in fields(Policy)])
def test_every_setting_changes_the_version(name: str) -> None:
    """No setting is left out of the digest."""
    changed: Policy = replace(Policy(), **{name: CHANGES[name]})  # type: ignore[arg-type]  # by name
    assert Policy().version != changed.version


@pytest.mark.parametrize(
    "site",
    [
        Site(call_back="02070000000"),
        Site(locations={"ED": Place.SCHEDULED}),
        Site(locations={"ED": Place.SENSITIVE}),
        Site(traced_by_sender=True),
        Site(withheld=frozenset({"reason"})),
        Site(error_reasons=frozenset({"ERR"})),
    ],
)
def test_every_field_of_a_site_changes_the_version(site: Site) -> None:
    """No field of a site is left out of the digest."""
    assert Policy(sites={RXX: Site()}).version != Policy(sites={RXX: site}).version


def test_the_order_of_maps_and_sets_does_not_change_the_version() -> None:
    """Equal policies have equal versions."""
    one = Policy(sites={RXX: Site(locations={"A": Place.SCHEDULED, "B": Place.SENSITIVE}), RYY: Site()})
    two = Policy(sites={RYY: Site(), RXX: Site(locations={"B": Place.SENSITIVE, "A": Place.SCHEDULED})})
    assert one.version == two.version


def test_a_provider_that_settled_nothing_is_an_unknown_site() -> None:
    """Its attendances alert, with what the messages say (ruling 2)."""
    assert UNKNOWN_SITE == Policy().site(RXX)
