"""
Runs the specifications against wrong versions of the core, and says which rows notice.

`python -m tests.tools.mutants` tries the named mistakes, then a sample of generated mutants, and prints which
live and how many were caught, module by module. Every mutant has a process of its own; no file of the program
is touched.
"""

import os
import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import click

from tests.nested import environment
from tests.tools.markdown import table
from tests.tools.mutated import CAUGHT, FOLDER_VARIABLE, MODULE, PLACED, TEXT
from tests.tools.mutations import NAMED, Mutable, Mutant, Mutation
from tests.tools.rules import SPECIFICATIONS
from tests.tools.stale_docs import REPOSITORY

CORE = PurePosixPath("broker/core")
ROWS = (str(SPECIFICATIONS),)
UNIT_TESTS = ("tests/unit/core",)

_TIMEOUT_S = 240  # a mutant may run in a circle: a hundred times what the rows take
_NO_TEST_FAILED = 0
_SOME_FAILED = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What came of one mutant: which tests noticed, or that it never came to that."""

    mutant: Mutant
    noticed_by: tuple[str, ...]
    broken: bool

    @property
    def caught(self) -> bool:
        """Whether a test failed, or nothing could be run at all."""
        return self.broken or bool(self.noticed_by)


def try_out(mutant: Mutant, tests: Sequence[str], *, first_only: bool) -> Trial:
    """
    Run tests with a mutant in its module's place.

    `broken` is one that cannot be imported, or that does not end. With `first_only` the first test that
    fails is the last that is run. Raises `RuntimeError` where it could not be put in its place.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / MODULE).write_text(mutant.name, "utf-8")
        (folder / TEXT).write_text(mutant.text, "utf-8")
        # nobody reads how an assertion failed, and to have it told takes a fifth of the time
        options = ["-q", "--tb=no", "--assert=plain", "-p", "no:cacheprovider", "-p", "tests.tools.mutated"]
        command = [sys.executable, "-m", "pytest", *options, *["-x"] * first_only, *tests]
        try:
            status = subprocess.run(
                command,
                check=False,
                capture_output=True,
                cwd=REPOSITORY,
                env=environment(PYTHONDONTWRITEBYTECODE="1", **{FOLDER_VARIABLE: name}),
                timeout=_TIMEOUT_S,
            ).returncode
        except subprocess.TimeoutExpired:
            return Trial(mutant=mutant, noticed_by=(), broken=True)
        if not (folder / PLACED).is_file():
            raise RuntimeError(f"the mutant of {mutant.name} could not be put in its place")
        found = folder / CAUGHT
        noticed_by = tuple(found.read_text("utf-8").splitlines()) if found.is_file() else ()
        return Trial(
            mutant=mutant, noticed_by=noticed_by, broken=status not in (_NO_TEST_FAILED, _SOME_FAILED)
        )


def try_named(mutations: Iterable[Mutation]) -> Iterator[tuple[Mutation, Trial]]:
    """Yield each named mistake with the rows that notice it."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        trials = pool.map(
            lambda mutation: (mutation, try_out(mutation.mutant(REPOSITORY), ROWS, first_only=False)),
            mutations,
        )
        yield from trials


def sample(size: int, seed: int) -> list[Mutant]:
    """Return so many of all mutants of the core, the same for the same seed and the same core."""
    paths = sorted(path.relative_to(REPOSITORY).as_posix() for path in (REPOSITORY / CORE).rglob("*.py"))
    modules = [Mutable(REPOSITORY, PurePosixPath(path)) for path in paths]
    every = [(module, place) for module in modules for place in range(len(module.places))]
    chosen = random.Random(seed).sample(range(len(every)), min(size, len(every)))  # noqa: S311  # no secret
    return [module.mutant(place) for module, place in (every[number] for number in sorted(chosen))]


def try_both(mutant: Mutant) -> tuple[Trial, Trial]:
    """Return what the rows make of a mutant, and what the core's unit tests do, asked only if it lives."""
    by_rows = try_out(mutant, ROWS, first_only=True)
    return by_rows, by_rows if by_rows.caught else try_out(mutant, UNIT_TESTS, first_only=True)


def scores(trials: Sequence[tuple[Trial, Trial]]) -> list[tuple[str, ...]]:
    """Return a row for each module and one for all: mutants, caught by rows, by rows or unit tests, score."""
    modules = sorted({str(by_rows.mutant.module) for by_rows, _ in trials})
    counts: dict[str, Counter[str]] = {name: Counter() for name in (*modules, "all")}
    for by_rows, by_any in trials:
        for name in (str(by_rows.mutant.module), "all"):
            counts[name].update(mutants=1, rows=int(by_rows.caught), tests=int(by_any.caught))
    return [
        (name, str(of["mutants"]), str(of["rows"]), str(of["tests"]), f"{of['tests'] / of['mutants']:.0%}")
        for name, of in counts.items()
        if of["mutants"]
    ]


@click.command()
@click.option("--sample", "size", default=120, show_default=True, help="How many mutants to draw.")
@click.option("--seed", default=1, show_default=True, help="Which sample is drawn.")
@click.option("--sample-only", is_flag=True, help="Leave the named mistakes out.")
def main(*, size: int, seed: int, sample_only: bool) -> None:
    """Try the named mistakes, then a sample of all mutants. Ends with 1 when a named one is not noticed."""
    unnoticed = 0
    for mutation, trial in try_named(() if sample_only else NAMED):
        unnoticed += not trial.noticed_by
        first = f", first {trial.noticed_by[0]}" if trial.noticed_by else ""
        click.echo(f"{mutation.rule}, {mutation.mistake}: {len(trial.noticed_by)} rows notice{first}")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        trials = list(pool.map(try_both, sample(size, seed)))
    for _, by_any in trials:
        if not by_any.caught:
            mutant = by_any.mutant
            click.echo(f"lives: {mutant.module}:{mutant.line}: {mutant.change}")
    head = ("module", "mutants", "caught by rows", "by rows or unit tests", "score")
    for line in table(head, scores(trials)):
        click.echo(line)
    sys.exit(1 if unnoticed else 0)


if __name__ == "__main__":
    main()
