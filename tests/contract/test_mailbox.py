"""What a `Mailbox` promises: one suite over the in-memory twin and the genuine client with its sandbox."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass

import pytest

from broker.adapters.memory_mailbox import MemoryExchange, MemoryMailbox
from broker.adapters.mesh import MeshAddress, MeshMailbox
from broker.core.errors import MalformedMessage, StorageUnusable
from broker.core.mailbox import Incoming, Outgoing, Report, Trouble, Whereabouts
from broker.core.mesh_errors import MailboxUnavailable, MessageRefused
from broker.mesh_ports import Mailbox
from tests.builders.mesh_sandbox import COUNCILS, OURS, PASSWORD, Sandbox, mesh_sandbox

COUNCIL = COUNCILS[0]
UPLOAD = Outgoing(mailbox=OURS, workflow="LA_UPLOAD", local_id="upload-1", body=b"<File/>")


@dataclass(frozen=True)
class World:
    """Two mailboxes of one exchange, and what the exchange itself may do."""

    ours: Mailbox
    council: Mailbox
    report: Callable[[str, str], None]
    give_up: Callable[[str], None]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Lend one sandbox to the module."""
    with mesh_sandbox(tmp_path_factory.mktemp("mesh") / "sandbox.log") as running:
        yield running


def in_memory() -> World:
    """Return the twin."""
    exchange = MemoryExchange(frozenset({OURS, *COUNCILS}))

    def report(code: str, local_id: str) -> None:
        """Have the exchange report an error."""
        said = Report(code=code, local_id=local_id)
        exchange.put(Incoming(message_id="report", sender="", workflow="LA_ACCESS", report=said), OURS)

    return World(MemoryMailbox(exchange, OURS), MemoryMailbox(exchange, COUNCIL), report, exchange.lose)


@pytest.fixture(params=["memory", "sandbox"])
def opening(request: pytest.FixtureRequest) -> Callable[[], World]:
    """Return what makes the world of a test, inside its event loop."""
    if request.param == "memory":
        return in_memory
    running: Sandbox = request.getfixturevalue("sandbox")
    running.empty()

    def of_sandbox() -> World:
        """Return the genuine client."""
        return World(
            running.mailbox(OURS),
            running.mailbox(COUNCIL),
            lambda code, local_id: running.report(OURS, code=code, local_id=local_id),
            running.give_up,
        )

    return of_sandbox


@asynccontextmanager
async def opened(opening: Callable[[], World]) -> AsyncIterator[World]:
    """Lend a world and close it."""
    world = opening()
    try:
        yield world
    finally:
        await world.ours.close()
        await world.council.close()


def test_a_message_waits_until_it_is_acknowledged(opening: Callable[[], World]) -> None:
    """It says who sent it and by which workflow; acknowledged, it is collected and gone."""

    async def story() -> None:
        """Play it."""
        async with opened(opening) as world:
            message_id = await world.council.send(UPLOAD)
            assert [message_id] == list(await world.ours.waiting())
            assert await world.council.whereabouts(message_id) is Whereabouts.WAITING
            read = await world.ours.read(message_id)
            assert read == Incoming(
                message_id=message_id, sender=COUNCIL, workflow="LA_UPLOAD", body=b"<File/>"
            )

            await world.ours.acknowledge(message_id)
            assert [] == list(await world.ours.waiting())
            assert await world.council.whereabouts(message_id) is Whereabouts.COLLECTED
            await world.ours.acknowledge(message_id)  # as good as once
            assert await world.ours.read("0" * 32) is None

    asyncio.run(story())


def test_a_large_message_is_copied_piece_by_piece_by_its_heading(opening: Callable[[], World]) -> None:
    """Of its workflow the content is left where it is; nothing is copied of what is gone."""

    async def story() -> None:
        """Play it."""
        async with opened(opening) as world:
            message_id = await world.council.send(UPLOAD)
            heading = await world.ours.read(message_id, heading_of=["LA_UPLOAD"])
            pieces: list[bytes] = []
            await world.ours.copy(message_id, pieces.append)
            await world.ours.acknowledge(message_id)
            with pytest.raises(MailboxUnavailable):
                await world.ours.copy("0" * 32, pieces.append)

            assert heading == Incoming(message_id=message_id, sender=COUNCIL, workflow="LA_UPLOAD")
            assert b"<File/>" == b"".join(pieces)

    asyncio.run(story())


def test_trouble_of_who_copies_is_its_own(opening: Callable[[], World]) -> None:
    """A disk that is full is no sign that the exchange is away."""

    def full(_piece: bytes) -> None:
        """Find no room."""
        raise StorageUnusable

    async def story() -> None:
        """Play it."""
        async with opened(opening) as world:
            message_id = await world.council.send(UPLOAD)
            with pytest.raises(StorageUnusable):
                await world.ours.copy(message_id, full)
            await world.ours.acknowledge(message_id)

    asyncio.run(story())


def test_what_was_sent_under_a_local_id_is_known(opening: Callable[[], World]) -> None:
    """So that nothing is sent a second time by whoever cannot remember; another's is not ours."""

    async def story() -> None:
        """Play it."""
        async with opened(opening) as world:
            assert await world.council.sent("upload-1") is None
            message_id = await world.council.send(UPLOAD)
            assert message_id == await world.council.sent("upload-1")
            await world.council.send(UPLOAD)  # twice is known too; which of them is meant, is not
            assert "" == await world.council.sent("upload-1")
            assert await world.council.sent("upload-2") is None
            assert await world.ours.sent("upload-1") is None

    asyncio.run(story())


def test_a_mailbox_that_is_not_registered_is_refused_with_its_code(opening: Callable[[], World]) -> None:
    """Code 12 (dossier 6.1)."""

    async def story() -> None:
        """Play it."""
        async with opened(opening) as world:
            with pytest.raises(MessageRefused) as refused:
                await world.council.send(
                    Outgoing(mailbox="NOBODY", workflow="LA_UPLOAD", local_id="x", body=b"x")
                )
            assert "12" == refused.value.fault

    asyncio.run(story())


def test_an_error_report_is_read_with_its_code_and_our_local_id(opening: Callable[[], World]) -> None:
    """It has no content, and the exchange's words are not taken (R52)."""

    async def story() -> None:
        """Play it."""
        async with opened(opening) as world:
            world.report("14", "ours-1")
            (message_id,) = await world.ours.waiting()
            read = await world.ours.read(message_id)
            assert read is not None
            assert (Report(code="14", local_id="ours-1"), b"", None) == (read.report, read.body, read.trouble)

    asyncio.run(story())


def test_what_lies_behind_the_first_page_is_listed_as_well(sandbox: Sandbox) -> None:
    """In order: what is postponed for long must not hide what came after it."""
    sandbox.empty()

    async def story() -> None:
        """Play it."""
        ours, council = MeshMailbox(sandbox.address(OURS), page=10), sandbox.mailbox(COUNCIL)
        sent = [await council.send(UPLOAD) for _ in range(23)]
        assert sent == list(await ours.waiting())
        await ours.close()
        await council.close()

    asyncio.run(story())


def test_what_is_larger_than_one_piece_arrives_whole(sandbox: Sandbox) -> None:
    """An acknowledgement of tens of thousands of records goes in pieces, and is put together."""
    sandbox.empty()
    body = bytes(range(256)) * 80_000

    async def story() -> None:
        """Play it."""
        ours, council = sandbox.mailbox(OURS), sandbox.mailbox(COUNCIL)
        message = Outgoing(mailbox=COUNCIL, workflow="LA_UPLOAD_ACK", local_id="ack-1", body=body)
        message_id = await ours.send(message)
        read = await council.read(message_id)
        assert read is not None
        assert body == read.body
        copied = bytearray()
        await council.copy(message_id, copied.extend)
        assert body == copied
        await ours.close()
        await council.close()

    asyncio.run(story())


def test_a_message_that_the_exchange_gave_up_is_lost(opening: Callable[[], World]) -> None:
    """It waits for nobody any more."""

    async def story() -> None:
        """Play it."""
        async with opened(opening) as world:
            message_id = await world.council.send(UPLOAD)
            world.give_up(message_id)
            assert await world.council.whereabouts(message_id) is Whereabouts.LOST

    asyncio.run(story())


def test_an_exchange_that_is_away_is_unavailable_whatever_is_asked() -> None:
    """Nobody listens there, and nobody can without being root; the twin says the same."""
    exchange = MemoryExchange(frozenset({OURS}), available=False)
    nowhere = MeshAddress(
        url="http://127.0.0.1:1",
        mailbox=OURS,
        password=PASSWORD,
        shared_key="k",
    )

    async def story(mailbox: Mailbox) -> None:
        """Play it."""
        for ask in (
            mailbox.waiting,
            lambda: mailbox.read("1"),
            lambda: mailbox.acknowledge("1"),
            lambda: mailbox.send(UPLOAD),
            lambda: mailbox.sent("1"),
            lambda: mailbox.whereabouts("1"),
        ):
            with pytest.raises(MailboxUnavailable):
                await ask()
        await mailbox.close()

    asyncio.run(story(MemoryMailbox(exchange, OURS)))
    asyncio.run(story(MeshMailbox(nowhere)))


def test_a_wrong_password_is_as_good_as_away(sandbox: Sandbox) -> None:
    """The exchange answers, and lets nobody in."""

    async def story() -> None:
        """Play it."""
        mailbox = MeshMailbox(sandbox.address(OURS, password="another"))  # noqa: S106
        with pytest.raises(MailboxUnavailable, match="status 403"):
            await mailbox.waiting()
        await mailbox.close()

    asyncio.run(story())


@pytest.mark.parametrize(
    ("sent", "packed", "read"),
    [
        (b"plain " * 40, "plain", (b"plain " * 40, None)),
        (gzip.compress(b"packed " * 40), "packed", (b"packed " * 40, None)),
        (gzip.compress(b"packed " * 40)[:-9], "packed", (b"", Trouble.UNREADABLE)),
        (gzip.compress(b"packed ") + gzip.compress(b"in two"), "packed", (b"packed in two", None)),
        (gzip.compress(b"packed ") + b"and more", "packed", (b"", Trouble.UNREADABLE)),
        (b"said to be packed", "packed", (b"said to be packed", None)),
        (b"x" * 301, "plain", (b"", Trouble.TOO_LARGE)),
        (gzip.compress(b"x" * 1_000_000), "packed", (b"", Trouble.TOO_LARGE)),
    ],
    ids=[
        "in chunks",
        "packed",
        "cut off",
        "two members",
        "more behind it",
        "not packed at all",
        "too large",
        "unpacks to too much",
    ],
)
def test_content_in_chunks_and_packed_is_put_together_up_to_a_limit(
    sandbox: Sandbox,
    sent: bytes,
    packed: str,
    read: tuple[bytes, Trouble | None],
) -> None:
    """What a sender packed itself is unpacked as well as what was packed on the way (6.1)."""
    sandbox.empty()

    async def story() -> None:
        """Play it."""
        ours = MeshMailbox(sandbox.address(OURS), bytes_max=300, copied_bytes_max=300)
        council = sandbox.mailbox(COUNCIL)
        message_id = await asyncio.to_thread(
            council._client.send_message,
            OURS,
            sent,
            workflow_id="LA_UPLOAD",
            max_chunk_size=100,
            compressed=packed == "packed",
            compress=True,
        )
        incoming = await ours.read(message_id)
        assert incoming is not None
        assert read == (incoming.body, incoming.trouble)
        copied = bytearray()
        with nullcontext() if incoming.trouble is None else pytest.raises(MalformedMessage) as refused:
            await ours.copy(message_id, copied.extend)
        assert incoming.trouble is not None or incoming.body == copied
        assert refused is None or refused.value.reason == incoming.trouble
        await ours.close()
        await council.close()

    asyncio.run(story())
