"""
Keeps what somebody opens at the desk from who must not see its person (ruling 48; 23).

Whoever works at a desk may be known by their organisation's own id. Where they are not, they are anybody:
what is kept of a person whom somebody must not see stays shut to them, so that nobody gets round it by not
saying who they are. What is kept unread is of every person whose number stands in it.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from broker.core.answers import Asker
from broker.core.desk_errors import CannotDisclose, NumberOutOfUse
from broker.core.errors import KeysUnreadable, MalformedMessage, UnsealingFailed
from broker.core.excluded import words_of
from broker.core.facts import ABOUT_A_USER, Access
from broker.core.identifiers import NhsNumber, aware
from broker.core.invalidation import Inactive
from broker.core.newborn_links import mothers_in
from broker.core.operators import Grounds
from broker.core.person import NOTHING, Known, lift, merge
from broker.core.succession import Merged
from broker.core.user_words import joined_words
from broker.core.wording import COULD_NOT_CHECK
from broker.ports import Topic
from broker.services.audited_access import AuditedAccess, DeskUser
from broker.services.desk_log import SOURCE
from broker.services.fact_writes import fact_write
from broker.services.people_reading import Read
from broker.wire.numbers_in import numbers_in


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What somebody did who must not see a person, in words, under which id, and when (aware)."""

    role: str
    access_id: str
    at: datetime


async def tell_of_excluded(
    desk: AuditedAccess, number: NhsNumber, who: DeskUser, attempt: Attempt, grounds: Grounds
) -> None:
    """
    Have the safeguarding lead told that somebody looked who must not see the person (ruling 48).

    As a silent look: nobody else hears of it. Raises `KafkaUnavailable`.
    """
    access = Access(
        access_id=attempt.access_id,
        organisation=who.organisation,
        organisation_name=who.organisation.code,
        role=attempt.role,
        user_name=grounds.by,
        user=who.user,
        unscheduled=False,
        accessed_at=attempt.at,
        recorded_at=attempt.at,
        received_at=attempt.at,
    )
    await desk.log.tell(fact_write(desk.readers.facts, access, number, attempt.access_id, SOURCE))


class _Under(NamedTuple):
    """For whom counts what is said under a number: their own, or one of their `mother`'s."""

    number: NhsNumber
    mother: NhsNumber | None = None


class Excluding:
    """Stands before whatever the desk opens. It raises what the archive raises."""

    def __init__(self, access: AuditedAccess) -> None:
        """Stand before whatever is opened with this access."""
        self._access = access
        self._people = access.people()

    async def require(self, numbers: Collection[NhsNumber], item_id: str, grounds: Grounds) -> None:
        """
        Return where what is kept of the people of these numbers may be opened; `item_id` names it.

        Raises `CannotDisclose`, in the words of a restricted record, for somebody who must not see one of
        them, or the mother of one whom her plan covers (26), and `NumberOutOfUse` where a number was taken
        out of use: only a reversal opens that. An exclusion counts from when it is durable; while one may not
        be read, `KeysUnreadable` is raised. A person's record that cannot be read says nothing.
        """
        if not numbers:
            return
        read = await self._people.read({number.key for number in numbers})
        out_of_use = False
        known = dict.fromkeys(numbers, NOTHING)
        under: dict[bytes, list[_Under]] = {number.key: [_Under(number)] for number in numbers}
        for number in numbers:
            with suppress(MalformedMessage):
                whose = await self._people.person(number, read.values.get(number.key), "")
                for survivor in {*whose.passed, whose.number} - {number}:
                    under.setdefault(survivor.key, []).append(_Under(number))
                if isinstance(whose.person, Inactive):
                    out_of_use = True
                elif whose.person is not None:
                    known[number] = whose.person.known
                    for mother in mothers_in(whose.person.known):
                        under.setdefault(mother.key, []).append(_Under(number, mother))
        for one, said in await self._in_the_input(under, read):
            known[one.number] = _with(known[one.number], one.mother, said)
        await self._refuse(known, item_id, grounds)
        if out_of_use:
            raise NumberOutOfUse

    async def require_bytes(self, data: bytes, item_id: str, grounds: Grounds) -> None:
        """Return where bytes that were kept may be opened: for every number in them as `require` does."""
        await self.require(numbers_in(data), item_id, grounds)

    async def is_out_of_use(self, key: bytes) -> bool:
        """Whether the number of a key is out of use, or could be: its record cannot be read (ruling 23)."""
        value = (await self._people.read({key})).values.get(key)
        try:
            return value is not None and self._access.readers.states.is_inactive(value)
        except MalformedMessage:
            return True

    async def _refuse(self, known: Mapping[NhsNumber, Known], item_id: str, grounds: Grounds) -> None:
        """Raise `CannotDisclose` where who works here must not see one of these people; the lead is told."""
        who = self._access.who
        asker = Asker(anybody=True) if who is None else Asker(user=who.user)
        shut = [number for number, said in known.items() if asker.is_excluded(said)]
        if who is not None:
            now = aware(self._access.clock())
            for number in shut:
                access_id = self._access.key.derive("opening", number.key, item_id, who.user, now.isoformat())
                attempt = Attempt(role="opened what is kept", access_id=access_id, at=now)
                await tell_of_excluded(self._access, number, who, attempt, grounds)
        if shut:
            raise CannotDisclose(COULD_NOT_CHECK)

    async def _in_the_input(
        self, under: Mapping[bytes, Sequence[_Under]], read: Read
    ) -> Sequence[tuple[_Under, Known]]:
        """
        Return who must not see somebody by what lies in the input under these keys, each for whom it counts.

        Exclusions and their ends, taken or not; of what mothers' records say to babies what was not taken
        when people were read (26). Also what is on the way from another number (22). Raises `KeysUnreadable`:
        one of them may not be seen.
        """
        facts, states = self._access.readers.facts, self._access.readers.states
        taken = {
            partition: states.decode_partition(value).offsets.get(Topic.IDENTITY, 0)
            for partition, value in read.states.items()
        }
        found: list[tuple[_Under, Known]] = []
        async for records in self._access.archive.read(Topic.IDENTITY):
            for record in records:
                whose = under.get(record.key or b"")
                if whose is None:
                    continue
                try:
                    fact = facts.read(record.topic, record.key or b"", record.value or b"").fact
                except KeysUnreadable:
                    raise
                except (MalformedMessage, UnsealingFailed):  # the matcher makes work of it
                    continue
                said = _about_users(fact.known if isinstance(fact, Merged) else lift(fact))
                if record.offset < taken.get(record.partition, 0):
                    said = replace(said, covers={})
                found += [(one, said) for one in whose]
        return found


def _about_users(known: Known) -> Known:
    """Return what is known of who must not see a person, and by what their mothers' records say (48)."""
    notices = {key: one for key, one in known.notices.items() if one.kind in ABOUT_A_USER}
    return Known(notices=notices, covers=known.covers)


def _with(known: Known, mother: NhsNumber | None, said: Known) -> Known:
    """Return what is known with more of it, under the person's own number or under a mother's."""
    if mother is None:
        return merge(known, said)
    cover = known.covers[mother]
    words = joined_words((*cover.exclusions, *words_of(said.notices.values())))
    return replace(known, covers={**known.covers, mother: replace(cover, exclusions=words)})
