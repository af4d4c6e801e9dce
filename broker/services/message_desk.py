"""
What operators see of the messages that came in: found by an index, shown masked, opened on grounds.

Of what was taken no byte is kept (ADR 0025): it is shown as the fact that was made of it. Of what was not,
the bytes are, sealed. Who opens either, and why, is in the audit trail before anything is shown: every way to
what names a person passes `DeskLog.audit`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from broker.core.desk_errors import NoSuchMessage, NumberOutOfUse
from broker.core.errors import UnsealingFailed
from broker.core.explanation_words import sentences
from broker.core.facts import SEALED_REGISTERS, VisitMessage
from broker.core.messages import Message, Outcome, Sought
from broker.core.operators import ActionKind, Grounds, Place, discreet
from broker.ports import Archive, MessageIndex, Record, Topic
from broker.services.desk_log import DeskLog
from broker.services.excluding import Excluding
from broker.services.explanations import Explanations, ReferenceAsked
from broker.services.message_index import MessageIndexing
from broker.services.rejected_desk import RejectedDesk
from broker.wire.facts_codec import FactCodec
from broker.wire.json_outline import outline_json
from broker.wire.masking import outline
from broker.wire.readable import readable

_UNTAKEN = {
    Outcome.NO_NUMBER: "It came without a usable NHS number ({reason}): whose it is was looked for by "
    "details, and the worklist has who could be meant. Nobody is alerted until somebody says who it is.",
    Outcome.REFUSED: "It was refused ({reason}), so no fact was made of it and nobody was alerted by it.",
}
_WHERE = ("location", "site")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """
    One message as somebody sees it.

    `fact` is what was made of it, None of what was not taken; `text` its bytes with what is personal hidden,
    None where there are none or they are neither HL7 v2 nor JSON.
    """

    message: Message
    fact: dict[str, object] | None = field(default=None, repr=False)
    text: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """One message opened on grounds: the fact with whose it is, or the bytes as they came."""

    message: Message
    fact: dict[str, object] | None = field(default=None, repr=False)
    raw: bytes | None = field(default=None, repr=False)


class MessageDesk:
    """The use case behind `cpis messages`."""

    def __init__(
        self,
        archive: Archive,
        index: MessageIndex,
        indexing: MessageIndexing,
        rejected: RejectedDesk,
        explanations: Explanations,
        log: DeskLog,
        *,
        excluding: Excluding,
        facts: FactCodec,
    ) -> None:
        """
        Search `index`, read with the archive.

        `log` takes down every opening, `excluding` keeps what is opened from whom it must.
        """
        self._archive = archive
        self._index = index
        self._indexing = indexing
        self._rejected = rejected
        self._explanations = explanations
        self._log = log
        self._excluding = excluding
        self._facts = facts

    async def search(self, sought: Sought) -> Sequence[Message]:
        """
        Return what is sought, newest first, up to now.

        Raises `KafkaUnavailable`, `TopicMissing`, `StorageUnusable`.
        """
        await self._indexing.catch_up()
        return await self._index.search(sought)

    async def show(self, place: Place) -> Shown:
        """Return a message masked; raise `NoSuchMessage` where none is held at this place."""
        message = await self._find(place)
        if place.topic == Topic.REJECTED:
            item = await self._rejected.at(place)
            try:
                raw = await self._rejected.raw(item)
                text = outline(raw) or outline_json(raw)
            except UnsealingFailed:
                text = None
            return Shown(message=message, text=text)
        fact = self._facts.message_in_clear((await self._record(place)).value or b"")
        return Shown(message=message, fact=_in_clear(fact))

    async def unmask(self, place: Place, grounds: Grounds) -> Opened:
        """
        Return a message opened, once the audit trail says who asked for it and why.

        Raises `NoSuchMessage`, `KafkaUnavailable`, `UnsealingFailed`; `CannotDisclose` for somebody who must
        not see the person (48); and `NumberOutOfUse`, before anything is noted, of somebody whose number was
        taken out of use: nobody opens what is held of them (ruling 23).
        """
        message = await self._find(place)
        if place.topic == Topic.REJECTED:
            return Opened(
                message=message, raw=await self._rejected.unmask(await self._rejected.at(place), grounds)
            )
        record = await self._record(place)
        if await self._excluding.is_out_of_use(record.key or b""):
            raise NumberOutOfUse
        await self._log.audit(ActionKind.UNMASKED, str(place), place, grounds)
        await self._excluding.require_bytes(record.key or b"", str(place), grounds)
        fact = self._facts.decode(record.topic, record.key or b"", record.value or b"")
        return Opened(
            message=message, fact={"nhs_number": (record.key or b"").decode("ascii"), **readable(fact)}
        )

    async def decision(self, place: Place, grounds: Grounds) -> tuple[str, ...]:
        """
        Return in sentences what was decided of a message, and why: also why nobody was alerted.

        Of one that was taken it opens a person's record: that is noted first. Raises `NoSuchMessage`,
        `NothingToExplain`, `KafkaUnavailable`.
        """
        message = await self._find(place)
        if message.outcome is Outcome.TAKEN:
            asked = ReferenceAsked(reference=message.visit or "")
            return sentences(await self._explanations.explain(asked, grounds))
        where = f" at {message.location}" if message.location else ""
        return (_UNTAKEN[message.outcome].format(reason=f"{message.reason}{where}"),)

    async def _find(self, place: Place) -> Message:
        """Return the message at a place, as the index has it now."""
        await self._indexing.catch_up()
        message = await self._index.find(place)
        if message is None:
            raise NoSuchMessage
        return message

    async def _record(self, place: Place) -> Record:
        """Return the record at a place of the attendances."""
        record = await self._archive.read_one(Topic(place.topic), place.partition, place.offset)
        if record is None:
            raise NoSuchMessage
        return record


def _in_clear(fact: VisitMessage) -> dict[str, object]:
    """Return what lies in clear of a fact and what it says; of a restricted record not where (ruling 24)."""
    hidden = {*SEALED_REGISTERS, *(_WHERE if fact.restricted else ())}
    told = readable(replace(fact, control_id=discreet(fact.control_id) or ""))
    return {name: value for name, value in told.items() if name not in hidden and value not in (None, [])}
