"""
Asks the demographic source about every number of which a change was notified, until it answers. Ruling 38.

The answer is a fact like any other, with the source's own stamp: only one that is as new as the notice
settles the enquiry. Who else asks, or asks again, makes the same fact.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from broker.core.errors import MalformedMessage, UnsealingFailed
from broker.core.facts import IdentityKind, IdentityNotice
from broker.core.identifiers import NhsNumber, aware
from broker.core.keyed import IdentityKey
from broker.core.number_answers import ABOUT_THE_NUMBER, answered, under_enquiry
from broker.core.source_errors import DemographicsUnreadable
from broker.ports import Clock, Demographics, FactLog, InputTail, Record, Topic
from broker.services.fact_writes import fact_write
from broker.services.rejections import SOURCE
from broker.services.tracing import ANSWER_SECONDS
from broker.wire.facts_codec import FactCodec

ASKED_AGAIN_AFTER = timedelta(minutes=1)
"""How long a number rests after a question that settled nothing."""


class NumberEnquiries:
    """
    The numbers under enquiry, as `cpis.in.identity` has them.

    `count` is told `number change asked about` for each answer, and `number change unanswered` where there
    was none: every number that is due is asked about again later.
    """

    def __init__(
        self,
        source: Demographics,
        tail: InputTail,
        facts: FactLog,
        *,
        codec: FactCodec,
        key: IdentityKey,
        clock: Clock,
        count: Callable[[str], None],
        seconds: float = ANSWER_SECONDS,
    ) -> None:
        """Follow `tail`, ask `source` within so many seconds, and write its answers to `facts`."""
        self._source = source
        self._tail = tail
        self._facts = facts
        self._codec = codec
        self._key = key
        self._clock = clock
        self._count = count
        self._seconds = seconds
        self._notices: dict[NhsNumber, dict[str, IdentityNotice]] = {}
        self._due: dict[NhsNumber, datetime] = {}

    async def go_round(self) -> None:
        """
        Take in what is new, then ask about each number that is under enquiry and due.

        Raises `KafkaUnavailable`; the next round goes on where this one was.
        """
        async for records in self._tail.news():
            for record in records:
                self._note(record)
            await asyncio.sleep(0)
        now = aware(self._clock())
        for number in [number for number, due in self._due.items() if due <= now]:
            if not await self._ask(number, now):
                return

    async def close(self) -> None:
        """Give the connection back."""
        await self._tail.close()

    def _note(self, record: Record) -> None:
        """Note what a record says of its number; what cannot be read is the matcher's to set aside."""
        try:
            arrival = self._codec.read(Topic.IDENTITY, record.key or b"", record.value or b"")
        except (MalformedMessage, UnsealingFailed):
            return
        notice, number = arrival.fact, arrival.number
        if isinstance(notice, IdentityNotice) and arrival.passage is None:
            self._learn(number, notice)

    def _learn(self, number: NhsNumber, notice: IdentityNotice) -> None:
        """Learn what was said of a number, where a change of it was notified."""
        if notice.kind not in ABOUT_THE_NUMBER:
            return
        if notice.kind is IdentityKind.NUMBER_CHANGE or number in self._notices:
            known = self._notices.setdefault(number, {})
            known[notice.notice_id] = notice
            if under_enquiry(known.values()):
                self._due.setdefault(number, notice.received_at)
            else:
                del self._notices[number]
                self._due.pop(number, None)

    async def _ask(self, number: NhsNumber, now: datetime) -> bool:
        """Ask about a number and write what is new in the answer; return whether to go on to the next."""
        self._due[number] = now + ASKED_AGAIN_AFTER
        try:
            async with asyncio.timeout(self._seconds):
                answer = await self._source.get(number)
        except DemographicsUnreadable:  # of this one alone: the others are asked about as ever
            self._count("number change unanswered")
            return True
        except Exception:  # noqa: BLE001 - away, or a defect of the adapter's: asked again later
            self._count("number change unanswered")
            return False
        said = list(answered(number, answer, now, self._key))
        if any(one.notice_id not in self._notices[number] for one in said if one.kind in ABOUT_THE_NUMBER):
            await self._facts.append(
                [fact_write(self._codec, one, number, one.notice_id, SOURCE) for one in said]
            )
        self._count("number change asked about")
        return True
