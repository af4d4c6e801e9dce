"""Who may send as whom: by certificate, by address, by both (dossier 6.5)."""

import pytest

from broker.core.errors import ConfigurationError, NotItsSender
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


TOKEN = "sha256:" + "a" * 64
POSTING = parse_senders(
    f"""
    [provider.RXX.sender.EITHER]
    certificates = ["name:engine.example"]
    tokens = ["{TOKEN.upper().replace("SHA256", "sha256")}"]
    visit_system = "https://rxx.example/visits"
    [provider.RXX.sender.TOKEN]
    tokens = ["{TOKEN}"]
    addresses = ["192.0.2.1"]
    [provider.RXM.sender.PAS]
    addresses = ["192.0.2.9"]
    """,
    "senders.toml",
)


@pytest.mark.parametrize(
    ("system", "peer", "may"),
    [
        ("EITHER", Peer("", ENGINE), True),
        ("EITHER", Peer("", tokens=frozenset({TOKEN})), True),
        ("EITHER", Peer("", STRANGER, frozenset({"sha256:" + "b" * 64})), False),
        ("TOKEN", Peer("192.0.2.1", tokens=frozenset({TOKEN})), True),
        ("TOKEN", Peer("192.0.2.2", tokens=frozenset({TOKEN})), False),
        ("TOKEN", Peer("192.0.2.1", ENGINE), False),
    ],
)
def test_a_token_stands_for_a_certificate(system: str, peer: Peer, may: bool) -> None:  # noqa: FBT001 - a table
    """Either fits where both are given; an address that is given must fit as well (dossier 6.7)."""
    assert POSTING.providers is not None
    assert may is POSTING.providers[RXX].sender[system].may_come_from(peer)


def test_some_are_known_by_a_token() -> None:
    """Then nobody need show a certificate over HTTP."""
    assert POSTING.go_by_tokens
    assert not SENDERS.go_by_tokens
    assert not Senders().go_by_tokens


def test_who_may_post_at_all_is_known_before_anything_is_read() -> None:
    """For whichever provider; without a file anybody may."""
    assert POSTING.knows(Peer("192.0.2.9"))
    assert not POSTING.knows(Peer("192.0.2.8"))
    assert Senders().knows(Peer("192.0.2.8"))


def test_the_visits_of_a_system_are_known_by_their_identifiers() -> None:
    """Of its own provider alone; what says no system is nobody's (ruling 6)."""
    assert "EITHER" == POSTING.system_named(RXX, "https://rxx.example/visits")
    assert POSTING.system_named(RXM, "https://rxx.example/visits") is None
    assert POSTING.system_named(OdsCode("RXZ"), "https://rxx.example/visits") is None
    assert POSTING.system_named(RXX, "") is None
    assert Senders().system_named(RXX, "https://rxx.example/visits") is None


@pytest.mark.parametrize("tokens", ["name:engine.example", "sha256:ab", "secret"])
def test_a_token_is_told_by_its_digest_alone(tokens: str) -> None:
    """The token itself has no place in a file."""
    with pytest.raises(ConfigurationError, match="tokens must be a list of tokens") as caught:
        parse_senders(f'[provider.RXX.sender.A]\ntokens = ["{tokens}"]', "senders.toml")
    assert tokens not in str(caught.value)


@pytest.mark.parametrize(
    ("peer", "most"),
    [
        (Peer("192.0.2.15", ENGINE), 40),
        (Peer("203.0.113.9", ENGINE), 20),
        (Peer("192.0.2.1"), 3),
        (Peer("192.0.2.1", ENGINE), 43),
        (Peer("203.0.113.9"), 2),
    ],
)
def test_a_peer_has_the_connections_of_the_senders_that_it_may_be(peer: Peer, most: int) -> None:
    """Twenty each unless the file says otherwise; a stranger has two, on which it is told why."""
    text = '[provider.RXM.sender.ADDRESS]\naddresses = ["192.0.2.1"]\nmax_connections = 3'
    few = parse_senders(text, "senders.toml").providers or {}
    senders = Senders(providers={**(SENDERS.providers or {}), **few})

    assert (most, None) == (senders.most_connections(peer), Senders().most_connections(peer))


def test_connections_are_counted_by_certificate_and_failing_that_by_address() -> None:
    """One engine behind several addresses is one."""
    one, other = Peer("192.0.2.1", ENGINE), Peer("192.0.2.2", ENGINE)

    assert one.key == other.key != Peer("192.0.2.1").key != Peer("192.0.2.2").key


BY_TOKEN = Peer("192.0.2.1", tokens=frozenset({TOKEN}))
COUNCILS = parse_senders(
    f"""
    [authority.Z211]
    tokens = ["{TOKEN}"]
    [authority.Z212]
    tokens = ["{TOKEN}"]
    certificates = ["name:engine.example"]
    [authority.Z213]
    office_hours = "Mon-Fri 09:00-17:00"
    """,
    "senders.toml",
)
BY_CERTIFICATE = parse_senders('[authority.Z212]\ncertificates = ["name:engine.example"]', "senders.toml")


@pytest.mark.parametrize(
    ("peer", "authorities"),
    [
        (BY_TOKEN, {"Z211", "Z212"}),
        (Peer("", ENGINE), {"Z212"}),
        (Peer("192.0.2.1"), set()),
        (Peer("", STRANGER, frozenset({"sha256:" + "b" * 64})), set()),
    ],
)
def test_who_may_send_for_which_authorities_is_known_by_certificate_or_token(
    peer: Peer, authorities: set[str]
) -> None:
    """A supplier of two has one token for both; without either nobody may, without a file as little (R17)."""
    assert authorities == {code.code for code in COUNCILS.authorities_of(peer)}
    assert frozenset() == Senders().authorities_of(peer)


def test_an_authority_s_certificate_is_none_of_a_sender_s() -> None:
    """The MLLP door asks nobody for one because of it."""
    assert (False, True, False) == (
        BY_CERTIFICATE.go_by_certificates,
        BY_CERTIFICATE.others_go_by_certificates,
        BY_CERTIFICATE.go_by_tokens,
    )
    assert COUNCILS.go_by_tokens
