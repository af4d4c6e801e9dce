"""
What an authority is told over the exchange at the end of a window, of an alert that changed meanwhile or
after.

Each kind of change twice: before anything was sent, and after. The national message can say that somebody
came or was looked up, and no more: what is no longer so must not go out, what went out cannot be taken back.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from broker.adapters.memory_mailbox import MemoryExchange, MemoryMailbox
from broker.adapters.sent_messages import SqlSentMessages
from broker.core.alerts import Alert, Change, EventKind, Note, Occasion
from broker.core.delivery import Fault, Outcome, State, failed
from broker.core.mailbox import Outgoing
from broker.core.mesh_errors import MailboxUnavailable
from broker.core.windows import Window, window_end
from broker.services.couriers import taken_back
from broker.services.delivering import Letter
from broker.services.mesh_courier import MeshCourier, Office, in_one
from broker.services.resending import look_up
from broker.wire.hl7v3_writing import message_id
from tests.builders.delivering import HERE, NOON, Desk, database, work
from tests.unit.core.test_pushing import NONE, first
from tests.unit.wire.test_notifications import BETWEEN, alert

OURS, COUNCIL = "OURS", "COUNCIL"
OFFICE = Office(destination=HERE.name, mailbox=COUNCIL, access="ACCESS", inactive="INACTIVE")
HOUR = timedelta(hours=1)
UNDER_WINDOW = replace(
    HERE,
    due=lambda _sendable, now: window_end(Window.HOURLY, now),
    overtaken=taken_back,
    together=partial(in_one, OFFICE, BETWEEN),
)


class House:
    """The inbox of an authority that is told hourly, and its mailbox."""

    def __init__(self, url: str) -> None:
        """Open everything, at noon and a half."""
        self.desk = Desk(url, here=UNDER_WINDOW, now=NOON + HOUR / 2)
        self.exchange = MemoryExchange(frozenset({OURS, COUNCIL}))
        self.sent = SqlSentMessages(url)
        self.courier = MeshCourier(
            MemoryMailbox(self.exchange, OURS), OFFICE, BETWEEN, sent=self.sent, clock=lambda: self.desk.now
        )

    def end_of_window(self) -> None:
        """Take what came in, then let the hour pass and have told what there is to tell."""
        work(self.desk, self.courier)
        self.desk.now += HOUR
        work(self.desk, self.courier)

    def arrive(
        self,
        event_id: str,
        told: Alert,
        kind: EventKind = EventKind.RAISED,
        changes: Sequence[Change] = (),
    ) -> None:
        """Have an event reach the inbox."""
        self.desk.arrive(event_id, alert=told, kind=kind, changes=tuple(changes))

    def notified(self) -> list[str]:
        """Return of which events notifications lie in the authority's mailbox, in order."""
        ids = {message_id("notification", name): name for name in ("e1", "e2", "e3")}
        bodies = [held.incoming.body.decode() for held in self.exchange.held().values()]
        return [name for body in bodies for said, name in ids.items() if said in body]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Lend a house."""
    made = House(database(tmp_path))
    yield made
    asyncio.run(made.courier.close())
    made.desk.close()


CAME = alert()
IN_DOUBT = replace(CAME, notes=(Note.NOT_CONFIRMED,))
TOLD_AGAIN = {Change.VIEW, Change.REINSTATED, Change.IDENTITY}
"""Another access, one that counts again, or one that is confirmed: the message has words for these."""
ROWS: list[tuple[str, Alert, EventKind, tuple[Change, ...], list[str], list[str]]] = [
    ("withdrawn (16)", CAME, EventKind.WITHDRAWN, (), [], ["e1"]),
    ("retracted (44)", CAME, EventKind.RETRACTED, (), [], ["e1"]),
    ("in doubt again (46)", IN_DOUBT, EventKind.UPDATED, (Change.IDENTITY,), [], ["e1"]),
    ("restricted (24)", CAME, EventKind.UPDATED, (Change.RESTRICTED,), ["e2"], ["e1", "e2"]),
    *(
        (change.value, CAME, EventKind.UPDATED, (change,), ["e1"], ["e1", "e2"])
        for change in sorted(TOLD_AGAIN)
    ),
    *(
        (change.value, CAME, EventKind.UPDATED, (change,), ["e1"], ["e1"])
        for change in sorted(set(Change) - TOLD_AGAIN - {Change.RESTRICTED})
    ),
]
"""
What changes, and which notifications the authority gets: where nothing was sent yet, where e1 was. What comes
within one window goes in one, which is named for its first event.
"""


@pytest.mark.parametrize(
    ("told", "kind", "changes", "untried", "_sent"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_what_is_no_longer_so_at_the_end_of_a_window_is_not_told(
    house: House,
    told: Alert,
    kind: EventKind,
    changes: tuple[Change, ...],
    untried: list[str],
    _sent: list[str],
) -> None:
    """Rulings 16, 24, 44, 46: what was taken back, is in doubt or restricted within the window."""
    house.arrive("e1", CAME)
    house.arrive("e2", told, kind, changes)
    house.end_of_window()

    assert untried == house.notified()
    assert (State.DELIVERED if "e1" in untried else State.SUPERSEDED) is house.desk.found("e1").state
    told_too = "e2" in untried or (not TOLD_AGAIN.isdisjoint(changes) and told is CAME)
    assert (State.DELIVERED if told_too else State.NOT_TOLD) is house.desk.found("e2").state


@pytest.mark.parametrize(
    ("told", "kind", "changes", "_untried", "sent"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_what_was_sent_is_followed_by_what_the_message_has_words_for(
    house: House,
    told: Alert,
    kind: EventKind,
    changes: tuple[Change, ...],
    _untried: list[str],
    sent: list[str],
) -> None:
    """Another access, or a restricted record told anew; what is taken back stands in topic and inbox (16)."""
    house.arrive("e1", CAME)
    house.end_of_window()
    house.arrive("e2", told, kind, changes)
    house.end_of_window()

    assert sent == house.notified()
    assert State.DELIVERED is house.desk.found("e1").state


def test_a_number_that_goes_out_of_use_leaves_nothing_to_be_told(house: House) -> None:
    """Ruling 23: no event of a visit is made for it any more; what was sent stays sent."""
    house.arrive("e1", CAME)
    work(house.desk, house.courier)
    house.desk.erase("a1")
    house.end_of_window()

    assert [] == house.notified()
    assert State.ERASED is house.desk.found("e1").state


def test_a_visit_that_counts_again_is_told_once(house: House) -> None:
    """Withdrawn and reinstated within one window: the newest says it."""
    house.arrive("e1", CAME)
    house.arrive("e2", CAME, EventKind.WITHDRAWN)
    house.arrive("e3", CAME, EventKind.UPDATED, [Change.REINSTATED])
    house.end_of_window()

    assert ["e3"] == house.notified()


def test_a_notice_that_waits_is_not_sent_once_the_number_is_in_use_again(house: House) -> None:
    """Ruling 23: the source took it back before the exchange did."""
    inactive = alert(occasion=Occasion.NUMBER_INACTIVE, visit=None)
    house.arrive("e1", inactive)
    house.arrive("e2", inactive, EventKind.WITHDRAWN)
    house.end_of_window()

    assert [] == house.notified()


def test_an_event_that_cannot_be_read_overtakes_nothing(house: House) -> None:
    """Late is worse than bare: what is known is told."""
    house.arrive("e1", CAME)
    house.arrive("e2", CAME, EventKind.WITHDRAWN)
    house.desk.damage("e2")
    house.end_of_window()

    assert ["e1"] == house.notified()
    assert State.DEAD is house.desk.found("e2").state


@pytest.mark.parametrize(
    ("kind", "notified"), [(EventKind.UPDATED, ["e1", "e1"]), (EventKind.WITHDRAWN, ["e1"])]
)
def test_a_notification_that_was_lost_can_be_sent_again_unless_it_was_taken_back(
    house: House, kind: EventKind, notified: list[str]
) -> None:
    """That the visit ended since has no words there, and keeps nobody from sending it again by hand."""
    house.arrive("e1", CAME)
    house.end_of_window()
    house.arrive("e2", CAME, kind, [Change.DISCHARGED] if kind is EventKind.UPDATED else [])
    house.end_of_window()

    found = look_up(house.desk.store, HERE.name, "e1")
    house.desk.store.put(found.again(house.desk.now))
    work(house.desk, house.courier)

    assert notified == house.notified()


def test_what_waits_for_the_end_of_its_window_waits_for_nobody(house: House) -> None:
    """Else every window would page somebody; what failed at its end has waited since its cause."""
    house.arrive("e1", CAME)
    work(house.desk, house.courier)
    store = house.desk.store
    assert store.balance(HERE.name, at=house.desk.now).waiting_since is None
    house.desk.now += HOUR
    assert NOON == store.balance(HERE.name, at=house.desk.now).waiting_since
    work(house.desk, Silent(house.courier))

    assert NOON == store.balance(HERE.name, at=house.desk.now).waiting_since


class Silent:
    """A courier from whose letters nothing is heard, whether they arrive or are lost on the way."""

    def __init__(self, courier: MeshCourier, *, arrives: bool = True) -> None:
        """Take the courier that writes."""
        self._courier = courier
        self._arrives = arrives
        self.write, self.close, self.looked_for = courier.write, courier.close, courier.looked_for

    async def send(self, letter: Letter) -> Outcome:
        """Send it, or lose it, and hear nothing; nobody notes that it went."""
        if self._arrives:
            box = MemoryMailbox(self._exchange, OURS)
            await box.send(
                Outgoing(mailbox=COUNCIL, workflow=letter.kind, local_id=letter.letter_id, body=letter.body)
            )
        return failed(Fault.NO_ANSWER)

    @property
    def _exchange(self) -> MemoryExchange:
        """The exchange behind the courier."""
        mailbox = self._courier._mailbox
        assert isinstance(mailbox, MemoryMailbox)
        return mailbox._exchange


def taken_back_after_no_answer(house: House, *, arrives: bool) -> None:
    """Have e1 tried without an answer, and taken back before it is tried again."""
    house.arrive("e1", CAME)
    work(house.desk, house.courier)
    house.desk.now += HOUR
    work(house.desk, Silent(house.courier, arrives=arrives))
    house.arrive("e2", CAME, EventKind.RETRACTED)


def test_what_was_sent_without_an_answer_and_taken_back_is_followed(house: House) -> None:
    """It lies in the authority's mailbox: that is what became of it, and nobody collecting it is told of."""
    taken_back_after_no_answer(house, arrives=True)
    assert [] == list(house.sent.uncollected())
    house.end_of_window()

    assert ["e1"] == house.notified()
    found = house.desk.found("e1")
    assert (State.DELIVERED, 1, "") == (found.state, found.attempts, found.fault)
    assert [(HERE.name, "e1")] == [(one.destination, one.local_id) for one in house.sent.uncollected()]


def test_what_was_lost_on_the_way_and_taken_back_is_not_sent(house: House) -> None:
    """Its last error stays beside it; nothing is followed, since nothing went."""
    taken_back_after_no_answer(house, arrives=False)
    house.end_of_window()

    assert ([], []) == (house.notified(), list(house.sent.uncollected()))
    found = house.desk.found("e1")
    assert (State.SUPERSEDED, 1, Fault.NO_ANSWER.value) == (found.state, found.attempts, found.fault)


@pytest.mark.parametrize(
    ("error", "fault"), [(MailboxUnavailable(), Fault.AWAY), (TimeoutError(), Fault.NO_ANSWER)]
)
def test_whether_it_went_is_asked_again_while_the_exchange_is_away(
    house: House, error: Exception, fault: Fault
) -> None:
    """What may have been told, and is not so, is not forgotten; it is looked for until that is known."""
    taken_back_after_no_answer(house, arrives=True)
    box = house.courier._mailbox

    class Away(MemoryMailbox):
        """Cannot be asked for what was sent."""

        async def sent(self, local_id: str) -> str | None:  # noqa: ARG002
            """Fail."""
            raise error

    house.courier._mailbox = Away(house.exchange, OURS)
    house.end_of_window()
    waiting = house.desk.found("e1")
    house.courier._mailbox = box
    house.end_of_window()

    assert (State.WAITING, fault.value) == (waiting.state, waiting.fault)
    assert State.DELIVERED is house.desk.found("e1").state
    assert ["e1"] == house.notified()


def test_of_several_under_one_id_none_is_followed(house: House) -> None:
    """Which of them is read, the exchange does not say."""
    taken_back_after_no_answer(house, arrives=True)
    work(house.desk, Silent(house.courier))
    again = Letter(body=b"", letter_id="e1", kind="ACCESS")
    asyncio.run(Silent(house.courier).send(again))
    house.end_of_window()

    assert State.DELIVERED is house.desk.found("e1").state
    assert [] == list(house.sent.uncollected())


def test_an_answer_to_a_provider_overtakes_no_alert() -> None:
    """It is no event of one (ruling 41)."""
    assert not taken_back(first(NONE))
