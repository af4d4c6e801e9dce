"""
Reads people's records, the check marks, and what waits for a number: for whoever answers about a person.

Knows how a record is found behind the numbers that were superseded (ruling 22), and that the matcher's own
record of a partition, read in the same pass, says up to where it has taken what came in.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

from broker.core.answers import Checked, Feeds, Looked, Uncheckable, answer
from broker.core.checks import CheckMark
from broker.core.errors import ConfigurationError, WrongIdentityKey
from broker.core.feeds import FeedRule, count, heard_of, last_taken
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.invalidation import Inactive
from broker.core.keyed import IdentityKey, moved_reference
from broker.core.partition import Forwarding, PartitionState
from broker.core.person import Person
from broker.core.policy import RULES_VERSION, AnyPolicy
from broker.core.possible import Shelf
from broker.core.possible_keys import bucket_of
from broker.core.succession import NUMBERS_PASSED_MAX
from broker.ports import PARTITION_STATE_KEY, Archive, Record, Topic
from broker.services.feed_health import files_taken, heard_by
from broker.wire.details_codec import DetailsCodec
from broker.wire.facts_codec import FactCodec
from broker.wire.feed_codec import FeedCodec
from broker.wire.records_codec import RecordsCodec
from broker.wire.state_codec import StateCodec

LOOK_AGAIN_S = 1.0
"""How long is waited until something is looked for again, seconds."""
NO_FEEDS = Feeds(known=0, stale=0)
"""For what is answered without a word about feeds."""
_LOOKS_AT_SHELVES = 5
"""How often it is looked, a second apart, whether the matchers have put what waits on its shelf."""
_MILLISECOND = timedelta(milliseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Readers:
    """What reads attendances, people, marks, who may be who, and what became of files."""

    facts: FactCodec
    states: StateCodec
    records: RecordsCodec
    details: DetailsCodec
    feeds: FeedCodec


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """A check mark and when it was written, aware UTC."""

    mark: CheckMark
    written_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """One pass over `cpis.people`: what lies under the keys asked for, and the matcher's, by partition."""

    values: Mapping[bytes, bytes]
    states: Mapping[int, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Whose:
    """
    Whose a visit is, its reference there, and the superseded numbers that were passed on the way.

    `person` is None for a successor without a record: what was sent on to it may be on its way (ruling 22);
    `number` is the successor's all the same.
    """

    person: Person | Inactive | None
    number: NhsNumber
    reference: str
    passed: Sequence[NhsNumber]


class Sources(Protocol):
    """
    Where it is looked; every look is at least as new as the one before.

    Both raise `KafkaUnavailable` and `TopicMissing`.
    """

    async def people(self, keys: Collection[bytes]) -> Read:
        """Return what lies under these keys, and the matcher's own records, at one moment."""
        ...

    async def details_ends(self, buckets: Collection[bytes]) -> Mapping[int, int]:
        """Return, by partition, the offset behind the last record of `cpis.in.details` under these keys."""
        ...


class PeopleReader:
    """Reads from sources; every method raises what they raise."""

    def __init__(
        self,
        sources: Sources,
        readers: Readers,
        *,
        policy: AnyPolicy,
        key: IdentityKey,
        look_again_s: float = LOOK_AGAIN_S,
        looks: int = _LOOKS_AT_SHELVES,
    ) -> None:
        """Look at a shelf at most `looks` times, waiting `look_again_s` seconds between two looks."""
        self._sources = sources
        self._looks = looks
        self._readers = readers
        self._policy = policy
        self._key = key
        self._look_again_s = look_again_s

    def state(self, value: bytes) -> PartitionState:
        """
        Return the matcher's own record of a partition.

        Raises `WrongIdentityKey` and `ConfigurationError` where it does not decide as we would.
        """
        state = self._readers.states.decode_partition(value)
        if state.key_fingerprint != self._key.fingerprint:
            raise WrongIdentityKey
        if (state.rules_version, state.policy_version) != (RULES_VERSION, self._policy.version):
            raise ConfigurationError("the matcher decides by another policy, or is not done deciding anew")
        return state

    async def settled(self, looked: Looked, passed: datetime | None) -> Checked:
        """Return what was looked at, where it matters with whether a record waits for a number (21)."""
        checked = replace(looked.checked, checked_at=passed)
        waiting = replace(checked, record_waiting=True)
        if answer(waiting, NO_FEEDS).reason is not Uncheckable.RECORD_WAITING:
            return checked
        keys = {under.encode() for under in looked.waiting_under}
        buckets = {bucket_of(under).encode() for under in looked.waiting_under}
        ends = await self._sources.details_ends(buckets)
        for turn in range(self._looks):
            await asyncio.sleep(self._look_again_s if turn else 0)
            read = await self.read(keys)
            shelves = [self._readers.details.decode_state(value) for value in read.values.values()]
            if any(isinstance(shelf, Shelf) and shelf.holds(looked.stay) for shelf in shelves):
                return waiting
            if self._has_put(read.states, ends):
                return checked
        return replace(checked, checked_at=None)

    def _has_put(self, states: Mapping[int, bytes], ends: Mapping[int, int]) -> bool:
        """Whether everything of `cpis.in.details` before these offsets, by partition, is on a shelf."""
        for partition, end in ends.items():
            value = states.get(partition)
            taken = {} if value is None else self._readers.states.decode_partition(value).offsets
            if taken.get(Topic.DETAILS, 0) < end:
                return False
        return True

    async def person(self, number: NhsNumber, value: bytes | None, reference: str) -> Whose:
        """Return the person of a record, or of the number that succeeded it, and the visit's name there."""
        passed: list[NhsNumber] = []
        while len(passed) <= NUMBERS_PASSED_MAX:
            found = None if value is None else self._readers.states.decode_any(number.key, value)
            if not isinstance(found, Forwarding):
                person = found if isinstance(found, Person | Inactive) else None
                return Whose(person=person, number=number, reference=reference, passed=passed)
            passed.append(number)
            reference = moved_reference(self._key, reference, former=number, number=found.to)
            number = found.to
            value = (await self.read({number.key})).values.get(number.key)
        return Whose(person=None, number=number, reference=reference, passed=passed)

    async def read(self, keys: Collection[bytes]) -> Read:
        """Return what lies under these keys and the matcher's own records, as they stand now."""
        return await self._sources.people(keys)


class ClusterReader(PeopleReader):
    """Reads on a cluster, from the beginning at each look: for somebody who asks now and then."""

    def __init__(
        self, archive: Archive, readers: Readers, *, policy: AnyPolicy, key: IdentityKey, look_again_s: float
    ) -> None:
        """Read with the archive; `look_again_s` is how long is waited between two looks, seconds."""
        super().__init__(ArchiveSources(archive), readers, policy=policy, key=key, look_again_s=look_again_s)
        self._archive = archive

    async def marks(self) -> list[Marked]:
        """Return the newest mark of every sender in every partition."""
        newest: dict[tuple[bytes, int], Marked] = {}
        async for records in self._archive.read(Topic.CHECKS):
            for record in records:
                one = marked(record, self._readers.records)
                newest[one.mark.key, one.mark.partition] = one
        return list(newest.values())

    async def feeds(self, marks: Iterable[Marked], rule: FeedRule, at: datetime) -> Feeds:
        """Return how many feeds are known and how many of them stale at a moment (ruling 41)."""
        return count(await self.heard(marks), at, rule)

    async def heard(self, marks: Iterable[Marked]) -> Mapping[OdsCode, datetime]:
        """Return when each authority was last heard of, by the marks and by its files (`heard_of`)."""
        taken = last_taken(await files_taken(self._archive, self._readers.feeds))
        return heard_of(heard_by(one.mark for one in marks), taken)


class ArchiveSources:
    """`Sources` that read an archive from its beginning at each look."""

    def __init__(self, archive: Archive) -> None:
        """Look there."""
        self._archive = archive

    async def people(self, keys: Collection[bytes]) -> Read:
        """Return what lies under these keys and the matcher's own records, as they stand now."""
        values: dict[bytes, bytes] = {}
        states: dict[int, bytes] = {}
        async for records in self._archive.read(Topic.PEOPLE):
            for record in records:
                if record.key == PARTITION_STATE_KEY:
                    states[record.partition] = record.value or b""
                elif record.key in keys and record.key is not None:
                    values.pop(record.key, None)
                    values |= {} if record.value is None else {record.key: record.value}
        return Read(values=values, states=states)

    async def details_ends(self, buckets: Collection[bytes]) -> Mapping[int, int]:
        """Return, by partition, the offset behind the last record of `cpis.in.details` under these keys."""
        ends: dict[int, int] = {}
        async for records in self._archive.read(Topic.DETAILS):
            ends |= {record.partition: record.offset + 1 for record in records if record.key in buckets}
        return ends


def marked(record: Record, records: RecordsCodec) -> Marked:
    """Return the mark of a record of `cpis.checks`; raise `MalformedMessage`."""
    written_at = _EPOCH + record.timestamp * _MILLISECOND
    return Marked(mark=records.decode_mark(record.value or b""), written_at=written_at)
