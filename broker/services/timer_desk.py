"""
Says the words of timers that are due: everybody's record is read once, and what is late becomes a fact.

For somebody's cron, or by hand, until the outbox has timers of its own: running it twice or late does no
harm. It says that it is so late now, however long nobody has said so, so that nobody is told of each day.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from broker.core.effects import open_part
from broker.core.errors import MalformedMessage
from broker.core.facts import IdentityNotice
from broker.core.identifiers import NhsNumber, aware
from broker.core.invalidation import Inactive
from broker.core.operators import YET_UNWRITTEN, ActionKind, Grounds, Place
from broker.core.person import Person
from broker.core.timers import Timer, timer_of_inactive, timers
from broker.ports import PARTITION_STATE_KEY, FactLog, Topic
from broker.services.audited_access import AuditedAccess
from broker.services.desk_log import SOURCE
from broker.services.fact_writes import fact_write
from broker.services.newest import newest

WRITES_PER_APPEND = 500
"""So many at a time as Kafka acknowledges in one append."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DueWords:
    """
    The words that are due by a time, each with the number that it is said of, and how many by their kind.

    `unreadable` counts the records of people that could not be read: for those nothing is said.
    """

    words: tuple[tuple[NhsNumber, Timer], ...]
    unreadable: int

    @property
    def counts(self) -> Counter[str]:
        """How many words of each kind there are; names nobody."""
        return Counter(timer.kind.value for _, timer in self.words)


class TimerDesk:
    """Says what is due on a cluster. Every method raises `KafkaUnavailable`, `TopicMissing`."""

    def __init__(self, access: AuditedAccess, facts: FactLog) -> None:
        """Read with `access`, which takes down first how many words are said, and why; write to `facts`."""
        self._access = access
        self._facts = facts

    async def due(self) -> DueWords:
        """Return the words that are due now."""
        now, unreadable = aware(self._access.clock()), 0
        words: list[tuple[NhsNumber, Timer]] = []
        people = await newest(
            self._access.archive, Topic.PEOPLE, lambda record: record.key != PARTITION_STATE_KEY
        )
        for key, record in people.items():
            try:
                found = self._waiting(key, record.value or b"")
            except MalformedMessage:
                unreadable += 1
                continue
            words += [(number, timer) for number, timer in found if timer.at <= now]
        return DueWords(words=tuple(words), unreadable=unreadable)

    async def say(self, due: DueWords, grounds: Grounds) -> None:
        """Say the words that are due, once the audit trail says how many, who does it and why."""
        if not due.words:
            return
        now = aware(self._access.clock())
        place = Place(topic=Topic.IDENTITY.value, partition=YET_UNWRITTEN, offset=YET_UNWRITTEN)
        said = ", ".join(f"{count} {kind}" for kind, count in sorted(due.counts.items()))
        await self._access.log.audit(ActionKind.ADDED, "timers", place, grounds, outcome=said)
        writes = [
            fact_write(self._access.readers.facts, word, number, word.notice_id, SOURCE)
            for number, timer in due.words
            for word in (self._word(number, timer, now),)
        ]
        for start in range(0, len(writes), WRITES_PER_APPEND):
            await self._facts.append(writes[start : start + WRITES_PER_APPEND])

    def _word(self, number: NhsNumber, timer: Timer, now: datetime) -> IdentityNotice:
        """Return a word as a fact: that by now it is so late, or still so."""
        return IdentityNotice(
            notice_id=self._access.key.derive(
                "word", number.key, timer.kind, timer.visit or "", now.isoformat()
            ),
            kind=timer.kind,
            visit=timer.visit,
            recorded_at=now,
            received_at=now,
        )

    def _waiting(self, key: bytes, value: bytes) -> list[tuple[NhsNumber, Timer]]:
        """Return what a record waits for; raise `MalformedMessage`."""
        if self._access.readers.states.of_details(value) is not None:
            return []
        match self._access.readers.states.decode_any(key, value):
            case Person() as person:
                known = open_part(person)
                return [
                    (person.number, timer)
                    for timer in timers(person.number, known, self._access.policy, self._access.key)
                ]
            case Inactive() as inactive:
                timer = timer_of_inactive(inactive, self._access.policy)
                return [] if timer is None else [(inactive.ledger.number, timer)]
            case _:
                return []
