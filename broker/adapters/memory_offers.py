"""The twin of what takes from others' topics: topics of an in-memory Kafka."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime

from broker.adapters.memory import MemoryKafka
from broker.ports import Offered


class MemoryOffers:
    """`Offers` on a `MemoryKafka`; there is one member of its group."""

    def __init__(self, kafka: MemoryKafka, topics: Collection[str]) -> None:
        """Take from these topics."""
        self._kafka = kafka
        self._topics = sorted(topics)
        self._next: dict[tuple[str, int], int] = {}
        self._done: dict[tuple[str, int], int] = {}

    async def take(self) -> Sequence[Offered]:
        """Return what is there and was not returned since the last `close`."""
        self._kafka.check()
        found = [
            Offered(
                topic=record.topic,
                partition=record.partition,
                offset=record.offset,
                value=record.value or b"",
                received_at=datetime.fromtimestamp(record.timestamp / 1000, UTC),
            )
            for topic in self._topics
            for record in self._kafka.read(topic)
            if record.offset >= self._next.get((topic, record.partition), 0)
        ]
        self._move(self._next, found)
        return found

    async def done(self, taken: Sequence[Offered]) -> None:
        """Move the offsets behind what was taken."""
        self._kafka.check()
        self._move(self._done, taken)

    async def close(self) -> None:
        """Offer again what was not done."""
        self._next = dict(self._done)

    @staticmethod
    def _move(offsets: dict[tuple[str, int], int], taken: Sequence[Offered]) -> None:
        """Let offsets lie behind what was taken."""
        offsets.update({(one.topic, one.partition): one.offset + 1 for one in taken})
