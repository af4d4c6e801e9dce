"""Who may send as whom: by certificate, by address, by both (dossier 6.5)."""

import pytest

from broker.core.errors import NotItsSender
from broker.core.identifiers import OdsCode
from broker.core.senders import UNSETTLED, Peer, Senders
from broker.runtime.senders_file import parse_senders

RXX, RXM = OdsCode("RXX"), OdsCode("RXM")
SENDERS = parse_senders(
    """
    [provider.RXX.sender.BOTH]
    certificates = ["name:engine.example", "name:other.example"]
    addresses = ["192.0.2.0/28", "2001:db8::/48"]
    [provider.RXX.sender.CERTIFICATE]
    certificates = ["name:engine.example"]
    [provider.RXM.sender.ADDRESS]
    addresses = ["192.0.2.1"]
    """,
    "senders.toml",
)
ENGINE = frozenset({"sha256:" + "0" * 64, "name:engine.example"})
STRANGER = frozenset({"sha256:" + "1" * 64, "name:stranger.example"})


@pytest.mark.parametrize(
    ("provider", "system", "peer"),
    [
        (RXX, "BOTH", Peer("192.0.2.15", ENGINE)),
        (RXX, "BOTH", Peer("2001:db8:0:1::7", ENGINE)),
        (RXX, "BOTH", Peer("::ffff:192.0.2.15", ENGINE)),
        (RXX, "CERTIFICATE", Peer("203.0.113.9", ENGINE)),
        (RXM, "ADDRESS", Peer("192.0.2.1")),
        (RXM, "ADDRESS", Peer("192.0.2.1", STRANGER)),
    ],
)
def test_a_message_on_its_senders_own_connection_is_taken(provider: OdsCode, system: str, peer: Peer) -> None:
    """Everything that the file demands of the connection fits; an IPv4 address within IPv6 is one."""
    assert SENDERS.providers is not None
    assert SENDERS.providers[provider].sender[system] is SENDERS.admitted(provider, system, peer=peer)


@pytest.mark.parametrize(
    ("provider", "system", "peer", "reason", "location"),
    [
        (RXX, "BOTH", Peer("192.0.2.16", ENGINE), "connection not bound to this sending facility", "MSH-4"),
        (RXX, "BOTH", Peer("192.0.2.15", STRANGER), "connection not bound to this sending facility", "MSH-4"),
        (RXX, "BOTH", Peer("192.0.2.15"), "connection not bound to this sending facility", "MSH-4"),
        (RXX, "BOTH", Peer("fe80::1%eth0", ENGINE), "connection not bound to this sending facility", "MSH-4"),
        (RXX, "BOTH", Peer("", ENGINE), "connection not bound to this sending facility", "MSH-4"),
        (RXX, "CERTIFICATE", Peer("192.0.2.1"), "connection not bound to this sending facility", "MSH-4"),
        (RXM, "ADDRESS", Peer("192.0.2.2", ENGINE), "connection not bound to this sending facility", "MSH-4"),
        (RXM, "BOTH", Peer("192.0.2.15", ENGINE), "sending application not registered", "MSH-3"),
        (RXX, "both", Peer("192.0.2.15", ENGINE), "sending application not registered", "MSH-3"),
        (OdsCode("RXZ"), "BOTH", Peer("192.0.2.15", ENGINE), "sending facility not registered", "MSH-4"),
    ],
)
def test_a_message_that_claims_another_sender_is_refused(
    provider: OdsCode, system: str, peer: Peer, reason: str, location: str
) -> None:
    """With the field that does not fit and code 103 of table 0357; no value is repeated."""
    with pytest.raises(NotItsSender) as refused:
        SENDERS.admitted(provider, system, peer=peer)

    assert (reason, location, 103) == (refused.value.reason, refused.value.location, refused.value.hl7_code)
    assert provider.code not in str(refused.value)


def test_without_a_file_anybody_may_send() -> None:
    """And nothing is settled of anybody."""
    senders = Senders()

    assert UNSETTLED is senders.admitted(RXX, "ANY", peer=Peer("203.0.113.9")) is senders.settled(RXX, "ANY")
    assert (False, True) == (senders.go_by_certificates, SENDERS.go_by_certificates)


def test_a_sender_that_nothing_binds_is_nobodys() -> None:
    """What the file refuses does not open the door where it is made otherwise."""
    assert not UNSETTLED.may_come_from(Peer("192.0.2.1", ENGINE))


def test_who_puts_a_message_in_again_need_not_be_its_sender() -> None:
    """What is settled of the sender holds, of one that is no longer in the file nothing."""
    assert SENDERS.settled(RXM, "ADDRESS").addresses
    assert UNSETTLED is SENDERS.settled(RXM, "GONE") is SENDERS.settled(OdsCode("RXZ"), "ADDRESS")
