"""Every specification runs on every runtime: the same test id appears once per runtime."""

import asyncio
from collections.abc import Callable, Iterator

import pytest

from broker.adapters.kafka_topics import apply_topics, load_topics
from broker.core.identifiers import NhsNumber
from broker.runtime.kafka import embedded_kafka
from broker.runtime.resources import topics_file
from tests.spec.genuine import GenuineRuntime
from tests.spec.matchers import run_twin
from tests.spec.numbers import usable_numbers
from tests.spec.outcome import Outcome
from tests.spec.runtimes import Runtime, run_core
from tests.spec.settled import AUTHORITIES, POLICY, PROVIDERS
from tests.spec.table import facts

Run = Callable[[str], Outcome]


@pytest.fixture(scope="session")
def numbers() -> Iterator[NhsNumber]:
    """Lend NHS numbers, each to one specification."""
    return usable_numbers()


@pytest.fixture(scope="session")
def genuine() -> Iterator[Runtime]:
    """Lend a matcher on a genuine Kafka of its own, one for all specifications."""
    declared = topics_file().read_text("utf-8")
    lines = [
        f"local_authorities = {list(AUTHORITIES)}"
        if line.startswith("local_authorities =")
        else f"providers = {list(PROVIDERS)}"
        if line.startswith("providers =")
        else line
        for line in declared.splitlines()
    ]
    with embedded_kafka() as broker:
        asyncio.run(apply_topics(broker.cluster, load_topics("\n".join(lines))))
        with GenuineRuntime(broker.cluster, POLICY).working() as runtime:
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
