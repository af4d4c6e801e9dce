"""Every explanation agrees with what was decided, gives a reason for every plan, and names nobody."""

from collections.abc import Iterator, Sequence
from itertools import chain

from broker.core.alerts import Why
from broker.core.decisions import Decisions, decide
from broker.core.effects import advance
from broker.core.explaining import explain, explain_alert
from broker.core.explanation import Explanation, MatchedBy, Obstacle
from broker.core.explanation_words import sentences
from broker.core.facts import (
    Access,
    Birth,
    Cover,
    Fact,
    IdentityKind,
    IdentityNotice,
    LinkEnded,
    PlanFact,
    PlanKey,
    VisitLeft,
    VisitMessage,
)
from broker.core.person import Person
from broker.core.policy import AnyPolicy
from broker.core.setting import Ground
from tests.generative.examples import always_the_same, examples
from tests.generative.living import NUMBER, fold
from tests.generative.oracle import Oracle
from tests.generative.picking import Picking
from tests.generative.settled import OTHER, POLICIES
from tests.generative.stories import known_of, story
from tests.spec.settled import KEY, POLICY

EXAMPLES = 300
SELDOM = frozenset({Ground.LISTED_SENSITIVE, Ground.LISTED_SCHEDULED})
"""What a sensitive place records is not read at all; tests/spec/test_setting.py has the other."""


def judged(pick: Picking) -> tuple[list[Fact], AnyPolicy]:
    """Return a story, and what it is judged by."""
    return story(pick), pick.one(POLICIES)


def explained(facts: Sequence[Fact], policy: AnyPolicy) -> tuple[Decisions, dict[str, Explanation]]:
    """Return what is decided, and the explanation of every decision."""
    known = known_of(facts)
    decisions = decide(NUMBER, known, policy, KEY)
    advanced = advance(Person(number=NUMBER, salt=bytes(16), known=known), policy, KEY)
    found = {}
    for subject in decisions.entries:
        answer = explain(advanced.person, subject, policy, KEY, told=advanced.events)
        assert isinstance(answer, Explanation)
        found[subject] = answer
    return decisions, found


@examples(judged)
def test_an_explanation_agrees_with_the_decision(facts: list[Fact], policy: AnyPolicy) -> None:
    """Rule, policy, recipients, fields, plans, urgency and route; the trail's entry is that decision."""
    decisions, found = explained(facts, policy)

    for subject, entry in decisions.entries.items():
        one = found[subject]
        standing = {alert.alert_id: alert for alert in one.alerts if alert.stands}
        about = {
            alert_id: alert
            for alert_id, alert in decisions.alerts.items()
            if alert.subject == subject or any(view.access_id == subject for view in alert.views)
        }
        assert (subject, entry.why, entry.policy_version, entry.occasion) == (
            one.subject,
            one.why,
            one.policy_version,
            one.occasion,
        )
        assert one.trail is not None
        assert one.trail.agrees
        assert about.keys() == standing.keys()
        assert len(entry.recipients) == len(standing)
        for alert_id, alert in about.items():
            shown = standing[alert_id]
            assert (alert.urgency, alert.route, alert.notes, alert.recipient.kind) == (
                shown.urgency,
                shown.route,
                shown.notes,
                shown.kind,
            )
            assert shown.revision == len(shown.told)
            assert shown.code in {None, alert.recipient.code}


@examples(judged)
def test_every_plan_counts_or_has_its_reason(facts: list[Fact], policy: AnyPolicy) -> None:
    """A plan without an obstacle is told, or replaced by one that is; a plan with one stands in no alert."""
    _, found = explained(facts, policy)

    own = {fact.content.key for fact in facts if isinstance(fact, PlanFact)}
    mothers = [one.said[0].content.key for one in Oracle(facts, policy).covered]
    on_file = [*own, *mothers]
    for one in found.values():
        told = {key for alert in one.alerts for key in alert.plans}
        assert len(on_file) == one.plans_on_file
        assert len(one.plans) in {0, len(on_file)}
        for plan in one.plans:
            key = PlanKey(authority=plan.authority, plan_type=plan.plan_type, start=plan.start)
            if on_file.count(key) > 1:  # her own unborn child's and her mother's with her, or two mothers'
                continue
            counts = plan.obstacle is None
            assert counts == ((plan.replaced_by or key) in told)
            assert counts == (plan.owner is not None)
        if one.plans:
            assert (one.why is Why.SHARED) == any(plan.obstacle is None for plan in one.plans)


@examples(judged)
def test_the_words_name_nobody(facts: list[Fact], policy: AnyPolicy) -> None:
    """No number, name, date of birth or child id of any fact, and each decision has its sentences."""
    _, found = explained(facts, policy)
    text = "\n".join(line for one in found.values() for line in sentences(one))

    assert [] == [value for value in chain([NUMBER.digits], *map(personal, facts)) if value in text]
    assert "None" not in text


@examples(judged)
def test_a_restricted_record_tells_no_place(facts: list[Fact], policy: AnyPolicy) -> None:
    """Provider, site and organisation of views stay unsaid, also of alerts told before (ruling 24)."""
    newest = max(fact.received_at for fact in facts)
    notice = IdentityNotice(
        notice_id="n", kind=IdentityKind.RESTRICTED, recorded_at=newest, received_at=newest
    )
    _, found = explained([*facts, notice], policy)
    text = "\n".join(line for one in found.values() for line in sentences(one))

    assert [] == [place for place in places(facts) if place in text]
    assert all(one.restricted for one in found.values())


@examples(judged)
def test_every_alert_ever_told_is_explained(facts: list[Fact], policy: AnyPolicy) -> None:
    """By its id, whether it stands or was taken back, with every revision that was told."""
    person, events = fold(facts, policy)

    for alert_id, row in person.told.items():
        answer = explain_alert(person, alert_id, policy, KEY, told=events)
        [shown] = [alert for alert in answer.alerts if alert.alert_id == alert_id]
        assert (row.revision, row.kind) == (shown.revision, shown.last_kind)
        assert list(range(1, row.revision + 1)) == [one.revision for one in shown.told]
        assert f"alert {alert_id}" in "\n".join(sentences(answer))


def test_every_obstacle_ground_and_way_of_matching_is_explained() -> None:
    """The stories lead to each of them."""
    reached: set[object] = set()
    for pick in always_the_same(EXAMPLES):
        facts = story(pick)
        _, by_one = explained(facts, POLICY)
        _, by_other = explained(facts, OTHER)
        for one in (*by_one.values(), *by_other.values()):
            reached |= {plan.obstacle for plan in one.plans} | {plan.matched_by for plan in one.plans}
            reached |= {one.happening.ground} if one.happening else set()

    assert set() == {*Obstacle, *MatchedBy, *Ground} - reached - SELDOM


def personal(fact: Fact) -> Iterator[str]:
    """Yield what of a fact names or dates a person, as it may be written."""
    match fact:
        case PlanFact():
            details = fact.content.details
            values = [details.family, details.given, details.birth_date, fact.content.child_id]
            values += [fact.content.phone_emergency]
        case VisitMessage():
            values = [fact.family, fact.given, fact.birth_date]
            values += [fact.clinician_name, fact.next_of_kin_name, fact.accompanied_by]
        case VisitLeft():
            values = []
        case Access():
            values = [fact.user_name]
        case IdentityNotice():
            values = [fact.birth_date]
        case Birth():
            values = [fact.baby.digits]  # the days about T are those of visits, too
        case Cover():
            values = [fact.mother.digits if fact.mother else None]
        case LinkEnded():
            values = [fact.number.digits]
    yield from (str(value) for value in values if value is not None)


def places(facts: Sequence[Fact]) -> set[str]:
    """Return the providers, sites and organisations that facts name."""
    found = {fact.provider.code for fact in facts if isinstance(fact, VisitMessage)}
    found |= {fact.organisation.code for fact in facts if isinstance(fact, Access)}
    return found | {"RXX01", "RLLSX"}
