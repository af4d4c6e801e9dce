"""Answers are pushed once they can be given, again when they change, and never twice (ruling 41)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from broker.core.answers import MARK_WITHIN
from broker.core.errors import StorageUnusable
from broker.core.facts import IdentityKind, IdentityNotice, VisitLeft, VisitMessage
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.keyed import unnumbered_reference
from broker.core.possible import Numbered, Placed
from broker.core.pushing import KEPT_UP_FOR, PushedAnswer
from broker.ports import Topic, Write
from broker.services.matching_details import clue_writes
from tests.builders.enquiry import BEN, came
from tests.builders.house import ADA, House, in_house
from tests.builders.matcher import DETAILS, KEY, NOON, PROVIDER, birth, plan
from tests.builders.pushing import Inbox, Pushing
from tests.builders.street import A, B, Street, arrives, in_street, said, superseded
from tests.unit.services.test_enquiry_unidentified import kept, nobodys, waits

NONE, PLAN, DISREGARD = "no plan on file", "plan on file", "disregard"
BEHIND = "could not check: broker behind"
A_SECOND = timedelta(seconds=1)


async def works(house: House, *facts: VisitMessage, number: NhsNumber = ADA) -> None:
    """Let a matcher work facts off."""
    house.send(*facts, number=number)
    async with house.at_work():
        await house.taken()


def pushing(house: House | Street, **said: object) -> Pushing:
    """Return what pushes, a second after the messages."""
    return Pushing(house.kafka, house.codecs, now=came().received_at + A_SECOND, **said)  # type: ignore[arg-type]  # of several fields


def left(message: VisitMessage) -> VisitLeft:
    """Return that a visit goes on under another number after a message."""
    return VisitLeft(
        visit=message.visit,
        message_id=message.message_id,
        control_id=message.control_id,
        recorded_at=message.recorded_at,
        sent_at=message.sent_at,
        received_at=message.received_at,
    )


def test_an_answer_is_told_when_the_mark_has_passed_and_not_again() -> None:
    """Before the mark nothing, then one word; a resend and a later look say nothing more."""

    async def scenario(house: House) -> None:
        house.send(came())
        process = pushing(house)
        await process.round()
        assert [] == process.said()
        await works(house)
        await process.round(after=A_SECOND)
        await works(house, came())
        await process.round(after=A_SECOND)
        assert [NONE] == process.said()
        [told] = process.told
        assert (ADA, came().control_id, PROVIDER) == (
            told.visit.number,
            told.visit.control_id,
            told.visit.provider,
        )
        assert told.answer is not None
        assert told.answer.checked_at is not None

    in_house(scenario)


def test_without_a_mark_it_is_told_after_a_minute_that_it_could_not_be_checked() -> None:
    """And what there was to tell once the matcher has come to it."""

    async def scenario(house: House) -> None:
        house.send(came())
        process = pushing(house)
        await process.round(after=MARK_WITHIN - 2 * A_SECOND)
        assert [] == process.said()
        await process.round(after=A_SECOND)
        await process.round(after=A_SECOND)
        assert [BEHIND] == process.said()
        await works(house)
        await process.round(after=A_SECOND)
        assert [BEHIND] == process.said()
        await process.round(after=10 * A_SECOND)
        assert [BEHIND, NONE] == process.said()

    in_house(scenario)


def test_a_message_each_minute_puts_no_answer_off() -> None:
    """The minute is that of the message that asked, not of the newest (ruling 41)."""

    async def scenario(house: House) -> None:
        process = pushing(house)
        for seconds in (0, 50):
            at = NOON + timedelta(seconds=seconds)
            house.send(came(at=at))
            await process.round(after=timedelta(seconds=seconds))
        assert [] == process.said()
        await process.round(after=timedelta(seconds=10))
        assert [BEHIND] == process.said()

    in_house(scenario)


def test_a_message_behind_an_answer_has_a_minute_of_its_own() -> None:
    """What was answered before asks no more; after a restart the newest message counts (ruling 41)."""

    async def scenario(house: House) -> None:
        await works(house, came())
        process = pushing(house)
        await process.round()
        house.send(came(at=NOON + timedelta(minutes=10)))
        await process.round(after=timedelta(minutes=10))
        process.restart()
        await process.open()
        await process.round()
        assert [NONE] == process.said()
        await process.round(after=MARK_WITHIN)
        assert [NONE, BEHIND] == process.said()

    in_house(scenario)


def test_a_plan_that_comes_later_changes_the_answer() -> None:
    """What an answer hangs on is watched: the person's own record, and records that wait (21)."""

    async def scenario(house: House) -> None:
        await works(house, came())
        process = pushing(house)
        await process.round()
        waits(house)
        await works(house)
        await process.round(after=A_SECOND)
        house.send(plan())
        await works(house)
        await process.round(after=A_SECOND)
        assert [NONE, "could not check: record waiting", PLAN] == process.said()

    in_house(scenario)


def test_what_waits_of_a_mother_changes_the_answer_about_her_baby() -> None:
    """Her record tells the baby's, which is watched; and once more when it is over (rulings 26, 41)."""

    async def scenario(street: Street) -> None:
        process = pushing(street)
        begun = replace(said(IdentityKind.ON_HOLD), received_at=NOON)
        for sent in ((A, birth(B)), (B, arrives(B)), (A, begun), (A, said(IdentityKind.HOLD_ENDED))):
            async with street.at_work():
                street.send(*sent)
                await street.settled()
            await process.round(after=A_SECOND)
        assert [NONE, "could not check: set aside", NONE] == process.said()

    in_street(scenario)


def test_each_visit_of_a_person_has_its_answer() -> None:
    """Both hang on the person's record; one that is over is looked at no more, the other still is."""

    async def scenario(house: House) -> None:
        await works(house, came(), came(visit="V-2", at=NOON + timedelta(hours=1)))
        process = pushing(house)
        await process.round(after=2 * timedelta(hours=1))
        await process.round(after=KEPT_UP_FOR - timedelta(hours=2))
        house.send(plan())
        await works(house)
        await process.round(after=A_SECOND)
        assert [NONE, NONE, PLAN] == process.said()

    in_house(scenario)


def test_what_kafka_received_long_ago_is_not_read() -> None:
    """A log that reaches back for weeks costs a look at its times, no more."""

    async def scenario(house: House) -> None:
        await works(house, came())
        process = pushing(house)
        for record in house.records(Topic.ATTENDANCES):
            process.visits.take_attendance(replace(record, timestamp=0))
        assert [] == list(process.visits)

    in_house(scenario)


def test_another_provider_and_an_old_visit_are_told_nothing() -> None:
    """Who did not ask gets nothing, nor does a visit whose time is past."""

    async def scenario(house: House) -> None:
        await works(house, came())
        other = pushing(house, providers=[OdsCode("RZZ")])
        late = pushing(house)
        late.now += KEPT_UP_FOR
        late.restart()
        for process in (other, late):
            await process.round()
            assert [] == process.said()

    in_house(scenario)


def test_an_answer_is_kept_up_to_date_for_three_days() -> None:
    """Then its visit is looked at no more; what was told is destroyed with the horizon."""

    async def scenario(house: House) -> None:
        await works(house, came())
        process = pushing(house)
        await process.round()
        await process.round(after=KEPT_UP_FOR)
        house.send(plan())
        await works(house)
        await process.round(after=A_SECOND)
        assert [NONE] == process.said()
        assert 1 == len(process.inbox.words)
        await process.round(after=process.policy.horizon)
        assert [] == process.inbox.words

    in_house(scenario)


def test_a_process_that_died_tells_nothing_twice_and_forgets_nothing() -> None:
    """What was told lies in the inbox; what changed meanwhile is told by the next process."""

    async def scenario(house: House) -> None:
        await works(house, came())
        process = pushing(house)
        await process.round()
        process.restart()
        await process.open()
        await process.round()
        assert [NONE] == process.said()
        house.send(plan())
        await works(house)
        process.restart()
        await process.open()
        await process.round()
        assert [NONE, PLAN] == process.said()
        assert [1, 2] == [one.revision for one in process.told]

    in_house(scenario)


def test_two_processes_tell_a_visit_once() -> None:
    """Who comes second learns what the first has said."""

    async def scenario(house: House) -> None:
        await works(house, came())
        one, two = pushing(house), pushing(house)
        two.inbox = one.inbox
        two.restart()
        await one.round()
        await two.round()
        await two.round(after=A_SECOND)
        assert ([NONE], []) == (one.said(), two.said())

    in_house(scenario)


def test_a_lost_connection_tells_nothing_anew() -> None:
    """Everything is followed again, and everything is as it was."""

    async def scenario(house: House) -> None:
        kept(house, nobodys(visit="V-2"), answered=True)
        await works(house, came())
        process = pushing(house)
        await process.round()
        process.lose()
        await process.round(after=A_SECOND)
        assert sorted([NONE, "could not check: no number"]) == sorted(process.said())

    in_house(scenario)


def test_while_kafka_is_away_a_visit_is_told_that_it_could_not_be_checked() -> None:
    """With the error's code, once its minute is over; what was answered stands (ruling 41)."""

    async def scenario(house: House) -> None:
        await works(house, came())
        process = pushing(house)
        await process.round()
        house.send(came(BEN, visit="V-2"), number=BEN)
        process.follow()
        process.lose()
        process.follow()
        await process.round(trouble="CPIS-200", after=A_SECOND)
        assert [NONE] == process.said()
        await process.round(trouble="CPIS-200", after=MARK_WITHIN)
        assert [NONE, BEHIND] == process.said()
        assert process.told[-1].answer is not None
        assert "CPIS-200" == process.told[-1].answer.cause

    in_house(scenario)


def test_a_look_that_fails_is_could_not_check() -> None:
    """Whatever goes wrong, nobody is told that there is no plan."""

    async def scenario(house: House) -> None:
        await works(house, came())
        house.send_raw(Topic.PEOPLE, ADA.key, b"none of ours")
        process = pushing(house)
        await process.round()
        assert [BEHIND] == process.said()

    in_house(scenario)


def test_what_cannot_be_kept_is_told_next_time() -> None:
    """The database is away: nothing is forgotten."""

    async def scenario(house: House) -> None:
        await works(house, came())
        process = pushing(house)
        process.inbox = inbox = Away(process.inbox.codec)
        process.restart()
        with pytest.raises(StorageUnusable):
            await process.round()
        inbox.away = False
        await process.round(after=A_SECOND)
        assert [NONE] == process.said()

    in_house(scenario)


class Away(Inbox):
    """An inbox whose database is away, until it is not."""

    away = True

    def tell(self, answer: PushedAnswer, body: bytes) -> bool:
        """Fail, or keep a word."""
        if self.away:
            raise StorageUnusable("away")
        return super().tell(answer, body)


def test_a_scheduled_visit_is_told_nothing_with_or_without_a_number() -> None:
    """Rulings 3, 47: nor one at a sensitive place; a number makes no difference to that."""

    async def scenario(house: House) -> None:
        kept(house, nobodys(), answered=False)
        await works(house, replace(came(), patient_class="P"))
        process = pushing(house)
        await process.round()
        assert [] == process.said()

    in_house(scenario)


def test_a_visit_without_a_number_is_told_so_at_once_and_disregarded_when_it_has_one() -> None:
    """Ruling 21: no mark is waited for, since nobody can look; its answer goes on under the number."""

    async def scenario(house: House) -> None:
        kept(house, nobodys(), answered=True)
        process = pushing(house)
        await process.round()
        assert ["could not check: no number"] == process.said()
        assert process.told[0].visit.number is None
        reference = unnumbered_reference(KEY, system="ED", provider=PROVIDER, visit_number="V-1")
        clue = Placed(place=reference, clue=Numbered(visit=reference, heard_at=NOON))
        house.kafka.append(clue_writes(house.codecs.details, KEY, [clue], NOON, "urn:cpis:intake"))
        await works(house, came())
        await process.round(after=A_SECOND)
        assert ["could not check: no number", DISREGARD, NONE] == sorted(
            process.said(), key=["could not check: no number", DISREGARD, NONE].index
        )

    in_house(scenario)


def test_a_possible_match_is_told_as_soon_as_it_is_found() -> None:
    """Ruling 21: either side may come first."""

    async def scenario(house: House) -> None:
        said = replace(nobodys(), family=DETAILS.family, given=DETAILS.given, birth_date=DETAILS.birth_date)
        kept(house, said, answered=True)
        await works(house)
        process = pushing(house)
        await process.round()
        house.send(plan())
        await works(house)
        await process.round(after=A_SECOND)
        assert ["could not check: no number", "could not check: possible match"] == process.said()

    in_house(scenario)


def test_a_visit_that_left_its_number_has_its_answer_disregarded() -> None:
    """Ruling 44: one that was never answered is not spoken of; one that comes back is answered again."""

    async def scenario(house: House) -> None:
        await works(house, came())
        process = pushing(house)
        await process.round()
        house.send(left(came()), left(came(visit="V-9")))
        await works(house)
        await process.round(after=A_SECOND)
        assert [NONE, DISREGARD] == process.said()
        assert ADA == process.told[-1].visit.number
        await works(house, came(at=NOON + timedelta(seconds=30)))
        await process.round(after=MARK_WITHIN)
        assert [NONE, DISREGARD, NONE] == process.said()

    in_house(scenario)


def test_of_a_number_not_in_use_nothing_is_told_but_that() -> None:
    """Ruling 23: the number itself goes out no more, nor when the visit then leaves it."""

    async def scenario(house: House) -> None:
        house.send(plan())
        await works(house, came())
        process = pushing(house)
        await process.round()
        invalid = IdentityNotice(
            notice_id="n1", kind=IdentityKind.INVALIDATED, recorded_at=NOON, received_at=NOON
        )
        house.send(invalid)
        await works(house)
        await process.round(after=A_SECOND)
        house.send(left(came()))
        await works(house)
        await process.round(after=A_SECOND)
        assert [PLAN, "could not check: not in use", DISREGARD] == process.said()
        assert [ADA, None, None] == [one.visit.number for one in process.told]

    in_house(scenario)


@pytest.mark.parametrize("restarted", [False, True], ids=["the same process", "another"])
def test_what_was_told_of_a_number_that_goes_out_of_use_later_is_destroyed(*, restarted: bool) -> None:
    """Ruling 23: the visit is kept up no more, and its row would name the number for 23 days."""

    async def scenario(house: House) -> None:
        house.send(plan())
        house.send(came(BEN, visit="V-2"), number=BEN)
        await works(house, came())
        process = pushing(house)
        await process.round()
        await process.round(after=KEPT_UP_FOR + A_SECOND)
        house.send(
            IdentityNotice(notice_id="n1", kind=IdentityKind.INVALIDATED, recorded_at=NOON, received_at=NOON)
        )
        await works(house)
        if restarted:
            process.restart()
            await process.open()
        await process.round(after=A_SECOND)
        assert [BEN] == [one.visit.number for one in process.inbox.words]
        assert 2 == len(process.said())

    in_house(scenario)


def test_a_visit_that_is_heard_of_again_much_later_goes_on_where_it_was() -> None:
    """Its words are taken from the inbox, and count on (ruling 41)."""

    async def scenario(house: House) -> None:
        await works(house, came())
        process = pushing(house)
        await process.round()
        await process.round(after=KEPT_UP_FOR + A_SECOND)
        later = NOON + KEPT_UP_FOR + 2 * A_SECOND
        house.send(plan())
        await works(house, replace(came(at=later), arrived_at=NOON))
        await process.round(after=A_SECOND)
        assert [NONE, PLAN] == process.said()
        assert [1, 2] == [one.revision for one in process.told]

    in_house(scenario)


def test_a_succession_is_followed_to_the_record_that_stands() -> None:
    """Ruling 22: the visit is the survivor's, and its plan counts."""

    async def scenario(street: Street) -> None:
        street.send(B, plan())
        street.send(A, arrives(A), superseded(B))
        async with street.at_work():
            await street.settled()
        process = pushing(street)
        await process.round()
        assert [PLAN] == process.said()

    in_street(scenario)


def test_what_is_no_message_of_ours_is_passed_over() -> None:
    """Bytes, keys and marks that cannot be read are somebody else's to set aside."""

    async def scenario(house: House) -> None:
        house.send_raw(Topic.ATTENDANCES, b"no number", house.codecs.facts.encode(came(), ADA))
        kept(house, nobodys(), sender=OdsCode("RZZ"), system=PROVIDER.code, answered=True)
        house.send_raw(Topic.ATTENDANCES, ADA.key, PROVIDER.code.encode())
        house.send_raw(Topic.REJECTED, b"x", b"of nobody")
        house.send_raw(Topic.REJECTED, b"x", PROVIDER.code.encode())
        house.send_raw(Topic.PEOPLE, None, b"x")
        house.send_raw(Topic.DETAILS, None, b"x")
        house.send_raw(Topic.CHECKS, b"x", b"no mark")
        house.kafka.append([Write(Topic.PEOPLE, b"gone", None)])
        process = pushing(house)
        await process.round(after=MARK_WITHIN)
        assert [] == process.said()

    in_house(scenario)
