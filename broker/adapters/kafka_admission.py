"""
Why a Kafka that answers does not let us in.

Its client says the same of a cluster that is away and of one that refuses. So after a failure, and only then,
each broker is spoken with once, and what ends the conversation says which it is.
"""

import asyncio
import ssl
from asyncio import IncompleteReadError
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import (
    IllegalSaslStateError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.metadata import MetadataRequest

from broker.adapters.cluster import Cluster
from broker.core.errors import KafkaLoginRefused, KafkaUnavailable, KafkaUntrusted

ANSWER_MS = 5_000
"""A broker that does not say in this time whether it lets us in counts as away (milliseconds)."""

_TLS_ALERT = b"\x15\x03"  # how a broker that speaks TLS begins its answer to one who does not
_FAULTS = {  # of a broker's certificate, by OpenSSL's numbers
    9: "its certificate is not valid yet",
    10: "its certificate has expired",
    18: "its certificate vouches for itself, and CPIS_KAFKA_CA_FILE does not hold it",
    19: "CPIS_KAFKA_CA_FILE does not hold who vouches for its certificate",
    20: "CPIS_KAFKA_CA_FILE does not hold who vouches for its certificate",
    21: "CPIS_KAFKA_CA_FILE does not hold who vouches for its certificate",
    62: "its certificate is not for that name",
    64: "its certificate is not for that address",
}
_NO_TLS = "that port does not speak TLS, or breaks it off"
_HANGS_UP = "it hangs up; does that port want a user and password (SASL_SSL)?"
_DOUBTFUL = frozenset({_NO_TLS, _HANGS_UP})
_PAUSE_S = 1.0  # between hanging up and refusing connections a broker that stops takes less
_WANTS_CERTIFICATE = ("CERTIFICATE_REQUIRED", "HANDSHAKE_FAILURE")
_REFUSES_CERTIFICATE = ("ALERT_CERTIFICATE", "ALERT_BAD_CERTIFICATE", "ALERT_UNKNOWN_CA")


@asynccontextmanager
async def explained(cluster: Cluster) -> AsyncIterator[None]:
    """Turn a `KafkaUnavailable` of what is done inside into a refusal, where the cluster refuses us."""
    try:
        yield
    except KafkaUnavailable as error:
        reason = await refusal(cluster) if error.code == KafkaUnavailable.code else None
        if reason is None:
            raise
        raise reason from error


async def refusal(cluster: Cluster) -> KafkaUnavailable | None:
    """
    Return why the first of the cluster's brokers that refuses us does so, None where none of them refuses.

    Asks the brokers that are named and those that they name: a certificate may be right for one name and
    wrong for another. Takes at most `ANSWER_MS`.
    """
    places = [(host, port) for host, port, _ in collect_hosts(cluster.bootstrap_servers)]
    told: list[KafkaUnavailable] = []
    asked: set[tuple[str, int]] = set()
    try:
        async with asyncio.timeout(ANSWER_MS / 1000):
            while places and not told:
                place = places.pop(0)
                if place in asked:
                    continue
                asked.add(place)
                places += await _ask(cluster, place, told)
    except TimeoutError:
        return None
    return told[0] if told else None


async def _ask(
    cluster: Cluster, place: tuple[str, int], told: list[KafkaUnavailable], *, again: bool = True
) -> list[tuple[str, int]]:
    """
    Return the brokers that one broker names; put its refusal, if it is one, into `told`.

    A broker that is just being stopped hangs up, too: that is believed when it happens `again`.
    """
    host, port = place
    try:
        connection = await create_conn(host, port, request_timeout_ms=ANSWER_MS, **cluster.manner())
        try:
            answer = await connection.send(MetadataRequest([]))
        finally:
            await connection.close()
    except (OSError, KafkaError) as error:
        reason = _judged(cluster, error)
        if again and reason is not None and reason[1] in _DOUBTFUL:
            await asyncio.sleep(_PAUSE_S)
            return await _ask(cluster, place, told, again=False)
        if reason is not None:
            kind, words = reason
            told.append(kind(f"Kafka at {host}:{port}: {words}"))
        return []
    return [(broker[1], broker[2]) for broker in answer.brokers]


def _judged(cluster: Cluster, error: Exception) -> tuple[type[KafkaUnavailable], str] | None:
    """Return what the end of a conversation means, None where it does not say that we are refused."""
    cause: Any = error.__cause__ or error
    if isinstance(error, SaslAuthenticationFailed):
        return KafkaLoginRefused, "it does not accept the user and password"
    if isinstance(error, UnsupportedSaslMechanismError):
        return KafkaLoginRefused, "it does not take the mechanism of CPIS_KAFKA_SASL_MECHANISM"
    if isinstance(error, IllegalSaslStateError):
        return KafkaLoginRefused, "that port takes no password; is it the one for certificates (SSL)?"
    if isinstance(cause, ssl.SSLCertVerificationError):
        words = _FAULTS.get(cause.verify_code, f"its certificate is refused: {cause.verify_message}")
        return KafkaUntrusted, words
    if isinstance(cause, ssl.SSLError):
        return _of_tls(cause.reason or "")
    if isinstance(cause, IncompleteReadError):
        return _of_silence(cluster, cause)
    if isinstance(error, ConnectionResetError) and cluster.tls is not None:
        return KafkaUntrusted, _NO_TLS
    return None


def _of_tls(reason: str) -> tuple[type[KafkaUnavailable], str]:
    """Return what an alert of the other side's TLS means."""
    if any(sign in reason for sign in _WANTS_CERTIFICATE):
        return KafkaLoginRefused, "it wants a certificate: CPIS_KAFKA_CERTIFICATE_FILE"
    if any(sign in reason for sign in _REFUSES_CERTIFICATE):
        return KafkaLoginRefused, "it does not accept the certificate of CPIS_KAFKA_CERTIFICATE_FILE"
    return KafkaUntrusted, f"that port does not speak TLS as we do ({reason or 'no reason given'})"


def _of_silence(cluster: Cluster, cause: IncompleteReadError) -> tuple[type[KafkaUnavailable], str] | None:
    """Return what it means that a broker hung up instead of answering."""
    expected = (cause.expected or 0).to_bytes(4, "big", signed=False)
    if cluster.tls is None and expected.startswith(_TLS_ALERT):
        return KafkaUntrusted, "it speaks TLS: set CPIS_KAFKA_SECURITY_PROTOCOL"
    if cluster.tls is not None and cluster.scram is None:
        return KafkaLoginRefused, _HANGS_UP
    return None
