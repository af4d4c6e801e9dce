"""Cancelled attendances, and the order and times of messages: rulings 16 and 37."""

import pytest

from tests.spec.conftest import Run
from tests.spec.table import messages, rows

PLAN = """
    recorded | fact | about   | values
    T-99d    | plan | CPP E09 |
"""


def test_a_cancelled_attendance_stays_and_says_so(run: Run) -> None:
    """The child may have been there and left; whoever was told is told (ruling 16, R43)."""
    outcome = run(f"""{PLAN}
        T    | A04 | v1 |
        T+1h | A11 | v1 |
    """)

    assert rows("""
        to           | state
        la E09       | cancelled by the hospital
        provider RXX | cancelled by the hospital
    """) == outcome.alerts("to | state")


REASONS = rows("""
    provider | messages                                    | why
    RLL      | A04; A11 cancel_reason=ERR                  | ruling 16: registered in error
    RLL      | A04; A11; A08 cancel_reason=ERR             | ruling 16: registered in error
    RLL      | A04; A11 cancel_reason=ERR; A08             | ruling 16: registered in error
    RLL      | A04; A11 cancel_reason=OTHER                | shared
    RLL      | A04; A11                                    | shared
    RXX      | A04; A11 cancel_reason=ERR                  | shared
    RLL      | A04; A11 cancel_reason=ERR; A04             | shared
    RLL      | A04; A11 cancel_reason=ERR; A04; A11        | shared
    RLL      | A04 cancel_reason=ERR                       | shared
""")


@pytest.mark.parametrize(("provider", "events", "why"), REASONS, ids=[" ".join(row[:2]) for row in REASONS])
def test_only_the_sites_own_coded_reason_withdraws(run: Run, provider: str, events: str, why: str) -> None:
    """Withdrawn when the site's code says registered in error, and only while cancelled (ruling 16)."""
    hourly = "; ".join(f"T+{hour}h {event}" for hour, event in enumerate(events.split("; ")))
    outcome = run(PLAN + messages(hourly, about=f"v1 {provider}"))

    assert {"v1": why} == outcome.whys


OTHERS = rows("""
    provider | other                               | why
    RXX      | T+2h A04                            | ruling 16: registered twice
    RXX      | T+2h+1m A04                         | shared
    RXX      | T-2h A04                            | ruling 16: registered twice
    RXX      | T-2h-1m A04                         | shared
    RXX      | T+9h A04 arrived_at=T+1h            | ruling 16: registered twice
    RYY      | T+1h A04                            | shared
    RXX      | T+1h A04 patient_class=P            | shared
    RXX      | T+1h A11                            | shared
    RXX      | T+1h A04 family=X given=Y           | shared
    RXX      | T+1h A04 family=X given=Robin       | ruling 16: registered twice
""")


@pytest.mark.parametrize(("provider", "other", "why"), OTHERS, ids=[" ".join(row[:2]) for row in OTHERS])
def test_a_second_registration_withdraws_the_cancelled_one(
    run: Run, provider: str, other: str, why: str
) -> None:
    """Same person and provider, neither cancelled nor scheduled, arrivals at most 2 h apart (ruling 16)."""
    outcome = run(f"""{PLAN}
        T    | A04 | v1 | patient_class=E
        {messages(other, about=f"v2 {provider}")}
        T+9h | A11 | v1 |
    """)

    assert why == outcome.whys["v1"]


@pytest.mark.parametrize(("ended", "why"), [("D-364", "ruling 16: registered twice"), ("D-365", "shared")])
def test_a_second_registration_withdraws_nothing_that_it_does_not_tell(
    run: Run, ended: str, why: str
) -> None:
    """One past midnight, on a day on which the plan is not visible any more, tells nobody (9, 16)."""
    outcome = run(f"""
        recorded  | fact | about   | values
        T-99d     | plan | CPP E09 | start=D-999 end={ended}
        T+13h     | A04  | v1      |
        T+14h+30m | A04  | v2      |
        T+15h     | A11  | v1      |
    """)

    assert why == outcome.whys["v1"]


JOINED = rows("""
    emergency                  | admission                  | again   | why
    T+9h A11 cancel_reason=ERR | T+8h A11                   | -       | shared
    T+9h A11 cancel_reason=ERR | T+8h A11 cancel_reason=ERR | -       | ruling 16: registered in error
    T+9h A11 cancel_reason=ERR | -                          | -       | shared
    T+9h A11                   | T+8h A11 cancel_reason=ERR | -       | shared
    T+9h A11                   | T+8h A11 cancel_reason=ERR | T+2h    | ruling 16: registered twice
    T+9h A11                   | T+8h A11 cancel_reason=ERR | T+2h+1m | shared
    T+9h A11                   | T+8h A11                   | T+2h    | ruling 16: registered twice
    T+9h A11                   | T+8h A11                   | T+1h    | ruling 16: registered twice
    T+9h A11                   | T+8h A11                   | T+59m   | shared
    T+9h A11                   | T+8h A11                   | T+2h+1m | shared
    T+9h A11 cancel_reason=ERR | T+8h A11                   | T+5h    | ruling 16: registered twice
    T+9h A11 cancel_reason=ERR | T+8h A11                   | T+5h+1m | shared
""")


@pytest.mark.parametrize(
    ("emergency", "admission", "again", "why"), JOINED, ids=["; ".join(row[:3]) for row in JOINED]
)
def test_an_admission_cancelled_without_a_reason_is_not_withdrawn_with_its_thread(
    run: Run, emergency: str, admission: str, again: str, why: str
) -> None:
    """Each cancelled registration of a thread is judged by itself: the child may have been there (7, 16)."""
    outcome = run(f"""{PLAN}
        T    | A04 | v1 RLL | patient_class=E
        T+3h | A01 | v2 RLL | patient_class=I admission_type=21
        {messages("" if admission == "-" else admission, about="v2 RLL")}
        {messages(emergency, about="v1 RLL")}
        {messages("" if again == "-" else f"{again} A08 patient_class=O", about="v3 RLL")}
    """)

    assert why == outcome.whys["v1"]


def test_whoever_was_told_is_told_of_the_withdrawal(run: Run) -> None:
    """Nothing stands any more, and the last word of each alert says why (ruling 16, R43)."""
    outcome = run(f"""{PLAN}
        T    | A04 | v1 RLL |
        T+1h | A11 | v1 RLL | cancel_reason=ERR
    """)

    assert [] == outcome.standing


ORDER = rows("""
    first                                        | second                                       | acuity
    T+1h A08 acuity=1                            | T+2h A08 acuity=2                            | 2
    T+2h A08 acuity=1                            | T+1h A08 acuity=2                            | 1
    T+1h A08 acuity=1 sent_at=T+3h received=T+9h | T+1h A08 acuity=2 sent_at=T+2h received=T+9h | 1
    T+1h A08 acuity=1 sequence=2                 | T+1h A08 acuity=2 sequence=1                 | 1
    T+1h A08 acuity=1 sequence=1                 | T+1h A08 acuity=2                            | 1
    T+1h A08 acuity=1 control_id=z               | T+1h A08 acuity=2 control_id=a               | 1
    T+1h A08 acuity=1 occurred_at=T+9h           | T+2h A08 acuity=2 occurred_at=T+1h           | 2
    T+9h A08 acuity=1 received=T+1h              | T+2h A08 acuity=2                            | 2
    T+1h A08 acuity=1 sent_at=T+9h received=T+1h | T+1h A08 acuity=2 sent_at=T+2h received=T+2h | 2
    T+1h A08 acuity=1                            | T+2h A08 cleared=acuity                      | -
    T+1h A08 acuity=1                            | T+2h A08                                     | 1
""")


@pytest.mark.parametrize(("first", "second", "acuity"), ORDER, ids=["; ".join(row[:2]) for row in ORDER])
def test_messages_are_ordered_by_when_they_were_recorded(
    run: Run, first: str, second: str, acuity: str
) -> None:
    """EVN-2, MSH-7, MSH-13, then MSH-10 as text; never later than the first receipt (ruling 37, R41)."""
    outcome = run(f"{PLAN}T | A04 | v1 |\n{messages(f'{first}; {second}')}")

    assert [(acuity,)] * 2 == outcome.alerts("acuity")


EQUAL = rows("""
    at equal stamps                            | state                     | departed_at
    A04 control_id=a; A11 control_id=b         | present                   | -
    A04 control_id=b; A11 control_id=a         | present                   | -
    A11 sequence=2; A04 sequence=1             | cancelled by the hospital | -
    A03 control_id=a; A13 control_id=b         | present                   | -
    A03 control_id=b; A13 control_id=a         | present                   | -
    A08 departed_at=T+2h control_id=a; A08 departed_at=T+1h control_id=b | discharged | T+2h
    A08 departed_at=T+1h control_id=a; A08 departed_at=T+2h control_id=b | discharged | T+2h
    A08 departed_at=T+1h control_id=a; A08 cleared=departed_at control_id=b | present | -
    A08 cleared=departed_at control_id=a; A08 departed_at=T+1h control_id=b | present | -
""")


@pytest.mark.parametrize(("events", "state", "departed_at"), EQUAL, ids=[row[0] for row in EQUAL])
def test_at_equal_stamps_what_alerts_wins(run: Run, events: str, state: str, departed_at: str) -> None:
    """Not cancelled, not departed, the later end, whatever MSH-10 says (ruling 37)."""
    same_stamp = "; ".join(f"T+3h {event}" for event in events.split("; "))
    outcome = run(f"{PLAN}T | A04 | v1 |\n{messages(same_stamp)}")

    assert [(state, departed_at)] * 2 == outcome.alerts("state | departed_at")


def test_a_departure_that_is_said_again_still_beats_an_earlier_one_of_the_same_stamp(run: Run) -> None:
    """The repetition is a statement too (ruling 37)."""
    outcome = run(f"""{PLAN}
        T    | A04 | v1 |
        T+2h | A08 | v1 | departed_at=T+2h
        T+3h | A08 | v1 | departed_at=T+2h control_id=a
        T+3h | A08 | v1 | departed_at=T+1h control_id=b
    """)

    assert [("T+2h",)] * 2 == outcome.alerts("departed_at")


ARRIVALS = rows("""
    messages                                                             | arrived_at
    T A04                                                                | T
    T A04 arrived_at=T-1h                                                | T-1h
    T A04 occurred_at=T-48h                                              | T-2d
    T A04 occurred_at=T-48h-1m                                           | T
    T A04 occurred_at=T+48h                                              | T+2d
    T A04 arrived_at=T-1h occurred_at=T-2h                               | T-1h
    T A08 occurred_at=T-3h                                               | T
    T A11 occurred_at=T-900d                                             | T
    T A08; T+1h A04                                                      | T+1h
    T A08; T+1h A04 occurred_at=T-1h                                     | T-1h
    T A04; T+1h A01 occurred_at=T-1h                                     | T
    T A01; T+1h A04 occurred_at=T-1h                                     | T
    T A04 arrived_at=T-1h; T+1h A08 arrived_at=T-2h                      | T-2h
    T A04 arrived_at=T-1h; T+1h A08 cleared=arrived_at                   | T
    T A04 arrived_at=1899-12-31T23:59                                    | T
    T A04 arrived_at=T-400d received=T                                   | T-400d
    T A04 arrived_at=T-400d-1m received=T                                | T
    T A04 arrived_at=T+24h-1m received=T                                 | T+23h+59m
    T A04 arrived_at=T+24h received=T                                    | T
    T A04 arrived_at=T-1h; T+1h A08 arrived_at=T+30d                     | T-1h
    T+5h A04 received=T                                                  | T
""")


@pytest.mark.parametrize(("visit", "arrived_at"), ARRIVALS, ids=[row[0] for row in ARRIVALS])
def test_when_a_visit_began(run: Run, visit: str, arrived_at: str) -> None:
    """PV1-44 if it can be true, else the registration's EVN-6 or EVN-2, else the oldest message (37)."""
    outcome = run(f"""
        recorded | fact | about   | values
        T-999d   | plan | CPP E09 | start=D-999
        {messages(visit)}
    """)

    assert [(arrived_at,)] * 2 == outcome.alerts("arrived_at")


def test_the_same_bytes_received_again_change_nothing(run: Run) -> None:
    """A resend keeps the first receipt and makes no event (rulings 7, 37)."""
    outcome = run(f"""{PLAN}
        T | A04 | v1 | control_id=c1 acuity=3 received=T+1m
        T | A04 | v1 | control_id=c1 acuity=3 received=T+9h
    """)

    assert [1, 1] == [event.revision for event in outcome.events]
    assert rows("""
        to           | plans
        la E09       | CPP active
        provider RXX | CPP active
    """) == outcome.alerts("to | plans")
