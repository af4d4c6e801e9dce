"""The matcher says how far it has come with each sender: a mark, not one for every visit (ruling 41)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import islice

from broker.adapters.memory import MemoryKafka, MemoryPartitionLog
from broker.core.alerts import Recipient, RecipientKind
from broker.core.checks import CheckMark
from broker.core.identifiers import OdsCode
from broker.ports import Topic, Write
from broker.wire.cloudevents import CHECK_TYPE, CloudEvent, read_headers, write_headers
from tests.builders.house import House, in_house
from tests.builders.matcher import AUTHORITY, NOON, PROVIDER, attendance, notice, numbers, plan

OTHER = OdsCode("RXH")
PEOPLE = list(islice(numbers(), 40))
SECOND = timedelta(seconds=1)


class _Noting(MemoryPartitionLog):
    """A log that notes which topics were written to together."""

    def __init__(self, kafka: MemoryKafka) -> None:
        """Work the house's partition."""
        super().__init__(kafka, "house", 0)
        self.together: list[set[str]] = []

    async def commit(self, writes: Sequence[Write]) -> None:
        """Note and commit."""
        self.together.append({write.topic for write in writes})
        await super().commit(writes)


def marks(house: House) -> list[CheckMark]:
    """Return every mark that was written, in order."""
    return [house.codecs.records.decode_mark(r.value or b"") for r in house.records(Topic.CHECKS)]


def mark(kind: RecipientKind, code: OdsCode, offset: int, *, after: timedelta = SECOND) -> CheckMark:
    """Return the mark of a sender whose newest record was received so long after noon."""
    sender = Recipient(kind=kind, code=code)
    return CheckMark(sender=sender, partition=0, offset=offset, received_at=NOON + after)


def test_many_visits_of_one_provider_make_one_mark() -> None:
    """Of people without a plan; it lies beside the input and says where it stands (ruling 41)."""

    async def scenario(house: House) -> None:
        house.send_all((number, attendance(f"v{place}")) for place, number in enumerate(PEOPLE))
        async with house.at_work():
            await house.taken()
        assert [mark(RecipientKind.PROVIDER, PROVIDER, len(PEOPLE))] == marks(house)
        [record] = house.records(Topic.CHECKS)
        event = read_headers(record.headers)
        assert (b"provider.RQX", 0, CHECK_TYPE, NOON + SECOND) == (
            record.key,
            record.partition,
            event.event_type,
            event.time,
        )

    in_house(scenario)


def test_each_sender_has_a_mark_of_its_own() -> None:
    """A provider's is about attendances, an authority's about plans, with its own newest receipt."""

    async def scenario(house: House) -> None:
        other = replace(attendance("v2"), provider=OTHER, received_at=NOON + 3 * SECOND)
        house.send(plan(received_at=NOON), attendance("v1"), other, notice())
        async with house.at_work():
            await house.taken()
        newest = {one.key: one for one in marks(house)}
        assert {
            b"la.211": mark(RecipientKind.AUTHORITY, AUTHORITY, 1, after=timedelta()),
            b"provider.RQX": mark(RecipientKind.PROVIDER, PROVIDER, 2),
            b"provider.RXH": mark(RecipientKind.PROVIDER, OTHER, 2, after=3 * SECOND),
        } == newest

    in_house(scenario)


def test_a_mark_is_written_with_what_follows_from_what_it_passes() -> None:
    """One transaction: no reader finds the mark of a visit and not its alert."""

    async def scenario(house: House) -> None:
        log = _Noting(house.kafka)
        house.send(plan(), attendance())
        async with house.at_work(house.matcher(log=log)):
            await house.told(Topic.ALERTS, 2)
        assert [True] == [Topic.CHECKS in topics for topics in log.together if Topic.ALERTS in topics]

    in_house(scenario)


def test_a_quiet_sender_gets_no_second_mark() -> None:
    """What was said stays said."""

    async def scenario(house: House) -> None:
        async with house.at_work():
            house.send(attendance("v1"))
            await house.taken()
            house.send(replace(attendance("v2"), provider=OTHER), number=PEOPLE[1])
            await house.taken()
        assert [PROVIDER, OTHER] == [one.sender.code for one in marks(house)]

    in_house(scenario)


def test_of_a_record_that_does_not_say_its_sender_nothing_is_claimed() -> None:
    """No header, or one that is no code: the visit could not be checked, whoever asks."""

    async def scenario(house: House) -> None:
        value = house.codecs.facts.encode(attendance(), PEOPLE[0])
        event = CloudEvent(event_id="1", source="urn:other", event_type="cpis.fact.v1", sender="no code")
        house.kafka.append(
            [
                Write(Topic.ATTENDANCES, PEOPLE[0].key, value),
                Write(Topic.ATTENDANCES, PEOPLE[0].key, value, write_headers(event)),
            ]
        )
        async with house.at_work():
            await house.taken()
        assert [] == marks(house)

    in_house(scenario)
