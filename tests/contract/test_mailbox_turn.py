"""Of several processes with one mailbox one looks into it, on the genuine Kafka."""

import asyncio
import uuid

import pytest

from broker.adapters.cluster import Cluster
from broker.adapters.embedded_kafka import EmbeddedKafka
from broker.adapters.kafka_turn import KafkaTurn
from broker.core.errors import KafkaUnavailable

PATIENCE_S = 90
_LOOK_AGAIN_S = 0.2


async def whose(turns: list[KafkaTurn]) -> KafkaTurn:
    """Return whose turn it is, once it is one's: whoever loses it hears of that with its next heartbeat."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            ours = [turn for turn in turns if await turn.is_ours()]
            if len(ours) == 1:
                return ours[0]
            await asyncio.sleep(_LOOK_AGAIN_S)


@pytest.mark.kafka
def test_it_is_one_processs_turn_and_the_others_when_that_one_has_gone(kafka: EmbeddedKafka) -> None:
    """Else an authority would get two answers to each file; nothing of the shared topic is taken."""
    group = f"test-mesh-{uuid.uuid4().hex}"

    async def story() -> None:
        """Have two share a mailbox, and the one whose turn it is leave."""
        first, second = (KafkaTurn(kafka.cluster, group) for _ in range(2))
        try:
            one = await whose([first, second])
            await one.close()
            other = second if one is first else first
            assert other is await whose([other])
        finally:
            await first.close()
            await second.close()

    asyncio.run(story())


def test_without_kafka_it_is_nobodys_turn() -> None:
    """Nothing could be made durable."""

    async def story() -> None:
        """Ask where nobody is."""
        turn = KafkaTurn(Cluster("127.0.0.1:1"), "test-mesh")
        with pytest.raises(KafkaUnavailable):
            await turn.is_ours()
        await turn.close()

    asyncio.run(story())
