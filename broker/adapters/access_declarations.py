"""
The file that declares who may do what on the cluster, and the grants that follow from it.

Knows the file's form, which mistakes in it are refused, and what reading, writing and administering need.
Does not know: Kafka's client.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, NamedTuple

from broker.adapters.topic_declarations import Topics
from broker.core.errors import AccessRefused

_KEYS = frozenset({"name", "does", "read", "write", "groups", "transactional_ids", "administers", "inspects"})
_TOPICS = ("read", "write", "administers")
_ALL_THAT_BEGIN_SO = "*"
_UNFIT = frozenset(",=;\"'\\ \t\n")  # for a principal: a distinguished name is mapped to a short one by Kafka


class Kind(StrEnum):
    """What a grant is about, by Kafka's names."""

    TOPIC = "topic"
    GROUP = "group"
    TRANSACTIONAL_ID = "transactional-id"
    CLUSTER = "cluster"


class Operation(StrEnum):
    """What a grant allows, by Kafka's names."""

    ALL = "All"
    READ = "Read"
    WRITE = "Write"
    CREATE = "Create"
    DELETE = "Delete"
    ALTER = "Alter"
    DESCRIBE = "Describe"
    CLUSTER_ACTION = "ClusterAction"
    DESCRIBE_CONFIGS = "DescribeConfigs"
    ALTER_CONFIGS = "AlterConfigs"
    IDEMPOTENT_WRITE = "IdempotentWrite"


_ADMINISTERING = (
    Operation.CREATE,
    Operation.DESCRIBE,
    Operation.DESCRIBE_CONFIGS,
    Operation.ALTER_CONFIGS,
)
_NEEDS: Mapping[str, tuple[Kind, tuple[Operation, ...]]] = {
    "read": (Kind.TOPIC, (Operation.READ,)),
    "write": (Kind.TOPIC, (Operation.WRITE,)),
    "administers": (Kind.TOPIC, _ADMINISTERING),
    "groups": (Kind.GROUP, (Operation.READ,)),
    "transactional_ids": (Kind.TRANSACTIONAL_ID, (Operation.WRITE,)),
}


class Grant(NamedTuple):
    """One right: `user` may do `operation` on the resource `name`, with `prefixed` on all that begin so."""

    user: str
    kind: Kind
    name: str
    prefixed: bool
    operation: Operation

    def __str__(self) -> str:
        """Return the right as a sentence has it."""
        return f"{self.operation.name} on {self.kind} {self.name}{'*' if self.prefixed else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Somebody on the cluster: what the file calls it, its Kafka user, what it does, its grants."""

    role: str
    user: str
    does: str
    grants: tuple[Grant, ...]


@dataclass(frozen=True, slots=True)
class Access:
    """All declared principals in the file's order, recipients at the end; `application` their deployment."""

    application: str
    principals: tuple[Principal, ...]

    def __iter__(self) -> Iterator[Principal]:
        """Iterate over the principals."""
        return iter(self.principals)

    @property
    def grants(self) -> tuple[Grant, ...]:
        """Every grant of every principal, once, in the file's order."""
        return tuple(dict.fromkeys(grant for principal in self for grant in principal.grants))

    def of(self, role: str) -> Principal:
        """Return the principal of a role; raise `AccessRefused` when the file has none."""
        for principal in self:
            if principal.role == role:
                return principal
        raise AccessRefused(f"the access file has no principal {role!r}")


def load_access(text: str, topics: Topics, application: str) -> Access:
    """
    Read an access file (TOML) for declared topics; raise `AccessRefused` with the place of the first mistake.

    The form is described in the shipped `deploy/access.toml`.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise AccessRefused(f"the access file is not TOML: {error}") from error
    _refuse_unknown(document, frozenset({"principals", "recipients", "senders"}), "the access file")
    recipients = document.get("recipients", {})
    codes = {"local_authorities": topics.local_authorities, "providers": topics.providers}
    _refuse_unknown(recipients, frozenset(codes), "recipients")
    principals = [
        _principal(role, table, {"application": application}, topics)
        for role, table in document.get("principals", {}).items()
    ] + [
        _principal(f"{kind} {code}", table, {"application": application, "ods": str(code)}, topics)
        for kind, table in recipients.items()
        for code in sorted(codes[kind], key=str)
    ]
    users = [principal.user for principal in principals]
    for user in users:
        if users.count(user) > 1:
            raise AccessRefused(f"the user {user} is declared more than once")
    senders = document.get("senders", {})
    _refuse_unknown(senders, frozenset({"providers"}), "senders")
    writing = [
        _principal(f"{kind} {code}", table, {"application": application, "ods": str(code)}, topics)
        for kind, table in senders.items()
        for code in sorted(topics.written.values(), key=str)
    ]
    return Access(application, _joined(principals, writing))


def _joined(principals: list[Principal], writing: list[Principal]) -> tuple[Principal, ...]:
    """Return the principals, with what those of the same name may do as senders, and the other senders."""
    more = {principal.user: principal for principal in writing}
    joined = [
        replace(one, grants=(*one.grants, *more.pop(one.user).grants)) if one.user in more else one
        for one in principals
    ]
    return (*joined, *more.values())


def _principal(role: str, table: Any, words: Mapping[str, str], topics: Topics) -> Principal:
    """Read one principal, with its words put in for the places in braces."""
    if not isinstance(table, dict):
        raise AccessRefused(f"{role}: must be a table")
    _refuse_unknown(table, _KEYS, role)
    user = _filled(table.get("name"), words, f"{role}: name")
    if not user or _UNFIT & set(user):
        raise AccessRefused(f"{role}: {user!r} cannot be a principal's name")
    lists = {key: _names(table, key, words, role) for key in _NEEDS}
    for key in _TOPICS:
        for name in lists[key]:
            _refuse_undeclared(name, topics, f"{role}: {key}")
    grants = dict.fromkeys(_grants(user, lists, inspects=table.get("inspects", False) is True))
    return Principal(role=role, user=user, does=str(table.get("does", "")), grants=tuple(grants))


def _grants(user: str, lists: Mapping[str, list[str]], *, inspects: bool) -> Iterator[Grant]:
    """Yield what a principal needs for what it does."""
    for key, (kind, operations) in _NEEDS.items():
        for name in lists[key]:
            prefixed = name.endswith(_ALL_THAT_BEGIN_SO)
            looks = inspects and kind is Kind.TOPIC and not prefixed
            for operation in (*operations, *((Operation.DESCRIBE_CONFIGS,) if looks else ())):
                yield Grant(user, kind, name.removesuffix(_ALL_THAT_BEGIN_SO), prefixed, operation)


def _names(table: Mapping[str, Any], key: str, words: Mapping[str, str], role: str) -> list[str]:
    """Return a list of names."""
    names = table.get(key, [])
    if not isinstance(names, list):
        raise AccessRefused(f"{role}: {key} must be a list of names")
    filled = [_filled(name, words, f"{role}: {key}") for name in names]
    for name in filled:
        stem = name.removesuffix(_ALL_THAT_BEGIN_SO)
        if not stem or _ALL_THAT_BEGIN_SO in stem:
            raise AccessRefused(f"{role}: {key}: {name!r} may have one *, at its end and behind something")
    return filled


def _filled(pattern: Any, words: Mapping[str, str], place: str) -> str:
    """Return a pattern with the words of this principal in it."""
    if not isinstance(pattern, str):
        raise AccessRefused(f"{place} must be text")
    for word, value in words.items():
        pattern = pattern.replace(f"{{{word}}}", value)
    if "{" in pattern:
        raise AccessRefused(f"{place}: {pattern!r} has a place that nothing is known for")
    return str(pattern)


def _refuse_undeclared(name: str, topics: Topics, place: str) -> None:
    """Refuse a topic that the topics file does not have: a misspelt one would grant nothing."""
    stem = name.removesuffix(_ALL_THAT_BEGIN_SO)
    every = topics.names | topics.stems
    found = any(topic.startswith(stem) for topic in every) if stem != name else name in topics.names
    if not found and not (stem != name and not topics.local_authorities | topics.providers):
        raise AccessRefused(f"{place}: no topic {name} is declared")


def _refuse_unknown(table: Mapping[str, Any], known: frozenset[str], place: str) -> None:
    """Refuse what would otherwise be silently ignored."""
    unknown = sorted(set(table) - known)
    if unknown:
        raise AccessRefused(f"{place}: {unknown[0]} is not known here, but: {', '.join(sorted(known))}")
