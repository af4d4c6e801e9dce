"""Restricted records, and people who must not see somebody: rulings 24 and 48, R39."""

from collections.abc import Iterator, Mapping

import pytest

from broker.core.alerts import Change, EventKind
from broker.core.identifiers import NhsNumber
from broker.core.worklist import ItemKind
from tests.builders.adt import Adt, Patient
from tests.spec.conftest import Run, RunDoors, RunMoving
from tests.spec.doors import at
from tests.spec.outcome import Outcome
from tests.spec.table import rows

HEAD = """
    recorded | fact | about   | values
"""
PLAN = f"""{HEAD}
    T-9d     | plan | CPP E09 |
"""
NATIONAL = "2031-06-02T10:00"
"""A time at which the settled policy shares nothing of restricted records."""


def said(text: str) -> str:
    """Return table rows for `time fact about[/more] values; …`."""
    parts = [[*part.split(maxsplit=3), ""] for part in text.split("; ") if part != "-"]
    return "\n".join(
        f"{at} | {fact} | {about.replace('/', ' ')} | {values}" for at, fact, about, values, *_ in parts
    )


SOURCES = rows("""
    said                                                                                      | restricted
    -                                                                                         | no
    T-9d notice n1                                                                            | yes
    T+9d notice n1                                                                            | yes
    T+1h A08 v1 restricted=yes                                                                | yes
    T+1h A08 v1 restricted=no                                                                 | no
    T-2d A04 v0/RLL restricted=yes                                                            | yes
    T+2d A04 v2/RLL restricted=yes                                                            | yes
    T-2d A04 v0/RLL restricted=yes location=HAVEN                                             | yes
    T-8d plan CPP/E09 restricted=yes                                                          | yes
    T-8d plan LAC/E08 restricted=yes                                                          | yes
    T-8d plan CPP/E09 restricted=yes; T-7d plan CPP/E09                                       | yes
    T+1h A08 v1 restricted=yes; T+2h A08 v1                                                   | yes
    T+1h A08 v1 restricted=yes; T+2h A08 v1 cleared=restricted                                | yes
    T+1h A08 v1 restricted=yes; T+2h A08 v1 restricted=no                                     | yes
    T-9d notice n1; T-8d notice n2/restriction-lifted                                         | no
    T-8d notice n2/restriction-lifted; T-9d notice n1                                         | no
    T-9d notice n1; T-9d notice n2/restriction-lifted                                         | yes
    T-8d notice n1; T-9d notice n2/restriction-lifted                                         | yes
    T+1h A08 v1 restricted=yes; T+1h+1m notice n1/restriction-lifted                          | no
    T+1h A08 v1 restricted=yes; T+59m notice n1/restriction-lifted                            | yes
    T+1h A08 v1 restricted=yes; T+2h notice n1/restriction-lifted; T+3h A08 v1                | no
    T+1h A08 v1 restricted=yes; T+2h notice n1/restriction-lifted; T+3h A08 v1 restricted=yes | yes
    T-8d plan CPP/E09 restricted=yes; T-7d notice n1/restriction-lifted                       | no
    T-8d notice n1/restriction-lifted; T-6d plan CPP/E09 restricted=yes                       | yes
    T+9d notice n1 received=T+1h; T+2h notice n2/restriction-lifted                           | no
    0001-01-01 notice n1 received=T+1h; T notice n2/restriction-lifted                        | yes
    0001-01-01 notice n1 received=T+1h; T+2h notice n2/restriction-lifted                     | no
    T-9d notice n1; 1899-12-31 notice n2/restriction-lifted received=T                        | yes
""")


MARKED_BEFORE = rows("""
    before           | restricted
    -                | no
    v1               | no
    v1 S             | yes
    v2 S             | no
    v1 S; v1         | yes
    v1 S; v1 cleared | yes
""")
"""Which messages without a number come before the one that brings it."""


@pytest.mark.parametrize(("before", "restricted"), MARKED_BEFORE)
def test_a_mark_outlives_that_its_visit_had_no_number(
    run_doors: RunDoors, before: str, restricted: str
) -> None:
    """Set while nobody knew whose the visit was, it restricts whose it is (ruling 24)."""

    def sent(numbers: Mapping[str, NhsNumber]) -> Iterator[Adt]:
        told = [part.split() for part in before.split("; ") if part != "-"]
        for place, (visit, *mark) in enumerate(told):
            nobody = Patient(number=None, family="UNKNOWN", given="UNKNOWN", born="")
            marked = {"S": "S", "cleared": '""'}.get("".join(mark), "")
            yield Adt(
                event="A08", control_id=f"C{place}", recorded=at(place), patient=nobody,
                pv1={"visit": visit, "class": "E", "location": "ED", "restricted": marked},
            )  # fmt: skip
        yield Adt(
            event="A08", control_id="C9", recorded=at(30),
            patient=Patient(number=numbers["A"].digits, born="20140412"),
            pv1={"visit": "v1", "class": "E", "location": "ED"},
        )  # fmt: skip

    outcome = run_doors(PLAN, sent)

    routes = {row[1] for row in outcome.alerts("to | route") if row[0] == "la E09"}
    assert {"recipients of restricted records" if restricted == "yes" else "duty social worker"} == routes


PERSONS = rows("""
    events    | restricted
    A31       | no
    A31 S     | yes
    A28 S     | yes
    A31 S A31 | yes
    A28 A31   | no
""")
"""Messages about the person and no visit."""


@pytest.mark.parametrize("after", [False, True], ids=["before the visit", "after it"])
@pytest.mark.parametrize(("events", "restricted"), PERSONS)
def test_a_message_about_the_person_restricts_without_a_visit(
    run_doors: RunDoors, events: str, restricted: str, *, after: bool
) -> None:
    """A mark on the hospital's record is the person's, whichever message bears it (ruling 24)."""

    def sent(numbers: Mapping[str, NhsNumber]) -> Iterator[Adt]:
        child = Patient(number=numbers["A"].digits, born="20140412")
        for place, event in enumerate(events.replace(" S", "S").split()):
            yield Adt(
                event=event[:3], control_id=f"C{place}", recorded=at(place + 60 * after), patient=child,
                more=("ZU8||||1",) if event.endswith("S") else (),
            )  # fmt: skip
        yield Adt(
            event="A04", control_id="C9", recorded=at(30), patient=child,
            pv1={"visit": "v1", "class": "E", "location": "ED"},
        )  # fmt: skip

    outcome = run_doors(PLAN, sent)

    routes = {row[1] for row in outcome.alerts("to | route") if row[0] == "la E09"}
    assert {"recipients of restricted records" if restricted == "yes" else "duty social worker"} == routes


@pytest.mark.parametrize(("marks", "restricted"), SOURCES)
def test_any_source_restricts_and_the_demographic_source_alone_lifts(
    run: Run, marks: str, restricted: str
) -> None:
    """Of the stamps the newest decides; a mark from any visit or plan is one of the person (ruling 24)."""
    outcome = run(f"""{PLAN}
        T | A04 | v1 RXX |
        {said(marks)}
    """)

    routes = {row[1] for row in outcome.alerts("to | route") if row[0] == "la E09"}
    assert {"recipients of restricted records" if restricted == "yes" else "duty social worker"} == routes


LATE = rows("""
    then                                                                              | restricted
    T+2h A08 A; T+1h A08 B                                                            | no
    T+2h A08 A; T+1h A08 B restricted=yes                                             | yes
    T+2h A08 A; T+1h A08 B restricted=yes; T+3h A08 A cleared=restricted              | yes
    T+1h A08 C; T+2h A08 A; T+90m A08 C restricted=yes                                | yes
    T+2h A08 A; T+1h A08 B restricted=yes; T+3h notice A kind='restriction lifted'   | no
    T+2h A08 A; T+1h A08 B restricted=yes; T+59m notice A kind='restriction lifted'  | yes
""")


@pytest.mark.parametrize(("then", "restricted"), LATE)
def test_a_mark_that_comes_late_under_a_former_number_restricts_the_one_in_use(
    run_recorded: RunMoving, then: str, restricted: str
) -> None:
    """It is that of whoever is there, whichever message bears it; only the source lifts it (24, 44)."""
    parts = [part.split(maxsplit=3) for part in then.split("; ")]
    later = "\n".join(
        f"{at} | {fact} | {'n1' if fact == 'notice' else 'v1'} | number={number} {' '.join(values)}"
        for at, fact, number, *values in parts
    )
    outcome = run_recorded(f"""{HEAD}
        T-9d | plan | CPP E09 | number=A
        T    | A04  | v1      | number=B
        {later}
    """, stepwise=True)  # fmt: skip

    route = "recipients of restricted records" if restricted == "yes" else "duty social worker"
    assert [("A", route)] == [row[:2] for row in outcome.alerts("number | route | to") if row[2] == "la E09"]


STORY = f"""{PLAN}
    T-9d | plan | LAC E08 |
    T-2d | A04  | v0 RXX  |
    T    | A04  | v1 RLL  | reason=fall location=ED site=RLL01 acuity=3 clinician_name=Dr
    T+1h | view | a1 RLL  |
"""


def test_a_restricted_record_gives_the_authority_time_plan_and_count(run: Run) -> None:
    """No provider, site, area, adult, clinician or reason, no earlier place, no other authority (24, 19)."""
    outcome = run(f"{STORY} T-9d | notice | n1 |")

    withheld = "provider | call_back | reason | location | others | views"
    head = f"to | about | arrived_at | plans | {withheld} | earlier_visits"
    told = [row for row in outcome.alerts(head) if row[2] == "T"]
    nothing = ("-",) * 6
    assert ("la E09", "random", "T", "CPP active", *nothing, "1") in told
    assert ("la E08", "random", "T", "LAC active", *nothing, "1") in told
    assert [None] * 4 == [
        alert.last_visit_at for alert in outcome.standing if alert.recipient.kind.value == "la"
    ]


def test_the_providers_safeguarding_role_is_told_all_with_both_numbers(run: Run) -> None:
    """Plans and authorities, to nobody else at the provider (ruling 24)."""
    outcome = run(f"""{HEAD}
        T-9d | plan   | CPP E09 | phone_office=111 phone_emergency=222
        T-9d | notice | n1      |
        T    | A04    | v1 RXX  | location=ED
    """)

    told = [
        row for row in outcome.alerts("to | about | route | plans | location | notes") if row[2][0] == "s"
    ]
    assert [("provider RXX", "v1", "safeguarding role", "CPP active", "ED", "restricted")] == told
    line = outcome.standing[-1].plans[0]
    assert ("E09", "111", "222") == (str(line.authority), line.phone_office, line.phone_emergency)


@pytest.mark.parametrize(("restricted", "notes"), [("no", "site unlisted"), ("yes", "restricted")])
def test_that_a_place_is_not_listed_says_something_of_it(run: Run, restricted: str, notes: str) -> None:
    """So the authority of a restricted record is not told it; the provider is, whose place it is (4, 24)."""
    outcome = run(f"{PLAN} T | A04 | v1 RXX | patient_class=O restricted={restricted}")

    own = "site unlisted; restricted" if restricted == "yes" else "site unlisted"
    assert [("la E09", notes), ("provider RXX", own)] == outcome.alerts("to | notes")


def test_references_of_a_restricted_record_compare_with_nobody_elses(run: Run) -> None:
    """Each authority has its own, neither the visit's nor another recipient's (ruling 24)."""
    outcome = run(f"{STORY} T-9d | notice | n1 |")

    own = {
        alert.alert_id: {alert.subject, alert.visit.visit if alert.visit else alert.subject}
        for alert in outcome.standing
        if alert.recipient.kind.value == "la"
    }
    assert 4 == len(own)
    assert {alert_id: {alert_id} for alert_id in own} == own


def test_the_reference_stays_over_the_revisions_of_an_alert(run_stepwise: Run) -> None:
    """An update finds its thread (ruling 24)."""
    outcome = run_stepwise(f"""{PLAN}
        T-9d | notice | n1     |
        T    | A04    | v1 RXX |
        T+1h | A03    | v1 RXX | disposition=12
    """)

    told = [event.alert.subject for event in outcome.events if event.alert.recipient.kind.value == "la"]
    assert (2, 1) == (len(told), len(set(told)))


def newest(outcome: Outcome) -> dict[str, tuple[EventKind, tuple[Change, ...], bool]]:
    """Return the last event for each recipient about one visit."""
    return {
        f"{event.alert.recipient.kind.value} {event.alert.recipient.code}": (
            event.kind,
            event.changes,
            event.loud,
        )
        for event in outcome.events
    }


AFTERWARDS = rows("""
    mark                               | afterwards
    T+9d notice n1                     | -
    T+1h A08 v1/RXX restricted=yes     | -
    T+1h plan CPP/E09 restricted=yes   | -
    T+1h A08 v1/RXX restricted=yes     | T+2h A08 v1/RXX cleared=restricted
""")


@pytest.mark.parametrize(("mark", "afterwards"), AFTERWARDS)
def test_a_record_restricted_after_the_alert_is_told_anew_and_the_old_to_be_deleted(
    run_stepwise: Run, mark: str, afterwards: str
) -> None:
    """At once, loud, to everybody who was told; `""` afterwards changes nothing (ruling 24)."""
    outcome = run_stepwise(f"""{PLAN}
        T | A04 | v1 RXX | location=ED
        {said(mark)}
        {said(afterwards)}
    """)

    reduced = (EventKind.UPDATED, (Change.RESTRICTED,), True)
    assert {"la E09": reduced, "provider RXX": reduced} == newest(outcome)
    assert rows("""
        to           | about  | location | notes
        la E09       | random | -        | restricted
        provider RXX | v1     | ED       | restricted
    """) == sorted(outcome.alerts("to | about | location | notes"))


def test_what_else_changed_with_the_restriction_is_said_too(run_stepwise: Run) -> None:
    """A child who left unseen is news whatever else is (rulings 7, 24)."""
    outcome = run_stepwise(f"""{PLAN}
        T    | A04 | v1 RXX |
        T+1h | A03 | v1 RXX | restricted=yes disposition=12
    """)

    assert (EventKind.UPDATED, (Change.LEFT, Change.RESTRICTED), True) == newest(outcome)["la E09"]


def test_a_lifted_restriction_is_told_in_full(run_stepwise: Run) -> None:
    """Nothing is left of it (ruling 24)."""
    outcome = run_stepwise(f"""{PLAN}
        T-9d | notice | n1                    |
        T    | A04    | v1 RXX                | location=ED
        T+1h | notice | n2 restriction-lifted |
    """)

    assert rows("""
        to           | about | location | notes | route
        la E09       | v1    | ED       | -     | duty social worker
        provider RXX | v1    | ED       | -     | treating clinician
    """) == outcome.alerts("to | about | location | notes | route")


def test_an_alert_taken_back_with_the_restriction_is_reduced_all_the_same(run_stepwise: Run) -> None:
    """A withdrawal repeats what was told: never the place (rulings 16, 24)."""
    outcome = run_stepwise(f"""{PLAN}
        T    | A04 | v1 RLL | location=ED
        T+1h | A11 | v1 RLL | cancel_reason=ERR restricted=yes
    """)

    last = [event for event in outcome.events if event.alert.recipient.kind.value == "la"][-1]
    assert (EventKind.WITHDRAWN, (Change.RESTRICTED,)) == (last.kind, last.changes)
    assert last.alert.visit is not None
    assert (None, None) == (last.alert.visit.provider, last.alert.visit.location)


def test_an_alert_taken_back_before_the_restriction_is_reduced_once(run_stepwise: Run) -> None:
    """Its old content lives on nowhere; deletion is asked for, once (ruling 24)."""
    outcome = run_stepwise(f"""{PLAN}
        T    | A04    | v1 RLL | location=ED
        T+1h | A11    | v1 RLL | cancel_reason=ERR
        T+2h | notice | n1     |
        T+3h | notice | n2     |
    """)

    events = [event for event in outcome.events if event.alert.recipient.kind.value == "la"]
    assert [
        (EventKind.RAISED, ()),
        (EventKind.WITHDRAWN, ()),
        (EventKind.WITHDRAWN, (Change.RESTRICTED,)),
    ] == [(event.kind, event.changes) for event in events]
    assert events[-1].alert.visit is not None
    assert events[-1].alert.visit.location is None


def test_an_alert_that_stands_again_when_restricted_asks_for_deletion(run_stepwise: Run) -> None:
    """What the first event told is still with its readers (rulings 16, 24)."""
    outcome = run_stepwise(f"""{PLAN}
        T    | A04 | v1 RLL | location=ED
        T+1h | A11 | v1 RLL | cancel_reason=ERR
        T+2h | A04 | v1 RLL | restricted=yes
    """)

    assert (EventKind.UPDATED, (Change.REINSTATED, Change.RESTRICTED), True) == newest(outcome)["la E09"]


def test_a_view_of_a_restricted_record_tells_neither_who_nor_where(run: Run) -> None:
    """Nor how it is called where it happened (ruling 24)."""
    outcome = run(f"""{PLAN}
        T-1d | notice | n1     |
        T    | view   | a1 RYY |
    """)

    assert [("random", "-", "restricted")] == outcome.alerts("about | views | notes")


POLICIES = rows("""
    at               | mark           | why                                      | asked
    2031-05-31T22:59 | restricted=yes | shared                                   | no
    2031-05-31T23:00 | restricted=yes | ruling 24: restricted, nothing is shared | yes
    2031-05-31T23:00 |                | shared                                   | no
""")


@pytest.mark.parametrize(("at", "mark", "why", "asked"), POLICIES)
def test_where_nothing_is_shared_of_restricted_records_the_provider_is_asked_to_ring(
    run: Run, at: str, mark: str, why: str, asked: str
) -> None:
    """Policy `national`: no alert, and never silence: `could not check` (ruling 24)."""
    outcome = run(f"""{HEAD}
        2031-05-01T10:00 | plan | CPP E09 | start=2031-05-01 birth_date=2020-04-12
        {at}             | A04  | v1 RXX  | birth_date=2020-04-12 {mark} control_id=c9
    """)

    item = (ItemKind.RESTRICTED, True, "c9")
    assert ({"v1": why}, [item] * (asked == "yes")) == (outcome.whys, outcome.asked)
    assert (asked == "yes") == (not outcome.standing)


def test_where_nothing_is_shared_a_view_is_not_either(run: Run) -> None:
    """The authority is told nothing of a restricted record (ruling 24)."""
    outcome = run(f"""{HEAD}
        2031-05-01T10:00 | plan   | CPP E09 | start=2031-05-01 birth_date=2020-04-12
        2031-05-02T10:00 | notice | n1      |
        {NATIONAL}       | view   | a1 RYY  |
    """)

    assert ({"a1": "ruling 24: restricted, nothing is shared"}, []) == (outcome.whys, outcome.standing)


def test_where_nothing_is_shared_what_was_told_is_taken_back_reduced(run_stepwise: Run) -> None:
    """Whoever was told is asked to delete it; the safeguarding role is asked to ring (ruling 24)."""
    outcome = run_stepwise(f"""{HEAD}
        2031-05-01T10:00 | plan   | CPP E09 | start=2031-05-01 birth_date=2020-04-12
        {NATIONAL}       | A04    | v1 RXX  | birth_date=2020-04-12 location=ED
        2031-06-02T11:00 | notice | n1      |
    """)

    taken = (EventKind.WITHDRAWN, (Change.RESTRICTED,), True)
    assert {"la E09": taken, "provider RXX": taken} == newest(outcome)
    assert [ItemKind.RESTRICTED] == [kind for kind, _, _ in outcome.asked]
    assert all(
        event.alert.visit is not None and event.alert.visit.location is None
        for event in outcome.events
        if event.kind is EventKind.WITHDRAWN and event.alert.recipient.kind.value == "la"
    )


EXCLUDED = rows("""
    notice                          | viewed by | asked
    T-9d notice n1/excluded user=u1 | u1        | yes
    T+9d notice n1/excluded user=u1 | u1        | yes
    T-9d notice n1/excluded user=u1 | u2        | no
    T-9d notice n1/excluded user=u1 | -         | no
    -                               | u1        | no
""")

TAKEN_BACK = rows("""
    excluded | ended | asked
    T-9d     | T-1s  | no
    T-9d     | T     | no
    T-9d     | T+1s  | yes
    T+1d     | T+2d  | yes
    T+1d     | T-1d  | yes
""")
"""When a user is named, when that is taken back, and whether the lead hears of their view at `T`."""


@pytest.mark.parametrize(("excluded", "ended", "asked"), TAKEN_BACK)
def test_the_lead_is_told_of_a_view_though_the_exclusion_was_taken_back_since(
    run: Run, excluded: str, ended: str, asked: str
) -> None:
    """Who looked must not have then, or must not by what is said later; an end before it counts (48)."""
    outcome = run(f"""{PLAN}
        {excluded} | notice | n1 excluded | user=u1 named_by=E09
        {ended} | notice | n2 exclusion-ended | user=u1 named_by=E09
        T | view | a1 RYY | user=u1 unscheduled=yes
    """)
    asks = [kind for kind, _, _ in outcome.asked]
    assert (asked == "yes") == (ItemKind.EXCLUDED_PERSON in asks)


@pytest.mark.parametrize("unscheduled", ["yes", "no"])
@pytest.mark.parametrize(("notice", "user", "asked"), EXCLUDED)
def test_the_safeguarding_lead_is_told_when_an_excluded_person_looks(
    run: Run, notice: str, user: str, asked: str, unscheduled: str
) -> None:
    """Whenever the exclusion came and however they looked; the view is told as any other (ruling 48)."""
    outcome = run(f"""{PLAN}
        {said(notice)}
        T | view | a1 RYY | user={user} unscheduled={unscheduled}
    """)

    assert [(ItemKind.EXCLUDED_PERSON, True, None)] * (asked == "yes") == outcome.asked
    assert [("la E09",)] * (unscheduled == "yes") == outcome.alerts("to")
