"""Providers' topics are taken from while the role runs; a trouble is told once, and an end is none."""

import asyncio
from collections.abc import Callable, Sequence

import pytest

from broker.core.errors import KafkaUnavailable
from broker.core.identifiers import OdsCode
from broker.core.senders import UNSETTLED
from broker.ports import Offered
from broker.runtime import provider_topics
from broker.runtime.logs import Log
from broker.runtime.metrics import Metrics
from broker.runtime.provider_topics import Inward, ProviderTopics
from broker.runtime.sender_metrics import RECORDS_LOST
from tests.unit.services.test_offers import OWN, House

PATIENCE_SECONDS = 90.0


class MoodyOffers:
    """`Offers` that fail so many times, then have nothing, and break when they are given back."""

    def __init__(self, failures: int) -> None:
        self.left = failures
        self.asked = asyncio.Event()
        self.closed = asyncio.Event()

    async def take(self) -> Sequence[Offered]:
        """Fail, or wait until the end."""
        if self.left:
            self.left -= 1
            raise KafkaUnavailable("away")
        self.asked.set()
        await self.closed.wait()
        raise KafkaUnavailable("closed")

    async def done(self, taken: Sequence[Offered]) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Break what waits, if anything does."""
        if self.asked.is_set():
            self.closed.set()


def topics(offers: MoodyOffers, lost: list[Callable[[str, int], None]], metrics: Metrics) -> ProviderTopics:
    """Return what takes from one topic; `lost` gets what is to hear of losses."""

    def opened(_assigned: Callable[[], None], on_lost: Callable[[str, int], None]) -> MoodyOffers:
        lost.append(on_lost)
        return offers

    return ProviderTopics(
        Inward(owners={OWN: OdsCode("RXX")}, opening=opened),
        House().intake,
        settled=lambda _provider, _system: UNSETTLED,
        suspect=lambda: None,
        count=lambda _event: None,
        metrics=metrics,
        log=Log("intake"),
    )


def test_a_trouble_is_told_once_and_an_end_is_none(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Three failures are one line; what breaks because it is given back is none."""
    monkeypatch.setattr(provider_topics, "_PAUSE_SECONDS", 0.0)

    async def play() -> None:
        """Run, and close once everything was tried."""
        offers = MoodyOffers(failures=3)
        taking = topics(offers, [], Metrics())
        running = asyncio.ensure_future(taking.run())
        async with asyncio.timeout(PATIENCE_SECONDS):
            await offers.asked.wait()
            await taking.close()
            await running

    asyncio.run(play())

    assert 1 == caplog.text.count("'provider topics wait'")


def test_what_was_forgotten_untaken_is_counted_and_told(caplog: pytest.LogCaptureFixture) -> None:
    """Alerts may be missing."""
    lost: list[Callable[[str, int], None]] = []
    metrics = Metrics()

    async def play() -> None:
        """Make it, and let it hear of a loss."""
        topics(MoodyOffers(failures=0), lost, metrics)
        lost[0](OWN, 7)

    asyncio.run(play())

    assert 7 == metrics.value(RECORDS_LOST)
    assert "'records lost untaken'" in caplog.text
