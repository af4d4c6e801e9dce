"""Compares the inbox database of an outbox with what was said on Kafka."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from broker.adapters.cluster import Cluster
from broker.adapters.projection import Projection
from broker.ports import Topic
from broker.services.matching import Codecs
from tests.fault.checker import read_topics
from tests.waiting import wait_until

_PROJECTED_S = 180.0


async def said_to_each(cluster: Cluster, codecs: Codecs) -> dict[bytes, list[str]]:
    """Return the ids of all committed events in their order, by recipient."""
    said: dict[bytes, list[str]] = {}
    for record in (await read_topics(cluster, [Topic.ALERTS]))[Topic.ALERTS]:
        event_id = codecs.alerts.decode_event(record.value or b"").event_id
        said.setdefault(record.key or b"", []).append(event_id)
    return said


def until_in_inboxes(data_dir: Path, said: Mapping[bytes, Sequence[str]]) -> None:
    """Return once the database holds exactly these events, each once, numbered without gaps; else fail."""
    projection = Projection(f"sqlite:///{data_dir / 'broker.sqlite'}")
    expected = {key: list(enumerate(ids, start=1)) for key, ids in said.items()}

    def inboxes() -> dict[bytes, list[tuple[int, str]]]:
        return {
            key: [(row.number, row.event.event_id) for row in projection.inbox(key.decode())] for key in said
        }

    try:
        wait_until(lambda: inboxes() == expected, _PROJECTED_S, "every event in the inbox")
    finally:
        projection.close()
