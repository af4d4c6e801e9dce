"""
How a setting of the policy is declared: key and unit, what it may be, where it may be overridden, its rule.

The declarations themselves are the fields of `broker.core.policy.Policy`. Everything that reads, shows or
documents a policy goes by them, so that a setting is described once.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from broker.core.identifiers import OdsCode

DECLARED = "declared"
"""The key under which a field of `Policy` holds its `Declared`."""

CODE = re.compile(r"[A-Z0-9][A-Z0-9.+/_-]{0,19}")
"""A code as intake takes it from a message; free text is none. An id of SNOMED CT has 18 digits."""
_TEXT_MAX = 100
_TELEPHONE = re.compile(r"[0-9]{3,20}")


class Place(StrEnum):
    """How a site has listed one of its locations (rulings 3, 4, 47)."""

    SCHEDULED = "scheduled"
    UNSCHEDULED = "unscheduled"
    SENSITIVE = "sensitive"


class Restricted(StrEnum):
    """What becomes of a restricted record (ruling 24)."""

    LOCAL = "local"
    """It is told with less, to those who receive restricted records."""
    NATIONAL = "national"
    """Nothing is shared; whoever asks is answered `could not check`."""


class GivenNameRule(StrEnum):
    """By what the given names of an uploaded record agree with the register's (R12)."""

    ALL = "all"
    """All of them are equal."""
    FIRST = "first"
    """The first of the record is the register's first."""
    ANY = "any"
    """The first of the record is one of the register's."""


class Where(StrEnum):
    """For what a value holds, the more specific after the more general."""

    EVERYWHERE = "everywhere"
    AUTHORITY = "authority"
    PROVIDER = "provider"
    SYSTEM = "system"
    SITE = "site"
    LOCATION = "location"


@dataclass(frozen=True, slots=True, kw_only=True)
class Successor:
    """The authority that takes over from a reorganised one, from its opening day (ruling 19)."""

    code: OdsCode
    opens_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """
    For whom or for what place an override holds.

    `authority` alone; or `provider`, alone or with one of `system` (MSH-3, the sending system), `site` (the
    ODS code of a site) and `location` (the point of care of PV1-3.1). Raises `ValueError` for any other.
    """

    authority: OdsCode | None = None
    provider: OdsCode | None = None
    system: str | None = None
    site: str | None = None
    location: str | None = None

    def __post_init__(self) -> None:
        """Refuse what could hold for two things at once, or for nothing."""
        within = [name for name in (self.system, self.site, self.location) if name is not None]
        if (self.authority is None) == (self.provider is None):
            raise ValueError("an override is for an authority or for a provider, one of them")
        if within and self.provider is None:
            raise ValueError("a system, a site or a location is one of a provider: name the provider as well")
        if len(within) > 1:
            raise ValueError("an override is for a system, a site or a location, one of them")

    @property
    def where(self) -> Where:
        """What kind of thing it is."""
        found = [where for where in Where if getattr(self, where.value, None) is not None]
        return found[-1]

    def __str__(self) -> str:
        """Return it as people say it: codes of organisations and places only."""
        named = ((where.value, getattr(self, where.value, None)) for where in Where)
        return ", ".join(f"{name} {value}" for name, value in named if value is not None)


class Unit(StrEnum):
    """What a value is counted in, as its key says it."""

    YEARS = "years"
    DAYS = "days"
    HOURS = "hours"
    MINUTES = "minutes"
    NONE = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """
    What is declared of one setting.

    `rule` names the ruling, `meaning` is a sentence without its full stop. `everywhere` says that
    `[settings]` may hold it, `scopes` where else it may be overridden. `may_be` is what a value must be, in
    words; `read` returns the value of what a file says, and raises `ValueError` for anything else.
    """

    unit: Unit
    rule: str
    meaning: str
    everywhere: bool
    scopes: frozenset[Where]
    may_be: str
    read: Callable[[object], Any]

    def key(self, name: str) -> str:
        """Return the key of the field `name`: with its unit."""
        return f"{name}_{self.unit}" if self.unit else name


def declare(
    default: object, read: Callable[[object], Any], unit: Unit, may_be: str, said: dict[str, Any]
) -> Any:
    """Return the field of a setting; `said` is rule, meaning, scopes and whether it may hold everywhere."""
    declared = Declared(
        unit=unit,
        rule=said["rule"],
        meaning=said["meaning"],
        everywhere=said.get("everywhere", True),
        scopes=frozenset(said.get("scopes", ())),
        may_be=may_be,
        read=read,
    )
    return field(default=default, metadata={DECLARED: declared})


def span(count: int, unit: Unit, *, most: int, least: int = 0, **said: Any) -> Any:
    """Declare a duration of `count` of a unit of time: a whole number of it from `least` to `most`."""

    def read(value: object) -> timedelta:
        """Return the duration."""
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise ValueError
        return timedelta(**{unit.value: value})

    may_be = f"a whole number of {unit.value}, {least} to {most}"
    return declare(timedelta(**{unit.value: count}), read, unit, may_be, said)


def years(count: int, *, least: int, most: int, **said: Any) -> Any:
    """Declare an age in whole years, from `least` to `most`."""
    may_be = f"a whole number of years, {least} to {most}"
    return declare(count, _whole(least, most), Unit.YEARS, may_be, said)


def count(default: int, *, least: int, most: int, **said: Any) -> Any:
    """Declare how many of something, a whole number from `least` to `most`."""
    return declare(default, _whole(least, most), Unit.NONE, f"a whole number, {least} to {most}", said)


def _whole(least: int, most: int) -> Callable[[object], int]:
    """Return what reads a whole number from `least` to `most`."""

    def read(value: object) -> int:
        """Return the number."""
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise ValueError
        return value

    return read


def flag(*, default: bool, **said: Any) -> Any:
    """Declare a switch."""

    def read(value: object) -> bool:
        """Return the switch."""
        if value is True or value is False:
            return value
        raise ValueError

    return declare(default, read, Unit.NONE, "true or false", said)


def codes(*default: str, **said: Any) -> Any:
    """Declare a set of codes, which are compared in capitals."""

    def read(value: object) -> frozenset[str]:
        """Return the codes in capitals."""
        found = frozenset(text.upper() for text in texts(value))
        if not all(CODE.fullmatch(code) for code in found):
            raise ValueError
        return found

    may_be = 'a list of codes, each of at most 20 letters and digits, such as ["A1", "B2"]'
    return declare(frozenset(default), read, Unit.NONE, may_be, said)


def names(among: frozenset[str], *, default: frozenset[str] = frozenset(), **said: Any) -> Any:
    """Declare a set of names out of those `among` which it may choose."""

    def read(value: object) -> frozenset[str]:
        """Return the names."""
        found = frozenset(texts(value))
        if not found <= among:
            raise ValueError
        return found

    return declare(default, read, Unit.NONE, f"a list out of {', '.join(sorted(among))}", said)


def services(**said: Any) -> Any:
    """Declare a list of places, one or more, by the codes of their locations and sites; none by default."""

    def read(value: object) -> frozenset[str]:
        """Return the codes; raise `ValueError` for a list without any, which would say nothing or all."""
        found = frozenset(text.upper() for text in texts(value))
        if not found or not all(CODE.fullmatch(code) for code in found):
            raise ValueError
        return found

    may_be = 'a list of one or more codes of locations or sites, such as ["URGENT", "RXH02"]'
    return declare(None, read, Unit.NONE, may_be, said)


def text(**said: Any) -> Any:
    """Declare a line of text; none by default."""

    def read(value: object) -> str:
        """Return the text without blanks around it."""
        if (
            not isinstance(value, str)
            or not value.strip()
            or len(value) > _TEXT_MAX
            or not value.isprintable()
        ):
            raise ValueError
        return value.strip()

    return declare(None, read, Unit.NONE, f"a line of text of at most {_TEXT_MAX} characters", said)


def telephone(**said: Any) -> Any:
    """Declare a telephone number; none by default."""

    def read(value: object) -> str:
        """Return the digits."""
        if not isinstance(value, str) or not _TELEPHONE.fullmatch(value.replace(" ", "")):
            raise ValueError
        return value.replace(" ", "")

    return declare(None, read, Unit.NONE, "a telephone number in quotes, digits and blanks only", said)


def choice(among: type[StrEnum], default: StrEnum | None, **said: Any) -> Any:
    """Declare one of the values of an enumeration."""
    return declare(default, among, Unit.NONE, ", ".join(f'"{one}"' for one in among), said)


def steps(among: type[StrEnum], **said: Any) -> Any:
    """Declare a list of values of an enumeration in their order, one or more; all of them by default."""

    def read(value: object) -> tuple[StrEnum, ...]:
        """Return them in the order given."""
        found = tuple(among(one) for one in texts(value))
        if not found:
            raise ValueError
        return found

    choices = ", ".join(f'"{one}"' for one in among)
    return declare(tuple(among), read, Unit.NONE, f"a list of one or more of {choices}", said)


def texts(value: object) -> list[str]:
    """Return a list of texts; raise `ValueError` for anything else, an element said twice included."""
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError
    if len(set(value)) < len(value):
        raise ValueError
    return value


def orderless(value: object) -> object:
    """Return a value whose `repr` does not depend on the order of maps and sets."""
    match value:
        case Mapping():
            return sorted((repr(key), orderless(item)) for key, item in value.items())
        case frozenset():
            return sorted(repr(item) for item in value)
        case _:
            return repr(value)
