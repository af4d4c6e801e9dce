"""
Subject access: what is held of a person, for the information-governance lead (ruling 49; 48).

Audited before a record is opened, for administrators alone, and never for somebody who must not see the
person. What was closed or destroyed is not held any more, and nothing is opened that is sealed. Nor is a
record behind which something came in that may restrict it, or shut it to who collects.
"""

from collections.abc import Collection, Sequence
from contextlib import suppress

from broker.core.desk_errors import CannotDisclose
from broker.core.disclosure import Disclosure, disclosed
from broker.core.errors import KeysUnreadable, MalformedMessage, UnsealingFailed
from broker.core.excluded import may_see
from broker.core.facts import Fact
from broker.core.identifiers import NhsNumber, OdsCode, aware
from broker.core.invalidation import Inactive
from broker.core.keyed import user_reference
from broker.core.newborn_links import mothers_in
from broker.core.operators import YET_UNWRITTEN, ActionKind, Grounds, Place
from broker.core.person import Person, lift
from broker.core.possible import Shelf
from broker.core.possible_keys import Window
from broker.core.trail_looks import TrailLook, each_once, look_of
from broker.core.waiting import waiting_number_key
from broker.core.wording import COULD_NOT_CHECK, NOT_IN_USE
from broker.ports import Record, Topic
from broker.services.audited_access import AuditedAccess, DeskUser
from broker.services.excluding import Attempt, tell_of_excluded
from broker.services.fact_desk import line_of_text
from broker.services.untaken import Untaken

UNTAKEN = "something came in of this person that the matcher has not taken yet; ask again"


class Disclosing:
    """Collects on a cluster, on grounds."""

    def __init__(self, access: AuditedAccess) -> None:
        """Collect with this access."""
        self._access = access
        self._people = access.people()
        self._untaken = Untaken(access.archive, self._people, access.readers.facts)

    async def collect(
        self, number: NhsNumber, organisation: OdsCode, user_id: str, grounds: Grounds
    ) -> Disclosure | None:
        """
        Return what is held of a person, None where there is nothing.

        Of somebody without a record that is what their visits said, for as long as it is kept, and who
        looked.

        `user_id` is the organisation's own id of whoever collects. Raises `NotForThisRole`, `CannotDisclose`
        for somebody who must not see the person, for a number that is not in use and while something of the
        person is on its way, `InvalidFact` for an id that says nothing, `KeysUnreadable`, and what the
        archive raises.
        """
        user = user_reference(self._access.key, organisation, line_of_text("id of the user", user_id))
        now = aware(self._access.clock())
        item_id = self._access.key.derive("disclosure", number.key, user, now.isoformat())
        place = Place(topic=Topic.PEOPLE, partition=YET_UNWRITTEN, offset=YET_UNWRITTEN)
        await self._access.log.audit(ActionKind.DISCLOSED, item_id, place, grounds)
        read = await self._people.read({number.key})
        whose = await self._people.person(number, read.values.get(number.key), "")
        person = whose.person
        if isinstance(person, Inactive):
            raise CannotDisclose(NOT_IN_USE)
        own = {number} if person is None else {number, person.number}
        mothers = [] if person is None else mothers_in(person.known)
        if (await self._untaken.behind(read, {*own, *whose.passed, *mothers})).matters:
            raise CannotDisclose(UNTAKEN)
        waiting = await self._waiting({*own, *whose.passed})
        if number.key not in read.values:
            person = await self._without_record(number)
            looks = await self._looks(own)
            anything = person.known.visits or waiting or looks
            said = disclosed(person, self._access.policy, self._access.key, waiting=waiting, looks=looks)
            return said if anything else None
        if person is None:
            raise CannotDisclose("what is held is on its way to another number; ask again")
        if not may_see(person.known, user):
            who = DeskUser(organisation=organisation, user=user)
            attempt = Attempt(role="collected a subject access", access_id=item_id, at=now)
            await tell_of_excluded(self._access, person.number, who, attempt, grounds)
            raise CannotDisclose(COULD_NOT_CHECK)
        if person.waiting or person.set_aside:
            raise CannotDisclose(UNTAKEN)
        looks = await self._looks({*own, *whose.passed})
        return disclosed(person, self._access.policy, self._access.key, waiting=waiting, looks=looks)

    async def _waiting(self, numbers: Collection[NhsNumber]) -> Sequence[Window]:
        """Return until when each record may be met that waits for one of these numbers (ruling 21)."""
        keys = {waiting_number_key(self._access.key, one).encode() for one in numbers}
        shelves = [
            self._access.readers.details.decode_state(value)
            for value in (await self._people.read(keys)).values.values()
        ]
        return [window for one in shelves if isinstance(one, Shelf) for window in one.on_file.values()]

    async def _looks(self, numbers: Collection[NhsNumber]) -> list[TrailLook]:
        """Return the looks at somebody with these numbers that the audit trail has (R54)."""
        records = self._access.readers.records
        found: list[TrailLook] = []
        async for batch in self._access.archive.read(Topic.AUDIT):
            values = [record.value for record in batch if record.value is not None]
            actions = [records.decode_action(value) for value in values if records.is_action(value)]
            looks = (look_of(action, numbers, self._access.key) for action in actions)
            found += [look for look in looks if look is not None]
        return each_once(found)

    async def _without_record(self, number: NhsNumber) -> Person:
        """Return what the inputs say of the visits of somebody without a plan, names where they open."""
        person = Person(number=number, salt=b"")
        async for records in self._access.archive.read(Topic.ATTENDANCES):
            for record in records:
                if record.key == number.key:
                    with suppress(MalformedMessage):  # the matcher makes work of it
                        person = person.learn(lift(self._fact(record)))
        return person

    def _fact(self, record: Record) -> Fact:
        """
        Return what a record says; without what is sealed where its key is destroyed or not here.

        Raises `KeysUnreadable`: what can be opened later must not be left out.
        """
        value = record.value or b""
        try:
            return self._access.readers.facts.decode(record.topic, record.key or b"", value)
        except KeysUnreadable:
            raise
        except UnsealingFailed:
            return self._access.readers.facts.message_in_clear(value)
