"""
No member is missing: every code, state, mark and register occurs in some table of the specifications.

And no runtime: each row of each specification runs on the three of them.
"""

import re
import subprocess
import sys
from collections.abc import Iterable
from enum import Enum
from pathlib import Path

import pytest

from broker.core.alerts import Change, Mark, Note, PlanState, Route, Urgency, VisitState, Why
from broker.core.answers import Finding, Uncheckable
from broker.core.facts import REGISTERS, NumberStatus, PlanType, Reliability, VisitEvent
from broker.core.worklist import ItemKind
from tests.spec.test_changes import MESSAGES, NOTES, OTHER_VISITS, PLANS, TAKEN_BACK

HERE = Path(__file__)
RUNTIMES = {"core", "twin", "kafka"}
NOT_EVERYWHERE = re.compile(
    "::("
    "test_a_link_that_ended_stays_ended_when_its_visit_is_destroyed"
    "|test_a_baby_whose_mother_is_on_hold_meanwhile_is_not_without_a_plan"
    r")\["
)
"""
What hangs on a clock that rows which share a Kafka cannot set.

In the first time passes, on the pure core alone: the matchers' own passing is compared in tests/generative.
The second's holds would have ended; that one lasts on a Kafka is shown by tests/integration/test_desk.py.
"""
TABLES = "\n".join(path.read_text("utf-8") for path in HERE.parent.glob("test_*.py") if path != HERE)


def by_value(kind: type[Enum]) -> Iterable[str]:
    """Return an enum's members as tables write their values."""
    return [str(member.value) for member in kind]


def by_name(kind: type[Enum]) -> Iterable[str]:
    """Return an enum's members as tables write their names."""
    return [member.name.lower().replace("_", " ") for member in kind]


WORDS: dict[str, Iterable[str]] = {
    "events": [f" {event}" for event in by_value(VisitEvent)],
    "plan types": by_value(PlanType),
    "plan states": by_name(PlanState),
    "marks": by_name(Mark),
    "notes": by_name(Note),
    "visit states": by_value(VisitState),
    "reasons": by_value(Why),
    "routes": by_value(Route),
    "urgencies": by_value(Urgency),
    "answers": by_value(Finding),
    "number statuses": [f"number_status={status}" for status in by_value(NumberStatus)],
    "reliabilities": [f"birth_date_reliability={word}" for word in by_value(Reliability)],
    "registers": REGISTERS,
}


@pytest.mark.parametrize("kind", WORDS)
def test_every_member_occurs_in_some_table(kind: str) -> None:
    """A code that no specification names has no specified meaning."""
    assert [] == [word for word in WORDS[kind] if word not in TABLES]


def test_every_change_is_made_by_some_row() -> None:
    """What a number's move, a restriction, new rules, a person or a timer change has its own tables."""
    tables = (MESSAGES, NOTES, OTHER_VISITS, PLANS, TAKEN_BACK)
    made = {change for table in tables for row in table for change in row[-1].split(", ")}

    own = {
        Change.NUMBER,
        Change.RESTRICTED,
        Change.RULES,
        Change.IDENTITY,
        Change.ASKED_AGAIN,
        Change.NOT_OPENED,
    }
    assert own == set(Change) - made


def test_every_reason_why_it_could_not_be_checked_is_some_rows() -> None:
    """
    No reason is left to the code alone.

    What was set aside is here where a mother's number is out of use or under enquiry. That somebody is on
    hold lasts by a matcher's clock, and that a plan could not be read is none of the core's:
    tests/unit/services/test_holds.py has the rows of it.
    """
    told = {
        reason
        for reason in Uncheckable
        if re.search(rf'[|"] *(could not check: )?{reason} *(["|]|$)', TABLES, re.MULTILINE)
    }

    assert set() == set(Uncheckable) - told


def test_every_item_is_some_rows() -> None:
    """
    What a door, a record that stops a matcher and a topic that is not there ask for follows from no facts,
    and how long somebody is on hold is a matcher's.

    Their tests, in tests/unit/services: test_intake.py, test_matching_poison.py, test_matching_faults.py and
    test_holds.py.
    """
    asked = {ItemKind[name] for name in re.findall(r"\bItemKind\.([A-Z_]+)", TABLES)}

    elsewhere = {
        ItemKind.TWO_NUMBERS,
        ItemKind.UNPROCESSABLE_RECORD,
        ItemKind.RECIPIENT_WITHOUT_TOPIC,
        ItemKind.PERSON_ON_HOLD,
    }
    assert elsewhere == set(ItemKind) - asked


def test_every_row_of_every_specification_runs_on_every_runtime() -> None:
    """The same test id appears once per runtime, for all that is collected but this file."""
    collected = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", HERE.parent],
        check=True,
        capture_output=True,
        text=True,
    )
    ids = [
        line
        for line in collected.stdout.splitlines()
        if "::" in line and HERE.name not in line and not NOT_EVERYWHERE.search(line)
    ]
    runtimes: dict[str, list[str]] = {}
    for one in ids:
        test, runtime, row = re.fullmatch(r"(.+?)(?:\[(core|twin|kafka)(?:-(.*))?\])?", one).groups()  # type: ignore[union-attr]  # anything matches
        runtimes.setdefault(f"{test} {row}", []).append(runtime)

    assert len(ids) > 3 * 500
    assert {} == {row: found for row, found in runtimes.items() if sorted(found) != sorted(RUNTIMES)}
