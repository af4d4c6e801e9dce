"""What a matcher takes at once, sorted by what it needs, and what comes of one person's part of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from broker.ports import Record, Topic, Write
from broker.services.matching_output import Poison, Told


@dataclass(slots=True)
class Batch:
    """
    Polled records, sorted by what they need.

    `touched` holds the records of people who have or get a record, `clues` those of details, sealed;
    `offsets` is where each input then stands; `rest` waits for the next batch; `moved` counts the records
    taken. `heard` is the newest record taken of each sender, by input, `received` when the last one of each
    input was received (aware UTC).
    """

    touched: dict[bytes, list[Record]] = field(default_factory=dict)
    clues: Sequence[Record] = ()
    nobody: list[Poison] = field(default_factory=list)
    offsets: dict[Topic, int] = field(default_factory=dict)
    rest: dict[Topic, Sequence[Record]] = field(default_factory=dict)
    moved: int = 0
    heard: dict[Topic, dict[bytes, Record]] = field(default_factory=dict)
    received: list[datetime] = field(default_factory=list)


@dataclass(slots=True)
class Folded:
    """
    What came of one person's records: writes, the alert events among them, records that were too late,
    records that failed.
    """

    writes: tuple[Write, ...] = ()
    told: tuple[Told, ...] = ()
    late: list[Record] = field(default_factory=list)
    poison: list[Poison] = field(default_factory=list)
