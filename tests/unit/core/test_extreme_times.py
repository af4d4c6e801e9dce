"""Whatever times facts carry, from the first day there is to the last, they are decided: nobody waits."""

from dataclasses import fields, replace
from datetime import UTC, date, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from broker.core.decisions import decide
from broker.core.facts import Birth, Details, Fact, PlanContent, PlanFact, VisitMessage
from broker.core.identifiers import NhsNumber
from broker.core.message_times import stamp
from broker.core.person import Person
from broker.core.possible import sought_in
from broker.core.possible_keys import on_file
from broker.core.retention import Reason, reason_kept, settle
from broker.core.timers import timers
from tests.generative.picking import Drawn
from tests.generative.stories import known_of, story
from tests.spec.settled import KEY, POLICY

NUMBER = NhsNumber("9990000018")
FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
CENTURY = datetime(1900, 1, 1, tzinfo=UTC)
TIMES = st.sampled_from([FIRST, CENTURY, LAST]) | st.datetimes(timezones=st.just(UTC))
DAYS = st.sampled_from([date.min, date(1900, 1, 1), date.max]) | st.dates()
HOLDS_TIMES = PlanFact | Birth | Details | PlanContent


def at_any_time(draw: st.DrawFn, told: Any) -> Any:
    """Return a fact, or what it holds, some of whose times and days are any that there are."""
    changed: dict[str, Any] = {}
    for entry in fields(told):
        match getattr(told, entry.name):
            case PlanFact() | Birth() | Details() | PlanContent() as held:
                changed[entry.name] = at_any_time(draw, held)
            case (PlanFact() | Birth(), *_) as several:
                changed[entry.name] = tuple(at_any_time(draw, one) for one in several)
            case datetime() if draw(st.booleans()):
                changed[entry.name] = draw(TIMES)
            case date() as day if not isinstance(day, datetime) and draw(st.booleans()):
                changed[entry.name] = draw(DAYS)
    return replace(told, **changed)


@st.composite
def told_at_any_time(draw: st.DrawFn) -> list[Fact]:
    """Return a story of one person, told at any times there are."""
    return [at_any_time(draw, fact) for fact in story(Drawn(draw))]


@given(told_at_any_time(), TIMES)
@settings(max_examples=100, deadline=None)
def test_no_time_of_a_fact_stops_anybody(told: list[Fact], clock: datetime) -> None:
    """Ordered, decided, put on file, waited for and forgotten at any clock (rulings 10, 37)."""
    known = known_of(told)

    decisions = decide(NUMBER, known, POLICY, KEY)
    days = on_file(known, POLICY, KEY).values()
    waits = timers(NUMBER, known, POLICY, KEY)
    settled = settle(Person(number=NUMBER, salt=bytes(16), known=known), clock, POLICY)

    assert {alert.subject for alert in decisions.alerts.values()} <= set(decisions.entries)
    assert all(window.first <= window.last for window in days)
    assert sorted(one.at for one in waits) == [one.at for one in waits]
    assert settled is None or isinstance(reason_kept(settled, clock, POLICY), Reason)
    for fact in told:
        if isinstance(fact, VisitMessage):
            sought_in(fact, POLICY)
            assert stamp(fact)[0] >= min(CENTURY, fact.received_at)
