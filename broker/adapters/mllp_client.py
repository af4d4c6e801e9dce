"""
A line to a receiver of HL7 v2 messages over MLLP: one message, then its answer, then the next.

Every wait has a limit. After a time limit, a broken connection or an answer that is none the connection is
dropped: what comes late is never taken for another's answer (peers.md 3.2, complaints 1 and 14).
"""

import asyncio
import contextlib
import socket
import ssl
from dataclasses import dataclass

from broker.core.delivery import Fault
from broker.wire.mllp import NEED_DATA, Frame, Framer, frame

_READ_BYTES = 4_096
_ANSWER_BYTES_MAX = 65_536  # an acknowledgement has some hundred bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How many seconds each step may take; together less than what a destination is owned for."""

    connect_seconds: float = 3.0
    answer_seconds: float = 5.0
    close_seconds: float = 1.0


class MllpLine:
    """A line to one address, under TLS where `tls` says how; connects by itself, one caller at a time."""

    def __init__(
        self, host: str, port: int, *, tls: ssl.SSLContext | None = None, patience: Patience | None = None
    ) -> None:
        self._host, self._port, self._tls = host, port, tls
        self._patience = patience or Patience()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def exchange(self, message: bytes) -> bytes | Fault:
        """Return the answer to a message within a time limit, or why there is none; then it is dropped."""
        opened = await self._open()
        if isinstance(opened, Fault):
            return opened
        try:
            async with asyncio.timeout(self._patience.answer_seconds):
                answer = await _exchange(*opened, frame(message))
        except TimeoutError:
            answer = Fault.NO_ANSWER
        except ssl.SSLEOFError:
            answer = Fault.CUT_OFF
        except ssl.SSLError:  # TLS 1.3 tells behind the handshake that a certificate is missing
            answer = Fault.UNTRUSTED
        except OSError:
            answer = Fault.CUT_OFF
        if isinstance(answer, Fault):
            await self.drop()
        return answer

    async def drop(self) -> None:
        """Close the connection: what still comes on it belongs to nothing."""
        if self._streams is None:
            return
        writer, self._streams = self._streams[1], None
        writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(self._patience.close_seconds):
                await writer.wait_closed()

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | Fault:
        """Return the open connection, a new one where the receiver has closed the last."""
        if self._streams is not None and self._streams[0].at_eof():
            await self.drop()
        if self._streams is None:
            try:
                async with asyncio.timeout(self._patience.connect_seconds):
                    opened = await asyncio.open_connection(self._host, self._port, ssl=self._tls)
            except ssl.SSLError:
                return Fault.UNTRUSTED
            except (OSError, TimeoutError):
                return Fault.AWAY
            opened[1].get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            self._streams = opened
        return self._streams


async def _exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, framed: bytes
) -> bytes | Fault:
    """Write a frame and return what stands in the next one, or why none came."""
    writer.write(framed)
    await writer.drain()
    framer = Framer(frame_bytes_max=_ANSWER_BYTES_MAX)
    while True:
        event = framer.next_event()
        if isinstance(event, Frame):
            return event.data
        if event is not NEED_DATA:
            return Fault.ANSWER_UNREADABLE
        data = await reader.read(_READ_BYTES)
        if not data:
            return Fault.CUT_OFF
        framer.receive_data(data)
