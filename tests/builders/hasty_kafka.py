"""A Kafka that forgets and compacts as fast as it is told: short segments, an eager cleaner."""

from collections.abc import Mapping
from dataclasses import replace

from broker.adapters.kafka_topics import Topics, load_topics
from broker.ports import Topic
from broker.runtime.resources import topics_file

HASTY_BROKER = {
    "log.initial.task.delay.ms": "100",
    "log.retention.check.interval.ms": "200",
    "log.cleaner.backoff.ms": "100",
    "log.index.size.max.bytes": "65536",  # else each of a hundred logs has 20 MB of zeros to search
}
AT_ONCE = {"file.delete.delay.ms": "0", "segment.ms": "500", "segment.index.bytes": "65536"}
COMPACTED = {
    **AT_ONCE,
    "min.cleanable.dirty.ratio": "0.0",
    "min.compaction.lag.ms": "0",
    "max.compaction.lag.ms": "500",
    "delete.retention.ms": "0",
}


def declared(of_deleting: Mapping[str, str], text: str | None = None) -> Topics:
    """
    Return the declared topics with one partition each, hurried; those that are not compacted as said.

    `text` is that of another topics file.
    """
    topics = load_topics(text or topics_file().read_text("utf-8")).overridden(partitions=1)
    return replace(
        topics,
        declared=tuple(
            replace(
                topic,
                partitions=1,
                settings={
                    **topic.settings,
                    **(
                        COMPACTED
                        if topic.settings["cleanup.policy"] == "compact"
                        else {**AT_ONCE, **of_deleting}
                    ),
                },
            )
            for topic in topics
            if topic.name != Topic.AUDIT or not of_deleting
        ),
    )
