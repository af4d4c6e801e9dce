"""Dying between any two steps of a delivery loses nothing, keeps each alert's order, repeats the same ids."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from broker.adapters.delivery_store import SqlDeliveries
from broker.core.alerts import Change, EventKind
from broker.core.delivery import Outcome, State
from broker.services.delivering import OWNED_FOR, Deliverer, Letter, Surroundings
from tests.builders.delivering import HERE, Counter, Desk, database, work, work_off

ALERTS = {"e1": "a1", "e2": "a1", "e3": "a2"}
STEPS = 16
"""Every step of the three events, before and after which the process may die, and none left over."""


class Died(BaseException):
    """The process is gone."""


class Fuse:
    """Burns down with each step, and lets the process die at the end."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def burn(self) -> None:
        """Take one step, or die."""
        if self.left == 0:
            raise Died
        self.left -= 1


class MortalStore:
    """A store in whose process anything may be the last thing that is done."""

    def __init__(self, store: SqlDeliveries, fuse: Fuse) -> None:
        self._store = store
        self._fuse = fuse

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Return a method that dies before or after its work."""
        method = getattr(self._store, name)

        def mortal(*arguments: Any, **named: Any) -> Any:
            """Burn, work, burn."""
            self._fuse.burn()
            done = method(*arguments, **named)
            self._fuse.burn()
            return done

        return mortal


class MortalCounter(Counter):
    """Takes a letter, and its answer may come to nobody."""

    def __init__(self, fuse: Fuse, taken: Counter) -> None:
        super().__init__()
        self._fuse = fuse
        self._taken = taken

    async def send(self, letter: Letter) -> Outcome:
        """Take it, then perhaps die."""
        outcome = await self._taken.send(letter)
        self._fuse.burn()
        return outcome


@pytest.mark.parametrize("steps", range(0, 2 * STEPS, 2))
def test_whenever_it_dies_everything_comes_in_order(tmp_path: Path, steps: int) -> None:
    """The next process ends what the last one began (peers.md 3.2, complaint 2: the same id for a repeat)."""
    desk = Desk(database(tmp_path))
    desk.arrive("e1")
    desk.arrive("e2", kind=EventKind.UPDATED, changes=(Change.PLAN,))
    desk.arrive("e3", alert_id="a2")
    fuse, receiver = Fuse(steps), Counter()
    deliverer = desk.deliverer(MortalCounter(fuse, receiver))
    deliverer._around = _with(deliverer, MortalStore(desk.store, fuse))

    with pytest.raises(Died):
        asyncio.run(_dying(deliverer))
    desk.now += OWNED_FOR
    work(desk, receiver, owner="two")

    assert {State.DELIVERED} == set(desk.states().values())
    assert ALERTS.keys() == set(receiver.ids)
    assert receiver.ids.index("e1") < receiver.ids.index("e2")
    assert len(receiver.ids) <= len(ALERTS) + 1
    assert 0 == desk.store.balance(HERE.name).unaccounted
    desk.close()


async def _dying(deliverer: Deliverer) -> None:
    """Work until the process dies, for a while after everything is done."""
    for _ in range(STEPS):
        await work_off(deliverer)


def _with(deliverer: Deliverer, store: Any) -> Surroundings:
    """Return what a deliverer works with, with a store that dies."""
    return replace(deliverer._around, store=store)
