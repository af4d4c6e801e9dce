"""An authority asks how its own feed stands, and learns of nobody else's (R18, R20)."""

import asyncio
import json
from collections.abc import Awaitable, Sequence
from datetime import timedelta
from typing import Any

import pytest

from broker.core.authorities import Authorities, Authority
from broker.core.door_errors import RequestRefused
from broker.core.errors import KafkaUnavailable
from broker.core.feeds import FeedHealth, FeedRule, health
from broker.core.identifiers import OdsCode
from broker.core.reconciling import PlansCounted, PlanStanding
from broker.core.senders import Peer
from broker.runtime.senders_file import parse_senders
from broker.services.feed_door import FeedDoor, ReadFeeds
from broker.wire.http import HttpAnswer, HttpRequest
from broker.wire.problem import PROBLEM
from tests.builders.feeds import NOON, OURS, taken

OWN, OTHER = OURS, OdsCode("204")
DIGESTS = {name: f"sha256:{digit * 64}" for name, digit in (("own", "a"), ("supplier", "b"), ("none", "c"))}
SENDERS = parse_senders(
    f"""
    [authority.211]
    tokens = ["{DIGESTS["own"]}", "{DIGESTS["supplier"]}"]
    [authority.204]
    tokens = ["{DIGESTS["supplier"]}"]
    """,
    "senders.toml",
)
LISTED = Authorities(rows={OWN: Authority(code=OWN, name="Tower Hamlets")})
RULE = FeedRule(stale_after=timedelta(hours=48), gate=0.95, expected=frozenset({OWN, OTHER}))
FILE = taken({"CPR06": 1, "CPR01": 1}, code="CPF03")


async def feeds() -> Sequence[FeedHealth]:
    """Return how two feeds stand: one has sent, the other never did."""
    return health([FILE], {}, NOON + timedelta(hours=1), RULE)


async def away() -> Sequence[FeedHealth]:
    """Fail."""
    raise KafkaUnavailable


async def answered(answer: Awaitable[HttpAnswer]) -> HttpAnswer:
    """Return an answer once it is there."""
    return await answer


def ask(token: str, read: ReadFeeds = feeds, counted: PlansCounted | None = None) -> HttpAnswer:
    """Return the answer to whoever shows a token."""
    [operation] = FeedDoor(SENDERS, LISTED, read, lambda: counted).operations()
    peer = Peer("192.0.2.1", tokens=frozenset({DIGESTS[token]}))
    return asyncio.run(answered(operation.handle(HttpRequest(peer=peer))))


def said(answer: HttpAnswer) -> list[dict[str, Any]]:
    """Return the feeds of an answer."""
    found: list[dict[str, Any]] = json.loads(answer.body)["feeds"]
    return found


def test_an_authority_is_told_of_its_own_feed_alone() -> None:
    """With its name, what waits, and what to do (C8, C9)."""
    [feed] = said(ask("own"))

    assert ("211", "Tower Hamlets", "in trial") == (feed["authority"], feed["name"], feed["state"])
    assert (3_600, False, 0.5, True, 1) == (
        feed["age_seconds"],
        feed["stale"],
        feed["matched"],
        feed["below_gate"],
        feed["refused"],
    )
    assert [("CPR01", 1)] == [(one["code"], one["count"]) for one in feed["waiting"]]
    assert 3 == len(feed["to_do"])
    assert {"CPR06": 1, "CPR01": 1} == feed["newest_file"]["codes"]


def test_how_the_plans_stand_that_are_held_is_said_once_they_are_counted() -> None:
    """With when that was; until then it is null, which is no zero (C8 to C10)."""
    counted = PlansCounted(at=NOON, plans={OWN: {PlanStanding.PAST_DUE_DATE: 2}})
    other, own = said(ask("supplier", counted=counted))

    assert [None] == [feed["plans"] for feed in said(ask("own"))]
    assert ("2026-03-02T12:00:00Z", 2, 0) == (
        own["plans"]["counted_at"],
        own["plans"]["past due date"],
        own["plans"]["number not in use"],
    )
    assert {0} == {other["plans"][standing] for standing in PlanStanding}


def test_a_supplier_is_told_of_every_authority_that_it_acts_for() -> None:
    """One that never sent anything is stale, without an age and without a share (R18)."""
    silent, own = said(ask("supplier"))

    assert ("204", "211") == (silent["authority"], own["authority"])
    assert (True, None, None, None) == (
        silent["stale"],
        silent["age_seconds"],
        silent["matched"],
        silent["newest_file"],
    )
    assert silent["to_do"][0].startswith("No file of yours was taken for too long")


def test_whoever_is_no_authority_is_told_nothing() -> None:
    """Neither certificate nor token of one: 401, and how to show one."""
    answer = ask("none")

    assert (401, "Bearer") == (answer.status, answer.headers["WWW-Authenticate"])


def test_what_cannot_be_read_is_no_healthy_feed() -> None:
    """An error is answered as one, with when to ask again (ruling 34)."""
    answer = ask("own", away)

    assert (503, PROBLEM, "10") == (answer.status, answer.content_type, answer.headers["Retry-After"])


@pytest.mark.parametrize("status", [406, 429])
def test_a_request_that_is_none_that_is_taken_is_told_why(status: int) -> None:
    """As a problem of RFC 9457."""
    [operation] = FeedDoor(SENDERS, LISTED, feeds).operations()
    request = HttpRequest(peer=Peer("192.0.2.1"))

    answer = asyncio.run(answered(operation.refuse(request, RequestRefused(status, "too much at once"))))
    assert (status, PROBLEM) == (answer.status, answer.content_type)
