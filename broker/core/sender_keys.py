"""
How a key of the file of senders is declared: what it may be, what it means, and where it comes from.

The keys themselves are the fields of `broker.core.senders`, whose tables they stand in. Whatever reads, shows
or documents the file goes by them, as it does by those of a policy.
"""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from broker.core.policy_keys import CODE, DECLARED, Declared, Unit, declare, texts

INNER = "inner"
"""The key under which a field holds its `Inner`."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
"""Addresses that begin alike."""

_FINGERPRINT = re.compile(r"[0-9a-f]{64}")  # SHA-256
_NAME_MAX = 200
_DIGEST = "sha256:"


_COMPANION = re.compile(
    r"(Z[A-Z0-9]{2})-([1-9][0-9]?)(?:\.([1-9][0-9]?))?|NK1 relationship ([A-Z0-9]{1,20})"
    r"|participant ([A-Za-z0-9-]{1,40})"
)
_PLACE = re.compile(r"PID-(?:([24-9]|1[0-9])|3 (?:authority ([A-Z0-9]+)|type ([A-Z]+)|(unlabelled)))")


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberPlaces:
    """
    Where in PID an NHS number stands (ruling 36).

    Among the repeats of PID-3 those with one of `authorities` (component 4), with one of `types` (component
    5), with the type `NI` and a status where `national`, with neither where `unlabelled`; and as the whole of
    the fields `alone`.
    """

    authorities: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()
    national: bool = False
    unlabelled: bool = False
    alone: tuple[int, ...] = ()


AS_RULED = NumberPlaces(
    authorities=frozenset({"NHS", "NHSNBR", "NHSNMBR"}), types=frozenset({"NH"}), national=True, alone=(2,)
)
"""Where it stands when the site says nothing: what public samples show (ruling 36)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompanionPlaces:
    """
    Where it stands who came with the patient (ruling 29): nowhere, unless the site has said so.

    `fields` are of segments of the site's own: name, field and component. `relationships` are codes of NK1-3
    under which the site writes whoever came, and nobody else; `participants` such types in FHIR.
    """

    fields: tuple[tuple[str, int, int], ...] = ()
    relationships: frozenset[str] = frozenset()
    participants: frozenset[str] = frozenset()

    @property
    def segments(self) -> frozenset[str]:
        """The names of the site's own segments that are read."""
        return frozenset(segment for segment, _, _ in self.fields)


NOWHERE = CompanionPlaces()
"""Nothing that a message says means who came with the patient."""


@dataclass(frozen=True, slots=True)
class Codes:
    """What codes of a site mean, each with the national one, in capitals."""

    meanings: tuple[tuple[str, str], ...] = ()

    def of(self, code: str) -> str:
        """Return what a code means, in capitals; one that is not in the table means itself."""
        code = code.upper()
        return next((meaning for own, meaning in self.meanings if own == code), code)


AS_THEY_STAND = Codes()
"""Codes that mean themselves."""


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


def tokens(**said: Any) -> Any:
    """Declare tokens, by their digests; none by default."""

    def read(value: object) -> frozenset[str]:
        """Return the digests in small letters; raise `ValueError` for anything but those."""
        found = frozenset(map(_certificate, texts(value)))
        if not all(one.startswith(_DIGEST) for one in found):
            raise ValueError
        return found

    may_be = (
        "a list of tokens, each `sha256:` and the SHA-256 of the token in hexadecimal digits: the token "
        "itself stands nowhere but at its sender"
    )
    return declare(frozenset(), read, Unit.NONE, may_be, said)


def networks(**said: Any) -> Any:
    """Declare addresses from which somebody connects; none by default."""

    def read(value: object) -> tuple[Network, ...]:
        """Return them in their order; raise `ValueError` for one with bits beyond its prefix."""
        return tuple(ipaddress.ip_network(text) for text in texts(value))

    may_be = 'a list of addresses or networks, such as ["10.1.2.3", "10.1.4.0/24", "2001:db8::/48"]'
    return declare((), read, Unit.NONE, may_be, said)


def count(default: int | None, *, least: int, most: int, **said: Any) -> Any:
    """Declare a whole number, from `least` to `most`."""

    def read(value: object) -> int:
        """Return the number."""
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise ValueError
        return value

    return declare(default, read, Unit.NONE, f"a whole number, {least} to {most}", said)


def number_places(**said: Any) -> Any:
    """Declare where an NHS number stands; as ruling 36 has it by default."""

    def read(value: object) -> NumberPlaces:
        """Return the places; raise `ValueError` for a list without any."""
        found = [_PLACE.fullmatch(text) for text in texts(value)]
        if not found or None in found:
            raise ValueError
        alone, authorities, types, bare = zip(*(match.groups() for match in found if match), strict=True)
        return NumberPlaces(
            authorities=frozenset(filter(None, authorities)),
            types=frozenset(filter(None, types)),
            unlabelled=any(bare),
            alone=tuple(int(position) for position in alone if position),
        )

    may_be = (
        'a list of places: "PID-3 authority NHS" (component 4), "PID-3 type NH" (component 5), "PID-3 '
        'unlabelled" (neither), or a whole field but the third, such as "PID-2" or "PID-19"'
    )
    return declare(AS_RULED, read, Unit.NONE, may_be, said)


def companion_places(**said: Any) -> Any:
    """Declare where it stands who came with the patient; nowhere by default."""

    def read(value: object) -> CompanionPlaces:
        """Return the places; raise `ValueError` for a list without any."""
        found = [_COMPANION.fullmatch(text) for text in texts(value)]
        if not found or None in found:
            raise ValueError
        own, field, component, related, participant = zip(
            *(match.groups() for match in found if match), strict=True
        )
        return CompanionPlaces(
            fields=tuple(
                (name, int(position), int(part or 1))
                for name, position, part in zip(own, field, component, strict=True)
                if name
            ),
            relationships=frozenset(filter(None, related)),
            participants=frozenset(filter(None, participant)),
        )

    may_be = (
        'a list of places: a field of a segment of your own, "ZU1-5" or "ZU1-5.2" (component), "NK1 '
        'relationship X" (code of NK1-3), or in FHIR "participant X" (code of its type)'
    )
    return declare(NOWHERE, read, Unit.NONE, may_be, said)


def zone(default: str, **said: Any) -> Any:
    """Declare a time zone by its name in the IANA's list."""

    def read(value: object) -> ZoneInfo:
        """Return the zone."""
        try:
            return ZoneInfo(str(value))
        except (ZoneInfoNotFoundError, OSError) as error:
            raise ValueError from error

    may_be = 'the name of a time zone, such as "Europe/London" or "UTC"'
    return declare(ZoneInfo(default), read, Unit.NONE, may_be, said)


def one_of(among: frozenset[str], **said: Any) -> Any:
    """Declare one of some names; none by default."""

    def read(value: object) -> str:
        """Return the name."""
        if not isinstance(value, str) or value not in among:
            raise ValueError
        return value

    return declare(None, read, Unit.NONE, ", ".join(f'"{one}"' for one in sorted(among)), said)


def translation(among: frozenset[str] | None = None, **said: Any) -> Any:
    """Declare a table of codes: what the site writes, and what it means, one of `among` where given."""

    def read(value: object) -> Codes:
        """Return the table, both sides in capitals."""
        if not isinstance(value, dict) or not all(isinstance(code, str) for code in value.values()):
            raise ValueError
        found = {key.upper(): code.upper() for key, code in value.items()}
        usable = all(key.isprintable() and CODE.fullmatch(code) for key, code in found.items())
        if not usable or (among is not None and not among.issuperset(found.values())):
            raise ValueError
        return Codes(tuple(found.items()))

    may_be = 'a table of codes of the site, each with what it means, such as { EMER = "21" }'
    if among is not None:
        may_be += f"; one of {', '.join(sorted(among))}"
    return declare(AS_THEY_STAND, read, Unit.NONE, may_be, said)


def _certificate(text: str) -> str:
    """Return how a certificate or a token is named, in one form; raise `ValueError` for anything else."""
    kind, _, name = text.strip().partition(":")
    if kind == "sha256":
        name = name.replace(":", "").lower()
        if _FINGERPRINT.fullmatch(name):
            return f"sha256:{name}"
    elif kind == "name" and name.strip() and len(name) <= _NAME_MAX and name.isprintable():
        return f"name:{name.strip().lower()}"
    raise ValueError
