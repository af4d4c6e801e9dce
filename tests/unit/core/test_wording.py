"""The sentences that go with every alert: rulings 14, 16, 30, 32 and 33."""

from dataclasses import replace

import pytest

from broker.core import wording
from broker.core.alerts import Note, Occasion, PlanState, Recipient, RecipientKind, VisitState
from broker.core.identifiers import OdsCode
from broker.core.wording import statements
from tests.unit.core.samples import ALERT, LINE, VISIT

PROVIDER = Recipient(kind=RecipientKind.PROVIDER, code=OdsCode("RXX"))


def test_every_alert_says_that_it_replaces_no_judgement() -> None:
    """To the authority that is all there is to say of an ordinary visit (ruling 32)."""
    assert (wording.SUPPORTS,) == statements(ALERT)


def test_the_provider_is_told_not_to_show_it() -> None:
    """Neither to patient or proxy nor to the adult (ruling 30)."""
    expected = (wording.SUPPORTS, wording.NOT_FOR_RELEASE, wording.NOT_TO_ADULT)
    assert expected == statements(replace(ALERT, recipient=PROVIDER))


def test_a_cancelled_visit_says_ring_first() -> None:
    """The child may have been there and left (ruling 16)."""
    cancelled = replace(ALERT, visit=replace(VISIT, state=VisitState.CANCELLED))
    assert wording.CANCELLED == statements(cancelled)[0]


def test_a_removed_plan_says_ring_before_relying_on_it() -> None:
    """Never `there was no plan` (ruling 14)."""
    removed = replace(ALERT, plans=(LINE, replace(LINE, state=PlanState.REMOVED)))
    assert wording.REMOVED == statements(removed)[0]


def test_a_view_says_that_it_is_no_attendance() -> None:
    """A query is not proof of attendance (ruling 1, R27)."""
    viewed = replace(ALERT, occasion=Occasion.VIEWED, visit=None)
    assert (wording.VIEW_IS_NO_ATTENDANCE, wording.SUPPORTS) == statements(viewed)


def test_a_next_of_kin_is_said_to_be_from_the_record() -> None:
    """May not be the person with the child (ruling 29)."""
    accompanied = replace(ALERT, visit=replace(VISIT, next_of_kin_relationship="3"))
    assert wording.NEXT_OF_KIN in statements(accompanied)


@pytest.mark.parametrize("note", Note)
def test_every_note_has_its_sentence(note: Note) -> None:
    """No member is missing; to ask to be rung is for the authority alone (rulings 4, 19, 24)."""
    noted = replace(ALERT, notes=(note,))
    assert 2 == len(statements(noted))
    extra = len(statements(replace(noted, recipient=PROVIDER))) - 3
    assert (note is not Note.RESTRICTED) == bool(extra)


def test_nothing_on_file_is_no_reassurance() -> None:
    """What was searched and what not (ruling 33)."""
    assert "No plan on file. That is not evidence of no risk." == wording.NO_PLAN
    assert all(
        word in wording.SEARCHED
        for word in ("child protection", "looked-after", "unborn", "section 47", "short breaks", "nations")
    )
