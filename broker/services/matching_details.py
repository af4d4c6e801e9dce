"""
Visits without a usable number joined with people on file, for one partition of `cpis.in.details`. Ruling 21.

Its keys are no NHS numbers, so whoever is found here is somebody of another partition: what one partition
has to say to another it writes to the same input. States lie in `cpis.people` beside the people, written in
the transaction of what follows from them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from broker.core.errors import KeysUnreadable, StorageUnusable
from broker.core.identifiers import NhsNumber
from broker.core.keyed import IdentityKey
from broker.core.person import Known, Person
from broker.core.policy import AnyPolicy
from broker.core.possible import Clue, Found, Numbered, OnFile, Placed, Search, Shelf, Sought, shelved
from broker.core.possible_keys import bucket_of, found_as_before, on_file, person_reference
from broker.core.possible_newborns import Leading, found_by_newborns, leads, on_file_for_newborns
from broker.core.waiting import waits_no_more_under, waits_under
from broker.ports import Record, Topic, Write
from broker.services.matching_output import SOURCE, Poison, Scribe, cause_of
from broker.wire.cloudevents import FACT_TYPE, CloudEvent, write_headers
from broker.wire.details_codec import DetailsCodec

CLUES_PER_BATCH_MAX = 250
"""Records of `cpis.in.details`: a transaction stays far under its timeout, and writes little for each."""

Heard = dict[str, list[tuple[Clue, Record]]]
"""What was read for each key of details or visit, with the records that say so."""


@dataclass(slots=True)
class FoldedClues:
    """What came of what was read for one key: writes, and records that failed."""

    writes: list[Write] = field(default_factory=list)
    poison: list[Poison] = field(default_factory=list)


class DetailsTable:
    """
    The shelves and searches of one partition, as bytes; thrown away with the rest after any doubt.

    Of the partition's own people it makes the copies by which other partitions find them.
    """

    def __init__(
        self,
        held: dict[bytes, bytes],
        *,
        codec: DetailsCodec,
        scribe: Scribe,
        policy: AnyPolicy,
        key: IdentityKey,
    ) -> None:
        """Take over what was loaded."""
        self._held = held
        self._codec = codec
        self._scribe = scribe
        self._policy = policy
        self._key = key

    def keys(self) -> list[bytes]:
        """Return every key that something is held under."""
        return list(self._held)

    def read(self, record: Record, heard: Heard) -> list[Poison]:
        """
        Add what a record says to what was heard; return it as poison where it cannot be read.

        Raises `KeysUnreadable`: then it can be later.
        """
        try:
            placed = self._codec.decode_clues(record.key or b"", record.value or b"")
        except KeysUnreadable:
            raise
        except Exception as error:  # noqa: BLE001 – whatever it is, the partition goes on
            return [Poison(record=record, cause=cause_of(error))]
        for one in placed:
            heard.setdefault(one.place, []).append((one.clue, record))
        return []

    def fold(self, place: str, heard: Sequence[tuple[Clue, Record]]) -> FoldedClues:
        """
        Fold what was heard for one key; what cannot be taken is returned as poison.

        Raises `StorageUnusable`: nothing can be sealed, and so nothing said to a search.
        """
        folded = FoldedClues()
        try:
            key = place.encode("ascii")
            state = self._codec.decode_state(self._held[key]) if key in self._held else None
            self._take(key, state, [clue for clue, _ in heard], folded)
        except StorageUnusable:
            raise
        except Exception as error:  # noqa: BLE001 – whatever it is, the partition goes on
            folded.writes.clear()
            folded.poison = [Poison(record=record, cause=cause_of(error)) for _, record in heard]
        return folded

    def copies(self, person: Person, before: Known, after: Known, at: datetime) -> list[Write]:
        """
        Return the copies to make, alter and take back so that a person is found by what is known `after`.

        `at` is when what led here was received. They are told from others by the salt of the person's record.
        Raises `StorageUnusable`.
        """
        if found_as_before(before, after):
            return []
        then, now = (on_file(known, self._policy, self._key) for known in (before, after))
        reference = person_reference(self._key, person.number, person.salt)
        changed = [under for under in sorted(then.keys() | now.keys()) if then.get(under) != now.get(under)]
        placed = [
            Placed(place=under, clue=OnFile(reference=reference, window=now.get(under))) for under in changed
        ]
        by_newborns = found_by_newborns(before, after, self._policy)
        placed += on_file_for_newborns(self._key, person.number, by_newborns)
        return clue_writes(self._codec, self._key, placed, at)

    def number_led(self, key: bytes, at: datetime, before: Leading, after: Leading) -> list[Write]:
        """
        Return what the shelves of a number hear of what became of it, `at` that time (rulings 22, 23).

        Out of use they say nothing of what waited; back in use they say that something may: nobody knows any
        more (ruling 41). Visits that name a mother by it go where it leads. Raises `StorageUnusable`.
        """
        if before == after:
            return []
        number = NhsNumber(key.decode("ascii"))
        placed = [leads(self._key, number, after)]
        if before.in_use != after.in_use:
            back = after.in_use
            placed.append(
                waits_under(self._key, number, at) if back else waits_no_more_under(self._key, number)
            )
        return clue_writes(self._codec, self._key, placed, at)

    def settle(self, key: bytes, clock: datetime) -> list[Write]:
        """
        Let go of what is older than H by the partition's clock, an item that was never settled with it.

        Raises whatever a codec raises.
        """
        horizon = clock - self._policy.horizon
        state = self._codec.decode_state(self._held[key])
        if isinstance(state, Shelf):
            after = state.since(horizon)
            return [] if after == state else [self._keep(key, after)]
        if state.heard_at >= horizon:
            return []
        item = state.item(self._key)
        closed = [] if item is None else [self._scribe.closed(item)]
        return [self._keep(key, None), *closed]

    def _take(
        self, key: bytes, state: Shelf | Search | None, clues: Sequence[Clue], folded: FoldedClues
    ) -> None:
        """Let a shelf, or a search, take what came for it."""
        heard = [clue for clue in clues if isinstance(clue, Found | Numbered)]
        if heard:
            search = state if isinstance(state, Search) else None
            self._search(key, search, heard, folded)
            return
        put = [clue for clue in clues if not isinstance(clue, Found | Numbered)]
        before = state if isinstance(state, Shelf) else Shelf()
        after, found, sent_on = shelved(before, put, key.decode("ascii"))
        if after != before:
            folded.writes.append(self._keep(key, after))
        said = [(Placed(place=one.sought.visit, clue=one), one.sought.heard_at) for one in found]
        said += [(one, one.clue.heard_at) for one in sent_on if isinstance(one.clue, Sought)]
        for placed, at in said:
            folded.writes += clue_writes(self._codec, self._key, [placed], at)

    def _search(
        self, key: bytes, before: Search | None, heard: Iterable[Found | Numbered], folded: FoldedClues
    ) -> None:
        """Let a search hear what was found, and open or settle its item."""
        after = before
        for clue in heard:
            at = clue.heard_at if isinstance(clue, Numbered) else clue.sought.heard_at
            after = (after or Search(heard_at=at)).hear(clue)
        if after is None or after == before:
            return
        folded.writes.append(self._keep(key, after))
        was = None if before is None else before.item(self._key)
        now = after.item(self._key)
        if now is not None and now != was:
            folded.writes.append(self._scribe.opened(now, after.heard_at))
        elif was is not None and now is None:
            folded.writes.append(self._scribe.closed(was))

    def _keep(self, key: bytes, state: Shelf | Search | None) -> Write:
        """Hold a state, or nothing any more, and return what to write."""
        if state is None or (isinstance(state, Shelf) and state.empty):
            self._held.pop(key, None)
            return self._scribe.forget(key)
        encode = self._codec.encode_shelf if isinstance(state, Shelf) else self._codec.encode_search
        self._held[key] = value = encode(state)  # type: ignore[arg-type]  # each by its own
        return Write(Topic.PEOPLE, key, value, partition=self._scribe.partition)


def clue_writes(
    codec: DetailsCodec, key: IdentityKey, placed: Iterable[Placed], at: datetime, source: str = SOURCE
) -> list[Write]:
    """
    Return the records of clues, one for each bucket that they belong to. Ruling 23.

    Nothing in clear depends on a detail or a number beyond the bucket: the id is made of what is sealed, and
    of `at`, when what led here was received, only the hour is told.
    """
    buckets: dict[bytes, list[Placed]] = {}
    for one in placed:
        buckets.setdefault(bucket_of(one.place).encode("ascii"), []).append(one)
    hour = at.replace(minute=0, second=0, microsecond=0)
    writes: list[Write] = []
    for bucket, clues in buckets.items():
        value = codec.encode_clues(bucket, clues)
        event = CloudEvent(
            event_id=key.derive("clues", value),
            source=source,
            event_type=FACT_TYPE,
            time=hour,
            data_schema="details",
        )
        writes.append(Write(Topic.DETAILS, bucket, value, write_headers(event)))
    return writes
