"""The table of the rules, how their rows are found, and what is said when some are missing."""

from collections.abc import Sequence
from pathlib import PurePosixPath
from textwrap import dedent

import pytest

from tests.tools.citations import cited
from tests.tools.reference_rules import rules_page
from tests.tools.rules import (
    EXPECTED,
    TABLE,
    Rule,
    Stated,
    modules_by_rule,
    problems,
    read_rules,
    settings_by_rule,
    stated_in,
)
from tests.tools.stale_docs import REPOSITORY


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("as ruling 9 says", {"ruling 9"}),
        ("rulings 14, 16, 30 and 33:", {"ruling 14", "ruling 16", "ruling 30", "ruling 33"}),
        ("rulings 1 to 3", {"ruling 1", "ruling 2", "ruling 3"}),
        ("rulings 20–22", {"ruling 20", "ruling 21", "ruling 22"}),
        ("ruling 13, R8 and D1", {"ruling 13", "R8", "D1"}),
        ("as the ruling on times has it", {"Time"}),
        ("told to safeguarding (11, 12)", set()),
        ("R04, D-9, CPR07 and AR10 are none", set()),
    ],
)
def test_what_a_text_cites(text: str, rules: set[str]) -> None:
    """Lists and ranges in full; what only looks like a rule is none."""
    assert rules == cited(text)


def test_a_bare_number_in_brackets_is_a_ruling_where_that_is_the_custom() -> None:
    """As the docstrings of tests have it."""
    assert {"ruling 11", "ruling 45", "R23"} == cited("Neither now nor later (11, 45, R23).", bare=True)


def rule(name: str, **said: object) -> Rule:
    """Return a rule with what is said of it."""
    return Rule(id=name, group="All", says="It holds.", **said)  # type: ignore[arg-type]  # by name


def stated(*rules: str, rows: int = 2, file: str = "tests/spec/test_it.py") -> Stated:
    """Return a test that cites rules."""
    return Stated(file=PurePosixPath(file), name="test_it", rows=rows, rules=frozenset(rules))


OTHERS = [rule(name, outside="nobody asks") for name in EXPECTED if name not in {"ruling 1", "ruling 2"}]


def told(one: Rule, other: Rule, *tests: Stated) -> Sequence[str]:
    """Return what is wrong with a table of the expected rules, two of which are these."""
    return list(problems([one, other, *OTHERS], tests))


def test_rules_with_their_rows_are_in_order() -> None:
    """A row on each side; a door's tests stand elsewhere; one that is settled by another needs none."""
    door = stated("ruling 2", rows=1, file="tests/unit/wire/test_door.py")

    assert [] == told(rule("ruling 1"), rule("ruling 2", rows="door"), stated("ruling 1"), door)
    assert [] == told(rule("ruling 1"), rule("ruling 2", settled_by=["ruling 1"]), stated("ruling 1"))


@pytest.mark.parametrize(
    "tests",
    [(), (stated("ruling 1", rows=1),), (stated("ruling 1", file="tests/unit/core/test_it.py"),)],
    ids=["none", "one side only", "elsewhere"],
)
def test_a_rule_without_its_rows_is_reported(tests: Sequence[Stated]) -> None:
    """No row, a row on one side only, or rows that do not run on every runtime."""
    (problem,) = told(rule("ruling 1"), rule("ruling 2", not_yet="later"), *tests)

    assert problem.startswith("ruling 1: ")
    assert "of 2 rows in tests/spec" in problem


def test_rows_of_several_tests_count_together() -> None:
    """One side may be stated by one test, the other by another."""
    tests = [stated("ruling 1", rows=1), stated("ruling 1", rows=1)]

    assert [] == told(rule("ruling 1"), rule("ruling 2", not_yet="later"), *tests)


def test_a_door_without_tests_is_reported() -> None:
    """Also when a specification cites the rule: doors are not in it."""
    (problem,) = told(rule("ruling 1", rows="door"), rule("ruling 2", outside="no"), stated("ruling 1"))

    assert "ruling 1: no test outside tests/spec cites it in its docstring" == problem


def test_a_rule_that_is_said_to_be_missing_and_has_rows_is_reported() -> None:
    """Whoever implements it says so in the table."""
    (problem,) = told(rule("ruling 1", not_yet="later"), rule("ruling 2", outside="no"), stated("ruling 1"))

    assert problem.startswith("ruling 1: tests/spec/rules.toml says `not_yet`")


def test_a_table_without_a_rule_with_one_twice_or_with_a_stranger_is_reported() -> None:
    """Every R number and every ruling stands in it once."""
    once = rule("ruling 1", settled_by=["ruling 99"])

    assert [
        "ruling 2: tests/spec/rules.toml does not have it",
        "ruling 1: tests/spec/rules.toml has it 2 times",
        *["ruling 1: is settled by ruling 99, which tests/spec/rules.toml does not have"] * 2,
    ] == told(once, once)


def test_a_rule_is_decided_in_one_way() -> None:
    """Not yet and by a door at once is a mistake in the table."""
    with pytest.raises(ValueError, match="ruling 1: one of rows"):
        rule("ruling 1", rows="door", not_yet="later")


def test_a_misspelt_key_of_the_table_is_refused() -> None:
    """It would say nothing, and nobody would see it."""
    with pytest.raises(TypeError, match="not_jet"):
        read_rules(
            dedent("""
                [[group]]
                title = "All"
                [[group.rule]]
                id = "ruling 1"
                says = "It holds."
                not_jet = "later"
            """)
        )


def test_the_rows_of_a_test_are_those_it_is_run_with() -> None:
    """A table's rows are counted, and a test without one is one row."""
    found = {one.name: one for one in stated_in(REPOSITORY)}
    visible = found["test_how_long_a_plan_is_visible_after_its_end"]

    assert (12, True) == (visible.rows, visible.specifies)
    assert {"ruling 9", "ruling 12", "R2"} == visible.rules
    assert 1 == found["test_one_plan_is_number_authority_type_and_start_day"].rows
    assert not found["test_a_check_digit_of_eleven_is_nought"].specifies


def test_settings_and_modules_are_found_by_what_they_cite() -> None:
    """Nothing that the policy or the code says of itself is said in the table again."""
    assert ["visible_after_end_days", "unborn_visible_days"] == settings_by_rule()["ruling 9"]
    assert PurePosixPath("broker/core/plans.py") in modules_by_rule(REPOSITORY)["ruling 9"]


def test_every_rule_stands_on_the_page_with_how_it_is_known() -> None:
    """Its rows, the rule that settles it, or plainly that it is not decided here or not yet."""
    lines = rules_page(REPOSITORY).splitlines()
    cells = {line.split(" | ")[0].strip("| "): line.split(" | ") for line in lines if line.count(" | ") == 4}

    rules = read_rules((REPOSITORY / TABLE).read_text("utf-8"))
    assert [] == [one.id for one in rules if one.id not in cells or not cells[one.id][3].strip()]
    assert "those of ruling 9" == cells["R3"][3]
    assert cells["R19"][3].startswith("not the broker's: ")
    assert all(cells[one.id][3] == f"not yet: {one.not_yet}" for one in rules if one.not_yet)
    assert "`visible_after_end_days`<br>`unborn_visible_days`" == cells["ruling 9"][2]
