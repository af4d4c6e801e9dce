"""Whose number it is, by its range, and which a deployment takes from whom: rulings 27 and 28."""

import pytest

from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.number_ranges import (
    Nation,
    Takes,
    Taking,
    is_searched,
    nation_of,
    takes_any,
    takes_for_tests,
    takes_live,
)
from tests.spec.numbers import numbers_beginning

RANGES = [
    ("0101000", Nation.SCOTLAND),
    ("2902000", Nation.SCOTLAND),  # 29 February 2000
    ("2902010", Nation.NONE),  # 2001 and 1901 had none
    ("3112990", Nation.SCOTLAND),
    ("3113000", Nation.NONE),
    ("3201", Nation.NORTHERN_IRELAND),
    ("3199", Nation.NONE),
    ("3999", Nation.NORTHERN_IRELAND),
    ("4000", Nation.ENGLAND_OR_WALES),
    ("4999", Nation.ENGLAND_OR_WALES),
    ("5000", Nation.NONE),
    ("5999", Nation.NONE),
    ("6000", Nation.ENGLAND_OR_WALES),
    ("7999", Nation.ENGLAND_OR_WALES),
    ("8000", Nation.NONE),
    ("9989", Nation.NONE),
    ("999", Nation.TEST),
]


@pytest.mark.parametrize(("begins", "nation"), RANGES)
def test_a_range_says_whose_number_it_is(begins: str, nation: Nation) -> None:
    """Each range at both of its ends, and a date in front is a CHI (ruling 28)."""
    number = next(numbers_beginning(begins))

    assert nation == nation_of(number)
    assert (nation in {Nation.ENGLAND_OR_WALES, Nation.TEST}) == is_searched(number)


REAL, KEPT_FOR_TESTS = next(numbers_beginning("4000")), NhsNumber("9990000018")
CANARY, HOSPITAL = OdsCode("RXZ"), OdsCode("RXX")
LIVE = takes_live(frozenset({CANARY, OdsCode("999")}))


@pytest.mark.parametrize(
    ("takes", "number", "sender", "taking"),
    [
        pytest.param(LIVE, REAL, HOSPITAL, Taking.TAKEN, id="live, a real number"),
        pytest.param(LIVE, KEPT_FOR_TESTS, HOSPITAL, Taking.UNUSABLE, id="live, a test number"),
        pytest.param(LIVE, KEPT_FOR_TESTS, CANARY, Taking.TAKEN, id="live, a test number of the canary"),
        pytest.param(LIVE, REAL, CANARY, Taking.TAKEN, id="live, a real number of the canary"),
        pytest.param(LIVE, KEPT_FOR_TESTS, None, Taking.TAKEN, id="live, a test number by hand"),
        pytest.param(takes_live(frozenset()), KEPT_FOR_TESTS, CANARY, Taking.UNUSABLE, id="live, no canary"),
        pytest.param(takes_for_tests, KEPT_FOR_TESTS, HOSPITAL, Taking.TAKEN, id="tests, a test number"),
        pytest.param(takes_for_tests, REAL, HOSPITAL, Taking.REFUSED, id="tests, a real number"),
        pytest.param(takes_for_tests, REAL, None, Taking.REFUSED, id="tests, a real number by hand"),
        pytest.param(takes_any, REAL, HOSPITAL, Taking.TAKEN, id="played again, a real number"),
        pytest.param(takes_any, KEPT_FOR_TESTS, HOSPITAL, Taking.TAKEN, id="played again, a test number"),
    ],
)
def test_which_numbers_a_deployment_takes(
    takes: Takes, number: NhsNumber, sender: OdsCode | None, taking: Taking
) -> None:
    """No test number meets a real child, no real child a deployment for tests (ruling 27)."""
    assert taking is takes(number, sender)
