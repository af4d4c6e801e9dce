"""Which time of arrival can be true (ruling 37). No clock is read here: receipt is an argument."""

from datetime import datetime, timedelta

ARRIVAL_AGE_MAX = timedelta(days=400)
"""Older ones are left over from a former visit, and would put the stay before every plan."""
ARRIVAL_AHEAD_MAX = timedelta(hours=24)
"""A site with a wrong clock or zone is right to the day; beyond that the time is a slip of the keyboard."""


def plausible_arrival(arrived_at: datetime, received_at: datetime) -> bool:
    """
    Whether a PV1-44 may be believed: up to 400 days old, less than 24 h ahead of first receipt (ruling 37).

    Both times are aware. A time before 1900, which the ruling names too, is more than 400 days old.
    """
    return received_at - ARRIVAL_AGE_MAX <= arrived_at < received_at + ARRIVAL_AHEAD_MAX
