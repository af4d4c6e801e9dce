"""How a specification's person is asked about: by the core alone, and by the enquiry on a Kafka."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol

from broker.core.answers import (
    MARK_WITHIN,
    Answer,
    Asker,
    Checked,
    Feeds,
    Finding,
    Looked,
    answer,
    look,
)
from broker.core.desk_errors import NoAnswerHere
from broker.core.everybody import Everybody
from broker.core.facts import Fact, VisitMessage
from broker.core.feeds import FeedRule
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.keyed import IdentityKey
from broker.core.operators import Grounds
from broker.core.policy import AnyPolicy
from broker.ports import Archive, FactLog, Record, Topic
from broker.services.audited_access import AuditedAccess
from broker.services.desk_log import DeskLog
from broker.services.enquiry import Enquiry
from broker.services.finding import VisitAsked
from broker.services.matching import Codecs
from tests.builders.readers import readers_of
from tests.spec.settled import KEY
from tests.spec.table import PROVIDER, T

Ask = Callable[[VisitAsked], Answer]
"""From a visit as its hospital calls it to its answer; raises `NoAnswerHere`."""

Sent = Sequence[tuple[NhsNumber | None, Fact]]
"""Facts with the number that each came under; None is a message without a usable one."""
GROUNDS = Grounds(by="specification", reason="a row of a table")
FEEDS = FeedRule(stale_after=timedelta(hours=48), gate=0.95)
LOOK_AGAIN_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class _Own(VisitAsked):
    """A visit of one specification's person: on one Kafka those of all have a visit `v1`."""

    numbers: frozenset[NhsNumber]

    def is_it(self, reference: str, number: NhsNumber, system: str, key: IdentityKey) -> bool:
        """Whether it is the visit, and this person's."""
        same = VisitAsked.is_it(self, reference, number, system, key)
        return same and number in self.numbers

    def unnumbered(self, system: str, key: IdentityKey) -> str:
        """Return the reference that it has without a number, of its own for every specification."""
        owner = min(self.numbers)
        return key.derive("unnumbered", owner.key, self.reference(owner, system, key))


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind(VisitAsked):
    """A visit that no matcher has come to yet."""


class WithoutMarks:
    """A cluster on which no matcher has published how far it came."""

    def __init__(self, archive: Archive) -> None:
        """Take the cluster as it is."""
        self._archive = archive

    async def read(
        self, topic: str, *, since: Mapping[int, int] | None = None
    ) -> AsyncIterator[Sequence[Record]]:
        """Yield everything that a topic holds but check marks."""
        if topic != Topic.CHECKS:
            async for records in self._archive.read(topic, since=since):
                yield records

    async def begins(self, topic: str) -> Mapping[int, int]:
        """Return where each partition of a topic begins."""
        return await self._archive.begins(topic)

    async def read_one(self, topic: Topic, partition: int, offset: int) -> Record | None:
        """Return the record at a place."""
        return await self._archive.read_one(topic, partition, offset)


class Around(Protocol):
    """Who may be who, here and now."""

    def met(self, visit: str) -> bool | None:
        """Whether a visit without a number meets somebody; None for one that nobody told of."""
        ...

    def waits(self, looked: Looked) -> bool:
        """Whether a record waits that may be of the person of a visit with a number."""
        ...


def owned(asked: VisitAsked, sent: Sequence[tuple[NhsNumber | None, Fact]]) -> VisitAsked:
    """Return the visit as one of the person whose facts were sent."""
    numbers = frozenset(number for number, _ in sent if number is not None)
    return _Own(
        provider=asked.provider, number=asked.number, system=asked.system, user=asked.user, numbers=numbers
    )


def visit_asked(
    name: str, provider: str = PROVIDER, user: str | None = None, *, behind: bool = False
) -> VisitAsked:
    """
    Return a table's visit as its hospital calls it, and who asks about it.

    `behind`: no matcher has come to it yet.
    """
    kind = Behind if behind else VisitAsked
    return kind(provider=OdsCode(provider), number=name, system="EDSYS", user=user)


def answered(ask: Ask, asked: VisitAsked) -> str:
    """Return an answer as a table writes it."""
    try:
        told = ask(asked)
    except NoAnswerHere:
        return "no answer"
    if told.finding is Finding.NO_PLAN:
        assert told.checked_at is not None
        assert told.feeds is not None
    return told.finding.value if told.reason is None else f"{told.finding}: {told.reason}"


def ask_core(
    everybody: Everybody, policy: AnyPolicy, around: Around, sent: Sequence[tuple[NhsNumber | None, Fact]]
) -> Ask:
    """Ask the core about the people it has folded; every visit has been passed."""
    feeds = Feeds(known=1, stale=0)

    def ask(asked: VisitAsked) -> Answer:
        """Return the answer under the number that has a record with the visit, else under any."""
        for person in (*everybody.people.values(), *everybody.waiting.values()):
            reference = asked.reference(person.number, "EDSYS", KEY)
            if reference in person.known.visits:
                looked = look(
                    person.number, person.known, reference, policy, KEY, asker=Asker(user=asked.user)
                )
                waits = around.waits(looked)
                checked_at = None if isinstance(asked, Behind) else T
                return answer(replace(looked.checked, checked_at=checked_at, record_waiting=waits), feeds)
        if everybody.inactive:
            return answer(Checked(not_in_use=True), feeds)
        met = around.met(owned(asked, sent).unnumbered("EDSYS", KEY))
        if met is not None:
            return answer(Checked(number=False, possible_match=met), feeds)
        return answer(Checked(held=False), feeds)

    return ask


def enquiry(
    archive: Archive,
    log: FactLog,
    codecs: Codecs,
    sent: Sequence[tuple[NhsNumber | None, Fact]],
    policy: AnyPolicy,
    *,
    behind: bool,
) -> Enquiry:
    """
    Return the enquiry on a Kafka, at the moment of the newest receipt of a visit.

    `behind`: no matcher has come to it when the time for that is over.
    """
    received = [fact.received_at for _, fact in sent if isinstance(fact, VisitMessage)]
    waited = MARK_WITHIN if behind else timedelta()
    access = AuditedAccess(
        archive=WithoutMarks(archive) if behind else archive,
        readers=readers_of(codecs),
        log=DeskLog(log, codecs.records, key=KEY, clock=lambda: T),
        policy=policy,
        key=KEY,
        clock=lambda: max(received) + waited,
    )
    return Enquiry(access, feeds=FEEDS, look_again_s=LOOK_AGAIN_S)
