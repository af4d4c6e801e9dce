"""A run is spread over processes by units that share what is dear, those that take long first."""

from pathlib import Path

import pytest

from tests.spread import APART, LONG, place_of, unit_of

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
