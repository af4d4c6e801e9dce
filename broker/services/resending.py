"""
Sends an alert event to one named destination again, by hand and with a reason.

Knows that it goes nowhere else (peers.md 3.2, complaint 6), that the newest event of an alert alone may go
again, and that the audit trail has it first.
"""

import asyncio
from collections.abc import Sequence

from broker.core.delivery import Delivery, State
from broker.core.desk_errors import DeliveryOutdated, NoSuchDelivery
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
    """Have each delivery made once more; each is in the audit trail before it is. Blocks for the database."""
    for one in deliveries:
        place = Place(topic=one.destination, partition=YET_UNWRITTEN, offset=YET_UNWRITTEN)
        await log.audit(ActionKind.REDRIVEN, one.event_id, place, grounds, outcome="sent again")
        await asyncio.to_thread(shelf.put, one.again(clock()))
