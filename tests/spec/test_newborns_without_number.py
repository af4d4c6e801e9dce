"""
A newborn without a number of its own, whose message names its mother: rulings 21, 22, 23, 26, 42, 46.

`A` is the mother, under whose number the unborn child's plan is on file, `C` another number of hers. `A04?`
is a message whose number is missing. What is found is an item for a person, and never an alert.
"""

from collections.abc import Mapping

import pytest

from broker.core.identifiers import NhsNumber
from broker.core.worklist import ItemKind
from tests.builders.adt import Adt, Patient
from tests.spec.conftest import RunDoors, RunNearby
from tests.spec.doors import at
from tests.spec.outcome import Outcome
from tests.spec.table import rows

ASKED = [(ItemKind.POSSIBLE_MATCH, True, "MSG-1")]
HEAD = "recorded | fact | about | values"
PLAN = "T-30d | plan | UCP E09 | start=D-90 end=D+5 family=Mother given=Ada birth_date=1998-02-03"
BABY = "family=- given=BABY"
VISIT = f"T | A04? | v1 RXX | control_id=MSG-1 {BABY}"
FIRST = pytest.mark.parametrize("first", ["plan", "visit"])


def table(*facts: str, first: str = "plan") -> str:
    """Return a table of these rows, as they stand or the other way round."""
    return "\n".join([HEAD, *(facts if first == "plan" else reversed(facts))])


def asked(outcome: Outcome) -> list[tuple[ItemKind, bool, str | None]]:
    """Return the open items that ask who a patient is."""
    return [item for item in outcome.asked if item[0] is ItemKind.POSSIBLE_MATCH]


BORN = rows("""
    plan                    | birth_date                        | asked
    -                       | D                                 | yes
    -                       | D-90                              | yes
    -                       | D-91                              | no
    -                       | -                                 | yes
    -                       | D-91 birth_date_reliability=estimated | yes
    -                       | 2014-04-12                        | no
    start=D-400             | D-365                             | yes
    start=D-400             | D-366                             | no
    end=D-28                | D-29                              | yes
    end=D-29                | D-29                              | no
    end=D-29                | -                                 | no
    end=D-28                | -                                 | yes
    end=D-56                | D-28                              | yes
    end=D-56                | D-29                              | no
    end=D-57                | D-28                              | no
    start=D+1               | D                                 | no
    start=D+1               | D+1                               | yes
    start=D+1               | -                                 | yes
    start=D+2               | -                                 | no
""")


@FIRST
@pytest.mark.parametrize(("plan", "born", "is_asked"), BORN)
def test_a_newborn_without_a_number_is_met_by_its_mothers_unborn_plan(
    run_nearby: RunNearby, plan: str, born: str, is_asked: str, first: str
) -> None:
    """Born under it and there while it covers: the provider is asked urgently, nobody alerted (26, 46)."""
    held = f"{PLAN} {plan.strip('-')}"
    outcome = run_nearby(table(held, f"{VISIT} mothers=A birth_date={born}", first=first), stepwise=True)

    assert () == outcome.events
    assert (ASKED if is_asked == "yes" else []) == outcome.asked


OTHERWISE = rows("""
    more                                                          | visit                 | asked
    -                                                             | mothers=A             | yes
    -                                                             | mothers=A+C           | yes
    -                                                             | mothers=C             | no
    -                                                             | -                     | no
    T-9d / notice / n1                                            | mothers=A             | yes
    T-9d / plan / CPP E08 / number=C                              | mothers=C             | no
    T-9d / plan / UCP E08 / number=C start=D-9 end=D+9            | mothers=C             | yes
    T-9d / plan / UCP E08 / number=C start=D end=D+9              | mothers=C             | no
    T-1d / plan / UCP E09 / start=D-90 end=D+5 deleted=D-2        | mothers=A             | no
    T+1d / plan / UCP E09 / start=D-90 end=D+5 deleted=D-2        | mothers=A             | yes
    T-1d / plan / UCP E09 / start=D-90 end=D-60                   | mothers=A             | no
    T+1d / plan / UCP E09 / start=D-90 end=D-60                   | mothers=A             | yes
    T-1h / plan / UCP E09 / start=D-90 end=D-29                   | mothers=A             | yes
""")


@pytest.mark.parametrize("stepwise", [True, False])
@pytest.mark.parametrize(("more", "visit", "is_asked"), OTHERWISE)
def test_whom_the_message_names_and_which_plan_she_has_decides(
    run_nearby: RunNearby, more: str, visit: str, is_asked: str, *, stepwise: bool
) -> None:
    """Any mother that is named, restricted or not, with an unborn plan that stands (14, 15, 24, 26)."""
    said = f"{VISIT} birth_date=D-1 {visit.strip('-')}"
    outcome = run_nearby(table(PLAN, more.replace("/", "|").strip("-"), said), stepwise=stepwise)

    assert (ASKED if is_asked == "yes" else []) == asked(outcome)


@pytest.mark.parametrize("place", ["RLL | location=HAVEN", "RLL | location=CLINIC class=O", "RXX | type=11"])
def test_nobody_is_asked_about_a_newborn_that_nobody_is_told_of(run_nearby: RunNearby, place: str) -> None:
    """A sensitive place and a scheduled setting are silent (rulings 3, 47)."""
    provider, fields = place.split(" | ")
    fields = fields.replace("type=", "admission_type=").replace("class=", "patient_class=")
    outcome = run_nearby(table(PLAN, f"T | A04? | v1 {provider} | {fields} {BABY} birth_date=D-1 mothers=A"))

    assert [] == asked(outcome)


NUMBERS = rows("""
    before the visit | after it | named | asked
    T-1h / notice / n1 superseded / by=C | - | A | yes
    T-1h / notice / n1 superseded / by=C | - | C | yes
    - | T+1h / notice / n1 superseded / by=C | A | yes
    - | T+1h / notice / n1 superseded / by=C | C | yes
    T-1h / notice / n1 number-change | - | A | yes
    T-1h / notice / n1 invalidated | - | A | no
    - | T+1h / notice / n1 invalidated | A | no
    T-2h / notice / n1 invalidated; T-1h / notice / n2 in-use | - | A | yes
    T-2h / notice / n1 superseded / by=C; T-1h / notice / n2 in-use | - | C | yes
    T-2h / notice / n1 superseded / by=C; T-1h / notice / n2 in-use | - | A | no
    T-2h / notice / n1 superseded / by=C; T-1h / notice / n2 invalidated / number=C | - | A | no
    T-2h / notice / n1 superseded / by=C; T-1h / notice / n2 superseded / number=C by=B | - | A | yes
    T-2h / notice / n1 superseded / by=C; T-1h / notice / n2 superseded / number=C by=A | - | C | yes
""")


@pytest.mark.parametrize(("before", "after", "named", "is_asked"), NUMBERS)
def test_what_becomes_of_a_mothers_number_becomes_of_the_search(
    run_nearby: RunNearby, before: str, after: str, named: str, is_asked: str
) -> None:
    """A number that is superseded leads to its successor, one out of use nowhere (rulings 22, 23, 26)."""

    def said(text: str) -> list[str]:
        """Return the rows of a cell."""
        return [row.replace("/", "|") for row in text.strip("-").split("; ")]

    visit = f"{VISIT} birth_date=D-1 mothers={named}"
    outcome = run_nearby(table(PLAN, *said(before), visit, *said(after)), stepwise=True)

    assert (ASKED if is_asked == "yes" else []) == asked(outcome)


def test_a_plan_that_comes_under_the_present_number_meets_who_names_the_former(run_nearby: RunNearby) -> None:
    """A hospital may know the mother by the number that she had before (rulings 22, 26)."""
    superseded = ["T-9d | notice | n1 superseded | by=B", "T-8d | notice | n2 superseded | number=B by=C"]
    visit = f"{VISIT} birth_date=D-1 mothers=A"

    outcome = run_nearby(table(*superseded, visit, f"{PLAN} number=C"), stepwise=True)

    assert ASKED == asked(outcome)


def test_the_number_that_comes_later_ends_the_search(run_nearby: RunNearby) -> None:
    """The visit joins up by itself (ruling 21)."""
    later = f"T+1h | A08 | v1 | number=B {BABY} birth_date=D-1"

    outcome = run_nearby(table(PLAN, f"{VISIT} birth_date=D-1 mothers=A", later), stepwise=True)

    assert [] == outcome.asked


def baby(number: str | None, mother: str | None, born: str = "20260105") -> Patient:
    """Return a newborn."""
    return Patient(number=number, family="Newborn", given="BABY", born=born, mother=mother, status=None)


@pytest.mark.parametrize("by", ["PID-21", "NK1"])
@pytest.mark.parametrize("number", [None, "9990000019", "2222222222"])
def test_either_place_of_a_message_that_links_is_read(
    run_doors: RunDoors, number: str | None, by: str
) -> None:
    """The baby's number missing, wrong or a placeholder: it is met all the same (rulings 21, 26, 35)."""

    def sent(own: Mapping[str, NhsNumber]) -> list[Adt]:
        """Return the one message."""
        mother = own["A"].digits
        more = () if by == "PID-21" else (f"NK1|1|Mother^Ada|12{'|' * 30}{mother}^^^NHS",)
        return [
            Adt(
                event="A04",
                control_id="MSG-1",
                recorded=at(0),
                patient=baby(number, mother if by == "PID-21" else None),
                pv1={"class": "E", "visit": "v1"},
                more=more,
            )
        ]

    outcome = run_doors(table(PLAN), sent)

    assert (ASKED, ()) == (outcome.asked, outcome.events)


def test_twins_without_numbers_are_asked_about_one_by_one(run_doors: RunDoors) -> None:
    """Each visit has an item of its own, though both name one mother (rulings 21, 26)."""

    def sent(own: Mapping[str, NhsNumber]) -> list[Adt]:
        """Return the messages of two visits."""
        return [
            Adt(
                event="A04",
                control_id=f"MSG-{place}",
                recorded=at(place),
                patient=baby(None, own["A"].digits),
                pv1={"class": "E", "visit": f"v{place}"},
            )
            for place in (1, 2)
        ]

    outcome = run_doors(table(PLAN), sent, stepwise=True)

    assert [(ItemKind.POSSIBLE_MATCH, True, f"MSG-{place}") for place in (1, 2)] == sorted(outcome.asked)
