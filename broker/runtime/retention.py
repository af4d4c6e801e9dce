"""What this deployment holds, put together: topics, people, worklist, sealing keys, the inbox database."""

import asyncio
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime

from broker.adapters.cluster import Cluster
from broker.adapters.kafka_admission import explained
from broker.adapters.kafka_archive import KafkaArchive
from broker.adapters.kafka_inspection import TopicShape, inspect_topics
from broker.adapters.kafka_topics import existing_topics
from broker.adapters.sealing import KeyDirectory
from broker.core.worklist import ItemKind
from broker.ports import Topic
from broker.runtime.parts import assemble, present
from broker.runtime.settings import Settings
from broker.runtime.worklist_view import Age, WorklistView
from broker.services.retention_report import Held, RetentionReport, State

_OUR_PREFIX = "cpis."


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """
    Everything that is held, at one moment (aware UTC).

    `shapes` say how long each topic keeps its records; `work` counts the open items by kind and age; `keys`
    are the days whose sealing keys are kept; `inbox` counts events by recipient and `index` rows about
    messages by topic, each None without a database.
    """

    at: datetime
    topics: list[Held]
    shapes: dict[str, TopicShape]
    state: State
    work: Counter[tuple[ItemKind, Age]]
    keys: list[date]
    inbox: dict[str, int] | None
    index: dict[str, int] | None


async def holdings(settings: Settings, cluster: Cluster) -> Holdings:
    """
    Read everything and count it; raise `KafkaUnavailable`, and `TopicMissing` where nothing of ours is.

    Reads every record once: seconds for a trust, minutes for a nation.
    """
    parts, archive = assemble(settings), KafkaArchive(cluster)
    names = sorted(name for name in await existing_topics(cluster) if name.startswith(_OUR_PREFIX))
    inventory = await inspect_topics(cluster, names)
    report = RetentionReport(archive, parts.states, parts.policy)
    view = WorklistView(parts.records)
    try:
        async with explained(cluster):
            await archive.start()
        state = await report.people()
        topics = await report.topics(names)
        async for records in archive.read(Topic.WORKLIST):
            for record in records:
                view.take(record)
    finally:
        await archive.close()
    now = present()
    return Holdings(
        at=now,
        topics=topics,
        shapes=dict(inventory.shapes),
        state=state,
        work=view.standing(now),
        keys=KeyDirectory(settings.sealing_keys_dir, present).days(),
        inbox=await asyncio.to_thread(_inbox, settings.database_url),
        index=await asyncio.to_thread(_index, settings.database_url),
    )


def _inbox(url: str) -> dict[str, int] | None:
    """Return how many events each recipient's inbox holds; None where no database was made here."""
    from broker.adapters.projection import counted  # SQLAlchemy is imported by those alone who need it

    return counted(url)


def _index(url: str) -> dict[str, int] | None:
    """Return how many rows the index of messages has by topic; None where no database was made here."""
    from broker.adapters.message_table import indexed  # likewise

    return indexed(url)
