"""
Takes what providers write to their own topics through the same use case as what they send.

Knows that an offset moves only once a record is durable, as a fact or as it is, and that a topic is its
provider's alone: of a record that claims another provider no byte is kept, and what is refused is its own.
"""

from collections.abc import Callable, Mapping
from functools import partial

from broker.core.errors import MalformedMessage, NotItsSender
from broker.core.identifiers import OdsCode
from broker.core.senders import Sender
from broker.ports import Offered, Offers
from broker.services.intake import Intake
from broker.wire.attendance_record import SENDER_PLACES
from broker.wire.records_codec import Door

FOREIGN = "topic of another provider"
"""Reason: a record claims a provider that its topic does not belong to."""


class TakingOffers:
    """
    The use case behind providers' own topics; `owners` are whose each is.

    `settled` returns what is settled of a sending system, and raises `NotItsSender` for one that may not
    send. `count` is told of each record that is `FOREIGN`.
    """

    def __init__(
        self,
        offers: Offers,
        intake: Intake,
        owners: Mapping[str, OdsCode],
        *,
        settled: Callable[[OdsCode, str], Sender],
        count: Callable[[str], None],
    ) -> None:
        """Take nothing yet."""
        self._offers = offers
        self._intake = intake
        self._owners = owners
        self._settled = settled
        self._count = count

    async def take(self) -> int:
        """
        Take what is there, and return how many records that was.

        Raises `KafkaUnavailable`, or `StorageUnusable` where nothing can be sealed: what was not taken is
        offered again, and what was may be, which changes nothing.
        """
        taken = await self._offers.take()
        try:
            for one in taken:
                await self._take(one)
            await self._offers.done(taken)
        except BaseException:
            await self._offers.close()
            raise
        return len(taken)

    async def _take(self, one: Offered) -> None:
        """Take one record; what is amiss with it is kept, and anything else is a failure of ours."""
        fault = await self._intake.take(
            one.value,
            Door.TOPIC,
            received_at=one.received_at,
            sender=partial(self._admitted, one.topic),
            owner=self._owners.get(one.topic),
        )
        if fault is not None and not isinstance(fault, MalformedMessage):
            raise fault

    def _admitted(self, topic: str, provider: OdsCode, system: str) -> Sender:
        """Return what is settled of a system of the topic's owner; raise `NotItsSender` for another's."""
        if self._owners.get(topic) != provider:
            self._count("topic of another provider")
            raise NotItsSender(FOREIGN, location=SENDER_PLACES[0])
        return self._settled(provider, system)
