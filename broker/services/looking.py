"""
Somebody looks a person up by NHS number: who looks is on the trail first, and what tells of it durable.

Knows the order in which topics are read, which makes `no plan on file` safe: `cpis.people` with the matchers'
own records first, then what came in behind them. A mark that no matcher has taken yet, whatever it came with,
or an exclusion keeps everything closed, a plan keeps `no plan` from being said. Whatever goes wrong is
`could not check` (34, 41).
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from broker.core.answers import Checked, Uncheckable, could_not_check
from broker.core.errors import InvalidFact, MalformedMessage
from broker.core.facts import Access
from broker.core.feeds import FeedAges, FeedRule, count
from broker.core.identifiers import NhsNumber, OdsCode, aware
from broker.core.invalidation import Inactive
from broker.core.keyed import user_reference
from broker.core.looking import Look, LookedUp, Looker, Way, access_of, aged, look_up
from broker.core.newborn_links import mothers_in
from broker.core.number_ranges import Takes, Taking, takes_any
from broker.core.office_hours import OfficeHours
from broker.core.operators import YET_UNWRITTEN, ActionKind, Grounds, LookedBy, Place
from broker.core.past import Past
from broker.core.person import NOTHING, Known, lift_messages
from broker.core.policy_keys import Place as Listed
from broker.core.trail_looks import ASKED, look_id
from broker.core.waiting import waiting_number_key
from broker.ports import Topic
from broker.services.audited_access import AuditedAccess
from broker.services.desk_log import SOURCE
from broker.services.fact_desk import User, line_of_text
from broker.services.fact_writes import fact_write
from broker.services.matching_output import cause_of
from broker.services.people_reading import LOOK_AGAIN_S, Read
from broker.services.untaken import Untaken

LOOKS = 60
"""How often it is looked whether the matchers have taken what is there of a person, a second apart (41)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """
    Who looks, as the asking side says it (R54); the words are checked when it is asked.

    `user` without an id of its own is a system that looks by itself. `place` is the code of the site or the
    location, `unscheduled` what is said of the setting, None for nothing (R24), `request_id` the asking
    system's own id of the request.
    """

    organisation: OdsCode
    organisation_name: str
    role: str
    user: User = field(repr=False)
    place: str | None = None
    unscheduled: bool | None = None
    request_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """
    What a record says, and the numbers under which something may have come in behind it.

    `there` is False of a person who is on the way to the number that succeeded: then nothing is said (22).
    """

    found: LookedUp
    numbers: Collection[NhsNumber]
    there: bool = True


class Looking:
    """Looks people up on a cluster."""

    def __init__(
        self,
        access: AuditedAccess,
        *,
        feeds: FeedRule,
        hours: Mapping[OdsCode, OfficeHours],
        takes: Takes = takes_any,
        look_again_s: float = LOOK_AGAIN_S,
        looks: int = LOOKS,
    ) -> None:
        """
        Look with this access: who looks is taken down before a record is opened.

        `hours` are the office hours that are known, `takes` says which numbers have a place here (27).
        """
        self._access = access
        self._feeds = feeds
        self._hours = hours
        self._takes = takes
        self._look_again_s = look_again_s
        self._looks = looks
        self._people = access.people(look_again_s)
        self._untaken = Untaken(access.archive, self._people, access.readers.facts)

    async def look(self, number: NhsNumber, asking: Asking, grounds: Grounds) -> Look:
        """
        Return what whoever looks is answered, once everything that tells of it is durable.

        `grounds` say who put the request in, and the purpose. Raises `InvalidFact` for words that say
        nothing, `NotForThisRole`, and `KafkaUnavailable` where the trail cannot be written. Anything else
        that fails is the answer `could not check`.
        """
        if self._takes(number, None) is Taking.REFUSED:
            raise InvalidFact("this deployment is for tests, and takes numbers kept for tests alone")
        at = aware(self._access.clock())
        asking = replace(asking, place=_as_listed(asking.place))
        looker = self._looker(asking)
        name = look_id(self._access.key, number, asking.organisation.code, asking.request_id, at)
        access = access_of(looker, name, at)
        await self._note(access, asking, grounds, ASKED)
        try:
            look = await self._look(number, looker, access)
            await self._note(access, asking, grounds, _outcome(look))
            if look.fact is not None:
                fact = look.fact
                await self._access.log.tell(
                    fact_write(self._access.readers.facts, fact, number, fact.access_id, SOURCE)
                )
        except Exception as error:  # noqa: BLE001 – no error may be taken for `no plan on file`
            failed = could_not_check(Uncheckable.BROKER_BEHIND, cause=cause_of(error))
            return Look(way=Way.UNSCHEDULED, answer=failed)
        return look

    def _looker(self, asking: Asking) -> Looker:
        """Return who looks; raise `InvalidFact` for words that say nothing."""
        own_id, key = asking.user.own_id, self._access.key
        return Looker(
            organisation=asking.organisation,
            organisation_name=line_of_text("name of the organisation", asking.organisation_name),
            role=line_of_text("role", asking.role),
            user_name=line_of_text("name of the user", asking.user.name),
            user=None
            if own_id is None
            else user_reference(key, asking.organisation, line_of_text("id of the user", own_id)),
            place=asking.place,
            unscheduled=asking.unscheduled,
        )

    async def _note(self, access: Access, asking: Asking, grounds: Grounds, outcome: str) -> None:
        """
        Take down who looks, and what came of it; a sensitive place is not named (ruling 47).

        The moment is that of the look, from which its id is made.
        """
        settled = self._access.policy.at(access.accessed_at).site(
            asking.organisation, site=asking.place, location=asking.place
        )
        looked_by = LookedBy(
            user_id=asking.user.own_id or "",
            role=access.role,
            organisation=asking.organisation.code,
            place=None if settled.listed is Listed.SENSITIVE else asking.place,
            unscheduled=asking.unscheduled,
            request_id=asking.request_id,
        )
        place = Place(topic=Topic.ACCESSES, partition=YET_UNWRITTEN, offset=YET_UNWRITTEN)
        await self._access.log.audit(
            ActionKind.LOOKED,
            access.access_id,
            place,
            grounds,
            outcome=outcome,
            looked_by=looked_by,
            at=access.accessed_at,
        )

    async def _look(self, number: NhsNumber, looker: Looker, access: Access) -> Look:
        """Return what is answered; raises whatever goes wrong."""
        looks = 0
        while True:
            read = await self._people.read({number.key})
            held = await self._found(number, looker, access, read)
            behind = await self._untaken.behind(read, held.numbers)
            looks += 1
            settled = held.there and not behind.matters
            if settled or looks >= self._looks:
                break
            await asyncio.sleep(self._look_again_s)
        found = _but(held.found, Checked()) if behind.closes else held.found
        checked = await self._people.settled(found.looked, aware(self._access.clock()) if settled else None)
        marks = await self._people.marks()
        heard, at, rule = await self._people.heard(marks), aware(self._access.clock()), self._feeds
        ages = FeedAges(last=lambda: heard, stale_after=rule.stale_after, agreed=rule.agreed)
        return aged(_but(found, checked).answered(count(heard, at, rule)), ages, at)

    async def _found(self, number: NhsNumber, looker: Looker, access: Access, read: Read) -> _Held:
        """Return what a person's record says, and every number that was passed on the way to it."""
        value = read.values.get(number.key)
        if value is None:
            known = NOTHING if looker.unscheduled is not False else await self._messages(number)
            return _Held(found=self._up(number, known, looker, access), numbers={number})
        whose = await self._people.person(number, value, "")
        person = whose.person
        if person is None or isinstance(person, Inactive):
            found = _but(self._up(number, NOTHING, looker, access), Checked(not_in_use=person is not None))
            return _Held(found=found, numbers={number, *whose.passed}, there=person is not None)
        found = self._up(person.number, person.known, looker, access, person.history)
        key = self._access.key
        former = {waiting_number_key(key, one) for one in whose.passed}  # a record may wait for any
        looked = found.looked.noting(person.set_aside)
        looked = replace(looked, waiting_under=looked.waiting_under | former)
        own = {number, person.number, *whose.passed}  # a mother's may restrict, exclude or cover as well (26)
        return _Held(found=replace(found, looked=looked), numbers={*own, *mothers_in(person.known)})

    def _up(
        self, number: NhsNumber, known: Known, looker: Looker, access: Access, past: Sequence[Past] = ()
    ) -> LookedUp:
        """Look somebody up."""
        return look_up(
            number, known, looker, access, self._access.policy, self._access.key, hours=self._hours, past=past
        )

    async def _messages(self, number: NhsNumber) -> Known:
        """Return the visits that are held of somebody without a record, unopened: who is where (ruling 3)."""
        found = []
        async for records in self._access.archive.read(Topic.ATTENDANCES):
            for record in records:
                if record.key == number.key:
                    with suppress(MalformedMessage):
                        found.append(self._access.readers.facts.message_in_clear(record.value or b""))
        return lift_messages(found)


def _as_listed(place: str | None) -> str | None:
    """Return the code of a place as a policy lists it, however it was typed; None where it says nothing."""
    return (place or "").strip().upper() or None


def _but(found: LookedUp, checked: Checked) -> LookedUp:
    """Return what was found with something else looked at."""
    return replace(found, looked=replace(found.looked, checked=checked))


def _outcome(look: Look) -> str:
    """Return what came of a look in stable words: how it was made, what was answered, on which basis (49)."""
    if look.answer is None:
        return look.way.value
    said = (
        look.answer.finding.value if look.answer.reason is None else f"could not check: {look.answer.reason}"
    )
    return f"{look.way}: {said}; {', '.join(look.basis)}"
