"""The part of the outbox that delivers, over real sockets: at its own pace, counted, told of."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import structlog

from broker.adapters.delivery_store import SqlDeliveries
from broker.core.delivery import Balance, State
from broker.core.errors import KafkaUnavailable
from broker.runtime.deliveries import Deliveries
from broker.runtime.delivery_metrics import (
    DELIVERIES,
    DELIVERIES_OLDEST,
    DELIVERIES_UNACCOUNTED,
    DELIVERY_ATTEMPTS,
    DELIVERY_SECONDS,
)
from broker.runtime.destinations import Route, routes
from broker.runtime.metrics import Metrics
from broker.runtime.parts import present
from broker.runtime.senders_file import parse_senders
from broker.runtime.settings import Settings
from broker.wire.acknowledgement import acknowledge, verdict
from broker.wire.hl7v2 import parse
from tests.builders.delivering import BODIES, HERE, Counter, Desk, Engine, database
from tests.builders.matcher import until

PATIENCE_S = 90.0


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Lend a destination with an empty inbox."""
    opened = Desk(database(tmp_path))
    yield opened
    opened.close()


def play(
    desk: Desk,
    scenario: Callable[[Deliveries, Engine], Awaitable[None]],
    *,
    metrics: Metrics | None = None,
    text: str = '[provider.RXX.deliver]\nmllp = "127.0.0.1:{port}"\nmllp_tls = false\n',
) -> tuple[Metrics, Engine]:
    """Deliver from a desk to an engine for as long as a scenario lasts."""
    metrics, engine = metrics or Metrics(), Engine()

    async def run() -> None:
        """Open the engine, deliver, stop."""
        async with engine.open(), asyncio.timeout(PATIENCE_S):
            senders = parse_senders(text.format(port=engine.port), "senders.toml")
            settings = Settings.model_validate({})
            deliveries = Deliveries(desk.url, routes(settings, senders), BODIES, metrics)
            await deliveries.start()
            try:
                await scenario(deliveries, engine)
            finally:
                await deliveries.stop()

    asyncio.run(run())
    return metrics, engine


def test_an_event_is_delivered_counted_and_timed(desk: Desk) -> None:
    """From the receipt of its cause to the engine's yes, as a histogram and in its row."""
    desk.arrive("e1", received_at=present())

    async def delivered(_deliveries: Deliveries, engine: Engine) -> None:
        """Wait until it is kept as delivered."""
        await engine.until(1)
        await until(lambda: desk.states().get("e1") is State.DELIVERED, PATIENCE_S)

    metrics, engine = play(desk, delivered)

    took = desk.found("e1").took
    assert ["e1"] == engine.control_ids
    assert took is not None
    assert 0 <= took.total_seconds() < PATIENCE_S
    assert 1 == metrics.value(DELIVERY_SECONDS, "_count", channel="mllp")
    assert 1 == metrics.value(DELIVERY_ATTEMPTS, channel="mllp", outcome="delivered")


def test_an_event_that_comes_while_we_wait_goes_out_when_it_is_stored(desk: Desk) -> None:
    """The outbox says so; another recipient's does not wake it."""

    async def wake(deliveries: Deliveries, engine: Engine) -> None:
        """Store one and say so."""
        desk.arrive("e1", received_at=present())
        deliveries.wake("la.S99")
        deliveries.wake(HERE.recipient)
        await engine.until(1)

    assert ["e1"] == play(desk, wake)[1].control_ids


def test_what_a_destination_that_is_gone_would_have_got_is_put_aside(desk: Desk) -> None:
    """Somebody sees that who was told did not hear the end; the other channel is not touched."""
    desk.arrive("e1", received_at=present())

    async def delivered(_deliveries: Deliveries, engine: Engine) -> None:
        """Wait until it is delivered."""
        await until(lambda: desk.states().get("e1") is State.DELIVERED, PATIENCE_S)

    play(desk, delivered)
    desk.arrive("e2", alert_id="a2", received_at=present())

    async def put_aside(_deliveries: Deliveries, _engine: Engine) -> None:
        """Wait until the second is dead."""
        await until(lambda: desk.states().get("e2") is State.DEAD, PATIENCE_S)

    play(desk, put_aside, text="")

    assert "its destination is not in the senders file any more" == desk.found("e2").fault


def test_what_waits_what_is_dead_and_what_is_nowhere_are_gauges(desk: Desk) -> None:
    """Counted over and over while it works."""
    desk.arrive("e1", body=b"no alert", received_at=present())
    metrics = Metrics()

    async def dead(_deliveries: Deliveries, _engine: Engine) -> None:
        """Wait until it is put aside."""
        await until(lambda: desk.states().get("e1") is State.DEAD, PATIENCE_S)

    play(desk, dead)  # counting begins with what is found

    async def counted(_deliveries: Deliveries, _engine: Engine) -> None:
        """Wait until it is in the counts."""
        await until(lambda: metrics.value(DELIVERIES, channel="mllp", state="dead") == 1, seconds=PATIENCE_S)

    play(desk, counted, metrics=metrics)

    assert 0 == metrics.value(DELIVERIES, channel="mllp", state="waiting")
    assert 0 == metrics.value(DELIVERIES_OLDEST, channel="mllp")
    assert 0 == metrics.value(DELIVERIES_UNACCOUNTED, channel="mllp")


def test_a_database_that_is_away_stops_nothing_for_good(desk: Desk) -> None:
    """It is told of, and what waited goes out when it is back."""

    async def away_and_back(deliveries: Deliveries, engine: Engine) -> None:
        """Put the table back once the failure was told."""
        desk.arrive("e1", received_at=present())
        with structlog.testing.capture_logs() as lines:
            desk.rename("inbox", "elsewhere")
            await until(
                lambda: any(line["event"] == "delivery failed on our side" for line in lines), PATIENCE_S
            )
        desk.rename("elsewhere", "inbox")
        deliveries.wake(HERE.recipient)
        await engine.until(1)

    assert ["e1"] == play(desk, away_and_back)[1].control_ids


def test_a_refusal_is_told_once_and_so_is_the_return(desk: Desk) -> None:
    """A queue that waits writes no line for every attempt."""
    refused: list[bytes] = []

    def reply(message: bytes) -> bytes:
        """Refuse twice, then take it."""
        error = KafkaUnavailable() if len(refused) < 2 else None
        refused.append(message)
        return acknowledge(parse(message), verdict(error), error=error)

    desk.arrive("e1", received_at=present())

    async def taken(_deliveries: Deliveries, engine: Engine) -> None:
        """Wait until it is delivered."""
        engine.reply = reply
        await until(lambda: desk.states().get("e1") is State.DELIVERED, PATIENCE_S)

    with structlog.testing.capture_logs() as lines:
        metrics, _ = play(desk, taken)

    told = [line["event"] for line in lines]
    assert ["destination fails", "destination answers again"] == told
    assert 3 == len(refused)
    assert 2 == metrics.value(
        DELIVERY_ATTEMPTS, channel="mllp", outcome="the receiver refuses for no fault of the content"
    )


def test_a_destination_is_what_its_route_says(desk: Desk) -> None:
    """When an event goes out, and from which topic, stands there: at the end of a window, say."""
    later = present() + timedelta(days=1)
    route = Route(replace(HERE, due=lambda _sendable, _now: later), Counter)
    desk.arrive("e1", received_at=present())

    async def play_it() -> None:
        """Wait until the event has its delivery."""
        deliveries = Deliveries(desk.url, {HERE.name: route}, BODIES, Metrics())
        await deliveries.start()
        try:
            await until(lambda: "e1" in desk.states(), PATIENCE_S)
        finally:
            await deliveries.stop()

    asyncio.run(play_it())
    delivery = desk.found("e1")
    assert (State.WAITING, 0) == (delivery.state, delivery.attempts)
    assert abs(delivery.due_at - later) < timedelta(seconds=1)


def test_a_defect_in_counting_ends_neither_counting_nor_delivering(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody would see any more what waits and what is dead; and the database was left open at the stop."""
    desk.arrive("e1", received_at=present())
    monkeypatch.setattr("broker.runtime.deliveries._BALANCE_EVERY_S", 0.01)
    counted = SqlDeliveries.balance
    looks: list[str] = []

    def balance(self: SqlDeliveries, destination: str, *, at: datetime) -> Balance:
        """Fail once."""
        looks.append(destination)
        if len(looks) == 1:
            raise ZeroDivisionError
        return counted(self, destination, at=at)

    monkeypatch.setattr(SqlDeliveries, "balance", balance)

    async def counted_again(_deliveries: Deliveries, engine: Engine) -> None:
        """Wait until it is delivered, and counted anew."""
        await engine.until(1)
        await until(lambda: len(looks) > 1, PATIENCE_S)

    with structlog.testing.capture_logs() as lines:
        play(desk, counted_again)

    assert 1 == [line["event"] for line in lines].count("deliveries not counted")
