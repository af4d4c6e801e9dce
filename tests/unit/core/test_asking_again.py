"""What is asked again and again: how often, until when, and what of it a record keeps. Rulings 23, 26, 43."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from broker.core.alerts import AlertEvent, EventKind, Route
from broker.core.asking_again import day_begins, next_time, times_passed
from broker.core.effects import advance
from broker.core.facts import IdentityNotice
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.invalidation import Inactive, stays_out_of_use, take_out_of_use
from broker.core.person import Person, lift
from broker.core.policy import Policy
from broker.core.policy_keys import Selector
from broker.core.retention import settle
from broker.core.succession import Came
from tests.spec.settled import KEY
from tests.spec.table import T, facts, keyed_facts, moment

POLICY = Policy()
DAY = timedelta(days=1)
HEAD = "recorded | fact | about | values\n"
UNBORN = f"{HEAD} T-60d | plan | UCP E09 | start=D-60 end=D\n"
NUMBER = NhsNumber("9990000018")


def told(table: str) -> tuple[Person, list[AlertEvent]]:
    """Return a person after every fact of a table was folded and told, and all that was told."""
    person = Person(number=NUMBER, salt=bytes(16))
    events: list[AlertEvent] = []
    for fact in facts(table):
        advanced = advance(person.learn(lift(fact)), POLICY, KEY)
        person = advanced.person
        events += advanced.events
    return person, events


@pytest.mark.parametrize(
    ("until", "times", "next_at"),
    [
        (None, 0, T + DAY),
        (T - DAY, 0, T + DAY),
        (T, 0, T + DAY),
        (T + DAY - timedelta(milliseconds=1), 0, T + DAY),
        (T + DAY, 1, T + 2 * DAY),
        (T + 9 * DAY, 9, T + 10 * DAY),
    ],
)
def test_how_often_a_span_has_passed_and_when_it_next_will(
    until: datetime | None, times: int, next_at: datetime
) -> None:
    """Whole spans only, never below none (rulings 23, 26, 43)."""
    assert (times, next_at) == (times_passed(T, DAY, until), next_time(T, DAY, until))


@pytest.mark.parametrize(
    ("day", "begins"),
    [
        (date(2026, 1, 10), datetime(2026, 1, 10, tzinfo=UTC)),
        (date(2026, 3, 29), datetime(2026, 3, 29, tzinfo=UTC)),  # the clock goes forward that night
        (date(2026, 3, 30), datetime(2026, 3, 29, 23, tzinfo=UTC)),
        (date(2026, 10, 25), datetime(2026, 10, 24, 23, tzinfo=UTC)),
        (date(2026, 10, 26), datetime(2026, 10, 26, tzinfo=UTC)),
    ],
)
def test_a_day_begins_at_midnight_in_london(day: date, begins: datetime) -> None:
    """On both sides of both changes of the clock."""
    assert begins == day_begins(day)


@pytest.mark.parametrize(("clock", "raised"), [("T-10h+64d-1s", True), ("T-10h+64d", False)])
def test_a_plan_past_its_due_date_for_l_beyond_its_lapse_is_not_asked_about(
    clock: str, *, raised: bool
) -> None:
    """29 days, then L, 35 days: what answered it may be gone from the record by then (ruling 43)."""
    _, events = told(f"{UNBORN} {clock} | notice | t0 time-passed |")
    assert raised == bool(events)


KEPT = {
    "a word within L stays": ("T-9h | notice | t0 time-passed |", "T-9h+35d", ["t0"]),
    "of several the newest": (
        "T-9h | notice | t0 time-passed |\n T+1d | notice | t1 time-passed |",
        "T+2d",
        ["t1"],
    ),
    "what is still asked keeps it": ("T-9h | notice | t0 time-passed |", "T+90d", ["t0"]),
    "once it is answered L ends it": (
        "T-9h | notice | t0 time-passed |\n T | notice | n1 pregnancy-ended |",
        "T+90d",
        ["n1"],
    ),
}


@pytest.mark.parametrize("case", KEPT)
def test_of_timers_a_record_keeps_the_newest_word_while_something_hangs_on_it(case: str) -> None:
    """And settling tells nobody anything (rulings 26, 43); a plan of her own keeps the record."""
    words, clock, expected = KEPT[case]
    person, _ = told(f"{UNBORN} T-60d | plan | LAC E08 |\n {words}")
    left = settle(person, moment(clock), POLICY)
    assert left is not None
    assert expected == sorted(left.known.notices)
    assert () == advance(left, POLICY, KEY).events
    assert left is settle(left, moment(clock), POLICY)


@pytest.mark.parametrize(
    ("clock", "kept"),
    [("T-10h+64d-1s", True), ("T-10h+64d", False)],
)
def test_what_answers_an_outcome_is_kept_while_it_may_be_asked(clock: str, *, kept: bool) -> None:
    """A birth long past every other need of it: without it the mother's authority would be asked (43)."""
    born = "T-58d | birth | b1 | baby=B born=D-58"
    numbers = {"A": NUMBER, "B": NhsNumber("9990000026")}
    person = Person(number=NUMBER, salt=bytes(16))
    for _, fact in keyed_facts(f"{UNBORN} {born}\n T-60d | plan | LAC E08 |", numbers):
        person = advance(person.learn(lift(fact)), POLICY, KEY).person
    left = settle(person, moment(clock), POLICY)
    assert left is not None
    assert kept == bool(left.known.births)


def inactive(policy: Policy, plan: str = "CPP E09") -> Inactive:
    """Return a number that was taken out of use at T, with a plan open on it."""
    person, _ = told(f"{HEAD} T-9d | plan | {plan} |")
    (answer,) = facts(f"{HEAD} T | notice | n1 invalidated | received=T")
    assert isinstance(answer, IdentityNotice)
    return take_out_of_use(person, answer, policy, KEY, salt=bytes(16))[0]


@pytest.mark.parametrize(
    ("policy", "at", "route"),
    [
        (POLICY, "T+24h-1s", Route.DUTY),
        (POLICY, "T+24h", Route.SAFEGUARDING),
        (replace(POLICY, inactive_to_lead=timedelta(hours=48)), "T+24h", Route.DUTY),
        (replace(POLICY, inactive_to_lead=timedelta(hours=48)), "T+48h", Route.SAFEGUARDING),
        (
            Policy(overrides={Selector(authority=OdsCode("E09")): {"inactive_to_lead": timedelta(hours=1)}}),
            "T+1h",
            Route.SAFEGUARDING,
        ),
    ],
)
def test_the_safeguarding_lead_hears_of_an_open_protection_plan(
    policy: Policy, at: str, route: Route
) -> None:
    """After a day, or what the authority has settled (ruling 23)."""
    passed = facts(f"{HEAD} {at} | notice | t0 time-passed | received={at}")
    left, _ = stays_out_of_use(inactive(policy), [Came(fact) for fact in passed], policy, KEY)

    assert [route] == [row.alert.route for row in left.ledger.told.values() if row.alert is not None]


def test_a_timer_that_fires_twice_or_late_reminds_once() -> None:
    """The newest word counts, whichever comes last (ruling 23)."""
    left, kinds = inactive(POLICY), []
    for at in ("T+3d", "T+3d", "T+1d"):
        passed = facts(f"{HEAD} {at} | notice | t{at} time-passed | received=T+4d")
        left, advanced = stays_out_of_use(left, [Came(fact) for fact in passed], POLICY, KEY)
        kinds += [event.kind for event in advanced.events]

    assert ([EventKind.UPDATED], T + 3 * DAY) == (kinds, left.late)


def test_a_timer_of_a_number_in_use_is_remembered_when_it_is_not_any_more() -> None:
    """What was that late before is so afterwards (ruling 23)."""
    person, _ = told(f"{HEAD} T-9d | plan | CPP E09 |\n T-1d | notice | t0 time-passed |")
    (answer,) = facts(f"{HEAD} T | notice | n1 invalidated | received=T")
    assert isinstance(answer, IdentityNotice)
    assert T - DAY == take_out_of_use(person, answer, POLICY, KEY, salt=bytes(16))[0].late
