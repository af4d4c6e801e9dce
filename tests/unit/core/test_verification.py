"""Whether an uploaded record agrees with the demographic source: R12, R14."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from broker.core.demographics import Current, Invalidated, NotKnown, NumberAnswer, SupersededBy
from broker.core.facts import Details
from broker.core.identifiers import NhsNumber
from broker.core.policy import Policy
from broker.core.policy_keys import GivenNameRule
from broker.core.sender_keys import declared_keys
from broker.core.verification import (
    Difference,
    Verification,
    differences,
    given_name_rule,
    verify,
)

EVERY = tuple(GivenNameRule)
AT = datetime(2026, 3, 2, 10, tzinfo=UTC)
KIM = Details(family="O'Neil-Sample", given="Kim Robin", birth_date=date(2014, 4, 12))


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (Current(details=KIM, recorded_at=AT), Verification.AGREES),
        (Current(details=KIM, restricted=True, recorded_at=AT), Verification.RESTRICTED),
        (Current(details=Details(), restricted=True, recorded_at=AT), Verification.DIFFERS),
        (SupersededBy(successor=NhsNumber("9990000018"), recorded_at=AT), Verification.SUPERSEDED),
        (Invalidated(recorded_at=AT), Verification.NOT_IN_USE),
        (NotKnown(), Verification.NOT_KNOWN),
    ],
)
def test_each_answer_has_its_outcome(answer: NumberAnswer, found: Verification) -> None:
    """Of a number in use the details are compared, before anything is said of a restriction (R12)."""
    assert found is verify(answer, KIM, EVERY)


BIRTH_DATE, FAMILY, GIVEN = Difference
ALL, FIRST, ANY = GivenNameRule


@pytest.mark.parametrize(
    ("registered", "differ"),
    [
        ({}, ()),
        ({"family": "ONEIL SAMPLE"}, ()),
        ({"family": "Sample"}, (FAMILY,)),
        ({"family": None}, (FAMILY,)),
        ({"given": "Kim"}, ()),
        ({"given": "Sam Kim"}, (GIVEN,)),
        ({"given": None}, (GIVEN,)),
        ({"given": "Baby"}, (GIVEN,)),
        ({"birth_date": date(2014, 12, 4)}, (BIRTH_DATE,)),
        ({"birth_date": None}, (BIRTH_DATE,)),
        ({"birth_date": date(2014, 4, 13), "family": "Other", "given": "Sam"}, (BIRTH_DATE, FAMILY, GIVEN)),
    ],
)
def test_number_birth_date_family_and_given_names_must_agree(
    registered: dict[str, object], differ: tuple[Difference, ...]
) -> None:
    """What is missing agrees with nothing, and day and month are not swapped (R12); which differ is said."""
    changed = replace(KIM, **registered)  # type: ignore[arg-type]  # by name
    answer = Current(details=KIM, recorded_at=AT)

    assert differ == differences(changed, KIM, EVERY)
    assert (Verification.DIFFERS if differ else Verification.AGREES) is verify(answer, changed, EVERY)


@pytest.mark.parametrize(
    ("registered", "source", "rule"),
    [
        ("Kim Robin", "Kim Robin", ALL),
        ("Kim-Robin", "Kim Robin", ALL),
        ("KIM  ROBIN", "Kim Robin", ALL),
        ("Chloe", "Chloë", ALL),
        ("Kim", "Kim Robin", FIRST),
        ("Kim Sam", "Kim Robin", FIRST),
        ("Anne", "Anne-Marie", FIRST),
        ("Robin", "Kim Robin", ANY),
        ("Robin Kim", "Kim Robin", ANY),
        ("Anne-Marie", "Jo Anne-Marie", ANY),
        ("Anne", "Jo Anne-Marie", None),
        ("Sam Kim", "Kim Robin", None),
        ("Ki", "Kim Robin", None),
        ("", "", None),
        (None, None, None),
        ("Kim", None, None),
        ("Baby", "Baby", None),
    ],
)
def test_given_names_agree_by_the_first_rule_that_fits(
    registered: str | None, source: str | None, rule: GivenNameRule | None
) -> None:
    """All equal, else the first as the first, else the first as any; two unknowns are no equals (R12)."""
    assert rule is given_name_rule(registered, source, EVERY)


@pytest.mark.parametrize(
    ("rules", "registered", "rule"),
    [
        ((ALL,), "Kim Robin", ALL),
        ((ALL,), "Kim", None),
        ((FIRST,), "Kim Robin", FIRST),
        ((FIRST, ALL), "Kim Robin", FIRST),
        ((FIRST, ALL), "Robin", None),
        ((ANY, FIRST), "Kim", ANY),
    ],
)
def test_the_policy_says_which_rules_there_are_and_in_which_order(
    rules: tuple[GivenNameRule, ...], registered: str, rule: GivenNameRule | None
) -> None:
    """`given_name_rules` (R12)."""
    assert rule is given_name_rule(registered, KIM.given, rules)


def test_a_source_without_names_agrees_with_nothing() -> None:
    """Two unknowns are no equals (R12)."""
    answer = Current(details=Details(birth_date=KIM.birth_date), recorded_at=AT)

    assert Verification.DIFFERS is verify(answer, Details(birth_date=KIM.birth_date), EVERY)


def test_the_rules_are_read_in_the_order_in_which_they_are_listed() -> None:
    """One or more of them; none at all would let nobody agree (R12)."""
    read = declared_keys(Policy)["given_name_rules"].read
    assert read(["any", "all"]) == (ANY, ALL)
    for wrong in ([], ["last"]):
        with pytest.raises(ValueError, match=r"^$|not a valid"):
            read(wrong)
