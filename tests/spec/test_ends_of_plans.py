"""What ends a plan beside its end: a birthday, a loss, a record that was history at once (13, 18, 43)."""

import pytest

from tests.spec.conftest import Run, RunMoving
from tests.spec.table import messages, rows

HEAD = """
    recorded | fact | about   | values
"""
OF_AGE = "ruling 13: 18th birthday passed"
LOST = "ruling 43: pregnancy ended"


@pytest.mark.parametrize(
    ("plan", "registered", "source", "why"),
    rows(f"""
        plan          | registered | source     | why
        CPP E09       | 2008-01-11 | -          | shared
        CPP E09       | 2008-01-10 | -          | {OF_AGE}
        LAC E09       | 2008-01-10 | -          | {OF_AGE}
        LAC E09       | -          | -          | shared
        CPP E09       | -          | 2008-01-11 | shared
        CPP E09       | -          | 2008-01-10 | {OF_AGE}
        CPP E09       | 2008-01-10 | 2008-01-10 | {OF_AGE}
        CPP E09       | 2008-01-10 | 2008-01-11 | shared
        CPP E09       | 2008-01-11 | 2008-01-10 | shared
        UCP E09 end=D | 1990-01-10 | 1990-01-10 | shared
    """),
)
def test_nobody_is_alerted_about_from_the_18th_birthday_on(
    run: Run, plan: str, registered: str, source: str, why: str
) -> None:
    """Both who say when must say of age; never for a woman carrying an unborn child (ruling 13, R8)."""
    kind, authority, *values = plan.split()
    told = "" if source == "-" else f'T-9d | notice | n1 | kind="date of birth" birth_date={source}'

    outcome = run(f"""{HEAD}
        T-9d | plan | {kind} {authority} | birth_date={registered} {" ".join(values)}
        {told}
        T    | A04  | v1                 | birth_date={registered}
    """)

    assert why == outcome.whys["v1"]


@pytest.mark.parametrize(
    ("end", "why"),
    rows(f"""
        end | why
        D+9 | {OF_AGE}
        D-9 | {OF_AGE}
    """),
)
def test_a_birthday_holds_for_ended_plans_as_well(run: Run, end: str, why: str) -> None:
    """No alert, ended plans included (ruling 13)."""
    outcome = run(f"""{HEAD}
        T-9d | plan | CPP E09 | end={end} birth_date=2008-01-10
        T    | A04  | v1      | birth_date=2008-01-10
    """)

    assert why == outcome.whys["v1"]


@pytest.mark.parametrize(
    ("arrived", "why"),
    rows(f"""
        arrived             | why
        2026-02-28T23:59:59 | shared
        2026-03-01T00:00:00 | {OF_AGE}
    """),
)
def test_who_was_born_on_29_february_is_of_age_on_1_march(run: Run, arrived: str, why: str) -> None:
    """In whole days of Europe/London (ruling 13)."""
    outcome = run(f"""{HEAD}
        2026-02-01T10:00:00 | plan | CPP E09 | birth_date=2008-02-29
        {arrived}           | A04  | v1      | birth_date=2008-02-29
    """)

    assert why == outcome.whys["v1"]


def test_a_stay_that_began_before_the_birthday_runs_to_its_end(run: Run) -> None:
    """The day of arrival decides: a plan that starts in the stay still counts (ruling 13)."""
    outcome = run(f"""{HEAD}
        T-9d | plan | CPP E09 | start=D+2 birth_date=2008-01-11
        T    | A04  | v1      | birth_date=2008-01-11
        T+1d | A08  | v1      | birth_date=2008-01-11
    """)

    assert "shared" == outcome.whys["v1"]


@pytest.mark.parametrize(
    ("notices", "why"),
    rows(f"""
        notices                              | why
        T-2d 2008-01-11, T-1d 2008-01-10     | {OF_AGE}
        T-1d 2008-01-10, T-2d 2008-01-11     | {OF_AGE}
        T-1d 2008-01-10, T-1d 2008-01-11     | shared
        T-1d 2008-01-10, T+14d 2008-01-11    | shared
        T-1d 2008-01-10, T+14d+1m 2008-01-11 | {OF_AGE}
    """),
)
def test_the_newest_date_of_birth_by_the_cut_off_counts(run: Run, notices: str, why: str) -> None:
    """Whatever the order of arrival; at equal stamps the one that alerts (rulings 13, 37)."""
    said = [notice.split() for notice in notices.split(", ")]
    told = "\n".join(
        f'{at} | notice | n{number} | kind="date of birth" birth_date={born}'
        for number, (at, born) in enumerate(said)
    )

    outcome = run(f"""{HEAD}
        T-9d | plan | CPP E09 | birth_date=-
        T    | A04  | v1      | birth_date=-
        {told}
    """)

    assert why == outcome.whys["v1"]


def test_a_corrected_date_of_birth_takes_an_alert_back_or_brings_it(run: Run) -> None:
    """Whoever was told hears the reason; a view is judged by the same day (rulings 1, 13)."""
    outcome = run(f"""{HEAD}
        T-9d | plan   | CPP E09 | birth_date=-
        T    | A04    | v1      | birth_date=-
        T    | view   | a1 RYY  |
        T+1h | notice | n1      | kind="date of birth" birth_date=2008-01-10
    """)

    assert {"v1": OF_AGE, "a1": OF_AGE} == outcome.whys


@pytest.mark.parametrize(
    ("recorded", "start", "end", "why"),
    rows("""
        recorded | start | end   | why
        T+1d     | D-700 | D-365 | ruling 18: out of view when recorded
        T        | D-700 | D-365 | shared
        T+1d     | D-700 | D-364 | shared
    """),
)
def test_a_record_that_was_out_of_view_when_it_was_made_never_alerts(
    run: Run, recorded: str, start: str, end: str, why: str
) -> None:
    """By the day of its own record, also for a stay on a day on which it would have been seen (ruling 18)."""
    outcome = run(f"""{HEAD}
        T          | A04  | v1      |
        {recorded} | plan | CPP E09 | start={start} end={end}
    """)

    assert why == outcome.whys["v1"]


def test_a_late_end_to_a_plan_that_is_held_is_applied(run: Run) -> None:
    """Only a plan whose every version is history never alerts; it is part of what is known (ruling 18)."""
    outcome = run(f"""{HEAD}
        T-9d | plan | CPP E09 | start=D-700
        T    | A04  | v1      |
        T+1d | plan | CPP E09 | start=D-700 end=D-365
    """)

    assert [("CPP ended",)] * 2 == outcome.alerts("plans")


@pytest.mark.parametrize(
    ("plan", "said", "why"),
    rows(f"""
        plan              | said                                        | why
        UCP start=D-100   | T-1h notice n1 kind="pregnancy ended"       | {LOST}
        UCP start=D-100   | T notice n1 kind="pregnancy ended"          | {LOST}
        UCP start=D-100   | T+1m notice n1 kind="pregnancy ended"       | shared
        UCP start=D-1     | T-2d notice n1 kind="pregnancy ended"       | shared
        UCP start=D-2     | T-2d notice n1 kind="pregnancy ended"       | {LOST}
        CPP start=D-100   | T-1h notice n1 kind="pregnancy ended"       | shared
        UCP start=D-100   | T-1h notice n1 kind=stillbirth              | {LOST}
        UCP start=D-100   | T-1m notice n1 kind=stillbirth              | {LOST}
        UCP start=D-100   | T notice n1 kind=stillbirth                 | shared
        UCP start=D-100   | T+1m notice n1 kind=stillbirth              | shared
        CPP start=D-100   | T-1h notice n1 kind=stillbirth              | shared
        UCP start=D-100   | T-1d A03 v0 departed_at=T-1h disposition=5  | {LOST}
        UCP start=D-100   | T-1d A03 v0 departed_at=T-1h disposition=3  | shared
        UCP start=D-100   | T-1d A03 v0 departed_at=T+1m disposition=5  | shared
    """),
)
def test_a_loss_stops_alerts_for_an_unborn_plan_at_once(run: Run, plan: str, said: str, why: str) -> None:
    """
    By a stillbirth's departure or notice, or the authority; a later pregnancy's counts (ruling 43).

    A notice's time is cut to the minute: of an arrival within it what alerts wins (ruling 37).
    """
    kind, start = plan.split()
    at, event, about, values = said.split(maxsplit=3)

    outcome = run(f"""{HEAD}
        T-9d | plan    | {kind} E09 | {start} end=D+20
        {at} | {event} | {about}    | {values}
        T    | A04     | v1         |
    """)

    assert why == outcome.whys["v1"]


@pytest.mark.parametrize(
    ("receipts", "why"),
    rows(f"""
        receipts    | why
        T-1h        | {LOST}
        T-1h T+3h   | {LOST}
        T+3h T-1h   | {LOST}
        T+2h T+3h   | shared
    """),
)
def test_a_notice_stamped_ahead_of_its_receipt_counts_from_the_first(
    run: Run, receipts: str, why: str
) -> None:
    """However often and late the same bytes come again (rulings 37, 43)."""
    heard = "\n".join(
        f'T+2h | notice | n1 | kind="pregnancy ended" received={receipt}' for receipt in receipts.split()
    )

    outcome = run(f"""{HEAD}
        T-9d | plan | UCP E09 | start=D-100 end=D+20
        T    | A04  | v1      |
        {heard}
    """)

    assert why == outcome.whys["v1"]


@pytest.mark.parametrize(
    ("said", "corrected", "why"),
    rows(f"""
        said                                         | corrected   | why
        T-3h notice n1 kind=stillbirth               | T-3h-1m     | {LOST}
        T-3h notice n1 kind=stillbirth               | T-3h        | shared
        T-3h notice n1 kind=stillbirth               | T-1h        | shared
        T-3h notice n1 kind=stillbirth               | T+14d       | shared
        T-3h notice n1 kind=stillbirth               | T+14d+1s    | {LOST}
        T-3h notice n1 kind="pregnancy ended"        | T-1h        | {LOST}
        T-1d A03 v0 departed_at=T-3h disposition=5   | T-1h        | {LOST}
    """),
)
def test_a_stillbirth_that_is_taken_back_stops_nothing(run: Run, said: str, corrected: str, why: str) -> None:
    """
    By the cut-off, at the time it was said or later: at equal stamps what alerts wins (rulings 10, 37, 43).

    No notice takes back what a hospital said, or an authority.
    """
    at, event, about, values = said.split(maxsplit=3)

    outcome = run(f"""{HEAD}
        T-9d        | plan    | UCP E09  | start=D-100 end=D+20
        {at}        | {event} | {about}  | {values}
        T           | A04     | v1       |
        {corrected} | notice  | n2       | kind="stillbirth taken back"
    """)

    assert why == outcome.whys["v1"]


def test_a_stillbirth_that_is_said_again_counts(run: Run) -> None:
    """The newest word does (rulings 37, 43)."""
    outcome = run(f"""{HEAD}
        T-9d | plan   | UCP E09 | start=D-100 end=D+20
        T-4h | notice | n1      | kind=stillbirth
        T-3h | notice | n2      | kind="stillbirth taken back"
        T-2h | notice | n3      | kind=stillbirth
        T    | A04    | v1      |
    """)

    assert LOST == outcome.whys["v1"]


def test_a_visit_before_a_stillbirth_was_taken_back_is_told_late(run: Run) -> None:
    """It was not due until then: delayed, and marked so (rulings 11, 43)."""
    outcome = run(f"""{HEAD}
        T-9d | plan   | UCP E09 | start=D-100 end=D+20
        T-3h | notice | n1      | kind=stillbirth
        T    | A04    | v1      |
        T+1h | A03    | v1      | departed_at=T+1h
        T+2d | notice | n2      | kind="stillbirth taken back"
    """)

    assert ("UCP active (delayed)", "v1") in outcome.alerts("plans | subject")


def test_the_visit_that_ended_with_a_stillbirth_was_told_and_stands(run: Run) -> None:
    """What was right when it was told is not taken back (rulings 15, 43)."""
    outcome = run(f"""{HEAD}
        T-9d | plan | UCP E09 | end=D+20
        T    | A04  | v1      |
        T+9h | A03  | v1      | departed_at=T+9h disposition=5
    """)

    assert "shared" == outcome.whys["v1"]


OTHER = "family=Other given=Alex birth_date=1991-01-01"
WHOSE_LOSS = rows(f"""
    details of the visit         | said of it                                     | why
    -                            | -                                              | {LOST}
    given=Alex                   | -                                              | {LOST}
    {OTHER}                      | -                                              | shared
    family=- given=Alex          | -                                              | shared
    {OTHER} number_status=01     | -                                              | shared
    given=Alex family=Other number_status=01 | -                                  | {LOST}
    family=- given=- birth_date=- number_status=01 | -                            | {LOST}
    {OTHER}                      | T-1h notice n1 identity-confirmed visit=v3     | {LOST}
    {OTHER}                      | T-1h notice n1 not-this-person visit=v3        | shared
    {OTHER}                      | T-1h notice n1 item-unsettled visit=v3         | shared
""")


@pytest.mark.parametrize(("details", "said", "why"), WHOSE_LOSS)
def test_a_loss_at_a_visit_that_may_be_another_womans_stops_nothing(
    run_moving: RunMoving, details: str, said: str, why: str
) -> None:
    """Whose details disagree with the unborn plan, unless a person says that it is hers (20, 43, 46)."""
    values = details.strip("-") if details == "-" else details
    word = [] if said == "-" else said.split()
    notice = "" if not word else f"{word[0]} | notice | {word[2]} {word[3]} | {word[4]}"
    outcome = run_moving(f"""{HEAD}
        T-9d | plan | UCP E09 | end=D+20 verified=yes
        T-9h | A04  | v3      | {values}
        T-8h | A03  | v3      | departed_at=T-8h disposition=5 {values}
        {notice}
        T    | A04  | v1      |
    """)

    assert why == outcome.whys["v1"]


@pytest.mark.parametrize(
    ("corrected", "why"),
    rows(f"""
        corrected | why
        T-9d      | {LOST}
        T+14d     | {LOST}
        T+14d+1m  | shared
    """),
)
def test_details_that_make_it_her_loss_count_by_the_cut_off(run: Run, corrected: str, why: str) -> None:
    """What a plan registers later says nothing of what was right when it was told (10, 20, 43)."""
    outcome = run(f"""{HEAD}
        T-9d        | plan | UCP E09 | end=D+20
        {corrected} | plan | UCP E09 | end=D+20 {OTHER}
        T-8h        | A03  | v3      | departed_at=T-8h disposition=5 {OTHER}
        T           | A04  | v1      |
    """)

    assert why == outcome.whys["v1"]


@pytest.mark.parametrize(
    "said", ["T A03", "T A03 departed_at=T-1h", "T-2h A04; T A03", "T-2h A04; T A08 departed_at=T-2h"]
)
def test_a_visit_is_told_that_its_own_loss_ended(run: Run, said: str) -> None:
    """She was there before it ended, though its A04 was lost (rulings 1, 43); the next one is not told."""
    outcome = run(f"""{HEAD}
        T-9d | plan | UCP E09 | end=D+20
        {messages(said)} disposition=5
        T+1d | A04 | v2 |
    """)

    assert {"v1": "shared", "v2": LOST} == outcome.whys
    assert {"v1"} == {alert.subject for alert in outcome.standing}
