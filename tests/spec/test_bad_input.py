"""
Contradictions, collisions and extremes: what a matcher makes of them, and that nobody else waits for it.

The doors refuse much of this (rulings 37, 40); what another door, a defect or a hand lets through comes here.
"""

from datetime import date, timedelta
from itertools import product

import pytest

from broker.core.facts import Access, Details, PlanContent, PlanFact, PlanType, VisitEvent, VisitMessage
from broker.core.identifiers import OdsCode
from broker.core.worklist import ItemKind
from tests.spec.conftest import Run, RunFacts
from tests.spec.settled import AUTHORITIES
from tests.spec.table import T, day, rows

DISAGREE = "ruling 20: details disagree"
ADULT = "ruling 13: 18th birthday passed"
NO_PLAN = "ruling 10: no plan due"
LONG_AGO = day("D-100")
A_MINUTE = timedelta(minutes=1)
LONG = 10_000
"""Characters of a name that no register holds."""

CONTRADICTIONS = rows(f"""
    plan                     | then                                                | why
    start=D-10 end=D-20      | -                                                   | shared
    start=D+1 end=D-20       | -                                                   | shared
    start=D+40 end=D-20      | -                                                   | {NO_PLAN}
    start=D-10 end=D-900     | -                                                   | {NO_PLAN}
    start=D-10               | T+1h A03 v1 departed_at=T-5h                        | shared
    start=D-10               | T-1h A03 v1 departed_at=T-1h                        | shared
    start=D-10               | T+1h A13 v1                                         | shared
    start=D-10               | T A11 v1                                            | shared
    start=D-10               | T+1m A11 v1 cancel_reason=ERR                       | shared
    start=D-10               | T notice n1 kind="date of birth" birth_date=2008-01-10  | shared
    start=D-10               | T+1d plan CPP E09 deleted=D-40                      | shared
""")


@pytest.mark.parametrize(("plan", "then", "why"), CONTRADICTIONS)
def test_facts_that_contradict_themselves_are_decided(run: Run, plan: str, then: str, why: str) -> None:
    """
    An end before the start, a departure before the arrival, one that is cancelled but never was (10, 14, 37).

    Such a plan is judged by its days as they stand, and doubt falls toward telling.
    """
    at, kind, *rest = then.split(maxsplit=3) if then != "-" else ["T", "A08", "v1"]
    about, _, values = " ".join(rest).partition(" ")
    if kind == "plan":
        about, values = " ".join(rest).rsplit(maxsplit=1)
    outcome = run(f"""
        recorded | fact   | about    | values
        T-9d     | plan   | CPP E09  | {plan}
        T        | A04    | v1       |
        {at}     | {kind} | {about}  | {values}
    """)

    assert {"v1": why} == outcome.whys


DEPARTURES = rows("""
    messages                                                        | state      | departed_at | told
    T A04 departed_at=T-300d                                        | present    | -           | both
    T A04 departed_at=T-1m                                          | present    | -           | both
    T A04 departed_at=T                                             | discharged | T+0         | both
    T A04 arrived_at=T-2h departed_at=T-1h                          | discharged | T-1h        | both
    T A04 -; T+1h A08 departed_at=T-90d                             | present    | -           | both
    T A04 -; T+1h A03 departed_at=T-90d                             | discharged | T+1h        | both
    T A04 -; T+1h A03 departed_at=T+30m; T+2h A08 departed_at=T-90d | discharged | T+30m       | both
    T A08 arrived_at=T departed_at=T-90d                            | present    | -           | both
    T A08 departed_at=T-1h                                          | discharged | T-1h        | both
    T A08 departed_at=T-90d                                         | discharged | T-90d       | the authority
""")


@pytest.mark.parametrize(("messages", "state", "departed_at", "told"), DEPARTURES)
def test_a_departure_before_the_arrival_is_none(
    run: Run, messages: str, state: str, departed_at: str, told: str
) -> None:
    """It is left over from a former visit: the child is there, and the clinician is told (10, 11, 37)."""
    written_as = "\n".join(
        f"{at} | {event} | v1 | {values.removeprefix('-')}"
        for at, event, values in (one.split(maxsplit=2) for one in messages.split("; "))
    )
    outcome = run(f"""
        recorded | fact | about   | values
        T-9d     | plan | CPP E09 |
        {written_as}
    """)

    both = [("la E09",), ("provider RXX",)]
    assert (both if told == "both" else both[:1]) == outcome.alerts("to")
    departed = "T" if departed_at == "T+0" else departed_at
    assert {(state, departed)} == set(outcome.alerts("state | departed_at"))


BIRTHS = rows(f"""
    one          | other                        | why
    2014-04-12   | T-1d 2008-01-09              | {ADULT}
    2008-01-09   | T-1d 2014-04-12              | shared
    2008-01-09   | T-2d 2014-04-12              | shared
    2014-04-12   | T-2d 2008-01-09              | shared
""")


@pytest.mark.parametrize(("one", "other", "why"), BIRTHS)
def test_of_two_births_the_newer_counts_and_of_one_stamp_the_younger_child(
    run: Run, one: str, other: str, why: str
) -> None:
    """By the sources' stamps (rulings 13, 37); the authority has no date of its own here."""
    at, born = other.split()
    outcome = run(f"""
        recorded | fact   | about   | values
        T-9d     | plan   | CPP E09 | birth_date=-
        T-2d     | notice | n1      | kind="date of birth" birth_date={one}
        {at}     | notice | n2      | kind="date of birth" birth_date={born}
        T        | A04    | v1      |
    """)

    assert {"v1": why} == outcome.whys


COLLISIONS = rows("""
    one                                  | other                                  | alerts
    A04 v1 control_id=a                  | A11 v1 control_id=b                    | present
    A11 v1 control_id=a                  | A04 v1 control_id=b                    | present
    A03 v1 control_id=a departed_at=T+1h | A08 v1 control_id=b departed_at=T+2h   | discharged
    A03 v1 control_id=a                  | A13 v1 control_id=b                    | present
    A08 v1 control_id=a location=X       | A08 v1 control_id=a location=X         | present
""")


@pytest.mark.parametrize(("one", "other", "state"), COLLISIONS)
def test_of_two_facts_with_one_stamp_the_one_that_alerts_wins(
    run: Run, one: str, other: str, state: str
) -> None:
    """Whichever of them came first, not cancelled, not departed (ruling 37)."""
    told = [fact.split(maxsplit=2) for fact in (one, other)]
    for first, second in (told, reversed(told)):
        outcome = run(f"""
            recorded | fact        | about       | values
            T-9d     | plan        | CPP E09     |
            T-1m     | A04         | v1          |
            T        | {first[0]}  | {first[1]}  | {first[2]}
            T        | {second[0]} | {second[1]} | {second[2]}
        """)

        assert [(state,)] * 2 == outcome.alerts("state")


NAMES = rows("""
    registered | visiting | plans
    x          | x        | CPP active
    x          | y        | CPP active (details differ)
""")


@pytest.mark.parametrize(("registered", "visiting", "plans"), NAMES)
def test_a_name_of_ten_thousand_characters_is_compared_like_any_other(
    run: Run, registered: str, visiting: str, plans: str
) -> None:
    """Its length stops nothing, and it stands in no alert (rulings 20, 31)."""
    outcome = run(f"""
        recorded | fact | about   | values
        T-9d     | plan | CPP E09 | family={registered * LONG}
        T        | A04  | v1      | family={visiting * LONG}
    """)

    assert [(plans,)] * 2 == outcome.alerts("plans")
    assert not any(visiting * LONG in repr(alert) for alert in outcome.standing)


def test_details_that_are_all_empty_match_nobody_and_are_asked_about(run_facts: RunFacts) -> None:
    """An empty text says nothing: no detail agrees, and the item asks who it is (rulings 20, 46)."""
    outcome = run_facts(
        [_plan(Details(family="Sample", given="Robin", birth_date=day("2014-04-12"))), _empty()]
    )

    assert ([], {"": DISAGREE}) == (outcome.standing, outcome.whys)
    assert [(ItemKind.DETAILS_DISAGREE, True, "")] == outcome.asked


def test_texts_that_are_all_empty_stop_nothing(run_facts: RunFacts) -> None:
    """Two empty names are no agreement (ruling 20); a view with empty texts is told as it is (ruling 1)."""
    view = Access(
        access_id="a",
        organisation=OdsCode("RYY"),
        organisation_name="",
        role="",
        user_name="",
        accessed_at=T,
        recorded_at=T,
        received_at=T,
    )
    outcome = run_facts([_plan(Details(family="", given="", birth_date=None)), _empty(), view])

    assert {"": DISAGREE, "a": "shared"} == outcome.whys
    assert [("a", "la E09")] == outcome.alerts("subject | to")


def test_a_person_with_two_hundred_plans_is_told_of_each_to_its_authority(run_facts: RunFacts) -> None:
    """As many of each authority, all of the more than two hundred to the provider (rulings 19, 30)."""
    starts = [T.date() - timedelta(days=20 + count) for count in range(30)]
    details = Details(family="Sample", given="Robin", birth_date=day("2014-04-12"))
    authorities = [code for code in AUTHORITIES if code not in _SUCCEEDED]
    plans = [
        _plan(details, authority=code, start=start, file_id=f"{code} {start}")
        for code, start in product(authorities, starts)
    ]
    visit = VisitMessage(
        message_id="m",
        visit="v1",
        provider=OdsCode("RXX"),
        system="EDSYS",
        control_id="c",
        event=VisitEvent.REGISTERED,
        recorded_at=T,
        sent_at=T,
        received_at=T + A_MINUTE,
        family="Sample",
        given="Robin",
    )
    outcome = run_facts([*plans, visit])

    counts = {str(alert.recipient.code): len(alert.plans) for alert in outcome.standing}
    assert {**dict.fromkeys(authorities, len(starts)), "RXX": len(plans)} == counts


_SUCCEEDED = ("E20", "E21", "E30", "E31", "E42")


def _plan(
    details: Details,
    *,
    authority: str = "E09",
    start: date = LONG_AGO,
    file_id: str = "",
) -> PlanFact:
    """Return a plan, every text of which is empty but for what is given."""
    content = PlanContent(
        authority=OdsCode(authority),
        plan_type=PlanType.CHILD_PROTECTION,
        start=start,
        authority_name="",
        phone_emergency="",
        details=details,
        child_id="",
    )
    recorded_at = T - timedelta(days=9)
    return PlanFact(content=content, recorded_at=recorded_at, received_at=recorded_at, file_id=file_id)


def _empty() -> VisitMessage:
    """Return a message of a visit, every text of which is empty."""
    return VisitMessage(
        message_id="",
        visit="",
        provider=OdsCode("RXX"),
        system="",
        control_id="",
        event=VisitEvent.REGISTERED,
        recorded_at=T,
        sent_at=T,
        received_at=T + A_MINUTE,
        family="",
        given="",
        location="",
        patient_class="",
        admission_type="",
        disposition="",
        acuity="",
    )
