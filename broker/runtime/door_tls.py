"""
TLS of the doors of hospitals, as the settings have it.

Knows which settings go together, and that a live deployment takes messages from other machines over TLS
alone, only from senders with a certificate, and only as the provider that the file of senders names.
"""

import ipaddress
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

from broker.adapters.server_tls import HandshakeFault, ServerTls, TlsFiles, TlsSettings, tls_settings
from broker.core.errors import ConfigurationError
from broker.core.senders import Senders
from broker.runtime import log_events as events
from broker.runtime.logs import Log
from broker.runtime.metric import Metric
from broker.runtime.metrics import Metrics
from broker.runtime.settings import PREFIX, Settings

Door = Literal["MLLP", "HTTP"]
"""Whose certificate it is."""


def door_tls(settings: Settings, senders: Senders, door: Door = "MLLP") -> ServerTls | None:
    """
    Return what a door speaks TLS with, None where it speaks none.

    Over HTTP a sender may show a token instead of a certificate. Raises `ConfigurationError` naming each
    setting at fault.
    """
    named = tls_settings(door)
    certificate, key, client_ca = (_file(settings, name) for name in named)
    faults = [
        f"{asked} is set, and {missing} is not: TLS of the {door} door needs both"
        for asked, missing, at_fault in (
            (named.certificate, named.key, certificate and not key),
            (named.key, named.certificate, key and not certificate),
            (named.client_ca, named.certificate, client_ca and not certificate),
        )
        if at_fault
    ]
    by_certificates = senders.go_by_certificates
    if door == "HTTP":
        by_certificates = (by_certificates or senders.others_go_by_certificates) and not senders.go_by_tokens
    if client_ca is None and by_certificates:
        faults.append(
            f"{named.client_ca} is not set: the file of senders knows some by their certificates, and "
            "without the authorities that vouch for these nobody is asked for one"
        )
    host = settings.mllp_host if door == "MLLP" else settings.http_host
    if settings.environment == "live" and not is_loopback(host):
        faults += _faults_of_a_live_door(door, named, (certificate, client_ca), senders)
    if faults:
        raise ConfigurationError("\n".join(faults))
    if certificate is None or key is None:
        return None
    log = Log("intake")
    return ServerTls(
        TlsFiles(certificate=certificate, key=key, client_ca=client_ca, named=named, demanded=door == "MLLP"),
        on_read=lambda: log.write(events.CertificateRenewed()),
        on_kept=lambda error: log.write(events.CertificateNotRenewed(error=error)),
    )


def _faults_of_a_live_door(
    door: Door, named: TlsSettings, files: tuple[Path | None, Path | None], senders: Senders
) -> Iterator[str]:
    """Yield what a live deployment lacks at a door that other machines can reach."""
    certificate, client_ca = files
    demanded = [(named.certificate, certificate)]
    if door == "MLLP":
        demanded.append((named.client_ca, client_ca))
    for name, file in demanded:
        if file is None:
            yield (
                f"{name} is not set: a live deployment takes messages from other machines only over TLS, "
                f"from senders with a certificate. Set it, or let CPIS_{door}_HOST be 127.0.0.1"
            )
    if senders.providers is None:
        yield (
            "CPIS_SENDERS_FILE is not set: a live deployment takes messages from other machines only as the "
            f"provider whose senders they are. Write who sends for whom, or let CPIS_{door}_HOST be 127.0.0.1"
        )


def handshake_teller(
    log: Log, metrics: Metrics, metric: Metric, counts: Counter[str]
) -> Callable[[HandshakeFault, str], None]:
    """Return what counts a sender that was not let in, and logs it, but for a load balancer's mere knocks."""

    def tell(fault: HandshakeFault, peer: str) -> None:
        """Count one that failed from this address."""
        counts[fault] += 1
        metrics.add(metric, event=fault)
        if fault is not HandshakeFault.ABANDONED:
            log.write(events.HandshakeFailed(reason=fault.value, peer=peer, count=counts[fault]))

    return tell


def _file(settings: Settings, name: str) -> Path | None:
    """Return the file that a setting names."""
    found: Path | None = getattr(settings, name.removeprefix(PREFIX).lower())
    return found


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach an address; a name other than `localhost` is taken for no."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
