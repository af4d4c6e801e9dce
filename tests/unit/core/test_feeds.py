"""The health of a feed: stale when, matched by how much, what waits since when (R18, R20, C7 to C9)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from broker.core.answers import Feeds
from broker.core.feeds import (
    STALE,
    FeedAges,
    FeedHealth,
    FeedRule,
    FeedState,
    FileTaken,
    Waiting,
    count,
    health,
    heard_of,
    last_taken,
    later,
    notices,
    old,
    to_do,
)
from broker.core.identifiers import OdsCode
from tests.builders.feeds import NOON, OURS, taken

OTHER = OdsCode("204")
DAY = timedelta(days=1)
RULE = FeedRule(stale_after=timedelta(hours=48), gate=0.95)


def one(*files: FileTaken, at: datetime = NOON, rule: FeedRule = RULE) -> FeedHealth:
    """Return how the one feed of some files stands."""
    (found,) = health(files, {}, at, rule)
    return found


@pytest.mark.parametrize(("late", "expected"), [(0, False), (1, True)])
def test_a_feed_is_stale_once_its_last_file_is_older_than_the_limit(late: int, *, expected: bool) -> None:
    """At 48 hours it is not stale yet, a second later it is (R18)."""
    found = one(taken(), at=NOON + timedelta(hours=48, seconds=late))

    assert expected is found.stale
    assert timedelta(hours=48, seconds=late) == found.age


def test_an_authority_that_should_send_and_never_did_is_stale() -> None:
    """Silence is no sign of health (R18, ruling 41)."""
    found = one(rule=FeedRule(stale_after=RULE.stale_after, gate=RULE.gate, expected=frozenset({OURS})))

    assert (True, None, None) == (found.stale, found.last_at, found.newest)


def test_a_file_of_which_nothing_was_loaded_makes_no_feed_younger() -> None:
    """The plan data is as old as before (R18); the file still stands there as the newest."""
    found = one(taken(), taken({"CPR01": 1}, at=NOON + 2 * DAY, code="CPF04"), at=NOON + 3 * DAY)

    assert (True, NOON) == (found.stale, found.last_at)
    assert found.newest is not None
    assert "CPF04" == found.newest.code


@pytest.mark.parametrize(("hours", "age"), [(0, 0), (30, 30), (-30, 0)])
def test_a_file_is_as_old_as_it_says_itself(hours: int, age: int) -> None:
    """Sent again it is no younger; a stamp ahead of its receipt is not believed (R18)."""
    file = replace(taken(), created_at=NOON - timedelta(hours=hours))

    assert timedelta(hours=age) == one(file).age


def test_an_old_export_that_is_sent_every_day_goes_stale() -> None:
    """What it says is as old on the third day as it was on the first (R18)."""
    days = [replace(taken(at=NOON + n * DAY), created_at=NOON) for n in range(4)]
    marks = {OURS: NOON + 3 * DAY}

    (found,) = health(days, marks, NOON + 3 * DAY, RULE)

    assert (True, NOON) == (found.stale, found.last_at)
    assert Feeds(known=1, stale=1) == count(heard_of(marks, last_taken(days)), NOON + 3 * DAY, RULE)


@pytest.mark.parametrize(("hours", "stale"), [(72, False), (73, True)])
def test_who_sends_changes_alone_has_a_limit_of_its_own(hours: int, *, stale: bool) -> None:
    """As agreed with it: an official file without a record cannot be (R18)."""
    rule = replace(RULE, agreed={OURS: timedelta(hours=72), OTHER: timedelta(hours=1)})
    at = NOON + timedelta(hours=hours)
    ages = FeedAges(last=lambda: {OURS: NOON}, stale_after=RULE.stale_after, agreed=rule.agreed)

    assert stale is one(taken(), at=at, rule=rule).stale
    assert stale is (ages.words(OURS, at) or "").startswith(STALE)


def test_whoever_ever_sent_a_file_is_told_for_ever_that_its_feed_is_stale() -> None:
    """Also where nothing of the one that is still remembered was loaded (R18)."""
    (found,) = health([taken({"CPR01": 1}, code="CPF04")], {}, NOON + 90 * DAY, RULE)

    assert (None, [OURS]) == (found.last_at, [notice.authority for notice in notices([found], NOON)])


def test_what_a_check_mark_remembers_counts_where_no_file_is_remembered() -> None:
    """A mark says when a plan was received, a file how old it is itself (ruling 41; R18)."""
    (found,) = health([taken()], {OURS: NOON + DAY}, NOON + 2 * DAY, RULE)
    (marked,) = health([], {OURS: NOON + DAY}, NOON + 2 * DAY, RULE)

    assert (NOON, NOON + DAY) == (found.last_at, marked.last_at)
    assert {OURS: NOON, OTHER: NOON + DAY} == later({OURS: NOON}, {OURS: NOON - DAY, OTHER: NOON + DAY})


def test_a_closed_authority_is_not_expected_and_its_silence_is_no_fault() -> None:
    """After a reorganisation the old code sends no more (ruling 19)."""
    rule = FeedRule(stale_after=RULE.stale_after, gate=RULE.gate, closed=frozenset({OURS}))
    found = one(taken(), at=NOON + 90 * DAY, rule=rule)

    assert (FeedState.CLOSED, False) == (found.state, found.stale)
    assert Feeds(known=0, stale=0) == count({OURS: NOON}, NOON + 90 * DAY, rule)


def test_a_closed_authority_is_told_that_others_have_taken_over() -> None:
    """It may go on sending for a while: what it sends counts, and is to come under the new code (19)."""
    feed = one(taken(), rule=replace(RULE, closed=frozenset({OURS})))

    words = "This code is closed: if another authority has taken over, upload under its code."
    assert (words,) == to_do(feed)


def test_an_answer_counts_feeds_by_the_same_truth() -> None:
    """Known are those expected and those heard of; stale the ones above the limit (ruling 41)."""
    rule = FeedRule(stale_after=RULE.stale_after, gate=RULE.gate, expected=frozenset({OTHER}))

    assert Feeds(known=2, stale=1) == count(last_taken([taken()]), NOON, rule)
    assert Feeds(known=2, stale=2) == count(last_taken([taken()]), NOON + 3 * DAY, rule)


def test_going_live_is_a_persons_word() -> None:
    """It follows from no number: a feed below the gate stays live, and is warned of (R20)."""
    rule = FeedRule(stale_after=RULE.stale_after, gate=RULE.gate, live=frozenset({OURS}))

    assert FeedState.IN_TRIAL is one(taken({"CPR06": 100})).state
    assert (FeedState.LIVE, True) == (
        (found := one(taken({"CPR01": 9, "CPR06": 1}), rule=rule)).state,
        found.below_gate,
    )


@pytest.mark.parametrize(("matched", "below"), [(95, False), (94, True)])
def test_95_in_100_matched_records_reach_the_gate(matched: int, *, below: bool) -> None:
    """At 95 % it is reached, at 94 % it is not (R20)."""
    found = one(taken({"CPR06": matched, "CPR01": 100 - matched}))

    assert (matched / 100, below) == (found.matched, found.below_gate)


@pytest.mark.parametrize("code", ["CPR01", "CPR03", "CPR04", "CPR05"])
def test_records_that_match_nobody_count_against_the_share_and_wait(code: str) -> None:
    """Nobody, not verified, no number, superseded (R14, R20)."""
    found = one(taken({"CPR06": 1, code: 1}))

    assert 0.5 == found.matched
    assert (Waiting(code=code, count=1, since=NOON),) == found.waiting


@pytest.mark.parametrize("code", ["CPR02", "CPR07"])
def test_records_refused_for_another_reason_are_no_mismatch(code: str) -> None:
    """A restricted record matched, and one at fault was not compared (R20); both are refused."""
    found = one(taken({"CPR06": 1, code: 1}))

    assert (1.0, (), 1) == (found.matched, found.waiting, found.refused)


def test_the_share_is_that_of_the_last_seven_days_files() -> None:
    """One file of one record does not speak for a feed; what is older than a week not either (R20)."""
    week_ago, within = NOON - 7 * DAY, NOON - 7 * DAY + timedelta(seconds=1)
    bad, good = {"CPR01": 1}, {"CPR06": 1}

    assert 1.0 == one(taken(bad, at=week_ago), taken(good)).matched
    assert 0.5 == one(taken(bad, at=within), taken(good)).matched


def test_without_a_record_there_is_no_share() -> None:
    """A file that was refused as a whole says nothing about matching; its records are refused (R15)."""
    found = one(taken({}, code="CPF01"))

    assert (None, False, 3) == (found.matched, found.below_gate, found.refused)


def test_a_reason_waits_since_the_first_of_the_files_in_a_row_that_have_it() -> None:
    """A file without it ends the row, and one that cannot be read does not (R14, C9)."""
    files = [
        taken({"CPR01": 5}, at=NOON - 4 * DAY),
        taken({"CPR06": 5}, at=NOON - 3 * DAY),
        taken({"CPR01": 2, "CPR04": 1}, at=NOON - 2 * DAY),
        taken({}, at=NOON - DAY, code="CPF01"),
        taken({"CPR01": 3}, at=NOON),
    ]

    assert (Waiting(code="CPR01", count=3, since=NOON - 2 * DAY),) == one(*reversed(files)).waiting


def test_a_healthy_feed_asks_nothing_of_anybody() -> None:
    """Young, above the gate, nothing refused; each fault alone ends that."""
    assert one(taken()).healthy
    assert not one(taken(), at=NOON + 3 * DAY).healthy
    assert not one(taken({"CPR06": 99, "CPR07": 1})).healthy


def test_a_sign_of_life_makes_a_feed_younger_and_settles_nothing() -> None:
    """It says that there is nothing new (R18): what was refused, and what waits, does so still."""
    before = taken({"CPR01": 1, "CPR06": 19}, code="CPF03")
    alive = replace(taken({}, at=NOON + 2 * DAY, key="alive"), found=0)
    feed = one(before, alive, at=NOON + 3 * DAY)

    assert (NOON + 2 * DAY, False, before, 1) == (feed.last_at, feed.stale, feed.newest, feed.refused)
    assert ["CPR01"] == [waiting.code for waiting in feed.waiting]
    assert (alive, True) == (one(alive).newest, one(alive, at=NOON + 3 * DAY).healthy)


def test_a_feed_of_whose_newest_file_nothing_was_loaded_is_not_well() -> None:
    """One that cannot be read as a whole counts no record: none refused is no health (R15, C9)."""
    feed = one(replace(taken({}), code="CPF01", found=0))

    assert (0, False) == (feed.refused, feed.healthy)
    assert "Nothing of your newest file was loaded: the acknowledgement says why." in to_do(feed)


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (timedelta(minutes=59), "less than an hour"),
        (timedelta(hours=1), "1 h"),
        (timedelta(hours=47, minutes=59), "47 h"),
        (timedelta(hours=48), "2 days"),
        (timedelta(days=34, hours=23), "34 days"),
    ],
)
def test_an_age_is_said_in_words(age: timedelta, expected: str) -> None:
    """Whole hours, and days once there are two (C7)."""
    assert expected == old(age)


def test_an_authority_is_told_that_its_feed_is_stale_with_what_to_do() -> None:
    """The day is London's: half past eleven at night in UTC is the next one in summer (R18)."""
    late = datetime(2026, 7, 2, 23, 30, tzinfo=UTC)
    [notice] = notices([one(taken(), at=late)], late)

    assert (OURS, NOON, "2026-07-03") == (notice.authority, notice.last_at, notice.day)
    assert notice.statements[0].startswith("No file of yours was taken for too long")


@pytest.mark.parametrize(
    ("file", "live", "told"),
    [(taken(), False, True), (None, True, True), (None, False, False)],
    ids=["sent before", "live and silent", "not connected yet"],
)
def test_one_that_was_never_connected_is_not_told_of_its_silence(
    file: FileTaken | None, *, live: bool, told: bool
) -> None:
    """The list names authorities before they send; a live one that never did is told (R18, R20)."""
    own = frozenset({OURS})
    rule = replace(RULE, expected=own, live=own if live else frozenset())
    late = NOON + 3 * DAY

    assert told is bool(notices(health([] if file is None else [file], {}, late, rule), late))


def test_of_a_young_feed_nobody_is_told() -> None:
    """At the limit it is not stale yet (R18)."""
    assert () == notices([one(taken(), at=NOON + 2 * DAY)], NOON + 2 * DAY)
