"""The certificate of the MLLP door: what is refused at the start, what a change of the files does."""

import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from broker.adapters.server_tls import HandshakeFault, fault_of
from broker.core.errors import ConfigurationError
from tests.builders.certificates import Office


@pytest.fixture
def office(tmp_path: Path) -> Office:
    """Lend an authority and the door's certificate."""
    return Office(tmp_path)


def other_key(office: Office) -> None:
    """Put the key of another certificate into its place."""
    trustme.CA().issue_cert("other.test").private_key_pem.write_to_path(office.files.key)


def directory_for_a_key(office: Office) -> None:
    """Put a directory where the key was."""
    office.files.key.unlink()
    office.files.key.mkdir()


def under_a_password(office: Office) -> None:
    """Encrypt the key."""
    key = load_pem_private_key(office.files.key.read_bytes(), password=None)
    secret = BestAvailableEncryption(b"secret")
    office.files.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, secret))


def empty_authorities(office: Office) -> None:
    """Leave no authority."""
    assert office.files.client_ca is not None
    office.files.client_ca.write_bytes(b"")


DAMAGE: dict[str, tuple[Callable[[Office], object], str]] = {
    "no certificate file": (
        lambda office: office.files.certificate.unlink(),
        "CPIS_MLLP_TLS_CERTIFICATE_FILE cannot be read: No such file or directory",
    ),
    "a directory for a key": (
        directory_for_a_key,
        "CPIS_MLLP_TLS_KEY_FILE cannot be read: Is a directory",
    ),
    "no certificate in it": (
        lambda office: office.files.certificate.write_bytes(b"\xff"),
        "CPIS_MLLP_TLS_CERTIFICATE_FILE holds no certificate in PEM form",
    ),
    "no key in it": (
        lambda office: office.files.key.write_bytes(office.files.certificate.read_bytes()),
        "CPIS_MLLP_TLS_KEY_FILE holds no private key in PEM form that needs no password",
    ),
    "a key under a password": (
        under_a_password,
        "CPIS_MLLP_TLS_KEY_FILE holds no private key in PEM form that needs no password",
    ),
    "another certificate's key": (
        other_key,
        "CPIS_MLLP_TLS_CERTIFICATE_FILE and CPIS_MLLP_TLS_KEY_FILE do not belong together",
    ),
    "no authority in it": (
        empty_authorities,
        "CPIS_MLLP_TLS_CLIENT_CA_FILE holds no certificate in PEM form",
    ),
}

each_damage = pytest.mark.parametrize(("damage", "words"), DAMAGE.values(), ids=DAMAGE.keys())


@each_damage
def test_files_that_cannot_be_used_are_refused(
    office: Office, damage: Callable[[Office], object], words: str
) -> None:
    """The setting is named; nothing of what is in the file is repeated."""
    damage(office)

    with pytest.raises(ConfigurationError) as refusal:
        office.door()

    assert words == str(refusal.value)


@each_damage
def test_files_that_become_unusable_change_nothing(
    office: Office, damage: Callable[[Office], object], words: str
) -> None:
    """What was read before goes on, and why is told once; it goes on by itself when they are mended."""
    door = office.door()
    before = door.context
    damage(office)

    assert [before] * 3 == [door.context for _ in range(3)]
    assert [words] == [str(error) for error in office.kept]


def test_files_that_were_not_changed_are_read_once(office: Office) -> None:
    """A new connection costs no reading."""
    door = office.door()

    assert (door.context, 0) == (door.context, office.read)


def test_a_certificate_that_arrives_before_its_key_is_taken_with_it(office: Office) -> None:
    """Whoever replaces the files one by one is not cut off in between."""
    door = office.door()
    before = door.context
    key = office.files.key.read_bytes()
    office.renew()
    new_key = office.files.key.read_bytes()
    office.files.key.write_bytes(key)

    between = door.context
    office.files.key.write_bytes(new_key + b"\n")

    assert (before, True) == (between, door.context is not before)
    assert (1, 1) == (office.read, len(office.kept))


def test_nothing_older_than_tls_1_2_is_spoken(office: Office) -> None:
    """And a sender with authorities named must show a certificate at each connection."""
    context = office.door().context

    assert (ssl.TLSVersion.TLSv1_2, ssl.CERT_REQUIRED) == (context.minimum_version, context.verify_mode)
    assert 0 == context.num_tickets


def test_a_fault_that_openssl_has_a_new_word_for_has_a_place() -> None:
    """The set of words stays closed."""
    assert [HandshakeFault.FAILED, HandshakeFault.ABANDONED, HandshakeFault.TIMED_OUT] == [
        fault_of(error) for error in (ssl.SSLError(), ConnectionResetError(), TimeoutError())
    ]
