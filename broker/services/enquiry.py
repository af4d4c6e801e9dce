"""
Answers what a provider asks about a visit: plan on file, no plan on file, could not check (ruling 41).

Knows how long a check mark is waited for, and that the audit trail has the enquiry before a record is opened;
what is looked at then, `broker.services.answering` knows. Whatever goes wrong is `could not check`, never `no
plan`.
"""

import asyncio
from collections.abc import Sequence

from broker.core.answers import MARK_WITHIN, Answer, Asker, Checked, Uncheckable, answer, could_not_check
from broker.core.desk_errors import NoAnswerHere, VisitAmbiguous
from broker.core.feeds import FeedRule
from broker.core.identifiers import NhsNumber, OdsCode, aware
from broker.core.message_times import position
from broker.core.operators import ActionKind, Grounds
from broker.services.answering import Answering, passed_at
from broker.services.audited_access import AuditedAccess, DeskUser
from broker.services.excluding import Attempt, tell_of_excluded
from broker.services.finding import Held, Kept, VisitAsked, kept_of, messages_of
from broker.services.matching_output import cause_of
from broker.services.people_reading import LOOK_AGAIN_S, NO_FEEDS, Marked
from broker.services.rejected_desk import place_of


class Enquiry:
    """Answers on a cluster, on grounds."""

    def __init__(self, access: AuditedAccess, *, feeds: FeedRule, look_again_s: float = LOOK_AGAIN_S) -> None:
        """
        Answer with this access; who works at its desk asks where nobody else is named (48).

        `feeds` says which are stale; `look_again_s` is how long is waited between two looks, seconds.
        """
        self._access = access
        self._feeds = feeds
        self._look_again_s = look_again_s
        self._people = access.people(look_again_s)
        self._answering = Answering(self._people, access.readers, policy=access.policy, key=access.key)

    async def ask(self, asked: VisitAsked, grounds: Grounds) -> Answer:
        """
        Return the answer for a visit, at the latest a minute after its newest receipt.

        Raises `NoAnswerHere` for a visit that is no unscheduled one and `VisitAmbiguous` where several
        systems have told one of this name. Anything else that fails is the answer `could not check`.
        """
        try:
            return await self._ask(asked, grounds)
        except (NoAnswerHere, VisitAmbiguous):
            raise
        except Exception as error:  # noqa: BLE001 – no error may be taken for `no plan on file`
            return could_not_check(Uncheckable.BROKER_BEHIND, cause=cause_of(error))

    async def _ask(self, asked: VisitAsked, grounds: Grounds) -> Answer:
        """Return the answer; raises whatever goes wrong."""
        messages = await messages_of(
            asked, self._access.archive, self._access.readers.facts, self._access.key
        )
        kept: list[Kept] = []
        if not messages or asked.system is None:
            kept = await kept_of(asked, self._access.archive, self._access.readers.records, self._access.key)
        if len({held.message.system for held in messages} | {one.system for one in kept}) > 1:
            raise VisitAmbiguous
        if not messages:
            return await self._without_number(kept, grounds)
        newest = max(messages, key=lambda held: position(held.message))  # under the number in use (ruling 44)
        await self._access.log.audit(ActionKind.ANSWERED, newest.reference, place_of(newest.record), grounds)
        own = [held for held in messages if held.number == newest.number]
        marks = await self._marks_past(asked.provider, own)
        passed = passed_at(marks, asked.provider, own)
        who = self._access.who
        if asked.user is not None:
            who = DeskUser(organisation=asked.provider, user=asked.user)
        asker = Asker(user=None if who is None else who.user)
        checked, _ = await self._answering.look(own, asker, passed=passed)
        if checked.excluded and who is not None:
            await self._tell_of_excluded(who, newest.number, grounds)
        return answer(checked, await self._people.feeds(marks, self._feeds, self._access.clock()))

    async def _without_number(self, kept: Sequence[Kept], grounds: Grounds) -> Answer:
        """Return that nobody knows whose a visit is, or who it may be; or that no message is held (21)."""
        if not kept:
            return answer(Checked(held=False), NO_FEEDS)
        newest = kept[-1]
        await self._access.log.audit(ActionKind.ANSWERED, newest.visit, place_of(newest.record), grounds)
        return answer(await self._answering.unnumbered(newest.visit), NO_FEEDS)

    async def _marks_past(self, provider: OdsCode, own: Sequence[Held]) -> list[Marked]:
        """Return the marks as soon as the provider's has passed the visit, or its time is over."""
        received_at = max(held.message.received_at for held in own)
        until = min(received_at, self._access.clock()) + MARK_WITHIN
        while True:
            marks = await self._people.marks()
            if passed_at(marks, provider, own) is not None or self._access.clock() >= until:
                return marks
            await asyncio.sleep(self._look_again_s)

    async def _tell_of_excluded(self, who: DeskUser, number: NhsNumber, grounds: Grounds) -> None:
        """Have the safeguarding lead told that somebody asked who must not see the person (ruling 48)."""
        now = aware(self._access.clock())
        access_id = self._access.key.derive("asked", number.key, who.user, now.isoformat())
        attempt = Attempt(role="asked for an answer", access_id=access_id, at=now)
        await tell_of_excluded(self._access, number, who, attempt, grounds)
