"""
What a person, or a timer, says of a visit whose details disagree: a fact about that visit. Rulings 20, 46.

Whose number the visit is under is read from the record that asks: a word can join a visit with no other
number (ruling 42), and nobody who refuses one has to know it. The item in `cpis.worklist` may still name the
visit as it was under a former number; the record names it as it is now (ruling 22).
"""

from contextlib import suppress
from datetime import datetime

from broker.core.desk_errors import CannotConfirm
from broker.core.errors import MalformedMessage
from broker.core.facts import IdentityKind
from broker.core.identifiers import NhsNumber
from broker.core.operators import Grounds
from broker.core.person import Person
from broker.core.worklist import ItemKind
from broker.ports import Archive
from broker.services.fact_desk import Added, FactDesk, Word
from broker.services.newest import naming
from broker.services.worklist_desk import Work
from broker.wire.state_codec import StateCodec


class ItemWords:
    """
    Puts such words in. Every method raises `CannotConfirm`, having written nothing, for an item that asks no
    such thing, and `KafkaUnavailable`: then doing it again is safe.
    """

    def __init__(self, archive: Archive, states: StateCodec, facts: FactDesk) -> None:
        """Look for the record that asks with the archive; `facts` makes the word durable, audited first."""
        self._archive = archive
        self._states = states
        self._facts = facts

    async def confirm(self, work: Work, number: NhsNumber, grounds: Grounds) -> Added:
        """Put in that the visit is of the person whose number it is under, which they must give."""
        own, visit = await self._asked(work)
        if number != own:
            raise CannotConfirm(
                "the visit is under another number, and a person's word joins no two (ruling 42)"
            )
        return await self._facts.add_word(own, Word(IdentityKind.CONFIRMED, visit), work, grounds)

    async def refuse(self, work: Work, grounds: Grounds) -> Added:
        """Put in that the visit is not of the person whose number it is under, as it was stated until now."""
        own, visit = await self._asked(work)
        return await self._facts.add_word(own, Word(IdentityKind.REFUSED, visit), work, grounds)

    async def unsettled(self, work: Work, at: datetime, grounds: Grounds) -> Added:
        """Put in that nobody had settled an item by a time, aware; once it is answered nothing asks it."""
        own, visit = await self._asked(work)
        return await self._facts.add_word(own, Word(IdentityKind.UNSETTLED, visit, at), work, grounds)

    async def _asked(self, work: Work) -> tuple[NhsNumber, str]:
        """Return the number that the visit is under now, and its reference there."""
        item = work.item
        if item.kind is not ItemKind.DETAILS_DISAGREE:
            raise CannotConfirm("the item does not ask whose details a visit has")
        for key, record in (await naming(self._archive, item.item_id)).items():
            with suppress(MalformedMessage):
                person = self._states.decode_any(key, record.value or b"")
                if (
                    isinstance(person, Person)
                    and (asking := person.items.get(item.item_id)) is not None
                    and asking.visit is not None
                ):
                    return person.number, asking.visit
        raise CannotConfirm("nothing asks it any more")
