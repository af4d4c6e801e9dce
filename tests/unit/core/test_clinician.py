"""What a treating provider's own system is sent, line by line (rulings 24, 30, 32)."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest

from broker.core.alerts import (
    Alert,
    AlertEvent,
    Change,
    EventKind,
    Mark,
    Note,
    Recipient,
    RecipientKind,
    Route,
)
from broker.core.clinician import PLACE_LENGTH, Code, Reader, lines
from broker.core.facts import PlanType
from broker.core.feeds import NEVER_TAKEN, STALE, FeedAges
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.office_hours import OfficeHours
from broker.core.wording import (
    CONFIRM_DELETION,
    COULD_NOT_CHECK,
    NOT_FOR_RELEASE,
    NOT_TO_ADULT,
    SUPPORTS,
    WITHDRAWN,
    WRONG_PERSON,
    statements,
)
from tests.unit.core.samples import ALERT, AT, LINE

MONDAY_NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
HOURS = {OdsCode("E09"): OfficeHours(weekdays=frozenset({0}), opens=time(9), closes=time(17))}
EVERYBODY = Reader(hours={})
SAFEGUARDING = Reader(safeguarding=True, hours={})
PLAN = replace(LINE, end=date(2027, 1, 1), phone_office="02071111111", marks=(Mark.RETROACTIVE,))
TO_PROVIDER = replace(
    ALERT,
    recipient=Recipient(kind=RecipientKind.PROVIDER, code=OdsCode("RXX")),
    route=Route.CLINICIAN,
    plans=(PLAN,),
    earlier_visits=2,
    last_visit_at=AT,
)
RESTRICTED = replace(TO_PROVIDER, route=Route.SAFEGUARDING, notes=(Note.RESTRICTED,))
AFTER_DEPARTURE = replace(TO_PROVIDER, route=Route.SAFEGUARDING)
STILL_RESTRICTED = replace(TO_PROVIDER, notes=(Note.RESTRICTED,))


def event(
    alert: Alert = TO_PROVIDER, kind: EventKind = EventKind.RAISED, changes: tuple[Change, ...] = ()
) -> AlertEvent:
    """Return an event of an alert."""
    return AlertEvent(
        event_id="e1", subject=NhsNumber("9990000018"), alert=alert, revision=1, kind=kind, changes=changes
    )


def told(
    one: AlertEvent, reader: Reader = EVERYBODY, at: datetime = MONDAY_NOON
) -> list[tuple[str, str | int | date | datetime]]:
    """Return the lines of an event with its own sentences, as key and value."""
    said = statements(one.alert, one.changes, kind=one.kind)
    return [(line.key, line.value) for line in lines(one, said, reader, at)]


def test_the_provider_is_told_plans_numbers_and_other_visits() -> None:
    """In the order of ruling 30: types and dates, the authority, emergency before office, earlier visits."""
    assert [
        ("EVENT.1", "raised"),
        ("ROUTE.1", "treating clinician"),
        ("VISIT.1", "present"),
        ("PLAN.1", "LAC, looked-after child"),
        ("PLAN_OF.1", "child"),
        ("PLAN_START.1", date(2025, 1, 1)),
        ("PLAN_END.1", date(2027, 1, 1)),
        ("PLAN_STATE.1", "active"),
        ("PLAN_MARK.1.RETROACTIVE", "retroactive"),
        ("AUTHORITY.1", "Exton (E09)"),
        ("RING_NOW.1", "02070000000"),
        ("EMERGENCY.1", "02070000000"),
        ("OFFICE.1", "02071111111"),
        ("EARLIER_VISITS.1", 2),
        ("LAST_VISIT.1", AT),
        ("STATEMENT.1", SUPPORTS),
        ("STATEMENT.2", NOT_FOR_RELEASE),
        ("STATEMENT.3", NOT_TO_ADULT),
    ] == told(event())


@pytest.mark.parametrize("plan_type", PlanType)
def test_every_plan_type_is_told_in_words(plan_type: PlanType) -> None:
    """The code that people know, and what it stands for."""
    one = event(replace(TO_PROVIDER, plans=(replace(PLAN, plan_type=plan_type),)))

    assert str(dict(told(one))["PLAN.1"]).startswith(f"{plan_type.value}, ")


@pytest.mark.parametrize(
    ("at", "number"),
    [(MONDAY_NOON, "02071111111"), (datetime(2026, 11, 30, 18, tzinfo=UTC), "02070000000")],
)
def test_the_number_to_ring_is_that_of_the_hour_of_sending(at: datetime, number: str) -> None:
    """Sent again in the evening the same event names the emergency number (ruling 30)."""
    assert number == dict(told(event(), Reader(hours=HOURS), at))["RING_NOW.1"]


def test_what_an_alert_does_not_say_has_no_line() -> None:
    """No visit, no end, no office, no mark, no earlier visit: no row, and none that is empty."""
    bare = replace(TO_PROVIDER, plans=(LINE,), visit=None, earlier_visits=0, last_visit_at=None)

    assert {"VISIT.1", "PLAN_END.1", "OFFICE.1", "LAST_VISIT.1"}.isdisjoint(dict(told(event(bare))))
    assert all(value != "" for _, value in told(event(bare)))


@pytest.mark.parametrize(
    ("kind", "sentence"), [(EventKind.WITHDRAWN, WITHDRAWN), (EventKind.RETRACTED, WRONG_PERSON)]
)
def test_what_was_taken_back_names_no_plan(kind: EventKind, sentence: str) -> None:
    """The reader learns that it stands no longer, and nothing anew (rulings 16, 44)."""
    said = told(event(kind=kind))

    assert [("EVENT.1", kind.value), ("ROUTE.1", "treating clinician"), ("STATEMENT.1", sentence)] == said[:3]
    assert not [key for key, _ in said if key.startswith(("PLAN", "AUTHORITY", "RING", "EMERGENCY"))]


def test_every_mark_has_a_place_of_its_own_that_a_strict_receiver_takes() -> None:
    """OBX-4 has 20 characters, also of the ninety-ninth plan; a rare mark must not be what is refused."""
    plan = replace(PLAN, marks=tuple(Mark))
    shown = lines(event(replace(TO_PROVIDER, plans=(plan,) * 99)), (), EVERYBODY, MONDAY_NOON)

    marks = [line.place for line in shown if line.code is Code.PLAN_MARK]
    assert 99 * len(Mark) == len(marks) == len(set(marks))
    assert max(map(len, marks)) <= PLACE_LENGTH


def test_a_change_is_told() -> None:
    """An update says what it changed (ruling 7)."""
    assert ("CHANGE.1", "plan change") in told(event(kind=EventKind.UPDATED, changes=(Change.PLAN,)))


@pytest.mark.parametrize("alert", [RESTRICTED, AFTER_DEPARTURE, STILL_RESTRICTED])
def test_staff_at_large_are_told_nothing_of_what_is_for_the_safeguarding_role(alert: Alert) -> None:
    """`could not check: ring safeguarding`, and no event, plan, authority or number (rulings 11, 24)."""
    assert [COULD_NOT_CHECK] == [value for _, value in told(event(alert))][:1]
    assert {Code.STATEMENT.name} == {key.partition(".")[0] for key, _ in told(event(alert))}


@pytest.mark.parametrize("alert", [RESTRICTED, AFTER_DEPARTURE, STILL_RESTRICTED])
def test_the_safeguarding_role_is_told_all_of_it(alert: Alert) -> None:
    """A destination that it alone reads gets the plan and both numbers (rulings 11, 24)."""
    assert "PLAN.1" in dict(told(event(alert), SAFEGUARDING))


def test_staff_are_asked_to_delete_what_they_were_told_before() -> None:
    """A record that was restricted afterwards: what was sent is superseded (ruling 24)."""
    reduced = event(RESTRICTED, EventKind.UPDATED, (Change.RESTRICTED,))

    assert [CONFIRM_DELETION, COULD_NOT_CHECK] == [value for _, value in told(reduced)][:2]


def test_a_restricted_alert_that_is_taken_back_says_so_to_everybody() -> None:
    """Not that there was no plan: that what was told stands no longer."""
    taken_back = event(RESTRICTED, EventKind.WITHDRAWN)

    assert [WITHDRAWN, COULD_NOT_CHECK] == [value for _, value in told(taken_back)][:2]


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (None, None),
        ({}, NEVER_TAKEN),
        ({OdsCode("E09"): MONDAY_NOON - timedelta(hours=48)}, "last file of this authority 2 days ago"),
        (
            {OdsCode("E09"): MONDAY_NOON - timedelta(hours=48, seconds=1)},
            f"{STALE}last file of this authority 2 days ago",
        ),
    ],
)
def test_a_plan_comes_with_the_age_of_its_data_at_the_hour_of_sending(
    last: dict[OdsCode, datetime] | None, expected: str | None
) -> None:
    """Stale a second after the limit; while nobody has read what is remembered nothing is said (C7, C8)."""
    feeds = FeedAges(last=lambda: last, stale_after=timedelta(hours=48))
    said = dict(told(event(), Reader(hours={}, feeds=feeds)))

    assert expected == said.get("PLAN_DATA.1")


def test_the_age_of_plan_data_is_no_part_of_the_alert() -> None:
    """The same event is older an hour later: what was decided stays as it was (C7)."""
    feeds = FeedAges(last=lambda: {OdsCode("E09"): MONDAY_NOON}, stale_after=timedelta(hours=48))
    reader = Reader(hours={}, feeds=feeds)
    sent = [dict(told(event(), reader, MONDAY_NOON + timedelta(hours=late))) for late in (0, 5)]

    assert ["less than an hour", "5 h"] == [
        str(one["PLAN_DATA.1"]).removeprefix("last file of this authority ").removesuffix(" ago")
        for one in sent
    ]
    assert [{key for key in one if key != "PLAN_DATA.1"} for one in sent] == [set(dict(told(event())))] * 2


def test_whoever_may_not_see_an_alert_is_told_no_age_either() -> None:
    """It would say that there is a plan (ruling 24)."""
    feeds = FeedAges(last=lambda: {OdsCode("E09"): MONDAY_NOON}, stale_after=timedelta(hours=48))

    assert {Code.STATEMENT.name} == {
        key.partition(".")[0] for key, _ in told(event(RESTRICTED), Reader(hours={}, feeds=feeds))
    }
