"""Reading the file that declares the topics."""

import pytest

from broker.adapters.topic_declarations import load_topics
from broker.core.errors import TopicsRefused
from broker.core.identifiers import OdsCode
from broker.runtime.resources import topics_file

_VALID = """
partitions = 4
replication_factor = 1
[recipients]
local_authorities = ["201", "211"]
[recipient_topics.local_authorities]
name = "alerts.la.{ods}"
partitions = 1
[topics."inputs"]
key = "NHS number"
co_partitioned = true
settings = { "retention.ms" = "2 h", "max.message.bytes" = "9 MiB", "preallocate" = false }
[topics."rejected"]
partitions = 1
"""
_HORIZON_MS = 23 * 24 * 3_600_000  # W + 7 d + 2 d


def test_co_partitioned_topics_take_the_common_count() -> None:
    """A co-partitioned topic has the file's number of partitions, any other its own."""
    topics = load_topics(_VALID)

    assert [("inputs", 4), ("rejected", 1), ("alerts.la.201", 1), ("alerts.la.211", 1)] == [
        (topic.name, topic.partitions) for topic in topics
    ]


def test_another_count_changes_the_co_partitioned_topics_only() -> None:
    """Overriding the number of partitions leaves topics alone that have a number of their own."""
    topics = load_topics(_VALID).overridden(partitions=12, replication_factor=3)

    assert (12, 3) == (topics.partitions, topics.replication_factor)
    assert [12, 1, 1, 1] == [topic.partitions for topic in topics]


def test_overriding_nothing_changes_nothing() -> None:
    """Without a number the declaration stays as it is."""
    assert load_topics(_VALID) == load_topics(_VALID).overridden()


def test_quantities_become_kafkas_numbers() -> None:
    """Units of time and size become milliseconds and bytes; truth values are written as Kafka writes them."""
    inputs = next(iter(load_topics(_VALID)))

    assert {
        "retention.ms": "7200000",
        "max.message.bytes": "9437184",
        "preallocate": "false",
    } == inputs.settings


def test_recipients_are_known_by_their_codes() -> None:
    """The codes with a topic of their own can be asked for; a kind without any is empty."""
    topics = load_topics(_VALID)

    assert frozenset({OdsCode("201"), OdsCode("211")}) == topics.local_authorities
    assert frozenset() == topics.providers


def test_what_providers_write_to_is_known_by_its_topic() -> None:
    """Whose each is; who may write there is nobody's recipient by that."""
    topics = load_topics(
        _VALID
        + '[senders]\nproviders = ["RXX"]\n[sender_topics.providers]\nname = "in.{ods}"\npartitions = 1'
    )

    assert {"in.RXX": OdsCode("RXX")} == topics.written
    assert "in.RXX" in topics.names
    assert frozenset() == topics.providers


@pytest.mark.parametrize(
    ("valid", "wrong", "told"),
    [
        ("partitions = 4", "partitions = ", "not TOML"),
        ("partitions = 4", "", "the topics file: partitions must be a whole number"),
        ("partitions = 4", "partitions = 0", "the topics file: partitions must be a whole number"),
        ("partitions = 4", "partitions = true", "the topics file: partitions must be a whole number"),
        ("replication_factor", "replication", "the topics file: replication is not known here"),
        ('"201"', '"2-1"', "recipients.local_authorities: each must be an ODS code"),
        ('"201"', "201", "recipients.local_authorities: each must be an ODS code"),
        ("[recipients]", "[recipients]\nhospitals = []", "recipients: hospitals is not known here"),
        ("[recipients]", "[senders]\nhospitals = []\n[recipients]", "senders: hospitals is not known here"),
        ("[recipients]", '[senders]\nproviders = ["?"]\n[recipients]', "senders.providers: each must be"),
        (
            "[recipients]",
            '[senders]\nproviders = ["RXX"]\n[recipients]',
            "sender_topics.providers says nothing of the topics",
        ),
        (
            "[recipients]",
            '[sender_topics.providers]\nname = "in"\n[recipients]',
            "sender_topics.providers: name must contain {ods}",
        ),
        (
            "[recipients]",
            '[sender_topics.hospitals]\nname = "in.{ods}"\n[recipients]',
            "sender_topics: hospitals is not known here",
        ),
        ("recipient_topics.local_authorities", "recipient_topics.hospitals", "recipient_topics: hospitals"),
        ("alerts.la.{ods}", "alerts.la", "recipient_topics.local_authorities: name must contain {ods}"),
        ('"inputs"', '"in puts"', "'in puts' cannot be a topic's name"),
        ('"rejected"', '"alerts.la.201"', "alerts.la.201 is declared more than once"),
        ("co_partitioned = true", "co_partitioned = false", "inputs: say either"),
        ("co_partitioned = true", "co_partitioned = true\npartitions = 3", "inputs: say either"),
        ("co_partitioned = true", "co_partitoned = true", "inputs: co_partitoned is not known here"),
        ("2 h", "2 fortnights", "retention.ms has the unit 'fortnights', it can have: ms, s, h, d"),
        ("9 MiB", "9 d", "max.message.bytes has the unit 'd', it can have: B, KiB, MiB"),
        ("= false", '= "2 h"', "preallocate has the unit 'h', it can have: none"),
        ("settings = {", "settings = 3 # {", "inputs: settings must be a table"),
    ],
)
def test_a_mistake_is_refused_with_its_place(valid: str, wrong: str, told: str) -> None:
    """Nothing in the file is silently ignored or guessed."""
    with pytest.raises(TopicsRefused) as refusal:
        load_topics(_VALID.replace(valid, wrong, 1))

    assert told in str(refusal.value)


def test_the_shipped_inputs_lie_side_by_side() -> None:
    """The matcher's inputs, its state, its audit and its marks have one common number of partitions."""
    shipped = {topic.name: topic for topic in load_topics(topics_file().read_text("utf-8"))}

    assert {
        "cpis.in.plans",
        "cpis.in.identity",
        "cpis.in.attendances",
        "cpis.in.accesses",
        "cpis.in.details",
        "cpis.people",
        "cpis.audit",
        "cpis.checks",
    } == {name for name, topic in shipped.items() if topic.co_partitioned}


def test_the_shipped_inputs_are_stamped_by_the_broker() -> None:
    """Every input is stamped on arrival, so that a seek by time uses a clock that cannot lie."""
    shipped = load_topics(topics_file().read_text("utf-8"))

    assert {"LogAppendTime"} == {
        topic.settings.get("message.timestamp.type", "CreateTime")
        for topic in shipped
        if topic.name.startswith("cpis.in.")
    }


def test_the_shipped_attendances_are_kept_for_the_horizon() -> None:
    """The log forgets attendances after H, in segments short enough to forget in time."""
    shipped = {topic.name: topic for topic in load_topics(topics_file().read_text("utf-8"))}

    settings = shipped["cpis.in.attendances"].settings
    assert (str(_HORIZON_MS), str(6 * 3_600_000)) == (settings["retention.ms"], settings["segment.ms"])
