"""Whose work an item is, and what each reader sees of it (ruling 46)."""

import pytest

from broker.core.worklist import ASKS, ItemKind, Owner, Reader, to_do

IDENTITY = {ItemKind.DETAILS_DISAGREE, ItemKind.POSSIBLE_MATCH}


def test_every_kind_of_item_says_whose_it_is() -> None:
    """No member is missing."""
    assert set(ItemKind) == set(ASKS)


@pytest.mark.parametrize("kind", sorted(IDENTITY))
def test_registration_staff_see_only_that_a_patient_is_to_be_traced(kind: ItemKind) -> None:
    """One sentence for whatever is behind it, and no word of a plan (ruling 46)."""
    assert "trace this patient" == to_do(kind, Reader.REGISTRATION)
    assert "confirm identity before this patient leaves" == to_do(kind, Reader.SAFEGUARDING)


@pytest.mark.parametrize("kind", [ItemKind.RECIPIENT_WITHOUT_TOPIC, ItemKind.UNPROCESSABLE_RECORD])
def test_an_operators_item_is_shown_to_nobody_else(kind: ItemKind) -> None:
    """It is about the broker and not about a patient."""
    assert Owner.OPERATOR is ASKS[kind].owner
    assert (None, None) == (to_do(kind, Reader.REGISTRATION), to_do(kind, Reader.SAFEGUARDING))
    assert to_do(kind, Reader.OPERATOR) == ASKS[kind].to_do


def test_two_numbers_of_a_local_patient_are_for_whoever_keeps_the_hospitals_own_system() -> None:
    """The item says no more than that, to everybody (ruling 42)."""
    words = "two numbers for one local patient, settle in your own system"
    assert {words} == {to_do(ItemKind.TWO_NUMBERS, reader) for reader in Reader}


@pytest.mark.parametrize("kind", [ItemKind.RESTRICTED, ItemKind.EXCLUDED_PERSON])
def test_what_is_restricted_is_not_for_registration_staff(kind: ItemKind) -> None:
    """Neither a restricted record nor who looked at one is theirs to know of (rulings 24, 48)."""
    assert to_do(kind, Reader.REGISTRATION) is None
    assert to_do(kind, Reader.SAFEGUARDING) == ASKS[kind].to_do


@pytest.mark.parametrize("kind", ItemKind)
def test_no_item_says_that_a_plan_exists(kind: ItemKind) -> None:
    """Neither what it asks nor what settles it (ruling 46)."""
    ask = ASKS[kind]
    assert "plan" not in f"{ask.to_do} {ask.to_registration} {ask.settled_by}"
