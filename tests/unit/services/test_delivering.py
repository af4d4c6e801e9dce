"""Alerts on their way to a provider's own system: order, pauses, ends, and nothing lost."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from broker.adapters.mllp_client import Patience
from broker.adapters.projection import InboxEvent
from broker.core.alerts import Change, EventKind
from broker.core.delivery import (
    PASSED_OVER_AFTER,
    PAUSE_MAX,
    REFUSALS_MAX,
    Delivery,
    Fault,
    State,
    delivered,
    failed,
)
from broker.core.errors import StorageUnusable
from broker.services.couriers import taken_back
from broker.services.delivering import OWN_WITHIN, OWNED_FOR, RENEWED_BEFORE, TAKEN_AT_ONCE, Letter
from broker.wire.answer_codec import Sendable
from tests.builders.delivering import HERE, NOON, Counter, Desk, database, work, work_off
from tests.unit.core.test_clinician import RESTRICTED

SECOND = timedelta(seconds=1)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Lend a destination with an empty inbox."""
    opened = Desk(database(tmp_path))
    yield opened
    opened.close()


def test_events_are_sent_in_the_order_of_the_inbox(desk: Desk) -> None:
    """Each once, and kept as delivered with when that was."""
    for name in ("e1", "e2", "e3"):
        desk.arrive(name, alert_id=name)
    receiver = Counter()

    idle = work(desk, receiver)

    assert (["e1", "e2", "e3"], SECOND) == (receiver.ids, idle)
    assert {State.DELIVERED} == set(desk.states().values())
    assert NOON == desk.found("e1").delivered_at


def test_what_was_delivered_is_not_sent_again(desk: Desk) -> None:
    """Not by the next process either: the database knows."""
    desk.arrive("e1")
    work(desk, Counter())
    after_restart = Counter()

    work(desk, after_restart)

    assert [] == after_restart.ids


def test_a_later_event_of_an_alert_waits_behind_an_earlier_one(desk: Desk) -> None:
    """Order is kept for each visit; other visits do not wait."""
    desk.arrive("e1")
    desk.arrive("e2", kind=EventKind.UPDATED, changes=(Change.PLAN,))
    desk.arrive("e3", alert_id="a2")
    receiver = Counter(failed(Fault.REFUSED))

    work(desk, receiver)
    assert ["e1", "e3"] == receiver.ids

    desk.now += 2 * SECOND
    work(desk, receiver)
    assert ["e1", "e3", "e1", "e2"] == receiver.ids


def test_a_destination_that_is_away_is_left_alone_for_growing_times(desk: Desk) -> None:
    """One attempt, then a pause, whichever event is next: a queue floods nobody."""
    for name in ("e1", "e2", "e3"):
        desk.arrive(name, alert_id=name)
    receiver = Counter(*[failed(Fault.AWAY)] * 10)
    deliverer = desk.deliverer(receiver)
    attempts = []

    async def wait_it_out() -> None:
        """Take turns for two minutes of the clock."""
        for _ in range(120):
            await work_off(deliverer)
            attempts.append(len(receiver.ids))
            desk.now += SECOND

    asyncio.run(wait_it_out())

    assert [1, 2, 2, 3, 3, 3, 3, 4] == attempts[:8]
    assert 7 == attempts[119]


def test_after_an_answer_the_pauses_begin_anew(desk: Desk) -> None:
    """What waited goes out one after the other."""
    for name in ("e1", "e2", "e3"):
        desk.arrive(name, alert_id=name)
    receiver = Counter(failed(Fault.AWAY), delivered())
    deliverer = desk.deliverer(receiver)

    async def come_back() -> None:
        """Fail, wait, and be there."""
        assert SECOND == await work_off(deliverer)
        desk.now += SECOND
        await work_off(deliverer)

    asyncio.run(come_back())

    assert {State.DELIVERED} == set(desk.states().values())
    assert sorted(receiver.ids[1:]) == ["e1", "e2", "e3"]


def test_a_destination_left_alone_is_looked_at_every_second(desk: Desk) -> None:
    """A pause of a minute must not hold up the end of the process, nor who sends again by hand."""
    desk.arrive("e1")
    receiver = Counter(failed(Fault.BUSY, wait=PAUSE_MAX))
    deliverer = desk.deliverer(receiver)

    async def twice() -> list[timedelta]:
        """Take two turns behind the failed one."""
        return [await deliverer.turn() for _ in range(3)]

    assert [timedelta(0), SECOND, SECOND] == asyncio.run(twice())


def test_what_the_receiver_cannot_take_is_put_aside(desk: Desk) -> None:
    """With its reason; what comes after it goes on."""
    desk.arrive("e1")
    desk.arrive("e2", alert_id="a2")
    receiver = Counter(failed(Fault.REFUSED_CONTENT))

    work(desk, receiver)

    assert {"e1": State.DEAD, "e2": State.DELIVERED} == desk.states()
    assert ("the receiver calls the content wrong", 1) == (
        desk.found("e1").fault,
        desk.found("e1").attempts,
    )


def test_an_event_that_cannot_be_read_is_put_aside(desk: Desk) -> None:
    """It is dead before it is tried, and somebody is told."""
    desk.arrive("e1", body=b"no alert")

    work(desk, Counter())

    assert State.DEAD is desk.found("e1").state
    assert [("e1", State.DEAD, Fault.UNWRITABLE)] == desk.reports


def test_an_event_that_became_unreadable_is_put_aside(desk: Desk) -> None:
    """Its bytes were whole when it was taken and are not when it is sent."""
    desk.arrive("e1")
    receiver = Counter(failed(Fault.AWAY))
    work(desk, receiver)
    desk.inbox.store("cpis.alerts", 1, 0, None, erased=())
    desk.damage("e1")
    desk.now += PAUSE_MAX

    work(desk, receiver)

    assert State.DEAD is desk.found("e1").state


class Clumsy(Counter):
    """Cannot write the first event that it is given."""

    def write(self, sendable: Sendable, *, at: datetime, told: tuple[str, ...]) -> Letter:
        """Fail, or write."""
        if sendable.event_id == "e1":
            raise KeyError
        return super().write(sendable, at=at, told=told)


def test_an_event_that_we_cannot_write_holds_up_no_other(desk: Desk) -> None:
    """A defect of ours is put aside like any other fault, and somebody is told."""
    desk.arrive("e1")
    desk.arrive("e2", alert_id="a2")

    work(desk, Clumsy())

    assert {"e1": State.DEAD, "e2": State.DELIVERED} == desk.states()
    assert ("e1", State.DEAD, Fault.UNWRITABLE) in desk.reports


def test_what_may_not_be_told_any_more_is_not_sent(desk: Desk) -> None:
    """An event that waits while its record is restricted: only the reduced one goes out (ruling 24)."""
    desk.arrive("e1")
    receiver = Counter(failed(Fault.AWAY))
    work(desk, receiver)
    desk.arrive("e2", alert=RESTRICTED, kind=EventKind.UPDATED, changes=(Change.RESTRICTED,))
    desk.now += PAUSE_MAX

    work(desk, receiver)

    assert ["e1", "e2"] == receiver.ids
    assert {"e1": State.SUPERSEDED, "e2": State.DELIVERED} == desk.states()


def test_what_may_have_reached_the_receiver_is_known_to_the_next_event(desk: Desk) -> None:
    """Also where no answer came: the lines are deleted that are told no more (ruling 24)."""
    desk.arrive("e1")
    receiver = Counter(failed(Fault.NO_ANSWER))
    work(desk, receiver)
    desk.arrive("e2", alert=RESTRICTED, kind=EventKind.UPDATED, changes=(Change.RESTRICTED,))
    desk.now += PAUSE_MAX
    work(desk, receiver)
    desk.arrive("e3", kind=EventKind.WITHDRAWN)

    work(desk, receiver)

    assert [(), ("EVENT.e1",), ("EVENT.e2",)] == receiver.told


@pytest.mark.parametrize("kind", [EventKind.WITHDRAWN, EventKind.RETRACTED])
@pytest.mark.parametrize("attempted", [False, True])
def test_a_plan_that_is_known_to_be_of_another_child_is_not_told_first(
    desk: Desk, kind: EventKind, *, attempted: bool
) -> None:
    """
    An engine that was away is told the end alone: it would read of a plan on the wrong child's record first.

    What may have reached it before is known to the end, which deletes it.
    """
    desk.here = replace(HERE, overtaken=taken_back)
    desk.arrive("e1")
    receiver = Counter(*([failed(Fault.NO_ANSWER)] if attempted else []))
    if attempted:
        work(desk, receiver)
        desk.now += PAUSE_MAX
    desk.arrive("e2", kind=kind)
    desk.arrive("e3", alert_id="a2")

    work(desk, receiver)

    assert [*(["e1"] if attempted else []), "e2", "e3"] == receiver.ids
    assert {"e1": State.SUPERSEDED, "e2": State.DELIVERED, "e3": State.DELIVERED} == desk.states()
    assert (("EVENT.e1",) if attempted else ()) in receiver.told


def test_what_stands_again_after_it_was_taken_back_is_told_in_its_order(desk: Desk) -> None:
    """A cancellation that was taken back itself: the end goes, and what stands now behind it."""
    desk.here = replace(HERE, overtaken=taken_back)
    desk.arrive("e1")
    desk.arrive("e2", kind=EventKind.WITHDRAWN)
    desk.arrive("e3", kind=EventKind.UPDATED)
    receiver = Counter()

    work(desk, receiver)

    assert ["e2", "e3"] == receiver.ids


def test_an_engine_that_refuses_everything_for_a_night_is_told_in_the_morning(desk: Desk) -> None:
    """Each alert would have been put aside after 25 minutes, and have waited for somebody's hand."""
    desk.arrive("e1")
    nights = REFUSALS_MAX * 3
    receiver = Counter(*[failed(Fault.IN_ERROR)] * nights)
    deliverer = desk.deliverer(receiver)

    async def until_morning() -> None:
        """Try again and again, each time as late as it may be."""
        for _ in range(nights + 1):
            await work_off(deliverer)
            desk.now += PAUSE_MAX

    asyncio.run(until_morning())

    assert (State.DELIVERED, nights + 1) == (desk.found("e1").state, desk.found("e1").attempts)


def test_what_is_refused_while_others_are_taken_is_put_aside(desk: Desk) -> None:
    """It is at fault itself, and somebody is to look at it."""
    desk.arrive("e1")
    refused = failed(Fault.REFUSED)
    receiver = Counter(*[refused] * 5, delivered(), *[refused] * REFUSALS_MAX)
    deliverer = desk.deliverer(receiver)

    async def try_again_and_again() -> None:
        """Another alert comes in between, and is taken."""
        for turn in range(REFUSALS_MAX):
            await work_off(deliverer)
            desk.now += timedelta(0) if turn == 4 else PAUSE_MAX
            if turn == 4:
                desk.arrive("e2", alert_id="a2")
                await work_off(deliverer)
                desk.now += PAUSE_MAX

    asyncio.run(try_again_and_again())

    assert {"e1": State.DEAD, "e2": State.DELIVERED} == desk.states()
    assert REFUSALS_MAX == desk.found("e1").attempts


def test_nothing_is_sent_of_what_was_erased(desk: Desk) -> None:
    """Neither what waits nor what comes: nothing leads from the old number to anywhere (ruling 23)."""
    desk.arrive("e1")
    desk.arrive("e2", alert_id="a2")
    receiver = Counter(failed(Fault.AWAY))
    work(desk, receiver)
    desk.arrive("e3")
    desk.erase("a1")
    desk.now += PAUSE_MAX

    work(desk, receiver)

    assert {"e1": State.ERASED, "e2": State.DELIVERED, "e3": State.ERASED} == desk.states()
    assert {"", "a2"} == {one.alert_id for one in desk.store.find()}


def test_an_erased_event_that_was_on_its_way_stays_erased(desk: Desk) -> None:
    """What came of the attempt does not bring its alert back (ruling 23)."""
    desk.arrive("e1")
    work(desk, Counter(failed(Fault.AWAY)))
    before = desk.found("e1")
    desk.erase("a1")

    desk.store.put(before)

    assert (State.ERASED, "", ()) == (
        desk.found("e1").state,
        desk.found("e1").alert_id,
        desk.found("e1").told,
    )


def test_what_is_erased_while_it_is_taken_in_leaves_nothing(desk: Desk) -> None:
    """Between the look at the inbox and the keeping of a delivery, too (ruling 23)."""
    desk.arrive("e1")
    desk.arrive("e2", alert_id="a2")
    desk.store.own(HERE.name, HERE.recipient, "one", at=desk.now, until=desk.now)
    seen = desk.store.untaken(HERE.name, limit=2)
    desk.erase("a1")

    desk.store.take_in(
        [
            Delivery(
                destination=HERE.name,
                number=one.number,
                event_id=one.event_id,
                alert_id=one.alert_id,
                state=State.WAITING,
                due_at=desk.now,
            )
            for one in seen
        ]
    )

    assert {"e1": State.ERASED, "e2": State.WAITING} == desk.states()
    assert ("", "a2") == (desk.found("e1").alert_id, desk.found("e2").alert_id)


def test_what_was_put_aside_waits_for_nobody_once_newer_news_is_delivered(desk: Desk) -> None:
    """The newest event says all that holds, so nobody is to be rung about the older one any more."""
    desk.arrive("e1")
    desk.arrive("other", alert_id="a2")
    receiver = Counter(failed(Fault.REFUSED_CONTENT), failed(Fault.REFUSED_CONTENT))
    work(desk, receiver)
    desk.arrive("e2", kind=EventKind.UPDATED, changes=(Change.PLAN,))

    work(desk, receiver)

    assert {"e1": State.SUPERSEDED, "other": State.DEAD, "e2": State.DELIVERED} == desk.states()
    assert Fault.REFUSED_CONTENT == desk.found("e1").fault


def test_what_was_put_aside_and_erased_waits_for_nobody(desk: Desk) -> None:
    """It can never be sent again, so no alarm may ask for it for ever (ruling 23)."""
    desk.arrive("e1")
    work(desk, Counter(failed(Fault.REFUSED_CONTENT)))

    desk.erase("a1")

    assert {"e1": State.ERASED} == desk.states()


def test_an_attempt_over_a_line_is_over_before_another_process_may_begin() -> None:
    """Two closings, a connecting and an answer, each at its limit."""
    limits = Patience()

    longest = 2 * limits.close_seconds + limits.connect_seconds + limits.answer_seconds

    assert timedelta(seconds=longest) < RENEWED_BEFORE < OWNED_FOR


def test_a_new_destination_begins_with_what_is_news(desk: Desk) -> None:
    """A database made anew is filled with 35 days of events, of which the old ones are passed over."""
    desk.arrive("e1", received_at=NOON - PASSED_OVER_AFTER - SECOND)
    desk.arrive("e2", alert_id="a2", received_at=NOON - PASSED_OVER_AFTER)
    receiver = Counter()

    work(desk, receiver)

    assert (["e2"], State.PASSED_OVER) == (receiver.ids, desk.states()["e1"])
    assert ("e1", State.PASSED_OVER, None) in desk.reports


def test_one_process_at_a_time_delivers(desk: Desk) -> None:
    """Another waits until the first was silent for a while, or has ended well."""
    desk.arrive("e1")
    first, second = Counter(), Counter()
    work(desk, first, owner="one")
    desk.arrive("e2")

    assert SECOND == work(desk, second, owner="two")
    assert [] == second.ids

    desk.now += OWNED_FOR
    work(desk, second, owner="two")
    assert ["e2"] == second.ids


def test_a_process_that_ends_leaves_its_destination_at_once(desk: Desk) -> None:
    """The next one need not wait."""
    desk.arrive("e1")
    first, second = Counter(), Counter()

    async def end_well() -> None:
        """Deliver, then close."""
        deliverer = desk.deliverer(first, "one")
        await work_off(deliverer)
        await deliverer.close()

    asyncio.run(end_well())
    desk.arrive("e2")
    work(desk, second, owner="two")

    assert (True, ["e2"]) == (first.closed, second.ids)


def test_a_process_keeps_its_destination_while_it_works(desk: Desk) -> None:
    """It says so again before its time is over."""
    deliverer = desk.deliverer(Counter(), "one")

    async def work_on() -> None:
        """Work for longer than a process may be silent."""
        for _ in range(4):
            await work_off(deliverer)
            desk.now += OWNED_FOR / 2

    asyncio.run(work_on())

    assert SECOND == work(desk, Counter(), owner="two")
    assert desk.store.own("provider.RXX.mllp", "provider.RXX", "two", at=desk.now, until=desk.now) is None


def test_a_full_inbox_is_taken_in_portions(desk: Desk) -> None:
    """More events than one portion: nothing is left behind (peers.md 3.2, complaint 5)."""
    for number in range(TAKEN_AT_ONCE + 1):
        desk.arrive(f"e{number}", alert_id=f"a{number}", received_at=NOON - 2 * PASSED_OVER_AFTER)
    desk.arrive("last")
    receiver = Counter()

    work(desk, receiver)

    assert ["last"] == receiver.ids
    assert 0 == desk.store.balance("provider.RXX.mllp").unaccounted


def test_a_database_that_is_away_loses_nothing(desk: Desk) -> None:
    """The turn fails as ours, and the next one begins where it did."""
    desk.arrive("e1")
    receiver = Counter()
    deliverer = desk.deliverer(receiver)

    async def away_and_back() -> None:
        """Lose the table and put it back."""
        desk.store.close()
        desk.rename("deliveries", "elsewhere")
        with pytest.raises(StorageUnusable):
            await work_off(deliverer)
        desk.rename("elsewhere", "deliveries")
        await work_off(deliverer)

    asyncio.run(away_and_back())

    assert ["e1"] == receiver.ids


class Wordless(Counter):
    """Has no words for anything."""

    def write(self, sendable: Sendable, *, at: datetime, told: tuple[str, ...]) -> Letter | None:  # type: ignore[override]  # noqa: ARG002
        """Write nothing."""
        return None


def test_what_a_format_has_no_words_for_is_at_its_end_and_holds_up_nothing(desk: Desk) -> None:
    """It is told as what it is, and counted as no attempt; later news goes on."""
    desk.arrive("e1")
    desk.arrive("e2")
    receiver = Wordless()

    work(desk, receiver)
    assert {"e1": State.NOT_TOLD, "e2": State.NOT_TOLD} == desk.states()
    assert [] == receiver.ids
    assert [("e1", State.NOT_TOLD, None), ("e2", State.NOT_TOLD, None)] == desk.reports


def test_what_may_have_been_sent_before_is_marked(desk: Desk) -> None:
    """The first time it is new, and so it is when somebody has it sent again by hand."""
    desk.arrive("e1")
    receiver = Counter(failed(Fault.NO_ANSWER))
    work(desk, receiver)
    desk.now += PAUSE_MAX
    work(desk, receiver)
    desk.store.put(desk.found("e1").again(desk.now))
    work(desk, receiver)

    assert [False, True, False] == [letter.repeated for letter in receiver.letters]


def test_to_who_is_told_its_own_ids_nothing_goes_before_its_own_topic_has_brought_it(desk: Desk) -> None:
    """Nor what lies behind it; both values of an event are one event (ruling 28)."""
    to_own = replace(HERE, own=True)
    receiver = Counter()

    def turn() -> list[str]:
        """Do what there is to do now."""
        asyncio.run(work_off(desk.deliverer(receiver, destination=to_own)))
        return receiver.ids

    desk.arrive("e1")
    desk.arrive("e2", own=True)
    assert [] == turn()
    desk.arrive("e1", own=True)
    assert ["e1", "e2"] == turn()
    desk.arrive("e2")
    assert ["e1", "e2"] == turn()


def test_a_word_about_a_feed_holds_up_no_event_and_is_put_before_nobody(desk: Desk) -> None:
    """It is in the inbox by time alone, no topic brings it, and no courier has words for it (R18)."""
    word = InboxEvent(
        recipient=HERE.recipient, event_id="f1", alert_id="", revision=0, kind="feed", loud=True, body=b"word"
    )
    receiver = Counter()
    assert desk.inbox.remind(word)
    desk.arrive("e1", own=True)
    asyncio.run(work_off(desk.deliverer(receiver, destination=replace(HERE, own=True))))

    assert ["e1"] == receiver.ids
    assert {"f1": State.NOT_TOLD, "e1": State.DELIVERED} == desk.states()


def test_what_was_told_before_its_recipient_had_a_topic_holds_up_nothing(desk: Desk) -> None:
    """The topic never had it: it is passed over, as everything that is old for a new destination."""
    receiver = Counter()
    desk.arrive("e1", received_at=NOON - PASSED_OVER_AFTER - SECOND)
    desk.arrive("e2", alert_id="a2", own=True)
    asyncio.run(work_off(desk.deliverer(receiver, destination=replace(HERE, own=True))))

    assert {"e1": State.PASSED_OVER, "e2": State.DELIVERED} == desk.states()


def test_what_its_own_topic_does_not_bring_goes_out_all_the_same(desk: Desk) -> None:
    """After ten minutes, without the recipient's own ids; what came since then has its own ten minutes."""
    receiver = Counter()
    deliverer = desk.deliverer(receiver, destination=replace(HERE, own=True))

    async def play_it() -> list[list[str]]:
        """Look at the start, just before the ten minutes are over, after that, and much later."""
        told: list[list[str]] = []
        for passed in (timedelta(0), OWN_WITHIN - SECOND, OWN_WITHIN, 2 * OWN_WITHIN):
            desk.now = NOON + passed
            await work_off(deliverer)
            told.append(list(receiver.ids))
        return told

    desk.arrive("e1")
    desk.arrive("e2", alert_id="a2")
    desk.arrive("e3", alert_id="a3", received_at=NOON + SECOND)

    assert [[], [], ["e1", "e2"], ["e1", "e2", "e3"]] == asyncio.run(play_it())


def test_what_was_erased_before_its_own_topic_brought_it_holds_up_nothing(desk: Desk) -> None:
    """Of it nothing is left, whatever comes then (ruling 23)."""
    receiver = Counter()
    desk.arrive("e1", alert_id="a1")
    desk.erase("a1")
    desk.arrive("e2", alert_id="a2", own=True)
    desk.arrive("e1", alert_id="a1", own=True)
    asyncio.run(work_off(desk.deliverer(receiver, destination=replace(HERE, own=True))))

    assert {"e1": State.ERASED, "e2": State.DELIVERED} == desk.states()


def test_what_may_not_be_told_any_more_does_not_come_back_by_its_own_topic(desk: Desk) -> None:
    """The content from before a record was restricted is not put in the place of the reduced (ruling 24)."""
    receiver = Counter()
    desk.arrive("e1")
    desk.arrive("e2", alert=RESTRICTED, kind=EventKind.UPDATED, changes=(Change.RESTRICTED,))
    desk.arrive("e1", own=True)
    desk.arrive("e2", alert=RESTRICTED, kind=EventKind.UPDATED, changes=(Change.RESTRICTED,), own=True)
    asyncio.run(work_off(desk.deliverer(receiver, destination=replace(HERE, own=True))))

    assert {"e1": State.SUPERSEDED, "e2": State.DELIVERED} == desk.states()


def test_an_event_goes_out_when_its_destination_wants_it(desk: Desk) -> None:
    """At the end of a window, say; what was quiet since is known (D18)."""
    later = NOON + timedelta(minutes=10)
    to_window = replace(HERE, due=lambda _published, _now: later)
    receiver = Counter()
    desk.arrive("e1")
    asyncio.run(work_off(desk.deliverer(receiver, destination=to_window)))
    assert [] == receiver.ids
    assert not desk.store.quiet_since(HERE.name, later)

    desk.now = later
    asyncio.run(work_off(desk.deliverer(receiver, destination=to_window)))
    assert ["e1"] == receiver.ids
    assert not desk.store.quiet_since(HERE.name, later)
    assert desk.store.quiet_since(HERE.name, later + SECOND)


def test_what_was_not_taken_in_yet_and_what_was_put_aside_is_not_quiet(desk: Desk) -> None:
    """Nobody may be told that nobody came while the news of it only waits, or failed."""
    work(desk, Counter())
    before = desk.store.quiet_since(HERE.name, NOON)
    desk.arrive("e1")
    untaken = desk.store.quiet_since(HERE.name, NOON)
    work(desk, Counter(failed(Fault.REFUSED_CONTENT)))

    assert {"e1": State.DEAD} == desk.states()
    assert (True, False, False) == (before, untaken, desk.store.quiet_since(HERE.name, NOON))
    assert desk.store.quiet_since(HERE.name, NOON + SECOND)
