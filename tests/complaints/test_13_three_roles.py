"""Complaint 13: everybody may do everything. Here one reads, one acts and one opens what is personal."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from broker.core.desk_errors import NotForThisRole
from broker.core.desk_roles import Role
from broker.core.messages import Sought
from broker.ports import Topic
from tests.builders.desk import GROUNDS, DeskHouse, attendance
from tests.unit.services.test_worklist_desk import put_by_record

Act = Callable[[DeskHouse], Coroutine[Any, Any, None]]
"""What somebody does at the desk."""


async def lists(house: DeskHouse) -> None:
    """List everything and look at it masked."""
    for message in await house.messages.search(Sought()):
        await house.messages.show(message.place)
    [item] = (await house.rejected.board()).items
    await house.redriving.rehearse(item)
    await house.worklist.worklist()


async def redrives(house: DeskHouse) -> None:
    """Put what was rejected through its door again."""
    await house.redriving.redrive((await house.rejected.board()).items[0], GROUNDS)


async def settles(house: DeskHouse) -> None:
    """Settle work."""
    await house.worklist.settle((await house.worklist.worklist()).items[0], GROUNDS)


async def opens_what_was_rejected(house: DeskHouse) -> None:
    """Open what was rejected."""
    await house.rejected.unmask((await house.rejected.board()).items[0], GROUNDS)


async def opens_a_message(house: DeskHouse) -> None:
    """Open a message."""
    await house.messages.unmask((await house.messages.search(Sought()))[0].place, GROUNDS)


async def opens_work(house: DeskHouse) -> None:
    """Open the record that work is about."""
    await house.worklist.unmask((await house.worklist.worklist()).items[0], GROUNDS)


LEAST: dict[Act, Role] = {
    lists: Role.READER,
    redrives: Role.OPERATOR,
    settles: Role.OPERATOR,
    opens_what_was_rejected: Role.ADMINISTRATOR,
    opens_a_message: Role.ADMINISTRATOR,
    opens_work: Role.ADMINISTRATOR,
}
"""Everything that is tried here, and who may do it at the least."""


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("act", LEAST, ids=lambda act: getattr(act, "__name__", ""))
def test_each_role_is_refused_what_it_may_not(act: Act, role: Role) -> None:
    """Complaint 13: read-only, operator who may resend, administrator; a refusal writes nothing at all."""
    house = DeskHouse(role=role)
    house.send(attendance(processing="T"))
    put_by_record(house)
    before = {topic: house.kafka.read(topic) for topic in Topic}
    ranks = list(Role)

    if ranks.index(role) >= ranks.index(LEAST[act]):
        asyncio.run(act(house))
        return

    with pytest.raises(NotForThisRole):
        asyncio.run(act(house))
    assert before == {topic: house.kafka.read(topic) for topic in Topic}
