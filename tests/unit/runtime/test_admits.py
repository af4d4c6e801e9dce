"""What a deployment lets in, by its settings: ruling 27."""

import pytest

from broker.core.errors import ConfigurationError
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.number_ranges import Taking
from broker.runtime.parts import admits
from broker.runtime.settings import Settings, load_settings
from tests.spec.numbers import numbers_beginning

REAL, KEPT_FOR_TESTS = next(numbers_beginning("4000")), NhsNumber("9990000018")
HOSPITAL, PROVIDER, AUTHORITY = OdsCode("RXX"), OdsCode("RXZ"), OdsCode("Z99")


def test_a_live_deployment_lets_in_live_messages_and_the_canarys_numbers() -> None:
    """`P` alone; numbers kept for tests from the two reserved organisations (ruling 27)."""
    admitted = admits(Settings(environment="live", canary_provider="RXZ", canary_authority="Z99"))

    assert {"P"} == admitted.processing_ids
    assert [Taking.UNUSABLE, Taking.TAKEN, Taking.TAKEN] == [
        admitted.takes(KEPT_FOR_TESTS, sender) for sender in (HOSPITAL, PROVIDER, AUTHORITY)
    ]
    assert Taking.TAKEN is admitted.takes(REAL, HOSPITAL)


def test_without_a_canary_nobody_sends_test_numbers_to_a_live_deployment() -> None:
    """There is none unless the settings name it (ruling 27)."""
    assert Taking.UNUSABLE is admits(Settings(environment="live")).takes(KEPT_FOR_TESTS, PROVIDER)


def test_every_other_deployment_lets_in_numbers_kept_for_tests_alone() -> None:
    """Whoever sends them, and whatever MSH-11 is (ruling 27)."""
    admitted = admits(Settings(environment="test", canary_provider="RXZ"))

    assert {"P", "T", "D"} == admitted.processing_ids
    assert Taking.TAKEN is admitted.takes(KEPT_FOR_TESTS, HOSPITAL)
    assert Taking.REFUSED is admitted.takes(REAL, PROVIDER)


@pytest.mark.parametrize("name", ["CPIS_CANARY_PROVIDER", "CPIS_CANARY_AUTHORITY"])
def test_a_canary_is_named_by_its_ods_code(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Anything else is refused at the start."""
    monkeypatch.setenv(name, "the canary")

    with pytest.raises(ConfigurationError, match=name):
        load_settings()
