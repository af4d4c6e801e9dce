"""Events of the national services over the message exchange: rulings 26, 38; R53."""

import asyncio

import pytest

from broker.adapters.memory_demographics import MemoryDemographics
from broker.adapters.memory_mailbox import MemoryExchange, MemoryMailbox
from broker.core.mailbox import Incoming, Trouble
from broker.ports import Topic
from broker.services.mesh_inbox import Fate, MeshInbox
from broker.services.mesh_notices import MeshNotices
from broker.services.national_events import FACTS
from broker.services.rejections import Rejections
from tests.builders.national_events import birth, message
from tests.unit.services.test_national_events import KEY, NOW, Post

MOTHER, BABY = "9990000018", "9990000026"
OURS, SERVICE, WORKFLOW = "X26CPIS", "X26HC005", "BIRTHNOTIFICATION_1"


def fate(post: Post, incoming: Incoming) -> Fate:
    """Return what becomes of a message in our mailbox."""
    exchange, fates = MemoryExchange(frozenset({OURS})), list[Fate]()
    exchange.put(incoming, OURS)
    inbox = MeshInbox(
        MemoryMailbox(exchange, OURS),
        {WORKFLOW: MeshNotices(post.events, {WORKFLOW: frozenset({SERVICE})})},
        facts=post.log,
        rejections=Rejections(post.records, KEY),
        clock=lambda: NOW,
        told=lambda _incoming, fate: fates.append(fate),
    )
    asyncio.run(inbox.poll())
    (found,) = fates
    return found


def sent(body: bytes, *, sender: str = SERVICE, trouble: Trouble | None = None) -> Incoming:
    """Return a message of the service."""
    return Incoming(message_id="M1", sender=sender, workflow=WORKFLOW, body=body, trouble=trouble)


def test_an_event_over_mesh_is_taken_as_one_that_is_posted() -> None:
    """The link of a mother and her baby is a fact (ruling 26)."""
    post = Post()
    assert fate(post, sent(birth(BABY, MOTHER))) is Fate.TAKEN
    assert post.counts == {FACTS: 1}
    assert len(post.facts()) == 1


@pytest.mark.parametrize(
    ("incoming", "reason"),
    [
        (sent(birth(BABY, MOTHER), sender="E09OT001"), "not its service's mailbox"),
        (sent(b"", trouble=Trouble.UNREADABLE), Trouble.UNREADABLE.value),
    ],
)
def test_what_is_no_service_s_is_kept_and_holds_up_no_other(incoming: Incoming, reason: str) -> None:
    """Nobody but the service says whose child a baby is."""
    post = Post()
    assert fate(post, incoming) is Fate.KEPT
    (record,) = post.kafka.read(Topic.REJECTED)
    assert post.records.decode_rejected(record.value or b"").reason == reason
    assert not post.facts()


def test_an_event_waits_in_the_mailbox_until_the_source_answers() -> None:
    """The exchange keeps it."""
    source = MemoryDemographics()
    source.available = False
    post = Post(source)
    assert fate(post, sent(message("pds-record-change-2", MOTHER))) is Fate.POSTPONED
