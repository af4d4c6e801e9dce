"""A superseded number: everything of its person goes to the successor, at a matcher of its own. Ruling 22."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import permutations

import pytest

from broker.adapters.memory_sealing import MemorySealer
from broker.core.alerts import AlertEvent, Change, EventKind, RecipientKind
from broker.core.errors import (
    MalformedMessage,
    NumbersInCircle,
    PersonTooLarge,
    SuccessionContradicted,
    UnsealingFailed,
)
from broker.core.facts import Fact, IdentityKind
from broker.core.identifiers import NhsNumber
from broker.core.invalidation import Inactive
from broker.core.partition import Forwarding
from broker.core.person import Person, lift
from broker.core.policy import Policy
from broker.core.restriction import is_reduced
from broker.core.retention import FORWARDING_KEPT
from broker.core.succession import Merged, Passage
from broker.ports import INPUTS, Topic, Write
from broker.services.matching_holds import note_of
from broker.services.matching_output import PERSON_BYTES_MAX
from broker.services.matching_turns import Notice
from broker.wire.cloudevents import FACT_TYPE, CloudEvent, read_headers, write_headers
from broker.wire.facts_codec import FactCodec
from tests.builders.matcher import KEY, NOON, SALT, access, fact_write, notice, plan, schemas, until
from tests.builders.street import MORE, A, B, C, Street, arrives, in_street, said, superseded, visit_of

HEADERS = write_headers(CloudEvent(event_id="x", source="urn:cpis:test", event_type=FACT_TYPE, time=NOON))
HOUR = timedelta(hours=1)
BOTH = (RecipientKind.AUTHORITY, RecipientKind.PROVIDER)


def told_of(number: NhsNumber, *names: str) -> list[tuple[RecipientKind, str, NhsNumber]]:
    """Return that authority and provider are told of visits under a number, and nobody of anything else."""
    return sorted((kind, visit_of(number, name), number) for kind in BOTH for name in names)


def test_a_plan_goes_to_the_successor_and_alerts_there() -> None:
    """Under the former number nothing is left but where to; the plan is where the next visit comes."""

    async def scenario(street: Street) -> None:
        async with street.at_work():
            street.send(A, plan())
            await street.settled()
            street.send(A, superseded(B))
            await street.settled()
            street.send(B, arrives(B))
            await street.settled()
        assert Forwarding(to=B, stamp=NOON, last_used=NOON + timedelta(minutes=1)) == street.forwarding(A)
        assert told_of(B, "V-1") == street.standing()

    in_street(scenario)


def test_an_alert_keeps_its_id_and_gains_an_update_with_the_new_number() -> None:
    """Revision 2 says which number it is now, quietly; nothing is raised a second time (ruling 22)."""

    async def scenario(street: Street) -> None:
        async with street.at_work():
            street.send(A, plan(), arrives(A))
            await street.settled()
            street.send(A, superseded(B, at=NOON + HOUR))
            await street.settled()
        for topic in ("cpis.alerts.la.211", "cpis.alerts.provider.RQX"):
            raised, updated = street.events_to(topic)
            assert raised.alert.alert_id == updated.alert.alert_id
            assert (A, B) == (raised.subject, updated.subject)
            assert (EventKind.UPDATED, 2, (Change.NUMBER,), False) == (
                updated.kind, updated.revision, updated.changes, updated.loud,
            )  # fmt: skip
            assert visit_of(B) == updated.alert.subject

    in_street(scenario)


def test_what_waits_in_the_log_goes_as_it_lies_and_nothing_of_it_is_kept() -> None:
    """Of a person without a plan there is no record on either side; a plan later finds the visit."""

    async def scenario(street: Street) -> None:
        async with street.at_work():
            street.send(A, arrives(A), access())
            await street.settled()
            street.send(A, superseded(B))
            await street.settled()
            assert (B, None) == (street.forwarding(A).to, street.held(B))
            street.send(B, plan())
            await street.settled()
        assert told_of(B, "V-1") == street.standing()
        assert ["access-1"] == list(street.person(B).known.accesses)

    in_street(scenario)


@pytest.mark.parametrize("with_plan", [False, True], ids=["no plan", "plan"])
def test_whatever_comes_under_the_old_number_is_sent_on(with_plan: bool) -> None:  # noqa: FBT001
    """Plans, visits, views and notices, by their own inputs, with their bytes and receipts unchanged."""

    async def scenario(street: Street) -> None:
        if with_plan:
            street.send(A, plan())
        street.send(A, superseded(B))
        async with street.at_work():
            await street.settled()
            street.send(A, plan(recorded_at=NOON), arrives(A), access(at=NOON + 9 * HOUR), notice())
            await street.settled()
        person = street.person(B)
        assert [visit_of(B)] == list(person.known.visits)
        assert ({"access-1"}, 1) == (set(person.known.accesses), len(person.known.plans))
        assert "notice-1" in person.known.notices
        assert NOON + 9 * HOUR == street.forwarding(A).last_used
        for topic in INPUTS:
            first, last = street.kafka.read(topic)[0], street.kafka.read(topic)[-1]
            assert {read_headers(first.headers).source} <= {"urn:cpis:test"}
            assert "forwarded" == read_headers(last.headers).data_schema
        sent = {record.value for record in street.inputs() if record.key == A.key}
        wrapped = [
            street.codecs.facts.read(r.topic, B.key, r.value or b"")
            for r in street.inputs()
            if r.key == B.key
        ]
        assert all(one.value in sent for one in wrapped if not isinstance(one.fact, Merged))

    in_street(scenario)


def test_one_visit_under_both_numbers_is_one_thread() -> None:
    """The hospital goes over to the new number in the middle of the visit (rulings 6, 22)."""

    async def scenario(street: Street) -> None:
        async with street.at_work():
            street.send(A, plan(), arrives(A))
            await street.settled()
            street.send(A, superseded(B))
            street.send(B, arrives(B, at=NOON + HOUR))
            await street.settled()
        assert told_of(B, "V-1") == street.standing()
        assert 2 == len(street.person(B).known.visits[visit_of(B)])
        assert 2 == len({event.alert.alert_id for event in street.events()})

    in_street(scenario)


def test_a_visit_told_under_both_numbers_goes_on_as_one_alert() -> None:
    """Both had a plan and an alert; afterwards one stands for each recipient, and the other is withdrawn."""

    async def scenario(street: Street) -> None:
        async with street.at_work():
            street.send(A, plan(), arrives(A))
            street.send(B, plan(), arrives(B, at=NOON + HOUR))
            await street.settled()
            assert 4 == len(street.standing())
            street.send(A, superseded(B))
            await street.settled()
        assert told_of(B, "V-1") == street.standing()
        withdrawn = [event for event in street.events() if event.kind is EventKind.WITHDRAWN]
        assert ([None, None], {1, 2}) == (
            [event.why for event in withdrawn],
            {event.revision for event in street.events()},
        )

    in_street(scenario)


@pytest.mark.parametrize(("planned", "visiting"), [(A, B), (B, A)], ids=["plan moves", "visit moves"])
def test_a_plan_and_a_visit_under_different_numbers_meet(planned: NhsNumber, visiting: NhsNumber) -> None:
    """Whichever of them is the one that moves."""

    async def scenario(street: Street) -> None:
        async with street.at_work():
            street.send(planned, plan())
            street.send(visiting, arrives(visiting))
            await street.settled()
            assert [] == street.standing()
            street.send(A, superseded(B))
            await street.settled()
        assert told_of(B, "V-1") == street.standing()

    in_street(scenario)


CHAIN: list[tuple[NhsNumber, Fact]] = [
    (A, superseded(B, at=NOON)),
    (B, superseded(C, at=NOON + HOUR)),
    (A, plan()),
    (B, arrives(B)),
]


@pytest.mark.parametrize("order", list(permutations(range(len(CHAIN)))), ids=str)
def test_a_chain_of_successions_ends_at_the_last_number(order: Sequence[int]) -> None:
    """A→B→C, and what came under each of them, in every order."""

    async def scenario(street: Street) -> None:
        async with street.at_work():
            for place in order:
                street.send(*CHAIN[place])
                await street.settled()
            street.send(A, arrives(A, "V-2", at=NOON + 200 * HOUR))
            await street.settled()
        assert (B, C) == (street.forwarding(A).to, street.forwarding(B).to)
        assert told_of(C, "V-1", "V-2") == street.standing()

    in_street(scenario)


BACK: list[tuple[NhsNumber, Fact]] = [
    (A, superseded(B, at=NOON)),
    (B, superseded(A, at=NOON + HOUR)),
    (A, plan()),
    (B, arrives(B)),
    (A, arrives(A, "V-2", at=NOON + 200 * HOUR)),
]


@pytest.mark.parametrize("waiting", [True, False], ids=["one by one", "all at once"])
@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
def test_there_and_back_again_ends_at_the_first_number(order: Sequence[int], waiting: bool) -> None:  # noqa: FBT001
    """A→B→A: the newer succession clears the older one's forwarding record, in whichever order they come."""

    async def scenario(street: Street) -> None:
        async with street.at_work():
            for place in (*order, 3, 4):
                street.send(*BACK[place])
                if waiting:
                    await street.settled()
            await street.settled()
            street.send(A, superseded(B, at=NOON, notice_id="said again"))
            await street.settled()
        assert A == street.forwarding(B).to
        assert told_of(A, "V-1", "V-2") == street.standing()
        assert [] == street.set_aside()

    in_street(scenario)


@pytest.mark.parametrize(("planned", "visiting"), [(A, B), (B, A)], ids=["of the less", "of the greater"])
def test_two_numbers_that_name_each_other_at_one_time_leave_one(
    planned: NhsNumber, visiting: NhsNumber
) -> None:
    """A contradiction of the source loses nobody: the greater number is the one in use."""

    async def scenario(street: Street) -> None:
        street.send(planned, plan(), superseded(visiting))
        street.send(visiting, arrives(visiting), superseded(planned))
        async with street.at_work():
            await street.settled()
        assert told_of(max(A, B), "V-1") == street.standing()
        assert [] == street.set_aside()

    in_street(scenario)


def test_a_chain_recorded_at_one_time_is_followed_to_its_end() -> None:
    """A→B and B→C with one stamp contradict nothing."""

    async def scenario(street: Street) -> None:
        async with street.at_work():
            street.send(A, plan(), superseded(B))
            await street.settled()
            street.send(B, superseded(C), arrives(B))
            await street.settled()
        assert told_of(C, "V-1") == street.standing()

    in_street(scenario)


def test_replays_change_nothing() -> None:
    """Every fact again, under the number that it was first sent under: nobody is told anything."""

    async def scenario(street: Street) -> None:
        facts: list[tuple[NhsNumber, Fact]] = [
            (A, plan()),
            (A, arrives(A)),
            (A, superseded(B)),
            (B, arrives(B, at=NOON + HOUR)),
        ]
        async with street.at_work():
            for number, fact in facts:
                street.send(number, fact)
                await street.settled()
            before = (len(street.events()), street.person(B))
            for number, fact in facts:
                street.send(number, fact)
                await street.settled()
        assert before == (len(street.events()), street.person(B))

    in_street(scenario)


def test_facts_that_come_during_the_move_are_sent_on() -> None:
    """The successor's matcher is away while the other one sends; nothing is lost and nothing told twice."""

    async def scenario(street: Street) -> None:
        async with street.at_work(0):
            street.send(A, plan(), superseded(B))
            street.send(A, arrives(A), arrives(A, at=NOON + HOUR))
            street.send(A, arrives(A, "V-2", at=NOON + 200 * HOUR))
        async with street.at_work():
            await street.settled()
        assert told_of(B, "V-1", "V-2") == street.standing()
        assert {1} == {event.revision for event in street.events()}

    in_street(scenario)


def test_the_newest_succession_counts_whichever_comes_first() -> None:
    """An older one that comes late changes nothing, said again or not."""

    async def scenario(street: Street) -> None:
        async with street.at_work():
            street.send(A, superseded(B, at=NOON), plan())
            await street.settled()
            street.send(A, superseded(C, at=NOON - HOUR))
            street.send(A, superseded(B, at=NOON, notice_id="said again"))
            await street.settled()
        assert (B, NOON, []) == (street.forwarding(A).to, street.forwarding(A).stamp, street.set_aside())

    in_street(scenario)


def test_another_successor_is_followed_and_asks_for_somebody_to_look() -> None:
    """What had moved cannot be told apart any more, so that is a person's work (CPIS-106)."""

    async def scenario(street: Street) -> None:
        async with street.at_work():
            street.send(A, superseded(B, at=NOON), plan())
            await street.settled()
            street.send(A, superseded(C, at=NOON + HOUR), arrives(A))
            await street.settled()
        assert (C, NOON + HOUR) == (street.forwarding(A).to, street.forwarding(A).stamp)
        assert [SuccessionContradicted.code] == [one.cause for one in street.set_aside()]

    in_street(scenario)


def test_a_number_in_use_again_is_its_own_again() -> None:
    """The source takes the succession back: what comes from now on stays, and somebody has to look."""

    async def scenario(street: Street) -> None:
        async with street.at_work():
            street.send(A, superseded(B, at=NOON), plan())
            await street.settled()
            street.send(A, said(IdentityKind.IN_USE, at=NOON + HOUR))
            await street.settled()
            street.send(A, superseded(B, at=NOON, notice_id="said again"), plan(recorded_at=NOON), arrives(A))
            await street.settled()
        assert told_of(A, "V-1") == street.standing()
        assert [SuccessionContradicted.code] == [one.cause for one in street.set_aside()]

    in_street(scenario)


def adds_up(events: Sequence[AlertEvent]) -> bool:
    """Return whether no event id occurs twice, and each alert's revisions count from 1 without a gap."""
    revisions: dict[str, list[int]] = {}
    for event in events:
        revisions.setdefault(event.alert.alert_id, []).append(event.revision)
    return len(events) == len({event.event_id for event in events}) and all(
        told == list(range(1, len(told) + 1)) for told in revisions.values()
    )


def test_a_number_that_its_source_takes_back_begins_anew() -> None:
    """What it told before goes on under the other number, with ids that are not given again (ruling 22)."""

    async def scenario(street: Street) -> None:
        async with street.at_work():
            street.send(A, plan(), arrives(A))
            await street.settled()
            street.send(A, superseded(B, at=NOON))
            await street.settled()
            street.send(A, said(IdentityKind.IN_USE, at=NOON + HOUR))
            await street.settled()
            street.send(A, plan(), arrives(A))
            await street.settled()
        assert sorted([*told_of(A, "V-1"), *told_of(B, "V-1")]) == street.standing()
        assert street.person(A).told.keys().isdisjoint(street.person(B).told)
        assert adds_up(street.events())

    in_street(scenario)


def test_a_number_back_in_use_before_its_ledger_tells_under_another_id() -> None:
    """
    The ledger went to B; C shows the number in use, and a visit comes again, before B sends the ledger back.

    Then one alert of the two stands, and the other is withdrawn because its thread joined (ruling 22).
    """

    async def scenario(street: Street) -> None:
        async with street.at_work(0):
            street.send(A, plan(), arrives(A))
            await until(lambda: len(street.events()) == 2, 20)
            street.send(A, superseded(B, at=NOON))
            await until(lambda: isinstance(street.held(A), Forwarding), 20)
            street.send(C, superseded(A, at=NOON + HOUR))
            await until(lambda: isinstance(street.held(A), Person), 20)
            street.send(A, plan(), arrives(A))
            await until(lambda: len(street.events()) == 4, 20)
        told = street.events()
        async with street.at_work():
            street.send(B, superseded(A, at=NOON + 2 * HOUR))
            await street.settled()
        assert 4 == len({event.alert.alert_id for event in told})
        assert told_of(A, "V-1") == street.standing()
        assert adds_up(street.events())
        assert 1 == street.person(A).returns
        withdrawn = [event for event in street.events() if event.kind is EventKind.WITHDRAWN]
        assert [None, None] == [event.why for event in withdrawn]

    in_street(scenario)


def test_a_number_back_in_use_before_its_ledger_tells_no_place_of_a_restricted_record() -> None:
    """The mark is known at once, though the record is still on its way (rulings 22, 24)."""

    async def scenario(street: Street) -> None:
        async with street.at_work(0):
            street.send(A, said(IdentityKind.RESTRICTED, at=NOON - HOUR))
            street.send(A, superseded(B, at=NOON))
            await until(lambda: isinstance(street.held(A), Forwarding), 20)
            street.send(C, superseded(A, at=NOON + HOUR))
            await until(lambda: isinstance(street.held(A), Person), 20)
            street.send(A, plan(), arrives(A))
            await until(lambda: len(street.events()) == 2, 20)
        assert [True, True] == [is_reduced(event.alert) for event in street.events()]

    in_street(scenario)


def test_an_invalidation_makes_no_forwarding_and_ends_none() -> None:
    """It names no successor (ruling 23); of a number that was superseded it asks for somebody to look."""

    async def scenario(street: Street) -> None:
        async with street.at_work():
            street.send(C, said(IdentityKind.INVALIDATED))
            street.send(A, superseded(B), said(IdentityKind.INVALIDATED, at=NOON - HOUR))
            await street.settled()
            assert [] == street.set_aside()
            street.send(A, said(IdentityKind.INVALIDATED, at=NOON + HOUR))
            await street.settled()
        assert (B, True) == (street.forwarding(A).to, isinstance(street.held(C), Inactive))
        assert [SuccessionContradicted.code] == [one.cause for one in street.set_aside()]

    in_street(scenario)


def test_an_enquiry_follows_and_is_settled_by_the_answer() -> None:
    """A change notified after the move is the successor's to show, until the source answers (38)."""

    async def scenario(street: Street) -> None:
        async with street.at_work():
            street.send(A, superseded(B, at=NOON), plan(), arrives(A))
            await street.settled()
            street.send(A, said(IdentityKind.NUMBER_CHANGE, at=NOON - HOUR))
            await street.settled()
            assert [()] == [event.alert.notes for event in street.events_to("cpis.alerts.la.211")]
            street.send(A, said(IdentityKind.NUMBER_CHANGE, at=NOON + HOUR))
            await street.settled()
            street.send(A, superseded(B, at=NOON + 2 * HOUR))
            await street.settled()
        notes = [event.alert.notes for event in street.events_to("cpis.alerts.la.211")]
        assert [(), ("number change under enquiry",), ()] == notes
        assert NOON + 2 * HOUR == street.forwarding(A).stamp

    in_street(scenario)


def test_a_fact_that_goes_round_in_a_circle_is_set_aside_with_its_bytes() -> None:
    """It has passed a number that sends it on again (CPIS-105); nobody else waits for it."""

    async def scenario(street: Street) -> None:
        fact = street.codecs.facts.encode(arrives(C), C)
        passage = Passage(numbers=(C, A), stamp=NOON)
        value = street.codecs.facts.wrap(fact, passage, A)
        async with street.at_work():
            street.send(A, superseded(B, at=NOON), plan())
            await street.settled()
            street.kafka.append([Write(Topic.ATTENDANCES, A.key, value, HEADERS)])
            await street.settled()
        (aside,) = street.set_aside()
        assert (NumbersInCircle.code, value) == (aside.cause, aside.value)

    in_street(scenario)


@pytest.mark.parametrize("waiting", [False, True], ids=["after the move", "before the move"])
@pytest.mark.parametrize(("passed", "aside"), [(7, 0), (8, 1)])
def test_a_fact_passes_eight_numbers_at_most(passed: int, aside: int, waiting: bool) -> None:  # noqa: FBT001
    """More successions than a person has are a fault of the source."""

    async def scenario(street: Street) -> None:
        former = MORE[:passed]
        value = street.codecs.facts.wrap(
            street.codecs.facts.encode(arrives(former[0]), former[0]),
            Passage(numbers=tuple(former), stamp=NOON - HOUR),
            A,
        )
        waits = [Write(Topic.ATTENDANCES, A.key, value, HEADERS)]
        async with street.at_work():
            street.kafka.append(waits if waiting else [])
            street.send(A, superseded(B, at=NOON))
            await street.settled()
            street.kafka.append([] if waiting else waits)
            await street.settled()
        assert [NumbersInCircle.code] * aside == [one.cause for one in street.set_aside()]
        assert B == street.forwarding(A).to

    in_street(scenario)


def test_a_person_too_large_to_move_stays_and_somebody_has_to_look() -> None:
    """The succession is set aside (CPIS-408) while what is held still fits into its own record."""

    async def scenario(street: Street) -> None:
        small = plan()
        held = Person(number=A, salt=SALT).learn(lift(small))
        room = PERSON_BYTES_MAX - len(street.codecs.states.encode_person(held)) - 20
        content = replace(small.content, authority_name="x" * room)
        async with street.at_work():
            street.send(A, replace(small, content=content))
            await street.settled()
            street.send(A, superseded(B))
            await street.settled()
        assert [PersonTooLarge.code] == [one.cause for one in street.set_aside()]
        assert 1 == len(street.person(A).known.plans)
        assert [] == [record for record in street.inputs() if record.key == B.key]

    in_street(scenario)


def test_a_newer_passage_outdoes_a_succession_of_the_same_batch() -> None:
    """Something that C has sent on since shows that A is in use, whatever its source said before."""

    async def scenario(street: Street) -> None:
        facts = street.codecs.facts
        value = facts.wrap(facts.encode(arrives(C), C), Passage(numbers=(C,), stamp=NOON + HOUR), A)
        together = [fact_write(facts, fact, A) for fact in (plan(), superseded(B, at=NOON))]
        async with street.at_work():
            await street.settled()
            street.kafka.append([*together, Write(Topic.ATTENDANCES, A.key, value, HEADERS)])
            await street.settled()
        assert told_of(A, "V-1") == street.standing()

    in_street(scenario)


def test_a_number_is_not_its_own_successor() -> None:
    """Such a notice is set aside, and the person stays."""

    async def scenario(street: Street) -> None:
        street.send(A, plan(), superseded(A), arrives(A))
        async with street.at_work():
            await street.settled()
        assert told_of(A, "V-1") == street.standing()
        assert [NumbersInCircle.code] == [one.cause for one in street.set_aside()]

    in_street(scenario)


def test_what_was_not_written_by_a_matcher_is_not_believed() -> None:
    """A record made without the sealing key, one made for another number, and a bare one change nothing."""

    async def scenario(street: Street) -> None:
        merged = Merged(stamp=NOON, received_at=NOON)
        passage = Passage(numbers=(B,), stamp=NOON)
        outsider = FactCodec(schemas(), MemorySealer())
        own = street.codecs.facts
        forged = outsider.wrap(outsider.encode_merged(merged, B), passage, A)
        half_forged = own.wrap(outsider.encode_merged(merged, B), passage, A)
        elsewhere = own.wrap(own.encode_merged(merged, B), passage, C)
        nameless = own.wrap(own.encode_merged(merged, B), Passage(numbers=(), stamp=NOON), A)
        bare = own.encode_merged(merged, A)
        async with street.at_work():
            street.send(A, plan())
            await street.settled()
            before = street.person(A)
            values = (forged, half_forged, elsewhere, nameless, bare)
            street.kafka.append([Write(Topic.IDENTITY, A.key, value) for value in values])
            await street.settled()
        sealed, unread = UnsealingFailed.code, MalformedMessage.code
        assert [unread, unread, sealed, sealed, sealed] == sorted(one.cause for one in street.set_aside())
        after = street.person(A)
        assert isinstance(after, Person)
        assert (before, 5) == (replace(after, set_aside={}), len(after.set_aside))

    in_street(scenario)


def test_nobody_outside_can_read_which_number_became_which() -> None:
    """In no header, key, log or open value do two numbers of one person stand side by side."""

    async def scenario(street: Street) -> None:
        async with street.at_work():
            street.send(A, plan(), arrives(A), superseded(B))
            await street.settled()
            street.send(A, arrives(A, at=NOON + HOUR))
            await street.settled()
        inputs = street.inputs()
        other = {A.key: B.key, B.key: A.key}
        assert {A.key, B.key} == {record.key for record in inputs}
        for record in inputs:
            assert other[record.key or b""] not in (record.value or b"")
        for topic in Topic:
            for record in street.kafka.read(topic):
                heads = b"".join(value for _, value in record.headers)
                assert not any(number in heads for number in (A.key, B.key))
        assert not any(number.digits in repr(street.reported.notices) for number in (A, B))

    in_street(scenario)


def test_a_record_with_headers_that_cannot_be_read_moves_too() -> None:
    """It gets headers of the matcher's own."""

    async def scenario(street: Street) -> None:
        value = street.codecs.facts.encode(arrives(A), A)
        async with street.at_work():
            street.send(A, superseded(B), plan())
            await street.settled()
            street.kafka.append([Write(Topic.ATTENDANCES, A.key, value)])
            await street.settled()
        (moved,) = [r for r in street.kafka.read(Topic.ATTENDANCES) if r.key == B.key]
        assert "urn:cpis:matcher" == read_headers(moved.headers).source
        assert told_of(B, "V-1") == street.standing()

    in_street(scenario)


def test_a_forwarding_record_goes_two_years_after_its_last_use() -> None:
    """By the clock of its partition; until then it stays, and a sweep leaves it as it is."""

    async def scenario(street: Street) -> None:
        async with street.at_work():
            street.send(A, superseded(B))
            await street.settled()
            for sweeps, (late, held) in enumerate([(-HOUR, True), (HOUR, False)], start=1):
                street.send(C, notice(at=NOON + FORWARDING_KEPT + late))
                await until(lambda: street.reported.kinds().count(Notice.SWEPT) == sweeps)  # noqa: B023
                await street.settled()
                assert held is (street.held(A) is not None)

    in_street(scenario)


def test_a_new_policy_leaves_what_was_sent_on_alone() -> None:
    """Deciding everybody anew passes a forwarding record over."""

    async def scenario(street: Street) -> None:
        async with street.at_work():
            street.send(A, superseded(B))
            await street.settled()
        before = street.forwarding(A)
        street.reported.notices.clear()
        async with street.at_work(policy=Policy(reattendance=timedelta(days=8))):
            await until(lambda: street.reported.kinds().count(Notice.SWEPT) == 2)
        assert [0, 0] == [fields["count"] for fields in street.reported.fields(Notice.SWEPT)]
        assert before == street.forwarding(A)

    in_street(scenario)


def test_an_unreadable_record_under_a_superseded_number_is_set_aside() -> None:
    """Nothing is sent on of it, and the forwarding record stays."""

    async def scenario(street: Street) -> None:
        async with street.at_work():
            street.send(A, superseded(B))
            await street.settled()
            street.kafka.append([Write(Topic.ATTENDANCES, A.key, b"no fact", HEADERS)])
            await street.settled()
        assert [b"no fact"] == [one.value for one in street.set_aside()]
        assert B == street.forwarding(A).to

    in_street(scenario)


def test_nobody_is_told_no_plan_because_one_could_not_be_read_under_a_former_number() -> None:
    """The successor's record knows of it, until the very bytes are taken after all (rulings 22, 41)."""

    async def scenario(street: Street) -> None:
        sent = fact_write(street.codecs.facts, plan(), A)
        unread, note = b"no plan that can be read", note_of(KEY, Topic.PLANS, sent.value)
        async with street.at_work():
            street.send(A, superseded(B))
            await street.settled()
            street.kafka.append([replace(sent, value=unread), replace(sent, value=unread)])
            street.send(B, arrives(B))
            await street.settled()
        held = street.person(B)
        assert {note_of(KEY, Topic.PLANS, unread)} == set(held.set_aside)
        state = street.codecs.states.encode_person(replace(held, set_aside={note: NOON}))
        street.kafka.append([Write(Topic.PEOPLE, B.key, state, partition=1)])
        street.kafka.append([sent])
        async with street.at_work():
            await street.settled()
        assert {} == street.person(B).set_aside
        assert told_of(B, "V-1") == street.standing()

    in_street(scenario)
