"""
Every port has a twin that is shipped and one suite that runs over the twin and the real adapter.

A port that is added without a row here, a row without its suite, or a suite that leaves a method out, fails.
"""

import ast
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_origin

import pytest

from broker import ports
from broker.adapters.kafka_archive import KafkaArchive
from broker.adapters.kafka_facts import KafkaFactLog
from broker.adapters.kafka_offers import KafkaOffers
from broker.adapters.kafka_partition import KafkaPartitionLog
from broker.adapters.kafka_tail import KafkaInputTail
from broker.adapters.memory import MemoryFactLog, MemoryPartitionLog
from broker.adapters.memory_archive import MemoryArchive
from broker.adapters.memory_demographics import MemoryDemographics
from broker.adapters.memory_messages import MemoryMessages
from broker.adapters.memory_offers import MemoryOffers
from broker.adapters.memory_sealing import MemorySealer
from broker.adapters.memory_tail import MemoryInputTail
from broker.adapters.message_table import MessageTable
from broker.adapters.sealing import KeyDirectory
from broker.runtime.parts import present
from broker.services.replay import SteppedClock

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, kw_only=True)
class Row:
    """
    One port: its in-memory twin, the real adapter, the suite that runs over both.

    `real` is None while no real adapter is shipped; the suite runs over the twin until then.
    """

    twin: Callable[..., Any]
    real: Callable[..., Any] | None
    suite: str

    @property
    def shipped(self) -> list[Callable[..., Any]]:
        """What is there to run the suite over."""
        return [self.twin] if self.real is None else [self.twin, self.real]


PORTS = {
    "Archive": Row(twin=MemoryArchive, real=KafkaArchive, suite="test_archive"),
    "Clock": Row(twin=SteppedClock, real=present, suite="test_clock"),
    "Demographics": Row(twin=MemoryDemographics, real=None, suite="test_demographics"),
    "FactLog": Row(twin=MemoryFactLog, real=KafkaFactLog, suite="test_fact_log"),
    "InputTail": Row(twin=MemoryInputTail, real=KafkaInputTail, suite="test_input_tail"),
    "MessageIndex": Row(twin=MemoryMessages, real=MessageTable, suite="test_message_index"),
    "Offers": Row(twin=MemoryOffers, real=KafkaOffers, suite="test_offers"),
    "PartitionLog": Row(twin=MemoryPartitionLog, real=KafkaPartitionLog, suite="test_partition_log"),
    "Sealer": Row(twin=MemorySealer, real=KeyDirectory, suite="test_sealer"),
}


def promised(port: Any) -> list[str]:
    """Return the names of the methods that a protocol promises; a callable alone promises none."""
    return [name for name, value in vars(port).items() if inspect.isfunction(value) and name[0] != "_"]


def ports_of(module: Any) -> Iterator[str]:
    """Yield the names of a module's ports: protocols with something to call, and types of callables."""
    for name, value in vars(module).items():
        here = getattr(value, "__module__", None) == module.__name__
        if (here and getattr(value, "_is_protocol", False) and promised(value)) or (
            get_origin(value) is get_origin(Callable[[], None]) and not name.startswith("_")
        ):
            yield name


def test_every_port_has_its_row() -> None:
    """The table holds every port, and nothing that is none."""
    assert sorted(PORTS) == sorted(ports_of(ports))


def test_what_is_a_port_is_seen() -> None:
    """The walk finds protocols with methods and callables; shapes and values are none."""
    assert {"FactLog", "Clock"} <= set(ports_of(ports))
    assert not {"Record", "Write", "Topic", "Sealed", "Headers", "Callable"} & set(ports_of(ports))


@pytest.mark.parametrize("name", PORTS)
def test_twin_and_adapter_are_shipped(name: str) -> None:
    """Neither lives in the tests: users test their own code with the twin."""
    row = PORTS[name]

    assert {"broker"} == {each.__module__.partition(".")[0] for each in row.shipped}
    assert row.twin is not row.real


@pytest.mark.parametrize("name", PORTS)
def test_twin_and_adapter_are_called_alike(name: str) -> None:
    """Each method of the port has the port's parameters in both; types are checked by mypy."""
    port, row = getattr(ports, name), PORTS[name]

    different = [
        (each.__name__, method)
        for each in row.shipped
        for method in (promised(port) if inspect.isclass(port) else [])
        if list(inspect.signature(getattr(port, method)).parameters)
        != list(inspect.signature(getattr(each, method, lambda: None)).parameters)
    ]
    assert [] == different


@pytest.mark.parametrize("name", PORTS)
def test_the_suite_runs_over_both_and_calls_everything(name: str) -> None:
    """The suite, with the worlds it takes from the builders, names both and calls each method of the port."""
    port, row = getattr(ports, name), PORTS[name]
    used = set(_names_used(REPOSITORY / "tests" / "contract" / f"{row.suite}.py"))

    needed = {each.__name__ for each in row.shipped}
    needed |= set(promised(port)) if inspect.isclass(port) else set()
    assert set() == needed - used


def _names_used(path: Path) -> Iterator[str]:
    """Yield every name and attribute that a test module uses, and the builders that it imports."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name):
                yield name
            case ast.ImportFrom(module=str(module)) if module.startswith("tests.builders"):
                yield from _names_used(REPOSITORY / f"{module.replace('.', '/')}.py")
            case _:
                pass
