"""
The demographic source that the settings name: where it is, and what the intake role asks it.

Knows which settings go together, and that names and numbers are sent over https alone, but for a source on
this machine.
"""

from datetime import timedelta

from broker.adapters.cluster import Cluster
from broker.adapters.kafka_tail import KafkaInputTail
from broker.adapters.pds_address import PdsAddress
from broker.adapters.signing_keys import read_signing_key
from broker.core.errors import ConfigurationError
from broker.ports import Clock, Topic
from broker.runtime.asking import Source
from broker.runtime.credentials import trusting
from broker.runtime.door_tls import is_loopback
from broker.runtime.metrics import Metrics
from broker.runtime.retrying import kept_on
from broker.runtime.settings import PREFIX, Settings
from broker.runtime.web_addresses import address_parts

_SETTING = f"{PREFIX}PDS_"
_TOGETHER = ("URL", "TOKEN_URL", "APPLICATION_ID", "KEY_FILE", "KEY_ID")
_MILLISECONDS = 1000
_GRACE_SECONDS = 0.5  # the source gives up by itself; who waits for it only makes sure


def pds_address(settings: Settings) -> PdsAddress | None:
    """Return where the source is and who we are there, None without one; raise `ConfigurationError`."""
    given = {name: getattr(settings, f"pds_{name.lower()}") for name in _TOGETHER}
    missing = [f"{_SETTING}{name}" for name, value in given.items() if value is None]
    if len(missing) == len(_TOGETHER):
        for name in ("ORGANISATION", "CA_FILE"):
            if getattr(settings, f"pds_{name.lower()}") is not None:
                raise ConfigurationError(f"{_SETTING}{name} is set without {_SETTING}URL")
        return None
    if missing:
        together = ", ".join(f"{_SETTING}{name}" for name in _TOGETHER)
        raise ConfigurationError(f"{together} go together; not set: {', '.join(missing)}")
    secure = [_is_secure(given[name], f"{_SETTING}{name}") for name in ("URL", "TOKEN_URL")]
    if settings.pds_ca_file is not None and not any(secure):
        raise ConfigurationError(f"{_SETTING}CA_FILE is of no use without https in {_SETTING}URL")
    return PdsAddress(
        url=given["URL"].rstrip("/"),
        token_url=given["TOKEN_URL"],
        application_id=given["APPLICATION_ID"],
        key=read_signing_key(given["KEY_FILE"], f"{_SETTING}KEY_FILE"),
        key_id=given["KEY_ID"],
        organisation=settings.pds_organisation,
        tls=trusting(settings.pds_ca_file, f"{_SETTING}CA_FILE") if any(secure) else None,
        per_second=settings.pds_per_second / settings.pds_processes,
        deadline_seconds=settings.pds_deadline_ms / _MILLISECONDS,
    )


def source(settings: Settings, cluster: Cluster, *, clock: Clock, metrics: Metrics) -> Source | None:
    """Return the source of the intake role, with the notices that it is asked about; None without one."""
    address = pds_address(settings)
    if address is None:
        return None
    from broker.runtime.pds_client import pds_source  # an HTTP client: most commands have nobody to ask

    demographics = pds_source(address, clock=clock, metrics=metrics)
    return Source(
        demographics=demographics,
        notices=KafkaInputTail(cluster, Topic.IDENTITY),
        answer_seconds=address.deadline_seconds + _GRACE_SECONDS,
        at_once=address.at_once,
        close=demographics.close,
        kept=kept_on(cluster),
        asked_again_every=timedelta(minutes=settings.pds_ask_again_minutes),
    )


def _is_secure(url: str, setting: str) -> bool:
    """Return whether a URL is https; raise `ConfigurationError` where it is not and leaves this machine."""
    parts = address_parts(url, setting, instead="who we are is said by a signed statement")
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise ConfigurationError(f"{setting}: people are asked about over https only")
    return parts.scheme == "https"
