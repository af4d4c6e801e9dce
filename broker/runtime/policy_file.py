"""Reads the policy from its TOML file; an unknown key or an impossible value is refused with its place."""

import tomllib
from collections.abc import Mapping
from dataclasses import fields
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from broker.core.alerts import VisitLine
from broker.core.errors import BrokerError, ConfigurationError
from broker.core.identifiers import OdsCode
from broker.core.policy import Place, Policy, Site, Successor

_DURATIONS = frozenset(entry.name for entry in fields(Policy) if isinstance(entry.default, timedelta))
_HOURS_MAX = 876_000  # a century: whatever is longer was meant in another unit
_SITE_KEYS = frozenset(entry.name for entry in fields(Site))
_WITHHOLDABLE = frozenset(entry.name for entry in fields(VisitLine)) - {"visit", "state", "arrived_at"}


def read_policy(path: Path | None) -> Policy:
    """Return the policy of a file, or the defaults without one; raise `ConfigurationError`."""
    if path is None:
        return Policy()
    try:
        return parse_policy(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ConfigurationError(f"the policy file {path.name} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the policy file {path.name} is no TOML: {error}") from error


def parse_policy(content: Mapping[str, Any]) -> Policy:
    """Return the policy that TOML content describes: `[hours]`, `[sites.ODS]`, `[successors.ODS]`."""
    _known(content, {"hours", "sites", "successors"}, "the policy")
    try:
        hours = content.get("hours", {})
        _known(hours, _DURATIONS, "[hours]")
        durations = {name: _duration(name, value) for name, value in hours.items()}
        sites = {OdsCode(code): _site(code, said) for code, said in content.get("sites", {}).items()}
        successors = {
            OdsCode(code): _successor(code, said) for code, said in content.get("successors", {}).items()
        }
    except (AttributeError, TypeError, ValueError, KeyError) as error:
        raise ConfigurationError(f"the policy has an impossible value: {error}") from error
    except ConfigurationError:
        raise
    except BrokerError as error:
        raise ConfigurationError(f"the policy names something that is no ODS code: {error}") from error
    return Policy(sites=sites, successors=successors, **durations)


def _duration(name: str, hours: object) -> timedelta:
    """Return a duration; hours are a number of at least 0."""
    if isinstance(hours, bool) or not isinstance(hours, int | float) or not 0 <= hours <= _HOURS_MAX:
        raise ConfigurationError(f"[hours] {name} must be a number of hours, 0 to {_HOURS_MAX}")
    return timedelta(hours=hours)


def _known(said: Mapping[str, Any], names: frozenset[str] | set[str], where: str) -> None:
    """Refuse keys that nobody reads: a typo must not pass for a setting."""
    for name in said:
        if name not in names:
            raise ConfigurationError(f"{where} does not know {name!r}; it knows {', '.join(sorted(names))}")


def _site(code: str, said: Mapping[str, Any]) -> Site:
    """Return one provider's settings."""
    _known(said, _SITE_KEYS, f"[sites.{code}]")
    withheld = frozenset(said.get("withheld", ()))
    _known(dict.fromkeys(withheld), _WITHHOLDABLE, f"[sites.{code}] withheld")
    return Site(
        name=said.get("name"),
        call_back=said.get("call_back"),
        locations={place.upper(): Place(listed) for place, listed in said.get("locations", {}).items()},
        traced_by_sender=bool(said.get("traced_by_sender", False)),
        withheld=withheld,
        error_reasons=frozenset(said.get("error_reasons", ())),
    )


def _successor(code: str, said: Mapping[str, Any]) -> Successor:
    """Return one reorganised authority's successor."""
    _known(said, {"code", "opens_on"}, f"[successors.{code}]")
    opens_on = said["opens_on"]
    if not isinstance(opens_on, date):
        raise ConfigurationError(f"[successors.{code}] opens_on must be a date")
    return Successor(code=OdsCode(said["code"]), opens_on=opens_on)
