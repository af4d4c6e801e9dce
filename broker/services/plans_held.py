"""
Which of an authority's plans are on file in view, so that a late end is told from a new record. Ruling 18.

Looked up once for a file, after all of it is durable: in `cpis.people`, and behind what the matchers have
taken of `cpis.in.plans`. So the answer hangs on no race, and a file that is sent again gets the same one.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from broker.core.errors import BrokerError, MalformedMessage, UnsealingFailed
from broker.core.facts import PlanKey
from broker.core.identifiers import NhsNumber
from broker.core.person import Known, Person, lift
from broker.core.plans import histories, was_history
from broker.core.policy import AnyPolicy
from broker.ports import PARTITION_STATE_KEY, Archive, Record, Topic
from broker.wire.facts_codec import FactCodec
from broker.wire.state_codec import StateCodec

Lend = Callable[[], AbstractAsyncContextManager[Archive]]
"""Lends topics to be read back."""
_InView = Mapping[PlanKey, datetime]
"""Plans of one number that were in view when they were recorded, and when the first such version was."""


class Late(NamedTuple):
    """A plan that was out of view already when it was recorded at this time, aware UTC."""

    number: NhsNumber
    plan: PlanKey
    recorded_at: datetime


@dataclass(frozen=True, kw_only=True)
class PlansHeld:
    """
    Looks in what `lend` gives; judges by the policy that was in force when a version was recorded.

    Of a file it is asked about `most` records, so that what is held of one does not grow with it.
    """

    lend: Lend
    facts: FactCodec
    states: StateCodec
    policy: AnyPolicy
    most: int = 10_000

    async def among(self, plans: Collection[Late]) -> frozenset[Late]:
        """
        Return those of which a version is on file that was in view, recorded no later.

        Nothing is on file under a number that is superseded or out of use (22, 23): what came of it stands
        elsewhere, or nobody can open it. Of what cannot be read, or found out, nothing is said to be on file.
        """
        if not plans:
            return frozenset()
        try:
            async with self.lend() as archive:
                held = await self._held(archive, {one.number.key for one in plans})
        except BrokerError:
            return frozenset()
        return frozenset(one for one in plans if _is_held(one, held.get(one.number.key, ())))

    async def _held(self, archive: Archive, keys: Collection[bytes]) -> Mapping[bytes, list[_InView]]:
        """Return what is on file in view under these keys, by what is known of people and by the input."""
        known: dict[bytes, _InView] = {}
        since: dict[int, int] = {}
        async for record in _each(archive.read(Topic.PEOPLE)):
            if record.key == PARTITION_STATE_KEY:
                offsets = self.states.decode_partition(record.value or b"").offsets
                since[record.partition] = offsets.get(Topic.PLANS, 0)
            elif record.key in keys and record.key is not None:
                known[record.key] = self._in_view(self._person(record.key, record.value))
                await asyncio.sleep(0)
        found = {key: [in_view] for key, in_view in known.items()}
        async for record in _each(archive.read(Topic.PLANS, since=since)):
            if record.key in keys and record.key is not None:
                with suppress(MalformedMessage, UnsealingFailed):  # the matcher makes work of it
                    fact = self.facts.decode(record.topic, record.key, record.value or b"")
                    found.setdefault(record.key, []).append(self._in_view(lift(fact)))
                await asyncio.sleep(0)
        return found

    def _person(self, key: bytes, value: bytes | None) -> Known:
        """Return what is known of a person, nothing where nobody is there, or none that can be read."""
        with suppress(MalformedMessage):
            held = None if value is None else self.states.decode_any(key, value)
            if isinstance(held, Person):
                return held.known
        return Known()

    def _in_view(self, known: Known) -> _InView:
        """Return the plans of which a version was in view, neither removed nor out of view by then."""
        return {
            plan: min(seen)
            for plan, versions in histories(known.plans).items()
            if (
                seen := [
                    one.recorded_at
                    for one in versions
                    if one.content.deleted is None and not was_history(one, self.policy.at(one.recorded_at))
                ]
            )
        }


async def _each(batches: AsyncIterator[Iterable[Record]]) -> AsyncIterator[Record]:
    """Yield the records of batches, one by one."""
    async for records in batches:
        for record in records:
            yield record


def _is_held(late: Late, held: Iterable[_InView]) -> bool:
    """Whether a version of a plan is on file that was in view, recorded no later than it was ended."""
    return any(late.plan in one and one[late.plan] <= late.recorded_at for one in held)
