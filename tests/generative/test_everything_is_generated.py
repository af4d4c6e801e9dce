"""The stories tell everything: fails when a fact, field or outcome is never generated."""

from collections.abc import Iterator
from functools import cache
from itertools import chain

from hypothesis import HealthCheck, Phase, given, settings

from broker.core.alerts import ItemKind, Mark, Note, PlanState, Route, Urgency, VisitState, Why
from broker.core.decisions import decide
from broker.core.everybody import Everybody
from broker.core.facts import (
    REGISTERS,
    Access,
    Birth,
    Cover,
    Fact,
    IdentityKind,
    IdentityNotice,
    NumberStatus,
    PlanFact,
    PlanType,
    Reliability,
    VisitEvent,
    VisitLeft,
    VisitMessage,
)
from broker.core.identifiers import NhsNumber
from broker.core.succession import Came
from tests.generative.lives import Life, lives
from tests.generative.living import Happening, check_life
from tests.generative.settled import OTHER
from tests.generative.stories import known_of, stories
from tests.spec.settled import KEY, POLICY

NUMBER = NhsNumber("9990000018")
EXAMPLES = 2_000  # enough for the rarest outcome but one; the same ones every time
LIVES = 200
SELDOM = frozenset({Mark.REMOVED_AFTERWARDS, Note.PROTECTION_PLAN_OPEN})
"""Tables have them: tests/spec/test_plans_due.py, after a cut-off; tests/spec/test_invalidated.py."""


@cache
def told() -> list[list[Fact]]:
    """Return what the strategy generates."""
    generated: list[list[Fact]] = []

    @settings(
        deadline=None,
        derandomize=True,
        max_examples=EXAMPLES,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(stories())
    def collect(facts: list[Fact]) -> None:
        generated.append(facts)

    collect()
    return generated


@cache
def lived() -> list[Life]:
    """Return what the strategy for whole lives generates."""
    generated: list[Life] = []

    @settings(
        deadline=None,
        derandomize=True,
        max_examples=LIVES,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(lives())
    def collect(life: Life) -> None:
        generated.append(life)

    collect()
    return generated


def messages() -> Iterator[VisitMessage]:
    """Yield every hospital message generated."""
    return (fact for fact in chain.from_iterable(told()) if isinstance(fact, VisitMessage))


def test_every_kind_of_fact_is_generated() -> None:
    """Plans, visits, visits that leave, views, notices, births, and what covers a newborn."""
    assert {PlanFact, VisitMessage, VisitLeft, Access, IdentityNotice, Birth, Cover} == {
        type(fact) for fact in chain(*told())
    }


def test_every_event_is_generated() -> None:
    """All trigger events of HL7 v2 that we read."""
    assert set(VisitEvent) == {message.event for message in messages()}


def test_every_register_is_written() -> None:
    """No field of a visit is always absent."""
    written = {name for message in messages() for name in REGISTERS if getattr(message, name) is not None}
    assert set(REGISTERS) == written


def test_every_plan_type_number_status_and_reliability_is_generated() -> None:
    """All codes that decide."""
    plans = {fact.content.plan_type for fact in chain(*told()) if isinstance(fact, PlanFact)}
    statuses = {message.number_status for message in messages()} - {None}
    guesses = {message.birth_date_reliability for message in messages()} - {None}
    kinds = {fact.kind for fact in chain(*told()) if isinstance(fact, IdentityNotice)}
    assert (set(PlanType), set(NumberStatus), set(Reliability), set(IdentityKind)) == (
        plans,
        statuses,
        guesses,
        kinds,
    )


def test_every_outcome_is_reached() -> None:
    """Every state, mark, note, route, urgency, reason and item follows from some story."""
    reached: set[object] = set()
    for facts in told():
        decisions = decide(NUMBER, known_of(facts), POLICY, KEY)
        reached |= {entry.why for entry in decisions.entries.values()}
        reached |= {entry.why for entry in decide(NUMBER, known_of(facts), OTHER, KEY).entries.values()}
        reached |= {item.kind for item in decisions.items.values()}
        for alert in decisions.alerts.values():
            reached |= {alert.route, alert.urgency, *alert.notes}
            reached |= {alert.visit.state} if alert.visit else set()
            reached |= {part for plan in alert.plans for part in (plan.state, *plan.marks)}

        for advanced in Everybody(POLICY, KEY, salt=bytes(16)).take(NUMBER, [Came(fact) for fact in facts]):
            reached |= {note for event in advanced.events for note in event.alert.notes}
            reached |= {entry.why for entry in advanced.entries}

    wanted = {
        ItemKind.DETAILS_DISAGREE,
        ItemKind.EXCLUDED_PERSON,
        *Mark,
        *Note,
        *PlanState,
        *Route,
        *Urgency,
        *VisitState,
        *Why,
    }
    assert set() == wanted - reached - SELDOM - {Why.NEWER_RULES}  # test_releases.py generates that one


def test_everything_happens_in_some_life() -> None:
    """Facts wait and come late, visits are closed, people destroyed and known again."""
    assert set(Happening) == set().union(*map(check_life, lived()))


def test_a_life_holds_every_kind_of_fact() -> None:
    """Each of them is received when the clock has moved."""
    taken = {type(step.fact) for life in lived() for step in life.taken if step.fact is not None}
    assert {PlanFact, VisitMessage, VisitLeft, Access, IdentityNotice, Birth, Cover} == taken
