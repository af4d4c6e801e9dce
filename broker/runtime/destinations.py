"""
The destinations of the file of senders: whose alerts go where, over which connection, to whose eyes.

Knows that a live deployment names children to another machine over TLS alone.
"""

import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlsplit

from broker.adapters.http_poster import HttpPoster
from broker.adapters.mllp_client import MllpLine
from broker.core.alerts import RecipientKind
from broker.core.clinician import Reader
from broker.core.destinations import Deliver
from broker.core.errors import ConfigurationError
from broker.core.feeds import FeedAges
from broker.core.identifiers import OdsCode
from broker.core.pushing import answers_of
from broker.core.senders import Senders
from broker.runtime.credentials import show_certificate, trusting
from broker.runtime.door_tls import is_loopback
from broker.runtime.settings import Settings
from broker.services.couriers import FhirCourier, MllpCourier, taken_back
from broker.services.delivering import Courier, Destination
from broker.wire.fhir_alert import CONTENT_TYPE
from broker.wire.oru import Address

MLLP, FHIR = "mllp", "fhir"
"""The last part of a destination's name: in which way it is spoken to."""


class Route(NamedTuple):
    """A destination and what makes its courier."""

    destination: Destination
    courier: Callable[[], Courier]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Provider:
    """One provider's table."""

    code: OdsCode
    deliver: Deliver
    reader: Reader
    tls: ssl.SSLContext
    live: bool


def routes(settings: Settings, senders: Senders, *, feeds: FeedAges | None = None) -> Mapping[str, Route]:
    """
    Return every destination of the file of senders, by its name; `feeds` says how old plans are.

    Raises `ConfigurationError` with what is wrong: a file that cannot be used, or children named in the open.
    """
    live = settings.environment == "live"
    found: dict[str, Route] = {}
    for code, provider in (senders.providers or {}).items():
        deliver = provider.deliver
        if deliver is not None:
            reader = Reader(safeguarding=deliver.safeguarding_only, hours=senders.hours, feeds=feeds)
            tls = _tls(code, deliver)
            one = _Provider(code=code, deliver=deliver, reader=reader, tls=tls, live=live)
            found |= {route.destination.name: route for route in _routes(one)}
    return found


def asks_for_answers(senders: Senders) -> frozenset[OdsCode]:
    """Return the providers to which the answer for every visit is pushed (ruling 41)."""
    providers = (senders.providers or {}).items()
    return frozenset(code for code, one in providers if one.deliver is not None and one.deliver.answers)


def channel_of(destination: str) -> str:
    """Return in which way a destination is spoken to."""
    return destination.rpartition(".")[2]


def _routes(provider: _Provider) -> Iterator[Route]:
    """Yield the destinations of one provider: its answers go beside its alerts, and hold none of them up."""
    yield from _of_inbox(provider, f"{RecipientKind.PROVIDER}.{provider.code}")
    if provider.deliver.answers:
        yield from _of_inbox(provider, answers_of(provider.code))


def _of_inbox(provider: _Provider, recipient: str) -> Iterator[Route]:
    """Yield where the inbox of one recipient is sent."""
    deliver, code = provider.deliver, provider.code
    if deliver.mllp is not None:
        host, port = deliver.mllp.host, deliver.mllp.port
        if not deliver.mllp_tls:
            _in_the_open(provider, host, "mllp_tls = false")
        address = Address(
            application=deliver.mllp_application or "",
            facility=code.code,
            processing_id="P" if provider.live else "T",
        )
        tls = provider.tls if deliver.mllp_tls else None
        yield Route(
            Destination(name=f"{recipient}.{MLLP}", recipient=recipient, overtaken=taken_back),
            lambda: MllpCourier(MllpLine(host, port, tls=tls), provider.reader, address),
        )
    if deliver.fhir is not None:
        url, token_file = deliver.fhir, deliver.fhir_token_file
        parts = urlsplit(url)
        if parts.scheme != "https":
            _in_the_open(provider, parts.hostname or "", "fhir without https")
        yield Route(
            Destination(name=f"{recipient}.{FHIR}", recipient=recipient, overtaken=taken_back),
            lambda: FhirCourier(
                HttpPoster(url, content_type=CONTENT_TYPE, tls=provider.tls, token_file=token_file),
                provider.reader,
            ),
        )


def _in_the_open(provider: _Provider, host: str, key: str) -> None:
    """Refuse to name children to another machine in the open, in a live deployment."""
    if provider.live and not is_loopback(host):
        raise ConfigurationError(
            f"{_table(provider.code)} {key}: a live deployment delivers in the open to its own machine alone"
        )


def _tls(code: OdsCode, deliver: Deliver) -> ssl.SSLContext:
    """Return whom we trust there, and the certificate that we show, if any."""
    table = _table(code)
    tls = trusting(deliver.ca_file, f"{table} ca_file")
    tls.minimum_version = ssl.TLSVersion.TLSv1_2
    if deliver.certificate_file is not None and deliver.key_file is not None:
        names = (f"{table} certificate_file", f"{table} key_file")
        show_certificate(tls, deliver.certificate_file, deliver.key_file, names)
    return tls


def _table(code: OdsCode) -> str:
    """Return what a provider's table is called."""
    return f"[provider.{code}.deliver]"
