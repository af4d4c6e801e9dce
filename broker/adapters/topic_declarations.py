"""
The file that declares the topics: names, partitions, settings, and who has a topic of their own.

Knows the file's form and which mistakes in it are refused. Does not know: Kafka's client.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from broker.core.errors import BrokerError, TopicsRefused
from broker.core.identifiers import OdsCode

_UNITS = {
    ".ms": {"ms": 1, "s": 1_000, "h": 3_600_000, "d": 86_400_000},
    ".bytes": {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20},
}
_QUANTITY = re.compile(r"(\d+) ([A-Za-z]+)")
_TOPIC_NAME = re.compile(r"[a-zA-Z0-9._-]{1,249}")  # Kafka's own rule
_ODS_PLACE = "{ods}"
_RECIPIENTS = frozenset({"local_authorities", "providers"})
_SENDERS = frozenset({"providers"})
_TOPIC_KEYS = frozenset({"key", "partitions", "co_partitioned", "settings"})


@dataclass(frozen=True, slots=True)
class Topic:
    """One declared topic; `key` says what its records are keyed by, `settings` are Kafka's, as text."""

    name: str
    key: str
    partitions: int
    co_partitioned: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Topics:
    """
    All declared topics in the file's order, the recipients that have one of their own, and the providers that
    `write` their attendances to one, by its name.
    """

    partitions: int
    replication_factor: int
    declared: tuple[Topic, ...]
    local_authorities: frozenset[OdsCode]
    providers: frozenset[OdsCode]
    written: Mapping[str, OdsCode] = field(default_factory=dict)
    stems: frozenset[str] = frozenset()

    def __iter__(self) -> Iterator[Topic]:
        """Iterate over the topics."""
        return iter(self.declared)

    @property
    def names(self) -> frozenset[str]:
        """The names of all declared topics."""
        return frozenset(topic.name for topic in self.declared)

    def overridden(self, *, partitions: int | None = None, replication_factor: int | None = None) -> "Topics":
        """Return the same with another number of partitions for the co-partitioned topics, or of replicas."""
        count = self.partitions if partitions is None else partitions
        return replace(
            self,
            partitions=count,
            replication_factor=replication_factor or self.replication_factor,
            declared=tuple(
                replace(topic, partitions=count) if topic.co_partitioned else topic for topic in self.declared
            ),
        )


def load_topics(text: str) -> Topics:
    """
    Read a topics file (TOML); raise `TopicsRefused` with the place of the first mistake.

    The form is described in the shipped `deploy/topics.toml`.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TopicsRefused(f"the topics file is not TOML: {error}") from error
    _refuse_unknown(
        document,
        {
            *("partitions", "replication_factor", "topics", "recipients", "recipient_topics"),
            *("senders", "sender_topics"),
        },
        "the topics file",
    )
    partitions = _count(document, "partitions", "the topics file")
    codes = {kind: _codes(document, "recipients", kind) for kind in _RECIPIENTS}
    _refuse_unknown(_table(document, "recipients", "the topics file"), _RECIPIENTS, "recipients")
    _refuse_unknown(_table(document, "senders", "the topics file"), _SENDERS, "senders")
    writing = _codes(document, "senders", "providers")
    declared = [
        _topic(name, table, partitions)
        for name, table in _table(document, "topics", "the topics file").items()
    ]
    templates = _table(document, "recipient_topics", "the topics file")
    _refuse_unknown(templates, _RECIPIENTS, "recipient_topics")
    for kind, template in templates.items():
        declared += _topics_of("recipient_topics", kind, template, codes[kind], partitions)
    inward = _table(document, "sender_topics", "the topics file")
    _refuse_unknown(inward, _SENDERS, "sender_topics")
    written: list[Topic] = []
    for kind, template in inward.items():
        written += _topics_of("sender_topics", kind, template, writing, partitions)
    if writing and not written:
        raise TopicsRefused("sender_topics.providers says nothing of the topics of senders.providers")
    declared += written
    names = [topic.name for topic in declared]
    for name in names:
        if names.count(name) > 1:
            raise TopicsRefused(f"{name} is declared more than once")
    return Topics(
        partitions=partitions,
        replication_factor=_count(document, "replication_factor", "the topics file"),
        declared=tuple(declared),
        local_authorities=frozenset(codes["local_authorities"]),
        providers=frozenset(codes["providers"]),
        written={topic.name: code for topic, code in zip(written, writing, strict=True)},
        stems=frozenset(
            str(template["name"]).partition(_ODS_PLACE)[0]
            for template in (*templates.values(), *inward.values())
        ),
    )


def _topics_of(
    place: str, kind: str, template: Mapping[str, Any], codes: tuple[OdsCode, ...], partitions: int
) -> list[Topic]:
    """Return one topic for each of `codes`, after the template of its kind."""
    pattern = template.get("name", "")
    if _ODS_PLACE not in pattern:
        raise TopicsRefused(f"{place}.{kind}: name must contain {_ODS_PLACE}")
    table = {key: value for key, value in template.items() if key != "name"}
    return [_topic(pattern.replace(_ODS_PLACE, code.code), table, partitions) for code in codes]


def _topic(name: str, table: Mapping[str, Any], partitions: int) -> Topic:
    """Read the declaration of one topic."""
    if not _TOPIC_NAME.fullmatch(name):
        raise TopicsRefused(f"{name!r} cannot be a topic's name: letters, digits, '.', '_' and '-' only")
    _refuse_unknown(table, _TOPIC_KEYS, name)
    co_partitioned = table.get("co_partitioned", False) is True
    if co_partitioned == ("partitions" in table):
        raise TopicsRefused(f"{name}: say either co_partitioned = true or partitions = N")
    return Topic(
        name=name,
        key=str(table.get("key", "")),
        partitions=partitions if co_partitioned else _count(table, "partitions", name),
        co_partitioned=co_partitioned,
        settings={
            setting: _setting(name, setting, value)
            for setting, value in _table(table, "settings", name).items()
        },
    )


def _setting(topic: str, setting: str, value: object) -> str:
    """Return a setting's value as Kafka's text: `"35 d"` of a setting in ms becomes `3024000000`."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    match = _QUANTITY.fullmatch(text)
    if match is None:
        return text
    units = next((units for suffix, units in _UNITS.items() if setting.endswith(suffix)), {})
    if match[2] not in units:
        known = ", ".join(units) or "none"
        raise TopicsRefused(f"{topic}: {setting} has the unit {match[2]!r}, it can have: {known}")
    return str(int(match[1]) * units[match[2]])


def _codes(document: Mapping[str, Any], table: str, kind: str) -> tuple[OdsCode, ...]:
    """Return those of one kind that have a topic of their own."""
    named = _table(document, table, "the topics file")
    try:
        return tuple(OdsCode(code) for code in named.get(kind, []))
    except (BrokerError, TypeError) as error:
        raise TopicsRefused(f'{table}.{kind}: each must be an ODS code in quotes, such as "211"') from error


def _count(table: Mapping[str, Any], key: str, place: str) -> int:
    """Return a whole number of at least one."""
    value = table.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise TopicsRefused(f"{place}: {key} must be a whole number, 1 or more")
    return value


def _table(table: Mapping[str, Any], key: str, place: str) -> Mapping[str, Any]:
    """Return a table inside a table, empty when it is not there."""
    value = table.get(key, {})
    if not isinstance(value, dict):
        raise TopicsRefused(f"{place}: {key} must be a table")
    return value


def _refuse_unknown(table: Mapping[str, Any], known: frozenset[str] | set[str], place: str) -> None:
    """Refuse what would otherwise be silently ignored."""
    unknown = sorted(set(table) - known)
    if unknown:
        raise TopicsRefused(f"{place}: {unknown[0]} is not known here, but: {', '.join(sorted(known))}")
