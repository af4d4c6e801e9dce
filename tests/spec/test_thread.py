"""One thread per visit, what joins it, how often the person came: rulings 6, 7 and 8."""

import pytest

from tests.spec.conftest import Run, RunMoving
from tests.spec.outcome import recipient_text
from tests.spec.table import messages, rows

PLAN = """
    recorded | fact | about   | values
    T-99d    | plan | CPP E09 |
"""


def test_one_visit_is_one_alert_whatever_comes(run: Run) -> None:
    """Later messages update the same alert (ruling 7, complaint C6)."""
    outcome = run(f"""{PLAN}
        T    | A04 | v1 | reason=fall
        T+1h | A08 | v1 | acuity=3
        T+2h | A08 | v1 | location=MAJORS
        T+3h | A03 | v1 | disposition=3
    """)

    assert rows("""
        to           | about | state      | reason | acuity | location | departed_at
        la E09       | v1    | discharged | fall   | 3      | MAJORS   | T+3h
        provider RXX | v1    | discharged | fall   | 3      | MAJORS   | T+3h
    """) == outcome.alerts("to | about | state | reason | acuity | location | departed_at")


STATES = rows("""
    messages                                                    | state                         | departed_at
    A04                                                         | present                       | -
    A01                                                         | present                       | -
    A01 patient_class=I                                         | admitted                      | -
    A04; A08 disposition=12                                     | left before treatment         | -
    A04; A03 disposition=12                                     | left before treatment         | T+1h
    A04; A03 disposition=13                                     | refused treatment             | T+1h
    A04; A03 disposition=10                                     | died                          | T+1h
    A04; A03 disposition=7                                      | transferred to another provider | T+1h
    A04; A03 disposition=1                                      | admitted                      | -
    A04; A03 disposition=3                                      | discharged                    | T+1h
    A04; A03                                                    | discharged                    | T+1h
    A04; A03 departed_at=T+30m                                  | discharged                    | T+30m
    A04; A03 occurred_at=T-47h                                  | discharged                    | T-1d-23h
    A04; A03 occurred_at=T-47h-1m                               | discharged                    | T+1h
    A04; A08 departed_at=T+45m                                  | discharged                    | T+45m
    A04; A08 departed_at=T+45m; A03                             | discharged                    | T+45m
    A04; A08 departed_at=T+45m; A08 cleared=departed_at         | present                       | -
    A04; A03 disposition=12; A08                                | left before treatment         | T+1h
    A04; A03 disposition=12; A01 patient_class=I                | admitted                      | -
    A04; A03; A13                                               | present                       | -
    A04; A03 disposition=12; A13                                | present                       | -
    A04; A03 disposition=12; A13 disposition=12 departed_at=T+2h | present                      | -
    A04; A03; A13; A03                                          | discharged                    | T+3h
    A04; A03; A08 disposition=7                                 | transferred to another provider | T+1h
    A04; A03 disposition=1; A01 patient_class=I; A03            | discharged                    | T+3h
    A04; A03; A01 patient_class=I                               | admitted                      | -
    A04; A03; A04                                               | discharged                    | T+1h
    A04; A03; A04 arrived_at=T                                  | discharged                    | T+1h
    A04; A03; A04 arrived_at=T+1h                               | discharged                    | T+1h
    A04; A03; A04 arrived_at=T+1h+1m                            | present                       | -
    A04; A03; A04 arrived_at=T+30h                              | discharged                    | T+1h
    A04; A03; A04 occurred_at=T+1h                              | discharged                    | T+1h
    A04; A03; A04 occurred_at=T+1h+1m                           | present                       | -
    A04; A03; A04 arrived_at=T occurred_at=T+1h+1m              | discharged                    | T+1h
    A04; A03; A08 arrived_at=T+1h+1m                            | discharged                    | T+1h
    A04; A03 disposition=12; A04 arrived_at=T+1h+1m             | present                       | -
    A04; A03; A04 arrived_at=T+1h+1m departed_at=T+1h+50m       | discharged                    | T+1h+50m
    A04; A03; A04 arrived_at=T+1h+1m disposition=13; A03        | refused treatment             | T+3h
    A04; A02 location=WARD                                      | present                       | -
    A04; A02 patient_class=I                                    | admitted                      | -
    A04; A02 disposition=7                                      | transferred to another provider | T+1h
    A04; A02 disposition=7 departed_at=T+30m                    | transferred to another provider | T+30m
    A04; A02 disposition=7 occurred_at=T+10m                    | transferred to another provider | T+10m
    A04; A02 disposition=7; A03 disposition=7                   | transferred to another provider | T+1h
    A04; A02 disposition=7; A12                                 | present                       | -
    A04; A02 disposition=7; A12 disposition=7                   | present                       | -
    A04; A02 disposition=7; A13                                 | present                       | -
    A04; A02 disposition=7; A12; A03                            | discharged                    | T+3h
    A04; A03; A02 location=WARD                                 | discharged                    | T+1h
    A04; A03; A12                                               | discharged                    | T+1h
    A04; A03 disposition=12; A12                                | left before treatment         | T+1h
    A04; A03 disposition=1; A02 location=WARD                   | admitted                      | -
    A04; A11; A02                                               | cancelled by the hospital     | -
    A02 location=WARD                                           | present                       | -
    A04; A11                                                    | cancelled by the hospital     | -
    A04; A03; A11                                               | cancelled by the hospital     | T+1h
    A04; A11; A08                                               | cancelled by the hospital     | -
    A04; A11; A04                                               | present                       | -
    A11                                                         | cancelled by the hospital     | -
    A08; A11; A01 patient_class=I                               | admitted                      | -
""")


@pytest.mark.parametrize(("events", "state", "departed_at"), STATES, ids=[row[0] for row in STATES])
def test_where_a_visit_stands(run: Run, events: str, state: str, departed_at: str) -> None:
    """The state follows from event, disposition and departure, an hour apart (rulings 7, 16, 37)."""
    hourly = "; ".join(f"T+{hour}h {event}" for hour, event in enumerate(events.split("; ")))
    outcome = run(PLAN + messages(hourly))

    assert [(state, departed_at)] * 2 == outcome.alerts("state | departed_at")


JOINING = rows("""
    emergency                          | admitted | admission                              | threads
    T+1h A03                           | T+25h    | patient_class=I admission_type=21      | 1
    T+1h A03                           | T+25h+1m | patient_class=I admission_type=21      | 2
    T+1h A03 departed_at=T+30m         | T+24h+30m | patient_class=I admission_type=21      | 1
    T+1h A03 departed_at=T+30m         | T+24h+31m | patient_class=I admission_type=21      | 2
    T+1h A08                           | T+25h    | patient_class=I admission_type=21      | 1
    T+1h A08                           | T+25h+1m | patient_class=I admission_type=21      | 2
    T+1h A03 disposition=1 departed_at=T+30m | T+25h | patient_class=I admission_type=21      | 1
    T+1h A03                           | T+30m    | patient_class=I admission_type=21      | 1
    T+1h A03                           | T        | patient_class=I admission_type=21      | 1
    T+1h A03                           | T-1m     | patient_class=I admission_type=21      | 2
    T+1h A03                           | T+2h     | patient_class=I admission_type=22      | 2
    T+1h A03                           | T+2h     | patient_class=I                        | 2
    T+1h A03                           | T+2h     | admission_type=21                      | 1
    T+1h A03                           | T+2h     | patient_class=E admission_type=21      | 2
    T+1h A08 patient_class=I           | T+2h     | patient_class=I admission_type=21      | 1
""")


@pytest.mark.parametrize(
    ("emergency", "admitted", "admission", "threads"), JOINING, ids=["; ".join(row) for row in JOINING]
)
def test_which_admission_joins_the_thread_of_an_emergency_visit(
    run: Run, emergency: str, admitted: str, admission: str, threads: str
) -> None:
    """Type 21 within 24 h of the departure, else the newest message, of the same provider (ruling 7)."""
    outcome = run(f"""{PLAN}
        T          | A04 | v1 | patient_class=E
        {messages(emergency)}
        {admitted} | A01 | v2 | {admission}
    """)

    assert int(threads) == len({alert.subject for alert in outcome.standing})


def test_an_admission_elsewhere_joins_nothing(run: Run) -> None:
    """Two providers, two threads (ruling 7)."""
    outcome = run(f"""{PLAN}
        T    | A04 | v1 RXX | patient_class=E
        T+1h | A01 | v2 RYY | patient_class=I admission_type=21
    """)

    assert ["v1", "v1", "v2", "v2"] == [alert.subject for alert in outcome.standing]


def test_a_registration_of_type_21_is_no_admission(run: Run) -> None:
    """An A&E attendance may carry type 21 itself: without class or A01 it is a visit of its own (7)."""
    outcome = run(f"""{PLAN}
        T    | A04 | v1 | patient_class=E
        T+1h | A04 | v2 | admission_type=21
    """)

    assert ["v1", "v1", "v2", "v2"] == [alert.subject for alert in outcome.standing]


def test_an_admission_whose_a01_was_lost_joins_by_its_class(run: Run) -> None:
    """Any message of an inpatient of type 21 will do (rulings 1, 7)."""
    outcome = run(f"""{PLAN}
        T    | A04 | v1 | patient_class=E
        T+1h | A08 | v2 | patient_class=I admission_type=21
    """)

    assert ["v1", "v1"] == [alert.subject for alert in outcome.standing]


def test_an_admission_joins_the_newest_of_two_emergency_visits(run: Run) -> None:
    """Of two A&E visits within 24 h the later is the one that led to it (ruling 7)."""
    outcome = run(f"""{PLAN}
        T    | A04 | v1 | patient_class=E
        T+1h | A03 | v1 |
        T+5h | A04 | v2 | patient_class=E
        T+6h | A01 | v3 | patient_class=I admission_type=21
    """)

    assert rows("""
        to           | about | state
        la E09       | v1    | discharged
        provider RXX | v1    | discharged
        la E09       | v2    | admitted
        provider RXX | v2    | admitted
    """) == outcome.alerts("to | about | state")


ENDS = rows("""
    emergency                | admission                              | state                 | departed_at
    T+1h A03                      |                                        | admitted              | -
    T+1h A03 disposition=12       |                                        | admitted              | -
    T+1h A03 disposition=7        |                                        | admitted              | -
    T+1h A03                      | T+30h A03 disposition=3                | discharged            | T+1d+6h
    T+1h A03 disposition=12       | T+30h A03                              | discharged            | T+1d+6h
    T+1h A03                      | T+30h A03 disposition=10               | died                  | T+1d+6h
    T+1h A03                      | T+30h A03; T+31h A13                   | admitted              | -
    T+1h A03                      | T+30h A11                              | discharged            | T+1h
    T+1h A03 disposition=12       | T+30h A11                              | left before treatment | T+1h
    T+1h A11                      |                                        | admitted              | -
""")


@pytest.mark.parametrize(
    ("emergency", "admission", "state", "departed_at"), ENDS, ids=["; ".join(row[:2]) for row in ENDS]
)
def test_how_a_thread_with_an_admission_stands(
    run: Run, emergency: str, admission: str, state: str, departed_at: str
) -> None:
    """The admission undoes the earlier departure and ends the thread, unless it is cancelled (ruling 7)."""
    outcome = run(f"""{PLAN}
        T    | A04 | v1 | patient_class=E
        {messages(emergency)}
        T+2h | A01 | v2 | patient_class=I admission_type=21
        {messages(admission, about="v2")}
    """)

    assert [("v1", state, departed_at)] * 2 == outcome.alerts("about | state | departed_at")


def test_a_thread_begins_with_its_emergency_visit(run: Run) -> None:
    """Neither the admission's PV1-44 nor its registration moves the arrival (rulings 7, 37)."""
    outcome = run(f"""{PLAN}
        T    | A08 | v1 | patient_class=E
        T+2h | A01 | v2 | patient_class=I admission_type=21 arrived_at=T+1h
    """)

    assert [("v1", "T")] * 2 == outcome.alerts("about | arrived_at")


def test_a_second_admission_undoes_the_end_of_the_first(run: Run) -> None:
    """The thread ends with the last admission (ruling 7)."""
    outcome = run(f"""{PLAN}
        T     | A04 | v1 | patient_class=E
        T+1h  | A03 | v1 |
        T+2h  | A01 | v2 | patient_class=I admission_type=21
        T+5h  | A03 | v2 | disposition=12
        T+10h | A01 | v3 | patient_class=I admission_type=21
    """)

    assert [("v1", "admitted", "-")] * 2 == outcome.alerts("about | state | departed_at")


@pytest.mark.parametrize(
    ("later", "plan_recorded", "why"),
    rows("""
        later        | plan recorded | why
        T+20d A08    | T+21d         | shared
        T+20d A08    | T+21d+1m      | ruling 10: no plan due
        T+30d A08    | T+30d         | shared
        T+30d A11    | T+30d         | shared
    """),
)
def test_the_messages_of_an_admission_count_for_the_cut_off(
    run: Run, later: str, plan_recorded: str, why: str
) -> None:
    """Also those of an admission that was cancelled: what was known before is not unknown again (7, 10)."""
    outcome = run(f"""
        recorded        | fact | about   | values
        T               | A04  | v1      | patient_class=E
        T+1h            | A03  | v1      | departed_at=T+1h
        T+2h            | A01  | v2      | patient_class=I admission_type=21
        {messages(later, about="v2")}
        {plan_recorded} | plan | CPP E09 |
    """)

    assert why == outcome.whys["v1"]


@pytest.mark.parametrize(
    ("other", "count", "last"),
    rows("""
        other     | count | last
        T-7d      | 1     | T-7d
        T-7d-1m   | 0     | -
        T-1m      | 1     | T-1m
        T         | 0     | -
        T+1m      | 0     | -
    """),
)
def test_which_visits_count_as_earlier(run: Run, other: str, count: str, last: str) -> None:
    """Other unscheduled visits that began in the seven days before (ruling 8)."""
    outcome = run(f"""{PLAN}
        {other} | A04 | v1 RYY |
        T       | A04 | v2     |
    """)

    own = [alert for alert in outcome.alerts("about | earlier_visits | last_visit_at") if alert[0] == "v2"]
    assert [("v2", count, last)] * 2 == own


def test_the_count_and_the_newest_of_several_visits(run: Run) -> None:
    """An alert says how many there were and when the last (ruling 8)."""
    outcome = run(f"""{PLAN}
        T-5d | A04 | v1 RYY |
        T-3d | A04 | v2 RZZ |
        T-2d | A04 | v3 RZZ | patient_class=W
        T    | A04 | v4     |
    """)

    assert ("la E09", "v4", "2", "T-3d") in outcome.alerts("to | about | earlier_visits | last_visit_at")


def test_a_thread_counts_once(run: Run) -> None:
    """An admission that joined its A&E visit is no visit of its own (rulings 7, 8)."""
    outcome = run(f"""{PLAN}
        T-2d    | A04 | v1 | patient_class=E
        T-2d+1h | A01 | v2 | patient_class=I admission_type=21
        T       | A04 | v3 RYY |
    """)

    assert ("la E09", "v3", "1") in outcome.alerts("to | about | earlier_visits")


NO_OUTCOME = rows("""
    messages                                             | timer     | said
    A04                                                  | T+11h+59m | -
    A04                                                  | T+12h     | no outcome received
    A04; T+1h A08 location=MAJORS                        | T+12h     | no outcome received
    A04; T+1h A02 location=WARD                          | T+12h     | no outcome received
    A04; T+13h A08 location=MAJORS                       | T+12h     | no outcome received
    A04 arrived_at=T-1h                                  | T+11h     | no outcome received
    A04; T+13h A08 arrived_at=T+1h                       | T+12h     | no outcome received
    A04; T+13h A08 arrived_at=T+1h                       | T+11h+59m | -
    A04; T+13h A08 arrived_at=T-1h                       | T+11h     | no outcome received
    A04; T+1h A03                                        | T+12h     | -
    A04; T+13h A03                                       | T+12h     | -
    A04; T+1h A03; T+2h A13                              | T+12h     | no outcome received
    A04; T+1h A03 disposition=12                         | T+12h     | -
    A04; T+1h A08 disposition=13                         | T+12h     | -
    A04; T+1h A08 disposition=1                          | T+12h     | -
    A04; T+1h A01 patient_class=I                        | T+12h     | -
    A04; T+1h A11                                        | T+12h     | -
""")


@pytest.mark.parametrize(("events", "timer", "said"), NO_OUTCOME, ids=["; ".join(row) for row in NO_OUTCOME])
def test_twelve_hours_without_an_outcome_are_said_to_the_authority(
    run: Run, events: str, timer: str, said: str
) -> None:
    """By a timer's word, until an outcome comes; the provider knows itself (ruling 7)."""
    first, *more = events.split("; ")
    told = messages("; ".join([f"T {first}", *more]))
    outcome = run(f"{PLAN}{told}\n{timer} | notice | n1 no-outcome-received | visit=v1")

    assert [("la E09", said.removesuffix(" received")), ("provider RXX", "-")] == outcome.alerts("to | notes")


def test_no_outcome_is_said_once_and_quietly(run_stepwise: Run) -> None:
    """A second word changes nothing; the outcome that comes takes it back with what it says (ruling 7)."""
    outcome = run_stepwise(f"""{PLAN}
        T     | A04    | v1                     | patient_class=E
        T+12h | notice | n1 no-outcome-received | visit=v1
        T+24h | notice | n2 no-outcome-received | visit=v1
        T+25h | A03    | v1                     |
    """)

    told = [event for event in outcome.events if recipient_text(event.alert.recipient) == "la E09"]
    assert [
        ("raised", True, 0, ""),
        ("updated", False, 1, "note"),
        ("updated", True, 0, "discharged, note, visit details"),
    ] == [
        (event.kind.value, event.loud, len(event.alert.notes), ", ".join(sorted(event.changes)))
        for event in told
    ]


PLACES = rows("""
    provider | timer    | said
    RPP      | T+7h+59m | 0
    RPP      | T+8h     | 1
    RXX      | T+8h     | 0
""")


@pytest.mark.parametrize(("provider", "timer", "said"), PLACES)
def test_how_long_an_outcome_is_awaited_is_settled_for_a_provider(
    run: Run, provider: str, timer: str, said: str
) -> None:
    """Twelve hours unless settled otherwise (ruling 7)."""
    outcome = run(f"{PLAN} T | A04 | v1 {provider} |\n{timer} | notice | n1 no-outcome-received | visit=v1")

    assert int(said) == sum(len(alert.notes) for alert in outcome.standing)


def test_a_word_about_another_visit_says_nothing_of_this_one(run: Run) -> None:
    """Each visit has its own outcome (ruling 7)."""
    outcome = run(f"""{PLAN}
        T     | A04    | v1                     |
        T     | A04    | v2                     |
        T+12h | notice | n1 no-outcome-received | visit=v2
    """)

    assert {("v1", 0), ("v2", 1)} == {
        (alert.subject, len(alert.notes)) for alert in outcome.standing if alert.recipient.kind.value == "la"
    }


SOMEBODY_ELSES = rows("""
    said                                              | count
    -                                                 | 1
    T-9h notice n1 not-this-person visit=v1           | 0
    T-9h notice n1 identity-confirmed visit=v1        | 1
    T-9h notice n1 item-unsettled visit=v1            | 1
    T-9h A08 v1                                       | 1
""")


@pytest.mark.parametrize(("said", "count"), SOMEBODY_ELSES)
@pytest.mark.parametrize("plan", ["", "end=D-9"])
def test_a_visit_of_somebody_else_is_not_counted(
    run_moving: RunMoving, said: str, count: str, plan: str
) -> None:
    """A person said so, and nothing that came since speaks against it (rulings 8, 46)."""
    at, kind, *rest = ("T-9h notice n1 in-use" if said == "-" else said).split()
    other = "family=Other given=Alex birth_date=2010-01-01"
    outcome = run_moving(f"""
        recorded | fact   | about | values
        T-99d    | plan   | CPP E09 | {plan}
        T-1d     | A04    | v1    | {other}
        T-10h    | A08    | v1    | {other}
        {at}     | {kind} | {" ".join(rest[:2]) if kind == "notice" else "v1"} | {" ".join(rest[2:])}
        T        | A04    | v2    |
    """)

    own = [row[1] for row in outcome.alerts("about | earlier_visits") if row[0] == "v2"]
    assert [count] * 2 == own
