"""The sentences that go with every alert: rulings 14, 16, 30, 32, 33 and 44."""

from dataclasses import replace

import pytest

from broker.core import wording
from broker.core.alerts import (
    Change,
    EventKind,
    Note,
    Occasion,
    PlanState,
    Recipient,
    RecipientKind,
    VisitState,
)
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
    """No member is missing; a restricted record has two, the same to nobody (rulings 4, 19, 24)."""
    noted = replace(ALERT, notes=(note,))
    extra = 2 if note is Note.RESTRICTED else 1
    assert (1 + extra, 3 + extra) == (
        len(statements(noted)),
        len(statements(replace(noted, recipient=PROVIDER))),
    )


RESTRICTED = replace(ALERT, notes=(Note.RESTRICTED,))


def test_the_authority_of_a_restricted_record_asks_to_be_rung() -> None:
    """It learns that the person came, not where (ruling 24)."""
    expected = (wording.ATTENDED_SOMEWHERE, wording.RING_PROVIDER, wording.SUPPORTS)
    assert expected == statements(RESTRICTED)


def test_a_view_of_a_restricted_record_is_said_to_be_no_attendance() -> None:
    """Nobody came that anybody knows of (rulings 1, 24)."""
    viewed = replace(RESTRICTED, occasion=Occasion.VIEWED, visit=None)
    assert (wording.RING_PROVIDER, wording.VIEW_IS_NO_ATTENDANCE, wording.SUPPORTS) == statements(viewed)


def test_of_a_restricted_number_that_is_not_in_use_nobody_is_asked_to_ring_a_hospital() -> None:
    """No hospital knows of it (rulings 23, 24)."""
    inactive = replace(
        RESTRICTED,
        occasion=Occasion.NUMBER_INACTIVE,
        visit=None,
        notes=(Note.RESTRICTED, Note.NUMBER_INACTIVE),
    )
    assert (wording.NUMBER_INACTIVE, wording.SUPPORTS) == statements(inactive)


def test_the_provider_of_a_restricted_record_rings_and_discusses_nothing() -> None:
    """The safeguarding role, else the nurse in charge; others are told to ring safeguarding (ruling 24)."""
    said = statements(replace(RESTRICTED, recipient=PROVIDER))
    assert (wording.TO_SAFEGUARDING, wording.NOT_DISCUSSED) == said[:2]
    assert wording.COULD_NOT_CHECK in wording.TO_SAFEGUARDING


@pytest.mark.parametrize(
    ("recipient", "expected"),
    [(ALERT.recipient, wording.CANCELLED_RESTRICTED), (PROVIDER, wording.CANCELLED)],
)
def test_a_cancelled_visit_of_a_restricted_record_names_nobody_to_ring(
    recipient: Recipient, expected: str
) -> None:
    """The authority does not know which hospital: it asks to be rung (rulings 16, 24)."""
    cancelled = replace(RESTRICTED, recipient=recipient, visit=replace(VISIT, state=VisitState.CANCELLED))
    said = {wording.CANCELLED, wording.CANCELLED_RESTRICTED} & set(statements(cancelled))
    assert {expected} == said


@pytest.mark.parametrize(("changes", "asked"), [((), False), ((Change.RESTRICTED,), True)])
def test_who_was_told_before_is_asked_first_to_confirm_deletion(
    changes: tuple[Change, ...], *, asked: bool
) -> None:
    """When the record was restricted after the alert, and only then (ruling 24)."""
    assert asked == (wording.CONFIRM_DELETION == statements(RESTRICTED, changes)[0])


@pytest.mark.parametrize(("changes", "said"), [((), False), ((Change.VISIT, Change.RULES), True)])
def test_who_is_told_for_changed_rules_alone_reads_that(changes: tuple[Change, ...], *, said: bool) -> None:
    """So that nobody looks for what has happened (ruling 45)."""
    assert said == (wording.RULES_CHANGED in statements(ALERT, changes))


def test_nothing_on_file_is_no_reassurance() -> None:
    """What was searched and what not (ruling 33)."""
    assert "No plan on file. That is not evidence of no risk." == wording.NO_PLAN
    assert all(
        word in wording.SEARCHED
        for word in ("child protection", "looked-after", "unborn", "section 47", "short breaks", "nations")
    )


def test_a_retracted_alert_says_first_that_it_is_to_be_disregarded() -> None:
    """It was about the wrong person (ruling 44); one that is withdrawn was about the right one."""
    assert (wording.WRONG_PERSON, wording.SUPPORTS) == statements(ALERT, kind=EventKind.RETRACTED)


def test_a_withdrawn_alert_says_first_that_it_is_no_all_clear() -> None:
    """Never "there was no plan", and no evidence of no risk (rulings 14, 33)."""
    assert (wording.WITHDRAWN, wording.SUPPORTS) == statements(ALERT, kind=EventKind.WITHDRAWN)
    assert all(
        words in wording.WITHDRAWN for words in ("not evidence of no risk", "not that there was no plan")
    )
