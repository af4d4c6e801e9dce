"""What a provider asks is answered, and what goes wrong is `could not check`, never `no plan` (ruling 41)."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NoReturn

import pytest

from broker.adapters.memory import MemoryFactLog
from broker.adapters.memory_archive import MemoryArchive
from broker.core.alerts import Recipient, RecipientKind
from broker.core.answers import MARK_WITHIN, Feeds, Finding, Uncheckable, could_not_check
from broker.core.checks import CheckMark
from broker.core.desk_errors import NoAnswerHere, VisitAmbiguous
from broker.core.errors import KafkaUnavailable
from broker.core.facts import IdentityKind, IdentityNotice, VisitEvent
from broker.core.identifiers import OdsCode
from broker.core.keyed import IdentityKey
from broker.core.operators import ActionKind
from broker.core.partition import Forwarding
from broker.core.policy import Policy
from broker.core.worklist import ItemKind
from broker.ports import Topic, Write
from broker.services.audited_access import DeskUser
from tests.builders.enquiry import (
    BEHIND,
    BEN,
    GROUNDS,
    RULE,
    VISIT,
    Clock,
    Desk,
    Failing,
    Past,
    came,
    worked_off,
)
from tests.builders.house import ADA, House, in_house
from tests.builders.matcher import AUTHORITY, NOON, PROVIDER, plan, until
from tests.builders.street import A, B, Street, arrives, in_street, superseded


def test_the_three_answers() -> None:
    """A plan, none, and a visit that nobody told us of."""

    async def scenario(house: House) -> None:
        house.send(plan())
        house.send(came(BEN, visit="V-2"), number=BEN)
        await worked_off(house, came())
        desk = Desk(house)
        findings = [
            (await desk.ask(replace(VISIT, number=number))).finding for number in ("V-1", "V-2", "V-3")
        ]
        assert [Finding.PLAN, Finding.NO_PLAN, Finding.COULD_NOT_CHECK] == findings

    in_house(scenario)


def test_an_answer_is_noted_before_it_is_given() -> None:
    """Who asked and why, the visit and where its message lies; no person (ruling 41)."""

    async def scenario(house: House) -> None:
        await worked_off(house, came())
        desk = Desk(house)
        await desk.ask()
        [action] = desk.actions()
        assert (ActionKind.ANSWERED, came().visit, Topic.ATTENDANCES, GROUNDS) == (
            action.kind,
            action.item_id,
            action.place.topic,
            action.grounds,
        )

    in_house(scenario)


def test_a_visit_that_no_mark_has_passed_could_not_be_checked() -> None:
    """Sixty seconds after its receipt it is told so, and nothing else (ruling 41)."""

    async def scenario(house: House) -> None:
        house.send(came())
        assert BEHIND == await Desk(house, now=came().received_at + MARK_WITHIN).ask()

    in_house(scenario)


def test_the_mark_is_waited_for_until_a_minute_after_the_receipt() -> None:
    """A second before, the answer waits; it comes as soon as the mark does (ruling 41)."""

    async def scenario(house: House) -> None:
        house.send(came())
        clock = Clock(came().received_at + MARK_WITHIN - timedelta(seconds=1))
        asking = asyncio.ensure_future(Desk(house).enquiry(clock).ask(VISIT, GROUNDS))
        async with house.at_work():
            assert Finding.NO_PLAN is (await asking).finding

    in_house(scenario)


def test_a_wait_ends_when_the_minute_does() -> None:
    """Nobody waits for a broker that is away."""

    async def scenario(house: House) -> None:
        house.send(came())
        clock = _Ticking(came().received_at, MARK_WITHIN / 3)
        assert BEHIND == await Desk(house).enquiry(clock).ask(VISIT, GROUNDS)
        assert clock.now >= came().received_at + MARK_WITHIN

    in_house(scenario)


class _Ticking(Clock):
    """A clock that moves on whenever it is read."""

    def __init__(self, now: datetime, step: timedelta) -> None:
        """Move on by a step."""
        super().__init__(now)
        self._step = step

    def __call__(self) -> datetime:
        """Return the time and move on."""
        now, self.now = self.now, self.now + self._step
        return now


def test_a_later_message_of_the_visit_needs_a_later_mark() -> None:
    """The newest message may be the one that says who it is."""

    async def scenario(house: House) -> None:
        await worked_off(house, came())
        house.send(replace(came(), message_id="second", event=VisitEvent.UPDATED))
        assert BEHIND == await Desk(house).ask()

    in_house(scenario)


@pytest.mark.parametrize("code", ["RQX", "RXH"])
def test_a_mark_counts_for_its_sender_and_no_other(code: str) -> None:
    """Another provider's mark says nothing; nor does one that the matcher's own record does not bear out."""

    async def scenario(house: House) -> None:
        house.send(came())
        mark = CheckMark(
            sender=Recipient(kind=RecipientKind.PROVIDER, code=OdsCode(code)),
            partition=0,
            offset=9,
            received_at=NOON,
        )
        value = house.codecs.records.encode_mark(mark)
        house.kafka.append([Write(Topic.CHECKS, mark.key, value, partition=0)])
        assert BEHIND == await Desk(house).ask()

    in_house(scenario)


def test_people_read_from_before_the_mark_are_no_answer() -> None:
    """The person and the matcher's record lie in one log: an old pass over it cannot say `no plan`."""

    async def scenario(house: House) -> None:
        house.send(plan())
        await worked_off(house, came(visit="V-0"))
        before = list(house.records(Topic.PEOPLE))
        await worked_off(house, came())
        desk = Desk(house, archive=Past(MemoryArchive(house.kafka), before))
        assert BEHIND == await desk.ask()

    in_house(scenario)


@pytest.mark.parametrize("failing", [Topic.ATTENDANCES, Topic.CHECKS, Topic.PEOPLE])
@pytest.mark.parametrize(
    ("error", "cause"), [(KafkaUnavailable(), KafkaUnavailable.code), (ValueError("Ada"), "ValueError")]
)
def test_whatever_fails_is_could_not_check_with_its_code(
    failing: Topic, error: Exception, cause: str
) -> None:
    """No error is taken for an answer, and none of its words are told (rulings 34, 41)."""

    async def scenario(house: House) -> None:
        await worked_off(house, came())
        desk = Desk(house, archive=Failing(MemoryArchive(house.kafka), [], failing, error))
        assert could_not_check(Uncheckable.BROKER_BEHIND, cause=cause) == await desk.ask()

    in_house(scenario)


class _Dry(MemoryFactLog):
    """A log that takes nothing."""

    async def append(self, writes: Sequence[Write]) -> NoReturn:
        """Refuse."""
        assert writes
        raise KafkaUnavailable


def test_an_enquiry_that_cannot_be_noted_is_no_answer() -> None:
    """Who asks must be in the audit trail first: nothing is said without (ruling 41)."""

    async def scenario(house: House) -> None:
        house.send(plan())
        await worked_off(house, came())
        assert replace(BEHIND, cause=KafkaUnavailable.code) == await Desk(house, pen=_Dry).ask()

    in_house(scenario)


def test_a_record_of_a_person_that_cannot_be_read_is_no_answer() -> None:
    """There is one: there may be a plan in it."""

    async def scenario(house: House) -> None:
        house.send(plan())
        await worked_off(house, came())
        house.kafka.append([Write(Topic.PEOPLE, ADA.key, b"nothing readable", partition=0)])
        told = await Desk(house).ask()
        assert (Uncheckable.BROKER_BEHIND, "CPIS-201") == (told.reason, told.cause)

    in_house(scenario)


def test_a_message_that_the_matcher_set_aside_is_no_answer() -> None:
    """The person has a record and the visit is not in it."""

    async def scenario(house: House) -> None:
        house.send(plan())
        await worked_off(house, came(visit="V-0"))
        settled = house.person()
        await worked_off(house, came())
        house.kafka.append(
            [Write(Topic.PEOPLE, ADA.key, house.codecs.states.encode_person(settled), partition=0)]
        )
        assert BEHIND == await Desk(house).ask()

    in_house(scenario)


@pytest.mark.parametrize(
    ("changed", "cause"),
    [
        ({"policy": Policy(visible_after_end=timedelta(days=1))}, "CPIS-501"),
        ({"key": IdentityKey(b"another key of thirty-two bytes, or more")}, ""),
    ],
)
def test_another_policy_or_key_than_the_matchers_is_no_answer(changed: dict[str, object], cause: str) -> None:
    """By a policy of our own we might not see a plan; by another key we see no visit."""

    async def scenario(house: House) -> None:
        await worked_off(house, came())
        told = await replace(Desk(house), **changed).ask()  # type: ignore[arg-type]  # of several fields
        assert (Finding.COULD_NOT_CHECK, cause) == (told.finding, told.cause)

    in_house(scenario)


def test_a_state_made_with_another_key_is_no_answer() -> None:
    """The references agree by chance, the fingerprints do not."""

    async def scenario(house: House) -> None:
        await worked_off(house, came())
        state = house.state()
        assert state is not None
        other = house.codecs.states.encode_partition(replace(state, key_fingerprint="another"))
        house.kafka.append([Write(Topic.PEOPLE, b"#p", other, partition=0)])
        assert "CPIS-404" == (await Desk(house).ask()).cause

    in_house(scenario)


def test_two_systems_with_one_visit_number_are_not_guessed_between() -> None:
    """They may be two children: the system is asked for, and then each is answered for itself."""

    async def scenario(house: House) -> None:
        house.send(plan())
        house.send(came(BEN, system="LAB"), number=BEN)
        await worked_off(house, came())
        desk = Desk(house)
        with pytest.raises(VisitAmbiguous):
            await desk.ask(replace(VISIT, system=None))
        assert [Finding.PLAN, Finding.NO_PLAN] == [
            (await desk.ask(replace(VISIT, system=system))).finding for system in ("ED", "LAB")
        ]

    in_house(scenario)


def test_a_visit_that_changed_its_number_is_answered_under_the_newest() -> None:
    """As the hospital recorded it, in whichever order it came: the former person's plan is not told (44)."""

    async def scenario(house: House) -> None:
        house.send(plan())
        house.send(came(BEN, at=NOON + timedelta(minutes=1)), number=BEN)
        await worked_off(house, came())
        assert Finding.NO_PLAN is (await Desk(house).ask(replace(VISIT, system=None))).finding

    in_house(scenario)


def test_a_scheduled_visit_is_refused_an_answer() -> None:
    """Ruling 3: the clinician may look the child up; the refusal is noted like an answer."""

    async def scenario(house: House) -> None:
        await worked_off(house, replace(came(), patient_class="P"))
        desk = Desk(house)
        with pytest.raises(NoAnswerHere):
            await desk.ask()
        assert 1 == len(desk.actions())

    in_house(scenario)


def test_stale_feeds_are_counted_by_their_newest_plan() -> None:
    """At 48 hours it is not stale yet, a moment later it is; one never heard of is (ruling 41)."""

    async def scenario(house: House) -> None:
        house.send(plan(received_at=NOON - timedelta(hours=9)), plan(received_at=NOON), number=BEN)
        await worked_off(house, came())
        silent = replace(RULE, expected=frozenset({AUTHORITY, OdsCode("204")}))
        counted = [
            (await Desk(house, rule=rule, now=NOON + timedelta(hours=48, seconds=late)).ask()).feeds
            for rule in (RULE, silent)
            for late in (0, 1)
        ]
        assert [Feeds(known=1, stale=0), Feeds(known=1, stale=1)] == counted[:2]
        assert [Feeds(known=2, stale=1), Feeds(known=2, stale=2)] == counted[2:]

    in_house(scenario)


def test_a_successor_without_a_record_is_no_answer() -> None:
    """What was sent on is on its way: the plan may be among it. Once it has come it is told (ruling 22)."""

    async def scenario(street: Street) -> None:
        street.send(A, plan(), arrives(A), superseded(B))
        async with street.at_work(0):
            await until(lambda: isinstance(street.held(A), Forwarding))
        desk = Desk(street)
        assert BEHIND == await desk.ask()
        async with street.at_work():
            await street.settled()
        assert Finding.PLAN is (await desk.ask()).finding

    in_street(scenario)


def test_numbers_that_succeed_one_another_in_a_circle_are_no_answer() -> None:
    """No fact passes so many numbers; the search ends."""

    async def scenario(street: Street) -> None:
        async with street.at_work():
            street.send(A, arrives(A))
            await street.settled()
        for number, other in ((A, B), (B, A)):
            value = street.codecs.states.encode_forwarding(Forwarding(to=other, stamp=NOON, last_used=NOON))
            street.kafka.append([Write(Topic.PEOPLE, number.key, value)])
        assert BEHIND == await Desk(street).ask()

    in_street(scenario)


@pytest.mark.parametrize(
    ("user", "desk", "told"),
    [
        ("u1", None, True),
        ("u2", None, False),
        (None, None, False),
        (None, "u1", True),
        (None, "u2", False),
        ("u2", "u1", False),
    ],
)
def test_the_safeguarding_lead_is_told_when_an_excluded_person_asks(
    user: str | None, desk: str | None, *, told: bool
) -> None:
    """
    By an urgent item of the provider; who asked is answered in the words of a restricted record (48).

    Where nobody is named whoever works at the desk asks.
    """

    async def scenario(house: House) -> None:
        excluded = IdentityNotice(
            notice_id="x", kind=IdentityKind.EXCLUDED, user="u1", recorded_at=NOON, received_at=NOON
        )
        house.send(plan(), excluded)
        await worked_off(house, came())
        who = None if desk is None else DeskUser(organisation=PROVIDER, user=desk)
        answer = await Desk(house, who=who).ask(replace(VISIT, user=user))
        async with house.at_work():
            await house.taken()

        expected = (Uncheckable.RESTRICTED, None) if told else (None, Finding.PLAN)
        assert expected == (answer.reason, None if told else answer.finding)
        assert [ItemKind.EXCLUDED_PERSON] * told == [item.kind for item in house.items()]
        assert len(house.kafka.read(Topic.ACCESSES)) == told

    in_house(scenario)
