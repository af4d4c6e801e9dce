"""The lag of the event loop."""

from broker.runtime.loop_watch import LoopWatch


class Clock:
    """Shows what it was set to."""

    def __init__(self) -> None:
        """Begin at nought."""
        self.now = 0.0

    def __call__(self) -> float:
        """Return the time shown."""
        return self.now


def test_the_lag_is_how_late_the_waking_is() -> None:
    """A waking due after a second that comes after three is two seconds late."""
    seen: list[float] = []
    clock = Clock()
    watch = LoopWatch(seen.append, every_seconds=1.0, clock=clock)

    clock.now = 3.0
    watch.woken()

    assert [2.0] == seen
    assert watch.lag_seconds == 2.0


def test_a_waking_that_is_overdue_counts_before_it_comes() -> None:
    """Whoever asks while the waking is still due hears how late it is by now."""
    clock = Clock()
    watch = LoopWatch(lambda _lag: None, every_seconds=1.0, clock=clock)

    clock.now = 6.0

    assert watch.lag_seconds == 5.0


def test_a_loop_in_time_has_no_lag() -> None:
    """Nothing is late, and nothing is early."""
    clock = Clock()
    watch = LoopWatch(lambda _lag: None, every_seconds=1.0, clock=clock)

    clock.now = 0.5
    watch.woken()

    assert watch.lag_seconds == 0.0
