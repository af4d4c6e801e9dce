"""What a setting may be, and for whom: everything else is refused."""

from datetime import timedelta
from typing import Any

import pytest

from broker.core.identifiers import OdsCode
from broker.core.policy import DECLARATIONS
from broker.core.policy_keys import Place, Selector, Where

RXX = OdsCode("RXX")

TAKEN: dict[str, list[tuple[object, object]]] = {
    "plan_wait": [(0, timedelta()), (366, timedelta(days=366))],
    "open_stay": [(1, timedelta(hours=1))],
    "lateness": [(1, timedelta(days=1))],
    "age_of_majority": [(16, 16), (25, 25)],
    "traced_by_sender": [(True, True), (False, False)],
    "error_reasons": [([], frozenset()), (["err", "A-1"], frozenset({"ERR", "A-1"}))],
    "withheld": [(["reason", "acuity"], frozenset({"reason", "acuity"})), ([], frozenset())],
    "name": [(" St Mary’s ", "St Mary’s"), ("x" * 100, "x" * 100)],
    "call_back": [("020 7946 0155", "02079460155"), ("111", "111")],
    "listed": [("sensitive", Place.SENSITIVE)],
}
REFUSED: dict[str, list[Any]] = {
    "plan_wait": [-1, 367, True, 1.5, "14", None, [14], float("nan")],
    "lateness": [0],
    "age_of_majority": [15, 26, True, 18.5, "18", None],
    "traced_by_sender": [1, 0, "true", None],
    "error_reasons": ["ERR", [""], ["A B"], [1], ["ERR", "ERR"], ["x" * 21], {"ERR": True}],
    "withheld": [["no_such_field"], ["visit"], ["state"], ["arrived_at"], "reason", ["reason", "reason"]],
    "name": ["", "  ", "x" * 101, "two\nlines", 7],
    "call_back": ["", "12", "1" * 21, "+442079460155", "ring us", 2079460155],
    "listed": ["", "Scheduled", "emergency", 1, None, []],
}


@pytest.mark.parametrize(
    ("name", "said", "value"), [(name, *pair) for name, pairs in TAKEN.items() for pair in pairs]
)
def test_a_value_that_can_be_is_taken(name: str, said: object, value: object) -> None:
    """As the core uses it."""
    assert value == DECLARATIONS[name].read(said)


@pytest.mark.parametrize(
    ("name", "said"), [(name, said) for name, refused in REFUSED.items() for said in refused], ids=repr
)
def test_a_value_that_cannot_be_is_refused(name: str, said: object) -> None:
    """Out of range, of another type, said twice, without meaning."""
    with pytest.raises(ValueError, match=r"^"):
        DECLARATIONS[name].read(said)


@pytest.mark.parametrize("name", DECLARATIONS)
def test_every_setting_says_what_it_is(name: str) -> None:
    """Its ruling, its meaning as part of a sentence, what it may be, and some place to set it."""
    declared = DECLARATIONS[name]

    assert declared.rule.startswith("ruling")
    assert not declared.meaning.endswith(".")
    assert declared.may_be
    assert declared.everywhere or declared.scopes
    assert declared.key(name) in {name, *(f"{name}_{unit}" for unit in ("years", "days", "hours", "minutes"))}


@pytest.mark.parametrize(
    ("selector", "where", "text"),
    [
        (Selector(authority=RXX), Where.AUTHORITY, "authority RXX"),
        (Selector(provider=RXX), Where.PROVIDER, "provider RXX"),
        (Selector(provider=RXX, system="A"), Where.SYSTEM, "provider RXX, system A"),
        (Selector(provider=RXX, site="RXX01"), Where.SITE, "provider RXX, site RXX01"),
        (Selector(provider=RXX, location="ED"), Where.LOCATION, "provider RXX, location ED"),
    ],
)
def test_a_selector_says_for_whom_it_is(selector: Selector, where: Where, text: str) -> None:
    """What kind of thing it is, and in words."""
    assert (where, text) == (selector.where, str(selector))


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"location": "ED"},
        {"authority": RXX, "location": "ED"},
        {"authority": RXX, "provider": RXX},
        {"provider": RXX, "site": "RXX01", "location": "ED"},
        {"provider": RXX, "system": "A", "location": "ED"},
    ],
)
def test_a_selector_for_nothing_or_for_two_things_is_refused(said: dict[str, Any]) -> None:
    """Which of two values holds would be anybody's guess."""
    with pytest.raises(ValueError, match=r"an override is for|is one of a provider"):
        Selector(**said)
