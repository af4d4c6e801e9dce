"""
How a key of the file of senders is declared: what it may be, what it means, and where it comes from.

The keys themselves are the fields of `broker.core.senders`, whose tables they stand in. Whatever reads, shows
or documents the file goes by them, as it does by those of a policy.
"""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import field, fields
from typing import Any, NamedTuple

from broker.core.policy_keys import DECLARED, Declared, Unit, declare, texts

INNER = "inner"
"""The key under which a field holds its `Inner`."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
"""Addresses that begin alike."""

_FINGERPRINT = re.compile(r"[0-9a-f]{64}")  # SHA-256
_NAME_MAX = 200


class Inner(NamedTuple):
    """
    A table within a table: the class whose fields are its keys, and what it is for.

    Where `name` is given there is one such table for each name, and it says what these are.
    """

    table: type
    meaning: str
    name: str = ""


def inner(table: type, *, meaning: str, name: str = "") -> Any:
    """Declare a table within a table, one for each `name` where that is given; absent by default."""
    said = {INNER: Inner(table, meaning, name)}
    return field(default_factory=dict, metadata=said) if name else field(default=None, metadata=said)


def declared_keys(table: type) -> Mapping[str, Declared]:
    """Return what is declared of each key of a table, by the name of its field."""
    return {one.name: one.metadata[DECLARED] for one in fields(table) if DECLARED in one.metadata}


def inner_tables(table: type) -> Mapping[str, Inner]:
    """Return the tables within a table, by their names."""
    return {one.name: one.metadata[INNER] for one in fields(table) if INNER in one.metadata}


def certificates(**said: Any) -> Any:
    """Declare certificates, by fingerprint or by a name that stands in them; none by default."""

    def read(value: object) -> frozenset[str]:
        """Return them: fingerprints in small letters without colons, names in small letters."""
        return frozenset(map(_certificate, texts(value)))

    may_be = (
        "a list of certificates, each `sha256:` and its fingerprint in hexadecimal digits, or `name:` and "
        "its common name or one of its DNS names"
    )
    return declare(frozenset(), read, Unit.NONE, may_be, said)


def networks(**said: Any) -> Any:
    """Declare addresses from which somebody connects; none by default."""

    def read(value: object) -> tuple[Network, ...]:
        """Return them in their order; raise `ValueError` for one with bits beyond its prefix."""
        return tuple(ipaddress.ip_network(text) for text in texts(value))

    may_be = 'a list of addresses or networks, such as ["10.1.2.3", "10.1.4.0/24", "2001:db8::/48"]'
    return declare((), read, Unit.NONE, may_be, said)


def _certificate(text: str) -> str:
    """Return how a certificate is named, in one form; raise `ValueError` for anything else."""
    kind, _, name = text.strip().partition(":")
    if kind == "sha256":
        name = name.replace(":", "").lower()
        if _FINGERPRINT.fullmatch(name):
            return f"sha256:{name}"
    elif kind == "name" and name.strip() and len(name) <= _NAME_MAX and name.isprintable():
        return f"name:{name.strip().lower()}"
    raise ValueError
