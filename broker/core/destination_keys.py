"""How the keys of destinations and office hours are declared: what each may be, and how it is read."""

import re
from dataclasses import dataclass
from datetime import date, time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from broker.core.office_hours import OfficeHours
from broker.core.policy_keys import Unit, declare, texts

_SERVER = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})")
_PORT_MAX = 65_535
_WEEK = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_HOURS = re.compile(rf"({'|'.join(_WEEK)})-({'|'.join(_WEEK)}) ([0-9:]{{5}})-([0-9:]{{5}})")


@dataclass(frozen=True, slots=True)
class Server:
    """A host and a TCP port of it."""

    host: str
    port: int


def server(**said: Any) -> Any:
    """Declare a server; none by default."""

    def read(value: object) -> Server:
        """Return host and port; raise `ValueError`."""
        found = _SERVER.fullmatch(value) if isinstance(value, str) else None
        if found is None or not 0 < int(found[2]) <= _PORT_MAX:
            raise ValueError
        return Server(found[1].strip("[]"), int(found[2]))

    return declare(None, read, Unit.NONE, 'a server, such as "engine.rxx.example:2575"', said)


def url(**said: Any) -> Any:
    """Declare an address of the web; none by default."""

    def read(value: object) -> str:
        """Return it; raise `ValueError` for one with a user, a query or a fragment in it."""
        parts = urlsplit(value) if isinstance(value, str) and value.isprintable() else None
        if parts is None or parts.scheme not in {"https", "http"} or not parts.hostname:
            raise ValueError
        if parts.query or parts.fragment or "@" in parts.netloc or " " in parts.geturl():
            raise ValueError
        return parts.geturl()

    return declare(None, read, Unit.NONE, 'an address such as "https://fhir.rxx.example/R4"', said)


def file(**said: Any) -> Any:
    """Declare a file; none by default."""

    def read(value: object) -> Path:
        """Return its path; raise `ValueError`."""
        if not isinstance(value, str) or not value or not value.isprintable():
            raise ValueError
        return Path(value)

    return declare(None, read, Unit.NONE, "the path of a file", said)


def read_hours(value: object) -> OfficeHours:
    """Return weekdays and hours, as `Mon-Fri 09:00-17:00`; raise `ValueError` for what are none."""
    found = _HOURS.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError
    first, last = _WEEK.index(found[1]), _WEEK.index(found[2])
    opens, closes = time.fromisoformat(found[3]), time.fromisoformat(found[4])
    if first > last or opens >= closes:
        raise ValueError
    return OfficeHours(weekdays=frozenset(range(first, last + 1)), opens=opens, closes=closes)


def office_hours(**said: Any) -> Any:
    """Declare weekdays and hours; none by default."""
    return declare(None, read_hours, Unit.NONE, 'days and hours, such as "Mon-Fri 09:00-17:00"', said)


def days(**said: Any) -> Any:
    """Declare days; none by default."""

    def read(value: object) -> frozenset[date]:
        """Return them; raise `ValueError`."""
        return frozenset(map(date.fromisoformat, texts(value)))

    return declare(frozenset(), read, Unit.NONE, 'a list of days, such as ["2026-12-25"]', said)
