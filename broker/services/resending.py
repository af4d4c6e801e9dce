"""
Sends an event to one named destination again, settles what was put aside there, or forgets a destination: by
hand and with a reason.

Knows that it goes nowhere else (peers.md 3.2, complaint 6), that the newest event of an alert alone may go
again, and that the audit trail has it first.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from broker.core.delivery import Delivery, State
from broker.core.desk_errors import DeliveryNotDead, DeliveryOutdated, NoSuchDelivery
from broker.core.operators import YET_UNWRITTEN, ActionKind, Grounds, Place
from broker.delivery_ports import DeliveryShelf
from broker.ports import Clock
from broker.services.desk_log import DeskLog

_GONE = frozenset({State.ERASED, State.SUPERSEDED})


def look_up(shelf: DeliveryShelf, destination: str, event_id: str) -> Delivery:
    """
    Return a delivery that may be made again.

    Raises `NoSuchDelivery`, and `DeliveryOutdated` where its alert has a newer event there.
    """
    found = shelf.find(destination=destination, event_id=event_id)
    if not found or found[0].state in _GONE or not found[0].alert_id:
        raise NoSuchDelivery
    if shelf.newest(destination, found[0].alert_id) != found[0].number:
        raise DeliveryOutdated
    return found[0]


async def resend(
    shelf: DeliveryShelf, deliveries: Sequence[Delivery], grounds: Grounds, *, log: DeskLog, clock: Clock
) -> None:
    """
    Have each delivery made once more; each is in the audit trail before it is.

    Raises as `look_up`, where its alert has had newer news while the audit trail was written.
    """
    for one in deliveries:
        place = _place(one.destination)
        await log.audit(ActionKind.REDRIVEN, one.event_id, place, grounds, outcome="sent again")
        found = await asyncio.to_thread(look_up, shelf, one.destination, one.event_id)
        await asyncio.to_thread(shelf.put, found.again(clock()))


def look_up_dead(shelf: DeliveryShelf, destination: str, event_id: str) -> Delivery:
    """Return a delivery that was put aside; raise `NoSuchDelivery`, and `DeliveryNotDead` for any other."""
    found = shelf.find(destination=destination, event_id=event_id)
    if not found:
        raise NoSuchDelivery
    if found[0].state is not State.DEAD:
        raise DeliveryNotDead
    return found[0]


async def settle(
    shelf: DeliveryShelf, deliveries: Sequence[Delivery], grounds: Grounds, *, log: DeskLog
) -> None:
    """
    Let what was put aside ask for nobody any more, once the audit trail says who told its clinicians.

    Raises as `look_up_dead`, where it has been superseded or erased while the audit trail was written.
    """
    for one in deliveries:
        place = _place(one.destination)
        await log.audit(ActionKind.SETTLED, one.event_id, place, grounds, outcome="settled")
        found = await asyncio.to_thread(look_up_dead, shelf, one.destination, one.event_id)
        await asyncio.to_thread(shelf.put, replace(found, state=State.SETTLED))


async def forget(shelf: DeliveryShelf, destination: str, grounds: Grounds, *, log: DeskLog) -> None:
    """
    Look at a destination no more, once the audit trail says who says that nobody is owed an end there.

    Raises `NoSuchDelivery` for one that is not there.
    """
    if destination not in await asyncio.to_thread(shelf.destinations):
        raise NoSuchDelivery
    await log.audit(ActionKind.SETTLED, destination, _place(destination), grounds, outcome="forgotten")
    await asyncio.to_thread(shelf.forget, destination)


def _place(destination: str) -> Place:
    """Return what the audit trail names in the place of a record."""
    return Place(topic=destination, partition=YET_UNWRITTEN, offset=YET_UNWRITTEN)
