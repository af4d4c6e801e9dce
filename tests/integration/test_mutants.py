"""The specifications notice when a rule is wrong: each named mistake is caught by a row of its own rule."""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath

import pytest
from click.testing import CliRunner

from tests.tools.mutants import ROWS, main, try_out
from tests.tools.mutations import NAMED, Mutant, Mutation
from tests.tools.rules import SPECIFICATIONS, stated_in
from tests.tools.stale_docs import REPOSITORY

PLANS = PurePosixPath("broker/core/plans.py")


@pytest.fixture(scope="module")
def rules_by_test() -> Mapping[str, frozenset[str]]:
    """Return which rules each specification cites."""
    return {f"{one.file}::{one.name}": one.rules for one in stated_in(REPOSITORY)}


@pytest.mark.parametrize("mutation", NAMED, ids=[f"{one.rule}, {one.mistake}" for one in NAMED])
def test_a_mistake_with_a_rule_is_noticed_by_its_rows(
    mutation: Mutation, rules_by_test: Mapping[str, frozenset[str]]
) -> None:
    """Not by chance in some other table: only what cites the rule is tried."""
    citing = [
        test
        for test, rules in rules_by_test.items()
        if mutation.rule in rules and test.startswith(f"{SPECIFICATIONS}/")
    ]

    trial = try_out(mutation.mutant(REPOSITORY), citing, first_only=True)

    assert (False, True) == (trial.broken, trial.caught)


def test_the_core_as_it_is_is_noticed_by_nobody() -> None:
    """What fails with a mistake fails for it, and not for the way in which it is put there."""
    text = (REPOSITORY / PLANS).read_text("utf-8")
    trial = try_out(Mutant(module=PLANS, line=1, change="none", text=text), ROWS, first_only=False)

    assert (False, ()) == (trial.caught, trial.noticed_by)


def test_a_mutant_that_cannot_be_imported_is_caught() -> None:
    """No row has run, and none could."""
    trial = try_out(Mutant(module=PLANS, line=1, change="", text="raise ImportError"), ROWS, first_only=True)

    assert (True, True, ()) == (trial.caught, trial.broken, trial.noticed_by)


def test_a_mutant_that_is_not_put_in_its_place_is_no_result() -> None:
    """A module that was imported before would be tried as it is, and count as one that lives."""
    mutant = Mutant(module=PurePosixPath("os.py"), line=1, change="", text="")

    with pytest.raises(RuntimeError, match="os could not be put in its place"):
        try_out(mutant, ROWS, first_only=True)


def test_a_sample_is_tried_and_counted() -> None:
    """As `make mutants` does it, with one mutant."""
    done = CliRunner().invoke(main, ["--sample", "1", "--sample-only"])

    assert 0 == done.exit_code
    assert re.fullmatch(r"\| all \| 1 \| [01] \| [01] \| (0|100)% \|", done.output.splitlines()[-1])
