"""Facts that contradict themselves are refused."""

from datetime import UTC, date, datetime

import pytest

from broker.core.errors import InvalidFact
from broker.core.facts import (
    REGISTERS,
    SEALED_REGISTERS,
    Details,
    IdentityKind,
    IdentityNotice,
    PlanContent,
    PlanType,
)
from broker.core.identifiers import OdsCode

NOON = datetime(2026, 1, 10, 12, tzinfo=UTC)


def test_an_unborn_plan_must_carry_its_due_date() -> None:
    """The end is mandatory for a UCP (dossier 3.1)."""
    with pytest.raises(InvalidFact):
        PlanContent(
            authority=OdsCode("E09"),
            plan_type=PlanType.UNBORN,
            start=date(2026, 1, 1),
            authority_name="Exton",
            phone_emergency="02070000000",
            details=Details(),
        )


@pytest.mark.parametrize(
    ("kind", "born"), [(IdentityKind.BIRTH_DATE, None), (IdentityKind.RESTRICTED, date(2014, 4, 12))]
)
def test_a_date_of_birth_goes_with_a_notice_of_that_kind(kind: IdentityKind, born: date | None) -> None:
    """A notice without what it is about is refused, and so is one with what it is not about (ruling 13)."""
    with pytest.raises(InvalidFact):
        IdentityNotice(notice_id="n1", kind=kind, recorded_at=NOON, received_at=NOON, birth_date=born)


@pytest.mark.parametrize(("kind", "user"), [(IdentityKind.EXCLUDED, None), (IdentityKind.RESTRICTED, "u")])
def test_an_exclusion_names_a_user_and_no_other_notice_does(kind: IdentityKind, user: str | None) -> None:
    """Else it excludes nobody, or nobody would see that it does (ruling 48)."""
    with pytest.raises(InvalidFact):
        IdentityNotice(notice_id="n1", kind=kind, recorded_at=NOON, received_at=NOON, user=user)


def test_whose_word_it_is_is_said_of_a_user_alone() -> None:
    """No other word can be taken back by one side alone (ruling 48)."""
    with pytest.raises(InvalidFact):
        IdentityNotice(
            notice_id="n1",
            kind=IdentityKind.RESTRICTED,
            recorded_at=NOON,
            received_at=NOON,
            named_by=OdsCode("E09"),
        )


@pytest.mark.parametrize(("kind", "visit"), [(IdentityKind.REFUSED, None), (IdentityKind.RESTRICTED, "v")])
def test_a_word_about_a_visit_names_it_and_no_other_notice_does(
    kind: IdentityKind, visit: str | None
) -> None:
    """Else it says nothing of any, or nobody would see of which (ruling 46)."""
    with pytest.raises(InvalidFact):
        IdentityNotice(notice_id="n1", kind=kind, recorded_at=NOON, received_at=NOON, visit=visit)


def test_whose_child_somebody_is_no_other_notice_says() -> None:
    """Else a mother would be named where nobody takes her back (ruling 26)."""
    with pytest.raises(InvalidFact):
        IdentityNotice(
            notice_id="n1", kind=IdentityKind.RESTRICTED, recorded_at=NOON, received_at=NOON, mother="m"
        )


def test_sealed_registers_are_registers() -> None:
    """What travels sealed is part of a visit."""
    assert set() == set(SEALED_REGISTERS) - set(REGISTERS)


def test_details_do_not_show_themselves() -> None:
    """A traceback must not name a person."""
    assert "Details()" == repr(Details(family="Sample", given="Robin", birth_date=date(2014, 4, 12)))
