"""
What a file that its authority calls complete does not have, put before a person; only a person ends it (D17).

The newest such file of an authority counts, as it is kept. The end that a person confirms is a fact of that
file, at the file's own time: whatever the authority says later outranks it (ruling 10).
"""

from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import partial

from broker.core.errors import InvalidFact
from broker.core.facts import PlanFact
from broker.core.identifiers import OdsCode, aware, london_day
from broker.core.kept_uploads import KeptUpload, Part
from broker.core.keyed import IdentityKey
from broker.core.missing_plans import CompleteFile
from broker.core.operators import YET_UNWRITTEN, ActionKind, Grounds, Place
from broker.core.reconciling import PlanRow
from broker.core.upload_errors import NoCompleteFile, NotMissing
from broker.ports import Clock, FactLog, Topic
from broker.services.desk_log import SOURCE, DeskLog
from broker.services.fact_writes import record_of
from broker.services.reconciliation import Reconciliation
from broker.services.upload_reading import Read
from broker.upload_ports import UploadStore
from broker.wire.facts_codec import FactCodec
from broker.wire.upload_reading import FoundRecord, Surveyed
from broker.wire.upload_record import FaultyRecord, FileHead

ENDED = "ended: not in a file that is complete"
"""Outcome: a person has ended a plan that its authority's file lacks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingPlan:
    """A plan that a file lacks; `item` names it to whoever confirms its end, and says nothing of it."""

    item: str
    plan: PlanRow = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """
    What a file lacks, by the authority's own ids.

    `refused` is how many records of the file were not taken, any of which may be a plan that is missing, and
    `withheld` how many plans of restricted records are left out (ruling 24).
    """

    upload_id: str
    created_at: datetime
    plans: tuple[MissingPlan, ...]
    refused: int
    withheld: int


class MissingPlans:
    """The use case behind `cpis authorities missing` and `cpis authorities end`."""

    def __init__(
        self,
        reconciliation: Reconciliation,
        store: UploadStore,
        read: Read,
        facts: FactLog,
        log: DeskLog,
        *,
        codec: FactCodec,
        key: IdentityKey,
        clock: Clock,
    ) -> None:
        """Compare what `reconciliation` says is held with what `store` keeps, read by `read`."""
        self._reconciliation = reconciliation
        self._store = store
        self._read = read
        self._facts = facts
        self._log = log
        self._codec = codec
        self._key = key
        self._clock = clock

    async def of(self, authority: OdsCode, grounds: Grounds) -> Missing:
        """
        Return what an authority's newest complete file lacks; who asks is in the audit trail first.

        Raises `NoCompleteFile`, `UnsealingFailed` where it cannot be read any more, and as
        `Reconciliation.of` does.
        """
        return (await self._compared(authority, grounds))[0]

    async def end(self, authority: OdsCode, item: str, ended: date | None, grounds: Grounds) -> date:
        """
        End a plan that is missing, on a day of London, or the day of the file; return which.

        Raises `NotMissing` where there is none of that name any more, `InvalidFact` for a day before the
        plan's start or to come, and as `of` does.
        """
        missing, head = await self._compared(authority, grounds)
        plan = next((one.plan for one in missing.plans if one.item == item), None)
        if plan is None or plan.content is None or plan.number is None:
            raise NotMissing
        now, start = aware(self._clock()), plan.content.start
        day = ended or max(start, london_day(head.created_at))
        if not start <= day <= max(start, london_day(now)):
            raise InvalidFact("the end is before the start of the plan, or to come")
        fact = PlanFact(
            content=replace(plan.content, end=day),
            recorded_at=head.created_at,
            received_at=now,
            file_id=head.file_id,
        )
        fact_id = self._key.derive("missing plan ended", item, day.isoformat())
        place = Place(topic=Topic.PLANS, partition=YET_UNWRITTEN, offset=YET_UNWRITTEN)
        await self._log.audit(ActionKind.ADDED, fact_id, place, grounds, outcome=ENDED)
        value = self._codec.encode(fact, plan.number)
        sender = plan.content.authority.code
        await self._facts.append([record_of(fact, value, plan.number, fact_id, SOURCE, sender)])
        return day

    async def _compared(self, authority: OdsCode, grounds: Grounds) -> tuple[Missing, FileHead]:
        """Return what is missing, and the head of the file that lacks it."""
        held = await self._reconciliation.of({authority}, grounds, restricted=False)
        upload = self._newest(authority)
        head, file = await self._listed(upload)
        found = tuple(
            MissingPlan(item=self._item(upload, row), plan=row) for row in held.rows if file.lacks(row)
        )
        result = upload.result
        missing = Missing(
            upload_id=upload.upload_id,
            created_at=head.created_at,
            plans=tuple(sorted(found, key=_by_child)),
            refused=0 if result is None else result.failed,
            withheld=held.withheld,
        )
        return missing, head

    def _newest(self, authority: OdsCode) -> KeptUpload:
        """Return the newest file of an authority that is complete and was taken."""
        for upload in reversed(self._store.every()):
            taken = upload.result is not None and upload.result.accepted
            if upload.complete and taken and upload.senders == {authority}:
                return upload
        raise NoCompleteFile

    async def _listed(self, upload: KeptUpload) -> tuple[FileHead, CompleteFile]:
        """
        Return the head of a file that is kept, and what is in it.

        Where anything was refused each record may have been: what the source said does not stand in the file.
        """
        some_refused = upload.result is None or upload.result.failed > 0
        content = partial(self._store.read, upload.upload_id, Part.FILE)
        async with self._read(content, upload.media_type) as reading:
            surveyed = await reading.survey(upload.received_at)
            if not isinstance(surveyed, Surveyed):
                raise NoCompleteFile
            file = CompleteFile(surveyed.head.created_at)
            async for records in reading.records():
                for one in records:
                    _add(file, one, maybe_refused=some_refused)
        return surveyed.head, file

    def _item(self, upload: KeptUpload, plan: PlanRow) -> str:
        """Return the name of a plan that is missing from a file."""
        number = "" if plan.number is None else plan.number.key
        kind = "" if plan.plan_type is None else plan.plan_type.value
        return self._key.derive("missing plan", upload.upload_id, number, kind, str(plan.start))


def _add(file: CompleteFile, one: FoundRecord, *, maybe_refused: bool) -> None:
    """Take a record of the file, whether it could be read or not."""
    record = one.record
    if isinstance(record, FaultyRecord):
        for content in record.waiting:
            file.add_refused(content, None)
        for number, content in record.numbered:
            file.add_refused(content, number)
        if record.unread is not None:
            file.add_unread(record.unread)
        return
    add = file.add_refused if maybe_refused else file.add
    for number, plan in record.plans:
        add(plan.content, number)


def _by_child(one: MissingPlan) -> tuple[str, str]:
    """Return what missing plans are sorted by."""
    return one.plan.child_id or "", str(one.plan.start)
