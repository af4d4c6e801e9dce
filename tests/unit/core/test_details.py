"""How single details compare: ruling 20. What follows from them is in tests/spec/test_identity.py."""

from datetime import date
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.core.alerts import Mark
from broker.core.facts import Details
from broker.core.matching import Comparison, compare, first_name, fold_name, judge

AGREES, DISAGREES, NEITHER = Comparison.AGREES, Comparison.DISAGREES, Comparison.NEITHER
PLAN = Details(family="Sample", given="Robin", birth_date=date(2014, 4, 12))
VISITS = {
    AGREES: Details(family="SAMPLE", given="Robin Jo", birth_date=date(2014, 12, 4)),
    DISAGREES: Details(family="Other", given="Alex", birth_date=date(2014, 4, 13)),
    NEITHER: Details(family="Unknown", given="Baby"),
}
OUTCOMES = list(product(Comparison, repeat=3))


def details(birth_date: Comparison, family: Comparison, given: Comparison) -> Details:
    """Return details that compare like this with the plan's."""
    return Details(
        birth_date=VISITS[birth_date].birth_date, family=VISITS[family].family, given=VISITS[given].given
    )


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_each_detail_compares_for_itself(outcome: tuple[Comparison, Comparison, Comparison]) -> None:
    """Date of birth, family name, first given name (ruling 20)."""
    assert outcome == compare(details(*outcome), PLAN)


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_what_the_comparison_means(outcome: tuple[Comparison, Comparison, Comparison]) -> None:
    """Two agree: match; with the allowance all but two or more disagreeing and none agreeing (20)."""
    agree, disagree = outcome.count(AGREES), outcome.count(DISAGREES)

    plain = judge(details(*outcome), PLAN, allowance=False)
    allowed = judge(details(*outcome), PLAN, allowance=True)

    assert (agree >= 2, False) == (plain.by_details, plain.by_allowance)
    assert (agree >= 2, agree > 0 or disagree < 2) == (allowed.by_details, allowed.by_allowance)
    assert (disagree > 0) == (Mark.DETAILS_DIFFER in plain.marks)
    assert (disagree == 1 and outcome[2] is DISAGREES) == (Mark.COULD_BE_TWIN in plain.marks)


@pytest.mark.parametrize(
    ("given", "first"),
    [
        ("Robin", "robin"),
        ("Robin Jo", "robin"),
        ("Robin-Jo", "robin"),
        ("Robin\u2010Jo", "robin"),
        ("Robin\u2013Jo", "robin"),
        (" Robin\tJo", "robin"),
        ("UNKNOWN", None),
        ("baby of", None),
        ("", None),
        (None, None),
    ],
)
def test_the_first_given_name_ends_at_a_space_or_hyphen(given: str | None, first: str | None) -> None:
    """As senders really write them (ruling 20)."""
    assert first == first_name(given)


@pytest.mark.parametrize("name", ["unknown", "UNKNOWN", "Baby", "Baby Boy", "not known", "-", "'", " ", ""])
def test_a_name_that_says_nothing_is_none(name: str) -> None:
    """It counts neither way (ruling 20)."""
    assert fold_name(name) is None


@given(st.text())
def test_folding_twice_is_folding_once(name: str) -> None:
    """Of any text."""
    folded = fold_name(name)
    assert folded == fold_name(folded)


@given(st.text(alphabet=st.characters(max_codepoint=127)))
def test_plain_letters_are_folded_like_any_others(name: str) -> None:
    """The short way for plain text says the same as the long one, which a mark that falls away forces."""
    assert fold_name(name) == fold_name(name + "\u0301")
