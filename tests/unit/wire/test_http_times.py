"""Times in the heads of HTTP."""

from datetime import UTC, datetime

import pytest

from broker.wire.http_times import made_at, retry_after

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("0", 0.0),
        ("17", 17.0),
        ("99999999", 3_600.0),
        ("-1", None),
        ("Mon, 02 Mar 2026 10:00:00 GMT", None),
    ],
)
def test_how_long_to_wait_is_a_number_of_seconds(text: str | None, seconds: float | None) -> None:
    """An hour at most; anything else says nothing."""
    assert seconds == retry_after(text)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("Mon, 02 Mar 2026 09:59:58 GMT", datetime(2026, 3, 2, 9, 59, 58, tzinfo=UTC)),
        ("Mon, 02 Mar 2026 10:00:01 GMT", NOW),
        ("Mon, 02 Mar 2026 09:59:58 -0000", NOW),
        ("yesterday", NOW),
        ("", NOW),
        (None, NOW),
    ],
)
def test_an_answer_was_made_when_it_says_and_never_later_than_now(text: str | None, at: datetime) -> None:
    """A clock that is ahead would make its answer the newest for ever (ruling 37)."""
    assert at == made_at(text, NOW)
