"""Files of people over the exchange: answered once, to who may ask, and nobody is guessed."""

import asyncio
import csv
import io
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import pytest

from broker.adapters.memory import MemoryFactLog, MemoryKafka
from broker.adapters.memory_demographics import MemoryDemographics
from broker.adapters.memory_mailbox import MemoryExchange, MemoryMailbox
from broker.core.demographics import Current, Invalidated, SupersededBy
from broker.core.facts import Details
from broker.core.identifiers import NhsNumber
from broker.core.mailbox import Incoming, Outgoing, Trouble
from broker.services.mesh_inbox import Fate, MeshInbox
from broker.services.mesh_post import MeshPost
from broker.services.mesh_traces import (
    FORGOTTEN_AFTER,
    LOOK_LASTS,
    ROWS_MAX,
    UNDER_WAY_MAX,
    MeshTraces,
)
from broker.services.rejections import Rejections
from broker.wire.batch_trace import ANSWER_COLUMNS, COLUMNS
from tests.builders.sent_messages import MemorySent
from tests.builders.upload_desk import KEY, Desk

OURS, COUNCIL, OTHER = "OURS", "COUNCIL", "OTHER"
ASK, ANSWER = "PEOPLE_TRACE", "PEOPLE_TRACE_ANSWER"
NOW = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
ROBIN, ALEX, SAM, KIM = (NhsNumber(one) for one in ("9990000018", "9990000026", "9990000034", "9990000042"))
HEAD = ",".join(COLUMNS)


def person(given: str) -> Current:
    """Return what the source knows of a person."""
    details = Details(family="Sample", given=given, birth_date=date(2014, 4, 12))
    return Current(details=details, recorded_at=NOW)


class Clocked(MemoryDemographics):
    """A source that takes some time for each question."""

    def __init__(self, house: "House") -> None:
        """Take whose clock goes on."""
        super().__init__()
        self._house = house
        self.questions = 0

    def _check(self) -> None:
        """Let the time pass, then answer or not."""
        self.questions += 1
        self._house.now += self._house.takes
        super()._check()


class House:
    """An exchange, a source, and the inbox that hands files of people to the handler."""

    def __init__(self, *, takes: timedelta = timedelta(0)) -> None:
        """Open everything; each question takes so long."""
        self.now, self.takes = NOW, takes
        self.source = Clocked(self)
        self.source.put(ROBIN, person("Robin"))
        self.source.put(ALEX, person("Alex"))
        self.source.put(SAM, SupersededBy(successor=ALEX, recorded_at=NOW))
        self.source.put(KIM, Invalidated(recorded_at=NOW))
        self.exchange = MemoryExchange(frozenset({OURS, COUNCIL, OTHER}))
        self.ours = MemoryMailbox(self.exchange, OURS)
        self.desk = Desk(log=MemoryFactLog(MemoryKafka()))
        self.sent = MemorySent()
        self.refused: list[tuple[str, str]] = []
        self.told: list[tuple[str, int]] = []
        self.fates: list[Fate] = []
        self.start()

    def start(self) -> None:
        """Begin anew, as a process does that remembers nothing."""
        traces = MeshTraces(
            self.source,
            MeshPost(self.ours, self.sent, clock=lambda: self.now, unnoted=lambda _: None),
            mailboxes={COUNCIL, "UNKNOWN"},
            workflow=ANSWER,
            at_once=1,
            clock=lambda: self.now,
            told=lambda mailbox, people: self.told.append((mailbox, people)),
            refused=lambda mailbox, fault: self.refused.append((mailbox, fault)),
        )
        self.inbox = MeshInbox(
            self.ours,
            {ASK: traces},
            facts=self.desk.log,
            rejections=Rejections(self.desk.records, KEY),
            clock=lambda: self.now,
            told=lambda _incoming, fate: self.fates.append(fate),
        )

    def ask(self, *rows: str, head: str = HEAD, sender: str = COUNCIL) -> str:
        """Have a mailbox send a file; return its id."""
        body = "\n".join([head, *rows]).encode()
        message = Outgoing(mailbox=OURS, workflow=ASK, local_id="", body=body)
        return asyncio.run(MemoryMailbox(self.exchange, sender).send(message))

    def poll(self) -> bool:
        """Look into our mailbox."""
        return asyncio.run(self.inbox.poll())

    def answers(self, mailbox: str = COUNCIL) -> list[list[list[str]]]:
        """Return each answer in a mailbox, by lines and columns."""
        box = MemoryMailbox(self.exchange, mailbox)

        async def read() -> list[Incoming]:
            """Read everything."""
            found = [await box.read(one) for one in await box.waiting()]
            return [one for one in found if one is not None]

        messages = asyncio.run(read())
        assert {ANSWER} >= {one.workflow for one in messages}
        return [list(csv.reader(io.StringIO(one.body.decode()))) for one in messages]

    def left(self) -> Sequence[str]:
        """Return what lies in our mailbox."""
        return asyncio.run(self.ours.waiting())


def test_a_file_is_answered_line_by_line_to_who_sent_it() -> None:
    """The columns of `cpis trace batch`; one exact match or no number (rulings 21, 23, 42; R35)."""
    house = House()
    house.ask(
        "a,9990000018,Sample,Robin,2014-04-12",
        "b,,Sample,Alex,2014-04-12",
        "c,9990000034,Sample,Alex,2014-04-12",
        "d,9990000042,Sample,Kim,2014-04-12",
        "e,9990000018,Other,Robin,2014-04-12",
        "f,,Sample,Nobody,2014-04-12",
        "g,,Sample,Alex,12.4.2014",
        "",
    )

    assert house.poll()
    assert [] == house.left()
    assert [
        [
            list(ANSWER_COLUMNS),
            ["a", "confirmed", "9990000018", ""],
            ["b", "found", "9990000026", ""],
            ["c", "corrected", "9990000026", ""],
            ["d", "number not in use", "", ""],
            ["e", "details differ", "", "family name"],
            ["f", "not found", "", ""],
            ["g", "row cannot be read", "", "line 8, column birth_date: no day, such as 2014-04-12"],
        ]
    ] == house.answers()
    assert [(COUNCIL, 7)] == house.told
    assert ["COUNCIL.traces.answers"] == [one.destination for one in house.sent.uncollected()]


def test_a_file_that_was_answered_before_a_crash_is_not_answered_again() -> None:
    """It was not acknowledged; by its id the exchange knows the answer."""
    house = House()
    message_id = house.ask("a,9990000018,Sample,Robin,2014-04-12")
    house.poll()
    again = f"{HEAD}\na,9990000018,Sample,Robin,2014-04-12".encode()
    house.exchange.put(Incoming(message_id=message_id, sender=COUNCIL, workflow=ASK, body=again), OURS)
    house.start()

    assert house.poll()
    assert 1 == len(house.answers())


def test_who_is_not_named_in_the_settings_is_told_nothing() -> None:
    """Its file is kept, sealed, and nobody is asked about."""
    house = House()
    house.ask("a,9990000018,Sample,Robin,2014-04-12", sender=OTHER)

    assert house.poll()
    assert 0 == house.source.questions
    assert [] == house.answers(OTHER)
    assert ["not a mailbox that may have people traced"] == [one.reason for one in house.desk.kept()]


@pytest.mark.parametrize(
    ("head", "rows", "detail"),
    [
        ("name,born", 1, f"line 1 is not: {HEAD}"),
        (HEAD, ROWS_MAX + 1, f"more than {ROWS_MAX} people: send them in several files"),
    ],
)
def test_a_file_that_is_none_is_answered_as_such_and_nobody_is_asked_about(
    head: str, rows: int, detail: str
) -> None:
    """Another head, or one person more than may stand in a file."""
    house = House()
    house.ask(*["a,,,,"] * rows, head=head)

    assert house.poll()
    assert [[list(ANSWER_COLUMNS), ["", "row cannot be read", "", detail]]] == house.answers()
    assert 0 == house.source.questions


def test_as_many_people_as_may_stand_in_a_file_are_answered() -> None:
    """On the other side of the limit; too little is known of each to ask."""
    house = House()
    house.ask(*["a,,,,"] * ROWS_MAX)

    assert house.poll()
    assert 1 + ROWS_MAX == len(house.answers()[0])


def test_a_file_whose_content_cannot_be_had_is_answered_as_such() -> None:
    """Its sender packs it anew."""
    house = House()
    unreadable = Incoming(message_id="9", sender=COUNCIL, workflow=ASK, trouble=Trouble.UNREADABLE)
    house.exchange.put(unreadable, OURS)

    assert house.poll()
    assert ["", "row cannot be read", "", Trouble.UNREADABLE.value] == house.answers()[0][1]


def test_a_long_file_is_worked_on_in_turns_and_each_person_asked_about_once() -> None:
    """It holds up no other message, and is no fault: nobody is told that it was postponed."""
    house = House(takes=LOOK_LASTS / 2)
    house.ask(*["a,9990000018,Sample,Robin,2014-04-12"] * 5)
    looks = [house.poll() for _ in range(3)]

    assert [False, False, True] == looks
    assert [Fate.UNDER_WAY, Fate.UNDER_WAY, Fate.TAKEN] == house.fates
    assert (5, 6) == (house.source.questions, len(house.answers()[0]))


def test_a_file_goes_on_where_it_was_when_the_source_is_back() -> None:
    """While it is away nothing is answered, least of all that nobody was found."""
    house = House(takes=LOOK_LASTS)
    house.ask(*["a,9990000018,Sample,Robin,2014-04-12"] * 2)
    house.poll()
    house.source.available = False
    assert not house.poll()
    assert [] == house.answers()
    house.source.available = True

    assert house.poll()
    assert [Fate.UNDER_WAY, Fate.POSTPONED, Fate.TAKEN] == house.fates
    assert [["a", "confirmed", "9990000018", ""]] * 2 == house.answers()[0][1:]


def test_no_more_files_are_worked_on_than_memory_has_room_for() -> None:
    """The next waits its turn; one that is gone from the mailbox gives its place back."""
    house = House(takes=LOOK_LASTS)
    rows = ["a,9990000018,Sample,Robin,2014-04-12"] * 2
    ids = [house.ask(*rows) for _ in range(UNDER_WAY_MAX + 1)]
    house.poll()
    assert UNDER_WAY_MAX == house.source.questions
    for message_id in ids[:-1]:
        asyncio.run(house.ours.acknowledge(message_id))
    assert not house.poll()
    assert [ids[-1]] == house.left()
    house.now += FORGOTTEN_AFTER

    assert [False, True] == [house.poll() for _ in range(2)]
    assert 1 == len(house.answers())


def test_an_answer_that_the_exchange_refuses_is_told_and_not_tried_again() -> None:
    """Somebody must mend the mailbox."""
    house = House()
    body = f"{HEAD}\n".encode()
    house.exchange.put(Incoming(message_id="9", sender="UNKNOWN", workflow=ASK, body=body), OURS)

    assert house.poll()
    assert [("UNKNOWN", "12")] == house.refused
    assert [] == house.left()
