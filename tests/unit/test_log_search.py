"""The search of the logs finds what it must never find."""

import pytest

from tests.builders.demo_stream import GIRL
from tests.log_search import hits

LEAKS = [
    "key 9990000018 refused",
    f"patient {GIRL.family}",
    f"patient {GIRL.given.upper()}",
    f"born {GIRL.born}",
    "born 2010-05-14",
]


@pytest.mark.parametrize("line", LEAKS)
def test_a_person_in_a_log_line_is_found(line: str) -> None:
    """A number, a name in any case, and a date of birth in either form are hits."""
    assert 1 == len(list(hits(["nothing here", line])))


def test_ids_of_ours_are_no_hits() -> None:
    """A keyed id or an offset is not mistaken for a person."""
    lines = ['{"offset": 99900000181, "event": "partition opened"}', "alert 4712ae692cde6fe9e335f2f0462ec326"]

    assert [] == list(hits(lines))
