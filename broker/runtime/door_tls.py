"""
TLS of the MLLP door, as the settings have it.

Knows which settings go together, and that a live deployment takes messages from other machines over TLS
alone, only from senders with a certificate, and only as the provider that the file of senders names.
"""

import ipaddress

from broker.adapters.server_tls import CERTIFICATE, CLIENT_CA, KEY, ServerTls, TlsFiles
from broker.core.errors import ConfigurationError
from broker.core.senders import Senders
from broker.runtime import log_events as events
from broker.runtime.logs import Log
from broker.runtime.settings import Settings


def door_tls(settings: Settings, senders: Senders) -> ServerTls | None:
    """
    Return what the MLLP door speaks TLS with, None where it speaks none.

    Raises `ConfigurationError` naming each setting at fault.
    """
    certificate, key = settings.mllp_tls_certificate_file, settings.mllp_tls_key_file
    client_ca = settings.mllp_tls_client_ca_file
    faults = [
        f"{asked} is set, and {missing} is not: TLS of the MLLP door needs both"
        for asked, missing, at_fault in (
            (CERTIFICATE, KEY, certificate and not key),
            (KEY, CERTIFICATE, key and not certificate),
            (CLIENT_CA, CERTIFICATE, client_ca and not certificate),
        )
        if at_fault
    ]
    if client_ca is None and senders.go_by_certificates:
        faults.append(
            f"{CLIENT_CA} is not set: the file of senders knows some by their certificates, and without the "
            "authorities that vouch for these nobody is asked for one"
        )
    if settings.environment == "live" and not is_loopback(settings.mllp_host):
        faults += [
            f"{name} is not set: a live deployment takes messages from other machines only over TLS, from "
            "senders with a certificate. Set it, or let CPIS_MLLP_HOST be 127.0.0.1"
            for name, file in ((CERTIFICATE, certificate), (CLIENT_CA, client_ca))
            if file is None
        ]
        if senders.providers is None:
            faults.append(
                "CPIS_SENDERS_FILE is not set: a live deployment takes messages from other machines only as "
                "the provider whose senders they are. Write who sends for whom, or let CPIS_MLLP_HOST be "
                "127.0.0.1"
            )
    if faults:
        raise ConfigurationError("\n".join(faults))
    if certificate is None or key is None:
        return None
    log = Log("intake")
    return ServerTls(
        TlsFiles(certificate=certificate, key=key, client_ca=client_ca),
        on_read=lambda: log.write(events.CertificateRenewed()),
        on_kept=lambda error: log.write(events.CertificateNotRenewed(error=error)),
    )


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach an address; a name other than `localhost` is taken for no."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
