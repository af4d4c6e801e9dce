"""
What came in of a person that no matcher has taken yet: for whoever opens a record, or says there is no plan.

`cpis.people` is read first, with the matchers' own records: what was durable before then is in the person's
record, or lies behind what they have taken.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from broker.core.errors import MalformedMessage, UnsealingFailed
from broker.core.identifiers import NhsNumber
from broker.core.partition import PartitionState
from broker.core.person import lift
from broker.core.restriction import is_restricted
from broker.ports import Archive, Record, Topic
from broker.services.people_reading import PeopleReader, Read
from broker.wire.facts_codec import FactCodec


class Behind(NamedTuple):
    """
    What came in keeps from being done.

    `closes`: a record from being opened, since it may be restricted by it, or shut to somebody (24, 48).
    `matters`: `no plan on file` from being said (34, 41), or that this is all that is held.
    """

    closes: bool
    matters: bool


class Untaken:
    """Looks on a cluster behind what the matchers have taken; raises what the archive raises."""

    def __init__(self, archive: Archive, people: PeopleReader, facts: FactCodec) -> None:
        """Read with the archive; `people` reads the matchers' own records."""
        self._archive = archive
        self._people = people
        self._facts = facts

    async def behind(self, read: Read, numbers: Collection[NhsNumber]) -> Behind:
        """
        Return what came in under these numbers that was not taken when people were read.

        A mark that restricts may come with a notice, with a plan or with a visit (24).
        """
        states = {partition: self._people.state(value) for partition, value in read.states.items()}
        if not (await self._archive.begins(Topic.PLANS)).keys() <= states.keys():
            return Behind(closes=True, matters=True)  # without a matcher's record it has never been read
        keys = {one.key for one in numbers}
        notices = await self._records(Topic.IDENTITY, states, keys)
        plans = await self._records(Topic.PLANS, states, keys)
        visits = await self._records(Topic.ATTENDANCES, states, keys)
        closes = bool(notices) or any(map(self._may_restrict, [*plans, *visits]))
        return Behind(closes=closes, matters=closes or bool(plans))

    async def _records(
        self, topic: Topic, states: Mapping[int, PartitionState], keys: Collection[bytes]
    ) -> Sequence[Record]:
        """Return what an input holds under these keys behind what the matchers have taken."""
        since = {partition: state.offsets.get(topic, 0) for partition, state in states.items()}
        found: list[Record] = []
        async for records in self._archive.read(topic, since=since):
            found += [record for record in records if record.key in keys]
        return found

    def _may_restrict(self, record: Record) -> bool:
        """Whether a record restricts its person; one that was sent on, or cannot be read, may (22, 24)."""
        try:
            fact = self._facts.decode(record.topic, record.key or b"", record.value or b"")
        except (MalformedMessage, UnsealingFailed):
            return True
        return is_restricted(lift(fact))
