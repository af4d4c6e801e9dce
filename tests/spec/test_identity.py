"""
Is the number really this person's? Ruling 20.

The plan is registered for Robin Sample, born on 12 April 2014.
"""

import pytest

from broker.core.worklist import ItemKind
from tests.spec.conftest import Run
from tests.spec.table import rows

DISAGREE = "ruling 20: details disagree"

COMPARISONS = rows("""
    visit                                               | plans
    family=Sample given=Robin birth_date=2014-04-12     | CPP active
    family=Sample given=Robin birth_date=2014-12-04     | CPP active
    family=Sample given=Robin birth_date=2014-04-13     | CPP active (details differ)
    family=Other  given=Robin birth_date=2014-04-12     | CPP active (details differ)
    family=Sample given=Alex  birth_date=2014-04-12     | CPP active (details differ, could be twin)
    family=Sample given=Robin birth_date=-              | CPP active
    family=Sample given=-     birth_date=2014-04-12     | CPP active
    family=-      given=Robin birth_date=2014-04-12     | CPP active
    family=Sample given=UNKNOWN birth_date=2014-04-12   | CPP active
    family=Sample given=BABY  birth_date=2014-04-12     | CPP active
    family=Sample given=Robin birth_date=2013-01-01 birth_date_reliability=estimated | CPP active
    given=Robin birth_date=2013-01-01 birth_date_reliability=stated | CPP active (details differ)
    family=Sample given=Alex  birth_date=2014-04-12 birth_date_reliability=estimated | -
    family=Sample given=Alex  birth_date=2014-04-13     | -
    family=Other  given=Alex  birth_date=2014-04-12     | -
    family=Other  given=Robin birth_date=2014-04-13     | -
    family=Sample given=-     birth_date=-              | -
    family=-      given=-     birth_date=-              | -
    family=SAMPLE given=robin birth_date=-              | CPP active
    family='S a-m’p_lé' given='Robin Jo' birth_date=-   | CPP active
    family=Sample given=Robin-Jo birth_date=-           | CPP active
    family=Sample given=Robinjo birth_date=-            | -
""")


@pytest.mark.parametrize(("visit", "plans"), COMPARISONS, ids=[row[0] for row in COMPARISONS])
def test_two_of_three_details_make_a_match(run: Run, visit: str, plans: str) -> None:
    """Date of birth, family name, first given name; what is missing counts neither way (ruling 20)."""
    outcome = run(f"""
        recorded | fact | about   | values
        T-9d     | plan | CPP E09 |
        T        | A04  | v1      | {visit}
    """)

    assert [(plans,)] * 2 * (plans != "-") == outcome.alerts("plans")
    assert {"v1": "shared" if plans != "-" else DISAGREE} == outcome.whys


@pytest.mark.parametrize(
    ("registered", "visiting"),
    [
        ("O'Brien", "OBRIEN"),
        ("O’Brien", "O'BRIEN"),
        ("O\u02bcbrien", "OBRIEN"),
        ("Łukasz", "LUKASZ"),
        ("Sørensen", "SORENSEN"),
        ("Đorđe", "Dorde"),
        ("Guðrún", "GUDRUN"),
        ("Þór", "THOR"),
        ("Æbler", "AEBLER"),
        ("Œuvre", "OEUVRE"),
        ("Y\u0131ld\u0131z", "YILDIZ"),
        ("İpek", "IPEK"),
        ("Ħamrun", "HAMRUN"),
        ("Strauß", "STRAUSS"),
        ("Ǿrsted", "ORSTED"),
        ("Smith-Jones", "SMITHJONES"),
        ("van der Berg", "Vanderberg"),
        ("Renée", "RENE\u0301E"),
    ],
)
def test_names_are_folded_before_they_are_compared(run: Run, registered: str, visiting: str) -> None:
    """Case, marks and their like, hyphens, apostrophes and spaces make no difference (ruling 20)."""
    outcome = run(f"""
        recorded | fact | about   | values
        T-9d     | plan | CPP E09 | family="{registered}"
        T        | A04  | v1      | family="{visiting}" given=-
    """)

    assert [("CPP active",)] * 2 == outcome.alerts("plans")


ALLOWANCES = rows("""
    provider | verified | visit                                       | marks
    RXX      | yes      | number_status=01                            | (details not confirmed)
    RXX      | no       | number_status=01                            | no match
    RXX      | yes      | number_status=02                            | no match
    RXX      | yes      | number_status=03                            | no match
    RXX      | yes      | number_status=04                            | no match
    RXX      | yes      | number_status=05                            | no match
    RXX      | yes      | number_status=06                            | no match
    RXX      | yes      | number_status=07                            | no match
    RXX      | yes      | number_status=08                            | no match
    RXX      | yes      |                                             | no match
    RTT      | yes      |                                             | (details not confirmed)
    RTT      | no       |                                             | no match
    RTT      | yes      | number_status=02                            | (details not confirmed)
    RXX      | yes      | number_status=01 family=Sample              | (details not confirmed)
    RXX      | yes      | number_status=01 family=Other               | (details differ)
    RXX      | yes      | number_status=01 given=Alex                 | (details differ, could be twin)
    RXX      | yes      | number_status=01 family=Sample given=Alex   | (details differ, could be twin)
    RXX      | yes      | number_status=01 family=Sample given=Alex birth_date=2013-01-01 | (details differ)
    RXX      | yes      | number_status=01 family=Other given=Alex    | no match
    RXX      | yes      | number_status=01 family=Other given=Alex birth_date=2013-01-01 | no match
    RXX      | yes      | number_status=01 family=Sample given=Robin          |
    RXX      | no       | number_status=01 family=Sample given=Robin          |
""")


@pytest.mark.parametrize(
    ("provider", "verified", "visit", "marks"), ALLOWANCES, ids=[" ".join(row[:3]) for row in ALLOWANCES]
)
def test_a_traced_number_matches_a_verified_plan(
    run: Run, provider: str, verified: str, visit: str, marks: str
) -> None:
    """Marked, and not when two or more details disagree and none agrees (ruling 20, R12); RTT traces."""
    outcome = run(f"""
        recorded | fact | about         | values
        T-9d     | plan | CPP E09       | verified={verified}
        T        | A04  | v1 {provider} | family=- given=- birth_date=- {visit}
    """)

    told = [(f"CPP active {marks}".rstrip(),)] * 2 if marks != "no match" else []
    assert told == outcome.alerts("plans")


def test_a_plan_once_verified_keeps_its_allowance(run: Run) -> None:
    """Only a plan that R12 never verified has none (ruling 20)."""
    outcome = run("""
        recorded | fact | about   | values
        T-9d     | plan | CPP E09 | verified=yes
        T-8d     | plan | CPP E09 | verified=no
        T        | A04  | v1      | number_status=01 family=- given=- birth_date=-
    """)

    assert [("CPP active (details not confirmed)",)] * 2 == outcome.alerts("plans")


OVER_TIME = rows("""
    then                                                     | plans
    T+1h A08 family=Other given=Alex                         | CPP active (details differ)
    T+1h A08 family=Other given=Alex birth_date=2013-01-01   | CPP active (details differ)
    T+1h A08 given=Alex                                      | CPP active (details differ, could be twin)
    T+1h A08 family=- given=- birth_date=- cleared=family,given,birth_date | CPP active
    T    A08 family=Other given=Alex control_id=z            | CPP active (details differ)
    T    A08 family=Other given=Alex control_id=a            | CPP active
    T-1h A08 family=Other given=Alex                         | CPP active
""")


@pytest.mark.parametrize(("then", "plans"), OVER_TIME, ids=[row[0] for row in OVER_TIME])
def test_details_that_agreed_at_any_time_match(run: Run, then: str, plans: str) -> None:
    """Newer ones that disagree only mark (ruling 20)."""
    at, event, *values = then.split()
    outcome = run(f"""
        recorded | fact    | about   | values
        T-9d     | plan    | CPP E09 |
        T        | A04     | v1      | control_id=m
        {at}     | {event} | v1      | {" ".join(values)}
    """)

    assert [(plans,)] * 2 == outcome.alerts("plans")


PLANS_OVER_TIME = rows("""
    then recorded | says         | plans
    T-1d          | family=Other | CPP active (details differ)
    T+1d          | family=Other | CPP active (details differ)
    T+14d         | family=Other | CPP active (details differ)
    T+14d+1m      | family=Other | CPP active
    T-1d          | family=Other given=Alex | -
    T+1d          | family=Other given=Alex | CPP active (details differ)
    T+14d+1m      | family=Other given=Alex | CPP active
""")


@pytest.mark.parametrize(("then", "says", "plans"), PLANS_OVER_TIME)
def test_the_registered_details_count_until_the_cut_off(run: Run, then: str, says: str, plans: str) -> None:
    """What agreed when it stood matches; a correction by c marks, a later one does nothing (10, 20)."""
    outcome = run(f"""
        recorded | fact | about   | values
        T-9d     | plan | CPP E09 |
        {then}   | plan | CPP E09 | {says}
        T        | A04  | v1      |
    """)

    assert [(plans,)] * 2 * (plans != "-") == outcome.alerts("plans")


def test_details_corrected_later_join_up_by_themselves(run: Run) -> None:
    """What disagreed first and agrees now alerts, and the item is closed (ruling 20)."""
    outcome = run("""
        recorded | fact | about   | values
        T-9d     | plan | CPP E09 |
        T        | A04  | v1      | family=Other given=Alex
        T+1h     | A08  | v1      |
    """)

    assert ({"v1": "shared"}, []) == (outcome.whys, outcome.asked)


def test_a_match_by_allowance_is_still_marked_when_the_allowance_is_gone(run: Run) -> None:
    """The details were never confirmed (ruling 20)."""
    outcome = run("""
        recorded | fact | about   | values
        T-9d     | plan | CPP E09 | verified=yes
        T        | A04  | v1      | number_status=01 family=- given=- birth_date=-
        T+1h     | A08  | v1      | number_status=02 family=- given=- birth_date=-
    """)

    assert [("CPP active (details not confirmed)",)] * 2 == outcome.alerts("plans")


def test_details_that_disagree_ask_who_the_person_is(run: Run) -> None:
    """No alert but one urgent item with the sender's control id, which tells of no plan (rulings 20, 46)."""
    outcome = run("""
        recorded | fact | about   | values
        T-9d     | plan | CPP E09 |
        T        | A04  | v1      | family=Other given=Alex control_id=MSG-7
    """)

    assert [] == outcome.standing
    assert [(ItemKind.DETAILS_DISAGREE, True, "MSG-7")] == outcome.asked


def test_a_plan_that_does_not_match_is_asked_about_beside_one_that_does(run: Run) -> None:
    """The matching plan alerts, the other makes the item (rulings 19, 20)."""
    outcome = run("""
        recorded | fact | about   | values
        T-9d     | plan | CPP E09 |
        T-9d     | plan | LAC E08 | family=Other given=Alex
        T        | A04  | v1      | control_id=MSG-7
    """)

    assert rows("""
        to           | plans
        la E09       | CPP active
        provider RXX | CPP active
    """) == outcome.alerts("to | plans")
    assert [(ItemKind.DETAILS_DISAGREE, True, "MSG-7")] == outcome.asked


def test_nobody_is_asked_about_a_person_whose_plan_is_not_due(run: Run) -> None:
    """An item tells nobody that a plan once existed (rulings 10, 46)."""
    outcome = run("""
        recorded | fact | about   | values
        T-9d     | plan | CPP E09 | start=D-900 end=D-400
        T        | A04  | v1      | family=Other given=Alex
    """)

    assert ({"v1": "ruling 10: no plan due"}, []) == (outcome.whys, outcome.asked)
