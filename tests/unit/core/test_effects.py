"""The difference between what stands and what was told: rulings 7, 14, 15, 16."""

from dataclasses import replace
from datetime import UTC, datetime

from broker.core.alerts import AlertEvent, Change, EventKind, Occasion, Recipient, RecipientKind, Why
from broker.core.audit import DecisionEntry
from broker.core.canonical import canonical
from broker.core.effects import Advance, advance
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.person import Person, Told, lift
from tests.spec.settled import KEY, POLICY, SETTLED
from tests.spec.table import facts

AT = datetime(2026, 1, 10, 10, tzinfo=UTC)
AUTHORITY, PROVIDER = RecipientKind.AUTHORITY, RecipientKind.PROVIDER
HEAD = """
    recorded | fact | about   | values
"""
PLAN = f"""{HEAD}
    T-99d    | plan | CPP E09 |
"""


def fold(table: str, person: Person | None = None) -> list[Advance]:
    """Return what every fact of a table led to, one after the other."""
    person = person or Person(number=NhsNumber("9990000018"), salt=bytes(16))
    steps = []
    for fact in facts(table):
        steps.append(advance(person.learn(lift(fact)), POLICY, KEY))
        person = steps[-1].person
    return steps


def said(table: str, kind: RecipientKind = AUTHORITY) -> list[AlertEvent]:
    """Return what one kind of recipient was told, in order."""
    return [event for step in fold(table) for event in step.events if event.alert.recipient.kind is kind]


def test_both_sides_are_raised_once_and_loud() -> None:
    """Revision 1 of each alert (ruling 7)."""
    step = fold(f"{PLAN}T | A04 | v1 |")[-1]

    assert [(1, EventKind.RAISED, (), True)] * 2 == [
        (event.revision, event.kind, event.changes, event.loud) for event in step.events
    ]
    assert {AUTHORITY, PROVIDER} == {event.alert.recipient.kind for event in step.events}
    assert {step.person.number} == {event.subject for event in step.events}


def test_nothing_new_changes_nothing() -> None:
    """The person is the same value, so that nothing need be written."""
    step = fold(f"{PLAN}T | A04 | v1 |")[-1]
    again = advance(step.person, POLICY, KEY)

    assert again.person is step.person
    assert ((), (), (), ()) == (again.events, again.opened, again.closed, again.entries)


def test_a_withdrawal_says_why_and_a_return_is_loud() -> None:
    """Whoever was told is told; the revisions go on (ruling 16, R43)."""
    events = said(f"""{PLAN}
        T    | A04 | v1 RLL |
        T+1h | A11 | v1 RLL | cancel_reason=ERR
        T+2h | A04 | v1 RLL |
        T+3h | A11 | v1 RLL | cancel_reason=ERR
    """)

    assert [
        (1, EventKind.RAISED, (), None, True),
        (2, EventKind.WITHDRAWN, (), Why.REGISTERED_IN_ERROR, True),
        (3, EventKind.UPDATED, (Change.REINSTATED,), None, True),
        (4, EventKind.WITHDRAWN, (), Why.REGISTERED_IN_ERROR, True),
    ] == [(event.revision, event.kind, event.changes, event.why, event.loud) for event in events]
    assert 1 == len({event.alert.alert_id for event in events})


def test_an_alert_whose_thread_joined_another_is_withdrawn_without_a_rule() -> None:
    """The admission was told of first; the A&E visit's thread takes it over (ruling 7)."""
    events = said(f"""{PLAN}
        T+1h | A01 | v2 | patient_class=I admission_type=21
        T    | A04 | v1 | patient_class=E
    """)

    assert [("v2", EventKind.RAISED), ("v1", EventKind.RAISED), ("v2", EventKind.WITHDRAWN)] == [
        (event.alert.subject, event.kind) for event in events
    ]
    assert events[-1].why is None


def test_an_item_is_opened_once_and_closed_when_settled() -> None:
    """Details that disagree and then agree (ruling 20)."""
    steps = fold(f"""{PLAN}
        T    | A04 | v1 | family=Other given=Alex
        T+1h | A08 | v1 | family=Other given=Alex acuity=2
        T+2h | A08 | v1 |
    """)

    assert [(0, 0), (1, 0), (0, 0), (0, 1)] == [(len(step.opened), len(step.closed)) for step in steps]
    assert {} == steps[-1].person.items


def test_a_decision_is_entered_when_it_is_new_or_changed() -> None:
    """Not shared, then shared, then the same again with a field more."""
    steps = fold(f"""{PLAN}
        T    | A04 | v1 | patient_class=P
        T+1h | A08 | v1 | patient_class=E
        T+2h | A08 | v1 |
        T+3h | A08 | v1 | reason=fall
    """)

    assert [[], [Why.SCHEDULED], [Why.SHARED], [], [Why.SHARED]] == [
        [entry.why for entry in step.entries] for step in steps
    ]


def test_a_change_of_policy_alone_is_a_new_decision() -> None:
    """The entry names the dated policy that decided."""
    person = fold(f"{PLAN}T | A04 | v1 |")[-1].person
    other = replace(SETTLED, delayed_after=SETTLED.delayed_after * 2)

    assert [Why.SHARED] == [entry.why for entry in advance(person, other, KEY).entries]


def test_every_event_id_covers_alert_revision_kind_and_content() -> None:
    """Another of any is another event; the same is the same."""
    alert = next(iter(fold(f"{PLAN}T | A04 | v1 |")[-1].person.told.values())).alert
    assert alert is not None
    person = Person(number=NhsNumber("9990000018"), salt=bytes(16))
    ids = {
        event.event_id
        for table in (
            f"{PLAN}T | A04 | v1 |",
            f"{PLAN}T | A04 | v1 | reason=fall",
            f"{PLAN}T | A04 | v1 | clinician_name=A",
            f"{PLAN}T | A04 | v1 | clinician_name=B",
            f"{PLAN}T | A04 | v2 |",
            f"{PLAN}T | A04 | v1 |\nT+1h | A08 | v1 | reason=fall",
        )
        for step in fold(table, person)
        for event in step.events
    }

    assert 2 * 6 == len(ids)


def test_the_childs_id_at_the_authority_is_no_content() -> None:
    """It changes no event and no event id (ruling 28)."""
    one, other = (
        said(f"{HEAD}T-9d | plan | CPP E09 | child_id={child_id}\nT | A04 | v1 |")
        for child_id in ("C-1", "C-2")
    )

    assert [event.event_id for event in one] == [event.event_id for event in other]
    assert ["C-1", "C-2"] == [event.alert.child_id for event in (*one, *other)]


def test_what_is_closed_is_neither_decided_nor_told() -> None:
    """A visit that nothing may revise any more (architecture, section 2)."""
    person = Person(number=NhsNumber("9990000018"), salt=bytes(16), closed=frozenset({"v1", "a1"}))
    steps = fold(f"{PLAN}T | A04 | v1 |\nT | view | a1 RYY |\nT | A04 | v2 RYY |", person)

    assert {"v2"} == {event.alert.subject for step in steps for event in step.events}
    assert {"v2"} == set(steps[-1].person.entries)


def test_a_shrunk_row_is_not_withdrawn() -> None:
    """What was told of a closed visit was right and stands (ruling 15)."""
    row = Told(revision=3, kind=EventKind.UPDATED, alert=None)
    person = Person(number=NhsNumber("9990000018"), salt=bytes(16), told={"x": row})

    assert ((), {"x": row}) == ((step := fold(PLAN, person)[-1]).events, step.person.told)


DECISION = DecisionEntry(
    subject_reference="v1", occasion=Occasion.ATTENDED, why=Why.SHARED, policy_version="p"
)
DECISIONS = [
    DECISION,
    replace(DECISION, occasion=Occasion.VIEWED),
    replace(DECISION, why=Why.NO_PLAN_DUE),
    replace(DECISION, recipients=(Recipient(kind=AUTHORITY, code=OdsCode("E09")),)),
    replace(DECISION, recipients=(Recipient(kind=PROVIDER, code=OdsCode("E09")),)),
    replace(DECISION, recipients=(Recipient(kind=AUTHORITY, code=OdsCode("E08")),)),
    replace(DECISION, fields=("plans", "visit")),
    replace(DECISION, fields=("plans.visit",)),
    replace(DECISION, policy_version="q"),
]


def test_every_part_of_a_decision_tells_it_apart() -> None:
    """The digest covers this text."""
    assert len(DECISIONS) == len({canonical(decision) for decision in DECISIONS})
