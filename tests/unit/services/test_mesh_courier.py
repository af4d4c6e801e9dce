"""What an authority is told over the exchange, once whatever happens, and whether it has collected it."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from broker.adapters.memory_mailbox import MemoryExchange, MemoryMailbox
from broker.adapters.sent_messages import SqlSentMessages
from broker.core.alerts import Change, EventKind, Occasion
from broker.core.delivery import Fault, Outcome, delivered, failed
from broker.core.errors import BrokerError
from broker.core.mailbox import FAULTS, Outgoing, SentMessage
from broker.core.mesh_errors import MailboxUnavailable, MessageRefused
from broker.core.windows import Window
from broker.services.delivering import Letter
from broker.services.mesh_courier import MESH, MeshCourier, Office
from broker.services.mesh_empty import EmptyNotifications
from broker.services.mesh_post import MeshPost
from broker.services.mesh_watch import MeshWatch
from tests.unit.core.test_pushing import NONE, first
from tests.unit.wire.test_notifications import BETWEEN, alert, told

OURS, COUNCIL = "OURS", "COUNCIL"
OFFICE = Office(destination="la.E09.mesh", mailbox=COUNCIL, access="ACCESS", inactive="INACTIVE")
NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)


class House:
    """An exchange, the courier to one authority, and what was noted as sent."""

    def __init__(self, url: str) -> None:
        """Open everything."""
        self.exchange = MemoryExchange(frozenset({OURS, COUNCIL}))
        self.ours, self.council = (MemoryMailbox(self.exchange, name) for name in (OURS, COUNCIL))
        self.sent = SqlSentMessages(url)
        self.now = NOON
        self.overdue: list[str] = []
        self.unnoted: list[str] = []
        self.watch = MeshWatch(
            self.ours,
            self.sent,
            channel=MESH,
            clock=lambda: self.now,
            overdue=lambda one: self.overdue.append(one.message_id),
        )

    def courier(self, mailbox: MemoryMailbox | None = None) -> MeshCourier:
        """Return what tells the authority."""
        return MeshCourier(mailbox or self.ours, OFFICE, BETWEEN, sent=self.sent, clock=lambda: self.now)

    def tell(self, *, repeated: bool = False, mailbox: MemoryMailbox | None = None) -> Outcome:
        """Send the notification of a visit."""
        courier = self.courier(mailbox)
        letter = courier.write(told(alert()), at=NOON, told=())
        assert letter is not None
        return asyncio.run(courier.send(replace(letter, repeated=repeated)))

    def arrived(self) -> list[str]:
        """Return the workflows of what lies in the authority's mailbox."""

        async def read() -> list[str]:
            """Read everything."""
            found = [await self.council.read(one) for one in await self.council.waiting()]
            return [one.workflow for one in found if one is not None]

        return asyncio.run(read())

    def collect(self) -> None:
        """Have the authority collect everything."""

        async def take() -> None:
            """Acknowledge everything."""
            for message_id in await self.council.waiting():
                await self.council.acknowledge(message_id)

        asyncio.run(take())


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Lend an exchange."""
    made = House(f"sqlite:///{tmp_path / 'broker.sqlite'}")
    yield made
    asyncio.run(made.courier().close())


def test_each_event_makes_its_message_or_none(house: House) -> None:
    """An access, a number not in use; what neither has words for is not told this way."""
    inactive = told(alert(occasion=Occasion.NUMBER_INACTIVE, visit=None))
    left = told(alert(), kind=EventKind.UPDATED, changes=(Change.DISCHARGED,))
    letters = [house.courier().write(one, at=NOON, told=()) for one in (told(alert()), inactive, left)]

    assert ["ACCESS", "INACTIVE", None] == [letter and letter.kind for letter in letters]
    assert [True, True] == [letter.letter_id == told(alert()).event.event_id for letter in letters if letter]


def test_what_the_exchange_took_is_delivered_and_followed(house: House) -> None:
    """It lies in the authority's mailbox, and is asked for until it was collected."""
    assert delivered() == house.tell()

    assert ["ACCESS"] == house.arrived()
    assert ["la.E09.mesh"] == [one.destination for one in house.sent.uncollected()]
    house.collect()
    assert {} == asyncio.run(house.watch.look())
    assert [] == list(house.sent.uncollected())


def test_what_may_have_been_sent_is_asked_for_before_it_is_sent_again(house: House) -> None:
    """After a crash nobody here remembers; the exchange does. What is sent anew by hand is sent."""
    house.tell()

    assert delivered() == house.tell(repeated=True)
    assert ["ACCESS"] == house.arrived()
    assert delivered() == house.tell()
    assert ["ACCESS", "ACCESS"] == house.arrived()


def test_of_two_under_one_id_a_third_is_not_sent(house: House) -> None:
    """Both are followed already; which of them a question about the id means, the exchange does not say."""
    house.tell()
    house.tell()

    assert delivered() == house.tell(repeated=True)
    assert 2 == len(house.arrived()) == len(house.sent.uncollected())


def test_what_was_not_sent_before_a_crash_is_sent(house: House) -> None:
    """That it may have been is no reason not to."""
    assert delivered() == house.tell(repeated=True)
    assert ["ACCESS"] == house.arrived()


class Refusing(MemoryMailbox):
    """A mailbox from which the exchange takes nothing."""

    def __init__(self, error: BrokerError | None) -> None:
        """Take what is raised, None for an exchange that never answers."""
        super().__init__(MemoryExchange(frozenset()), OURS)
        self._error = error

    async def send(self, message: Outgoing) -> str:  # noqa: ARG002
        """Take nothing."""
        if self._error is None:
            raise TimeoutError
        raise self._error


EXPECTED = {
    **dict.fromkeys(FAULTS, Fault.REFUSED),
    "06": Fault.REFUSED_CONTENT,
    "11": Fault.REFUSED_CONTENT,
    "07": Fault.NOT_ADMITTED,
    "16": Fault.NOT_ADMITTED,
    "17": Fault.NOT_ADMITTED,
    "08": Fault.NOT_THERE,
    "12": Fault.NOT_THERE,
}


@pytest.mark.parametrize(("code", "fault"), EXPECTED.items())
def test_a_refusal_means_what_its_code_says(house: House, code: str, fault: Fault) -> None:
    """A mailbox or a workflow can be mended, so it is tried on; malformed content cannot (6.1)."""
    assert failed(fault) == house.tell(mailbox=Refusing(MessageRefused(code)))
    assert [] == list(house.sent.uncollected())


@pytest.mark.parametrize(("error", "fault"), [(MailboxUnavailable(), Fault.AWAY), (None, Fault.NO_ANSWER)])
def test_an_exchange_that_is_away_is_tried_on(house: House, error: BrokerError | None, fault: Fault) -> None:
    """Nothing is given up for it."""
    assert failed(fault) == house.tell(mailbox=Refusing(error))


def test_a_message_that_nobody_collects_is_told_of_once_after_three_days(house: House) -> None:
    """While it lies there still; the exchange removes it after five."""
    house.tell()
    house.now = NOON + timedelta(days=3) - timedelta(seconds=1)
    assert {} == asyncio.run(house.watch.look())
    house.now = NOON + timedelta(days=3)
    looks = [asyncio.run(house.watch.look()) for _ in range(2)]

    assert [{"la.E09.mesh": 1}] * 2 == looks
    assert 1 == len(house.overdue)


def test_a_message_that_the_exchange_gave_up_is_told_of_at_once(house: House) -> None:
    """Nobody will collect it any more; after 35 days it is forgotten."""
    house.tell()
    (message,) = house.sent.uncollected()
    house.exchange.lose(message.message_id)

    assert {"la.E09.mesh": 1} == asyncio.run(house.watch.look())
    assert [message.message_id] == house.overdue
    assert {"la.E09.mesh": 1} == asyncio.run(house.watch.look())
    house.now = NOON + timedelta(days=35, seconds=1)
    assert {} == asyncio.run(house.watch.look())


def test_what_is_lost_needs_somebody_whenever_it_was_sent() -> None:
    """Of what waits only what has waited for three days does."""
    sent = SentMessage(message_id="1", destination="la.E09.mesh", local_id="e1", sent_at=NOON)

    assert [False, True] == [one.overdue(NOON) for one in (sent, replace(sent, lost=True))]


def empties(
    house: House, window: Window, *, quiet: bool = True, mailbox: str = COUNCIL
) -> EmptyNotifications:
    """Return what tells the authority of its quiet windows."""
    office = replace(OFFICE, mailbox=mailbox)
    post = MeshPost(house.ours, house.sent, clock=lambda: house.now, unnoted=house.unnoted.append)
    return EmptyNotifications(post, office, BETWEEN, window, quiet=lambda _at: quiet)


def test_a_quiet_window_is_told_of_once_whoever_tells(house: House) -> None:
    """By its local id, also after a restart; the next window is another (D18)."""
    first, second = empties(house, Window.HOURLY), empties(house, Window.HOURLY)
    looks = [
        asyncio.run(one.look(NOON + later))
        for one, later in (
            (first, timedelta(minutes=5)),
            (first, timedelta(minutes=10)),
            (second, timedelta(minutes=15)),
            (second, timedelta(hours=1)),
        )
    ]

    assert [True, False, False, True] == looks
    assert ["ACCESS", "ACCESS"] == house.arrived()


@pytest.mark.parametrize(("window", "quiet"), [(Window.HOURLY, False), (Window.IMMEDIATE, True)])
def test_a_window_that_was_not_quiet_and_no_window_are_not_told_of(
    house: House,
    window: Window,
    quiet: bool,  # noqa: FBT001
) -> None:
    """What was sent says it."""
    assert not asyncio.run(empties(house, window, quiet=quiet).look(NOON))
    assert [] == house.arrived()


def test_a_window_whose_only_access_was_taken_back_at_its_end_is_told_of_as_quiet(house: House) -> None:
    """It waited when it was asked first, and was never sent: nobody came."""
    waits = iter([False, True, True])
    post = MeshPost(house.ours, house.sent, clock=lambda: house.now, unnoted=house.unnoted.append)
    empty = EmptyNotifications(post, OFFICE, BETWEEN, Window.HOURLY, quiet=lambda _at: next(waits))
    looks = [asyncio.run(empty.look(NOON + timedelta(minutes=minutes))) for minutes in (5, 10, 15)]

    assert [False, True, False] == looks


def test_an_empty_notification_that_is_refused_is_not_tried_again(house: House) -> None:
    """The next access is refused as well, and that is told of."""
    empty = empties(house, Window.HOURLY, mailbox="NOBODY")

    assert [False, False] == [asyncio.run(empty.look(NOON)) for _ in range(2)]


def test_a_letter_says_what_it_is_to_the_exchange_and_no_more(house: House) -> None:
    """The local id is the event's, which is derived under a key (R52)."""
    letter = house.courier().write(told(alert()), at=NOON, told=())

    assert isinstance(letter, Letter)
    assert not any(word in letter.letter_id for word in ("9990000018", "C-1", "file-7"))


def test_an_answer_to_a_provider_is_no_notification_to_an_authority(house: House) -> None:
    """Neither message has words for it (ruling 41)."""
    assert house.courier().write(first(NONE), at=NOON, told=()) is None
