"""Whose number it is, by its range: ruling 28."""

import pytest

from broker.core.number_ranges import Nation, is_searched, nation_of
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
