"""Complaint 12: who looked at patient data is not all known. Here every way to it passes the audit trail."""

import asyncio
import inspect
from collections.abc import Callable, Coroutine, Iterator
from typing import get_type_hints

import pytest

from broker.adapters.kafka_archive import KafkaArchive
from broker.core.errors import KafkaUnavailable
from broker.core.messages import Sought
from broker.core.operators import Place
from broker.ports import Topic
from broker.runtime.desk import Desk
from broker.runtime.message_desk import Messages
from broker.services.desk_log import DeskLog
from tests.builders.desk import GROUNDS, DeskHouse, attendance
from tests.unit.services.test_rejected_desk import RefusingPen
from tests.unit.services.test_worklist_desk import put_by_record

SHOWS_NOBODY = {
    "RejectedDesk.at": "masked",
    "RejectedDesk.board": "masked",
    "RejectedDesk.raw": "bytes for a door or for masking; no command shows them",
    "Redriving.rehearse": "an outcome in stable words",
    "Releasing.rehearse": "an outcome in stable words",
    "PersonHolds.rehearse": "an outcome in stable words",
    "Reconciliation.counts": "numbers by authority",
    "TimerDesk.due": "words to be said, of which a command shows counts alone",
    "WorklistDesk.worklist": "masked",
    "MessageIndexing.catch_up": "nothing",
    "MessageDesk.search": "masked",
    "MessageDesk.show": "masked",
    "Excluding.require": "nothing: it keeps shut",
    "Excluding.require_bytes": "nothing: it keeps shut",
    "Excluding.is_out_of_use": "whether a number is in use, for what opens",
}
"""What may be called at the desk without an entry, and what it gives."""


def services() -> set[type]:
    """
    Return what stands at the desk, and what stands beside it for messages.

    Neither the pen of the audit trail, nor the log itself, which the desk lends to the messages alone.
    """
    hints = [hint for desk in (Desk, Messages) for hint in get_type_hints(desk).values()]
    return {*hints} - {DeskLog, KafkaArchive}


def ways() -> Iterator[tuple[str, Callable[..., object]]]:
    """Yield everything that can be called there."""
    for service in services():
        for name, method in vars(service).items():
            if inspect.iscoroutinefunction(method) and not name.startswith("_"):
                yield f"{service.__name__}.{name}", method


def enters(service: type, method: Callable[..., object], seen: frozenset[str] = frozenset()) -> bool:
    """Tell whether a method's source takes something down, itself or by what it calls of its own."""
    source = inspect.getsource(method)
    if ".audit(" in source or any(f".{name}(" in source for name in AUDITED_ELSEWHERE):
        return True
    own = [name for name in vars(service) if f"self.{name}(" in source and name not in seen]
    return any(enters(service, getattr(service, name), seen | {*own}) for name in own)


AUDITED_ELSEWHERE = ("add_word", "unmask", "explain", "_reconciliation.of")
"""Methods of other services that are themselves ways, and so are looked at here."""


def test_no_read_path_skips_the_audit() -> None:
    """
    Complaint 12: audit in the data path, not in the screen.

    Everything that can be called at the desk takes an entry down in its service, or stands in the list above
    with what it gives. What is added without either fails here.
    """
    named = {one.__name__: one for one in services()}
    silent = {way for way, method in ways() if not enters(named[way.partition(".")[0]], method)}

    assert set(SHOWS_NOBODY) == silent


async def place(house: DeskHouse, topic: Topic) -> Place:
    """Return where the one message of a topic lies."""
    return next(one.place for one in await house.messages.search(Sought()) if one.place.topic == topic)


async def open_rejected(house: DeskHouse) -> object:
    """Open what was rejected."""
    board = await house.rejected.board()
    return await house.rejected.unmask(board.items[0], GROUNDS)


async def open_taken(house: DeskHouse) -> object:
    """Open a message that was taken."""
    return await house.messages.unmask(await place(house, Topic.ATTENDANCES), GROUNDS)


async def open_kept(house: DeskHouse) -> object:
    """Open a message that was not taken."""
    return await house.messages.unmask(await place(house, Topic.REJECTED), GROUNDS)


async def open_work(house: DeskHouse) -> object:
    """Open the record that an item of the worklist is about."""
    return await house.worklist.unmask((await house.worklist.worklist()).items[0], GROUNDS)


@pytest.mark.parametrize("opening", [open_rejected, open_taken, open_kept, open_work])
def test_the_first_look_is_on_the_trail_as_every_other(
    opening: Callable[[DeskHouse], Coroutine[None, None, object]],
) -> None:
    """Complaint 12: events missing for the first query. Two looks, two entries; without one no look."""
    house, dark = DeskHouse(), DeskHouse(pen=RefusingPen)
    for one in (house, dark):
        one.send(attendance(processing="P"))
        one.send(attendance(processing="T"))
        put_by_record(one)

    for _ in range(2):
        asyncio.run(opening(house))
    with pytest.raises(KafkaUnavailable):
        asyncio.run(opening(dark))

    assert 2 == len(house.actions(Topic.AUDIT))
