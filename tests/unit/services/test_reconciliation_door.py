"""An authority fetches its own plans over HTTP, and nobody else's: C8 to C10, rulings 23, 24, 48."""

import asyncio
import csv
import io
from collections.abc import Awaitable

import pytest

from broker.core.door_errors import RequestRefused
from broker.core.errors import KafkaUnavailable
from broker.core.facts import IdentityKind, IdentityNotice
from broker.core.identifiers import OdsCode
from broker.core.senders import Peer
from broker.ports import Topic
from broker.runtime.senders_file import parse_senders
from broker.services.reconciliation import Reconciled
from broker.services.reconciliation_door import CSV, GROUNDS, Reconcile, ReconciliationDoor
from broker.wire.http import HttpAnswer, HttpRequest
from broker.wire.problem import PROBLEM
from tests.builders.house import ADA, House, in_house
from tests.builders.matcher import AUTHORITY, NOON, numbers, plan
from tests.unit.services.test_reconciliation import BOB, OTHER, desk, settled

DIGESTS = {name: f"sha256:{digit * 64}" for name, digit in (("own", "a"), ("supplier", "b"), ("none", "c"))}
SENDERS = parse_senders(
    f"""
    [authority.{AUTHORITY.code}]
    tokens = ["{DIGESTS["own"]}", "{DIGESTS["supplier"]}"]
    [authority.{OTHER.code}]
    tokens = ["{DIGESTS["supplier"]}"]
    """,
    "senders.toml",
)
_, _, _, SAM = [number for number, _ in zip(numbers(), range(4), strict=False)]


async def answered(answer: Awaitable[HttpAnswer]) -> HttpAnswer:
    """Return an answer once it is there."""
    return await answer


def asking(token: str, reconcile: Reconcile) -> Awaitable[HttpAnswer]:
    """Return the answer to come to whoever shows a token."""
    [operation] = ReconciliationDoor(SENDERS, reconcile).operations()
    return operation.handle(HttpRequest(peer=Peer("192.0.2.1", tokens=frozenset({DIGESTS[token]}))))


def table(answer: HttpAnswer) -> list[dict[str, str]]:
    """Return the rows of an answer."""
    return list(csv.DictReader(io.StringIO(answer.body.decode())))


def of(house: House) -> Reconcile:
    """Return what reads the plans of a house."""

    async def read(authorities: frozenset[OdsCode]) -> Reconciled:
        """Note it, then read."""
        return await desk(house).of(authorities, GROUNDS)

    return read


def test_an_authority_has_its_own_rows_alone() -> None:
    """Of restricted records, and whom somebody must not see, it has the count; nothing of them (24, 48)."""

    async def scenario(house: House) -> None:
        await settled(house)
        unseen = IdentityNotice(
            notice_id="u", kind=IdentityKind.EXCLUDED, user="u1", recorded_at=NOON, received_at=NOON
        )
        house.send(plan(), unseen, number=SAM)
        async with house.at_work():
            await house.taken()
        answer = await asking("own", of(house))

        assert (200, CSV, "2", "0", "no-store") == (
            answer.status,
            answer.content_type,
            answer.headers["X-Plans-Withheld"],
            answer.headers["X-Records-Unreadable"],
            answer.headers["Cache-Control"],
        )
        rows = table(answer)
        assert {"", ADA.digits} == {row["nhs_number"] for row in rows}
        assert {AUTHORITY.code} == {row["authority"] for row in rows}
        assert not [one for one in (BOB, SAM) if one.digits.encode() in answer.body]

    in_house(scenario)


def test_who_acts_for_several_has_the_rows_of_each() -> None:
    """And the audit trail names whose they were, before anything was read (C13)."""

    async def scenario(house: House) -> None:
        await settled(house)
        answer = await asking("supplier", of(house))

        assert {AUTHORITY.code, OTHER.code} == {row["authority"] for row in table(answer)}
        values = [record.value or b"" for record in house.kafka.read(Topic.AUDIT)]
        records = house.codecs.records
        [action] = [records.decode_action(one) for one in values if records.is_action(one)]
        named = " ".join(sorted((AUTHORITY.code, OTHER.code)))
        assert (f"plans of {named}", GROUNDS) == (action.outcome, action.grounds)

    in_house(scenario)


async def never(_authorities: frozenset[OdsCode]) -> Reconciled:
    """Fail: nobody was to be read."""
    raise AssertionError


async def away(_authorities: frozenset[OdsCode]) -> Reconciled:
    """Fail as Kafka does."""
    raise KafkaUnavailable


@pytest.mark.parametrize(("token", "read", "status"), [("none", never, 401), ("own", away, 503)])
def test_an_error_is_no_table_without_children(token: str, read: Reconcile, status: int) -> None:
    """Whoever is nobody, and whoever cannot be answered, is told so."""
    answer = asyncio.run(answered(asking(token, read)))

    assert (status, PROBLEM) == (answer.status, answer.content_type)
    assert (status == 503) == ("Retry-After" in answer.headers)


def test_one_table_is_made_at_a_time() -> None:
    """Everybody's record is read for it: who asks meanwhile asks again."""

    async def scenario() -> None:
        """Ask while one is being made."""
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def slow(_authorities: frozenset[OdsCode]) -> Reconciled:
            """Wait to be let on."""
            begun.set()
            await go_on.wait()
            return Reconciled(rows=(), withheld=0, unreadable=0)

        [operation] = ReconciliationDoor(SENDERS, slow).operations()
        request = HttpRequest(peer=Peer("192.0.2.1", tokens=frozenset({DIGESTS["own"]})))
        first = asyncio.ensure_future(operation.handle(request))
        await begun.wait()
        assert 429 == (await operation.handle(request)).status
        go_on.set()
        assert 200 == (await first).status

    asyncio.run(scenario())


def test_a_request_that_is_none_is_answered_as_a_problem() -> None:
    """In the door's own format."""
    [operation] = ReconciliationDoor(SENDERS, never).operations()

    answer = asyncio.run(answered(operation.refuse(HttpRequest(peer=Peer("x")), RequestRefused(413, "big"))))

    assert (413, PROBLEM) == (answer.status, answer.content_type)
