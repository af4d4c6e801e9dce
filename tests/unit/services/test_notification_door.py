"""An authority fetches what it was told: its own inbox, in order; no error looks like an empty one."""

import asyncio
import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from sqlalchemy import create_engine

from broker.adapters.projection import InboxEvent, Projection
from broker.core.alerts import AlertEvent, Change, EventKind
from broker.core.door_errors import RequestRefused
from broker.core.facts import Fact, IdentityKind, IdentityNotice
from broker.core.feeds import FeedNotice
from broker.core.identifiers import OdsCode
from broker.core.senders import Peer
from broker.core.upload_errors import InboxUnready
from broker.ports import Topic
from broker.runtime.codecs import load_schemas
from broker.runtime.la_notifications import Inboxes
from broker.runtime.senders_file import parse_senders
from broker.services.notification_door import MORE, NEXT, PAGE, TAKEN_BACK, NotificationDoor
from broker.wire.access_notification import Correspondents, Office
from broker.wire.feed_codec import FeedCodec
from broker.wire.http import HttpAnswer, HttpRequest
from tests.builders.house import AUTHORITY_TOPIC, House, in_house
from tests.builders.matcher import AUTHORITY, NOON, PROVIDER, access, attendance, make_codecs, plan
from tests.official_schemas import faults_of

OTHER = OdsCode("E08")
OWN_TOPIC = AUTHORITY_TOPIC
CODEC, FEEDS = make_codecs().alerts, FeedCodec(load_schemas())
XML = {"accept": "application/xml"}


def digest_of(token: str) -> str:
    """Return what the file of senders has for a token."""
    return f"sha256:{hashlib.sha256(token.encode()).hexdigest()}"


SENDERS = parse_senders(
    f"""
    [authority.{AUTHORITY}]
    tokens = ["{digest_of("own")}", "{digest_of("supplier")}"]
    [authority.{OTHER}]
    tokens = ["{digest_of("other")}", "{digest_of("supplier")}"]
    """,
    "senders.toml",
)


def with_token(token: str) -> Peer:
    """Return whoever shows a token."""
    return Peer("192.0.2.1", tokens=frozenset({digest_of(token)}))


def told_of(*facts: Fact) -> list[bytes]:
    """Return what an authority's own topic has of these facts, in order."""
    found: list[bytes] = []

    async def scenario(house: House) -> None:
        for fact in facts:
            house.send(fact)
            async with house.at_work():
                await house.taken()
        found.extend(record.value or b"" for record in house.records(OWN_TOPIC))

    in_house(scenario)
    return found


@cache
def bodies() -> list[bytes]:
    """Return two visits and a view, told one after the other."""
    return told_of(plan(), attendance(), attendance("visit-2"), access())


def alert_of(body: bytes) -> str:
    """Return whose event a body is."""
    return CODEC.decode_event(body).alert.alert_id


def taken_back(body: bytes, kind: EventKind) -> bytes:
    """Return the event of a kind that follows another."""
    event = CODEC.decode_event(body)
    return encoded(replace(event, event_id=f"after {event.event_id}", revision=event.revision + 1, kind=kind))


def encoded(event: AlertEvent) -> bytes:
    """Return an event as the authority's own topic has it, whose cause was received just now."""
    return CODEC.encode_event(
        event, with_own_ids=True, caused_received_at=NOON, rules_version=1, policy_version="1"
    )


EVENT_OF_NO_TOPIC = InboxEvent(
    recipient="", event_id="u", alert_id="u", revision=1, kind="RAISED", loud=True, body=b"nothing of ours"
)
RESTRICTED = IdentityNotice(notice_id="r", kind=IdentityKind.RESTRICTED, recorded_at=NOON, received_at=NOON)


class Office211:
    """An inbox in a database, and the door in front of it."""

    def __init__(self, directory: Path, told: frozenset[OdsCode] = frozenset({AUTHORITY, OTHER})) -> None:
        self.url = f"sqlite:///{directory / 'broker.sqlite'}"
        self.inbox = Projection(self.url)
        self.now = NOON
        self.offsets = dict.fromkeys((Topic.ALERTS.value, OWN_TOPIC), 0)
        door = NotificationDoor(
            SENDERS,
            Inboxes(self.url, CODEC, clock=lambda: self.now),
            CODEC,
            feeds=FEEDS,
            told=told,
            between=lambda code: Correspondents(
                authority=Office(code=code, name="Exton"),
                operator=Office(code=OdsCode("X26"), name="the operator"),
                asid="000000000000",
            ),
            clock=lambda: NOON,
        )
        [self.operation] = door.operations()

    def put(
        self, body: bytes, *, own: bool = True, recipient: str = f"la.{AUTHORITY}", supersedes: bool = False
    ) -> None:
        """Store an event, and what the recipient's own topic has of it."""
        event = CODEC.decode_event(body)
        arrived = InboxEvent(
            recipient=recipient,
            event_id=event.event_id,
            alert_id=event.alert.alert_id,
            revision=event.revision,
            kind=event.kind.value,
            loud=event.loud,
            body=body,
        )
        for topic in (Topic.ALERTS.value, *([OWN_TOPIC] if own else [])):
            offset, self.offsets[topic] = self.offsets[topic], self.offsets[topic] + 1
            still = None if topic == Topic.ALERTS else lambda _body: True
            self.inbox.store(topic, 0, offset, arrived, supersedes=supersedes, still=still)

    def remind(self, body: bytes, *, event_id: str = "f", alert_id: str = "") -> None:
        """Put into the inbox what no topic brings."""
        event = InboxEvent(
            recipient=f"la.{AUTHORITY}",
            event_id=event_id,
            alert_id=alert_id,
            revision=0,
            kind="F",
            loud=True,
            body=body,
        )
        self.inbox.remind(event)

    def fetch(self, peer: str = "own", headers: dict[str, str] | None = None, **query: str) -> HttpAnswer:
        """Ask the door."""
        return self.ask(peer, query, headers)

    def ask(
        self, peer: str, query: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> HttpAnswer:
        """Return the answer to a request."""
        asked = {name: (value,) for name, value in query.items()}
        request = HttpRequest(peer=with_token(peer), query=asked, headers=headers or {})

        async def answered() -> HttpAnswer:
            """Answer it."""
            return await self.operation.handle(request)

        return asyncio.run(answered())

    def said(self, **query: str) -> dict[str, Any]:
        """Return what the door tells the authority."""
        answer = self.ask("own", query)
        assert 200 == answer.status, answer.body
        return dict(json.loads(answer.body))


@pytest.fixture(name="office")
def office_with_events(tmp_path: Path) -> Office211:
    """Return an office with three events in its inbox."""
    office = Office211(tmp_path)
    for body in bodies():
        office.put(body)
    return office


def test_an_authority_is_told_its_events_in_order_with_its_own_id(office: Office211) -> None:
    """As its topic has them: which child by its own id, where and when (ruling 28)."""
    said = office.said()

    assert list(range(1, len(bodies()) + 1)) == [one["number"] for one in said["notifications"]]
    assert [CODEC.decode_event(body).event_id for body in bodies()] == [
        one["event"]["event_id"] for one in said["notifications"]
    ]
    assert {"C-1"} == {one["event"]["alert"]["child_id"] for one in said["notifications"]}
    assert (AUTHORITY.code, False) == (said["authority"], said["more"])


def test_the_next_call_goes_on_where_the_last_ended(office: Office211) -> None:
    """Nothing is told twice, and nothing is left out."""
    first = office.said()
    nothing = office.said(after=first["next"])
    office.put(told_of(plan(), attendance("visit-9"))[-1])
    later = office.said(after=nothing["next"])

    assert ([], first["next"]) == (nothing["notifications"], nothing["next"])
    assert [len(bodies()) + 1] == [one["number"] for one in later["notifications"]]


def test_a_long_inbox_comes_in_pages(tmp_path: Path) -> None:
    """`more` says whether there is another."""
    office = Office211(tmp_path)
    for number in range(PAGE + 1):
        body = bodies()[0]
        event = InboxEvent(
            recipient=f"la.{AUTHORITY}",
            event_id=str(number),
            alert_id="a",
            revision=1,
            kind="RAISED",
            loud=True,
            body=body,
        )
        office.inbox.store(Topic.ALERTS.value, 0, number, event)
        office.inbox.store(OWN_TOPIC, 0, number, event, still=lambda _body: True)
    first = office.said()
    second = office.said(after=first["next"])

    assert (PAGE, True) == (len(first["notifications"]), first["more"])
    assert ([PAGE + 1], False) == ([one["number"] for one in second["notifications"]], second["more"])


def test_the_national_message_tells_of_the_accesses(office: Office211) -> None:
    """Valid by the official schema, also where there is nothing; from where to go on says a header."""
    told = office.fetch(headers=XML)
    nothing = office.fetch(headers=XML, after=told.headers[NEXT])

    assert [] == faults_of(told.body, "REPC_MT000004GB01") == faults_of(nothing.body, "REPC_MT000004GB01")
    ids = etree.fromstring(told.body).iterfind(".//{*}referredToLAUploadFile/{*}value")
    assert {"file-1"} == {one.get("extension") for one in ids}
    assert ("false", told.headers[NEXT]) == (told.headers[MORE], nothing.headers[NEXT])


def test_a_word_about_the_feed_stands_among_the_alerts_and_keeps_none_back(tmp_path: Path) -> None:
    """A feed is called stale once a day, in the same inbox (R18); the message has no words for it."""
    office = Office211(tmp_path)
    notice = FeedNotice(authority=AUTHORITY, said_at=NOON, last_at=None, statements=("never a file",))
    office.remind(FEEDS.encode_notice(notice))
    office.put(bodies()[0])

    feed, alert = office.said()["notifications"]
    assert (["never a file"], True) == (feed["feed"]["statements"], "event" in alert)
    told = office.fetch(headers=XML)
    assert (200, 1) == (told.status, told.body.count(b"<referredToLAUploadFile"))


def test_what_cannot_be_read_is_told_and_never_left_out(tmp_path: Path) -> None:
    """Beside the others; a message without it would say that nobody came."""
    office = Office211(tmp_path)
    office.remind(b"nothing of ours")
    office.put(bodies()[0])

    unreadable, alert = office.said()["notifications"]
    assert {"number": 1, "loud": True, "unreadable": True} == unreadable
    assert "event" in alert
    assert 503 == office.fetch(headers=XML).status


def filled_to_the_page(office: Office211) -> None:
    """Put what tells of no access behind what is there, to the end of the first page."""
    for number in range(PAGE - len(office.inbox.inbox(f"la.{AUTHORITY}"))):
        notice = FeedNotice(authority=AUTHORITY, said_at=NOON, last_at=None, statements=("never a file",))
        office.remind(FEEDS.encode_notice(notice), event_id=f"feed-{number}")


@pytest.mark.parametrize("own", [True, False], ids=["on the next page", "not told yet"])
def test_the_message_tells_of_no_access_that_is_taken_back_behind_the_page(
    tmp_path: Path, *, own: bool
) -> None:
    """What the broker knows to be untrue does not go out, however long the inbox is (rulings 16, 44)."""
    office = Office211(tmp_path)
    for body in bodies()[:2]:
        office.put(body)
    filled_to_the_page(office)
    before = office.fetch(headers=XML).body.count(b"<referredToLAUploadFile")
    office.put(taken_back(bodies()[0], EventKind.RETRACTED), own=own)
    office.put(taken_back(bodies()[1], EventKind.UPDATED), own=own)
    office.remind(b"nothing of ours", event_id="unreadable", alert_id=alert_of(bodies()[1]))

    assert before - 1 == office.fetch(headers=XML).body.count(b"<referredToLAUploadFile")


@pytest.mark.parametrize(
    ("kind", "gone"), [(EventKind.RETRACTED, 1), (EventKind.WITHDRAWN, 1), (EventKind.UPDATED, 0)]
)
def test_the_national_message_tells_of_no_access_that_was_taken_back(
    kind: EventKind, gone: int, tmp_path: Path
) -> None:
    """It has no words for it: what is no longer so must not go out first (rulings 16, 44)."""
    office = Office211(tmp_path)
    for body in bodies()[:2]:
        office.put(body)
    before = office.fetch(headers=XML).body.count(b"<referredToLAUploadFile")
    office.put(taken_back(bodies()[0], kind))

    assert gone == before - office.fetch(headers=XML).body.count(b"<referredToLAUploadFile")


def told_ids(answer: HttpAnswer) -> list[str]:
    """Return the ids of the accesses that a message tells of."""
    queries = etree.fromstring(answer.body).iter("{urn:hl7-org:v3}pertinentCP-ISNHSQuery")
    return [one.get("root", "") for query in queries for one in query.iterfind("{urn:hl7-org:v3}id")]


@pytest.mark.parametrize("kind", [EventKind.RETRACTED, EventKind.WITHDRAWN])
def test_what_an_earlier_answer_told_is_taken_back_by_its_id_beside_the_message(
    kind: EventKind, tmp_path: Path
) -> None:
    """The message has no words for it, and whoever reads nothing else would believe it (rulings 16, 44)."""
    office = Office211(tmp_path)
    for body in bodies()[:2]:
        office.put(body)
    first = office.fetch(headers=XML)
    office.put(taken_back(bodies()[0], kind))
    second = office.fetch(after=first.headers[NEXT], headers=XML)

    assert TAKEN_BACK not in first.headers
    assert ([], told_ids(first)[:1]) == (told_ids(second), second.headers[TAKEN_BACK].split(", "))


def test_what_counts_again_is_told_and_not_taken_back(tmp_path: Path) -> None:
    """Within one answer the newest says it."""
    office = Office211(tmp_path)
    office.put(bodies()[0])
    first = office.fetch(headers=XML)
    back = taken_back(bodies()[0], EventKind.WITHDRAWN)
    office.put(back)
    again = replace(CODEC.decode_event(taken_back(back, EventKind.UPDATED)), changes=(Change.REINSTATED,))
    office.put(encoded(again))
    second = office.fetch(after=first.headers[NEXT], headers=XML)

    assert (told_ids(first), False) == (told_ids(second), TAKEN_BACK in second.headers)


def test_an_answer_ends_before_its_header_is_too_long(tmp_path: Path) -> None:
    """Each taken back is said once, on one page or the next."""
    office = Office211(tmp_path)
    view = CODEC.decode_event(bodies()[2]).alert.views[0]
    views = tuple(replace(view, access_id=f"view {number}") for number in range(24))
    event = CODEC.decode_event(taken_back(bodies()[0], EventKind.RETRACTED))
    for number in range(10):
        alert = replace(event.alert, alert_id=f"alert {number}", views=views)
        office.put(encoded(replace(event, event_id=f"event {number}", alert=alert)))

    told, after, more = [], "", "true"
    while more == "true":
        answer = office.fetch(after=after, headers=XML) if after else office.fetch(headers=XML)
        assert len(answer.headers[TAKEN_BACK]) < 4_000
        told += answer.headers[TAKEN_BACK].split(", ")
        after, more = answer.headers[NEXT], answer.headers[MORE]

    assert 10 * 25 == len(told) == len(set(told))


def test_a_visit_that_many_looked_up_is_taken_back_and_keeps_none_behind_it(tmp_path: Path) -> None:
    """However many accesses one event takes back, the answer goes on: else nothing behind it is ever told."""
    office = Office211(tmp_path)
    view = CODEC.decode_event(bodies()[2]).alert.views[0]
    event = CODEC.decode_event(taken_back(bodies()[0], EventKind.RETRACTED))
    views = tuple(replace(view, access_id=f"view {number}") for number in range(150))
    office.put(encoded(replace(event, alert=replace(event.alert, alert_id="looked up", views=views))))
    office.put(bodies()[0])

    answer = office.fetch(headers=XML)

    assert 151 == len(answer.headers[TAKEN_BACK].split(", "))
    assert ("false", 1) == (answer.headers[MORE], len(told_ids(answer)))


def test_of_a_restricted_record_no_place_is_told(tmp_path: Path) -> None:
    """What was told before says no more either: its row has the reduced content (ruling 24)."""
    office = Office211(tmp_path)
    *before, after = told_of(plan(), attendance(), RESTRICTED)
    for body in before:
        office.put(body)
    office.put(after, supersedes=True)

    assert PROVIDER.code in (told_of(plan(), attendance())[0]).decode("latin-1")
    assert PROVIDER.code not in office.fetch().body.decode()
    assert PROVIDER.code.encode() not in office.fetch(headers=XML).body


def test_of_what_was_erased_a_place_alone_is_left(office: Office211) -> None:
    """No id of an alert, no number (ruling 23)."""
    alert = CODEC.decode_event(bodies()[0]).alert.alert_id
    office.inbox.store(Topic.ALERTS.value, 0, office.offsets[Topic.ALERTS.value], None, erased=[alert])

    first = office.said()["notifications"][0]
    assert {"number": 1, "loud": first["loud"], "erased": True} == first
    assert alert not in office.fetch().body.decode()


@pytest.mark.parametrize(
    ("peer", "query", "status", "code"),
    [
        ("nobody", {}, 401, "CPIS-720"),
        ("own", {"authority": OTHER.code}, 403, "CPIS-732"),
        ("own", {"authority": "no code"}, 403, "CPIS-732"),
        ("supplier", {}, 400, None),
        ("own", {"after": "1"}, 410, "CPIS-733"),
        ("own", {"after": "another.1"}, 410, "CPIS-733"),
        ("own", {"after": "another.-1"}, 410, "CPIS-733"),
        ("own", {"after": "another.²"}, 410, "CPIS-733"),
    ],
)
def test_what_is_not_answered_is_told(
    peer: str, query: dict[str, str], status: int, code: str | None, office: Office211
) -> None:
    """Who it is, whose inbox and from where: nothing of it is guessed."""
    answer = office.ask(peer, query)

    assert status == answer.status
    assert code is None or code == json.loads(answer.body)["code"]


@pytest.mark.parametrize("beyond", [1, 10**17, 10**30])
def test_a_place_that_the_inbox_has_not_reached_is_none(beyond: int, office: Office211) -> None:
    """A database that was put back would be silent until there, and what came meanwhile never be told."""
    inbox, _, reached = office.said()["next"].partition(".")
    answer = office.fetch(after=f"{inbox}.{int(reached) + beyond}")

    assert (410, "CPIS-733") == (answer.status, json.loads(answer.body)["code"])


def test_who_acts_for_several_names_one_and_has_that_one_s_alone(office: Office211) -> None:
    """The other's inbox is empty here."""
    own = office.fetch("supplier", authority=AUTHORITY.code)
    other = office.fetch("supplier", authority=OTHER.code)

    assert (len(bodies()), 0) == tuple(len(json.loads(one.body)["notifications"]) for one in (own, other))
    assert 0 == len(json.loads(office.fetch("other").body)["notifications"])


def test_an_authority_without_a_topic_of_its_own_is_told_so(tmp_path: Path) -> None:
    """It would wait for ever for what nobody brings."""
    office = Office211(tmp_path, told=frozenset({OTHER}))
    office.put(bodies()[0])

    assert 403 == office.fetch().status


def test_what_its_own_topic_has_not_brought_is_not_nothing(office: Office211) -> None:
    """Whoever asks is told to come again: an empty answer would say that nobody came."""
    at = office.said()["next"]
    office.put(told_of(plan(), attendance("visit-9"))[-1], own=False)
    answer = office.fetch(after=at)

    assert (503, "CPIS-734") == (answer.status, json.loads(answer.body)["code"])
    assert "Retry-After" in answer.headers
    assert len(bodies()) == len(office.said()["notifications"])


def test_what_its_own_topic_never_brings_is_told_without_it_after_a_while(tmp_path: Path) -> None:
    """It is of a time without such a topic, and keeps back nothing behind it: late is worse than bare."""
    office = Office211(tmp_path)
    office.put(bodies()[0], own=False)
    office.put(bodies()[1])
    assert 503 == office.fetch().status
    office.now = NOON + timedelta(days=1)

    assert [1, 2] == [one["number"] for one in office.said()["notifications"]]
    unreadable = replace(EVENT_OF_NO_TOPIC, recipient=f"la.{AUTHORITY}")
    office.inbox.store(Topic.ALERTS.value, 0, office.offsets[Topic.ALERTS.value], unreadable)
    assert [True] == [one.get("unreadable") for one in office.said()["notifications"][2:]]


def test_an_inbox_that_was_never_filled_is_not_an_empty_one(tmp_path: Path) -> None:
    """The outbox has not run, or has another database; nor is one that cannot be opened."""
    office = Office211(tmp_path)
    never = office.fetch()
    away = Office211(tmp_path)
    away.url = f"sqlite:///{tmp_path / 'no' / 'broker.sqlite'}"

    assert (503, "CPIS-734") == (never.status, json.loads(never.body)["code"])
    with pytest.raises(InboxUnready):
        Inboxes(away.url, CODEC, clock=lambda: NOON)(f"la.{AUTHORITY}", after=0, limit=1)


@pytest.mark.parametrize("table", ["inbox", "offsets"])
def test_an_inbox_that_cannot_be_read_any_more_is_asked_for_again_later(
    office: Office211, table: str
) -> None:
    """Its database was there, and is away: that is told as such, with the time to wait."""
    assert 200 == office.fetch().status
    engine = create_engine(office.url)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"DROP TABLE {table}")
    engine.dispose()
    answer = office.fetch()

    assert (503, "10") == (answer.status, answer.headers["Retry-After"])


def test_a_request_that_is_none_is_answered_as_a_problem(office: Office211) -> None:
    """In the words of the door."""

    async def refused() -> HttpAnswer:
        """Refuse it."""
        return await office.operation.refuse(HttpRequest(peer=with_token("own")), RequestRefused(406, "no"))

    assert 406 == asyncio.run(refused()).status
