"""Tells others of records of an upload that wait for a usable number (rulings 21, 35, 41)."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice

from broker.core.errors import DemographicsUnavailable
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.keyed import IdentityKey
from broker.core.number_ranges import Takes, Taking, takes_any
from broker.core.policy import AnyPolicy
from broker.core.possible import OnFile, Placed
from broker.core.possible_keys import Window, waiting_reference
from broker.core.source_pace import FAILURES_MAX
from broker.core.waiting import found_unread, found_waiting, may_wait, waits_under
from broker.ports import Write
from broker.services.matching_details import clue_writes
from broker.services.rejections import SOURCE
from broker.services.verifying import NOT_ANSWERED, Verified, Verifying, left_open
from broker.wire.details_codec import DetailsCodec
from broker.wire.upload_codes import RecordCode
from broker.wire.upload_record import FaultyRecord, ReadRecord

_Placed = tuple[int, ReadRecord | FaultyRecord]
"""A record, and which of its file it is."""
_Failed = tuple[int, ReadRecord]
"""The same of one about which a question failed: it could be read."""


class WaitingRecords:
    """Says which records wait, and what `cpis.in.details` is to be told of them, under `policy`."""

    def __init__(
        self,
        codec: DetailsCodec,
        *,
        policy: AnyPolicy,
        key: IdentityKey,
        takes: Takes = takes_any,
        verifying: Verifying | None = None,
    ) -> None:
        """
        Take what is needed.

        `takes` says which numbers are taken from which authority (ruling 27); `verifying` asks a demographic
        source about each record, where there is one (R12).
        """
        self._codec = codec
        self.policy = policy
        self._key = key
        self._takes = takes
        self._verifying = verifying

    async def examined(self, record: ReadRecord | FaultyRecord, received_at: datetime) -> Verified:
        """
        Return a record as it is to be taken or refused; what is at fault already is not asked about.

        Raises `DemographicsUnavailable`.
        """
        if isinstance(record, FaultyRecord):
            return Verified(self._screened(record))
        unusable = self._unusable(record)
        if unusable is not None:
            return Verified(self._screened(unusable))
        if self._verifying is None:
            return Verified(record)
        return await self._verifying.verify(record, received_at)

    async def examined_all(
        self, records: Iterable[ReadRecord | FaultyRecord], received_at: datetime
    ) -> list[Verified]:
        """
        Return each record as `examined` does, in their order.

        As many are asked about together as the source bears. Where a question fails, the others go on, and
        only what failed is asked again (R16), a single one as well. Where it fails again and the source does
        answer about another, that record alone is refused and waits (41): one person holds up no file. Raises
        `DemographicsUnavailable` where the source is away: so many questions failed one after the other, or
        all that were asked again, and what it answered before as well.
        """
        found: dict[int, Verified] = {}
        everything: Sequence[_Placed] = list(enumerate(records))
        asked, again = everything, False
        while asked:
            failed = await self._examined(asked, received_at, found)
            if again and len(failed) == len(asked):
                answered = [record for place, record in everything if place in found]
                if not await self._answers_about_any(answered, received_at):
                    raise DemographicsUnavailable
                found |= {place: Verified(left_open(record, NOT_ANSWERED)) for place, record in failed}
                break
            asked, again = failed, True
        return [found[place] for place in sorted(found)]

    async def _answers_about_any(
        self, records: Iterable[ReadRecord | FaultyRecord], received_at: datetime
    ) -> bool:
        """Whether the source answers about the first of these that it is asked about, once more."""
        for record in records:
            if isinstance(record, ReadRecord) and self._unusable(record) is None:
                try:
                    await self.examined(record, received_at)
                except DemographicsUnavailable:
                    return False
                return True
        return False

    async def _examined(
        self, asked: Sequence[_Placed], received_at: datetime, found: dict[int, Verified]
    ) -> list[_Failed]:
        """Put into `found` what became of records, and return those of which it was not to be learnt."""
        at_once = 1 if self._verifying is None else self._verifying.at_once
        failed: list[_Failed] = []
        in_a_row, coming = 0, iter(asked)
        while together := list(islice(coming, at_once)):
            questions = [self.examined(record, received_at) for _, record in together]
            answers = await asyncio.gather(*questions, return_exceptions=True)
            for (place, record), answer in zip(together, answers, strict=True):
                if isinstance(answer, Verified):
                    found[place], in_a_row = answer, 0
                    continue
                if isinstance(record, FaultyRecord) or not isinstance(answer, DemographicsUnavailable):
                    raise answer
                failed.append((place, record))
                in_a_row += 1
            if in_a_row >= FAILURES_MAX:
                raise DemographicsUnavailable
        return failed

    def _unusable(self, record: ReadRecord) -> FaultyRecord | None:
        """
        Return a record of which a number is not taken as a faulty one; None for any other (ruling 27).

        A number kept for tests is as good as none: such a plan waits for its own (ruling 35).
        """
        takings = [self._takes(number, plan.content.authority) for number, plan in record.plans]
        refused = Taking.REFUSED in takings
        if not refused and Taking.UNUSABLE not in takings:
            return None
        return FaultyRecord(
            location=record.location,
            code=RecordCode.NOT_LOADED if refused else RecordCode.NUMBER_FORMAT,
            reason=f"number {Taking.REFUSED.value}" if refused else Taking.UNUSABLE.value,
            waiting=tuple(plan.content for _, plan in record.plans),
            numbered=tuple((number, plan.content) for number, plan in record.plans),
        )

    def _screened(self, record: FaultyRecord) -> FaultyRecord:
        """
        Return a record that is refused as one that waits under those of its numbers alone that are taken.

        Of one with a number of somebody who has no place here nothing waits, and no byte is kept (ruling 27).
        """
        unread = record.unread
        takings = {number: self._takes(number, content.authority) for number, content in record.numbered}
        if unread is not None:
            takings |= {number: self._takes(number, unread.authority) for number in unread.numbers}
            unread = replace(
                unread, numbers=tuple(one for one in unread.numbers if takings[one] is Taking.TAKEN)
            )
        if Taking.REFUSED in takings.values():
            return replace(record, waiting=(), numbered=(), unread=None, kept=False)
        numbered = tuple(one for one in record.numbered if takings[one[0]] is Taking.TAKEN)
        return replace(record, numbered=numbered, unread=unread)

    def writes(self, record: FaultyRecord, received_at: datetime) -> list[Write]:
        """Return under which keys the subjects of a record can be found; none for one that does not wait."""
        found: dict[tuple[str, str], Window] = {}
        for authority, keys in self._found(record, received_at):
            for under, window in keys.items():
                place = (under, waiting_reference(self._key, authority, under))
                found[place] = found[place].joined(window) if place in found else window
        placed = [
            Placed(place=under, clue=OnFile(reference=reference, window=window))
            for (under, reference), window in found.items()
        ]
        placed += [
            waits_under(self._key, number, received_at) for number in self._numbers(record, received_at)
        ]
        return clue_writes(self._codec, self._key, placed, received_at, SOURCE)

    def _found(
        self, record: FaultyRecord, received_at: datetime
    ) -> Iterator[tuple[OdsCode, Mapping[str, Window]]]:
        """Yield the keys of each subject of a record, with the authority that sent it."""
        for content in (*record.waiting, *(content for _, content in record.numbered)):
            yield content.authority, found_waiting(content, received_at, self.policy, self._key)
        if record.unread is not None:
            keys = found_unread(record.unread, received_at, self.policy, self._key)
            yield record.unread.authority, keys

    def _numbers(self, record: FaultyRecord, received_at: datetime) -> list[NhsNumber]:
        """Return the numbers of a record under which something waits."""
        numbers = {
            number for number, content in record.numbered if may_wait(content, received_at, self.policy)
        }
        return sorted(numbers.union(() if record.unread is None else record.unread.numbers))
