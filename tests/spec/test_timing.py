"""Live, retroactive, delayed; who is told when; days and nights in London: rulings 10, 11, 12 and 45."""

import pytest

from tests.spec.conftest import Run
from tests.spec.table import rows

HEAD = """
    recorded | fact | about   | values
"""

LIVE = rows("""
    recorded | plans
    T-1m     | CPP active
    T        | CPP active
    T+1m     | CPP active (retroactive)
""")


@pytest.mark.parametrize(("recorded", "plans"), LIVE)
def test_a_plan_recorded_by_the_arrival_is_live(run: Run, recorded: str, plans: str) -> None:
    """Recorded later it is retroactive (ruling 11)."""
    outcome = run(f"""{HEAD}
        {recorded} | plan | CPP E09 |
        T          | A04  | v1      |
    """)

    assert [(plans,)] * 2 == outcome.alerts("plans")


def test_a_plan_whose_later_version_made_it_due_is_retroactive(run: Run) -> None:
    """What overlapped at the arrival decides whether it is live (ruling 11)."""
    outcome = run(f"""{HEAD}
        T-9d | plan | CPP E09 | start=D-900 end=D-400
        T    | A04  | v1      |
        T+1h | plan | CPP E09 | start=D-900 end=D+9
    """)

    assert [("CPP active (retroactive)",)] * 2 == outcome.alerts("plans")


DELAYED = rows("""
    visit                    | plan received | plans                             | urgency
    A03 T+10m                | T+2h          | CPP active                        | now
    A03 T+10m                | T+2h+1m       | CPP active (delayed)              | summary
    A03 T+1h                 | T+2h          | CPP active                        | now
    A03 T+1h+30m             | T+2h+30m      | CPP active                        | now
    A03 T+1h+30m             | T+2h+31m      | CPP active (delayed)              | summary
    A03 T+9h                 | T+10h         | CPP active                        | now
    A03 T+9h                 | T+10h+1m      | CPP active (delayed)              | summary
    A08 T+1h                 | T+26h         | CPP active                        | now
    A08 T+1h                 | T+26h+1m      | CPP active (delayed)              | summary
    A03 T+1h disposition=1   | T+26h         | CPP active                        | now
    A03 T+1h disposition=1   | T+26h+1m      | CPP active (delayed)              | summary
""")


@pytest.mark.parametrize(
    ("visit", "received", "plans", "urgency"), DELAYED, ids=["; ".join(row[:2]) for row in DELAYED]
)
def test_when_a_plan_comes_too_late_to_page_anybody(
    run: Run, visit: str, received: str, plans: str, urgency: str
) -> None:
    """Received more than 2 h after the visit was first recorded and 1 h after departure (ruling 11)."""
    event, at, *values = visit.split()
    outcome = run(f"""{HEAD}
        T-9d | plan    | CPP E09 | received={received}
        T    | A04     | v1      | received=T
        {at} | {event} | v1      | received={at} {" ".join(values)}
    """)

    assert ("la E09", plans, urgency) == outcome.alerts("to | plans | urgency")[0]


LAST_FACTS = rows("""
    what came last                                                      | plans
    T A08 received=T+2h patient_class=E                                 | CPP active
    T A08 received=T+2h+1m patient_class=E                              | CPP active (delayed)
    T+2h A08 received=T+2h patient_class=E                              | CPP active
    T+2h+1m A08 received=T+2h+1m patient_class=E                        | CPP active (delayed)
""")


@pytest.mark.parametrize(("last", "plans"), LAST_FACTS, ids=[row[0] for row in LAST_FACTS])
def test_a_message_may_be_the_last_fact_that_made_the_pair_due(run: Run, last: str, plans: str) -> None:
    """A visit that only a late message calls unscheduled is delayed as a late plan is (ruling 11)."""
    at, event, *values = last.split()
    outcome = run(f"""{HEAD}
        T-9d  | plan    | CPP E09 |
        T     | A04     | v1      | patient_class=P received=T
        T+10m | A03     | v1      | received=T+10m
        {at}  | {event} | v1      | {" ".join(values)}
    """)

    assert [(plans,)] * 2 == outcome.alerts("plans")


@pytest.mark.parametrize(
    ("happened", "received", "plans"),
    rows("""
        happened    | received | plans
        A03 v1      | T+2h     | UCP active
        A03 v1      | T+2h+1m  | UCP active (delayed)
        view a1 RYY | T+2h     | UCP active
        view a1 RYY | T+2h+1m  | UCP active (delayed)
    """),
)
def test_a_stillbirth_taken_back_may_be_the_last_fact_that_made_the_pair_due(
    run: Run, happened: str, received: str, plans: str
) -> None:
    """A pregnancy that was thought to be over is told late when it is not (rulings 11, 43)."""
    kind, about = happened.split(maxsplit=1)
    outcome = run(f"""{HEAD}
        T-9d | plan   | UCP E09 | end=D+20
        T-9d | A03    | v0      | departed_at=T-8d disposition=5
        T    | {kind} | {about} | received=T
        T-8d | A08    | v0      | disposition=3 received={received}
    """)

    assert (plans, about.split()[0]) in outcome.alerts("plans | subject")


@pytest.mark.parametrize(
    ("received", "plans"),
    rows("""
        received | plans
        T+2h     | CPP active
        T+2h+1m  | CPP active (delayed)
    """),
)
def test_a_confirmation_may_be_the_last_fact_that_made_the_pair_due(
    run: Run, received: str, plans: str
) -> None:
    """Details that agree only later make it due only then (rulings 11, 20)."""
    outcome = run(f"""{HEAD}
        T-9d  | plan | CPP E09 |
        T     | A04  | v1      | received=T family=Other given=Name
        T+10m | A03  | v1      | received=T+10m family=Other given=Name
        T+11m | A08  | v1      | received={received}
    """)

    assert [(plans,)] * 2 == outcome.alerts("plans")


@pytest.mark.parametrize(
    ("received", "plans"),
    rows("""
        received | plans
        T+2h     | CPP active
        T+2h+1m  | CPP active (delayed)
    """),
)
def test_a_date_of_birth_may_be_the_last_fact_that_made_the_pair_due(
    run: Run, received: str, plans: str
) -> None:
    """Of age by the authority's record until the source says otherwise (rulings 11, 13)."""
    outcome = run(f"""{HEAD}
        T-9d  | plan   | CPP E09 | birth_date=2008-01-10
        T     | A04    | v1      | received=T birth_date=2008-01-10
        T+10m | A03    | v1      | received=T+10m birth_date=2008-01-10
        T-1d  | notice | n1      | kind="date of birth" birth_date=2008-01-11 received={received}
    """)

    assert [(plans,)] * 2 == outcome.alerts("plans")


def test_an_older_version_known_in_time_is_no_delay(run: Run) -> None:
    """A repetition that comes late delays nothing that was due without it (ruling 11)."""
    outcome = run(f"""{HEAD}
        T-9d | plan | CPP E09 |
        T-1m | plan | CPP E09 | received=T+9h
        T    | A04  | v1      |
        T+1h | A03  | v1      |
    """)

    assert [("CPP active",)] * 2 == outcome.alerts("plans")


def test_a_replacement_keeps_that_the_removed_plan_was_known_in_time(run: Run) -> None:
    """The thread was in time, so what takes it over is (rulings 11, 14)."""
    outcome = run(f"""{HEAD}
        T-9d | plan | CPP E09 |
        T    | A04  | v1      |
        T+1h | A03  | v1      |
        T+9h | plan | CPP E09 | deleted=D
        T+9h | plan | CPP E09 | start=D-90
    """)

    assert [("CPP active",)] * 2 == outcome.alerts("plans")


WINDOW = rows("""
    visit                   | plan recorded | received | route
    A03 T+1h                | T+1h          | T+1h     | treating clinician
    A03 T+1h                | T+1h+1m       | T+1h+1m  | safeguarding role
    A03 T+1h                | T+73h         | T+73h    | safeguarding role
    A03 T+1h                | T+73h+1m      | T+73h+1m | -
    A03 T+1h                | T+30m         | T+2h     | treating clinician
    A03 T+1h                | T+30m         | T+2h+1m  | safeguarding role
    A03 T+1h                | T-9d          | T+9d     | safeguarding role
    A08 T+1h                | T+25h         | T+25h    | treating clinician
    A08 T+1h                | T+25h+1m      | T+25h+1m | -
    A03 T+1h disposition=1  | T+25h         | T+25h    | treating clinician
    A03 T+1h disposition=1  | T+25h+1m      | T+25h+1m | -
""")


@pytest.mark.parametrize(
    ("visit", "recorded", "received", "route"), WINDOW, ids=["; ".join(row[:3]) for row in WINDOW]
)
def test_what_the_provider_is_told_of_a_late_plan(
    run: Run, visit: str, recorded: str, received: str, route: str
) -> None:
    """While the person is there; 72 h after a known departure, by record time, to safeguarding (11)."""
    event, at, *values = visit.split()
    outcome = run(f"""{HEAD}
        T          | A04     | v1      |
        {at}       | {event} | v1      | {" ".join(values)}
        {recorded} | plan    | CPP E09 | received={received}
    """)

    told = outcome.alerts("to | route")
    assert ("la E09", "duty social worker") == told[0]
    assert [("provider RXX", route)] * (route != "-") == told[1:]


def test_the_provider_is_told_only_of_the_plans_that_came_in_time(run: Run) -> None:
    """A second plan past the 72 h goes to its authority alone (ruling 11)."""
    outcome = run(f"""{HEAD}
        T-9d | plan | CPP E09 |
        T    | A04  | v1      |
        T+1h | A03  | v1      |
        T+5d | plan | LAC E08 |
    """)

    assert rows("""
        to           | plans
        la E08       | LAC active (retroactive, delayed)
        la E09       | CPP active
        provider RXX | CPP active
    """) == outcome.alerts("to | plans")


URGENCIES = rows("""
    plans                                   | visit                | urgency
    CPP end=-                               | A08 T+1h             | now
    CPP end=D                               | A08 T+1h             | now
    CPP end=D-1                             | A08 T+1h             | next working morning
    LAC end=D-365                           | A08 T+1h             | next working morning
    UCP end=D-1                             | A08 T+1h             | now
    CPP end=D-1; LAC end=-                  | A08 T+1h             | now
    CPP end=D-1; LAC end=D-2                | A08 T+1h             | next working morning
    CPP end=D-1 received=T+9h               | A03 T+1h             | summary
    CPP end=- received=T+9h                 | A03 T+1h             | summary
    CPP end=- received=T+9h; LAC end=D-2    | A03 T+1h             | next working morning
    CPP end=- received=T+9h; LAC end=-      | A03 T+1h             | now
    UCP end=D-1 received=T+9h               | A08 T+1h             | now
""")


@pytest.mark.parametrize(
    ("plans", "visit", "urgency"), URGENCIES, ids=["; ".join(row[:2]) for row in URGENCIES]
)
def test_when_the_authority_is_reached(run: Run, plans: str, visit: str, urgency: str) -> None:
    """In force: now; ended: next working morning; delayed and departed: in the summary (11, 12, 45)."""
    event, at = visit.split()
    lines = [plan.partition(" ") for plan in plans.split("; ")]
    outcome = run(
        HEAD
        + "\n".join(f"T-9d | plan | {kind} E09 | start=D-700 {values}" for kind, _, values in lines)
        + f"\nT | A04 | v1 |\n{at} | {event} | v1 |"
    )

    assert rows(f"""
        to           | urgency
        la E09       | {urgency}
        provider RXX | now
    """) == outcome.alerts("to | urgency")


NIGHTS = rows("""
    plan                            | arrival             | departure           | told
    start=2026-01-10                | 2026-01-09T22:00    | 2026-01-09T23:59    | no
    start=2026-01-10                | 2026-01-09T22:00    | 2026-01-10T00:00    | yes
    start=2026-07-10                | 2026-07-09T20:00    | 2026-07-09T22:59    | no
    start=2026-07-10                | 2026-07-09T20:00    | 2026-07-09T23:00    | yes
    start=2025-01-01 end=2025-07-10 | 2026-07-10T22:59    | 2026-07-10T23:30    | yes
    start=2025-01-01 end=2025-07-10 | 2026-07-10T23:00    | 2026-07-10T23:30    | no
    start=2026-03-29                | 2026-03-28T22:00    | 2026-03-28T23:59    | no
    start=2026-03-29                | 2026-03-28T22:00    | 2026-03-29T00:00    | yes
    start=2026-03-30                | 2026-03-29T20:00    | 2026-03-29T22:59    | no
    start=2026-03-30                | 2026-03-29T20:00    | 2026-03-29T23:00    | yes
    start=2026-10-25                | 2026-10-24T20:00    | 2026-10-24T22:59    | no
    start=2026-10-25                | 2026-10-24T20:00    | 2026-10-24T23:00    | yes
    start=2026-10-26                | 2026-10-25T20:00    | 2026-10-25T23:59    | no
    start=2026-10-26                | 2026-10-25T20:00    | 2026-10-26T00:00    | yes
    start=2025-01-01 end=2025-10-25 | 2026-10-25T23:59    | 2026-10-26T03:00    | yes
    start=2025-01-01 end=2025-10-25 | 2026-10-26T00:00    | 2026-10-26T03:00    | no
""")


@pytest.mark.parametrize(
    ("plan", "arrival", "departure", "told"), NIGHTS, ids=["; ".join(row[:3]) for row in NIGHTS]
)
def test_days_change_at_midnight_in_london(
    run: Run, plan: str, arrival: str, departure: str, told: str
) -> None:
    """Also in summer, and in both nights in which the clocks change (rulings 9, 10)."""
    outcome = run(f"""
        recorded    | fact | about   | values
        2025-06-01  | plan | CPP E09 | {plan}
        {arrival}   | A04  | v1      |
        {departure} | A03  | v1      |
    """)

    assert ("shared" if told == "yes" else "ruling 10: no plan due") == outcome.whys["v1"]


@pytest.mark.parametrize(
    ("recorded", "told"),
    rows("""
        recorded          | told
        2026-04-12T00:30  | yes
        2026-04-12T00:31  | no
    """),
)
def test_fourteen_days_are_of_24_hours_across_a_change_of_clocks(run: Run, recorded: str, told: str) -> None:
    """W is a duration, not a count of midnights (ruling 10)."""
    outcome = run(f"""
        recorded         | fact | about   | values
        2026-03-29T00:30 | A04  | v1      |
        {recorded}       | plan | CPP E09 | start=2026-01-01
    """)

    assert ("shared" if told == "yes" else "ruling 10: no plan due") == outcome.whys["v1"]


NEVER = rows("""
    recorded         | sent             | plan     | why
    0001-01-01T00:00 | 0001-01-01T00:00 | T-9d     | shared
    1899-12-31T23:59 | T                | T+14d    | shared
    1899-12-31T23:59 | T                | T+14d+1m | ruling 10: no plan due
    1900-01-01T00:00 | T                | T-9d     | ruling 10: no plan due
    9999-12-31T23:59 | 9999-12-31T23:59 | T+14d    | shared
    9999-12-31T23:59 | 9999-12-31T23:59 | T+14d+1m | ruling 10: no plan due
""")


@pytest.mark.parametrize(
    ("recorded", "sent", "plan", "why"), NEVER, ids=["; ".join(row[:3]) for row in NEVER]
)
def test_a_record_time_that_cannot_be_true_gives_way_to_the_receipt(
    run: Run, recorded: str, sent: str, plan: str, why: str
) -> None:
    """Before 1900, or after it: no visit is missed for its times (ruling 37); 1900 itself is believed."""
    outcome = run(f"""{HEAD}
        {plan}     | plan | CPP E09 | received={plan}
        {recorded} | A04  | v1      | received=T sent_at={sent}
    """)

    assert {"v1": why} == outcome.whys


@pytest.mark.parametrize(
    ("recorded", "why"),
    rows("""
        recorded         | why
        1899-12-31T23:59 | shared
        1900-01-01T00:00 | ruling 10: no plan due
    """),
)
def test_a_view_whose_record_time_cannot_be_true_is_told(run: Run, recorded: str, why: str) -> None:
    """As a visit is (rulings 1, 37): a plan counts that was recorded when it was looked at."""
    outcome = run(f"""{HEAD}
        T-9d       | plan | CPP E09 |
        {recorded} | view | a1      | accessed_at=T received=T
    """)

    assert {"a1": why} == outcome.whys
