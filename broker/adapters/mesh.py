"""
A mailbox at the national message exchange, MESH, by the client that NHS England publishes.

The client waits, so each call is made in a thread, one at a time, with a time limit. Content that came in
chunks or packed is put together and unpacked piece by piece, up to a limit: what unpacks to more is not read.
"""

import asyncio
import zlib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from mesh_client import MeshClient, MeshError
from requests import HTTPError

from broker.core.errors import BrokerError, MalformedMessage
from broker.core.mailbox import (
    BYTES_MAX,
    COPIED_BYTES_MAX,
    Incoming,
    Outgoing,
    Report,
    Trouble,
    Whereabouts,
)
from broker.core.mesh_errors import MailboxUnavailable, MessageRefused
from broker.wire.gunzip import Gunzip

SECONDS = 30.0
"""The limit of one exchange of bytes."""
PAGE = 500
"""How many messages are listed at once: the exchange's own limit."""
_CHUNK_BYTES = 20_000_000  # of what is sent: far below the exchange's limit of 100 MB
_READ_BYTES = 1_048_576
_WAITING_MAX = 10_000  # of what lies there more is not listed at once
_GONE = frozenset({404, 410})  # acknowledged before, or removed by the exchange
_ABOUT_THE_MESSAGE = frozenset({200, 202, 400, 417})
"""Any other status to what is sent says that nobody was let in, or nobody was there: it is sent again."""
_GZIP = b"\x1f\x8b"
_WHEREABOUTS = {"accepted": Whereabouts.WAITING, "acknowledged": Whereabouts.COLLECTED}
_UNKNOWN_CODE = "unknown"

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshAddress:
    """Where a mailbox is and what opens it: both secrets, and the certificate that is shown over TLS."""

    url: str
    mailbox: str
    password: str = field(repr=False)
    shared_key: str = field(repr=False)
    ca_file: Path | None = None
    certificate: tuple[Path, Path] | None = None


class MeshMailbox:
    """
    One mailbox; `page` is how many messages are listed at once.

    `bytes_max` is the most that is read of a message, `copied_bytes_max` the most that is copied.
    """

    def __init__(
        self,
        address: MeshAddress,
        *,
        bytes_max: int = BYTES_MAX,
        copied_bytes_max: int = COPIED_BYTES_MAX,
        seconds: float = SECONDS,
        page: int = PAGE,
    ) -> None:
        """Open nothing yet; whoever made the address has tried its files."""
        certificate = address.certificate
        self._client = _Client(
            address.url,
            address.mailbox,
            address.password,
            shared_key=address.shared_key.encode(),
            cert=None if certificate is None else (str(certificate[0]), str(certificate[1])),
            verify=None if address.ca_file is None else str(address.ca_file),
            max_chunk_size=_CHUNK_BYTES,
            max_retries=0,  # who calls tries again, knowing what it may have sent
            timeout=seconds,
        )
        self._bytes_max = bytes_max
        self._copied_bytes_max = copied_bytes_max
        self._page = page
        self._turn = asyncio.Lock()

    async def waiting(self) -> Sequence[str]:
        """Return the ids of messages that have not been acknowledged, the oldest first, 10,000 at most."""
        return await self._call(
            lambda: list(islice(self._client.iterate_message_ids(batch_size=self._page), _WAITING_MAX))
        )

    async def read(self, message_id: str, *, heading_of: Collection[str] = ()) -> Incoming | None:
        """Return a message, of some workflows without its content; None for one that is gone."""
        return await self._call(lambda: self._read(message_id, heading_of), gone=None)

    async def copy(self, message_id: str, write: Callable[[bytes], None]) -> None:
        """Write the content of a message in pieces, in a thread; raise `MalformedMessage`."""
        await self._call(lambda: self._copy(message_id, write))

    async def acknowledge(self, message_id: str) -> None:
        """Have the exchange forget a message; one that is gone may be acknowledged again."""
        await self._call(lambda: self._client.acknowledge_message(message_id), gone=None)

    async def send(self, message: Outgoing) -> str:
        """Return the id of a message that the exchange took; raise `MessageRefused` where it does not."""
        return await self._call(
            lambda: self._client.send_message(
                message.mailbox, message.body, workflow_id=message.workflow, local_id=message.local_id
            )
        )

    async def sent(self, local_id: str) -> str | None:
        """Return the id of a message of ours under this local id, None for none, empty for several."""
        return await self._call(lambda: self._client.took(local_id), gone=None)

    async def whereabouts(self, message_id: str) -> Whereabouts:
        """Return how a message that we sent stands."""
        status = await self._call(lambda: self._client.track_message(message_id)["status"], gone=None)
        return _WHEREABOUTS.get((status or "").lower(), Whereabouts.LOST)

    async def close(self) -> None:
        """Give the connections back."""
        async with self._turn:
            await asyncio.to_thread(self._client.close)

    async def _call(self, call: Callable[[], _T], **otherwise: _T) -> _T:
        """Return what a call returns, made in a thread; `gone` instead for what is not there."""
        async with self._turn:
            try:
                return await asyncio.to_thread(call)
            except BrokerError:
                raise
            except MeshError as error:
                refused: Exception = MessageRefused(_code_of(error))
            except HTTPError as error:
                status = None if error.response is None else error.response.status_code
                if status in _GONE and "gone" in otherwise:
                    return otherwise["gone"]
                refused = MailboxUnavailable(f"the message exchange answers with status {status}")
            except Exception as error:  # noqa: BLE001 - what the client makes of an odd answer ends no role
                refused = MailboxUnavailable(f"the message exchange cannot be used: {type(error).__name__}")
        raise refused  # outside the handlers: the words of the client may repeat what it was sent

    def _read(self, message_id: str, heading_of: Collection[str]) -> Incoming:
        """Return a message, in a thread."""
        message: Any = self._client.retrieve_message(message_id)
        try:
            said = dict(message.mex_headers())
            report = None
            if said.get("messagetype", "").upper() == "REPORT":
                report = Report(code=said.get("statuscode", ""), local_id=message.local_id)
            body, trouble = bytearray(), None
            if report is None and message.workflow_id not in heading_of:
                trouble = _unpacked(message, body.extend, self._bytes_max)
        finally:
            message.close()
        return Incoming(
            message_id=message_id,
            sender=message.sender or "",
            workflow=message.workflow_id or "",
            body=b"" if trouble else bytes(body),
            report=report,
            trouble=trouble,
        )

    def _copy(self, message_id: str, write: Callable[[bytes], None]) -> None:
        """Write the content of a message, in a thread."""
        message: Any = self._client.retrieve_message(message_id)
        try:
            trouble = _unpacked(message, write, self._copied_bytes_max)
        finally:
            message.close()
        if trouble is not None:
            raise MalformedMessage(trouble.value)


def _unpacked(message: Any, write: Callable[[bytes], object], most: int) -> Trouble | None:
    """Write what a message holds, so many bytes at most; return what keeps it from us."""
    left = most
    try:
        for piece in _pieces(message):
            left -= len(piece)
            if left < 0:
                return Trouble.TOO_LARGE
            write(piece)
    except (zlib.error, EOFError, MalformedMessage):
        return Trouble.UNREADABLE
    return None


def _pieces(message: Any) -> Iterator[bytes]:
    """Yield what a message holds; raise `EOFError` where what was packed is cut short."""
    head = message.read(_READ_BYTES)
    if not (message.compressed and head.startswith(_GZIP)):
        while head:
            yield head
            head = message.read(_READ_BYTES)
        return
    unpacking = Gunzip()
    while head:
        yield from unpacking.pieces(head)
        head = message.read(_READ_BYTES)
    if not unpacking.whole:
        raise EOFError


class _Client(MeshClient):
    """The published client, which can ask by our own id as well, and tells a refusal from a closed door."""

    def send_chunk(self, *args: Any, **said: Any) -> Any:
        """Return the answer to a piece of a message; raise `HTTPError` for one that is not about it."""
        answer = super().send_chunk(*args, **said)
        if answer.status_code not in _ABOUT_THE_MESSAGE:
            raise HTTPError(response=answer)
        return answer

    def took(self, local_id: str) -> str:
        """Return the id of the message under a local id, empty for several; raise `HTTPError` for none."""
        several = 300
        where = f"{self.mailbox_url}/outbox/tracking/{quote(local_id)}"
        answer = self._session.get(where, timeout=self._timeout, allow_redirects=False)
        if answer.status_code == several:
            return ""
        answer.raise_for_status()
        said = answer.json()
        return str(said.get("messageId") or said.get("message_id") or "")


def _code_of(error: MeshError) -> str:
    """Return the code with which the exchange refuses a message."""
    said: Any = error.args[1] if len(error.args) > 1 else {}
    if not isinstance(said, dict):
        return _UNKNOWN_CODE
    detail = said.get("detail")
    if isinstance(detail, list) and detail and isinstance(detail[0], dict):
        said = detail[0]
    code = str(said.get("code") or said.get("errorCode") or _UNKNOWN_CODE)
    return code if code.isalnum() else _UNKNOWN_CODE
