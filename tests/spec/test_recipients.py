"""Who is told what of a visit: rulings 19, 28, 29 and 30."""

import pytest

from broker.core.identifiers import OdsCode
from tests.spec.conftest import Run
from tests.spec.outcome import recipient_text
from tests.spec.table import messages, rows

HEAD = """
    recorded | fact | about   | values
"""
PLAN = f"""{HEAD}
    T-9d     | plan | CPP E09 |
"""


def test_one_alert_per_authority_and_one_to_the_provider(run: Run) -> None:
    """Each authority gets its own plans and the name of any other in force; the provider all (19)."""
    outcome = run(f"""{HEAD}
        T-9d | plan | CPP E09 |
        T-9d | plan | LAC E09 |
        T-9d | plan | LAC E08 |
        T-9d | plan | CPP E07 | end=D-5
        T-9d | plan | CPP E06 | end=D-900
        T    | A04  | v1      |
    """)

    assert rows("""
        to           | plans                                            | others
        la E07       | CPP ended                                        | E08; E09
        la E08       | LAC active                                       | E09
        la E09       | CPP active; LAC active                           | E08
        provider RXX | CPP ended; LAC active; CPP active; LAC active    | -
    """) == outcome.alerts("to | plans | others")


def test_another_authority_is_told_with_its_newest_numbers_and_no_plan_type(run: Run) -> None:
    """A contact is name and numbers (ruling 19)."""
    outcome = run(f"""{HEAD}
        T-9d | plan | CPP E09 |
        T-9d | plan | LAC E08 | phone_emergency=111 phone_office=222 authority_name=Old
        T-8d | plan | CPP E08 | phone_emergency=333 authority_name=New
        T    | A04  | v1      |
    """)

    contact = outcome.standing[1].other_authorities[0]
    assert ("E08", "New", "333", None) == (
        str(contact.authority),
        contact.name,
        contact.phone_emergency,
        contact.phone_office,
    )


SUCCESSION = rows("""
    authority | visit                      | plan recorded | owner | notes
    E20       | T A04                      | T-9d          | E20   | -
    E20       | T A04; T+13h+59m A08       | T-9d          | E20   | -
    E20       | T A04; T+38h A08           | T-9d          | E21   | moved to successor
    E20       | T A04; T+1h A03            | T-9d          | E20   | -
    E20       | T A04; T+1h A03            | T+37h+59m     | E20   | -
    E20       | T A04; T+1h A03            | T+38h         | E21   | moved to successor
    E20       | T A04; T+15d A08           | T-9d          | E22   | moved to successor
    E21       | T A04; T+15d A08           | T-9d          | E22   | moved to successor
    E22       | T A04; T+15d A08           | T-9d          | E22   | -
""")


@pytest.mark.parametrize(
    ("authority", "visit", "recorded", "owner", "notes"),
    SUCCESSION,
    ids=["; ".join(row[:3]) for row in SUCCESSION],
)
def test_from_the_opening_day_alerts_go_to_the_successor(
    run: Run, authority: str, visit: str, recorded: str, owner: str, notes: str
) -> None:
    """E21 opens on 12 January, E22 on the 20th; open threads move with a note (ruling 19)."""
    outcome = run(f"""{HEAD}
        {recorded} | plan | CPP {authority} |
        {messages(visit)}
    """)

    assert [(f"la {owner}", notes)] == outcome.alerts("to | notes")[:1]


TAKEN_OVER = rows("""
    plans                          | arrival | others
    CPP E20                        | T       | E20
    CPP E20                        | T+38h   | E20
    CPP E20; LAC E21               | T       | E20; E21
    CPP E20; LAC E21               | T+38h   | E21
    CPP E20; LAC E21 end=D-1       | T+38h   | E20
    CPP E20 start=D-50; LAC E20    | T+38h   | E20
    CPP E20; LAC E21; CPP E22      | T+10d   | E22
""")


@pytest.mark.parametrize(("plans", "arrival", "others"), TAKEN_OVER)
def test_an_authority_that_was_taken_over_is_not_named_beside_its_successor(
    run: Run, plans: str, arrival: str, others: str
) -> None:
    """Once it has sent a plan in force itself; till then the numbers that came with the plan stand (19)."""
    sent = [[*plan.split(maxsplit=2), ""][:3] for plan in plans.split("; ")]
    lines = "\n".join(f"T-9d | plan | {kind} {code} | {values}" for kind, code, values in sent)
    outcome = run(f"""{HEAD}
        {lines}
        T-9d      | plan | CPP E09 |
        {arrival} | A04  | v1      |
    """)

    assert ("la E09", others) in outcome.alerts("to | others")


def test_an_authority_with_an_owner_before_and_after_its_opening_day_may_have_sent_an_office_once(
    run: Run,
) -> None:
    """A plan that it sends late is its successor's: both owners are named by what it sent (ruling 19)."""
    outcome = run(f"""{HEAD}
        T-9d  | plan | CPP E20 | phone_office=222
        T-9d  | plan | CPP E09 |
        T     | A04  | v1      |
        T+1h  | A03  | v1      |
        T+38h | plan | LAC E20 |
    """)

    [told] = [alert for alert in outcome.standing if alert.recipient.code == OdsCode("E09")]
    assert ["la E09", "la E20", "la E21", "provider RXX"] == [to for (to,) in outcome.alerts("to")]
    assert [("E20", None), ("E20", "222")] == [
        (one.authority.code, one.phone_office) for one in told.other_authorities
    ]


REPLACED_BY = rows("""
    removed  | by        | plans
    T+39h    | CPP E21   | CPP active
    T+39h    | LAC E21   | CPP removed; LAC active (retroactive)
    T+39h    | CPP E08   | CPP active (retroactive); CPP removed
    T+36h    | CPP E21   | CPP removed; CPP active (retroactive)
""")


@pytest.mark.parametrize(("removed", "by", "plans"), REPLACED_BY)
def test_a_successors_plan_may_be_a_replacement(run: Run, removed: str, by: str, plans: str) -> None:
    """Recorded under its own code from its opening day on, with the mark of what it replaces (14, 19)."""
    outcome = run(f"""{HEAD}
        T-9d         | plan | CPP E20 |
        {removed}    | plan | CPP E20 | deleted=D
        {removed}+1h | plan | {by}    |
        T            | A04  | v1      |
        T+40h        | A08  | v1      |
    """)

    assert ("provider RXX", plans) in outcome.alerts("to | plans")


def test_a_succession_table_that_runs_in_a_circle_ends(run: Run) -> None:
    """A mistake in the policy stops nobody from being told (ruling 19)."""
    outcome = run(f"""{HEAD}
        T-9d | plan | CPP E30 |
        T    | A04  | v1      |
    """)

    assert [("la E31",), ("provider RXX",)] == outcome.alerts("to")


def test_what_the_authority_is_told_of_a_visit(run: Run) -> None:
    """Provider, site, setting, arrival, mode, reason, acuity, who treats, who to ring (ruling 29)."""
    outcome = run(f"""{PLAN}
        T    | A04 | v1 RLL | patient_class=E location=ED site=RLL01 arrival_mode=A reason=fall acuity=3
        T+1h | A08 | v1 RLL | clinician_role=consultant clinician_name="Dr A"
        T+2h | A08 | v1 RLL | next_of_kin_relationship=3 next_of_kin_name="Jo Sample"
    """)

    head = "provider | provider_name | site | location | patient_class | arrived_at | arrival_mode | reason"
    assert ("RLL", "Listing Hospital", "RLL01", "ED", "E", "T", "A", "fall") == outcome.alerts(head)[0]
    head = "acuity | clinician_role | clinician_name | call_back"
    assert ("3", "consultant", "Dr A", "02071112222") == outcome.alerts(head)[0]
    assert ("3", "Jo Sample") == outcome.alerts("next_of_kin_relationship | next_of_kin_name")[0]


COMPANIONS = rows("""
    plan | visit                                             | told
    CPP  | v1 RXX accompanied_by=Grandmother                     | Grandmother
    CPP  | v1 RXX accompanied_by=Grandmother restricted=yes      | -
    CPP  | v1 RXX next_of_kin_relationship=3 next_of_kin_name=Jo | -
    CPP  | v1 RWW accompanied_by=Grandmother                     | -
    UCP  | v1 RXX accompanied_by=Grandmother                     | -
""")


@pytest.mark.parametrize(("plan", "visit", "told"), COMPANIONS)
def test_who_came_with_the_child_is_told_to_its_authority_alone(
    run: Run, plan: str, visit: str, told: str
) -> None:
    """Unless its site withholds it, and never of a next of kin, a mother or a restricted record (24, 29)."""
    name, provider, values = visit.split(maxsplit=2)
    outcome = run(f"""{HEAD}
        T-9d | plan | {plan} E09 | end=D+9
        T    | A04  | {name} {provider} | {values}
    """)

    assert [(told,), ("-",)] == outcome.alerts("accompanied_by")


def test_the_authoritys_own_ids_of_child_and_upload_go_to_that_authority_alone(run: Run) -> None:
    """The newest record's id, and the upload it came in, none to anybody else (rulings 28, 29, 31)."""
    outcome = run(f"""{HEAD}
        T-9d | plan | CPP E09 | child_id=C-1 file_id=one
        T-8d | plan | LAC E09 | child_id=C-2 file_id=two
        T-9d | plan | CPP E08 | child_id=D-1 file_id=other
        T    | A04  | v1      |
    """)

    assert rows("""
        to           | child_id | file_id
        la E08       | D-1      | other
        la E09       | C-2      | two
        provider RXX | -        | -
    """) == outcome.alerts("to | child_id | file_id")


def test_an_authority_whose_newest_record_names_no_child_id_is_given_none(run: Run) -> None:
    """Neither an older one nor another authority's stands in for it (ruling 28)."""
    outcome = run(f"""{HEAD}
        T-9d | plan | CPP E09 | child_id=C-1
        T-8d | plan | LAC E09 | child_id=-
        T-9d | plan | CPP E08 | child_id=D-1
        T    | A04  | v1      |
    """)

    assert rows("""
        to           | child_id
        la E08       | D-1
        la E09       | -
        provider RXX | -
    """) == outcome.alerts("to | child_id")


@pytest.mark.parametrize(("first", "second"), [("CPP", "LAC"), ("LAC", "CPP")])
def test_of_two_records_of_one_moment_the_one_that_names_a_child_id_counts(
    run: Run, first: str, second: str
) -> None:
    """An authority finds its own child sooner by an id than by none (ruling 28)."""
    outcome = run(f"""{HEAD}
        T-9d | plan | {first} E09  | child_id=-
        T-9d | plan | {second} E09 | child_id=C-2
        T    | A04  | v1           |
    """)

    assert ("la E09", "C-2") == outcome.alerts("to | child_id")[0]


PLAN_LINES = rows("""
    says                                    | told
    phone_emergency=111 phone_office=222    | E09 Exton CPP 2025-10-02 - 111 222
    phone_emergency=111 phone_office=-      | E09 Exton CPP 2025-10-02 - 111 -
    phone_emergency=111 end=2026-02-01      | E09 Exton CPP 2025-10-02 2026-02-01 111 -
    phone_emergency=111 authority_name=Wyes | E09 Wyes CPP 2025-10-02 - 111 -
""")


@pytest.mark.parametrize(("says", "told"), PLAN_LINES)
def test_what_the_provider_is_told_of_a_plan(run: Run, says: str, told: str) -> None:
    """Type, start and end, the authority's name with both numbers, emergency first (ruling 30)."""
    outcome = run(f"""{HEAD}
        T-9d | plan | CPP E09 | {says}
        T    | A04  | v1      |
    """)

    (plan,) = outcome.standing[-1].plans
    values = (
        plan.authority,
        plan.authority_name,
        plan.plan_type,
        plan.start,
        plan.end,
        plan.phone_emergency,
        plan.phone_office,
    )
    assert told.split() == ["-" if value is None else str(value) for value in values]


def test_a_site_may_withhold_fields(run: Run) -> None:
    """What RWW does not give is empty for both, the rest is there (ruling 29)."""
    outcome = run(f"""{PLAN}
        T | A04 | v1 RWW | reason=fall location=ED acuity=3 clinician_name="Dr A"
    """)

    assert rows("""
        about | state   | reason | location | acuity | clinician_name
        v1    | present | -      | -        | 3      | -
        v1    | present | -      | -        | 3      | -
    """) == outcome.alerts("about | state | reason | location | acuity | clinician_name")


def test_a_mothers_authority_is_told_little(run: Run) -> None:
    """Attendance, time, provider and call-back only; the provider is told as ever (ruling 29)."""
    outcome = run(f"""{HEAD}
        T-9d | plan | UCP E09 | end=D+9
        T-1d | A04  | v1 RXX  |
        T    | A04  | v2 RLL  | reason=pregnancy location=ED acuity=3 site=RLL01
        T+1h | view | a1 RLL  |
    """)

    head = (
        "about | provider | arrived_at | call_back | reason | site | earlier_visits | last_visit_at | views"
    )
    authority, provider = outcome.alerts(head)[2:]
    assert ("v2", "RLL", "T", "02071112222", "-", "-", "0", "-", "-") == authority
    assert ("v2", "RLL", "T", "02071112222", "pregnancy", "RLL01", "1", "T-1d", "-") == provider


def test_a_pregnant_child_with_a_plan_of_her_own_is_told_of_as_a_child(run: Run) -> None:
    """One of the two roles is hers (rulings 19, 29)."""
    outcome = run(f"""{HEAD}
        T-9d | plan | UCP E09 | end=D+9
        T-9d | plan | LAC E09 |
        T    | A04  | v1      | reason=pregnancy
    """)

    assert [("LAC active; UCP active", "pregnancy")] * 2 == outcome.alerts("plans | reason")


def test_the_decision_about_a_visit_names_recipients_and_fields(run: Run) -> None:
    """Shared with whom and which fields, in codes only."""
    outcome = run(f"""{PLAN}
        T | A04 | v1 | reason=fall
    """)

    decision = outcome.decisions["v1"]
    assert ["la E09", "provider RXX"] == [recipient_text(one) for one in decision.recipients]
    assert ("plans", "visit.arrived_at", "visit.provider", "visit.reason", "visit.state", "visit.visit") == (
        decision.fields
    )
