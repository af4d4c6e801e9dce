"""What every test may ask for."""

import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

from broker.adapters.embedded_kafka import EmbeddedKafka
from tests.builders.declared_kafka import declared_kafka
from tests.builders.secured import SecuredKafka, secured_kafka
from tests.log_search import LogSearch
from tests.measured import Measuring
from tests.spread import Spreading

# How long one example takes says how busy the machine is, and nothing of the program.
settings.register_profile("cpis", deadline=None)
settings.load_profile("cpis")


def pytest_configure(config: pytest.Config) -> None:
    """Search the logs of the run, spread and measure it, let Ctrl-C reach what the tests start."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell's background jobs hand this down
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.pluginmanager.register(LogSearch(), "log-search")
    config.pluginmanager.register(Spreading(), "spreading")
    config.pluginmanager.register(Measuring(), "measuring")


@pytest.fixture(scope="session")
def kafka() -> Iterator[EmbeddedKafka]:
    """
    Lend a genuine Kafka with the declared topics, one for the whole run.

    A test that kills it, or that needs topics nobody else writes to, starts its own.
    """
    with declared_kafka() as broker:
        yield broker


@pytest.fixture(scope="session")
def secured() -> Iterator[SecuredKafka]:
    """Lend a genuine Kafka that wants to know who speaks, with the declared topics and access lists."""
    with secured_kafka() as broker:
        yield broker
