"""Every specification runs on every runtime: the same test id appears once per runtime."""

from collections.abc import Callable, Iterator

import pytest

from broker.core.identifiers import NhsNumber
from tests.spec.numbers import usable_numbers
from tests.spec.outcome import Outcome
from tests.spec.runtimes import Runtime, run_core
from tests.spec.settled import POLICY
from tests.spec.table import facts

Run = Callable[[str], Outcome]


@pytest.fixture(scope="session")
def numbers() -> Iterator[NhsNumber]:
    """Lend NHS numbers, each to one specification."""
    return usable_numbers()


@pytest.fixture(params=["core"])
def runtime(request: pytest.FixtureRequest) -> Runtime:
    """Lend one runtime after the other."""
    return {"core": run_core}[request.param]


@pytest.fixture
def run(runtime: Runtime, numbers: Iterator[NhsNumber]) -> Run:
    """Lend a function from a table of facts to what comes of them, for a person of its own."""

    def run_table(table: str) -> Outcome:
        number = next(numbers)
        return runtime([(number, fact) for fact in facts(table)], POLICY)

    return run_table
