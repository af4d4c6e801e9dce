"""A sender that usually sends and has stopped is told from one that is merely quiet."""

from datetime import UTC, datetime, timedelta

import pytest

from broker.core.silence import PROFILE_KEPT, Heard, usual_between

MONDAY = datetime(2025, 3, 3, tzinfo=UTC)  # winter: London's clock is UTC
QUIET = timedelta(minutes=30)
WEEKS = 3


def busy(by_hour: dict[int, int], *, weekend: dict[int, int], days: int = 7 * WEEKS) -> Heard:
    """Return what was heard on the days before Monday: so many messages in each hour of the day."""
    heard = Heard()
    for day in range(days, 0, -1):
        date = MONDAY - timedelta(days=day)
        counts = weekend if date.weekday() >= 5 else by_hour
        for hour, count in counts.items():
            for number in range(count):
                heard.at(date + timedelta(hours=hour, minutes=number * 60 // count))
    return heard


def at(hour: int, minute: int = 0, day: int = 0) -> datetime:
    """Return a time on Monday, or so many days later."""
    return MONDAY + timedelta(days=day, hours=hour, minutes=minute)


EVERY_HOUR = dict.fromkeys(range(24), 12)
BY_DAY = dict.fromkeys(range(8, 20), 12)


@pytest.mark.parametrize(
    ("last", "now", "silent"),
    [
        pytest.param(at(10), at(10, 29), False, id="shorter than the limit"),
        pytest.param(at(10), at(10, 30), True, id="as long as the limit, with six missing"),
        pytest.param(at(19, 55), at(23), False, id="at night, when nothing comes"),
        pytest.param(at(19, 30), at(20, 30), True, id="since before the night, with six missing"),
        pytest.param(at(2), at(7, 59), False, id="all night"),
        pytest.param(at(2), at(8, 24), False, id="in the morning, not five missing yet"),
        pytest.param(at(2), at(8, 25), True, id="in the morning, five missing"),
        pytest.param(at(19, day=4), at(15, day=5), True, id="since Friday evening"),
        pytest.param(at(10, day=5), at(19, day=5), False, id="on a Saturday, when nothing comes"),
        pytest.param(at(10), at(10, day=2), True, id="for two days"),
        pytest.param(at(10), at(10) - QUIET, False, id="heard after now"),
    ],
)
def test_a_silence_counts_where_messages_are_usual(last: datetime, now: datetime, *, silent: bool) -> None:
    """By the hour of the day, working days apart from weekends."""
    heard = busy(BY_DAY, weekend={})
    heard.heard(last)

    assert silent is heard.silent(now, quiet_after=QUIET)


def test_a_sender_of_few_messages_is_given_time() -> None:
    """One an hour: five hours without any are needed, however short the limit is."""
    heard = busy(dict.fromkeys(range(24), 1), weekend=dict.fromkeys(range(24), 1))
    heard.heard(at(8))

    assert not heard.silent(at(12, 59), quiet_after=QUIET)
    assert heard.silent(at(13), quiet_after=QUIET)


def test_nothing_is_usual_before_three_days_are_known() -> None:
    """A sender that was connected yesterday raises no alarm by its first pause."""
    young, known = busy(EVERY_HOUR, weekend=EVERY_HOUR, days=2), Heard()
    for day in (4, 5, 6):  # working days of the week before
        for minute in range(0, 60, 5):
            known.at(MONDAY - timedelta(days=day, hours=-10, minutes=-minute))
    for one in (young, known):
        one.heard(at(10))

    assert not young.silent(at(18), quiet_after=QUIET)
    assert known.silent(at(11), quiet_after=QUIET)


def test_who_was_never_heard_is_not_silent() -> None:
    """There is nothing to compare with."""
    assert not Heard().silent(at(10), quiet_after=QUIET)
    assert usual_between({}, at(10), at(12)) == 0


def test_a_clock_that_changes_moves_the_usual_hour_along() -> None:
    """People come by London's clock: after the change at seven in UTC what came at eight before."""
    heard = Heard()
    winter = datetime(2025, 3, 24, tzinfo=UTC)  # Monday; summer time begins on 30 March
    for day in range(5):
        for minute in range(60):
            heard.at(winter + timedelta(days=day, hours=8, minutes=minute))
    monday = winter + timedelta(days=7)

    assert pytest.approx(30) == usual_between(
        heard.hours, monday + timedelta(hours=7), monday + timedelta(hours=7, minutes=30)
    )
    assert usual_between(heard.hours, monday + timedelta(hours=8), monday + timedelta(hours=9)) == 0


def test_what_is_long_past_is_not_usual_any_more() -> None:
    """Nor is it kept."""
    heard = Heard()
    for hour in range(40 * 24):
        heard.at(MONDAY + timedelta(hours=hour))

    assert len(heard.hours) <= PROFILE_KEPT // timedelta(hours=1) + 1
    assert min(heard.hours) >= max(heard.hours) - PROFILE_KEPT // timedelta(hours=1)
