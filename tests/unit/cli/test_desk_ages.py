"""How old something is at the desk, in the words that `--older-than` takes."""

from datetime import timedelta

import pytest

from broker.cli.desk import Age, age_of

MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("length", "word"),
    [
        (timedelta(), "0m"),
        (MINUTE - timedelta(seconds=1), "0m"),
        (119 * MINUTE, "119m"),
        (120 * MINUTE, "2h"),
        (timedelta(hours=47, minutes=59), "47h"),
        (timedelta(hours=48), "2d"),
        (timedelta(days=400), "400d"),
    ],
)
def test_an_age_is_said_in_whole_units_and_taken_back_as_no_longer(length: timedelta, word: str) -> None:
    """Minutes below two hours, hours below two days, then days; never more than it is."""
    assert word == age_of(length)
    assert length >= Age().convert(word, None, None)
