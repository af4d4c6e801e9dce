"""Every specification runs on every runtime: the same test id appears once per runtime."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from string import ascii_letters, digits
from typing import Protocol, TypeVar

import pytest

from broker.core.facts import Details, Fact, PlanFact, VisitMessage
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.newborn_asked import birth_reference
from broker.core.newborn_links import mother_named
from broker.core.outcome_asked import outcome_reference
from broker.core.policy import AnyPolicy
from tests.builders.adt import Adt
from tests.spec.doors import taken
from tests.spec.genuine import genuine_runtime
from tests.spec.matchers import number_reference, run_twin
from tests.spec.numbers import usable_numbers
from tests.spec.outcome import Outcome
from tests.spec.releases import Release, Releases, releases_on_core, releases_on_kafka, releases_on_twin
from tests.spec.runtimes import Runtime, run_core
from tests.spec.settled import KEY, POLICY, PROVIDERS
from tests.spec.table import (
    cells,
    facts,
    keyed_facts,
    nobodys,
    people,
    recorded_facts,
    refused,
    visit_under,
)

Run = Callable[[str], Outcome]
RunFacts = Callable[[Sequence[Fact]], Outcome]
Sending = Callable[[Mapping[str, NhsNumber]], Iterable[Adt]]
"""From the numbers of a table's people to the messages of hospitals about them."""
Named = TypeVar("Named", Details, VisitMessage)


class RunReleases(Protocol):
    """From releases of the rules, each with a table of facts and its policy, to what is new with each."""

    def __call__(self, *played: tuple[str, AnyPolicy]) -> list[Outcome]:
        """Run them one after the other; each has a version of its own."""
        ...


class RunMoving(Protocol):
    """From a table of facts of a person with several numbers to what comes of them."""

    def __call__(self, table: str, *, stepwise: bool = False, a: NhsNumber | None = None) -> Outcome:
        """Run a table; `stepwise` each row is settled before the next one comes; `a` is the number of `A`."""
        ...


class RunNearby(Protocol):
    """From a table of facts of several people, and of visits of nobody, to what comes of them."""

    def __call__(self, table: str, *, stepwise: bool = False) -> Outcome:
        """Run a table; `stepwise` each row is settled before the next one comes."""
        ...


class RunDoors(Protocol):
    """From a table of facts, and messages of hospitals, to what comes of them."""

    def __call__(self, table: str, sent: Sending, *, stepwise: bool = False) -> Outcome:
        """Run a table with what is sent of its people; `stepwise` each is settled before the next."""
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


@pytest.fixture(scope="session")
def genuine_releases() -> Iterator[Releases]:
    """Lend releases on a genuine Kafka of their own, one for all specifications of changed rules."""
    with releases_on_kafka() as releases:
        yield releases


@pytest.fixture(params=["core", "twin", pytest.param("kafka", marks=pytest.mark.kafka)])
def run_releases(request: pytest.FixtureRequest, numbers: Iterator[NhsNumber]) -> RunReleases:
    """Lend a function from releases, each with a table of facts, to what is new with each of them."""
    if request.param == "kafka":
        releases: Releases = request.getfixturevalue("genuine_releases")
    else:
        releases = {"core": releases_on_core, "twin": releases_on_twin}[request.param]

    def run_them(*played: tuple[str, AnyPolicy]) -> list[Outcome]:
        number = next(numbers)
        return releases(
            number,
            [
                Release(facts=facts(table), policy=policy, version=version)
                for version, (table, policy) in enumerate(played, start=1)
            ],
        )

    return run_them


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
        outcome = runtime(list(keyed_facts(table, own)), POLICY, stepwise=stepwise)
        return replace(outcome, names=_words(own))

    return run_table


@pytest.fixture
def run_recorded(runtime: Runtime, numbers: Iterator[NhsNumber]) -> RunMoving:
    """
    Lend the same for the visits of several people, however a table names them, as intake records them.

    Decisions about a visit that was under several numbers are named with the number: `v1 of A`.
    """

    def run_table(table: str, *, stepwise: bool = False, a: NhsNumber | None = None) -> Outcome:
        own = {name: next(numbers) for name in people(table)} | ({} if a is None else {"A": a})
        names = {
            reference: f"{visit} of {name}"
            for name, number in own.items()
            for reference, visit in _words({name: number}).items()
            if visit != name
        }
        outcome = runtime(list(recorded_facts(table, own)), POLICY, stepwise=stepwise)
        return replace(outcome, names=_words(own) | names)

    return run_table


@pytest.fixture
def run_doors(runtime: Runtime, numbers: Iterator[NhsNumber]) -> RunDoors:
    """Lend the same for a table and what hospitals send of its people, by receipt, read as intake does."""

    def run_them(table: str, sent: Sending, *, stepwise: bool = False) -> Outcome:
        own = {name: next(numbers) for name in people(table)}
        came = sorted([*keyed_facts(table, own), *taken(sent(own))], key=lambda one: one[1].received_at)
        return replace(runtime(came, POLICY, stepwise=stepwise), names=_words(own))

    return run_them


@pytest.fixture
def run_nearby(runtime: Runtime, numbers: Iterator[NhsNumber]) -> RunNearby:
    """
    Lend the same for people `A`, `B` and `C` and visits without a usable number: `A04?` instead of `A04`.

    `plan?` waits for a number, `plan!` is one that a demographic source refused under its number. `plan~` is
    a record with a number whose plans could not be read, `plan?~` one without.

    Names are this specification's own, so that nobody of another one can be met.
    """

    def run_table(table: str, *, stepwise: bool = False) -> Outcome:
        own = {name: next(numbers) for name in "ABC"}
        own_names = partial(_renamed, suffix=own["A"].digits)
        marks = [row[1].lstrip(ascii_letters + digits) for row in cells(table)[1:]]
        keyed = keyed_facts(table.translate(dict.fromkeys(map(ord, "?!~"))), own)
        sent = [
            _marked(mark, number, own_names(fact), own.values())
            for mark, (number, fact) in zip(marks, keyed, strict=True)
        ]
        return runtime(sent, POLICY, stepwise=stepwise)

    return run_table


def _marked(
    mark: str, number: NhsNumber, fact: Fact, own: Iterable[NhsNumber]
) -> tuple[NhsNumber | None, Fact]:
    """Return a fact as what the mark behind its kind says that it is, and the number that it comes under."""
    if mark and isinstance(fact, VisitMessage):
        named = [one for one in own if mother_named(KEY, fact.visit, one) in (fact.mothers or ())]
        return None, nobodys(fact, named)
    if mark in {"", "?"}:
        return None if mark else number, fact
    refused_under = None if "?" in mark else number
    return None, refused(fact, refused_under, readable="~" not in mark)


def _renamed(fact: Fact, suffix: str) -> Fact:
    """Return a fact whose names are followed by the digits of one specification, where they say anything."""
    if isinstance(fact, PlanFact):
        details = _names(fact.content.details, suffix)
        return replace(fact, content=replace(fact.content, details=details))
    return _names(fact, suffix) if isinstance(fact, VisitMessage) else fact


def _names(holder: Named, suffix: str) -> Named:
    """Return details, or a message, with names of one's own; UNKNOWN and BABY stay."""
    names = {name: getattr(holder, name) for name in ("family", "given")}
    own = {name: text and (text if text.isupper() else text + suffix) for name, text in names.items()}
    return replace(holder, **own)


def _words(own: Mapping[str, NhsNumber]) -> dict[str, str]:
    """Return a table's words for numbers, their references, and visits under each of them."""
    names = {number.digits: name for name, number in own.items()}
    names |= {number_reference(number): name for name, number in own.items()}
    names |= {birth_reference(KEY, number): f"birth of {name}" for name, number in own.items()}
    names |= {outcome_reference(KEY, number): f"outcome of {name}" for name, number in own.items()}
    return names | {
        visit_under(number, f"v{place}", OdsCode(provider), system): f"v{place}"
        for number in own.values()
        for place in range(1, 4)
        for provider in PROVIDERS
        for system in ("EDSYS", "WARDSYS")
    }
