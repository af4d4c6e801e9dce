"""What an operator does has grounds, which are kept and therefore name no patient."""

import pytest

from broker.core.desk_errors import GroundsRefused
from broker.core.operators import (
    NAME_CHARACTERS_MAX,
    REASON_CHARACTERS_MAX,
    Grounds,
    Place,
    discreet,
)


def test_grounds_are_kept_without_surrounding_blanks() -> None:
    """As they were meant."""
    grounds = Grounds(by=" ops-7 ", reason="ticket 4711\n")

    assert ("ops-7", "ticket 4711") == (grounds.by, grounds.reason)


@pytest.mark.parametrize("missing", ["", "  ", "\t"])
def test_nobody_acts_without_a_name_or_a_reason(missing: str) -> None:
    """Blanks are none."""
    with pytest.raises(GroundsRefused, match="--by"):
        Grounds(by=missing, reason="ticket")
    with pytest.raises(GroundsRefused, match="--reason"):
        Grounds(by="ops", reason=missing)


def test_grounds_are_short() -> None:
    """A sentence; the limits themselves are allowed."""
    Grounds(by="o" * NAME_CHARACTERS_MAX, reason="r" * REASON_CHARACTERS_MAX)

    with pytest.raises(GroundsRefused, match="longer than 100"):
        Grounds(by="o" * (NAME_CHARACTERS_MAX + 1), reason="r")
    with pytest.raises(GroundsRefused, match="longer than 500"):
        Grounds(by="o", reason="r" * (REASON_CHARACTERS_MAX + 1))


@pytest.mark.parametrize("reason", ["two\nlines", "a\x1b[31m red one"])
def test_grounds_hold_no_control_characters(reason: str) -> None:
    """They are shown on terminals."""
    with pytest.raises(GroundsRefused, match="control characters"):
        Grounds(by="ops", reason=reason)


@pytest.mark.parametrize("number", ["9990000018", "999 000 0018", "999-000-0018", "of 9990000018."])
def test_grounds_that_could_name_a_patient_are_refused(number: str) -> None:
    """The trail that keeps them names nobody; the refusal does not repeat the number."""
    with pytest.raises(GroundsRefused, match="could be an NHS number") as refused:
        Grounds(by="ops", reason=f"child {number}")

    assert number not in str(refused.value)


def test_a_ticket_number_is_no_nhs_number() -> None:
    """Fewer digits or more."""
    assert "INC004711 20260301113000" == Grounds(by="ops", reason="INC004711 20260301113000").reason


@pytest.mark.parametrize(
    ("reference", "shown"),
    [(None, None), ("EDSYS0001", "EDSYS0001"), ("X9990000018Y", "X…Y"), ("20260301113000", "20260301113000")],
)
def test_a_reference_that_could_be_a_number_is_hidden(reference: str | None, shown: str | None) -> None:
    """A sender's control id is its own choice."""
    assert shown == discreet(reference)


def test_a_place_is_written_as_one_word() -> None:
    """To be copied from a list."""
    assert "cpis.rejected-0-17" == str(Place(topic="cpis.rejected", partition=0, offset=17))
