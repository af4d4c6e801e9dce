"""
A release or policy that decides otherwise says so to whoever was told, once, and to nobody else (ADR 0016).

A row is played by two releases: facts under the first, then the second finds what the first one left. `by` is
the partition's clock then: the receipt of an authority's repetition, which says nothing new.
"""

from dataclasses import replace
from datetime import timedelta

import pytest

from broker.core.alerts import Change
from broker.core.identifiers import OdsCode
from broker.core.policy import Policies
from broker.core.policy_keys import Restricted, Selector, Successor
from tests.spec.conftest import RunReleases
from tests.spec.outcome import Outcome, recipient_text
from tests.spec.settled import SETTLED
from tests.spec.table import T, moment, rows

HEAD = """
    recorded | fact | about   | values
"""
PLAN = "T-500d | plan | CPP E09 | start=D-500 end={end} file_id=first"
AGAIN = "T-500d | plan | CPP E09 | start=D-500 end={end} file_id=again received={by}"
CAME = "T | A04 | v1 | patient_class=E"
LEFT = "T+3h | A03 | v1 | patient_class=E departed_at=T+3h"

LONGER = replace(SETTLED, visible_after_end=timedelta(days=400))
SHORTER = replace(SETTLED, visible_after_end=timedelta(days=300))
NAMED = replace(
    SETTLED, overrides={**SETTLED.overrides, Selector(provider=OdsCode("RXX")): {"name": "Named"}}
)
BOTH = ("la E09", "provider RXX")
UNTOLD = "not told: decided only by newer rules"


def told(outcome: Outcome) -> list[tuple[str, str, str]]:
    """Return each event: to whom, what it does, what changed."""
    return sorted(
        (
            recipient_text(event.alert.recipient),
            event.kind.value,
            ", ".join(change.value for change in event.changes),
        )
        for event in outcome.events
    )


def visit(end: str, *messages: str, by: str = "T+3d") -> str:
    """Return the table of one visit, and of the repetition that moves the clock."""
    return "\n".join([HEAD, PLAN.format(end=end), *messages, AGAIN.format(end=end, by=by)])


def test_whoever_was_told_is_told_what_differs_with_the_reason_and_once(run_releases: RunReleases) -> None:
    """An update carries `rules changed`; a third release that decides alike says nothing more (ruling 45)."""
    first, second, third = run_releases((visit("-", CAME), SETTLED), ("", NAMED), ("", NAMED))

    assert [(to, "raised", "") for to in BOTH] == told(first)
    assert [(to, "updated", "rules changed, visit details") for to in BOTH] == told(second)
    assert [] == told(third)
    assert {("v1", "shared", True)} == {
        (subject, entry.why.value, entry.rules_changed) for subject, entry in second.decisions.items()
    }
    assert [NAMED.version] * 2 == [event.policy_version for event in second.events]


def test_rules_that_decide_alike_say_nothing(run_releases: RunReleases) -> None:
    """A version that only rises is noted in silence, also where the policy is another (ruling 45)."""
    elsewhere = replace(
        SETTLED, overrides={**SETTLED.overrides, Selector(provider=OdsCode("RYY")): {"name": "Elsewhere"}}
    )
    _, risen, other = run_releases((visit("-", CAME), SETTLED), ("", SETTLED), ("", elsewhere))

    assert ([], [], {}) == (told(risen), told(other), risen.decisions)


@pytest.mark.parametrize(
    ("ended", "event", "why"),
    rows("""
        ended | event     | why
        D-300 | -         | shared
        D-301 | withdrawn | ruling 10: no plan due
    """),
)
def test_what_stands_no_more_is_withdrawn_with_the_reason(
    run_releases: RunReleases, ended: str, event: str, why: str
) -> None:
    """Plans are visible for 300 days now: on each side of the new boundary (ruling 9, D1)."""
    _, after = run_releases((visit(ended, CAME, LEFT), SETTLED), ("", SHORTER))

    assert [(to, event, "rules changed") for to in BOTH if event != "-"] == told(after)
    assert {"v1": why} == after.whys
    assert {why for _ in after.events} == {one.why.value for one in after.events if one.why}


@pytest.mark.parametrize(
    ("ended", "left", "by", "event", "why"),
    rows(f"""
        ended | left | by       | event  | why
        D-365 | yes  | T+3d     | -      | shared
        D-366 | yes  | T+3d     | -      | {UNTOLD}
        D-366 | yes  | T+3h+1m   | -      | {UNTOLD}
        D-366 | no   | T+1d     | raised | shared
        D-366 | no   | T+1d+1m   | -      | {UNTOLD}
        D-401 | no   | T+1d     | -      | ruling 10: no plan due
    """),
)
def test_what_nobody_was_told_is_told_only_while_the_person_is_there(
    run_releases: RunReleases, ended: str, left: str, by: str, event: str, why: str
) -> None:
    """
    Plans are visible for 400 days now. Until the departure, else 24 h after the newest message, by the clock.

    Nothing may hold an alert back then (ruling 45); later nobody can act on it, and nobody is told.
    """
    messages = (CAME, LEFT) if left == "yes" else (CAME,)
    before, after = run_releases((visit(ended, *messages, by=by), SETTLED), ("", LONGER))

    was_told = before.whys["v1"] == "shared"
    assert [(to, event, "rules changed") for to in BOTH if event != "-"] == told(after)
    assert (why, was_told) == (after.whys["v1"], ended == "D-365")
    assert {() if why != "shared" else BOTH} == {
        tuple(recipient_text(one) for one in entry.recipients) for entry in after.decisions.values()
    }


@pytest.mark.parametrize(
    ("then", "changes"),
    rows("""
        then                                                    | changes
        T       : A04 : v1 : patient_class=E received=T+4d       | -
        T-500d  : plan : CPP E09 : start=D-500 end=D-380         | -
        T+3h    : A08 : v1 : patient_class=E location=WARD received=T+4d | raised
        T+20h   : A08 : v1 : patient_class=E received=T+4d       | raised
        T+5h    : A03 : v1 : patient_class=E departed_at=T+5h received=T+4d | raised
    """),
    ids=["old message again", "plan again", "location", "seen later", "left"],
)
def test_what_was_not_told_is_told_when_a_fact_changes_it(
    run_releases: RunReleases, then: str, changes: str
) -> None:
    """Duplicates say nothing; a change of content, or of how long the person was there, tells as any (45)."""
    added = "control_id=c2 " if "A04" in then else ""
    again = HEAD + " | ".join(cell.strip() for cell in then.split(" : ")) + f" {added}"
    _, after, later = run_releases((visit("D-380", CAME), SETTLED), ("", LONGER), (again, LONGER))

    assert ([], UNTOLD) == (told(after), after.whys["v1"])
    assert [(to, changes, "") for to in BOTH if changes != "-"] == told(later)


def test_what_was_taken_back_and_stands_again_is_told_again(run_releases: RunReleases) -> None:
    """Its readers were told: they learn of each change, long after the visit, too (ruling 45)."""
    _, gone, back = run_releases((visit("D-310", CAME, LEFT), SETTLED), ("", SHORTER), ("", SETTLED))

    assert [(to, "withdrawn", "rules changed") for to in BOTH] == told(gone)
    assert [(to, "updated", "reinstated, rules changed") for to in BOTH] == told(back)


@pytest.mark.parametrize(
    ("recorded", "before", "after", "events"),
    rows("""
        recorded | before | after | events
        T+3d     | 14     | 3     | -
        T+4d     | 14     | 3     | withdrawn
        T+4d     | 3      | 14    | -
    """),
)
def test_how_long_a_plan_may_follow_a_visit_may_change(
    run_releases: RunReleases, recorded: str, before: str, after: str, events: str
) -> None:
    """W days after the visit's only message; a plan that counts only since is told nobody (ruling 10)."""
    policies = [replace(SETTLED, plan_wait=timedelta(days=int(days))) for days in (before, after)]
    table = f"""{HEAD}
        T | A04 | v1 | patient_class=E
        {recorded} | plan | CPP E09 | received={recorded}
    """
    _, changed = run_releases((table, policies[0]), ("", policies[1]))

    kinds = {event.kind.value for event in changed.events}
    assert ({events} - {"-"}, {Change.RULES} if kinds else set()) == (
        kinds,
        {change for event in changed.events for change in event.changes},
    )
    assert {"T+3d": "shared", "T+4d": "ruling 10: no plan due" if before == "14" else UNTOLD}[recorded] == (
        changed.whys["v1"]
    )


def test_an_alert_moves_to_a_successor_that_the_policy_names_since(run_releases: RunReleases) -> None:
    """Somebody was told of the visit: who takes their place is told, though the person left (ruling 19)."""
    opened = Successor(code=OdsCode("E10"), opens_on=moment("T-9d").date())
    moved = replace(SETTLED, successors={**SETTLED.successors, OdsCode("E09"): opened})
    _, after = run_releases((visit("-", CAME, LEFT), SETTLED), ("", moved))

    assert [
        ("la E09", "withdrawn", "rules changed"),
        ("la E10", "raised", "rules changed"),
    ] == told(after)


def test_an_edit_of_a_past_period_is_told_as_a_changed_policy(run_releases: RunReleases) -> None:
    """The policy in force at the arrival has changed; a period that begins later changes nothing (45)."""
    day = timedelta(days=1)
    two = Policies(first=SETTLED, later=((T - day, SETTLED), (T + day, LONGER)))
    edited = replace(two, later=((T - day, SHORTER), (T + day, LONGER)))
    _, later, past = run_releases((visit("D-310", CAME), SETTLED), ("", two), ("", edited))

    assert ([], [(to, "withdrawn", "rules changed") for to in BOTH]) == (told(later), told(past))


def test_a_view_of_nobody_told_is_told_for_a_day(run_releases: RunReleases) -> None:
    """Nobody says when who was looked up has left: as after a visit's newest message, 24 h (ruling 45)."""
    view = "T | view | w1 | unscheduled=yes"
    _, within = run_releases((visit("D-380", view, by="T+1d"), SETTLED), ("", LONGER))
    _, past = run_releases((visit("D-380", view, by="T+1d+1m"), SETTLED), ("", LONGER))

    assert [("la E09", "raised", "rules changed")] == told(within)
    assert ([], {"w1": UNTOLD}) == (told(past), past.whys)


@pytest.mark.parametrize(
    ("ended", "events"),
    [("D-374", []), ("D-375", [("la E09", "raised", "rules changed")])],
)
def test_an_authority_is_asked_to_open_a_babys_plan_whenever_newer_rules_ask_it(
    run_releases: RunReleases, ended: str, events: list[tuple[str, str, str]]
) -> None:
    """
    A plan is visible for 364 days now: the baby's own was out of view when recorded, and answers nothing.

    What is asked can be done at any time, visit or no visit (rulings 18, 26).
    """
    table = f"""{HEAD} T-10d | plan | CPP E09 | start=D-500 end={ended}
                T-20d | cover | UCP E09 | born=D-21 start=D-90 end=D+60
                T-20d | cover | UCP E09 | born=D-21 start=D-90 end=D+60 received=T+30d"""
    shorter = replace(SETTLED, visible_after_end=timedelta(days=364))
    _, after = run_releases((table, SETTLED), ("", shorter))

    assert events == told(after)


@pytest.mark.parametrize(
    ("by", "asked"),
    rows("""
        by     | asked
        T+1d   | yes
        T+1d+1m | no
    """),
)
def test_work_about_somebody_who_left_is_not_made_by_newer_rules(
    run_releases: RunReleases, by: str, asked: str
) -> None:
    """Details disagree about a plan that is visible only now: somebody is asked while it helps (46)."""
    other = f"{CAME} family=Other given=Kim"
    _, after, later = run_releases((visit("D-380", other, by=by), SETTLED), ("", LONGER), ("", SETTLED))

    assert (asked == "yes") == bool(after.items)
    assert ([], ()) == (told(after), later.items)


def test_a_policy_that_shares_nothing_of_restricted_records_takes_back_and_asks(
    run_releases: RunReleases,
) -> None:
    """What was told is withdrawn with the reason; the provider, which was told, must ring (ruling 24)."""
    national = replace(SETTLED, restricted=Restricted.NATIONAL)
    hidden = f"{CAME} restricted=yes"
    _, after = run_releases((visit("-", hidden, LEFT), SETTLED), ("", national))

    assert {("withdrawn", "rules changed")} == {row[1:] for row in told(after)}
    assert [("restricted, could not check", True)] == [(item.kind.value, item.urgent) for item in after.items]


def test_who_of_a_visit_was_told_and_who_was_not_is_recorded(run_releases: RunReleases) -> None:
    """A plan recorded 80 h after the departure; the provider is told for 96 h now (ruling 11)."""
    waiting = replace(SETTLED, provider_after_departure=timedelta(hours=96))
    table = f"""{HEAD}
        {CAME}
        {LEFT}
        T+83h | plan | CPP E09 |
    """
    before, after = run_releases((table, SETTLED), ("", waiting))

    assert ([("la E09", "raised", "")], []) == (told(before), told(after))
    assert {"v1": "shared"} == before.whys | after.whys
    assert ["la E09"] == [recipient_text(one) for one in after.decisions["v1"].recipients]


def test_a_view_in_a_thread_is_recorded_as_told_to_whoever_was_told_of_it(run_releases: RunReleases) -> None:
    """Another authority's plan is visible only now: of visit and view it is told nothing (ruling 1)."""
    table = f"""{HEAD}
        T-500d | plan | CPP E08 | start=D-500 end=D-380
        T-9d   | plan | CPP E09 |
        {CAME}
        T+1h   | view | w1      | unscheduled=yes
        {LEFT}
        T+3d   | plan | CPP E09 |
    """
    _, after = run_releases((table, SETTLED), ("", LONGER))

    assert {("la E09",)} == {
        tuple(to for to in map(recipient_text, entry.recipients) if to != "provider RXX")
        for entry in after.decisions.values()
    }
    assert {"v1", "w1"} == after.decisions.keys()
    assert ("views",) == after.decisions["w1"].fields
