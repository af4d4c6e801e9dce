"""Which plans count for a visit, in which version: rulings 9, 10, 12, 14 and 15."""

import pytest

from tests.spec.conftest import Run
from tests.spec.table import messages, rows

HEAD = """
    recorded | fact | about   | values
"""


@pytest.mark.parametrize(
    ("plan_type", "end", "plans"),
    rows("""
        type | end   | plans
        CPP  | -     | CPP active
        CPP  | D+1   | CPP active
        CPP  | D     | CPP active
        CPP  | D-1   | CPP ended
        CPP  | D-365 | CPP ended
        CPP  | D-366 | -
        LAC  | D-365 | LAC ended
        LAC  | D-366 | -
        UCP  | D     | UCP active
        UCP  | D-1   | UCP past due date
        UCP  | D-28  | UCP past due date
        UCP  | D-29  | -
    """),
)
def test_how_long_a_plan_is_visible_after_its_end(run: Run, plan_type: str, end: str, plans: str) -> None:
    """365 days, 28 for an unborn plan, the last day included; always without an end (rulings 9, 12, R2)."""
    outcome = run(f"""{HEAD}
        T-9d | plan | {plan_type} E09 | start=D-700 end={end}
        T    | A04  | v1              |
    """)

    assert [(plans,)] * 2 * (plans != "-") == outcome.alerts("plans")


@pytest.mark.parametrize(
    ("start", "plans"),
    rows("""
        start | plans
        D     | CPP active
        D+1   | CPP active
        D+2   | -
    """),
)
def test_a_plan_that_starts_during_the_stay_counts(run: Run, start: str, plans: str) -> None:
    """The open stay runs to the newest message + 24 h, in whole days (ruling 10)."""
    outcome = run(f"""{HEAD}
        T-9d | plan | CPP E09 | start={start}
        T    | A04  | v1      |
    """)

    assert [(plans,)] * 2 * (plans != "-") == outcome.alerts("plans")


MOVES = rows("""
    then                                        | start | plans
    T+1h A02 location=WARD                      | D+1   | CPP active
    T+1h A03 disposition=1                      | D+1   | CPP active
    T+1h A02 disposition=7                      | D     | CPP active
    T+1h A02 disposition=7                      | D+1   | -
    T+1h A03 disposition=7                      | D+1   | -
    T+1h A02 disposition=7; T+2h A12            | D+1   | CPP active
    T+1h A03; T+2h A02 location=WARD            | D+1   | -
    T+2h A02 location=WARD; T+1h A03            | D+1   | -
    T+5d A02 location=WARD                      | D+6   | CPP active
    T+5d A02 location=WARD                      | D+7   | -
""")


@pytest.mark.parametrize(("then", "start", "plans"), MOVES, ids=["; ".join(row) for row in MOVES])
def test_a_transfer_within_the_provider_is_no_departure(run: Run, then: str, start: str, plans: str) -> None:
    """Admitted or transferred within the provider ends no stay; going to another one does (ruling 10)."""
    outcome = run(f"{HEAD} T-9d | plan | CPP E09 | start={start}\nT | A04 | v1 |\n{messages(then)}")

    assert [(plans,)] * 2 * (plans != "-") == outcome.alerts("plans")


def test_where_a_person_was_moved_to_follows_the_stamps(run: Run) -> None:
    """A transfer that comes late changes no later place, and a cancelled one says the place again (37)."""
    outcome = run(f"""{HEAD}
        T-9d | plan | CPP E09 |
        T    | A04  | v1      | location=ED
        T+3h | A02  | v1      | location=WARD
        T+4h | A12  | v1      | location=MAJORS
        T+1h | A02  | v1      | location=RESUS
    """)

    assert [("MAJORS",)] * 2 == outcome.alerts("location")


@pytest.mark.parametrize(
    ("message", "told"),
    rows("""
        message                                  | told
        T+1h A03 departed_at=T+13h               | no
        T+1h A03 departed_at=T+14h               | yes
        T+1h A03 departed_at=T+14h disposition=7 | yes
        T+1h A03 departed_at=T+1h disposition=1  | yes
        T+1h A08                                 | yes
    """),
)
def test_the_stay_ends_with_the_departure(run: Run, message: str, told: str) -> None:
    """A plan that starts the day after counts only for who is still there; admitted is no departure (10)."""
    outcome = run(f"""{HEAD}
        T-9d | plan | CPP E09 | start=D+1
        T    | A04  | v1      |
        {messages(message)}
    """)

    assert ("shared" if told == "yes" else "ruling 10: no plan due") == outcome.whys["v1"]


@pytest.mark.parametrize(
    ("visit", "plan_recorded", "told"),
    rows("""
        visit                         | plan recorded | told
        T A04                         | T             | yes
        T A04                         | T+14d         | yes
        T A04                         | T+14d+1m      | no
        T A04; T+3d A08               | T+17d         | yes
        T A04; T+3d A08               | T+17d+1m      | no
        T A04; T+3d A08 sent_at=T+5d received=T+5d | T+17d    | yes
        T A04; T+3d A08 sent_at=T+5d received=T+5d | T+17d+1m | no
        T A04; T+7d A08               | T+21d         | yes
        T A04; T+7d A08               | T+21d+1m      | no
        T A04; T+10d A08              | T+21d         | yes
        T A04; T+10d A08              | T+21d+1m      | no
        T A04; T+30d A08              | T+30d         | yes
        T A04; T+30d A08              | T+30d+1m      | no
        T A04 arrived_at=T-10d        | T+11d         | yes
        T A04 arrived_at=T-10d        | T+11d+1m      | no
        T A04; T+1d A08 arrived_at=T-15d | T+14d      | yes
        T A04; T+1d A08 arrived_at=T-15d | T+14d+1m   | no
        T A04; T+1d A08 arrived_at=T+12h | T+15d      | yes
    """),
)
def test_until_when_a_plan_may_be_recorded(run: Run, visit: str, plan_recorded: str, told: str) -> None:
    """The later of n and the earlier of n + W and arrival + W + 7 days; it never moves back (ruling 10)."""
    outcome = run(f"{HEAD}{messages(visit)}\n{plan_recorded} | plan | CPP E09 | start=D-100")

    assert ("shared" if told == "yes" else "ruling 10: no plan due") == outcome.whys["v1"]


def test_the_newest_version_by_the_cut_off_is_shown(run: Run) -> None:
    """A version recorded within 14 days is told, a later one is not (rulings 10, 15)."""
    outcome = run(f"""{HEAD}
        T-9d     | plan | CPP E09 | end=- authority_name=First
        T        | A04  | v1      |
        T+14d    | plan | CPP E09 | end=D+9 authority_name=Second
        T+14d+1m | plan | CPP E09 | end=D-9 authority_name=Third
    """)

    assert [("D+9", "Second")] * 2 == [
        (f"D+{(line.end - line.start).days - 100}", line.authority_name)
        for alert in outcome.standing
        for line in alert.plans
        if line.end is not None
    ]


def test_one_plan_is_number_authority_type_and_start_day(run: Run) -> None:
    """Another start day is another plan; another end, name or file is a version of the same (ruling 10)."""
    outcome = run(f"""{HEAD}
        T-9d | plan | CPP E09 | start=D-100
        T-8d | plan | CPP E09 | start=D-100 end=D+5
        T-7d | plan | CPP E09 | start=D-50
        T    | A04  | v1      |
    """)

    assert [("CPP active; CPP active",)] * 2 == outcome.alerts("plans")


REMOVALS = rows("""
    first      | first says   | then     | then says   | plans
    T-9d       |              | T        | deleted=D   | ruling 14: removed before the arrival
    T-9d       |              | T+1m     | deleted=D   | CPP removed
    T-9d       |              | T+14d    | deleted=D   | CPP removed
    T-9d       |              | T+14d+1m | deleted=D   | CPP active (removed afterwards)
    T-9d       | deleted=D-9  | T-1m     |             | CPP active
    T-9d       | deleted=D-9  | T+1m     |             | CPP active (retroactive)
    T-9d       | deleted=D-9  | T+1m     | deleted=D-9 | ruling 14: removed before the arrival
    T+1m       | deleted=D    | T+2m     | deleted=D   | CPP removed (retroactive)
    T-9d       | end=D-400    | T+1m     | end=D-400 deleted=D | ruling 10: no plan due
    T-9d       | end=D-400    | T+1m     | deleted=D   | CPP removed (retroactive)
    T-9d       | end=D-400    | T+1m     | end=D-3     | CPP ended (retroactive)
    T-9d       |              | T        | end=D-366   | ruling 10: no plan due
    T-9d       |              | T+1m     | end=D-366   | CPP no longer in force
    T-9d       |              | T+14d    | end=D-366   | CPP no longer in force
    T-9d       |              | T+14d+1m | end=D-366   | CPP active
    T-9d       |              | T+1m     | end=D-3     | CPP ended
    T-9d       |              | T        | end=D-3     | CPP ended
    T+1m       |              | T+2m     | end=D-366   | CPP no longer in force (retroactive)
""")


@pytest.mark.parametrize(
    ("first", "first_says", "then", "then_says", "plans"),
    REMOVALS,
    ids=["; ".join(row[:4]) for row in REMOVALS],
)
def test_a_version_recorded_after_the_arrival_is_told_as_such(
    run: Run, first: str, first_says: str, then: str, then_says: str, plans: str
) -> None:
    """By the arrival it decides; by the cut-off it is told; later only a removal is, quietly (14, 15)."""
    outcome = run(f"""{HEAD}
        {first} | plan | CPP E09 | start=D-500 {first_says}
        T       | A04  | v1      |
        {then}  | plan | CPP E09 | start=D-500 {then_says}
    """)

    told = outcome.alerts("plans")
    assert [(plans,)] * 2 == told or ([], {"v1": plans}) == (told, outcome.whys)


@pytest.mark.parametrize(
    ("values", "plans"),
    rows("""
        at equal stamps                        | plans
        end=D-400; end=D-3                     | CPP ended
        end=D-3; end=-                         | CPP active
        deleted=D-9; end=D-3                   | CPP ended
        authority_name=A end=D; end=D deleted=D | CPP active
    """),
)
def test_at_equal_stamps_the_version_that_alerts_wins(run: Run, values: str, plans: str) -> None:
    """Not deleted, then the later end (ruling 37), whichever comes first."""
    one, other = values.split("; ")
    for first, second in ((one, other), (other, one)):
        outcome = run(f"""{HEAD}
            T-9d | plan | CPP E09 | start=D-500 {first}
            T-9d | plan | CPP E09 | start=D-500 {second}
            T    | A04  | v1      |
        """)
        assert [(plans,)] * 2 == outcome.alerts("plans")


def test_a_removal_taken_back_after_the_cut_off_leaves_no_mark(run: Run) -> None:
    """What the newest record says afterwards is told: the repair of a date ends as it began (ruling 14)."""
    outcome = run(f"""{HEAD}
        T-9d  | plan | CPP E09 |
        T     | A04  | v1      |
        T+20d | plan | CPP E09 | deleted=D
        T+21d | plan | CPP E09 |
    """)

    assert [("CPP active",)] * 2 == outcome.alerts("plans")


REPLACEMENTS = rows("""
    removed | new recorded | new         | plans
    T+1d    | T+1d         | CPP E09     | CPP active
    T+2d    | T+1d         | CPP E09     | CPP active
    T+1d    | T+3d         | CPP E09     | CPP active
    T+1d    | T+14d+1m     | CPP E09     | CPP removed
    T       | T+1d         | CPP E09     | CPP active (retroactive)
    T+1d    | T+1d         | LAC E09     | CPP removed; LAC active (retroactive)
    T+1d    | T-10d        | CPP E09     | CPP removed; CPP active
    T+1d    | T-9d         | CPP E09     | CPP removed; CPP active
    T+1d    | T-9d+1m      | CPP E09     | CPP active
    T+14d+1m | T+14d+1m    | CPP E09     | CPP active (removed afterwards)
""")


@pytest.mark.parametrize(
    ("removed", "recorded", "new", "plans"), REPLACEMENTS, ids=["; ".join(row[:3]) for row in REPLACEMENTS]
)
def test_a_replacement_of_the_same_type_takes_the_thread_over(
    run: Run, removed: str, recorded: str, new: str, plans: str
) -> None:
    """It stands in the removed plan's place and keeps its marks: live stays live (ruling 14)."""
    outcome = run(f"""{HEAD}
        {recorded} | plan | {new}   | start=D-90
        T-9d       | plan | CPP E09 | start=D-100
        T          | A04  | v1      |
        {removed}  | plan | CPP E09 | start=D-100 deleted=D
    """)

    assert [(plans,)] * 2 == outcome.alerts("plans")


def test_of_two_replacements_the_first_recorded_takes_over(run: Run) -> None:
    """The other is a plan of its own, recorded after the arrival (ruling 14)."""
    outcome = run(f"""{HEAD}
        T-9d | plan | CPP E09 | start=D-100
        T    | A04  | v1      |
        T+1h | plan | CPP E09 | start=D-100 deleted=D
        T+1h | plan | CPP E09 | start=D-90
        T+2h | plan | CPP E09 | start=D-95
    """)

    assert [("CPP active (retroactive); CPP active",)] * 2 == outcome.alerts("plans")
