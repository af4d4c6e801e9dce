"""
The visits of providers that are told their answers, as the topics of messages have them (ruling 41).

Holds a visit for as long as its answer is kept up to date; nothing sealed is opened. One without a usable
number is a visit of its own (ruling 21), and so is one under each number that it had (ruling 42).
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from broker.core.errors import InvalidNhsNumber, MalformedMessage
from broker.core.facts import VisitLeft, VisitMessage
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.leaving import has_left
from broker.core.message_times import position
from broker.core.pushing import KEPT_UP_FOR, PushedVisit
from broker.ports import Record
from broker.services.finding import Held
from broker.wire.facts_codec import FactCodec
from broker.wire.records_codec import RecordsCodec, Rejected

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(slots=True, kw_only=True)
class FollowedVisit:
    """
    A visit: its messages under one number, or those that came without a usable one, in order of their log.

    `left` is what was said of its going on under another number (ruling 44).
    """

    reference: str
    provider: OdsCode
    own: list[Held] = field(default_factory=list)
    kept: list[Rejected] = field(default_factory=list)
    left: list[VisitLeft] = field(default_factory=list)

    @property
    def received_at(self) -> datetime:
        """The newest receipt of its messages, aware UTC."""
        numbered = [held.message.received_at for held in self.own]
        return max([*numbered, *(one.received_at for one in self.kept)])

    @property
    def has_left(self) -> bool:
        """Whether it goes on under another number."""
        return has_left((held.message for held in self.own), self.left)

    def pushed(self, arrived_at: datetime | None = None, *, named: bool = True) -> PushedVisit:
        """Return what its provider is told of it; whose it is only if `named`."""
        newest = max((held.message for held in self.own), key=position, default=None)
        control_id = self.kept[-1].control_id if newest is None else newest.control_id
        return PushedVisit(
            reference=self.reference,
            provider=self.provider,
            number=self.own[0].number if self.own and named else None,
            control_id=control_id or "",
            received_at=self.received_at,
            arrived_at=arrived_at,
        )


class VisitsFollowed:
    """The visits of these providers, by reference; `now`, aware UTC, decides which are held no more."""

    def __init__(self, providers: Collection[OdsCode], facts: FactCodec, records: RecordsCodec) -> None:
        """Begin without a visit."""
        self._providers = frozenset(providers)
        self._facts = facts
        self._records = records
        self._named = re.compile(b"|".join(re.escape(one.code.encode()) for one in sorted(providers)))
        self._visits: dict[str, FollowedVisit] = {}
        self._heard: set[str] = set()
        self.now = _EPOCH

    def __iter__(self) -> Iterator[FollowedVisit]:
        """Yield every visit that is held."""
        return iter(list(self._visits.values()))

    def get(self, reference: str) -> FollowedVisit | None:
        """Return a visit, None where it is not held."""
        return self._visits.get(reference)

    def heard(self) -> frozenset[str]:
        """Return the references of the visits that something came of since this was last called."""
        heard, self._heard = frozenset(self._heard), set()
        return heard

    def begin_attendances(self) -> None:
        """Forget every message with a number: they follow anew."""
        for visit in self:
            visit.own.clear()
            visit.left.clear()
        self._drop_empty()

    def begin_rejected(self) -> None:
        """Forget every message without one: they follow anew."""
        for visit in self:
            visit.kept.clear()
        self._drop_empty()

    def forget(self) -> frozenset[str]:
        """Forget the visits whose answer is not kept up to date any more; return their references."""
        over = {one.reference for one in self if one.received_at + KEPT_UP_FOR < self.now}
        for reference in over:
            del self._visits[reference]
        return frozenset(over)

    def take_attendance(self, record: Record) -> None:
        """Take a record of `cpis.in.attendances`: a message, or that a visit left a number."""
        if self._is_old(record):
            return
        value = record.value or b""
        try:
            fact = self._facts.attendance_in_clear(value) if self._may_matter(value) else None
            number = NhsNumber((record.key or b"").decode("latin-1"))
        except (MalformedMessage, InvalidNhsNumber):
            return
        if isinstance(fact, VisitMessage) and fact.provider in self._providers:
            visit = self._visit(fact.visit, fact.provider)
            visit.own.append(Held(number=number, message=fact, record=record))
        elif isinstance(fact, VisitLeft) and fact.visit in self._visits:
            self._visits[fact.visit].left.append(fact)
            self._heard.add(fact.visit)

    def take_rejected(self, record: Record) -> None:
        """Take a record of `cpis.rejected`: a message without a usable number of a visit that is answered."""
        value = record.value or b""
        if self._is_old(record) or not self._named.search(value):
            return
        rejected = self._records.glance_at_rejected(value)
        if rejected is None or rejected.visit is None or not rejected.answered:
            return
        if rejected.sender in self._providers:
            self._visit(rejected.visit, rejected.sender).kept.append(rejected)

    def _visit(self, reference: str, provider: OdsCode) -> FollowedVisit:
        """Return a visit that something came of."""
        self._heard.add(reference)
        return self._visits.setdefault(reference, FollowedVisit(reference=reference, provider=provider))

    def _drop_empty(self) -> None:
        """Forget the visits of which no message is held."""
        self._visits = {name: one for name, one in self._visits.items() if one.own or one.kept}

    def _may_matter(self, value: bytes) -> bool:
        """Whether a value names one of the providers, or says that a visit left a number."""
        return self._facts.is_left(value) or self._named.search(value) is not None

    def _is_old(self, record: Record) -> bool:
        """Whether nothing in a record matters any more, by when Kafka received it."""
        return _EPOCH + record.timestamp * _MILLISECOND + KEPT_UP_FOR < self.now
