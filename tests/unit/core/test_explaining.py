"""What `cpis explain` says of one person: each line against the facts that led to it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from broker.core.alerts import AlertEvent, EventKind, RecipientKind, Why
from broker.core.effects import advance, decided_anew
from broker.core.explained_alerts import gone
from broker.core.explaining import explain, explain_alert
from broker.core.explanation import Answer, Closed, Explanation, NoPlan, Obstacle
from broker.core.explanation_words import sentences
from broker.core.facts import (
    Access,
    Birth,
    Cover,
    Details,
    Fact,
    IdentityKind,
    IdentityNotice,
    PlanContent,
    PlanFact,
    PlanType,
    VisitEvent,
    VisitMessage,
)
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.keyed import moved_reference
from broker.core.partition import Forwarding
from broker.core.person import Person, lift
from broker.core.policy import Policy
from broker.core.policy_keys import Place, Selector, Successor
from broker.core.retention import settle
from broker.core.stops import Stop
from broker.core.succession import fold, handed_over, translated
from broker.core.wording import NO_PLAN, SEARCHED
from tests.spec.settled import KEY

NUMBER = NhsNumber("9990000018")
T = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CHILD = Details(family="Quillfeather", given="Rosalind", birth_date=date(2016, 4, 12))
OTHER = Details(family="Brown", given="Tom", birth_date=date(2011, 1, 1))
POLICY = Policy()


def plan(
    authority: str = "211",
    *,
    start: date = date(2024, 9, 1),
    end: date | None = None,
    kind: PlanType = PlanType.LOOKED_AFTER,
    deleted: date | None = None,
    at: datetime = T - 10 * DAY,
    details: Details = CHILD,
) -> PlanFact:
    """Return one version of a plan."""
    content = PlanContent(
        authority=OdsCode(authority),
        plan_type=kind,
        start=start,
        end=end,
        deleted=deleted,
        authority_name="Exton",
        phone_emergency="02070000000",
        details=details,
    )
    return PlanFact(content=content, recorded_at=at, received_at=at, file_id=f"F{at}")


def message(
    event: VisitEvent = VisitEvent.REGISTERED,
    *,
    visit: str = "v1",
    at: datetime = T,
    kind: str = "E",
    details: Details = CHILD,
    **said: object,
) -> VisitMessage:
    """Return one hospital message."""
    return VisitMessage(
        message_id=f"{visit}{event}{at}",
        visit=visit,
        provider=OdsCode("RXH"),
        system="EDSYS",
        control_id="m",
        event=event,
        recorded_at=at,
        sent_at=at,
        received_at=at,
        patient_class=kind,
        family=details.family,
        given=details.given,
        birth_date=details.birth_date,
        **said,  # type: ignore[arg-type]  # by name
    )


def view(*, at: datetime = T, unscheduled: bool = True) -> Access:
    """Return one view."""
    return Access(
        access_id="a1",
        organisation=OdsCode("RXH"),
        organisation_name="Exton Hospital",
        role="nurse",
        user_name="A Nurse",
        unscheduled=unscheduled,
        accessed_at=at,
        recorded_at=at,
        received_at=at,
    )


def notice(kind: IdentityKind, *, at: datetime = T - DAY, born: date | None = None) -> IdentityNotice:
    """Return what was said of the person as a whole."""
    return IdentityNotice(notice_id=f"n{kind}", kind=kind, recorded_at=at, received_at=at, birth_date=born)


def word(kind: IdentityKind, *, at: datetime, visit: str = "v1") -> IdentityNotice:
    """Return what was said of one visit."""
    return IdentityNotice(notice_id=f"{kind}{visit}", kind=kind, recorded_at=at, received_at=at, visit=visit)


def after(facts: Sequence[Fact], policy: Policy = POLICY) -> tuple[Person, list[AlertEvent]]:
    """Return the person after these facts, each told of, and everything that was told."""
    person = Person(number=NUMBER, salt=bytes(range(16)))
    events: list[AlertEvent] = []
    for fact in facts:
        advanced = advance(person.learn(lift(fact)), policy, KEY)
        person = advanced.person
        events += advanced.events
    return person, events


def said(*facts: Fact, subject: str = "v1", policy: Policy = POLICY) -> str:
    """Return what is said of a visit or view after these facts, on one line."""
    person, events = after(facts, policy)
    return text(explain(person, subject, policy, KEY, told=events))


def text(answer: Answer) -> str:
    """Return an answer on one line."""
    return " | ".join(line.strip() for line in sentences(answer))


ENDED = plan(end=date(2025, 3, 1))
UNBORN = plan(kind=PlanType.UNBORN, start=date(2026, 1, 1), end=date(2026, 5, 1))
ADMITTED = message(VisitEvent.ADMITTED, visit="v2", at=T + HOUR, kind="I", admission_type="21")
LOST = notice(IdentityKind.PREGNANCY_ENDED)

REASONS: dict[str, tuple[list[Fact], str]] = {
    "ended": (
        [ENDED, message()],
        "no alert to 211: plan ended 2025-03-01, last visible day 2026-03-01, arrival 2026-03-02 (ruling 9)",
    ),
    "not begun": (
        [plan(start=date(2026, 3, 4)), message()],
        "plan begins 2026-03-04, last day of the stay 2026-03-03 (ruling 10)",
    ),
    "recorded late": (
        [message(), plan(at=T + 15 * DAY)],
        "plan first recorded 2026-03-17 09:00, cut-off 2026-03-16 09:00 (ruling 10)",
    ),
    "removed": (
        [plan(), plan(deleted=date(2026, 3, 1), at=T - HOUR), message()],
        "plan removed by the authority, recorded 2026-03-02 08:00, arrival 2026-03-02 09:00 (ruling 14)",
    ),
    "history": (
        [message(), plan(end=date(2025, 3, 2), at=T + DAY)],
        "plan ended 2025-03-02, last visible day 2026-03-02, recorded only 2026-03-03 09:00 (ruling 18)",
    ),
    "pregnancy ended": (
        [UNBORN, LOST, message()],
        "pregnancy ended, recorded 2026-03-01 09:00, arrival 2026-03-02 (ruling 43)",
    ),
    "of age": (
        [plan(details=replace(CHILD, birth_date=date(2008, 3, 2))), message()],
        "18 years old by the arrival 2026-03-02 (ruling 13)",
    ),
    "other details": (
        [plan(details=OTHER), message()],
        "details do not match (date of birth disagrees, family name disagrees, first given name disagrees)",
    ),
}


@pytest.mark.parametrize("why", REASONS)
def test_a_plan_that_does_not_count_has_its_reason_with_the_days(why: str) -> None:
    """The days are those that the rule compared."""
    facts, words = REASONS[why]
    shown = said(*facts)

    assert words in shown
    assert "no alert to 211: " in shown
    assert "no alert to the provider: no plan counts" in shown


def test_a_shared_visit_is_told_from_the_facts_to_the_audit_trail() -> None:
    """Facts with receipts, setting, stay, plan, match, recipients with fields, revisions, decision."""
    facts: list[Fact] = [plan(), message()]
    facts.append(message(VisitEvent.DISCHARGED, at=T + HOUR, departed_at=T + HOUR))
    person, events = after(facts)
    shown = text(explain(person, "v1", POLICY, KEY, told=events))

    for words in (
        "Visit at RXH, 2026-03-02 09:00, reference v1",
        "2026-02-20 09:00  211: looked-after plan from 2024-09-01, no end (received 2026-02-20 09:00)",
        "2026-03-02 09:00  RXH: registered (A04) (received 2026-03-02 09:00)",
        "unscheduled: an emergency class or admission type outweighs any other (ruling 4)",
        "discharged; departed 2026-03-02 10:00 (ruling 10)",
        "visible on a day from 2026-03-02 to 2026-03-02, and be recorded by 2026-03-16 10:00 (ruling 10)",
        "211, looked-after plan from 2024-09-01, no end: counts: in force (rulings 9, 12)",
        "date of birth agrees, family name agrees, first given name agrees: match, by two details",
        "stands, to the duty social worker, at once (ruling 45); plans: LAC from 2024-09-01",
        "tells: visit.visit, visit.provider, visit.state, visit.arrived_at, visit.departed_at",
        f"revision 1: raised (policy {POLICY.version})",
        f"revision 2: updated: discharged, other details of the visit changed (policy {POLICY.version})",
        f"shared, under policy {POLICY.version}",
        "lawful basis: plan-of-child, visit-of-child (ruling 49)",
        "entered in the audit trail under the commitment ",
    ):
        assert words in shown
    assert shown.index("authority 211, alert") < shown.index("provider RXH, alert")


def test_a_replay_has_no_audit_trail() -> None:
    """Its salt is no secret, so a commitment would give the number away."""
    person, events = after([plan(), message()])
    answer = explain(person, "v1", POLICY, KEY, told=events, audited=False)

    assert isinstance(answer, Explanation)
    assert answer.trail is None
    assert "commitment" not in text(answer)


def test_a_matcher_under_another_policy_is_found_out() -> None:
    """What the record holds of its last entry is not this decision."""
    person, events = after([plan(), message()])
    other = replace(POLICY, reattendance=DAY)

    assert "the newest entry in the audit trail is another" in text(
        explain(person, "v1", other, KEY, told=events)
    )


def test_what_was_not_told_yet_and_what_is_past_retention_is_said() -> None:
    """Revisions are those of the ledger, events those still held."""
    facts: list[Fact] = [plan(), message(), message(VisitEvent.CANCELLED, at=T + HOUR)]
    person, events = after(facts)
    some = [event for event in events if event.revision == 2]

    assert "nothing was told yet" in text(explain(replace(person, told={}), "v1", POLICY, KEY))
    assert "revisions told in all: 2; 1 of them past their retention" in text(
        explain(person, "v1", POLICY, KEY, told=some)
    )


def test_what_changed_rules_did_is_said() -> None:
    """The revision has the reason; what nobody was told stands, and that nobody was told is said."""
    seen: list[Fact] = [plan(), message()]
    left = message(VisitEvent.DISCHARGED, at=T + HOUR, departed_at=T + HOUR)
    person, events = after(seen)
    named = replace(POLICY, overrides={Selector(provider=message().provider): {"name": "Named"}})
    anew = decided_anew(person, named, KEY, T + HOUR)
    told = text(explain(anew.person, "v1", named, KEY, told=[*events, *anew.events]))

    ended = plan(end=date(2025, 1, 28), at=T - 500 * DAY)
    longer = replace(POLICY, visible_after_end=400 * DAY)
    unseen = decided_anew(after([ended, message(), left])[0], longer, KEY, T + 2 * HOUR)
    answer = explain(unseen.person, "v1", longer, KEY)
    untold = text(answer)

    assert "the rules or the policy changed, and no new message led to it" in told
    assert isinstance(answer, Explanation)
    assert (Why.NEWER_RULES, [True, True]) == (answer.why, [alert.untold for alert in answer.alerts])
    assert answer.trail is not None
    assert answer.trail.agrees
    assert 3 == untold.count("not told: decided only by newer rules, when the person had left")


@pytest.mark.parametrize(
    ("facts", "policy", "words"),
    [
        pytest.param(
            [plan(), message(kind="P")],
            POLICY,
            "1 on file, not looked at: what is said above or below decides alone | Who is told | "
            "no alert to anybody: a scheduled setting is silent (ruling 3)",
            id="scheduled",
        ),
        pytest.param(
            [plan(), message(), message(VisitEvent.CANCELLED, at=T + HOUR, cancel_reason="ERR")],
            Policy(overrides={Selector(provider=OdsCode("RXH")): {"error_reasons": frozenset({"ERR"})}}),
            "was withdrawn last",
            id="taken back",
        ),
        pytest.param(
            [notice(IdentityKind.BIRTH_DATE, born=date(2016, 4, 12)), message()],
            POLICY,
            "No plan is recorded under this NHS number. | That is no answer that there is no plan: ",
            id="a record without a plan",
        ),
        pytest.param(
            [message(kind="O"), plan("E20")],
            Policy(successors={OdsCode("E20"): Successor(code=OdsCode("E21"), opens_on=date(2026, 1, 1))}),
            "in force (rulings 9, 12); E21 answers for it (ruling 19)",
            id="a successor",
        ),
        pytest.param(
            [
                plan(start=date(2024, 9, 1)),
                message(),
                plan(start=date(2024, 9, 1), deleted=date(2026, 3, 2), at=T + HOUR),
                plan(start=date(2024, 9, 2), at=T + HOUR),
            ],
            POLICY,
            "removed; the plan from 2024-09-02 took over (ruling 14)",
            id="a replacement",
        ),
        pytest.param(
            [
                plan(at=T + 10 * DAY),
                message(),
                message(VisitEvent.DISCHARGED, at=T + HOUR, departed_at=T + HOUR),
            ],
            POLICY,
            "no alert to the provider: each plan was recorded too long after the person had left (ruling 11)",
            id="too late for the provider",
        ),
        pytest.param(
            [
                plan(),
                message(),
                ADMITTED,
            ],
            POLICY,
            "1 admission from A&E joined its thread (ruling 7)",
            id="an admission",
        ),
        *(
            pytest.param(
                [plan(), message(kind=first), message(VisitEvent.UPDATED, at=T + HOUR, kind=then)],
                POLICY,
                "The visit | unscheduled: an emergency class or admission type outweighs any other",
                id=f"once unscheduled: {first} and {then}",
            )
            for first, then in ("PE", "EP")
        ),
    ],
)
def test_what_is_said_of(facts: list[Fact], policy: Policy, words: str) -> None:
    """Each case in its own words."""
    assert words in said(*facts, policy=policy)


def test_a_thread_is_explained_by_each_of_its_visits() -> None:
    """The admission's reference leads to the thread it joined."""
    assert "reference v1" in said(plan(), message(), ADMITTED, subject="v2")


def test_what_a_sensitive_place_recorded_stays_untold() -> None:
    """No place, time, count or message (ruling 47): of a visit that has other messages, theirs alone."""
    policy = Policy(
        overrides={Selector(provider=OdsCode("RXH"), location="HAVEN"): {"listed": Place.SENSITIVE}}
    )
    hidden = message(location="HAVEN")
    desk = message(VisitEvent.UPDATED, at=T + HOUR, location="DESK")

    assert said(plan(), hidden, policy=policy).startswith(
        "Visit, reference v1 | Plans on file | 1 on file, not looked at: what is said above or below decides "
        "alone | Who is told | no alert to anybody: recorded at a place listed as sensitive"
    )
    mixed = said(plan(), hidden, desk, policy=policy)
    assert ("registered (A04)" in mixed, "updated (A08)" in mixed) == (False, True)


def test_views_are_explained() -> None:
    """Silent, told on their own, and as a line in the thread of a visit (ruling 1, R23)."""
    in_thread = view(at=T + HOUR)
    restricted = notice(IdentityKind.RESTRICTED)

    assert "silent (R23)" in said(plan(), view(unscheduled=False), subject="a1")
    alone = said(plan(), view(), subject="a1")
    assert "View at RXH, 2026-03-02 09:00, reference a1" in alone
    assert "unscheduled (R24)" in alone
    assert "authority 211, alert" in alone
    assert "tells: plans, views" in alone
    assert "the provider" not in alone
    thread = said(plan(), message(), in_thread, subject="a1")
    assert "a line in the thread of that visit (ruling 1)" in thread
    assert "authority 211, alert" in thread
    assert "RXH: somebody looked the person up" in said(plan(), message(), in_thread)
    untold = said(plan(), restricted, message(), in_thread, subject="a1")
    assert "nobody hears of views" in untold
    assert "RXH" not in untold


def test_a_restricted_record_names_no_provider() -> None:
    """Neither in what stands nor in what was told before (ruling 24)."""
    person, events = after([plan(), message(restricted=True)])
    [to_provider] = [event for event in events if event.alert.recipient.code == OdsCode("RXH")]

    shown = [explain(person, "v1", POLICY, KEY, told=events), gone([to_provider])]

    assert [] == [one for one in map(text, shown) if "RXH" in one]
    assert all("a provider that is not named, since the record is restricted" in text(one) for one in shown)


def test_a_closed_visit_is_said_to_be_closed() -> None:
    """By its reference with the events still held, by its alert's id with the ledger's row."""
    person, events = after([plan(), message()])
    settled = settle(person, T + 60 * DAY, POLICY)
    assert settled is not None
    alert_id = events[0].alert.alert_id

    by_reference = explain(settled, "v1", POLICY, KEY, told=events)
    by_alert = explain_alert(settled, alert_id, POLICY, KEY)

    assert (Closed, Closed) == (type(by_reference), type(by_alert))
    assert 2 == len(by_reference.alerts)
    assert text(by_reference).startswith("Closed: nothing can revise it any more")
    assert f"a recipient whose alert is past revising, alert {alert_id}: was raised last" in text(by_alert)
    assert "revisions told in all: 1; 1 of them past their retention" in text(by_alert)


def test_a_visit_closed_under_a_former_number_is_found_under_the_present_one() -> None:
    """With the alerts that were told under the former one, a view's as well as a visit's (ruling 22)."""
    present = NhsNumber("9990000026")
    person, events = after([plan(), message(visit="0" * 32), view(at=T + 9 * DAY)])
    settled = settle(person, T + 90 * DAY, POLICY)
    assert settled is not None
    forwarding = Forwarding(to=present, stamp=T, last_used=T)
    handed = translated(handed_over(settled, forwarding, T), KEY, former=NUMBER, number=present)
    moved = fold(Person(number=present, salt=bytes(16)), handed)

    visit = moved_reference(KEY, "0" * 32, former=NUMBER, number=present)
    of_visit = explain(moved, visit, POLICY, KEY, told=events)
    of_view = explain(moved, "a1", POLICY, KEY, told=events)

    assert [Closed, Closed] == [type(of_visit), type(of_view)]
    assert {event.alert.alert_id for event in events} == {
        alert.alert_id for answer in (of_visit, of_view) for alert in answer.alerts
    }
    assert [2, 1] == [len(of_visit.alerts), len(of_view.alerts)]


def test_an_alert_leads_to_its_visit() -> None:
    """By its id."""
    person, events = after([plan(), message()])

    for event in events:
        answer = explain_alert(person, event.alert.alert_id, POLICY, KEY, told=events)
        assert isinstance(answer, Explanation)
        assert ("v1", Why.SHARED) == (answer.subject, answer.why)


def test_an_alert_of_nobody_is_told_by_its_events() -> None:
    """Each revision once, in order, however often it is held."""
    _, events = after([plan(), message(), message(VisitEvent.CANCELLED, at=T + HOUR)])
    mine = [event for event in events if event.alert.alert_id == events[0].alert.alert_id]

    answer = gone([*reversed(mine), *mine])

    assert (2, EventKind.UPDATED, [1, 2]) == (
        answer.alert.revision,
        answer.alert.last_kind,
        [one.revision for one in answer.alert.told],
    )
    assert text(answer).startswith("The person's record is gone")


def test_a_rule_that_took_an_alert_back_is_told() -> None:
    """The withdrawal says which."""
    policy = Policy(overrides={Selector(provider=OdsCode("RXH")): {"error_reasons": frozenset({"ERR"})}})
    undone = message(VisitEvent.CANCELLED, at=T + HOUR, cancel_reason="ERR")

    assert "revision 2: withdrawn, since cancelled as registered in error (ruling 16)" in said(
        plan(), message(), undone, policy=policy
    )


def test_a_removal_and_a_due_date_are_shown_among_the_facts() -> None:
    """The dates of a plan's versions."""
    shown = said(UNBORN, plan(deleted=date(2026, 3, 2), at=T + HOUR), message(), LOST)

    assert "unborn child's plan from 2026-01-01, to 2026-05-01 (received" in shown
    assert "looked-after plan from 2024-09-01, no end, removed 2026-03-02 (received" in shown
    assert "the pregnancy ended (ruling 43) (received" in shown


def test_a_visit_without_a_record_is_no_answer_that_there_is_no_plan() -> None:
    """A mark, what waits, an enquiry and the nation are looked at by the answer alone (rulings 33, 41)."""
    shown = text(NoPlan(subject="v1", facts=2))

    head = "Visit, reference v1: messages held: 2 | There is no record under the visit's NHS number. | "
    assert shown.startswith(head + "That is no answer that there is no plan: ")
    assert "ask `cpis answer` (ruling 41)" in shown


def test_the_words_of_the_answer_are_in_no_explanation() -> None:
    """`No plan on file` is said where everything that speaks against it was looked at (rulings 33, 41)."""
    without_a_plan = said(notice(IdentityKind.BIRTH_DATE, born=date(2016, 4, 12)), message())
    without_a_record = text(NoPlan(subject="v1", facts=1))

    for shown in (without_a_plan, without_a_record):
        assert "That is no answer that there is no plan" in shown
        assert NO_PLAN not in shown
        assert SEARCHED not in shown


def test_a_visit_that_nobody_settled_is_explained() -> None:
    """Who hears of a possible attendance, of what alone, by which rule, and that a timer said so (46)."""
    timer = word(IdentityKind.UNSETTLED, at=T + 12 * HOUR)
    shown = said(plan(), message(details=OTHER), timer, word(IdentityKind.REFUSED, at=T, visit="v2"))

    assert "nobody had said by then whose the visit is (ruling 46)" in shown
    assert "stands, to the duty social worker, at once (ruling 45); plans: none named" in shown
    assert "tells: visit.visit, visit.provider, visit.state, visit.arrived_at" in shown
    assert "possible attendance, identity not confirmed: provider and time only (ruling 46)" in shown
    assert "only provider and time are told: the details do not match" in shown
    assert "lawful basis: possible-visit (ruling 49)" in shown
    assert "a person said" not in shown


def test_a_confirmed_visit_is_explained() -> None:
    """That the details do not match, and by whose word it counts nevertheless (ruling 46)."""
    shown = said(plan(), message(details=OTHER), word(IdentityKind.CONFIRMED, at=T + HOUR))

    assert "a person confirmed that the visit is of the one whose number it is under (46)" in shown
    assert "taken as a match, since a person confirmed who it is (ruling 46)" in shown
    assert "the details do not match; a person confirmed who it is (ruling 46)" in shown


def test_a_refused_visit_is_explained() -> None:
    """Why nobody is told, and that whoever was told it was taken back from (ruling 46)."""
    timer, refused = (
        word(IdentityKind.UNSETTLED, at=T + 12 * HOUR),
        word(IdentityKind.REFUSED, at=T + 13 * HOUR),
    )
    shown = said(plan(), message(details=OTHER), timer, refused)

    assert "somebody else, a person said (ruling 46)" in shown
    assert "retracted, since the details do not match, and a person said that it is somebody else" in shown
    assert "not shared: the details do not match, and a person said that it is somebody else" in shown


def stop(code: str, controller: RecipientKind) -> Policy:
    """Return a policy under which an organisation has stopped sharing on the day of T."""
    return Policy(
        stops=(
            Stop(
                controller=controller,
                code=OdsCode(code),
                first=T.date(),
                signed_by="A. Director",
                signed_on=T.date(),
            ),
        )
    )


@pytest.mark.parametrize(
    ("code", "controller", "obstacles"),
    [("211", RecipientKind.AUTHORITY, [Obstacle.SHARING_STOPPED]), ("RXH", RecipientKind.PROVIDER, [])],
)
def test_a_visit_that_a_signed_stop_kept_back_is_explained(
    code: str, controller: RecipientKind, obstacles: list[Obstacle]
) -> None:
    """Of a provider that stopped no plan is looked at; of an authority it is said of its plan (ruling 45)."""
    policy = stop(code, controller)
    person, _ = after([plan(), message()], policy)

    told = explain(person, "v1", policy, KEY)

    assert isinstance(told, Explanation)
    assert (Why.SHARING_STOPPED, obstacles) == (told.why, [one.obstacle for one in told.plans])
    assert any("signed stop" in sentence for sentence in sentences(told))


def covered(born: date | None = date(2026, 3, 1), *, at: datetime = T - DAY) -> Cover:
    """Return that an unborn child's plan of the mother's may cover the person."""
    said = plan(kind=PlanType.UNBORN, start=date(2026, 1, 1), end=date(2026, 4, 1), details=Details())
    said_birth = Birth(birth_id="b", baby=NUMBER, born=born, recorded_at=at, received_at=at)
    return Cover(mother=None, births=(said_birth,), plans=(said,), recorded_at=at, received_at=at)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ([covered()], "match, since the baby is linked with its mother (ruling 26)"),
        ([covered()], "newborn of the mother on whose number the plan is on file (ruling 26)"),
        ([covered()], "the baby was linked with a mother who has an unborn child's plan (ruling 26)"),
        ([covered(date(2025, 12, 31))], "not born from the plan's first day 2026-01-01"),
        ([covered(at=T + 60 * DAY)], "linked with the mother only after the cut-off"),
        ([covered(), plan(start=date(2026, 3, 9))], "the baby has a plan of its own"),
        (
            [covered(), notice(IdentityKind.PREGNANCY_ENDED, at=T - HOUR)],
            "pregnancy ended, recorded",
        ),
        ([replace(covered(), losses=(T - HOUR,))], "pregnancy ended, recorded"),
    ],
)
def test_what_is_said_of_a_newborn(facts: list[Fact], words: str) -> None:
    """By which link, and why a mother's plan covers it or does not; never when it was born (ruling 26)."""
    told = said(*facts, message())
    assert words in told
    assert "2026-03-01" not in told.replace("2026-03-01 09:00", "")


def test_what_was_asked_because_of_a_birth_is_explained_by_its_alert() -> None:
    """There is no visit and no place (ruling 26)."""
    person = advance(Person(number=NUMBER, salt=bytes(16)).learn(lift(covered())), POLICY, KEY).person
    [alert_id] = person.told
    answer = explain_alert(person, alert_id, POLICY, KEY)
    assert isinstance(answer, Explanation)
    told = text(answer)
    assert f"alert {alert_id}" in told
    assert told.startswith("Birth, reference ")
    assert "open the baby's own plan (ruling 26)" in told
