"""What is derived from an NHS number is derived under the identity key."""

import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.core.errors import ConfigurationError
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.keyed import (
    IdentityKey,
    message_reference,
    moved_reference,
    user_reference,
    visit_content,
    visit_reference,
)

KEY = IdentityKey(bytes(32))
OTHER = IdentityKey(bytes(31) + b"1")
ROBIN, ALEX = NhsNumber("9990000018"), NhsNumber("9990000026")


def test_a_short_key_is_refused() -> None:
    """At least 32 bytes."""
    with pytest.raises(ConfigurationError):
        IdentityKey(bytes(31))


def test_a_key_does_not_show_its_secret() -> None:
    """Neither in a traceback nor in a log."""
    assert "IdentityKey()" == repr(KEY)


def test_a_derived_value_is_the_same_for_ever() -> None:
    """The format is fixed: ids live in the state and at recipients."""
    assert "77a5f811eda870b062430dcc729aec70" == IdentityKey(b"k" * 32).derive("a", "b", b"c")


@given(secret=st.binary(min_size=32, max_size=130), data=st.binary(max_size=200))
def test_a_digest_is_the_hmac_of_the_standard_library(secret: bytes, data: bytes) -> None:
    """Whatever the length of the key: one that is longer than a block is hashed first (RFC 2104)."""
    assert hmac.digest(secret, data, "sha256") == IdentityKey(secret).digest(data)


def test_parts_do_not_run_into_each_other() -> None:
    """The parts are prefixed with their length."""
    assert KEY.derive("visit", "ab", "c") != KEY.derive("visit", "a", "bc")


def test_a_user_is_known_by_organisation_and_its_own_id() -> None:
    """The same id at another organisation is somebody else (ruling 48)."""
    users = {user_reference(KEY, OdsCode(code), name) for code in ("RXX", "RYY") for name in ("u1", "u2")}
    assert (4, True) == (len(users), user_reference(KEY, OdsCode("RXX"), "u1") in users)


def test_another_purpose_key_or_part_gives_another_value() -> None:
    """Nothing of one kind can be compared with another."""
    assert 4 == len(
        {KEY.derive("a", "x"), KEY.derive("b", "x"), OTHER.derive("a", "x"), KEY.derive("a", "y")}
    )


def test_two_keys_have_two_fingerprints() -> None:
    """So that a process with the wrong key can refuse to start."""
    assert KEY.fingerprint != OTHER.fingerprint


def test_one_visit_under_two_numbers_has_two_references() -> None:
    """They cannot be compared (rulings 6, 42)."""
    references = [
        visit_reference(KEY, number, system="ED", provider=OdsCode("RXX"), visit_number="V-1")
        for number in (ROBIN, ALEX)
    ]
    assert references[0] != references[1]


def reference(number: NhsNumber, visit_number: str = "V-1", key: IdentityKey = KEY) -> str:
    """Return a visit's reference under a number."""
    return visit_reference(key, number, system="ED", provider=OdsCode("RXX"), visit_number=visit_number)


def test_after_a_succession_a_visit_has_its_reference_under_the_new_number() -> None:
    """As if it had been recorded under it; and back again (ruling 22)."""
    moved = moved_reference(KEY, reference(ROBIN), former=ROBIN, number=ALEX)

    assert reference(ALEX) == moved
    assert reference(ROBIN) == moved_reference(KEY, moved, former=ALEX, number=ROBIN)


def test_without_the_key_two_numbers_share_no_pattern() -> None:
    """No two visits differ alike under two numbers, and another key finds nothing (ruling 42)."""
    pairs = [(reference(ROBIN, f"V-{n}"), reference(ALEX, f"V-{n}")) for n in range(64)]
    differences = {int(one, 16) ^ int(other, 16) for one, other in pairs}
    halves = [half for pair in pairs for one in pair for half in (one[:16], one[16:])]

    assert (64, 4 * 64) == (len(differences), len(set(halves)))
    assert reference(ALEX) != moved_reference(OTHER, reference(ROBIN), former=ROBIN, number=ALEX)


@pytest.mark.parametrize("other", ["", "v1", "0" * 31, "0" * 33, "G" * 32, "A" * 32])
def test_what_is_no_reference_stays_as_it_is(other: str) -> None:
    """A view has its own id, the same under every number."""
    assert other == moved_reference(KEY, other, former=ROBIN, number=ALEX)


def test_a_visit_is_system_provider_and_number() -> None:
    """Another of either is another visit (ruling 6)."""
    references = {
        visit_reference(KEY, ROBIN, system=system, provider=OdsCode(provider), visit_number=number)
        for system in ("ED", "PAS")
        for provider in ("RXX", "RYY")
        for number in ("1", "2")
    }
    assert 8 == len(references)


def test_the_same_bytes_have_the_same_reference() -> None:
    """A resend is known by its bytes."""
    assert message_reference(KEY, b"MSH") == message_reference(KEY, b"MSH") != message_reference(KEY, b"MSG")


def test_an_id_that_is_no_reference_is_known_by_its_text() -> None:
    """What intake did not derive has no content that could be moved (ruling 44)."""
    assert b"a view" == visit_content(KEY, "a view", ROBIN)
