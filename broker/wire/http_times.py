"""Times in the heads of HTTP: how long to wait, and when an answer was made."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache

_RETRY_AFTER_MAX_S = 3_600.0  # more than anybody waits for: what stands there may be any number


def retry_after(text: str | None) -> float | None:
    """Return `Retry-After` where it is a number of seconds, an hour at most; a date is as good as none."""
    if text is None or not text.isdecimal():
        return None
    return min(float(text), _RETRY_AFTER_MAX_S)


def made_at(text: str | None, now: datetime) -> datetime:
    """
    Return when an answer was made by its `Date`, aware UTC: never later than `now`, which is also when it has
    none that can be read.
    """
    try:
        said = _read(text or "")
    except ValueError:
        return now
    return now if said.tzinfo is None else min(said.astimezone(UTC), now)


@lru_cache(maxsize=16)  # all answers of a second say the same
def _read(text: str) -> datetime:
    """Return the time of a `Date`; raise `ValueError`."""
    return parsedate_to_datetime(text)
