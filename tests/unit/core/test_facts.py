"""Facts that contradict themselves are refused."""

from datetime import date

import pytest

from broker.core.errors import InvalidFact
from broker.core.facts import REGISTERS, SEALED_REGISTERS, Details, PlanContent, PlanType
from broker.core.identifiers import OdsCode


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


def test_sealed_registers_are_registers() -> None:
    """What travels sealed is part of a visit."""
    assert set() == set(SEALED_REGISTERS) - set(REGISTERS)


def test_details_do_not_show_themselves() -> None:
    """A traceback must not name a person."""
    assert "Details()" == repr(Details(family="Sample", given="Robin", birth_date=date(2014, 4, 12)))
