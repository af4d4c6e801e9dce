"""Every specification runs on every runtime: the same test id appears once per runtime."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Protocol

import pytest

from broker.core.facts import Fact
from broker.core.identifiers import NhsNumber, OdsCode
from tests.spec.genuine import genuine_runtime
from tests.spec.matchers import number_reference, run_twin
from tests.spec.numbers import usable_numbers
from tests.spec.outcome import Outcome
from tests.spec.runtimes import Runtime, run_core
from tests.spec.settled import POLICY, PROVIDERS
from tests.spec.table import facts, keyed_facts, visit_under

Run = Callable[[str], Outcome]
RunFacts = Callable[[Sequence[Fact]], Outcome]


class RunMoving(Protocol):
    """From a table of facts of a person with several numbers to what comes of them."""

    def __call__(self, table: str, *, stepwise: bool = False, a: NhsNumber | None = None) -> Outcome:
        """Run a table; `stepwise` each row is settled before the next one comes; `a` is the number of `A`."""
        ...


@pytest.fixture(scope="session")
def numbers() -> Iterator[NhsNumber]:
    """Lend NHS numbers, each to one specification."""
    return usable_numbers()


@pytest.fixture(scope="session")
def genuine() -> Iterator[Runtime]:
    """Lend a matcher on a genuine Kafka of its own, one for all specifications."""
    with genuine_runtime() as runtime:
        yield runtime


@pytest.fixture(params=["core", "twin", pytest.param("kafka", marks=pytest.mark.kafka)])
def runtime(request: pytest.FixtureRequest) -> Runtime:
    """Lend one runtime after the other."""
    if request.param == "kafka":
        genuine: Runtime = request.getfixturevalue("genuine")
        return genuine
    return {"core": run_core, "twin": run_twin}[request.param]


@pytest.fixture
def run(runtime: Runtime, numbers: Iterator[NhsNumber]) -> Run:
    """Lend a function from a table of facts to what comes of them, for a person of its own."""

    def run_table(table: str) -> Outcome:
        number = next(numbers)
        return runtime([(number, fact) for fact in facts(table)], POLICY)

    return run_table


@pytest.fixture
def run_facts(runtime: Runtime, numbers: Iterator[NhsNumber]) -> RunFacts:
    """Lend the same from facts that no table can hold."""

    def run_them(sent: Sequence[Fact]) -> Outcome:
        number = next(numbers)
        return runtime([(number, fact) for fact in sent], POLICY)

    return run_them


@pytest.fixture
def run_stepwise(runtime: Runtime, numbers: Iterator[NhsNumber]) -> Run:
    """Lend the same, where each row is settled before the next one comes."""

    def run_table(table: str) -> Outcome:
        number = next(numbers)
        return runtime([(number, fact) for fact in facts(table)], POLICY, stepwise=True)

    return run_table


@pytest.fixture
def run_moving(runtime: Runtime, numbers: Iterator[NhsNumber]) -> RunMoving:
    """Lend the same for a person of several numbers, `A`, `B` and `C` in the table and the outcome."""

    def run_table(table: str, *, stepwise: bool = False, a: NhsNumber | None = None) -> Outcome:
        own = {name: next(numbers) for name in "ABC"} | ({} if a is None else {"A": a})
        names = {number.digits: name for name, number in own.items()}
        names |= {number_reference(number): name for name, number in own.items()}
        names |= {
            visit_under(number, f"v{place}", OdsCode(provider)): f"v{place}"
            for number in own.values()
            for place in range(1, 4)
            for provider in PROVIDERS
        }
        return replace(runtime(list(keyed_facts(table, own)), POLICY, stepwise=stepwise), names=names)

    return run_table
