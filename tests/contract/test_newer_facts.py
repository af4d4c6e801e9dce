"""
A fact of a newer release, with a word that this one does not know: work for people, and nobody waits for it.

So that it never happens in an upgrade matchers are started before the doors that write such facts.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import pytest

from broker.adapters.memory_sealing import MemorySealer
from broker.core.facts import Fact
from broker.core.identifiers import NhsNumber
from broker.core.policy import Policy
from broker.core.worklist import ItemKind, WorklistItem
from broker.ports import INPUTS, PARTITION_STATE_KEY, Topic, Write
from broker.runtime.codecs import load_files
from broker.services.matching import PartitionMatcher, Surroundings
from broker.wire.avro import Schemas
from broker.wire.facts_codec import FactCodec, topic_of
from broker.wire.records_codec import Unprocessable
from tests.builders.matcher import (
    HURRIED,
    KEY,
    SALT,
    Reported,
    access,
    attendance,
    fact_write,
    make_codecs,
    notice,
    numbers,
    pause,
    plan,
)
from tests.builders.partition_worlds import World

DEADLINE_S = 180.0
NEWER_ID = 1_900
SEALER = MemorySealer()
CODECS = make_codecs(SEALER)


@dataclass(frozen=True, kw_only=True)
class Newer:
    """A fact that a newer release writes with a symbol of its own in one field."""

    schema: str
    field: str
    fact: Fact


NEWER = [
    Newer(schema="plan", field="plan_type", fact=plan()),
    Newer(schema="attendance", field="event", fact=attendance("visit-9")),
    Newer(schema="attendance", field="number_status", fact=attendance("visit-9")),
    Newer(schema="identity", field="kind", fact=notice()),
]


def newer_bytes(newer: Newer, number: NhsNumber) -> bytes:
    """Return the fact as the newer release writes it, under the id of its newer schema."""
    avsc, ids = load_files()
    for field in avsc[newer.schema]["fields"]:
        if field["name"] == newer.field:
            _enum(field["type"])["symbols"].append("INVENTED_LATER")
    schemas = Schemas(avsc, {**ids, newer.schema: NEWER_ID})
    codec = FactCodec(schemas, SEALER)
    row = schemas.decode(newer.schema, codec.encode(newer.fact, number))
    return schemas.encode(newer.schema, {**row, newer.field: "INVENTED_LATER"})


def _enum(declared: Any) -> dict[str, Any]:
    """Return the enum in a field's type, which may be one of a union."""
    if isinstance(declared, list):
        return next(_enum(one) for one in declared if isinstance(one, dict))
    found: dict[str, Any] = declared
    return found


def people_of(world: World) -> list[NhsNumber]:
    """Return two people of whom no other test speaks."""
    return list(islice(numbers(), 2 * world.partition, 2 * world.partition + 2))


async def items_of(world: World) -> list[tuple[WorklistItem, Unprocessable]]:
    """Return the worklist's items about records of this partition."""
    records = await world.read_everywhere(Topic.WORKLIST)
    items = [
        (CODECS.records.decode_item(record.value or b""), CODECS.records.open_record(record.value or b""))
        for record in records
    ]
    return [(item, about) for item, about in items if about and about.partition == world.partition]


async def work(world: World, writes: Sequence[Write]) -> Reported:
    """Append, and have a matcher take everything there is."""
    await world.append(list(writes))
    reported = Reported()
    matcher = PartitionMatcher(
        world.log(),
        CODECS,
        policy=Policy(),
        key=KEY,
        new_salt=lambda: SALT,
        report=reported,
        surroundings=Surroundings(pace=HURRIED),
    )
    ends = {topic: len(await world.read(topic)) for topic in INPUTS}
    working = asyncio.ensure_future(matcher.run())
    async with asyncio.timeout(DEADLINE_S):
        while not await _taken(world, ends):
            await pause(0.05)
    matcher.stop()
    await working
    return reported


async def _taken(world: World, ends: dict[Topic, int]) -> bool:
    """Return whether `#p` says that the inputs were taken."""
    people = await world.read(Topic.PEOPLE)
    states = [record.value for record in people if record.key == PARTITION_STATE_KEY]
    if not states:
        return False
    offsets = CODECS.states.decode_partition(states[-1] or b"").offsets
    return all(offsets.get(topic, 0) >= end for topic, end in ends.items())


@pytest.mark.parametrize("newer", NEWER, ids=[f"{one.schema} {one.field}" for one in NEWER])
def test_a_word_of_a_newer_release_is_work_for_people_and_stops_nobody(
    make_world: Callable[[], World], newer: Newer
) -> None:
    """Its bytes go to the worklist, urgently; the person's other facts and other people's are decided."""

    async def scenario() -> None:
        world = make_world()
        ada, bob = people_of(world)
        place, value = world.partition, newer_bytes(newer, ada)
        await work(
            world,
            [
                *(fact_write(CODECS.facts, plan(), number, place) for number in (ada, bob)),
                Write(topic_of(newer.fact), ada.key, value, (), place),
                *(fact_write(CODECS.facts, attendance(), number, place) for number in (ada, bob)),
                fact_write(CODECS.facts, access(), ada, place),
            ],
        )
        [(item, about)] = await items_of(world)
        told = [
            CODECS.alerts.decode_event(one.value or b"") for one in await world.read_everywhere(Topic.ALERTS)
        ]
        assert (ItemKind.UNPROCESSABLE_RECORD, True) == (item.kind, item.urgent)
        assert (topic_of(newer.fact), value) == (about.topic, about.value)
        assert {ada, bob} <= {event.subject for event in told}

    asyncio.run(scenario())


def test_such_a_visit_that_waited_for_a_plan_becomes_work_with_it(make_world: Callable[[], World]) -> None:
    """Nobody is asked about a person without a plan (ruling 46); with the plan the alert would be missed."""

    async def scenario() -> None:
        world = make_world()
        ada, bob = people_of(world)
        newer = NEWER[1]
        visit = Write(topic_of(newer.fact), ada.key, newer_bytes(newer, ada), (), world.partition)
        await work(world, [visit, fact_write(CODECS.facts, plan(), bob, world.partition)])
        before = await items_of(world)
        await work(world, [fact_write(CODECS.facts, plan(), ada, world.partition)])
        after = await items_of(world)
        assert ([], 1) == (before, len(after))

    asyncio.run(scenario())
