"""
Reads everybody's record once, for one authority's plans or for how many there are of each kind.

The first opens records, so it stands in the audit trail before it is done; the second names nobody.
"""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from broker.core.answers import ALL_STAFF, Asker
from broker.core.errors import MalformedMessage
from broker.core.identifiers import OdsCode, aware
from broker.core.invalidation import Inactive
from broker.core.operators import YET_UNWRITTEN, ActionKind, Grounds, Place
from broker.core.person import Person
from broker.core.reconciling import PlanRow, PlanStanding, rows_of
from broker.ports import PARTITION_STATE_KEY, Record, Topic
from broker.services.audited_access import AuditedAccess
from broker.services.newest import newest


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """
    One authority's plans; `withheld` counts those of restricted records that were left out (ruling 24).

    `unreadable` counts the records of people that could not be read, whosever they are.
    """

    rows: tuple[PlanRow, ...]
    withheld: int
    unreadable: int


Rest = Callable[[], Awaitable[None]]


async def no_rest() -> None:
    """Go on at once."""


class Reconciliation:
    """Reads the plans that are held; every method raises what the archive raises."""

    def __init__(self, access: AuditedAccess, *, sourced: bool = True) -> None:
        """
        Read with this access, which takes down who has an authority's plans written out, and why.

        They are written for who works at its desk (ruling 48). `sourced` is that of `rows_of`.
        """
        self._access = access
        self._sourced = sourced
        self._reader = ALL_STAFF if access.who is None else Asker(user=access.who.user)
        self._unreadable = 0

    async def of(
        self, authorities: Collection[OdsCode], grounds: Grounds, *, restricted: bool = False
    ) -> Reconciled:
        """
        Return authorities' plans, those of restricted records only where `restricted` (ruling 24).

        Children whom the reader must not see, or must not perhaps, are left out (48). Of other people nothing
        is held meanwhile. Raises `NotForThisRole`, and `KafkaUnavailable` where it cannot be noted first.
        """
        place = Place(topic=Topic.PEOPLE.value, partition=YET_UNWRITTEN, offset=YET_UNWRITTEN)
        named = " ".join(sorted(one.code for one in authorities))
        outcome = f"plans of {named}" + (", restricted records too" if restricted else "")
        await self._access.log.audit(ActionKind.EXPLAINED, "reconciliation", place, grounds, outcome=outcome)
        rows = self._rows(lambda record: self._concerns(record, authorities))
        own = [row async for row in rows if row.authority in authorities]
        shown = tuple(row for row in own if not row.shut and (restricted or not row.restricted))
        return Reconciled(rows=shown, withheld=len(own) - len(shown), unreadable=self._unreadable)

    async def counts(self, rest: Rest = no_rest) -> Mapping[OdsCode, Counter[PlanStanding]]:
        """
        Return how many plans of each authority stand how; of each person no more is held than that.

        `rest` is waited for between any two batches: who counts beside other work leaves room for it.
        """
        now = aware(self._access.clock())
        held: dict[bytes, tuple[tuple[OdsCode, PlanStanding], ...]] = {}
        async for records in self._access.archive.read(Topic.PEOPLE):
            for record in records:
                key = record.key or b""
                held.pop(key, None)
                if record.value is not None and key != PARTITION_STATE_KEY:
                    held[key] = self._standings(key, record.value, now)
            await rest()
        found: dict[OdsCode, Counter[PlanStanding]] = {}
        for standings in held.values():
            for authority, standing in standings:
                found.setdefault(authority, Counter())[standing] += 1
        return found

    def _standings(self, key: bytes, value: bytes, now: datetime) -> tuple[tuple[OdsCode, PlanStanding], ...]:
        """Return whose the plans of a record are and how each stands; none of what cannot be read."""
        with suppress(MalformedMessage):
            rows = self._rows_of(self._person(key, value), now)
            return tuple((row.authority, row.standing) for row in rows)
        return ()

    async def _rows(self, wanted: Callable[[Record], bool]) -> AsyncIterator[PlanRow]:
        """Yield every plan of the newest records that are wanted, whosever."""
        now, self._unreadable = aware(self._access.clock()), 0
        people = await newest(
            self._access.archive,
            Topic.PEOPLE,
            lambda record: record.key != PARTITION_STATE_KEY and wanted(record),
        )
        for key, record in people.items():
            try:
                held = self._person(key, record.value or b"")
            except MalformedMessage:
                self._unreadable += 1
                continue
            for row in self._rows_of(held, now):
                yield row

    def _concerns(self, record: Record, authorities: Collection[OdsCode]) -> bool:
        """Whether a record has a plan of one of these authorities, or cannot be read: then that is told."""
        try:
            held = self._person(record.key or b"", record.value or b"")
        except MalformedMessage:
            return True
        return any(row.authority in authorities for row in self._rows_of(held, aware(self._access.clock())))

    def _rows_of(self, held: Person | Inactive | None, now: datetime) -> Iterable[PlanRow]:
        """Return the plans of a record as they stand, none of nobody's."""
        if held is None:
            return ()
        return rows_of(held, now, self._access.policy, self._reader, sourced=self._sourced)

    def _person(self, key: bytes, value: bytes) -> Person | Inactive | None:
        """Return whose record it is, None for one of nobody; raise `MalformedMessage`."""
        if self._access.readers.states.of_details(value) is not None:
            return None
        held = self._access.readers.states.decode_any(key, value)
        return held if isinstance(held, Person | Inactive) else None
