"""
What may differ from place to place and from day to day: overrides of the policy, and its periods.

E10 and RPP have settled much of their own; on 1 June 2031, London, a second policy begins. Tables have rows
on both sides: where the override holds and where it does not.
"""

import pytest

from tests.spec.conftest import Run
from tests.spec.outcome import Outcome
from tests.spec.settled import LATER, SETTLED
from tests.spec.table import messages, rows

HEAD = """
    recorded | fact | about   | values
"""
PLAN = f"""{HEAD}
    T-9d     | plan | CPP E09 |
"""
SHARED, NOT_DUE = "shared", "ruling 10: no plan due"

VISIBLE = rows("""
    plan    | ended | why
    CPP E09 | D-365 | shared
    CPP E09 | D-366 | ruling 10: no plan due
    CPP E10 | D-400 | shared
    CPP E10 | D-401 | ruling 10: no plan due
    UCP E09 | D-28  | shared
    UCP E09 | D-29  | ruling 10: no plan due
    UCP E10 | D-40  | shared
    UCP E10 | D-41  | ruling 10: no plan due
""")


@pytest.mark.parametrize(("plan", "ended", "why"), VISIBLE)
def test_an_authority_may_let_its_plans_be_visible_longer(run: Run, plan: str, ended: str, why: str) -> None:
    """E10 has 400 and 40 days, everybody else 365 and 28 (ruling 9)."""
    outcome = run(f"""{HEAD}
        T-500d | plan | {plan} | start=D-500 end={ended}
        T      | A04  | v1     |
    """)

    assert {"v1": why} == outcome.whys


SETTINGS = rows("""
    provider | values                                              | why
    RXX      | patient_class=I admission_type=1X                   | shared
    RPP      | patient_class=I admission_type=1X                   | ruling 3: scheduled setting
    RXX      | patient_class=I admission_type=12                   | ruling 3: scheduled setting
    RPP      | patient_class=I admission_type=12                   | shared
    RXX      | patient_class=Q                                     | shared
    RPP      | patient_class=Q                                     | ruling 3: scheduled setting
    RXX      | patient_class=P admission_type=2X                   | ruling 3: scheduled setting
    RPP      | patient_class=P admission_type=2X                   | shared
    RXX      | patient_class=U admission_type=11                   | ruling 3: scheduled setting
    RPP      | patient_class=U admission_type=11                   | shared
    RPP      | patient_class=O site=RPP01                          | shared
    RPP      | patient_class=O site=RPP02                          | ruling 3: scheduled setting
    RXX      | patient_class=O site=RPP02                          | shared
    RPP      | patient_class=O site=RPP02 location=DESK            | shared
    RPP      | patient_class=P location=DESK                       | shared
    RPP      | patient_class=P location=WARD                       | ruling 3: scheduled setting
    RPP      | patient_class=P system=LAB                          | ruling 3: scheduled setting
""")


@pytest.mark.parametrize(("provider", "values", "why"), SETTINGS, ids=[" ".join(row[:2]) for row in SETTINGS])
def test_what_is_scheduled_may_differ_by_provider_site_and_location(
    run: Run, provider: str, values: str, why: str
) -> None:
    """A location outweighs its site, both outweigh the provider (ruling 4)."""
    outcome = run(f"{PLAN} T | A04 | v1 {provider} | {values}")

    assert {"v1": why} == outcome.whys


@pytest.mark.parametrize(
    ("provider", "values", "told"),
    rows("""
        provider | values                                         | told
        RXX      | reason=fall acuity=3                           | - - fall 3
        RPP      | reason=fall acuity=3                           | Particular 02073334444 fall 3
        RPP      | reason=fall acuity=3 site=RPP02 patient_class=E | Particular 02073334444 fall -
        RPP      | reason=fall acuity=3 location=DESK             | Particular 02075556666 - 3
        RPP      | reason=fall acuity=3 site=RPP02 location=DESK  | Particular 02075556666 - 3
    """),
)
def test_what_is_told_of_a_visit_may_differ_by_place(run: Run, provider: str, values: str, told: str) -> None:
    """Name, call-back and what is withheld: the more specific wins, field by field (ruling 29)."""
    outcome = run(f"{PLAN} T | A04 | v1 {provider} | {values}")

    head = "provider_name | call_back | reason | acuity"
    name, *others = outcome.alerts(head)[0]
    assert told == " ".join((name.split(maxsplit=1)[0], *others))


def test_a_site_may_have_a_name_of_its_own(run: Run) -> None:
    """RPP02 is the hospital's eastern house (ruling 29)."""
    outcome = run(f"""{PLAN}
        T | A04 | v1 RPP | patient_class=E site=RPP01
        T | A04 | v2 RPP | patient_class=E site=RPP02
    """)

    assert rows("""
        about | provider_name
        v1    | Particular Hospital
        v1    | Particular Hospital
        v2    | Particular Hospital, East
        v2    | Particular Hospital, East
    """) == outcome.alerts("about | provider_name")


TRACED = rows("""
    provider | system | why
    RXX      | LAB    | ruling 20: details disagree
    RPP      | LAB    | shared
    RPP      | EDSYS  | ruling 20: details disagree
    RTT      | EDSYS  | shared
""")


@pytest.mark.parametrize(("provider", "system", "why"), TRACED)
def test_a_sender_that_traces_may_be_one_system_of_a_provider(
    run: Run, provider: str, system: str, why: str
) -> None:
    """A number of RPP's laboratory is believed without details, another system's is not (ruling 20)."""
    outcome = run(f"""{HEAD}
        T-9d | plan | CPP E09       | verified=yes
        T    | A04  | v1 {provider} | system={system} family=- given=- birth_date=-
    """)

    assert {"v1": why} == outcome.whys


STAYS = rows("""
    provider | viewed   | views
    RXX      | T+24h    | a1
    RXX      | T+24h+1m | -
    RPP      | T+48h    | a1
    RPP      | T+48h+1m | -
""")


@pytest.mark.parametrize(("provider", "viewed", "views"), STAYS)
def test_a_provider_may_let_an_open_stay_last_longer(
    run: Run, provider: str, viewed: str, views: str
) -> None:
    """A hospital that never sends departures (ruling 10)."""
    outcome = run(f"""{PLAN}
        T        | A04  | v1 {provider} |
        {viewed} | view | a1 {provider} |
    """)

    assert [("v1", views)] == [row for row in outcome.alerts("about | views") if row[0] == "v1"][:1]


ADMISSIONS = rows("""
    provider | admitted | threads
    RXX      | T+24h    | v1
    RXX      | T+24h+1m | v1 v2
    RPP      | T+6h     | v1
    RPP      | T+6h+1m  | v1 v2
""")


@pytest.mark.parametrize(("provider", "admitted", "threads"), ADMISSIONS)
def test_a_provider_may_let_admissions_join_for_less_time(
    run: Run, provider: str, admitted: str, threads: str
) -> None:
    """Six hours at RPP, a day elsewhere (ruling 7)."""
    outcome = run(f"""{PLAN}
        T          | A04 | v1 {provider} | patient_class=E
        {admitted} | A01 | v2 {provider} | patient_class=I admission_type=21
    """)

    assert threads.split() == list(outcome.whys)


AFTERWARDS = rows("""
    provider | recorded | told
    RXX      | T+73h    | la E09, provider RXX
    RXX      | T+73h+1m | la E09
    RPP      | T+25h    | la E09, provider RPP
    RPP      | T+25h+1m | la E09
""")


@pytest.mark.parametrize(("provider", "recorded", "told"), AFTERWARDS)
def test_a_provider_may_be_told_for_less_time_after_a_departure(
    run: Run, provider: str, recorded: str, told: str
) -> None:
    """24 hours at RPP, 72 elsewhere (ruling 11)."""
    outcome = run(f"""{HEAD}
        {recorded} | plan | CPP E09 |
        {messages("T A04; T+1h A03", about=f"v1 {provider}")}
    """)

    assert told.split(", ") == [to for (to,) in outcome.alerts("to")]


@pytest.mark.parametrize(
    ("provider", "reason", "why"),
    rows("""
        provider | reason | why
        RPP      | OOPS   | ruling 16: registered in error
        RPP      | ERR    | shared
        RLL      | ERR    | ruling 16: registered in error
    """),
)
def test_a_registration_in_error_has_its_own_code_at_each_provider(
    run: Run, provider: str, reason: str, why: str
) -> None:
    """The site's coded reason, not another's (ruling 16)."""
    outcome = run(f"""{PLAN}
        T    | A04 | v1 {provider} |
        T+1h | A11 | v1 {provider} | cancel_reason={reason}
    """)

    assert {"v1": why} == outcome.whys


EVE, DAY = "2031-05-31T22:59", "2031-05-31T23:00"
"""The last minute of one policy, and the first of the next: midnight in London."""


def version(outcome: Outcome, subject: str = "v1") -> str:
    """Return which policy a decision and its events name."""
    (named,) = {
        outcome.decisions[subject].policy_version,
        *(event.policy_version for event in outcome.events if event.alert.subject == subject),
    }
    return {SETTLED.version: "first", LATER.version: "later"}[named]


PERIODS = rows("""
    arrived          | ended      | why
    2031-05-31T22:59 | 2031-01-01 | shared
    2031-05-31T23:00 | 2031-01-01 | ruling 10: no plan due
    2031-05-31T23:00 | 2031-02-21 | shared
    2031-05-31T23:00 | 2031-02-20 | ruling 10: no plan due
""")


@pytest.mark.parametrize(("arrived", "ended", "why"), PERIODS)
def test_a_visit_is_judged_by_the_policy_in_force_at_its_arrival(
    run: Run, arrived: str, ended: str, why: str
) -> None:
    """From 1 June a plan is visible for 100 days only; the decision names the policy."""
    outcome = run(f"""{HEAD}
        2030-01-01 | plan | CPP E09 | start=2030-01-01 end={ended}
        {arrived}  | A04  | v1      |
    """)

    assert ({"v1": why}, "first" if arrived == EVE else "later") == (outcome.whys, version(outcome))


def test_what_comes_later_of_a_visit_changes_its_policy_in_nothing(run: Run) -> None:
    """A message of the next period updates the visit under the policy it began with."""
    outcome = run(f"""{HEAD}
        2030-01-01       | plan | CPP E09 | start=2030-01-01 end=2031-01-01
        {EVE}            | A04  | v1      |
        2031-06-02T10:00 | A08  | v1      | acuity=2
    """)

    assert ([("2",), ("2",)], "first") == (outcome.alerts("acuity"), version(outcome))


def test_a_corrected_arrival_changes_the_policy(run: Run) -> None:
    """The arrival that stands says which policy was in force."""
    outcome = run(f"""{HEAD}
        2030-01-01       | plan | CPP E09 | start=2030-01-01 end=2031-01-01
        {EVE}            | A04  | v1      |
        2031-06-01T10:00 | A08  | v1      | arrived_at={DAY}
    """)

    assert (NOT_DUE, []) == (outcome.whys["v1"], outcome.standing)
    assert LATER.version == outcome.decisions["v1"].policy_version


@pytest.mark.parametrize(
    ("viewed", "why", "named"),
    rows("""
        viewed           | why                    | named
        2031-05-31T22:59 | shared                 | first
        2031-05-31T23:00 | ruling 10: no plan due | later
    """),
)
def test_a_view_is_judged_by_the_policy_in_force_when_it_happened(
    run: Run, viewed: str, why: str, named: str
) -> None:
    """A view is a stay of a moment (ruling 10)."""
    outcome = run(f"""{HEAD}
        2030-01-01 | plan | CPP E09 | start=2030-01-01 end=2031-01-01
        {viewed}   | view | a1      |
    """)

    assert ({"a1": why}, named) == (outcome.whys, version(outcome, "a1"))


@pytest.mark.parametrize(
    ("arrived", "why"),
    rows("""
        arrived          | why
        2031-05-31T22:59 | shared
        2031-05-31T23:00 | ruling 47: sensitive place
    """),
)
def test_a_place_is_listed_from_a_day_on(run: Run, arrived: str, why: str) -> None:
    """What a place is listed as is a matter of the visit's arrival too (ruling 47)."""
    outcome = run(f"{PLAN} {arrived} | A04 | v1 | location=POPUP")

    assert ({"v1": why}, "first" if arrived == EVE else "later") == (outcome.whys, version(outcome))


def test_an_admission_to_a_place_that_is_sensitive_since_stays_unread_in_the_thread(run: Run) -> None:
    """The thread is judged by the A&E visit's policy, each visit's places by its own (rulings 7, 47)."""
    outcome = run(f"""{PLAN}
        {EVE}            | A04 | v1 | patient_class=E
        2031-06-01T01:00 | A01 | v2 | patient_class=I admission_type=21 location=WARD
        2031-06-01T02:00 | A08 | v2 | location=POPUP reason=fall
    """)

    assert ([("v1", "WARD", "-")] * 2, "first") == (
        outcome.alerts("about | location | reason"),
        version(outcome),
    )


@pytest.mark.parametrize(
    ("arrived", "count"),
    rows("""
        arrived          | count
        2031-05-31T22:59 | 0
        2031-05-31T23:00 | 1
    """),
)
def test_other_visits_are_counted_as_far_back_as_the_policy_says(run: Run, arrived: str, count: str) -> None:
    """Seven days, fourteen from 1 June (ruling 8)."""
    outcome = run(f"""{PLAN}
        2031-05-20 | A04 | v0 |
        {arrived}  | A04 | v1 |
    """)

    assert [(count,)] * 2 == [row[1:] for row in outcome.alerts("about | earlier_visits") if row[0] == "v1"]


@pytest.mark.parametrize(
    ("registered", "again", "why"),
    rows("""
        registered       | again            | why
        2031-05-31T22:59 | 2031-06-01T00:59 | ruling 16: registered twice
        2031-05-31T22:59 | 2031-06-01T01:00 | shared
        2031-05-31T23:00 | 2031-06-01T03:00 | ruling 16: registered twice
        2031-05-31T23:00 | 2031-06-01T03:01 | shared
    """),
)
def test_a_cancelled_registration_is_judged_by_its_own_policy(
    run: Run, registered: str, again: str, why: str
) -> None:
    """Two hours, four from 1 June (ruling 16)."""
    outcome = run(f"""{PLAN}
        {registered}     | A04 | v1 |
        {again}          | A04 | v2 |
        2031-06-01T12:00 | A11 | v1 |
    """)

    assert {"v1": why, "v2": SHARED} == outcome.whys


@pytest.mark.parametrize(
    ("arrived", "recorded", "plans"),
    rows("""
        arrived          | recorded         | plans
        2031-05-31T22:59 | 2031-06-14T22:59 | CPP active (retroactive, delayed)
        2031-05-31T22:59 | 2031-06-14T23:00 | -
        2031-05-31T23:00 | 2031-06-03T23:00 | CPP active (retroactive, delayed)
        2031-05-31T23:00 | 2031-06-03T23:01 | -
        2031-05-31T22:59 | 2031-06-01T00:58 | CPP active (retroactive)
        2031-05-31T22:59 | 2031-06-01T00:59 | CPP active (retroactive, delayed)
        2031-05-31T23:00 | 2031-06-01T04:59 | CPP active (retroactive)
        2031-05-31T23:00 | 2031-06-01T05:00 | CPP active (retroactive, delayed)
    """),
)
def test_a_plan_is_waited_for_as_long_as_the_policy_says(
    run: Run, arrived: str, recorded: str, plans: str
) -> None:
    """Fourteen days, three from 1 June (rulings 10, 11)."""
    outcome = run(f"""{HEAD}
        {recorded} | plan | CPP E09 | start=2031-01-01
        {messages(f"{arrived} A04; {arrived} A03")}
    """)

    assert [(plans,)] * (plans != "-") == outcome.alerts("plans")[:1]
