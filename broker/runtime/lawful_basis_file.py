"""
Reads which rows of the lawful-basis table a data protection officer has confirmed (ruling 49).

No row, no go-live: a live deployment's matcher does not start while a row stands unconfirmed.
"""

import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from broker.core.errors import ConfigurationError
from broker.core.lawful_basis import Confirmation, Flow, unconfirmed
from broker.runtime.settings import Settings

_MAY_BE = "version = a number, by = a name and on = a day, such as on = 2026-11-01"
_KEYS = frozenset({"version", "by", "on"})


def check_lawful_basis(settings: Settings) -> None:
    """Raise `ConfigurationError` when a live deployment rests on a row that nobody has confirmed."""
    confirmed = read_confirmations(settings.lawful_basis_file)
    if settings.environment != "live":
        return
    lacking = unconfirmed(confirmed)
    if lacking:
        raise ConfigurationError(
            f"CPIS_LAWFUL_BASIS_FILE: nobody has confirmed the rows {', '.join(lacking)} as they read now: "
            "a data protection officer confirms each in the file, see docs/reference/lawful-basis.md"
        )


def read_confirmations(path: Path | None) -> Mapping[Flow, Confirmation]:
    """Return what a file confirms, nothing without one; raise `ConfigurationError` for what means nothing."""
    if path is None:
        return {}
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"CPIS_LAWFUL_BASIS_FILE cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"CPIS_LAWFUL_BASIS_FILE is no TOML in UTF-8: {error}") from error
    rows = frozenset(Flow)
    unknown = sorted(content.keys() - rows)
    if unknown:
        raise ConfigurationError(
            f"CPIS_LAWFUL_BASIS_FILE confirms {', '.join(unknown)}; the rows are {', '.join(Flow)}"
        )
    return {Flow(name): _confirmation(name, said) for name, said in content.items()}


def _confirmation(name: str, said: Any) -> Confirmation:
    """Return what one table of the file says."""
    if not isinstance(said, dict) or said.keys() != _KEYS:
        raise ConfigurationError(f"CPIS_LAWFUL_BASIS_FILE: [{name}] needs {_MAY_BE}, and no more")
    version, by, on = said["version"], said["by"], said["on"]
    if type(version) is not int or not isinstance(by, str) or not by.strip() or type(on) is not date:
        raise ConfigurationError(f"CPIS_LAWFUL_BASIS_FILE: [{name}] needs {_MAY_BE}")
    return Confirmation(version=version, by=by.strip(), on=on)
