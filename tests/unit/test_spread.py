"""A run is spread over processes by units that share what is dear, those that take long first."""

from contextlib import closing
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from threading import Event, Thread

import pytest

from tests.spread import APART, LONG, Turns, place_of, unit_of
from tests.waiting import wait_until

TESTS = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("nodeid", "unit"),
    [
        ("tests/spec/test_views.py::test_a[core]", "tests/spec/test_views.py"),
        ("tests/unit/test_b.py::TestB::test_c[x::y]", "tests/unit/test_b.py"),
        ("tests/containers/test_image.py::test_d", "tests/containers/"),
        ("tests/containers/test_upgrade.py::test_e", "tests/containers/"),
        ("tests/fault/test_crash_points.py::test_f", "tests/fault/test_crash_points.py::test_f"),
    ],
)
def test_the_tests_of_a_file_stay_together(nodeid: str, unit: str) -> None:
    """So do those in containers; where each has a Kafka of its own, each goes by itself."""
    assert unit == unit_of(nodeid)


def test_what_takes_long_comes_first() -> None:
    """In the order of the list; what is not on it comes last."""
    told = ["tests/unit/test_b.py::t", "tests/docs/test_ci.py::t", "tests/docs/test_walks.py::t"]

    assert told[::-1] == sorted(told, key=place_of)


def test_what_is_named_is_there() -> None:
    """A file that has moved is not taken for a short one."""
    assert [] == [name for name in (*APART, *LONG) if not (TESTS / name).exists()]


def _waits(directory: Path) -> bool:
    """Whether somebody holds the door and waits for room."""
    with (directory / "door.lock").open("w") as door:
        try:
            flock(door, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            return True
    return False


@pytest.mark.parametrize(
    ("alone", "beside"), [((False, False), True), ((True, False), False), ((False, True), False)]
)
def test_nobody_is_beside_who_wants_to_be_alone(
    tmp_path: Path, alone: tuple[bool, bool], *, beside: bool
) -> None:
    """Whoever came second waits until the first has gone, if one of them wants that; else both are there."""
    entered = Event()

    def come() -> None:
        """Be the second."""
        with closing(Turns(tmp_path)) as turns, turns.turn(alone=alone[1]):
            entered.set()

    comer = Thread(target=come)
    with closing(Turns(tmp_path)) as turns, turns.turn(alone=alone[0]):
        comer.start()
        wait_until(entered.is_set if beside else lambda: _waits(tmp_path), 60, "somebody there or waiting")
        assert beside == entered.is_set()
    comer.join()

    assert entered.is_set()


def test_who_waits_to_be_alone_is_overtaken_by_nobody(tmp_path: Path) -> None:
    """One who comes later waits behind, though the one who is there would let them in."""
    order: list[str] = []

    def come(name: str) -> None:
        """Come, and say when there is room."""
        with closing(Turns(tmp_path)) as turns, turns.turn(alone=name == "alone"):
            order.append(name)

    with closing(Turns(tmp_path)) as turns, turns.turn(alone=False):
        comers = [Thread(target=come, args=(name,)) for name in ("alone", "later")]
        comers[0].start()
        wait_until(lambda: _waits(tmp_path), 60, "the door held by who waits")
        comers[1].start()
    for comer in comers:
        comer.join()

    assert ["alone", "later"] == order
