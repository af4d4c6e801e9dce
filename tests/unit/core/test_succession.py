"""What goes to a successor and how it is taken over: ledgers, closed visits, work, contradictions."""

from dataclasses import replace
from datetime import timedelta

import pytest

from broker.core.alerts import EventKind, Occasion, Recipient
from broker.core.effects import advance, decided_anew
from broker.core.errors import NumbersInCircle
from broker.core.facts import IdentityKind, IdentityNotice
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.invalidation import reopened, take_out_of_use
from broker.core.keyed import visit_reference
from broker.core.partition import Forwarding
from broker.core.person import Person, Told, lift
from broker.core.restriction import is_restricted
from broker.core.succession import (
    Came,
    Merged,
    Passage,
    fold,
    forwarding_after,
    forwarding_by,
    handed_over,
    in_use,
    kept,
    leaving,
    onward,
    returned,
    translated,
)
from broker.core.worklist import ItemKind, WorklistItem
from tests.spec.settled import KEY, POLICY, SETTLED
from tests.spec.table import T, facts, keyed_facts
from tests.unit.core.samples import ALERT

A, B, C = NhsNumber("9990000018"), NhsNumber("9990000026"), NhsNumber("9990000034")
FORWARDING = Forwarding(to=B, stamp=T, last_used=T)
HOUR = timedelta(hours=1)
LONGER = replace(SETTLED, visible_after_end=timedelta(days=400))
UNSEEN = """
    recorded | fact | about   | values
    T-500d   | plan | CPP E09 | start=D-500 end=D-380
    T        | A04  | v1      | patient_class=E
    T+2h     | view | w1      | unscheduled=yes
"""
LEFT = """
    recorded | fact | about   | values
    T+3h     | A03  | v1      | departed_at=T+3h
"""


def reference(number: NhsNumber, name: str = "V-1") -> str:
    """Return a visit's reference under a number."""
    return visit_reference(KEY, number, system="EDSYS", provider=OdsCode("RXX"), visit_number=name)


def person(table: str, number: NhsNumber = A) -> Person:
    """Return a person who was told of every fact of a table."""
    known = Person(number=number, salt=bytes(16))
    for fact in facts(f"recorded | fact | about | values\n{table}"):
        known = advance(known.learn(lift(fact)), POLICY, KEY).person
    return known


def moved(former: Person, number: NhsNumber = B) -> Merged:
    """Return what a person hands over, as the successor reads it."""
    merged = translated(handed_over(former, FORWARDING, T), KEY, former=former.number, number=number)
    assert isinstance(merged, Merged)
    return merged


def test_what_the_source_said_of_the_number_itself_stays_behind() -> None:
    """A restriction is the person's; an enquiry goes along only while the succession has not answered it."""
    former = Person(number=A, salt=b"")
    for kind, at in [
        (IdentityKind.RESTRICTED, T),
        (IdentityKind.IN_USE, T - HOUR),
        (IdentityKind.INVALIDATED, T - HOUR),
        (IdentityKind.NUMBER_CHANGE, T),
    ]:
        notice = IdentityNotice(notice_id=kind, kind=kind, recorded_at=at, received_at=T + HOUR)
        former = former.learn(lift(notice))
    open_enquiry = IdentityNotice(
        notice_id="open", kind=IdentityKind.NUMBER_CHANGE, recorded_at=T + HOUR, received_at=T + HOUR
    )

    assert {"restricted", "open"} == set(moved(former.learn(lift(open_enquiry))).known.notices)


def test_ledgers_meet_by_the_highest_revision() -> None:
    """Of one alert the newer row counts; at equal revisions the successor's own."""
    rows = [Told(revision=revision, kind=EventKind.UPDATED, alert=None) for revision in (1, 2, 3)]
    merged = Merged(
        stamp=T, received_at=T, told={"a": rows[2], "b": rows[0], "c": replace(rows[1], number=A)}
    )
    taken = fold(Person(number=B, salt=b"", told={"a": rows[1], "b": rows[1], "c": rows[1]}), merged)

    assert {"a": rows[2], "b": rows[1], "c": rows[1]} == taken.told
    assert taken == fold(taken, merged)


def test_taking_over_says_that_the_number_is_in_use() -> None:
    """So that an older succession of it is known to be out of date."""
    taken = fold(Person(number=B, salt=b""), Merged(stamp=T, received_at=T - HOUR))

    assert {in_use(T, T)} == set(taken.known.notices.values())


def test_a_visit_closed_under_both_numbers_stays_closed() -> None:
    """With a late message of it lying there; a view's id stands beside what it would be as a visit's."""
    late = person("T | A04 | v1 |", B)
    merged = moved(replace(person("T | A04 | v1 |"), closed=frozenset({"v1", "0" * 32})))
    taken = fold(replace(late, closed=frozenset({"v1"})), merged)

    assert {"v1", "0" * 32} < taken.closed
    assert 3 == len(taken.closed)


@pytest.mark.parametrize("closed", [A, B])
def test_a_visit_still_open_under_one_number_is_open(closed: NhsNumber) -> None:
    """A later message of it is told."""
    shut = Person(number=closed, salt=b"", closed=frozenset({"v1", "a1"}))
    other = person("T | A04 | v1 |\nT | view | a1 |", B if closed == A else A)
    former, successor = (shut, other) if closed == A else (other, shut)

    assert frozenset() == fold(successor, moved(former)).closed


def test_references_are_read_under_the_present_number() -> None:
    """Those of visits, of what was told of them and of work; a view's id is its own."""
    visit = ALERT.visit
    assert visit is not None
    alert = replace(ALERT, subject=reference(A), visit=replace(visit, visit=reference(A)))
    viewed = replace(ALERT, subject="a1", occasion=Occasion.VIEWED, visit=None)
    item = WorklistItem(item_id="i", kind=ItemKind.DETAILS_DISAGREE, urgent=True, visit=reference(A))
    former = Person(
        number=A,
        salt=b"",
        told={
            "x": Told(revision=1, kind=EventKind.RAISED, alert=alert),
            "y": Told(revision=1, kind=EventKind.RAISED, alert=viewed),
            "z": Told(revision=1, kind=EventKind.RAISED, alert=None, number=C),
            "home": Told(revision=1, kind=EventKind.RAISED, alert=replace(alert, visit=None), number=B),
        },
        items={"i": item, "j": replace(item, item_id="j", visit=None)},
    )
    merged = moved(former)
    told = {alert_id: row.alert for alert_id, row in merged.told.items()}

    assert [reference(B), "a1", reference(B)] == [alert.subject for alert in told.values() if alert]
    assert [reference(B)] == [one.visit.visit for one in told.values() if one and one.visit]
    assert [A, A, C, None] == [row.number for row in merged.told.values()]
    assert [reference(B), None] == [one.visit for one in merged.items.values()]


def test_work_keeps_its_id_and_is_not_opened_anew() -> None:
    """An item that is open stays the same item under the new number."""
    former = person(f"T-9d | plan | CPP E09 |\nT | A04 | {reference(A)} | family=Other given=Alex")
    after = advance(fold(Person(number=B, salt=b""), moved(former)), POLICY, KEY)

    assert former.items.keys() == after.person.items.keys()
    assert [reference(B)] == [item.visit for item in after.person.items.values()]
    assert () == after.closed


@pytest.mark.parametrize("taken_back", [A, B])
def test_of_two_alerts_of_one_thread_the_one_that_stands_goes_on(taken_back: NhsNumber) -> None:
    """One that was withdrawn is not revived while the other stands."""
    table = "T-9d | plan | CPP E09 |\nT | A04 | {} |"
    gone = "\nT+1h | A11 | {} | cancel_reason=ERR"
    people = {
        number: person(
            (table + gone * (number == taken_back)).format(*[f"{reference(number)} RLL"] * 2), number
        )
        for number in (A, B)
    }
    both = fold(people[B], moved(people[A]))
    undone = "\nT+2h | A04 | {} |".format(f"{reference(B)} RLL")
    again = facts(f"recorded | fact | about | values{undone}")[0]
    after = advance(fold(both, again), POLICY, KEY)
    kinds = {alert_id: row.kind for alert_id, row in after.person.told.items()}

    assert {EventKind.WITHDRAWN} == {kinds[alert_id] for alert_id in people[taken_back].told}
    assert EventKind.WITHDRAWN not in {
        kinds[alert_id] for alert_id in people[B if taken_back == A else A].told
    }


TOLD_AND_ASKED = "T-9d | plan | CPP E09 |\nT-1d | A04 | {} |\nT | A04 | {} | family=Other given=Alex".format(
    reference(A, "V-0"), reference(A)
)
"""One visit that is told, one of which somebody is asked."""


def ids(person: Person) -> set[str]:
    """Return the ids of the alerts that were told and of the work that is open."""
    return {*person.told, *person.items}


def again(number_of: Forwarding) -> Person:
    """Return a person whose number came back into use, when every fact has come once more."""
    known = Person(number=A, salt=b"").learn(person(TOLD_AND_ASKED).known).known
    return advance(replace(returned(A, number_of, b""), known=known), POLICY, KEY).person


def test_what_begins_after_each_return_has_ids_of_its_own() -> None:
    """Two ledgers never hold one id, so none counts its revisions twice (ruling 22)."""
    lives = [person(TOLD_AND_ASKED), again(FORWARDING), again(replace(FORWARDING, returns=1))]

    assert [0, 1, 2] == [life.returns for life in lives]
    assert 9 == len(set().union(*map(ids, lives))) == sum(len(ids(life)) for life in lives)
    assert lives[1] == advance(lives[1], POLICY, KEY).person


def test_a_ledger_that_comes_home_first_keeps_its_ids() -> None:
    """Of a number that came back nothing begins anew when what it told is back before the next fact."""
    first = person(TOLD_AND_ASKED)
    home = fold(returned(A, FORWARDING, b""), handed_over(first, FORWARDING, T))

    assert ids(first) == ids(advance(home, POLICY, KEY).person)


def test_a_ledger_that_comes_home_late_goes_on_as_one_alert() -> None:
    """Of the two alerts of a thread the one of the lesser id stands; work is open once."""
    first, since = person(TOLD_AND_ASKED), again(FORWARDING)
    after = advance(fold(since, handed_over(first, FORWARDING, T)), POLICY, KEY)
    twice: dict[Recipient, list[str]] = {}
    for alert_id, row in [*first.told.items(), *since.told.items()]:
        assert row.alert is not None
        twice.setdefault(row.alert.recipient, []).append(alert_id)

    assert [2, 2] == [len(alert_ids) for alert_ids in twice.values()]
    assert {max(alert_ids) for alert_ids in twice.values()} == {
        alert_id for alert_id, row in after.person.told.items() if row.kind is EventKind.WITHDRAWN
    }
    assert {None} == {event.why for event in after.events}
    assert (1, 1) == (len(after.person.items), len(after.closed))


def test_a_notice_of_a_number_out_of_use_has_an_id_of_its_own_after_a_return() -> None:
    """And that the number came back is remembered while it is out of use (rulings 22, 23)."""
    answer = IdentityNotice(notice_id="out", kind=IdentityKind.INVALIDATED, recorded_at=T, received_at=T)
    first = person("T-9d | plan | CPP E09 |")
    since = replace(returned(A, FORWARDING, b""), known=first.known)
    (before, told), (after, again_told) = (
        take_out_of_use(one, answer, POLICY, KEY, salt=b"") for one in (first, since)
    )

    assert [1, 1] == [len(advanced.events) for advanced in (told, again_told)]
    assert before.ledger.told.keys().isdisjoint(after.ledger.told)
    assert 1 == reopened(Person(number=A, salt=b""), after).returns


MARKS = {
    "by the source": ("T | notice | n1 |", "", True),
    "by a hospital": ("T | A04 | v1 | restricted=yes", "", True),
    "by an authority": ("T | plan | CPP E09 | restricted=yes", "", True),
    "by nobody": ("T | A04 | v1 |", "T | plan | CPP E09 |", False),
    "after the number was left": ("", "T | A04 | v1 | restricted=yes", True),
    "lifted before": ("T | notice | n1 |\nT+1h | notice | n2 restriction-lifted |", "", False),
    "lifted since": ("T | notice | n1 |", "T+1h | notice | n2 restriction-lifted |", False),
    "marked again": (
        "T | notice | n1 |",
        "T+1h | notice | n2 restriction-lifted |\nT+2h | notice | n3 |",
        True,
    ),
}


@pytest.mark.parametrize("case", MARKS)
def test_a_restriction_stays_with_a_number_until_it_is_lifted(case: str) -> None:
    """Should it come back into use before its record is back, no place is told (rulings 22, 24)."""
    before, since, restricted = MARKS[case]
    former = person(before)
    answer = IdentityNotice(
        notice_id="s", kind=IdentityKind.SUPERSEDED, successor=B, recorded_at=T, received_at=T
    )
    came = [Came(fact) for fact in facts(f"recorded | fact | about | values\n{since}")]
    forwarding = forwarding_after(forwarding_by(former, answer, T), came, T)

    assert restricted == is_restricted(returned(A, forwarding, b"").known)
    assert (B, T) == (forwarding.to, forwarding.stamp)


def test_a_restriction_in_what_another_number_handed_over_stays_too() -> None:
    """It went on with the rest (rulings 22, 24)."""
    other = handed_over(person("T | notice | n1 |", C), FORWARDING, T)

    assert is_restricted(returned(A, forwarding_after(FORWARDING, [Came(other)], T), b"").known)


def test_who_has_a_plan_a_notice_or_was_told_is_kept() -> None:
    """Of everybody else places in the log are all there is."""
    nobody = moved(person("T | A04 | v1 |"))

    assert [False, True, True, True, True] == [
        kept(nobody),
        kept(moved(person("T | plan | CPP E09 |"))),
        kept(moved(person("T | notice | n1 |"))),
        kept(replace(nobody, told={"x": Told(revision=1, kind=EventKind.RAISED, alert=None)})),
        kept(replace(nobody, closed=frozenset({"v"}))),
    ]


def test_a_passage_grows_by_the_number_left_and_keeps_the_newest_stamp() -> None:
    """Whichever succession was recorded last says as of when the number it arrives at is in use."""
    first = onward(None, A, FORWARDING)
    later = onward(first, B, replace(FORWARDING, stamp=T + HOUR))
    last = onward(later, C, FORWARDING)

    assert [Passage(numbers=(A,), stamp=T), T + HOUR, T + HOUR] == [first, later.stamp, last.stamp]
    assert (A, B, C) == last.numbers
    with pytest.raises(NumbersInCircle):
        onward(last, B, FORWARDING)


def test_an_answer_without_a_successor_leads_nowhere() -> None:
    """And nobody leaves by it."""
    answer = in_use(T, T)
    assert leaving(Person(number=A, salt=b"").learn(lift(answer))) is None
    with pytest.raises(NumbersInCircle):
        forwarding_by(person(""), answer, T)


def test_what_newer_rules_told_nobody_is_told_nobody_under_the_successor() -> None:
    """Under another number it is the same; what a message changes there is told as any (rulings 22, 45)."""
    unseen = Person(number=A, salt=bytes(16))
    for _, fact in keyed_facts(UNSEEN, {"A": A}):
        unseen = advance(unseen.learn(lift(fact)), POLICY, KEY).person
    untold = decided_anew(unseen, LONGER, KEY, T + 48 * HOUR).person
    after = advance(fold(Person(number=B, salt=bytes(16)), moved(untold)), LONGER, KEY)
    [(_, left)] = keyed_facts(LEFT, {"A": B})
    later = advance(after.person.learn(lift(left)), LONGER, KEY)

    assert (4, ()) == (len(untold.untold), after.events)
    assert {reference(B, "v1")} == {one.subject for one in after.person.untold}
    assert [EventKind.RAISED] * 2 == [event.kind for event in later.events]
