"""Many deadlines with one timer: who is late is cancelled and told, and nobody else is."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from broker.deadlines import Deadlines

SOON = 0.01
NEVER = 60.0


async def forever() -> None:
    """Wait for what never comes."""
    await asyncio.get_running_loop().create_future()


def test_who_leaves_in_time_hears_nothing() -> None:
    """Nor is there anything left that would cancel its task later."""

    async def scenario() -> str:
        deadlines = Deadlines(SOON)
        with deadlines.one():
            await asyncio.sleep(0)
        with pytest.raises(TimeoutError), deadlines.one():  # the time of the first is over as well then
            await forever()
        return "went on"

    assert asyncio.run(scenario()) == "went on"


def test_who_is_late_is_told_and_not_cancelled_any_more() -> None:
    """As with `asyncio.timeout`: the task goes on."""

    async def scenario() -> int:
        with pytest.raises(TimeoutError), Deadlines(SOON).one():
            await forever()
        await asyncio.sleep(0)
        task = asyncio.current_task()
        assert task is not None
        return task.cancelling()

    assert asyncio.run(scenario()) == 0


def test_each_has_its_own_deadline() -> None:
    """Whoever came later is late later, also where those before it have left."""

    async def scenario() -> list[str]:
        deadlines, told = Deadlines(SOON), list[str]()

        async def wait(name: str, enough: asyncio.Event | None) -> None:
            try:
                with deadlines.one():
                    await (forever() if enough is None else enough.wait())
                told.append(f"{name} left")
            except TimeoutError:
                told.append(f"{name} was late")

        enough = asyncio.Event()
        loop = asyncio.get_running_loop()
        first, second = loop.create_task(wait("first", None)), loop.create_task(wait("second", enough))
        await asyncio.sleep(0)
        enough.set()
        await asyncio.wait({first, second})
        await wait("third", None)
        return told

    assert asyncio.run(scenario()) == ["second left", "first was late", "third was late"]


def test_a_cancel_of_somebody_else_stays_one() -> None:
    """Also where it comes before the time is over, and within another deadline."""

    async def scenario() -> bool:
        async def wait() -> None:
            with Deadlines(NEVER).one():
                await forever()

        task = asyncio.ensure_future(wait())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(SOON):
                await wait()
        return task.cancelled()

    assert asyncio.run(scenario())


def test_a_cancel_beside_the_deadline_is_not_swallowed() -> None:
    """A task that is told to end at the moment at which it is late ends."""

    async def scenario() -> bool:
        async def wait() -> None:
            with Deadlines(SOON).one():
                try:
                    await forever()
                except asyncio.CancelledError:
                    task.cancel()
                    raise

        task = asyncio.ensure_future(wait())
        await asyncio.wait({task})
        return task.cancelled()

    assert asyncio.run(scenario())


def test_another_error_than_the_cancel_is_its_own() -> None:
    """What was waited for may fail while it is being cancelled."""

    async def scenario() -> None:
        with Deadlines(SOON).one():
            try:
                await forever()
            except asyncio.CancelledError:
                raise LookupError from None

    with pytest.raises(LookupError):
        asyncio.run(scenario())


def test_many_share_a_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    """That is what it is for."""

    async def scenario() -> int:
        loop, timers = asyncio.get_running_loop(), list[float]()
        plain = loop.call_at

        def call_at(when: float, call: Callable[..., object], *words: Any, **more: Any) -> Any:
            timers.append(when)
            return plain(when, call, *words, **more)

        monkeypatch.setattr(loop, "call_at", call_at)
        deadlines = Deadlines(NEVER)
        for _ in range(100):
            with deadlines.one():
                pass
        return len(timers)

    assert asyncio.run(scenario()) == 1


def test_it_serves_one_loop_after_the_other() -> None:
    """The timer of a loop that has ended is not waited for."""
    deadlines = Deadlines(SOON)

    async def scenario() -> None:
        with deadlines.one():
            await asyncio.sleep(0)

    async def late() -> None:
        with deadlines.one():
            await forever()

    asyncio.run(scenario())
    with pytest.raises(TimeoutError):
        asyncio.run(late())


def test_there_is_none_without_a_task() -> None:
    """There would be nothing to cancel."""
    loop = asyncio.new_event_loop()
    told: list[str] = []

    def call() -> None:
        try:
            with Deadlines(SOON).one():
                pass
        except RuntimeError as error:
            told.append(str(error))
        loop.stop()

    loop.call_soon(call)
    loop.run_forever()
    loop.close()
    assert told == ["a deadline is a task's"]
