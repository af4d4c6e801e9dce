"""Complaint 3: a poison message blocks all behind it. Ours is set aside alone, and let out in order."""

from itertools import islice

from broker.adapters.memory import MemoryFactLog
from broker.adapters.memory_archive import MemoryArchive
from broker.core.operators import Grounds
from broker.core.worklist import ItemKind
from broker.services.desk_log import DeskLog
from broker.services.releasing import RELEASED, Releasing
from broker.services.worklist_desk import WorklistDesk
from tests.builders.house import ADA, PROVIDER_TOPIC, House, in_house
from tests.builders.matcher import KEY, NOON, attendance, numbers, plan
from tests.builders.readers import excluding_on, readers_of
from tests.unit.services.test_matching_poison import CURSED, CursedPolicy

(BOB,) = islice(numbers(), 1, 2)
GROUNDS = Grounds(by="ops-7", reason="ticket 4711")


def test_a_poison_record_is_parked_with_its_reason_and_nothing_waits_behind_it() -> None:
    """
    Complaint 3: park it with reason, keep per-child order only.

    Each record of a child that cannot be processed is parked by itself; what comes behind it, of the child
    and of everybody else, alerts at once, since facts merge in any order. Over a restart nothing is lost. Let
    out after the cause is mended, in their order, the parked ones alert as if nothing had happened; twice
    tells nobody twice.
    """

    async def scenario(house: House) -> None:
        excluding = excluding_on(house.kafka, readers_of(house.codecs), pen(house), KEY, lambda: NOON)
        desk = WorklistDesk(MemoryArchive(house.kafka), house.codecs.records, pen(house), excluding)
        async with house.at_work(house.matcher(policy=CursedPolicy())):
            house.send(plan())
            house.send(plan(), number=BOB)
            for visit in ("poison-1", "poison-2"):
                house.send(attendance(visit, provider=CURSED))
            house.send(attendance("behind"))
            house.send(attendance("of another"), number=BOB)
            await house.taken()
        assert 2 == len(house.events(PROVIDER_TOPIC))
        before = await desk.worklist()
        assert [(ItemKind.UNPROCESSABLE_RECORD, True, "ZeroDivisionError")] * 2 == [
            (work.item.kind, work.item.urgent, work.trouble and work.trouble.cause) for work in before.items
        ]

        async with house.at_work(house.matcher()):  # the next release, which has mended it
            await house.taken()
            assert before == await desk.worklist()
            for _ in range(2):
                released = await releasing(house).release(before.items, GROUNDS)
                assert [RELEASED] * 2 == [one.outcome for one in released]
                await house.taken()
        told = [event.alert.visit for event in house.events() if event.alert.recipient.code == CURSED]
        assert 2 == len(told)
        assert 2 == len(house.events(PROVIDER_TOPIC))
        assert [False] * 2 == [work.open for work in (await desk.worklist()).items if work.trouble]
        assert {"poison-1", "poison-2", "behind"} == set(house.person(ADA).known.visits)

    in_house(scenario)


def pen(house: House) -> DeskLog:
    """Return the desk's pen on a house's cluster."""
    return DeskLog(MemoryFactLog(house.kafka), house.codecs.records, key=KEY, clock=lambda: NOON)


def releasing(house: House) -> Releasing:
    """Return what releases on a house's cluster."""
    return Releasing(MemoryArchive(house.kafka), MemoryFactLog(house.kafka), house.codecs.facts, pen(house))
