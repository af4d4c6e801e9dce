"""
Whose a visit is when its details disagree: a person says so, or 12 hours pass. Rulings 20, 42, 46.

What a timer says, `item-unsettled`, and what a person says, `identity-confirmed` or `not-this-person`, are
facts about one visit. In the tables Alex Other comes under the number of Robin Sample.
"""

import pytest

from broker.core.alerts import Change, EventKind
from broker.core.worklist import ItemKind
from tests.spec.conftest import Run, RunMoving, RunNearby
from tests.spec.outcome import Outcome
from tests.spec.table import rows

ALEX = "family=Other given=Alex birth_date=2013-01-01"
HEAD = "\n    recorded | fact | about | values\n"
PLAN = f"{HEAD}    T-9d | plan | CPP E09 |"
VISIT = f"T | A04 | v1 | control_id=MSG-7 {ALEX}"
ASKED = [(ItemKind.DETAILS_DISAGREE, True, "MSG-7")]
OVERDUE = "T+12h | notice | n1 item-unsettled | visit=v1"
CONFIRMED = "T+1h | notice | n2 identity-confirmed | visit=v1"
REFUSED = "T+1h | notice | n2 not-this-person | visit=v1"
ALERT = "to | state | plans | notes"
POSSIBLE = ("la E09", "identity not confirmed", "-", "not confirmed")
NOBODY: list[tuple[str, ...]] = []
DISAGREE = "ruling 20: details disagree"
OPEN = "ruling 46: identity not confirmed"
ANOTHER = "ruling 46: a person said that it is somebody else"


def told(outcome: Outcome, code: str = "E09") -> list[tuple[EventKind, tuple[Change, ...]]]:
    """Return what an authority was told, event by event."""
    events = [event for event in outcome.events if event.alert.recipient.code.code == code]
    return [(event.kind, event.changes) for event in events]


DUE = rows("""
    visit            | timer                  | why
    -                | -                      | ruling 20: details disagree
    -                | T+30m                  | ruling 20: details disagree
    -                | T+11h+59m              | ruling 20: details disagree
    -                | T+12h                  | ruling 46: identity not confirmed
    -                | T+3d                   | ruling 46: identity not confirmed
    -                | T+12h received=T+15h   | ruling 46: identity not confirmed
    -                | T+15h received=T+11h   | ruling 20: details disagree
    -                | T+11h received=T+15h   | ruling 20: details disagree
    arrived_at=T-1h  | T+10h+59m              | ruling 20: details disagree
    arrived_at=T-1h  | T+11h                  | ruling 46: identity not confirmed
""")


@pytest.mark.parametrize(("visit", "timer", "why"), DUE)
def test_a_visit_unsettled_12_hours_after_arrival_is_told_as_possible(
    run: Run, visit: str, timer: str, why: str
) -> None:
    """By the stamp of the timer's word, never later than its receipt; before that nobody is told (46, 37)."""
    at, _, received = timer.partition(" ")
    word = "" if at == "-" else f"{at} | notice | n1 item-unsettled | visit=v1 {received}"
    outcome = run(f"{PLAN}\n{VISIT} {visit.strip('-')}\n{word}")

    assert ({"v1": why}, ASKED) == (outcome.whys, outcome.asked)
    assert [POSSIBLE] * (why == OPEN) == outcome.alerts(ALERT)


CORRECTED = rows("""
    said at first    | correction                 | timer     | why
    -                | T+13h A08 arrived_at=T+1h  | T+12h     | ruling 46: identity not confirmed
    -                | T+13h A08 arrived_at=T+1h  | T+11h+59m | ruling 20: details disagree
    -                | T+11h A08 arrived_at=T+1h  | T+12h     | ruling 46: identity not confirmed
    arrived_at=T-1h  | T+13h A08 arrived_at=T+1h  | T+11h     | ruling 46: identity not confirmed
    arrived_at=T-1h  | T+13h A08 arrived_at=T+1h  | T+10h+59m | ruling 20: details disagree
    -                | T+13h A08 arrived_at=T-1h  | T+11h     | ruling 46: identity not confirmed
    arrived_at=T+1h  | T+2h A08 arrived_at=T+3h   | T+12h+59m | ruling 20: details disagree
    arrived_at=T+1h  | T+2h A08 arrived_at=T+3h   | T+13h     | ruling 46: identity not confirmed
    arrived_at=T-401d | T+2h A08                  | T+11h+59m | ruling 20: details disagree
""")


@pytest.mark.parametrize(("first", "correction", "timer", "why"), CORRECTED)
def test_a_corrected_arrival_takes_no_word_back(
    run_stepwise: Run, first: str, correction: str, timer: str, why: str
) -> None:
    """12 hours after the earliest arrival that was said: who was told stays told while it is open (46)."""
    at, event, *values = correction.split()
    outcome = run_stepwise(f"""{PLAN}
        {VISIT} {first.strip("-")}
        {timer} | notice | n1 item-unsettled | visit=v1
        {at} | {event} | v1 | {ALEX} {" ".join(values)}
    """)

    assert ({"v1": why}, ASKED) == (outcome.whys, outcome.asked)
    assert EventKind.WITHDRAWN not in [kind for kind, _ in told(outcome)]


PLACES = rows("""
    provider | timer     | why
    RPP      | T+5h+59m  | ruling 20: details disagree
    RPP      | T+6h      | ruling 46: identity not confirmed
    RXX      | T+6h      | ruling 20: details disagree
""")


@pytest.mark.parametrize(("provider", "timer", "why"), PLACES)
def test_a_provider_may_have_less_time(run: Run, provider: str, timer: str, why: str) -> None:
    """RPP has six hours, everybody else twelve (ruling 46)."""
    outcome = run(f"""{PLAN}
        T | A04 | v1 {provider} | {ALEX}
        {timer} | notice | n1 item-unsettled | visit=v1
    """)

    assert {"v1": why} == outcome.whys


FULL = (
    "arrived_at=T-1h site=RLL01 location=ED reason=fall acuity=3 arrival_mode=A clinician_name=Dr "
    "clinician_role=nurse disposition=3 next_of_kin_name=Jo next_of_kin_relationship=3"
)


def test_the_authority_hears_of_provider_and_time_and_of_nothing_else(run: Run) -> None:
    """No site, place, reason, clinician, relative, view, plan, count, call-back nor child id (ruling 46)."""
    outcome = run(f"""{PLAN}
        T-9d   | plan   | LAC E08             |
        T-2d   | A04    | v0                  |
        T      | A04    | v1 RLL              | {ALEX} {FULL}
        T+2h   | A03    | v1 RLL              | {ALEX} departed_at=T+2h
        T+1h   | view   | a1 RLL              |
        T+11h  | notice | n1 item-unsettled   | visit=v1
        T+11h  | notice | n3 number-change    |
    """)

    [alert] = [one for one in outcome.standing if one.subject == "v1" and one.recipient.code.code == "E09"]
    line = alert.visit
    assert line is not None
    assert ("RLL", "Listing Hospital", "T-1h") == outcome.alerts("provider | provider_name | arrived_at")[-1]
    filled = {name for name in line.__slots__ if getattr(line, name) is not None}
    assert {"visit", "provider", "provider_name", "state", "arrived_at"} == filled
    assert ((), (), (), 0, None, None) == (
        alert.plans,
        alert.views,
        alert.other_authorities,
        alert.earlier_visits,
        alert.last_visit_at,
        alert.child_id,
    )
    assert ["possible attendance, identity not confirmed"] == [note.value for note in alert.notes]


def test_the_name_is_the_providers_and_never_the_sites(run: Run) -> None:
    """A site's own name would say which it was (ruling 46)."""
    outcome = run(f"""{PLAN}
        T | A04 | v1 RPP | {ALEX} site=RPP02
        {OVERDUE}
    """)

    assert [("Particular Hospital", "-")] == outcome.alerts("provider_name | site")


RESTRICTED = rows("""
    marks             | provider | route                            | about
    -                 | RXX      | duty social worker               | v1
    T-9d notice n9    | -        | recipients of restricted records | random
    T+20h notice n9   | -        | recipients of restricted records | random
""")


@pytest.mark.parametrize(("marks", "provider", "route", "about"), RESTRICTED)
def test_of_a_restricted_record_not_even_the_provider_is_told(
    run_stepwise: Run, marks: str, provider: str, route: str, about: str
) -> None:
    """The time alone, to recipients of restricted records (rulings 24, 46)."""
    mark = "" if marks == "-" else " | ".join([*marks.split(), ""])
    before, after = (mark, "") if marks.startswith("T-") else ("", mark)
    outcome = run_stepwise(f"{PLAN}\n{before}\n{VISIT}\n{OVERDUE}\n{after}")

    assert [("la E09", about, provider, "T", route)] == outcome.alerts(
        "to | about | provider | arrived_at | route"
    )
    assert (Change.RESTRICTED in told(outcome)[-1][1]) is (marks.startswith("T+"))


def test_nothing_is_told_of_a_restricted_record_where_nothing_is_shared(run: Run) -> None:
    """The policy `national` shares nothing, and nobody has to confirm who it is (rulings 24, 46)."""
    outcome = run(f"""{HEAD}
        2031-05-01 10:00 | plan   | CPP E09           | start=2031-01-01
        2031-06-02 10:00 | A04    | v1                | {ALEX} restricted=yes
        2031-06-03 10:00 | notice | n1 item-unsettled | visit=v1
    """)

    assert ([], {"v1": "ruling 24: restricted, nothing is shared"}) == (outcome.standing, outcome.whys)


def test_each_authority_with_a_plan_that_counts_is_told(run: Run) -> None:
    """Two that disagree, one whose plan is over, one that hears all since its details agree (46, 10, 19)."""
    outcome = run(f"""{PLAN}
        T-9d  | plan   | LAC E08           |
        T-9d  | plan   | CPP E07           | end=D-366
        T-9d  | plan   | CPP E06           | {ALEX}
        {VISIT}
        {OVERDUE}
    """)

    assert rows("""
        to           | state                  | plans
        la E06       | present                | CPP active
        la E08       | identity not confirmed | -
        la E09       | identity not confirmed | -
        provider RXX | present                | CPP active
    """) == outcome.alerts("to | state | plans")
    assert ({"v1": "shared"}, ASKED) == (outcome.whys, outcome.asked)


URGENT = rows("""
    plans                  | urgency
    end=D-1                | next working morning
    end=D                  | now
""")


@pytest.mark.parametrize(("end", "urgency"), URGENT)
def test_for_a_plan_in_force_it_goes_out_at_once(run: Run, end: str, urgency: str) -> None:
    """For an ended one the next working morning, as any alert (rulings 12, 46)."""
    outcome = run(f"""{HEAD}
        T-9d | plan | CPP E09 | {end}
        {VISIT}
        {OVERDUE}
    """)

    assert [("la E09", urgency)] == outcome.alerts("to | urgency")


SILENT = rows("""
    visit                                   | why
    patient_class=P                         | ruling 3: scheduled setting
    location=HAVEN                          | ruling 47: sensitive place
""")


@pytest.mark.parametrize(("visit", "why"), SILENT)
def test_no_timer_tells_of_a_visit_that_tells_nobody(run: Run, visit: str, why: str) -> None:
    """Scheduled or sensitive: there is nothing to confirm (rulings 3, 46, 47)."""
    outcome = run(f"""{PLAN}
        T | A04 | v1 RLL | {ALEX} {visit}
        {OVERDUE}
    """)

    assert ([], [], {"v1": why}) == (outcome.standing, outcome.asked, outcome.whys)


def test_no_timer_tells_of_a_person_without_a_plan_that_counts(run: Run) -> None:
    """Nobody is asked about them either (rulings 9, 46)."""
    outcome = run(f"{HEAD} T-500d | plan | CPP E09 | start=D-500 end=D-366\n{VISIT}\n{OVERDUE}")

    assert ([], [], {"v1": "ruling 10: no plan due"}) == (outcome.standing, outcome.asked, outcome.whys)


def test_what_was_possible_is_withdrawn_with_the_visit(run_stepwise: Run) -> None:
    """The hospital says that it registered it in error (rulings 16, 46)."""
    outcome = run_stepwise(f"""{PLAN}
        T     | A04 | v1 RLL | {ALEX}
        {OVERDUE}
        T+13h | A11 | v1 RLL | {ALEX} cancel_reason=ERR
    """)

    assert [EventKind.RAISED, EventKind.WITHDRAWN] == [kind for kind, _ in told(outcome)]
    assert {"v1": "ruling 16: registered in error"} == outcome.whys


def test_no_timer_tells_of_a_visit_whose_details_agree(run: Run) -> None:
    """It is told as any other (rulings 20, 46)."""
    outcome = run(f"{PLAN}\nT | A04 | v1 |\n{OVERDUE}")

    assert [("la E09", "CPP active", "-"), ("provider RXX", "CPP active", "-")] == outcome.alerts(
        "to | plans | notes"
    )


def test_no_timer_tells_an_authority_of_a_possible_match(run_nearby: RunNearby) -> None:
    """An index hit never goes to an authority unconfirmed, whatever word comes with it (ruling 46)."""
    outcome = run_nearby(f"""{PLAN}
        T | A04? | v1 RXX | control_id=MSG-1
        {OVERDUE}
        T+13h | notice | n2 identity-confirmed | visit=v1
    """)

    assert () == outcome.events
    assert [(ItemKind.POSSIBLE_MATCH, True, "MSG-1")] == outcome.asked


ORDERS = [
    pytest.param(order, id=" ".join(order))
    for order in (
        ("plan", "visit", "word"),
        ("plan", "word", "visit"),
        ("word", "visit", "plan"),
        ("visit", "word", "plan"),
        ("plan", "visit", "word", "word", "visit"),
    )
]


@pytest.mark.parametrize("order", ORDERS)
def test_it_is_told_loudly_and_once_in_any_order(run_stepwise: Run, order: tuple[str, ...]) -> None:
    """The word before the message, the plan last, everything twice: one event (ruling 46)."""
    facts = {
        "plan": "T-9d | plan | CPP E09 | file_id=F1",
        "visit": VISIT,
        "word": OVERDUE,
    }
    outcome = run_stepwise(HEAD + "\n".join(facts[name] for name in order))

    assert ([(EventKind.RAISED, ())], [True]) == (told(outcome), [event.loud for event in outcome.events])


def test_a_confirmed_visit_is_alerted_and_marked(run_stepwise: Run) -> None:
    """Authority and provider are told all, the item is closed (rulings 20, 46)."""
    outcome = run_stepwise(f"{PLAN}\n{VISIT}\n{CONFIRMED}")

    assert [
        ("la E09", "CPP active (details differ, confirmed by hand)"),
        ("provider RXX", "CPP active (details differ, confirmed by hand)"),
    ] == outcome.alerts("to | plans")
    assert ([], {"v1": "shared"}) == (outcome.asked, outcome.whys)


def test_the_ordinary_alert_takes_the_place_of_the_possible_one(run_stepwise: Run) -> None:
    """One thread: raised as possible, then loudly all there is to tell (ruling 46)."""
    outcome = run_stepwise(f"""{PLAN}
        {VISIT}
        {OVERDUE}
        T+13h | notice | n2 identity-confirmed | visit=v1
    """)

    assert [EventKind.RAISED, EventKind.UPDATED] == [kind for kind, _ in told(outcome)]
    assert {Change.IDENTITY, Change.PLAN} <= set(told(outcome)[-1][1])
    assert all(event.loud for event in outcome.events)
    assert 1 == len({event.alert.alert_id for event in outcome.events if event.alert.recipient.kind == "la"})
    assert [] == outcome.asked


def test_details_that_agree_later_need_nobodys_word(run_stepwise: Run) -> None:
    """A corrected message does the same, and nothing says that a person confirmed it (rulings 20, 46)."""
    outcome = run_stepwise(f"{PLAN}\n{VISIT}\n{OVERDUE}\nT+13h | A08 | v1 |")

    assert [EventKind.RAISED, EventKind.UPDATED] == [kind for kind, _ in told(outcome)]
    assert ("la E09", "present", "CPP active", "-") == outcome.alerts(ALERT)[0]
    assert ([], {"v1": "shared"}) == (outcome.asked, outcome.whys)


def test_a_confirmation_holds_when_the_details_change(run: Run) -> None:
    """Who a person said it is is not asked again (rulings 20, 46)."""
    outcome = run(f"{PLAN}\n{VISIT}\n{CONFIRMED}\nT+2h | A08 | v1 | family=Third given=Sam")

    assert ([], {"v1": "shared"}) == (outcome.asked, outcome.whys)


LATE = rows("""
    confirmed             | left | plans
    T+1h                  | -    | CPP active (details differ, confirmed by hand)
    T+1h+58m              | T+1h | CPP active (details differ, confirmed by hand)
    T+2h received=T+2h+1m | T+1h | CPP active (delayed, details differ, confirmed by hand)
    T+2d                  | -    | CPP active (delayed, details differ, confirmed by hand)
""")


@pytest.mark.parametrize(("confirmed", "left", "plans"), LATE)
def test_a_late_confirmation_makes_a_delayed_alert(run: Run, confirmed: str, left: str, plans: str) -> None:
    """It is a fact that made the pair due, as a plan or a message is (rulings 11, 46)."""
    at, _, received = confirmed.partition(" ")
    gone = "" if left == "-" else f"{left} | A03 | v1 | {ALEX} departed_at={left}"
    outcome = run(f"""{PLAN}
        T | A04 | v1 | {ALEX} received=T
        {gone}
        {at} | notice | n2 identity-confirmed | visit=v1 {received}
    """)

    assert ("la E09", plans) == outcome.alerts("to | plans")[0]


def test_a_refused_visit_tells_nobody_and_settles_the_item(run_stepwise: Run) -> None:
    """A person said that it is somebody else (rulings 20, 46)."""
    outcome = run_stepwise(f"{PLAN}\n{VISIT}\n{REFUSED}")

    assert ((), [], {"v1": ANOTHER}) == (outcome.events, outcome.asked, outcome.whys)


def test_who_was_told_of_somebody_else_is_told_so(run_stepwise: Run) -> None:
    """The possible attendance is retracted, with the rule (ruling 46)."""
    outcome = run_stepwise(f"""{PLAN}
        {VISIT}
        {OVERDUE}
        T+13h | notice | n2 not-this-person | visit=v1
    """)

    assert [EventKind.RAISED, EventKind.RETRACTED] == [kind for kind, _ in told(outcome)]
    assert [None, ANOTHER] == [event.why and event.why.value for event in outcome.events]
    assert ([], {"v1": ANOTHER}) == (outcome.asked, outcome.whys)


def test_an_authority_whose_plan_is_out_is_told_no_rule_that_holds_for_others(run_stepwise: Run) -> None:
    """Removed by the arrival, as a late file says: withdrawn, and E09 still hears of it (rulings 14, 46)."""
    outcome = run_stepwise(f"""{PLAN}
        T-9d | plan | LAC E08 |
        {VISIT}
        {OVERDUE}
        T-1d | plan | LAC E08 | deleted=D received=T+13h
    """)

    assert [EventKind.RAISED, EventKind.WITHDRAWN] == [kind for kind, _ in told(outcome, "E08")]
    assert [None] * 3 == [event.why for event in outcome.events]
    assert [POSSIBLE] == outcome.alerts(ALERT)


def test_details_in_doubt_again_make_the_attendance_possible_again(run_stepwise: Run) -> None:
    """What agreed was, as its first receipt tells, a message whose details do not (rulings 20, 37, 46)."""
    outcome = run_stepwise(f"""{PLAN}
        T    | A04  | v1 | {ALEX} control_id=a received=T+1m
        T    | A04  | v1 | control_id=b sequence=1 received=T+2h
        {OVERDUE}
        T    | A04  | v1 | {ALEX} control_id=b sequence=1 received=T+1m
    """)

    assert ({"v1": OPEN}, [POSSIBLE]) == (outcome.whys, outcome.alerts(ALERT))
    assert Change.IDENTITY in told(outcome)[-1][1]
    assert (EventKind.WITHDRAWN, OPEN) == [
        (event.kind, event.why and event.why.value)
        for event in outcome.events
        if event.alert.recipient.kind == "provider"
    ][-1]


def test_no_timer_tells_of_a_refused_visit(run_stepwise: Run) -> None:
    """Its word comes after a person's, and says nothing (ruling 46)."""
    outcome = run_stepwise(f"{PLAN}\n{VISIT}\n{REFUSED}\n{OVERDUE}")

    assert ((), []) == (outcome.events, outcome.asked)


AFTERWARDS = rows("""
    then                                                     | asked
    T+2h A08 v1 control_id=MSG-8                             | no
    T+2h A08 v1 control_id=MSG-8 family=Third                | yes
    T+30m A08 v1 control_id=MSG-8 family=Third received=T+2h | yes
    T+30m A08 v1 control_id=MSG-8 family=Third               | no
    T+2h A08 v1 control_id=MSG-8 location=WARD               | no
    T-9d plan CPP/E09 phone_office=111 received=T+2h         | no
    T-9d plan LAC/E08 received=T+2h                          | no
    T+2h plan CPP/E09 given=Third                            | yes
    T-8d plan LAC/E08 birth_date=2012-02-02 received=T+2h    | yes
    T-8d plan LAC/E08 birth_date=2012-02-02 received=T+1h    | no
    T+30m A08 v1 control_id=MSG-8 family=Third received=T+1h | no
    T+30m A08 v1 control_id=MSG-8 family=Third received=T+61m | yes
""")


@pytest.mark.parametrize(("then", "asked"), AFTERWARDS)
def test_a_refusal_covers_what_was_known_and_nothing_newer(run_stepwise: Run, then: str, asked: str) -> None:
    """Repeats of the same details ask nobody; other ones, of the visit or of a plan, do (rulings 20, 46)."""
    at, fact, about, values = [*then.split(maxsplit=3), ""][:4]
    said = f"{ALEX} {values}" if fact == "A08" else values
    outcome = run_stepwise(f"{PLAN}\n{VISIT}\n{REFUSED}\n{at} | {fact} | {about.replace('/', ' ')} | {said}")

    assert ASKED * (asked == "yes") == outcome.asked
    assert {"v1": DISAGREE if asked == "yes" else ANOTHER} == outcome.whys


def test_a_visit_that_is_asked_about_anew_is_overdue_at_once(run_stepwise: Run) -> None:
    """The 12 hours have passed, and nobody has said whose it is as it is stated now (ruling 46)."""
    outcome = run_stepwise(
        f"{PLAN}\n{VISIT}\n{REFUSED}\n{OVERDUE}\nT+13h | A08 | v1 | family=Third given=Sam"
    )

    assert ([POSSIBLE], ASKED) == (outcome.alerts(ALERT), outcome.asked)


def test_a_refusal_says_nothing_of_details_that_agree(run: Run) -> None:
    """No word hides a visit that the details give to the child (rulings 20, 46)."""
    outcome = run(f"{PLAN}\nT | A04 | v1 |\n{REFUSED}")

    assert {"v1": "shared"} == outcome.whys


WORDS = rows("""
    confirmed            | refused              | why
    T+1h                 | T+2h                 | ruling 46: a person said that it is somebody else
    T+2h                 | T+1h                 | shared
    T+1h                 | T+1h                 | shared
    T+2h received=T+30m  | T+1h                 | ruling 46: a person said that it is somebody else
""")


@pytest.mark.parametrize("first", ["confirmed", "refused"])
@pytest.mark.parametrize(("confirmed", "refused", "why"), WORDS)
def test_of_two_words_the_newest_counts(
    run_stepwise: Run, confirmed: str, refused: str, why: str, first: str
) -> None:
    """By their stamps, in whichever order they come; of equal ones the one that alerts (rulings 37, 46)."""
    words = [
        f"{at} | notice | {name} | visit=v1 {received}"
        for name, (at, _, received) in (
            ("n2 identity-confirmed", confirmed.partition(" ")),
            ("n3 not-this-person", refused.partition(" ")),
        )
    ]
    outcome = run_stepwise("\n".join([PLAN, VISIT, *(words if first == "confirmed" else reversed(words))]))

    assert {"v1": why} == outcome.whys


SEVERAL = rows("""
    said       | why
    yes no yes | shared
    no yes no  | ruling 46: a person said that it is somebody else
""")


@pytest.mark.parametrize(("said", "why"), SEVERAL)
def test_a_word_may_be_taken_back_and_said_again(run: Run, said: str, why: str) -> None:
    """An hour after each other: the last one counts, not the first of its kind (rulings 37, 46)."""
    kinds = {"yes": "identity-confirmed", "no": "not-this-person"}
    words = [
        f"T+{hour}h | notice | n{hour} {kinds[word]} | visit=v1"
        for hour, word in enumerate(said.split(), start=1)
    ]
    outcome = run("\n".join([PLAN, VISIT, *words]))

    assert {"v1": why} == outcome.whys


@pytest.mark.parametrize("first", ["T+1h", "T+3h"])
def test_a_second_refusal_covers_what_came_since_the_first(run_stepwise: Run, first: str) -> None:
    """In whichever order they come (ruling 46)."""
    second = {"T+1h": "T+3h", "T+3h": "T+1h"}[first]
    outcome = run_stepwise(f"""{PLAN}
        {VISIT}
        T+2h     | A08    | v1                 | control_id=MSG-8 family=Third given=Sam birth_date=2013-01-01
        {first}  | notice | n2 not-this-person | visit=v1
        {second} | notice | n3 not-this-person | visit=v1
    """)

    assert ([], {"v1": ANOTHER}) == (outcome.asked, outcome.whys)


def test_an_alert_after_a_confirmation_is_retracted_by_a_later_refusal(run_stepwise: Run) -> None:
    """Everybody told is told that it is somebody else (ruling 46)."""
    outcome = run_stepwise(f"{PLAN}\n{VISIT}\n{CONFIRMED}\nT+2h | notice | n3 not-this-person | visit=v1")

    assert [(EventKind.RAISED, EventKind.RETRACTED)] * 2 == [
        tuple(event.kind for event in outcome.events if event.alert.recipient.kind == kind)
        for kind in ("la", "provider")
    ]


def test_a_word_about_another_visit_says_nothing_of_this_one(run: Run) -> None:
    """Each is about one visit (ruling 46)."""
    outcome = run(f"{PLAN}\n{VISIT}\n{CONFIRMED.replace('v1', 'v2')}\n{OVERDUE.replace('v1', 'v2')}")

    assert ([], ASKED) == (outcome.standing, outcome.asked)


def test_a_visit_that_leaves_takes_what_was_possible_with_it(run_recorded: RunMoving) -> None:
    """Recorded under the wrong person: retracted by that rule, the second number hears nothing (42, 44)."""
    outcome = run_recorded(f"""{PLAN}
        {VISIT}
        {OVERDUE}
        T+14h | A08 | v1 | number=B {ALEX}
    """, stepwise=True)  # fmt: skip

    assert [EventKind.RAISED, EventKind.RETRACTED] == [event.kind for event in outcome.events]
    assert "ruling 44: recorded under the wrong person" == outcome.whys["v1 of A"]
    assert [] == outcome.asked


@pytest.mark.parametrize("number", ["A", "B"])
def test_words_follow_a_number_that_is_superseded(run_moving: RunMoving, number: str) -> None:
    """Under which number they come is one, and the thread goes on under its id (rulings 22, 46)."""
    outcome = run_moving(f"""{PLAN}
        {VISIT}
        {OVERDUE}
        T+13h | notice | n8 superseded         | by=B
        T+14h | notice | n2 identity-confirmed | visit=v1 number={number}
    """, stepwise=True)  # fmt: skip

    assert [("B", "la E09"), ("B", "provider RXX")] == outcome.alerts("number | to")
    assert 2 == len({event.alert.alert_id for event in outcome.events})
    assert [] == outcome.asked


def test_words_said_before_a_number_is_superseded_hold_under_the_next(run_moving: RunMoving) -> None:
    """The refusal goes with the visit, and nobody is asked again (rulings 22, 46)."""
    outcome = run_moving(f"""{PLAN}
        {VISIT}
        {REFUSED}
        T+13h | notice | n8 superseded | by=B
        T+14h | A08    | v1            | number=B {ALEX}
    """, stepwise=True)  # fmt: skip

    assert ((), []) == (outcome.events, outcome.asked)


ANSWERS = rows("""
    word                                          | answer
    -                                             | could not check: details disagree
    T+12h notice n1/item-unsettled visit=v1       | could not check: details disagree
    T+12h notice n1/not-this-person visit=v1      | could not check: details disagree
    T+12h notice n1/identity-confirmed visit=v1   | plan on file
""")


@pytest.mark.parametrize(("word", "answer"), ANSWERS)
def test_the_provider_is_answered_as_far_as_anybody_knows(
    run_moving: RunMoving, word: str, answer: str
) -> None:
    """Never that there is no plan: the number has one, and a person said only whose it is not (41, 46)."""
    said = "" if word == "-" else " | ".join(word.split(maxsplit=3)).replace("/", " ")
    outcome = run_moving(f"{PLAN}\n{VISIT}\n{said}")

    assert answer == outcome.answer()
