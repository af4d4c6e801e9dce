"""Complaint 9: a search takes half an hour and ignores its indexes. Every search of ours reads an index."""

import asyncio
from dataclasses import fields, replace
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from broker.adapters.message_table import MESSAGES, MessageTable
from broker.core.identifiers import OdsCode
from broker.core.messages import Outcome, Sought

EACH: dict[str, Any] = {
    "control": "c" * 32,
    "sender": OdsCode("RXH"),
    "visit": "a" * 32,
    "outcome": Outcome.REFUSED,
    "since": datetime(2025, 3, 1, tzinfo=UTC),
    "until": datetime(2025, 3, 2, tzinfo=UTC),
}
ASKED = [chosen for count in range(len(EACH) + 1) for chosen in combinations(EACH, count)]


@pytest.fixture
def table(tmp_path: Path) -> MessageTable:
    """Return the index in a database of its own."""
    return MessageTable(f"sqlite:///{tmp_path}/index.sqlite")


def test_no_search_reads_more_than_an_index_points_at(table: MessageTable) -> None:
    """
    Complaint 9: index what is searched for, no free text over bodies.

    Whatever is asked for, alone or together, the rows come in their order out of one index: the whole table
    is never read nor sorted, however many rows it has.
    """
    plans = {
        chosen: table.plan(replace(Sought(), **{name: EACH[name] for name in chosen})) for chosen in ASKED
    }
    asyncio.run(table.close())

    astray = {
        chosen: steps
        for chosen, steps in plans.items()
        if len(steps) != 1 or "USING INDEX" not in steps[0] or (chosen and "SCAN" in steps[0])
    }
    assert {} == astray


def test_nothing_of_a_message_but_what_is_indexed_can_be_searched_for() -> None:
    """Complaint 9: no column holds a body, and nothing is asked for that has no index."""
    assert {*EACH, "limit"} == {field.name for field in fields(Sought)}
    assert {
        "topic",
        "partition",
        "offset",
        "received_ms",
        "outcome",
        "sender",
        "control",
        "control_id",
        "visit",
        "reason",
        "location",
        "item_id",
    } == set(MESSAGES.columns.keys())
