"""Who asks about a visit, at a desk on an in-memory Kafka, and archives that show it otherwise than it is."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from broker.adapters.memory import MemoryFactLog
from broker.adapters.memory_archive import MemoryArchive
from broker.core.answers import Answer, Uncheckable, could_not_check
from broker.core.facts import VisitMessage
from broker.core.feeds import FeedRule
from broker.core.identifiers import NhsNumber
from broker.core.keyed import IdentityKey, visit_reference
from broker.core.number_ranges import Takes, takes_any
from broker.core.operators import Grounds, OperatorAction
from broker.core.policy import AnyPolicy, Policy
from broker.ports import Archive, Record, Topic
from broker.services.audited_access import AuditedAccess, DeskUser
from broker.services.desk_log import DeskLog
from broker.services.enquiry import Enquiry
from broker.services.finding import VisitAsked
from broker.services.looking import Looking
from tests.builders.house import ADA, House
from tests.builders.matcher import KEY, NOON, PROVIDER, attendance, numbers
from tests.builders.readers import readers_of
from tests.builders.street import Street

GROUNDS = Grounds(by="ops-7", reason="ticket 4711")
BEN = list(zip(numbers(), range(2), strict=False))[1][0]
VISIT = VisitAsked(provider=PROVIDER, number="V-1", system="ED")
RULE = FeedRule(stale_after=timedelta(hours=48), gate=0.95)
BEHIND = could_not_check(Uncheckable.BROKER_BEHIND)
LOOK_AGAIN_S = 0.005


def came(
    number: NhsNumber = ADA, *, visit: str = "V-1", system: str = "ED", at: datetime = NOON
) -> VisitMessage:
    """Return the attendance of a visit, under its true reference."""
    reference = visit_reference(KEY, number, system=system, provider=PROVIDER, visit_number=visit)
    return replace(attendance(reference, at=at), system=system)


class Clock:
    """A clock that a test sets."""

    def __init__(self, now: datetime) -> None:
        """Show a time."""
        self.now = now

    def __call__(self) -> datetime:
        """Return the time shown."""
        return self.now


@dataclass
class Desk:
    """Who asks, on a house's cluster; by default so late that no mark is waited for."""

    house: House | Street
    archive: Archive | None = None
    policy: AnyPolicy = Policy()  # noqa: RUF009 - it is frozen
    key: IdentityKey = KEY
    rule: FeedRule = RULE
    now: datetime = NOON + timedelta(minutes=5)
    pen: type[MemoryFactLog] = MemoryFactLog
    who: DeskUser | None = None

    def enquiry(self, clock: Clock | None = None) -> Enquiry:
        """Return the enquiry."""
        access = self._access(NOON, clock or Clock(self.now))
        return Enquiry(access, feeds=self.rule, look_again_s=LOOK_AGAIN_S)

    def looking(self, *, looks: int = 1, takes: Takes = takes_any) -> Looking:
        """Return the service that looks people up."""
        return Looking(
            self._access(self.now, lambda: self.now),
            feeds=self.rule,
            hours={},
            takes=takes,
            look_again_s=LOOK_AGAIN_S,
            looks=looks,
        )

    def _access(self, noted_at: datetime, clock: Callable[[], datetime]) -> AuditedAccess:
        """Return the desk's access; the audit trail says that something was done at `noted_at`."""
        kafka, codecs = self.house.kafka, self.house.codecs
        return AuditedAccess(
            archive=self.archive or MemoryArchive(kafka),
            readers=readers_of(codecs),
            log=DeskLog(self.pen(kafka), codecs.records, key=KEY, clock=lambda: noted_at),
            policy=self.policy,
            key=self.key,
            clock=clock,
            who=self.who,
        )

    async def ask(self, asked: VisitAsked = VISIT) -> Answer:
        """Ask."""
        return await self.enquiry().ask(asked, GROUNDS)

    def actions(self) -> list[OperatorAction]:
        """Return what the audit trail says of operators."""
        records = self.house.codecs.records
        values = [record.value or b"" for record in self.house.kafka.read(Topic.AUDIT)]
        return [records.decode_action(value) for value in values if records.is_action(value)]


async def worked_off(house: House, *facts: VisitMessage, number: NhsNumber = ADA) -> None:
    """Let a matcher work facts off."""
    house.send(*facts, number=number)
    async with house.at_work():
        await house.taken()


class Past:
    """An archive that shows `cpis.people` as it once was."""

    def __init__(self, archive: MemoryArchive, people: Sequence[Record]) -> None:
        """Show these people."""
        self._archive = archive
        self._people = people

    async def read(
        self, topic: str, *, since: Mapping[int, int] | None = None
    ) -> AsyncIterator[Sequence[Record]]:
        """Yield a topic."""
        if topic == Topic.PEOPLE:
            yield self._people
            return
        async for records in self._archive.read(topic, since=since):
            yield records

    async def begins(self, topic: str) -> Mapping[int, int]:
        """Return where the partitions of a topic begin."""
        return await self._archive.begins(topic)

    async def read_one(self, topic: Topic, partition: int, offset: int) -> Record | None:
        """Return one record."""
        return await self._archive.read_one(topic, partition, offset)


class Failing(Past):
    """An archive of which one topic cannot be read."""

    def __init__(
        self, archive: MemoryArchive, people: Sequence[Record], failing: Topic, error: Exception
    ) -> None:
        """Fail with an error."""
        super().__init__(archive, people)
        self._failing = failing
        self._error = error

    async def read(
        self, topic: str, *, since: Mapping[int, int] | None = None
    ) -> AsyncIterator[Sequence[Record]]:
        """Yield a topic, or fail."""
        if topic == self._failing:
            raise self._error
        async for records in super().read(topic, since=since):
            yield records
