"""Which words are due about a person, and when; said, they are due no more. Rulings 7, 23, 26, 43, 46."""

from collections.abc import Sequence

import pytest

from broker.core.facts import IdentityNotice
from broker.core.identifiers import NhsNumber
from broker.core.invalidation import stays_out_of_use, take_out_of_use
from broker.core.person import NOTHING, Known, Person, lift, merge
from broker.core.policy import Policy
from broker.core.policy_keys import Restricted
from broker.core.succession import Came
from broker.core.timers import Timer, timer_of_inactive, timers
from tests.spec.settled import KEY
from tests.spec.table import facts, keyed_facts, moment

NUMBER, BABY = NhsNumber("9990000018"), NhsNumber("9990000026")
POLICY = Policy()
HEAD = "recorded | fact | about | values\n"
PLAN = f"{HEAD} T-9d | plan | CPP E09 |\n"
UNBORN = f"{HEAD} T-60d | plan | UCP E09 | start=D-60 end=D\n"
COVER = f"{HEAD} T | cover | UCP E09 | born=D-1 start=D-90 end=D+30\n"
ALEX = "family=Other given=Alex birth_date=2013-01-01"

TIMERS = {
    "a visit that is told waits for its outcome": (f"{PLAN} T | A04 | v1 |", ["no outcome received T+12h"]),
    "from the arrival": (f"{PLAN} T | A04 | v1 | arrived_at=T-1h", ["no outcome received T+11h"]),
    "until it is said": (
        f"{PLAN} T | A04 | v1 |\n T+12h | notice | n1 no-outcome-received | visit=v1",
        [],
    ),
    "a word too early is said again": (
        f"{PLAN} T | A04 | v1 |\n T+11h | notice | n1 no-outcome-received | visit=v1",
        ["no outcome received T+12h"],
    ),
    "or an outcome comes": (f"{PLAN} T | A04 | v1 |\n T+1h | A03 | v1 |", []),
    "a visit of nobody with a plan waits for nothing": (f"{HEAD} T | A04 | v1 |", []),
    "a scheduled one neither": (f"{PLAN} T | A04 | v1 | patient_class=P", []),
    "details that disagree are to be settled": (
        f"{PLAN} T | A04 | v1 | {ALEX}",
        ["item unsettled T+12h"],
    ),
    "which somebody may do": (
        f"{PLAN} T | A04 | v1 | {ALEX}\n T+1h | notice | n1 not-this-person | visit=v1",
        [],
    ),
    "or nobody does, and it is told": (
        f"{PLAN} T | A04 | v1 | {ALEX}\n T+12h | notice | n1 item-unsettled | visit=v1",
        [],
    ),
    "the outcome of a pregnancy from the due date on": (UNBORN, ["time passed T-10h"]),
    "a day later once more": (f"{UNBORN} T-10h | notice | n1 time-passed |", ["time passed T+14h"]),
    "and not sooner by a late word": (f"{UNBORN} T+9h | notice | n1 time-passed |", ["time passed T+14h"]),
    "the last time when it lapses": (
        f"{UNBORN} T-10h+28d | notice | n1 time-passed |",
        [f"time passed T-10h+{29}d"],
    ),
    "then no more": (f"{UNBORN} T-10h+29d | notice | n1 time-passed |", []),
    "nor once it is answered": (f"{UNBORN} T+1h | notice | n1 pregnancy-ended |", []),
    "of two plans the earlier": (
        f"{UNBORN} T-60d | plan | UCP E08 | start=D-50 end=D+9\n T-10h | notice | n1 time-passed |",
        ["time passed T+14h"],
    ),
    "a newborn's own plan a day after the birth": (COVER, ["time passed T+24h"]),
    "and every day": (f"{COVER} T+49h | notice | n1 time-passed |", ["time passed T+72h"]),
    "until it is there": (f"{COVER} T+1h | plan | CPP E09 | start=D", []),
    "nothing of all that": (f"{PLAN} T | view | a1 |", []),
}


def known_of(table: str) -> Known:
    """Return what is known from a table's facts."""
    known = NOTHING
    for _, fact in keyed_facts(table, {"A": NUMBER, "B": BABY}):
        known = merge(known, lift(fact))
    return known


def as_rows(found: Sequence[Timer]) -> list[tuple[str, object]]:
    """Return timers as a table has them."""
    return [(timer.kind.value, timer.at) for timer in found]


@pytest.mark.parametrize("case", TIMERS)
def test_which_words_are_due_and_when(case: str) -> None:
    """By what is known alone; what was said in time is due no more (rulings 7, 26, 43, 46)."""
    table, expected = TIMERS[case]
    words = [(" ".join(word.split()[:-1]), moment(word.split()[-1])) for word in expected]
    assert words == as_rows(timers(NUMBER, known_of(table), POLICY, KEY))


def test_each_word_about_a_visit_names_it_and_they_come_by_time() -> None:
    """One for each of two visits, the earlier first (ruling 7)."""
    known = known_of(f"{PLAN} T | A04 | v2 |\n T-1h | A04 | v1 |")
    found = timers(NUMBER, known, POLICY, KEY)
    assert [moment("T+11h"), moment("T+12h")] == [timer.at for timer in found]
    assert set(known.visits) == {timer.visit for timer in found}


@pytest.mark.parametrize("table", [UNBORN, COVER])
def test_where_nothing_is_shared_of_a_restricted_record_nothing_is_asked(table: str) -> None:
    """The policy `national` (ruling 24)."""
    known = known_of(f"{table} T-1d | notice | n1 |")
    national = Policy(restricted=Restricted.NATIONAL)
    assert [] == as_rows(timers(NUMBER, known, national, KEY))
    assert 1 == len(timers(NUMBER, known, POLICY, KEY))


@pytest.mark.parametrize(
    ("plan", "passed", "expected"),
    [
        ("CPP E09", None, "T+24h"),
        ("CPP E09", "T+24h", "T+48h"),
        ("CPP E09 | end=D-5", None, None),
    ],
)
def test_a_number_not_in_use_is_due_a_day_after_the_last_word(
    plan: str, passed: str | None, expected: str | None
) -> None:
    """While a plan is open on it (ruling 23)."""
    person = Person(number=NUMBER, salt=bytes(16), known=known_of(f"{HEAD} T-9d | plan | {plan} |"))
    (answer,) = facts(f"{HEAD} T | notice | n1 invalidated | received=T")
    assert isinstance(answer, IdentityNotice)
    left, _ = take_out_of_use(person, answer, POLICY, KEY, salt=bytes(16))
    if passed is not None:
        words = facts(f"{HEAD} {passed} | notice | n2 time-passed |")
        left, _ = stays_out_of_use(left, [Came(word) for word in words], POLICY, KEY)

    timer = timer_of_inactive(left, POLICY)
    assert (None if expected is None else moment(expected)) == (None if timer is None else timer.at)
