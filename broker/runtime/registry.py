"""
The schema registry that the settings name: which ids the alerts to recipients carry.

Nothing is kept between two starts: ids are asked for each time, so they are always the registry's own. The
schema of alerts is one for all recipients, and so is its id; subjects are named after the topics
(`<topic>-value`), as serialisers with Confluent's defaults name them.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager

from broker.adapters.schema_registry import RegistryAddress, SchemaRegistry, open_registry
from broker.core.errors import ConfigurationError, SchemaNotRegistered
from broker.ports import Topic
from broker.runtime.codecs import load_files
from broker.runtime.credentials import read_password, trusting
from broker.runtime.door_tls import is_loopback
from broker.runtime.settings import PREFIX, Settings
from broker.runtime.web_addresses import address_parts
from broker.wire.alerts_codec import SCHEMA
from broker.wire.avro import canonical_form

_SETTING = f"{PREFIX}SCHEMA_REGISTRY_"
_RECIPIENTS = f"{Topic.ALERTS}."


def subjects(topics: Iterable[str]) -> list[str]:
    """Return the subjects of everything among `topics` that holds alerts, `cpis.alerts-value` always."""
    recipients = sorted(name for name in topics if name.startswith(_RECIPIENTS))
    return [f"{name}-value" for name in (Topic.ALERTS.value, *recipients)]


async def registered_ids(settings: Settings) -> Mapping[str, int]:
    """
    Return the registry's id of each version of the schema of alerts, by name; none without a registry.

    Raises `RegistryUnavailable`, and `SchemaNotRegistered` when the registry lacks the present version, shows
    another schema under the id it gave, or gave one that is pinned for another version.
    """
    if settings.schema_registry_url is None:
        registry_address(settings)  # refuses what makes no sense without a URL
        return {}
    avsc, pinned = load_files()
    versions = {name: schema for name, schema in avsc.items() if name.partition(".")[0] == SCHEMA}
    subject = subjects(())[0]
    found: dict[str, int] = {}
    async with registry(settings) as asked:
        for name, schema in versions.items():
            number = await asked.id_of(subject, schema)
            if number is None:
                continue
            if canonical_form(await asked.schema(number)) != canonical_form(schema):
                raise SchemaNotRegistered(f"the schema registry has another schema under its id of {name}")
            if any(pinned[other] == number for other in versions if other != name):
                raise SchemaNotRegistered(f"the schema registry's id of {name} is pinned for another version")
            found[name] = number
    if SCHEMA not in found:
        raise SchemaNotRegistered(f"the schema registry does not have the schema of {subject} as it is")
    return found


@asynccontextmanager
async def registry(settings: Settings) -> AsyncIterator[SchemaRegistry]:
    """Lend the registry of the settings; raise `ConfigurationError` when none is named."""
    address = registry_address(settings)
    if address is None:
        raise ConfigurationError(f"{_SETTING}URL is not set")
    async with open_registry(address) as opened:
        yield opened


def registry_address(settings: Settings) -> RegistryAddress | None:
    """Return where the registry is, None without one; raise `ConfigurationError`, repeating no value."""
    url, user = settings.schema_registry_url, settings.schema_registry_user
    password_file, ca_file = settings.schema_registry_password_file, settings.schema_registry_ca_file
    if url is None:
        for name, value in (("USER", user), ("PASSWORD_FILE", password_file), ("CA_FILE", ca_file)):
            if value is not None:
                raise ConfigurationError(f"{_SETTING}{name} is set without {_SETTING}URL")
        return None
    parts = address_parts(url, f"{_SETTING}URL", instead=f"use {_SETTING}USER and {_SETTING}PASSWORD_FILE")
    secure = parts.scheme == "https"
    if (user is None) != (password_file is None):
        raise ConfigurationError(f"{_SETTING}USER and {_SETTING}PASSWORD_FILE go together")
    if user is not None and (":" in user or not user.isprintable()):
        raise ConfigurationError(f"{_SETTING}USER holds a colon or a character that cannot be printed")
    if user is not None and not secure and not is_loopback(parts.hostname or ""):
        raise ConfigurationError(f"{_SETTING}URL: a password is sent over https only")
    if ca_file is not None and not secure:
        raise ConfigurationError(f"{_SETTING}CA_FILE is of no use without https in {_SETTING}URL")
    return RegistryAddress(
        url=url.rstrip("/"),
        user=user,
        password=None if password_file is None else read_password(password_file, f"{_SETTING}PASSWORD_FILE"),
        tls=trusting(ca_file, f"{_SETTING}CA_FILE") if secure else None,
    )
