"""What somebody asks to have explained is found, and the audit trail says so before anything is told."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import NoReturn

import pytest

from broker.adapters.memory import MemoryFactLog
from broker.adapters.memory_sealing import MemorySealer
from broker.core.alerts import Why
from broker.core.desk_errors import NothingToExplain
from broker.core.errors import KafkaUnavailable
from broker.core.explanation import Answer, Closed, Explanation, Gone, NoPlan, NotInUse, NotTaken
from broker.core.explanation_words import sentences
from broker.core.facts import Fact, IdentityKind, IdentityNotice, VisitLeft, VisitMessage
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.keyed import visit_reference
from broker.core.operators import ActionKind, Grounds, OperatorAction
from broker.core.partition import Forwarding
from broker.core.policy import Policy
from broker.core.possible import Shelf, Sought
from broker.core.retention import settle
from broker.ports import Topic, Write
from broker.runtime.parts import assemble
from broker.runtime.recorded import offline, play
from broker.runtime.settings import Settings
from broker.services.audited_access import DeskUser
from broker.services.desk_log import DeskLog
from broker.services.excluding import Excluding
from broker.services.explanations import (
    AlertAsked,
    Asked,
    Explanations,
    ItemAsked,
    ReferenceAsked,
    explain_replayed,
)
from broker.services.finding import VisitAsked
from broker.wire.facts_codec import topic_of
from broker.wire.stream import Door, StreamLine
from tests.builders.house import ADA, PROVIDER_TOPIC, House, in_house
from tests.builders.matcher import KEY, NOON, PROVIDER, attendance, numbers, plan
from tests.builders.readers import access_on, readers_of
from tests.builders.street import A, B, Street, arrives, in_street, said, superseded, visit_of

GROUNDS = Grounds(by="ops-7", reason="ticket 4711")
BEN = list(zip(numbers(), range(2), strict=False))[1][0]
VISIT = VisitAsked(provider=PROVIDER, number="V-1", system="ED")
ANY_SYSTEM = replace(VISIT, system=None)
BOTH_WAYS = pytest.mark.parametrize(
    "asked", [pytest.param(VISIT, id="by its system"), pytest.param(ANY_SYSTEM, id="by any system")]
)


def came(number: NhsNumber = ADA, *, visit: str = "V-1", system: str = "ED") -> VisitMessage:
    """Return the attendance of a visit, under its true reference."""
    reference = visit_reference(KEY, number, system=system, provider=PROVIDER, visit_number=visit)
    return replace(attendance(reference), system=system)


def explanations(place: House | Street, who: DeskUser | None = None) -> Explanations:
    """Return what explains on a cluster at the desk of a user."""
    kafka, codecs = place.kafka, place.codecs
    log = DeskLog(MemoryFactLog(kafka), codecs.records, key=KEY, clock=lambda: NOON)
    access = access_on(kafka, readers_of(codecs), log, KEY, lambda: NOON, who)
    return Explanations(access, codecs.alerts, Excluding(access))


@dataclass
class Desk:
    """Who explains, on a house's cluster."""

    house: House

    async def ask(self, asked: Asked) -> Answer:
        """Ask for an explanation."""
        return await explanations(self.house).explain(asked, GROUNDS)

    def actions(self) -> list[OperatorAction]:
        """Return what the audit trail says of operators."""
        records = self.house.codecs.records
        values = [record.value or b"" for record in self.house.records(Topic.AUDIT)]
        return [records.decode_action(value) for value in values if records.is_action(value)]


def at_desk(*facts: Fact, then: Callable[[Desk], Awaitable[None]], others: Sequence[Fact] = ()) -> None:
    """Let a matcher work facts of one person, and of another without a plan, off; then sit at the desk."""

    async def scenario(house: House) -> None:
        house.send(*facts)
        house.send(*others, number=BEN)
        async with house.at_work():
            await house.taken()
        await then(Desk(house))

    in_house(scenario)


@BOTH_WAYS
def test_a_visit_is_explained_and_that_is_recorded(asked: VisitAsked) -> None:
    """What the record says, who asked and why: visit and place, no person."""

    async def then(desk: Desk) -> None:
        """Ask, and look at answer and trail."""
        answer = await desk.ask(asked)
        assert isinstance(answer, Explanation)
        assert (came().visit, Why.SHARED) == (answer.subject, answer.why)
        assert answer.trail is not None
        assert answer.trail.agrees
        assert {1} == {len(alert.told) for alert in answer.alerts}
        [action] = desk.actions()
        assert (ActionKind.EXPLAINED, came().visit, Topic.PEOPLE, GROUNDS, NOON) == (
            action.kind,
            action.item_id,
            action.place.topic,
            action.grounds,
            action.at,
        )

    at_desk(plan(), came(), came(visit="V-2"), then=then)


def test_nothing_is_told_when_it_cannot_be_recorded() -> None:
    """The trail comes first."""

    class Full(MemoryFactLog):
        """A log that takes nothing."""

        async def append(self, writes: Sequence[Write]) -> NoReturn:
            """Refuse."""
            assert writes
            raise KafkaUnavailable

    async def scenario(house: House) -> None:
        house.send(plan(), came())
        async with house.at_work():
            await house.taken()
        log = DeskLog(Full(house.kafka), house.codecs.records, key=KEY, clock=lambda: NOON)
        access = access_on(house.kafka, readers_of(house.codecs), log, KEY, lambda: NOON)
        asked = Explanations(access, house.codecs.alerts, Excluding(access))
        with pytest.raises(KafkaUnavailable):
            await asked.explain(VISIT, GROUNDS)

    in_house(scenario)


def test_an_alert_is_explained_by_its_id() -> None:
    """It leads to its visit."""

    async def then(desk: Desk) -> None:
        """Ask, and look at answer and trail."""
        alert_id = desk.house.events()[0].alert.alert_id
        answer = await desk.ask(AlertAsked(alert_id=alert_id))
        assert isinstance(answer, Explanation)
        assert came().visit == answer.subject
        assert [alert_id] == [action.item_id for action in desk.actions()]

    at_desk(plan(), came(), then=then)


DISAGREES = replace(came(), family="Other", given="Sam", birth_date=date(2001, 2, 3), number_status=None)


def test_an_open_item_is_explained_by_its_id() -> None:
    """It leads to the visit whose details disagree (ruling 20)."""

    async def then(desk: Desk) -> None:
        """Ask, and look at answer and trail."""
        [item_id] = desk.house.person().items
        answer = await desk.ask(ItemAsked(item_id=item_id))
        assert isinstance(answer, Explanation)
        assert (DISAGREES.visit, Why.DETAILS_DISAGREE) == (answer.subject, answer.why)
        assert [DISAGREES.visit] == [action.item_id for action in desk.actions()]

    at_desk(plan(), DISAGREES, then=then)


LEFT = VisitLeft(
    visit=came().visit,
    message_id=came().message_id,
    control_id=came().control_id,
    recorded_at=came().recorded_at,
    sent_at=came().sent_at,
    received_at=came().received_at,
)


@pytest.mark.parametrize("first", ["the former person", "the other person"])
@pytest.mark.parametrize(
    ("others", "why"), [((), Why.WRONG_PERSON), ((plan(),), Why.SHARED)], ids=["no plan", "plan"]
)
def test_a_visit_that_goes_on_under_another_number_is_explained_there(
    first: str, others: tuple[Fact, ...], why: Why
) -> None:
    """Where that person has a record; else by the one that it left, and never by both (rulings 42, 44)."""
    former: list[tuple[NhsNumber, Fact]] = [(ADA, plan()), (ADA, came()), (ADA, LEFT)]
    other: list[tuple[NhsNumber, Fact]] = [*((BEN, fact) for fact in others), (BEN, came(BEN))]
    told = [*former, *other] if first == "the former person" else [*other, *former]

    async def scenario(house: House) -> None:
        async with house.at_work():
            for number, fact in told:
                house.send(fact, number=number)
                await house.taken()
        answer = await Desk(house).ask(VISIT)
        assert isinstance(answer, Explanation)
        assert (why, came(BEN if others else ADA).visit) == (answer.why, answer.subject)
        assert 1 == len(Desk(house).actions())

    in_house(scenario)
    replayed = Player(*told).ask(VISIT)
    assert isinstance(replayed, Explanation)
    assert why is replayed.why


@BOTH_WAYS
def test_a_visit_of_somebody_without_a_plan_is_said_to_have_none(asked: VisitAsked) -> None:
    """From the attendances, without opening what is sealed; recorded as well, since it tells of a person."""

    async def then(desk: Desk) -> None:
        """Ask, and look at answer and trail."""
        desk.house.send_raw(Topic.ATTENDANCES, BEN.key, b"RQX is no attendance")
        desk.house.send_raw(Topic.ATTENDANCES, b"no number", b"RQX is no attendance")
        desk.house.send_raw(Topic.ATTENDANCES, None, None)
        answer = await desk.ask(asked)
        assert NoPlan(subject=came(BEN).visit, facts=2) == answer
        [action] = desk.actions()
        assert (came(BEN).visit, Topic.ATTENDANCES) == (action.item_id, action.place.topic)

    again = replace(came(BEN), message_id="again")
    at_desk(plan(), others=[came(BEN), again, came(BEN, visit="V-2")], then=then)


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(replace(VISIT, number="V-9"), id="another number"),
        pytest.param(replace(VISIT, system="LAB"), id="another system"),
        pytest.param(replace(ANY_SYSTEM, number="V-9"), id="another number of any system"),
        pytest.param(replace(ANY_SYSTEM, provider=OdsCode("RXX")), id="another provider"),
        pytest.param(replace(ANY_SYSTEM, provider=OdsCode("211")), id="an authority"),
        pytest.param(AlertAsked(alert_id="0" * 32), id="another alert"),
        pytest.param(AlertAsked(alert_id=came().visit), id="a visit's reference"),
        pytest.param(ItemAsked(item_id="0" * 32), id="another item"),
    ],
)
def test_what_is_not_held_is_not_explained_and_leaves_no_entry(asked: Asked) -> None:
    """Nothing was told of anybody."""

    async def then(desk: Desk) -> None:
        """Ask, and look at answer and trail."""
        with pytest.raises(NothingToExplain, match="No such visit, alert or open item is held"):
            await desk.ask(asked)
        assert [] == desk.actions()

    at_desk(plan(), came(), others=[came(BEN)], then=then)


def test_a_closed_visit_is_found_by_its_system() -> None:
    """Its messages are gone; its reference is kept."""

    async def then(desk: Desk) -> None:
        """Ask, and look at answer and trail."""
        settled = settle(desk.house.person(), NOON + timedelta(days=60), Policy())
        assert settled is not None
        desk.house.send_raw(Topic.PEOPLE, ADA.key, desk.house.codecs.states.encode_person(settled))
        answer = await desk.ask(VISIT)
        assert isinstance(answer, Closed)
        assert (came().visit, 2) == (answer.subject, len(answer.alerts))
        by_alert = await desk.ask(AlertAsked(alert_id=answer.alerts[0].alert_id))
        assert isinstance(by_alert, Closed)

    at_desk(plan(), came(), then=then)


def test_an_alert_of_somebody_whose_record_is_gone_is_told_by_its_events() -> None:
    """They are held for 35 days."""

    async def then(desk: Desk) -> None:
        """Ask, and look at answer and trail."""
        alert_id = desk.house.events()[0].alert.alert_id
        desk.house.send_raw(Topic.PEOPLE, ADA.key, None)
        desk.house.send_raw(Topic.ALERTS, b"211", b"no alert, for all it holds " + alert_id.encode())
        answer = await desk.ask(AlertAsked(alert_id=alert_id))
        assert isinstance(answer, Gone)
        assert (alert_id, 1) == (answer.alert.alert_id, answer.alert.revision)
        [action] = desk.actions()
        assert (alert_id, Topic.ALERTS) == (action.item_id, action.place.topic)

    at_desk(plan(), came(), then=then)


def test_records_that_cannot_be_read_stop_nothing_and_are_counted() -> None:
    """What is asked for may have been in one of them."""

    async def then(desk: Desk) -> None:
        """Ask, and look at answer and trail."""
        desk.house.send_raw(Topic.PEOPLE, b"not a number", b"RQX is no person")
        desk.house.send_raw(Topic.PEOPLE, BEN.key, b"RQX is no person")
        assert isinstance(await desk.ask(ANY_SYSTEM), Explanation)
        with pytest.raises(NothingToExplain, match="not found, and 2 records of people cannot be read"):
            await desk.ask(replace(ANY_SYSTEM, number="V-9"))

    at_desk(plan(), came(), then=then)


def test_a_visit_without_a_number_that_is_looked_for_is_no_record_that_cannot_be_read() -> None:
    """Its provider stands beside the digests of its details, under no number (ruling 21)."""

    async def then(desk: Desk) -> None:
        """Ask for a visit of that provider that nobody has."""
        sought = Sought(
            visit="f" * 32, provider=PROVIDER, control_id="1",
            arrived_at=NOON, there_until=NOON, heard_at=NOON,
        )  # fmt: skip
        shelf = desk.house.codecs.details.encode_shelf(Shelf(sought={sought.visit: sought}))
        assert PROVIDER.code.encode() in shelf
        desk.house.send_raw(Topic.PEOPLE, b"a" * 32, shelf)
        with pytest.raises(NothingToExplain, match="No such visit"):
            await desk.ask(replace(ANY_SYSTEM, number="V-9"))

    at_desk(plan(), came(), then=then)


def test_a_forwarding_record_is_nobody() -> None:
    """A provider's code may stand in its digits by chance."""

    async def then(desk: Desk) -> None:
        """Ask, and look at answer and trail."""
        forwarding = Forwarding(to=ADA, stamp=NOON, last_used=NOON)
        desk.house.send_raw(Topic.PEOPLE, BEN.key, desk.house.codecs.states.encode_forwarding(forwarding))
        with pytest.raises(NothingToExplain, match="No such visit"):
            await desk.ask(replace(ANY_SYSTEM, provider=OdsCode(ADA.digits[:3])))

    at_desk(plan(), came(), then=then)


@BOTH_WAYS
def test_of_a_visit_that_waits_nobody_is_told_that_there_is_no_plan(asked: VisitAsked) -> None:
    """The person is on hold: there is a record, and the visit is not in it (rulings 34, 41)."""

    async def then(desk: Desk) -> None:
        """Ask, by the visit's name and by its reference."""
        reference = came().visit
        assert NotTaken(subject=reference) == await desk.ask(asked)
        assert NotTaken(subject=reference) == await desk.ask(ReferenceAsked(reference=reference))
        assert "not the answer that there is no plan" in "\n".join(sentences(NotTaken(subject=reference)))

    held = IdentityNotice(notice_id="h", kind=IdentityKind.ON_HOLD, recorded_at=NOON, received_at=NOON)
    at_desk(held, plan(), came(), then=then)


@BOTH_WAYS
def test_of_a_number_not_in_use_nothing_is_opened(asked: VisitAsked) -> None:
    """Neither a visit nor an alert of it: it could not be checked, which is no `no plan` (rulings 23, 41)."""

    async def then(desk: Desk) -> None:
        """Ask for the visit, and for each alert that was told."""
        [visit] = {event.alert.subject for event in desk.house.events(PROVIDER_TOPIC)}
        assert NotInUse(subject=visit) == await desk.ask(asked)
        for event in desk.house.events(PROVIDER_TOPIC):
            alert = AlertAsked(alert_id=event.alert.alert_id)
            assert NotInUse(subject=alert.alert_id) == await desk.ask(alert)
        assert [ActionKind.EXPLAINED] * 2 == [action.kind for action in desk.actions()]
        assert "not in use, trace the patient" in "\n".join(sentences(NotInUse(subject=visit)))

    async def scenario(house: House) -> None:
        async with house.at_work():
            house.send(plan(), came())
            await house.taken()
            house.send(said(IdentityKind.INVALIDATED))
            await house.taken()
        await then(Desk(house))

    in_house(scenario)


MOVED: list[tuple[NhsNumber, Fact]] = [
    (A, plan()),
    (A, arrives(A)),
    (A, superseded(B, at=NOON + timedelta(hours=1))),
]
"""A visit told under one number, which another then succeeded."""


def test_an_alert_of_a_former_number_is_explained_under_the_present_one() -> None:
    """With its first id, and what was told under either number (ruling 22)."""

    async def scenario(street: Street) -> None:
        async with street.at_work():
            for number, fact in MOVED:
                street.send(number, fact)
                await street.settled()
        ids = {event.alert.alert_id for event in street.events()}
        for alert_id in ids:
            answer = await explanations(street).explain(AlertAsked(alert_id=alert_id), GROUNDS)
            assert isinstance(answer, Explanation)
            assert (visit_of(B), Why.SHARED) == (answer.subject, answer.why)
            assert ids == {alert.alert_id for alert in answer.alerts if alert.stands}
            assert [[1, 2]] * 2 == [[one.revision for one in alert.told] for alert in answer.alerts]
            assert answer.trail is not None
            assert answer.trail.agrees
        settled = settle(street.person(B), NOON + timedelta(days=60), Policy())
        assert settled is not None
        street.kafka.append([Write(Topic.PEOPLE, B.key, street.codecs.states.encode_person(settled))])
        closed = await explanations(street).explain(VISIT, GROUNDS)
        assert isinstance(closed, Closed)
        assert ids == {alert.alert_id for alert in closed.alerts}

    in_street(scenario)


class Player:
    """A recorded stream of facts, and what is asked about it."""

    def __init__(self, *facts: tuple[NhsNumber, Fact]) -> None:
        """Play them."""
        self.parts = assemble(Settings(), sealer=MemorySealer())
        self.replay = offline(self.parts)
        lines = [
            StreamLine(
                at=NOON,
                door=Door.FACT,
                raw=self.parts.facts.encode(fact, number),
                topic=topic_of(fact),
                key=number.key,
            )
            for number, fact in facts
        ]
        asyncio.run(play(self.replay, lines))

    def ask(self, asked: Asked) -> Answer:
        """Ask about what was played."""
        return explain_replayed(self.replay, asked, self.parts.policy, KEY)


def test_a_replay_is_explained_without_a_trail() -> None:
    """By visit and by alert, of a person with a plan and of one without."""
    player = Player((ADA, plan()), (ADA, came()), (BEN, came(BEN, visit="V-2")))

    visit = player.ask(ANY_SYSTEM)
    assert isinstance(visit, Explanation)
    assert visit.trail is None
    assert {1} == {len(alert.told) for alert in visit.alerts}
    assert visit == player.ask(AlertAsked(alert_id=visit.alerts[0].alert_id))
    assert NoPlan(subject=came(BEN, visit="V-2").visit, facts=1) == player.ask(replace(VISIT, number="V-2"))


def test_a_replay_explains_an_alert_of_a_former_number() -> None:
    """Told under both, with one id (ruling 22)."""
    player = Player(*MOVED)
    answer = player.ask(ANY_SYSTEM)

    assert isinstance(answer, Explanation)
    assert [[1, 2]] * 2 == [[one.revision for one in alert.told] for alert in answer.alerts]
    assert answer == player.ask(AlertAsked(alert_id=answer.alerts[0].alert_id))


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(replace(VISIT, number="V-9"), id="another number"),
        pytest.param(replace(VISIT, system="LAB"), id="another system"),
        pytest.param(AlertAsked(alert_id="0" * 32), id="another alert"),
    ],
)
def test_what_a_replay_does_not_hold_is_not_explained(asked: Asked) -> None:
    """Neither visit nor alert."""
    player = Player((ADA, plan()), (ADA, came()), (BEN, came(BEN, visit="V-2")))

    with pytest.raises(NothingToExplain):
        player.ask(asked)
