"""Whether an uploaded record agrees with the demographic source: R12, R14."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from broker.core.demographics import Current, Invalidated, NotKnown, NumberAnswer, SupersededBy
from broker.core.facts import Details
from broker.core.identifiers import NhsNumber
from broker.core.verification import Verification, verify

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
    assert found is verify(answer, KIM)


@pytest.mark.parametrize(
    ("registered", "agrees"),
    [
        ({}, True),
        ({"family": "ONEIL SAMPLE"}, True),
        ({"family": "Sample"}, False),
        ({"family": None}, False),
        ({"given": "Kim"}, True),
        ({"given": "Robin"}, True),
        ({"given": "Robin Kim"}, True),
        ({"given": "Kim-Robin"}, True),
        ({"given": "Sam Kim"}, False),
        ({"given": None}, False),
        ({"given": "Baby"}, False),
        ({"birth_date": date(2014, 12, 4)}, False),
        ({"birth_date": None}, False),
    ],
)
def test_number_birth_date_family_and_a_given_name_must_agree(
    registered: dict[str, object],
    agrees: bool,  # noqa: FBT001
) -> None:
    """The first given name may be any of the source's; what is missing agrees with nothing (R12)."""
    changed = replace(KIM, **registered)  # type: ignore[arg-type]  # by name
    answer = Current(details=KIM, recorded_at=AT)

    assert (Verification.AGREES if agrees else Verification.DIFFERS) is verify(answer, changed)


def test_a_source_without_names_agrees_with_nothing() -> None:
    """Two unknowns are no equals (R12)."""
    answer = Current(details=Details(birth_date=KIM.birth_date), recorded_at=AT)

    assert Verification.DIFFERS is verify(answer, Details(birth_date=KIM.birth_date))
