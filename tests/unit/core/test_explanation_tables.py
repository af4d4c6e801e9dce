"""Whatever can come of a decision has its sentence, and each sentence of a rule names it."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from broker.core import explanation_tables as tables
from broker.core.alerts import (
    Change,
    EventKind,
    Mark,
    Note,
    Occasion,
    PlanState,
    Route,
    Urgency,
    VisitState,
    Why,
)
from broker.core.explained_plans import OBSTACLES
from broker.core.explanation import MatchedBy, Obstacle
from broker.core.facts import IdentityKind, PlanType, VisitEvent
from broker.core.matching import Comparison
from broker.core.plans import NotDue
from broker.core.setting import Ground

TABLES: dict[str, tuple[Mapping[Any, object], Iterable[Any]]] = {
    "facts": (tables.FACTS, (*VisitEvent, *PlanType, *IdentityKind, *Occasion)),
    "grounds": (tables.GROUNDS, Ground),
    "whys": (tables.WHYS, Why),
    "obstacles": (tables.OBSTACLES, Obstacle),
    "plan states": (tables.PLAN_STATES, PlanState),
    "marks": (tables.MARKS, Mark),
    "ways of matching": (tables.MATCHED, MatchedBy),
    "comparisons": (tables.COMPARED, Comparison),
    "visit states": (tables.VISIT_STATES, VisitState),
    "notes": (tables.NOTES, Note),
    "urgencies": (tables.URGENCIES, Urgency),
    "routes": (tables.ROUTES, Route),
    "kinds": (tables.KINDS, EventKind),
    "changes": (tables.CHANGES, Change),
    "plans not due": (OBSTACLES, set(NotDue) - {NotDue.NO_OVERLAP}),
}
CITING = ("grounds", "whys", "obstacles", "plan states", "marks", "ways of matching", "notes", "urgencies")
WITHOUT_A_RULE = {Why.SHARED}


@pytest.mark.parametrize("name", TABLES)
def test_no_member_is_without_its_sentence(name: str) -> None:
    """A new outcome needs its words before it can be told."""
    table, members = TABLES[name]

    assert set(members) == set(table)


@pytest.mark.parametrize("name", CITING)
def test_a_sentence_names_its_rule(name: str) -> None:
    """The reader can look it up."""
    table, _ = TABLES[name]
    rule = re.compile(r"\((?:rulings? \d+|R\d+)")

    assert WITHOUT_A_RULE >= {member for member, words in table.items() if not rule.search(str(words))}
