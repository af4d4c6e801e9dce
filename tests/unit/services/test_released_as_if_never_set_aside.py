"""Whichever records are set aside, once they are let out everything stands as if none had been."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from itertools import combinations

import pytest

from broker.adapters.memory import MemoryFactLog
from broker.adapters.memory_archive import MemoryArchive
from broker.adapters.memory_sealing import MemorySealer
from broker.core.alerts import Alert
from broker.core.facts import Fact, VisitEvent
from broker.core.identifiers import OdsCode
from broker.core.operators import Grounds
from broker.core.person import Known
from broker.services.desk_log import DeskLog
from broker.services.releasing import Releasing, quarantined
from broker.services.worklist_desk import WorklistDesk
from broker.wire.facts_codec import Arrival, FactCodec, topic_of
from tests.builders.house import House, in_house
from tests.builders.matcher import KEY, NOON, access, attendance, make_codecs, plan, schemas
from tests.builders.readers import excluding_on, readers_of

STORY: tuple[Fact, ...] = (
    plan(),
    plan(authority=OdsCode("204")),
    attendance(),
    access(at=NOON + timedelta(minutes=5)),
    attendance(event=VisitEvent.DISCHARGED, at=NOON + timedelta(hours=1)),
)
"""Two plans, a visit that is viewed and ends."""

Standing = tuple[Known, Mapping[str, Alert | None]]
"""What is known of the person, and what each alert last said."""


class Forgetful(FactCodec):
    """A codec with a defect that some values of an input meet, until it is mended."""

    cursed: frozenset[bytes] = frozenset()

    def read(self, topic: str, key: bytes, value: bytes) -> Arrival:
        """Return what a record holds, or fail."""
        if value in self.cursed:
            raise ZeroDivisionError
        return super().read(topic, key, value)


async def standing_after(house: House, aside: frozenset[int]) -> Standing:
    """Return what stands once those of the story that are set aside have been let out."""
    sealer = MemorySealer()
    codec = Forgetful(schemas(), sealer)
    house.codecs = replace(make_codecs(sealer), facts=codec)
    async with house.at_work():
        for number, fact in enumerate(STORY):
            before = {record.value for record in house.kafka.read(topic_of(fact))}
            house.send(fact)
            written = {record.value or b"" for record in house.kafka.read(topic_of(fact))} - before
            codec.cursed |= frozenset(written if number in aside else ())
        await house.taken()
        codec.cursed = frozenset()
        read = MemoryArchive(house.kafka)
        log = DeskLog(MemoryFactLog(house.kafka), house.codecs.records, key=KEY, clock=lambda: NOON)
        excluding = excluding_on(house.kafka, readers_of(house.codecs), log, KEY, lambda: NOON)
        work = await WorklistDesk(read, house.codecs.records, log, excluding).worklist()
        waiting = [one for one in work.items if quarantined(one)]
        assert bool(aside) == bool(waiting)
        grounds = Grounds(by="ops-7", reason="mended")
        await Releasing(read, MemoryFactLog(house.kafka), codec, log).release(waiting, grounds)
        await house.taken()
    person = house.person()
    return person.known, {alert_id: told.alert for alert_id, told in person.told.items()}


@pytest.mark.parametrize("count", range(1, len(STORY) + 1))
def test_what_was_set_aside_comes_to_the_same_when_it_is_let_out(count: int) -> None:
    """Facts merge in any order, so nothing that came behind a record needs to wait for it."""
    undisturbed: list[Standing] = []

    async def without(house: House) -> None:
        """Play the story as it came."""
        undisturbed.append(await standing_after(house, frozenset()))

    in_house(without)
    for chosen in combinations(range(len(STORY)), count):

        async def scenario(house: House, chosen: tuple[int, ...] = chosen) -> None:
            """Play it with some records set aside."""
            assert undisturbed == [await standing_after(house, frozenset(chosen))]

        in_house(scenario)
