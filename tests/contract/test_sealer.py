"""What every sealer keeps to: the key directory and its in-memory twin."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broker.adapters.memory_sealing import MemorySealer
from broker.adapters.sealing import KeyDirectory
from broker.core.errors import UnsealingFailed
from broker.ports import Sealed, Sealer

TODAY = date(2026, 11, 22)
YESTERDAY = date(2026, 11, 21)
TOMORROW = date(2026, 11, 23)
BOND = b"attendance\x009990000018"


class Calendar:
    """The day that it is for a sealer under test."""

    def __init__(self) -> None:
        """Begin today."""
        self.day = TODAY

    def __call__(self) -> datetime:
        """Return noon of the day."""
        return datetime(self.day.year, self.day.month, self.day.day, 12, tzinfo=UTC)


class Subject:
    """A sealer and the way to move it to another day."""

    def __init__(self, sealer: Sealer, set_day: Callable[[date], None]) -> None:
        """Take both."""
        self.sealer = sealer
        self.set_day = set_day

    def seal_on(self, day: date, plain: bytes = b"plain") -> Sealed:
        """Seal something on a day."""
        self.set_day(day)
        return self.sealer.seal(plain, bound_to=BOND)


@pytest.fixture(params=["directory", "memory"])
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Subject:
    """Lend each sealer in turn."""
    if request.param == "memory":
        twin = MemorySealer(TODAY)
        return Subject(twin, lambda day: setattr(twin, "today", day))
    calendar = Calendar()
    return Subject(KeyDirectory(tmp_path / "keys", calendar), lambda day: setattr(calendar, "day", day))


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(plain=st.binary(), bond=st.binary())
def test_what_is_sealed_can_be_opened(subject: Subject, plain: bytes, bond: bytes) -> None:
    """Any bytes, bound to anything, come back."""
    sealed = subject.sealer.seal(plain, bound_to=bond)

    assert plain == subject.sealer.open(sealed, bound_to=bond)


def test_a_seal_hides_what_it_seals(subject: Subject) -> None:
    """The plain bytes are not in the envelope."""
    sealed = subject.sealer.seal(b"Sample", bound_to=BOND)

    assert b"Sample" not in sealed.ciphertext + sealed.nonce + sealed.key_id.encode()


def test_a_seal_names_the_day_of_its_key(subject: Subject) -> None:
    """The key id is the UTC day."""
    assert [(day.isoformat(), subject.seal_on(day).key_id) for day in (TODAY, TOMORROW)] == [
        ("2026-11-22", "2026-11-22"),
        ("2026-11-23", "2026-11-23"),
    ]


def test_two_seals_of_the_same_are_different(subject: Subject) -> None:
    """Nobody can tell from two envelopes that they hold the same."""
    first, second = subject.seal_on(TODAY), subject.seal_on(TODAY)

    assert (first.nonce == second.nonce, first.ciphertext == second.ciphertext) == (False, False)


def test_yesterdays_seal_opens_today(subject: Subject) -> None:
    """A new day's key does not touch the old one."""
    sealed = subject.seal_on(YESTERDAY)
    subject.seal_on(TODAY)

    assert subject.sealer.open(sealed, bound_to=BOND) == b"plain"


def test_a_seal_bound_to_something_else_does_not_open(subject: Subject) -> None:
    """What a seal is bound to must be the same."""
    sealed = subject.seal_on(TODAY)

    with pytest.raises(UnsealingFailed):
        subject.sealer.open(sealed, bound_to=BOND + b"x")


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"ciphertext": b""}, id="no bytes"),
        pytest.param({"ciphertext": b"\x00" * 21}, id="other bytes"),
        pytest.param({"nonce": b"\x01" * 12}, id="another nonce"),
        pytest.param({"nonce": b""}, id="no nonce"),
        pytest.param({"key_id": "2026-11-20"}, id="a day without a key"),
        pytest.param({"key_id": "../2026-11-22"}, id="a path"),
        pytest.param({"key_id": ""}, id="no day"),
    ],
)
def test_an_altered_envelope_does_not_open(subject: Subject, changes: dict[str, Any]) -> None:
    """Whatever was altered, the error is the same one."""
    sealed = replace(subject.seal_on(TODAY), **changes)

    with pytest.raises(UnsealingFailed):
        subject.sealer.open(sealed, bound_to=BOND)


def test_what_was_sealed_before_the_day_is_gone_with_its_keys(subject: Subject) -> None:
    """Keys of earlier days are destroyed and counted, and nothing opens without them."""
    sealed = [subject.seal_on(day) for day in (date(2026, 10, 1), YESTERDAY)]

    destroyed = subject.sealer.destroy_before(TODAY)

    assert destroyed == 2
    for each in sealed:
        with pytest.raises(UnsealingFailed):
            subject.sealer.open(each, bound_to=BOND)


def test_what_was_sealed_on_the_day_itself_stays(subject: Subject) -> None:
    """Only days before the one that is named are destroyed."""
    sealed = subject.seal_on(TODAY)

    assert subject.sealer.destroy_before(TODAY) == 0
    assert subject.sealer.open(sealed, bound_to=BOND) == b"plain"


def test_a_destroyed_day_does_not_come_back(subject: Subject) -> None:
    """Sealing again on a day whose key was destroyed opens nothing of before."""
    sealed = subject.seal_on(YESTERDAY)
    subject.sealer.destroy_before(TODAY)
    again = subject.seal_on(YESTERDAY)

    assert subject.sealer.open(again, bound_to=BOND) == b"plain"
    with pytest.raises(UnsealingFailed):
        subject.sealer.open(sealed, bound_to=BOND)
