"""What a `Clock` promises: the present, and the twins that show a recorded or a chosen time."""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from broker.ports import Clock
from broker.runtime.demo import DemonstrationClock
from broker.runtime.parts import present
from broker.services.replay import SteppedClock

SHOWN = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)  # an hour that is there twice in Europe/London


@dataclass(frozen=True)
class World:
    """A clock, what time it is for it, and the way to let time go on."""

    clock: Clock
    now: Callable[[], datetime]
    go_on: Callable[[], None]


def the_present() -> World:
    """Return the clock of a live process."""
    return World(
        present, lambda: datetime.fromtimestamp(time.time_ns() / 1e9, tz=UTC), lambda: time.sleep(0.002)
    )


def stepped() -> World:
    """Return the clock of a replay."""
    clock = SteppedClock()
    clock.now = SHOWN
    return World(
        clock, lambda: clock.now, lambda: setattr(clock, "now", clock.now + timedelta(milliseconds=1))
    )


def demonstrated() -> World:
    """Return the clock of the demonstration while it plays."""
    clock = DemonstrationClock()
    shown = [SHOWN]
    clock.show(SHOWN)

    def go_on() -> None:
        shown.append(shown[-1] + timedelta(milliseconds=1))
        clock.show(shown[-1])

    return World(clock, lambda: shown[-1], go_on)


@pytest.fixture(params=[the_present, stepped, demonstrated], ids=["present", "stepped", "demonstration"])
def world(request: pytest.FixtureRequest) -> World:
    """Lend each clock in turn."""
    made: World = request.param()
    return made


@pytest.fixture
def elsewhere() -> Iterator[None]:
    """Have the process run where the local time is hours away from UTC."""
    former = os.environ.get("TZ")
    os.environ["TZ"] = "Pacific/Auckland"
    time.tzset()
    yield
    if former is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = former
    time.tzset()


def test_a_time_is_aware_and_utc(world: World, elsewhere: None) -> None:
    """No reader has to know where the machine stands."""
    assert world.clock().utcoffset() == timedelta(0)


def test_the_time_is_that_of_its_world(world: World, elsewhere: None) -> None:
    """What is shown lies between what it was before and what it is after."""
    before = world.now()
    shown = world.clock()

    assert before - timedelta(milliseconds=1) <= shown <= world.now() + timedelta(milliseconds=1)


def test_time_goes_on(world: World) -> None:
    """A later time is later; asking does not move it on by itself."""
    first = world.clock()
    world.go_on()

    assert first < world.clock()


def test_a_clock_begins_before_anybody_set_it() -> None:
    """A replay begins before every recorded time, a demonstration with the present."""
    assert SteppedClock()() < datetime(1900, 1, 1, tzinfo=UTC)
    assert abs(DemonstrationClock()() - present()) < timedelta(minutes=1)


def test_a_released_clock_shows_the_present() -> None:
    """After the recorded day the demonstration goes on in the present."""
    clock = DemonstrationClock()
    clock.show(SHOWN)
    clock.release()

    assert abs(clock() - present()) < timedelta(minutes=1)
