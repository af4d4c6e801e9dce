"""Subject access: all that is held, and what is withheld by which rule (ruling 49; 24, 26, 28, 44, 48)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest

from broker.core import disclosure
from broker.core.alerts import Occasion
from broker.core.disclosure import disclosed
from broker.core.effects import advance
from broker.core.facts import VisitLeft
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.past import Past
from broker.core.person import Person, lift
from broker.core.policy import Policy
from broker.core.possible_keys import Window
from broker.core.trail_looks import TrailLook
from broker.core.worklist import ItemKind
from broker.wire.readable import readable
from tests.spec.settled import KEY
from tests.spec.table import T, facts

HEAD = "recorded | fact | about | values\n"
PLAN = f"{HEAD}T-9d | plan | CPP E09 | child_id=-\n"
VISIT = "T | A04 | v1 RYY | site=RYY01 reason=fall\n"
POLICY = Policy()


def known(table: str) -> Person:
    """Return a person after every fact of a table was folded and told."""
    person = Person(number=NhsNumber("9990000018"), salt=bytes(16))
    for fact in facts(table):
        person = advance(person.learn(lift(fact)), POLICY, KEY).person
    return person


def text(person: Person) -> str:
    """Return everything that is disclosed as one text."""
    return str(readable(disclosed(person, POLICY, KEY)))


def test_everything_held_is_there() -> None:
    """Plans, visits, views, notices, who was told and each decision (ruling 49)."""
    person = known(f"{PLAN}{VISIT}T+1h | view | a1 RYY | unscheduled=no\nT | notice | n1 number-change |")
    line = Past(subject="v0", occasion=Occasion.ATTENDED, at=T, organisation=OdsCode("RZZ"))
    found = disclosed(replace(person, history=(line,)), POLICY, KEY)

    assert {
        "plans": 1,
        "visits": 1,
        "views": 1,
        "looks": 0,
        "history": 1,
        "notices": 1,
        "told": 2,
        "work": 0,
        "waiting": 0,
        "decisions": 2,
    } == {kind: len(rows) for kind, rows in found.held.items()}
    assert (disclosure.STAFF,) == found.withheld


DISAGREES = f"{PLAN}T | A04 | v1 RYY | family=Other given=Alex birth_date=2009-09-09\n"


@pytest.mark.parametrize(("mark", "place"), [("", True), ("T+1h | notice | n1 |", False)])
def test_open_work_is_there_and_its_place_as_places_are(mark: str, *, place: bool) -> None:
    """What is left to people about somebody is held of them (rulings 24, 46, 49)."""
    [row] = disclosed(known(f"{DISAGREES}{mark}"), POLICY, KEY).held["work"]

    assert ItemKind.DETAILS_DISAGREE is row["kind"]
    assert place == ("provider" in row)


def test_that_somebody_looked_who_must_not_is_no_work_that_is_told() -> None:
    """It says who is excluded, and by whom (ruling 48); the item is there all the same."""
    person = known(f"{PLAN}T-1d | notice | n1 excluded | user=u1\nT | view | a1 RYY | user=u1")

    assert [ItemKind.EXCLUDED_PERSON] == [item.kind for item in person.items.values()]
    assert () == disclosed(person, POLICY, KEY).held["work"]


def test_that_a_record_waits_is_there() -> None:
    """Until when, and nothing else is known of it (rulings 21, 49)."""
    window = Window(first=date(2026, 1, 1), last=date(2026, 2, 28))

    [row] = disclosed(known(PLAN), POLICY, KEY, waiting=[window]).held["waiting"]

    assert {"until": date(2026, 2, 28)} == row


LOOK = TrailLook(look_id="a" * 32, at=T, role="B0107", organisation="RZZ", way="silent")


@pytest.mark.parametrize(("mark", "place"), [("", True), ("T+1h | notice | n1 |", False)])
def test_a_look_on_the_trail_is_there_and_its_place_as_places_are(mark: str, *, place: bool) -> None:
    """A silent one too; who it was is another's data, and is named as withheld (rulings 24, 49; R54)."""
    found = disclosed(known(f"{PLAN}{mark}"), POLICY, KEY, looks=[LOOK])

    [row] = found.held["looks"]
    assert {"looked_at": T, "role": "B0107", "way": "silent"} == {
        name: value for name, value in row.items() if name != "organisation"
    }
    assert place == ("organisation" in row)
    assert disclosure.STAFF in found.withheld


def test_of_nothing_nothing_is_withheld() -> None:
    """A rule is named only where it withholds something (ruling 49)."""
    assert () == disclosed(known(PLAN), POLICY, KEY).withheld


WITHHELD: dict[str, tuple[str, str, str]] = {
    "clinician": (f"{PLAN}{VISIT.strip()} clinician_name=Winters", "Winters", disclosure.STAFF),
    "who looked": (f"{PLAN}T | view | a1 RYY | user_name=Winters", "Winters", disclosure.STAFF),
    "next of kin": (f"{PLAN}{VISIT.strip()} next_of_kin_name=Winters", "Winters", disclosure.KIN),
    "who came along": (f"{PLAN}{VISIT.strip()} accompanied_by=Winters", "Winters", disclosure.KIN),
    "child id": (f"{HEAD}T-9d | plan | CPP E09 | child_id=C-77", "C-77", disclosure.CHILD_ID),
    "excluded": (f"{PLAN}T | notice | n1 excluded | user=u-9", "u-9", disclosure.EXCLUDED),
    "place": (f"{PLAN}{VISIT}T+1h | notice | n1 |", "RYY", disclosure.PLACES),
    "place of a view": (f"{PLAN}T | view | a1 RYY |\nT+1h | notice | n1 |", "RYY", disclosure.PLACES),
    "mother": (f"{PLAN}T-9d | cover | UCP E08 | born=D-10 start=D-90 end=D", "E08", disclosure.RELATED),
}


@pytest.mark.parametrize("case", WITHHELD)
def test_what_is_withheld_is_named_with_its_rule_and_is_not_there(case: str) -> None:
    """Another person's data, an authority's own, and restricted places (ruling 49)."""
    table, value, rule = WITHHELD[case]
    found = disclosed(known(table), POLICY, KEY)

    assert rule in found.withheld
    assert value not in str(readable(found.held))


WITHOUT: dict[str, Callable[[], Person]] = {
    "a place": lambda: known(f"{PLAN}{VISIT}"),
    "the place of a view": lambda: known(f"{PLAN}T | view | a1 RYY |"),
}


@pytest.mark.parametrize("case", WITHOUT)
def test_without_a_mark_places_are_there(case: str) -> None:
    """The other side of the boundary (ruling 24)."""
    assert "RYY" in text(WITHOUT[case]())


def test_places_of_what_is_closed_are_withheld_with_the_mark_and_told_without() -> None:
    """A line of the history is a place (ruling 24)."""
    line = Past(
        subject="a0", occasion=Occasion.VIEWED, at=T, organisation=OdsCode("RZZ"), role="nurse", user_name="B"
    )
    marked = replace(known(f"{PLAN}T | notice | n1 |"), history=(line,))

    assert "RZZ" not in text(marked)
    assert "RZZ" in text(replace(known(PLAN), history=(line,)))
    assert disclosure.STAFF in disclosed(marked, POLICY, KEY).withheld


def test_who_was_told_of_another_persons_visit_is_withheld() -> None:
    """It says where another was (ruling 44)."""
    before = known(f"{PLAN}{VISIT}")
    ((reference, messages),) = before.known.visits.items()
    (message,) = messages.values()
    left = VisitLeft(
        visit=reference,
        message_id=message.message_id,
        control_id=message.control_id or "",
        recorded_at=message.recorded_at,
        sent_at=message.sent_at,
        received_at=message.received_at,
    )
    after = advance(before.learn(lift(left)), POLICY, KEY).person

    assert "RYY" in text(before)
    assert 2 == len(after.told)
    assert () == disclosed(after, POLICY, KEY).held["told"]
    assert "RYY" not in text(after)
    assert disclosure.WRONG_PERSON in disclosed(after, POLICY, KEY).withheld


REFUSED = "T+1h | notice | n1 not-this-person | visit=v1\n"


@pytest.mark.parametrize(
    ("then", "theirs"),
    [
        ("", True),
        ("T+1h | notice | n1 identity-confirmed | visit=v1", True),
        (REFUSED, False),
        (f"{REFUSED}T+2h | notice | n2 identity-confirmed | visit=v1", True),
        (f"{REFUSED}T+2h | A08 | v1 RYY | family=Third given=Sam", False),
    ],
)
def test_a_visit_that_a_person_said_is_somebody_elses_is_withheld(then: str, *, theirs: bool) -> None:
    """Its names, its place and who was told are another's, until somebody says otherwise (ruling 46)."""
    unsettled = "T+12h | notice | n9 item-unsettled | visit=v1\n"
    person = known(f"{PLAN}T | A04 | v1 RYY | family=Other given=Alex\n{unsettled}{then}")
    found = disclosed(person, POLICY, KEY)

    assert theirs == bool(found.held["visits"])
    assert theirs == any(row["occasion"] is Occasion.ATTENDED for row in found.held["told"])
    assert theirs == ("Other" in text(person))
    assert theirs == (disclosure.WRONG_PERSON not in found.withheld)


def test_what_was_told_long_ago_is_a_row_without_content() -> None:
    """What it said is gone (architecture, section 2)."""
    person = known(f"{PLAN}{VISIT}")
    told = {alert_id: replace(row, alert=None) for alert_id, row in person.told.items()}

    rows = disclosed(replace(person, told=told), POLICY, KEY).held["told"]

    assert [(None, None)] * 2 == [(row["recipient"], row["occasion"]) for row in rows]
