"""A matcher of newer rules finds what an older one left, and is killed at it (ADR 0016)."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import islice

import pytest

from broker.core.alerts import AlertEvent, Change, EventKind
from broker.core.errors import NewerState
from broker.core.facts import PlanFact, VisitEvent
from broker.core.policy import RULES_VERSION, Policy
from broker.core.policy_keys import Selector
from broker.ports import Topic, Write
from broker.services.matching_sweep import Purpose
from broker.services.matching_turns import Notice
from tests.builders.faulty_logs import Fuse, FusedLog, Killed
from tests.builders.house import ADA, House, in_house
from tests.builders.matcher import HURRIED, NOON, PROVIDER, attendance, numbers, plan, until

NEWER = RULES_VERSION + 1
PEOPLE = 12
NOBODY, TOLD = list(islice(numbers(), 1, 3)), list(islice(numbers(), 3, 3 + PEOPLE))
LONGER = Policy(
    visible_after_end=timedelta(days=400),
    overrides={Selector(provider=PROVIDER): {"name": "Homerton emergency department"}},
)
LEFT = attendance(at=NOON + timedelta(hours=1), event=VisitEvent.DISCHARGED)


def hidden() -> PlanFact:
    """Return a plan that the newer rules alone let be seen: it ended 380 days ago."""
    start, end = (NOON.date() - timedelta(days=days) for days in (500, 380))
    content = replace(plan().content, start=start, end=end)
    return replace(plan(recorded_at=NOON - timedelta(days=400)), content=content)


def by_alert(events: Sequence[AlertEvent]) -> dict[str, list[AlertEvent]]:
    """Return events by their alert, in order."""
    found: dict[str, list[AlertEvent]] = {}
    for event in events:
        found.setdefault(event.alert.alert_id, []).append(event)
    return found


async def older(house: House) -> None:
    """Have twelve told of a visit, and two of whom nobody is told; the clock passes everybody's stay."""
    for number in TOLD:
        house.send(plan(), attendance(), LEFT, number=number)
    for number in NOBODY:
        house.send(hidden(), attendance(), LEFT, number=number)
    house.send(attendance("later", at=NOON + timedelta(days=3)), number=ADA)
    async with house.at_work():
        await house.taken()


def decided(house: House) -> bool:
    """Whether `#p` says that everybody was decided by the newer rules."""
    state = house.state()
    return state is not None and (state.rules_version, state.policy_version) == (NEWER, LONGER.version)


def test_newer_rules_tell_whom_older_ones_told_once_killed_at_every_await() -> None:
    """
    Another matcher goes on, and finds nothing said twice, nothing left out, and nobody told who was not.

    A message waits in the log all the while: what it changes is told apart, without the reason (ruling 45).
    """

    async def killed(length: int) -> bool:
        """Return whether the matcher was killed at a step, another having gone on."""
        house, fuse = House(), Fuse(length, Killed)
        await older(house)
        said = len(house.events())
        house.send(replace(attendance(message_id="moved"), location="WARD"), number=TOLD[0])
        house.send(attendance(), number=NOBODY[0])
        pace = replace(HURRIED, turn_s=0.001)
        first = house.matcher(
            log=FusedLog(house.kafka, "house", 0, fuse), policy=LONGER, rules_version=NEWER, pace=pace
        )
        task = asyncio.ensure_future(first.run())
        await until(lambda: task.done() or decided(house))
        first.stop()
        await asyncio.wait({task})
        died = isinstance(task.exception(), Killed)
        for _ in range(2):
            async with house.at_work(house.matcher(policy=LONGER, rules_version=NEWER)):
                await until(lambda: decided(house))
                await house.taken()
        after = house.events()[said:]
        assert 2 * PEOPLE == len([event for event in after if Change.RULES in event.changes])
        assert [TOLD[0]] * 2 == [event.subject for event in after if Change.RULES not in event.changes]
        assert set(TOLD) == {event.subject for event in after}
        for events in by_alert(house.events()).values():
            assert list(range(1, len(events) + 1)) == [event.revision for event in events]
        assert all(house.person(number).untold for number in NOBODY)
        return died

    async def scenario(_: House) -> None:
        lengths = 1
        while await killed(lengths):
            lengths += 1
        assert lengths > PEOPLE

    in_house(scenario)


def test_what_waits_in_the_log_is_told_apart_from_what_the_rules_changed() -> None:
    """First what the rules changed, with the reason; then what the message says, without it."""

    async def scenario(house: House) -> None:
        house.send(plan(), attendance())
        async with house.at_work():
            await house.told(Topic.ALERTS, 2)
        house.send(LEFT)
        async with house.at_work(house.matcher(policy=LONGER, rules_version=NEWER)):
            await house.told(Topic.ALERTS, 6)
        assert [[(), (Change.RULES, Change.VISIT), (Change.DISCHARGED, Change.VISIT)]] * 2 == [
            [event.changes for event in events] for events in by_alert(house.events()).values()
        ]
        assert {EventKind.UPDATED} == {event.kind for event in house.events()[2:]}
        values = [house.codecs.alerts.decode_published(r.value or b"") for r in house.records(Topic.ALERTS)]
        assert [RULES_VERSION] * 2 + [NEWER] * 4 == [value.rules_version for value in values]

    in_house(scenario)


def test_a_damaged_record_of_whom_more_has_come_stops_nobody() -> None:
    """What came is work for the operator, the person is counted, and the others are decided anew."""

    async def scenario(house: House) -> None:
        house.send(plan(), attendance())
        async with house.at_work():
            await house.told(Topic.ALERTS, 2)
        house.kafka.append([Write(Topic.PEOPLE, NOBODY[0].key, b"damaged")])
        house.send(attendance(), number=NOBODY[0])
        async with house.at_work(house.matcher(policy=LONGER, rules_version=NEWER)):
            await house.told(Topic.ALERTS, 4)
            await until(lambda: decided(house))
        swept = house.reported.fields(Notice.SWEPT)
        assert [1] == [fields["count"] for fields in swept if fields["reason"] == Purpose.REDECIDE]
        assert 1 == len(house.reported.fields(Notice.UNPROCESSABLE))

    in_house(scenario)


def test_an_older_release_does_not_go_on_from_what_newer_rules_decided() -> None:
    """It would tell everybody the opposite."""

    async def scenario(house: House) -> None:
        async with house.at_work(house.matcher(rules_version=NEWER)):
            await house.told(Topic.PEOPLE, 1)
        with pytest.raises(NewerState):
            await house.matcher().run()

    in_house(scenario)
