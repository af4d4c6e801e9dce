"""
Keeps what somebody opens at the desk from who must not see its person (ruling 48; 23).

Whoever works at a desk may be known by their organisation's own id. Where they are not, they are anybody:
what is kept of a person whom somebody must not see stays shut to them, so that nobody gets round it by not
saying who they are. What is kept unread is of every person whose number stands in it.
"""

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TypeGuard

from broker.core.answers import Asker
from broker.core.desk_errors import CannotDisclose, NumberOutOfUse
from broker.core.errors import KeysUnreadable, MalformedMessage, UnsealingFailed
from broker.core.facts import ABOUT_A_USER, Access, IdentityNotice
from broker.core.identifiers import NhsNumber, aware
from broker.core.invalidation import Inactive
from broker.core.operators import Grounds
from broker.core.succession import Merged
from broker.core.wording import COULD_NOT_CHECK
from broker.ports import Topic
from broker.services.audited_access import AuditedAccess, DeskUser
from broker.services.desk_log import SOURCE
from broker.services.fact_writes import fact_write
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
        them, and `NumberOutOfUse` where a number was taken out of use: only a reversal opens that. An
        exclusion counts from when it is durable; while one may not be read, `KeysUnreadable` is raised. A
        person's record that cannot be read says nothing.
        """
        if not numbers:
            return
        read = await self._people.read({number.key for number in numbers})
        out_of_use = False
        notices: dict[NhsNumber, list[IdentityNotice]] = {}
        survivors = {number: number for number in numbers}
        for number in numbers:
            notices[number] = []
            with suppress(MalformedMessage):
                whose = await self._people.person(number, read.values.get(number.key), "")
                survivors |= dict.fromkeys((*whose.passed, whose.number), number)
                if isinstance(whose.person, Inactive):
                    out_of_use = True
                elif whose.person is not None:
                    notices[number] += whose.person.known.notices.values()
        for number, notice in await self._untaken({one.key: number for one, number in survivors.items()}):
            notices[number].append(notice)
        await self._refuse(notices, item_id, grounds)
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

    async def _refuse(
        self, notices: dict[NhsNumber, list[IdentityNotice]], item_id: str, grounds: Grounds
    ) -> None:
        """Raise `CannotDisclose` where who works here must not see one of these people; the lead is told."""
        who = self._access.who
        asker = Asker(anybody=True) if who is None else Asker(user=who.user)
        shut = [number for number, said in notices.items() if asker.is_excluded(said)]
        if who is not None:
            now = aware(self._access.clock())
            for number in shut:
                access_id = self._access.key.derive("opening", number.key, item_id, who.user, now.isoformat())
                attempt = Attempt(role="opened what is kept", access_id=access_id, at=now)
                await tell_of_excluded(self._access, number, who, attempt, grounds)
        if shut:
            raise CannotDisclose(COULD_NOT_CHECK)

    async def _untaken(self, keys: dict[bytes, NhsNumber]) -> Sequence[tuple[NhsNumber, IdentityNotice]]:
        """
        Return the exclusions, and their ends, that lie in the input, taken or not, with whose they are.

        Also those of a person on the way from another number (22). Raises `KeysUnreadable`: one of them may
        not be seen.
        """
        facts = self._access.readers.facts
        found: list[tuple[NhsNumber, IdentityNotice]] = []
        async for records in self._access.archive.read(Topic.IDENTITY):
            for record in records:
                number = keys.get(record.key or b"")
                if number is None:
                    continue
                try:
                    fact = facts.read(record.topic, record.key or b"", record.value or b"").fact
                except KeysUnreadable:
                    raise
                except (MalformedMessage, UnsealingFailed):  # the matcher makes work of it
                    continue
                said = fact.known.notices.values() if isinstance(fact, Merged) else (fact,)
                found += [(number, one) for one in said if _is_about_a_user(one)]
        return found


def _is_about_a_user(fact: object) -> TypeGuard[IdentityNotice]:
    """Return whether a fact says of a user whether they may see somebody (48)."""
    return isinstance(fact, IdentityNotice) and fact.kind in ABOUT_A_USER
