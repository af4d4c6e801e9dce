"""What a log has forgotten is counted, entered in the audit trail once, and told when nobody had read it."""

from dataclasses import replace
from functools import partial

from broker.core.audit import FIRST_HASH, AuditEntry, DestructionEntry, chain
from broker.core.errors import MalformedMessage
from broker.ports import Topic
from broker.services.matching import PartitionMatcher
from broker.services.matching_turns import Notice
from tests.builders.house import House, in_house
from tests.builders.matcher import HURRIED, SALT, attendance, plan, until

LOOKING = replace(HURRIED, beginnings_every_s=0.0)


def looking(house: House) -> PartitionMatcher:
    """Return a matcher that looks at every turn where the logs begin."""
    return house.matcher(pace=LOOKING)


def destructions(house: House) -> list[DestructionEntry]:
    """Return the entries of destruction in the audit trail."""
    found = []
    for record in house.records(Topic.AUDIT):
        try:
            found.append(house.codecs.records.decode_destruction(record.value or b""))
        except MalformedMessage:
            continue
    return found


def noted(house: House, before: int) -> bool:
    """Return whether `#p` says that the attendances before an offset are gone."""
    state = house.state()
    return state is not None and state.destroyed.get(Topic.ATTENDANCES) == before


def forget(house: House, before: int) -> None:
    """Let the log of the attendances begin at an offset."""
    house.kafka.delete_before(Topic.ATTENDANCES, 0, before)


def test_what_the_log_has_forgotten_is_in_the_audit_trail() -> None:
    """Places and a count, salted; nothing of a person (Recording the decision)."""

    async def scenario(house: House) -> None:
        house.send(attendance("a"), attendance("b"), attendance("c"))
        async with house.at_work(looking(house)):
            await house.taken()
            assert [] == house.reported.fields(Notice.DESTROYED)
            forget(house, 2)
            await until(lambda: Notice.DESTROYED in house.reported.kinds())
        state = house.state()
        assert state is not None
        assert {Topic.ATTENDANCES: 2} == state.destroyed
        assert [
            DestructionEntry(
                partition=0,
                sequence=1,
                at=state.clock,
                topic=Topic.ATTENDANCES,
                first=0,
                end=2,
                unread=0,
                salt=SALT,
                previous=FIRST_HASH,
            )
        ] == destructions(house)
        place = {"topic": Topic.ATTENDANCES, "partition": 0}
        assert [{**place, "count": 2, "unread": 0}] == house.reported.fields(Notice.DESTROYED)
        assert Notice.DESTROYED_UNREAD not in house.reported.kinds()

    in_house(scenario)


def test_it_is_entered_once_and_goes_on_where_it_ended() -> None:
    """A restart enters nothing anew; what goes later is an entry of its own."""

    async def scenario(house: House) -> None:
        house.send(*(attendance(name) for name in "abcd"))
        for before in (1, 1, 3):
            async with house.at_work(looking(house)):
                await house.taken()
                forget(house, before)
                await until(partial(noted, house, before))
        assert [(0, 1), (1, 3)] == [(entry.first, entry.end) for entry in destructions(house)]

    in_house(scenario)


def test_the_entries_of_decisions_and_destructions_are_one_chain() -> None:
    """Each carries the hash of the one before, whichever kind that is, and the numbers have no gap."""

    async def scenario(house: House) -> None:
        house.send(plan(), attendance("a"))
        async with house.at_work(looking(house)):
            await house.told(Topic.AUDIT, 1)
            forget(house, 1)
            await house.told(Topic.AUDIT, 2)
            house.send(attendance("b"))
            await house.told(Topic.AUDIT, 3)
        values = [record.value or b"" for record in house.records(Topic.AUDIT)]
        read = house.codecs.records
        entries: list[AuditEntry | DestructionEntry] = [
            read.decode_audit(values[0]),
            read.decode_destruction(values[1]),
            read.decode_audit(values[2]),
        ]
        ends = [FIRST_HASH]
        for value in values:
            ends.append(chain(ends[-1], value))
        assert [(1, ends[0]), (2, ends[1]), (3, ends[2])] == [
            (entry.sequence, entry.previous) for entry in entries
        ]
        state = house.state()
        assert state is not None
        assert (ends[3], 3) == (state.audit_hash, state.audit_sequence)

    in_house(scenario)


def test_what_nobody_had_read_is_told() -> None:
    """A matcher that was away for longer than the log remembers has missed alerts, and says so."""

    async def scenario(house: House) -> None:
        house.send(attendance("a"))
        async with house.at_work(looking(house)):
            await house.taken()
        house.send(attendance("b"), attendance("c"), attendance("d"))
        forget(house, 3)
        async with house.at_work(looking(house)):
            await house.taken()
        assert [(0, 3, 2)] == [(entry.first, entry.end, entry.unread) for entry in destructions(house)]
        place = {"topic": Topic.ATTENDANCES, "partition": 0}
        assert [{**place, "count": 2}] == house.reported.fields(Notice.DESTROYED_UNREAD)

    in_house(scenario)


def test_the_logs_are_looked_at_now_and_then() -> None:
    """At the start, and then once in a while: each look asks Kafka."""

    async def scenario(house: House) -> None:
        house.send(attendance("a"), attendance("b"))
        async with house.at_work():
            await house.taken()
            forget(house, 1)
            house.send(attendance("c"))
            await house.taken()
        assert [] == destructions(house)

    in_house(scenario)
