"""
Visits without a usable number joined with people on file, for one partition of `cpis.in.details`. Ruling 21.

Its keys are no NHS numbers, so whoever is found here is somebody of another partition: what one partition
has to say to another it writes to the same input. States lie in `cpis.people` beside the people, written in
the transaction of what follows from them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from broker.core.identifiers import NhsNumber
from broker.core.keyed import IdentityKey
from broker.core.person import Known
from broker.core.policy import AnyPolicy
from broker.core.possible import Clue, Found, Numbered, OnFile, Search, Shelf, shelved
from broker.core.possible_keys import on_file, person_reference
from broker.ports import Record, Topic, Write
from broker.services.matching_output import SOURCE, Poison, Scribe, cause_of
from broker.wire.cloudevents import FACT_TYPE, CloudEvent, write_headers
from broker.wire.details_codec import DetailsCodec

KEYS_PER_BATCH_MAX = 500
"""Keeps a transaction far under its timeout: what is written for one key is small."""


@dataclass(slots=True)
class FoldedClues:
    """What came of one key's records: writes, and records that failed."""

    writes: list[Write] = field(default_factory=list)
    poison: list[Poison] = field(default_factory=list)


def sorted_clues(records: Sequence[Record]) -> tuple[dict[bytes, list[Record]], int]:
    """Return the first records by key, as many as make one batch, and how many these are."""
    clues: dict[bytes, list[Record]] = {}
    for number, record in enumerate(records):
        key = record.key or b""
        if key not in clues and len(clues) == KEYS_PER_BATCH_MAX:
            return clues, number
        clues.setdefault(key, []).append(record)
    return clues, len(records)


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

    def fold(self, key: bytes, records: Sequence[Record]) -> FoldedClues:
        """Fold one key's records; one that cannot be read or does not belong here is returned as poison."""
        folded = FoldedClues()
        clues = self._read(records, folded)
        try:
            state = self._codec.decode_state(self._held[key]) if key in self._held else None
            if clues:
                self._take(key, state, clues, folded)
        except Exception as error:  # noqa: BLE001 – whatever it is, the partition goes on
            folded.writes.clear()
            folded.poison = [Poison(record=record, cause=cause_of(error)) for record in records]
        return folded

    def copies(self, number: NhsNumber, before: Known, after: Known, at: datetime) -> list[Write]:
        """
        Return the copies to make, alter and take back so that a person is found by what is known `after`.

        `at` is when what led here was received.
        """
        if before.plans is after.plans:
            return []
        then, now = (on_file(known, self._policy, self._key) for known in (before, after))
        reference = person_reference(self._key, number)
        changed = [under for under in sorted(then.keys() | now.keys()) if then.get(under) != now.get(under)]
        return [
            on_file_write(
                self._codec, self._key, under, OnFile(reference=reference, window=now.get(under)), at
            )
            for under in changed
        ]

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

    def _read(self, records: Sequence[Record], folded: FoldedClues) -> list[Clue]:
        """Return what the records say; those that say nothing are poison."""
        clues: list[Clue] = []
        for record in records:
            try:
                clues.append(self._codec.decode_clue(record.value or b""))
            except Exception as error:  # noqa: BLE001 – whatever it is, the partition goes on
                folded.poison.append(Poison(record=record, cause=cause_of(error)))
        return clues

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
        after, found = shelved(before, put, key.decode("ascii"))
        if after != before:
            folded.writes.append(self._keep(key, after))
        for one in found:
            parts = (one.sought.visit, one.under, str(one.met), one.sought.heard_at.isoformat())
            event_id = self._key.derive("found", *parts)
            folded.writes.append(
                clue_write(self._codec, one.sought.visit, one, event_id, one.sought.heard_at)
            )

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


def on_file_write(
    codec: DetailsCodec, key: IdentityKey, under: str, clue: OnFile, at: datetime, source: str = SOURCE
) -> Write:
    """Return the record that says who is, or is no longer, on file under a key."""
    days = "" if clue.window is None else f"{clue.window.first} {clue.window.last}"
    event_id = key.derive("on file since", under, clue.reference, days, at.isoformat())
    return clue_write(codec, under, clue, event_id, at, source)


def clue_write(
    codec: DetailsCodec, key: str, clue: Clue, event_id: str, at: datetime, source: str = SOURCE
) -> Write:
    """Return the record of one clue under a key; the same step has the same `event_id`."""
    event = CloudEvent(event_id=event_id, source=source, event_type=FACT_TYPE, time=at, data_schema="details")
    return Write(Topic.DETAILS, key.encode("ascii"), codec.encode_clue(clue), write_headers(event))
