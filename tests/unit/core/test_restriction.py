"""A restricted record stays restricted, and what may be told of it: ruling 24."""

from dataclasses import replace
from datetime import timedelta

import pytest

from broker.core.alerts import Note, Recipient, RecipientKind, Route
from broker.core.effects import open_part
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.person import NOTHING, Known, Person, lift, merge
from broker.core.policy import Policy
from broker.core.restriction import is_reduced, is_restricted, keeping_mark, reduced, unlinked
from broker.core.retention import settle
from tests.builders.matcher import birth
from tests.spec.table import T, facts
from tests.unit.core.samples import ALERT

HEAD = "recorded | fact | about | values\n"
NUMBER = NhsNumber("9990000018")
TO_PROVIDER = replace(
    ALERT,
    recipient=Recipient(kind=RecipientKind.PROVIDER, code=OdsCode("RXX")),
    notes=(Note.SITE_UNLISTED, Note.NUMBER_CHANGE),
)


def known_from(table: str) -> Known:
    """Return what is known from a table of facts."""
    known = NOTHING
    for fact in facts(HEAD + table):
        known = merge(known, lift(fact))
    return known


def test_a_late_mark_of_a_closed_visit_restricts_all_the_same() -> None:
    """Nothing else of the message counts any more (architecture, "Retention")."""
    known = known_from("T-9d | plan | CPP E09 |\n T | A08 | v1 | restricted=yes")
    person = Person(number=NUMBER, salt=b"", known=known, closed=frozenset({"v1"}))

    assert ({}, True) == (open_part(person).visits, is_restricted(open_part(person)))


MARKS = {
    "a hospital's": "T | A04 | v1 | restricted=yes",
    "a hospital's, between others": "T | A04 | v1 |\n T+1h | A08 | v1 | restricted=yes\n T+2h | A08 | v1 |",
    "an authority's": "T-8d | plan | CPP E09 | restricted=yes\n T-7d | plan | CPP E09 |",
    "the source's": "T | notice | n1 |",
}


@pytest.mark.parametrize("whose", MARKS)
def test_a_mark_outlives_the_visit_it_came_with(whose: str) -> None:
    """The visit is forgotten, the plan stands, and the next visit is one of a restricted record."""
    known = known_from(f"T-9d | plan | CPP E09 |\n T | A04 | v0 |\n {MARKS[whose]}")
    left = settle(Person(number=NUMBER, salt=b"", known=known), T + timedelta(days=400), Policy())

    assert left is not None
    assert ({}, True) == (left.known.visits, is_restricted(left.known))
    assert left is settle(left, T + timedelta(days=401), Policy())


def test_a_lift_recorded_after_the_forgotten_mark_lifts_it() -> None:
    """The mark keeps its own time (rulings 24, 37)."""
    known = known_from("T-9d | plan | CPP E09 |\n T | A04 | v1 | restricted=yes")
    left = settle(Person(number=NUMBER, salt=b"", known=known), T + timedelta(days=400), Policy())

    assert left is not None
    before, after = (
        known_from("T-1m | notice | n1 restriction-lifted |"),
        known_from("T+1m | notice | n1 restriction-lifted |"),
    )
    assert (True, False) == (
        is_restricted(merge(left.known, before)),
        is_restricted(merge(left.known, after)),
    )


@pytest.mark.parametrize("said", ["", "\n T-59d | notice | n1 restriction-lifted |"])
def test_what_restricts_because_of_a_baby_outlives_the_birth(said: str) -> None:
    """A lift was said of the mother alone, the baby's place is hers (rulings 24, 26); a later one counts."""
    known = known_from(f"T-9d | plan | CPP E09 |{said}")
    known = merge(known, lift(birth(NhsNumber("9990000026"), at=T - timedelta(days=60), restricted=True)))
    left = settle(Person(number=NUMBER, salt=b"", known=known), T, Policy())

    assert left is not None
    lifted = known_from("T+1m | notice | n2 restriction-lifted |")
    assert ({}, True, False) == (
        left.known.births,
        is_restricted(left.known),
        is_restricted(merge(left.known, lifted)),
    )


def test_a_lifted_mark_is_not_kept() -> None:
    """Nothing of a visit stays that decides nothing."""
    before = known_from("T | A04 | v1 | restricted=yes\n T+1h | notice | n1 restriction-lifted |")
    after = replace(before, visits={})

    assert after is keeping_mark(before, after)


def test_of_a_restricted_person_without_a_plan_the_mark_alone_is_kept() -> None:
    """No plan, no visit, nothing that was told (ruling 24)."""
    known = known_from("T-9d | plan | CPP E09 | end=D-400 restricted=yes\n T | notice | n1 excluded | user=u")
    person = Person(number=NUMBER, salt=b"salt", known=known, entries={"v1": "x"}, closed=frozenset({"v1"}))

    left = settle(person, T + timedelta(days=400), Policy())

    assert left is not None
    assert (NUMBER, b"salt", {}, {}, {}, frozenset()) == (
        left.number,
        left.salt,
        left.known.plans,
        left.told,
        left.entries,
        left.closed,
    )
    assert {"restricted", "excluded"} == {notice.kind.value for notice in left.known.notices.values()}


@pytest.mark.parametrize("alert", [ALERT, TO_PROVIDER])
def test_to_reduce_twice_is_to_reduce_once(alert: object) -> None:
    """What the ledger holds and what is decided anew are the same."""
    once = reduced(alert)  # type: ignore[arg-type]  # an alert
    assert (True, once) == (is_reduced(once), reduced(once))


def test_the_note_about_the_place_is_the_providers_alone() -> None:
    """The site is asked to list its location; the authority is to know of none (rulings 4, 24)."""
    to_authority = reduced(replace(TO_PROVIDER, recipient=ALERT.recipient))

    assert (Note.SITE_UNLISTED, Note.RESTRICTED, Note.NUMBER_CHANGE) == reduced(TO_PROVIDER).notes
    assert (Note.RESTRICTED, Note.NUMBER_CHANGE) == to_authority.notes
    assert (Route.SAFEGUARDING, Route.RESTRICTED) == (reduced(TO_PROVIDER).route, to_authority.route)


def test_only_an_authority_gets_references_of_its_own() -> None:
    """The provider finds its visit by the reference, and so does an authority of an open record."""
    assert ALERT is unlinked(ALERT)
    assert reduced(TO_PROVIDER) == unlinked(reduced(TO_PROVIDER))
    assert (ALERT.alert_id, ALERT.alert_id) == (
        unlinked(reduced(ALERT)).subject,
        getattr(unlinked(reduced(ALERT)).visit, "visit", None),
    )
