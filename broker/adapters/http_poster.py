"""
An endpoint of a provider that documents are posted to, over HTTP.

No redirect is followed, what is read of an answer is bounded, and every wait has a limit (peers.md 8.1). A
connection serves many posts: to agree on TLS anew costs more than the post itself.
"""

import asyncio
import ssl
from contextlib import suppress
from pathlib import Path
from typing import Final

import aiohttp

from broker.core.delivery import Fault
from broker.delivery_ports import Posted
from broker.wire.http_times import retry_after

_TOTAL_SECONDS = 8.0  # less than what a destination is owned for
_LIFE_SECONDS: Final = 300.0
"""How long a connection is used: certificates are renewed, and names move to other addresses."""
_IDLE_SECONDS: Final = 15.0
"""How long it stands idle: less than most servers leave one open, so that they seldom close it on us."""
_BODY_BYTES_MAX: Final = 64 * 1024
"""So much of an answer is read: it may say no, and read whole its connection can serve again."""
_BODY_SECONDS: Final = 1.0


class HttpPoster:
    """
    Posts to one URL, under TLS as `tls` says; one caller at a time, who closes it at the end.

    `token_file` holds a bearer token, read anew each time: it may be renewed while we run.
    """

    def __init__(
        self,
        url: str,
        *,
        content_type: str,
        tls: ssl.SSLContext | None = None,
        token_file: Path | None = None,
        total_seconds: float = _TOTAL_SECONDS,
        life_seconds: float = _LIFE_SECONDS,
    ) -> None:
        self._url = url
        self._content_type = content_type
        self._tls = tls
        self._token_file = token_file
        self._total_seconds = total_seconds
        self._life_seconds = life_seconds
        self._session: aiohttp.ClientSession | None = None
        self._session_ends_at = 0.0

    async def post(self, body: bytes, *, request_id: str) -> Posted | Fault:
        """
        Return the answer's status within a time limit, or why there is none; no redirect is followed.

        A connection that the receiver has closed meanwhile is no failure: the document goes once more, by a
        new one. Its id says that it is the same, whatever had become of the first.
        """
        headers = {
            "Content-Type": self._content_type,
            "Accept": self._content_type,
            "X-Request-ID": request_id,
        }
        try:
            if self._token_file is not None:
                headers["Authorization"] = f"Bearer {self._token_file.read_text().strip()}"
            async with asyncio.timeout(self._total_seconds):
                if self._session is not None:
                    with suppress(aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
                        return await self._sent(body, headers)
                    await self.close()
                return await self._sent(body, headers)
        except TimeoutError:
            fault = Fault.NO_ANSWER
        except (aiohttp.ClientSSLError, aiohttp.ClientConnectorCertificateError):
            fault = Fault.UNTRUSTED
        except aiohttp.ClientConnectorError:
            fault = Fault.AWAY
        except aiohttp.ClientError:
            fault = Fault.CUT_OFF
        except (OSError, ValueError):  # the token's file
            fault = Fault.NOT_ADMITTED
        await self.close()
        return fault

    async def close(self) -> None:
        """Give the connection back; safe to call twice."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _sent(self, body: bytes, headers: dict[str, str]) -> Posted:
        """Return what the receiver said; raise as aiohttp does, and `TimeoutError`."""
        session = await self._opened()
        async with session.post(
            self._url,
            data=body,
            headers=headers,
            allow_redirects=False,
            ssl=self._tls if self._tls is not None else True,
        ) as answer:
            body = await _read(answer.content)
            return Posted(
                status=answer.status,
                retry_after_s=retry_after(answer.headers.get("Retry-After")),
                body=body,
            )

    async def _opened(self) -> aiohttp.ClientSession:
        """Return a session whose time is not over."""
        now = asyncio.get_running_loop().time()
        if self._session is not None and now >= self._session_ends_at:
            await self.close()
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=1, keepalive_timeout=_IDLE_SECONDS)
            self._session = aiohttp.ClientSession(
                connector=connector, timeout=aiohttp.ClientTimeout(total=None)
            )
            self._session_ends_at = now + self._life_seconds
        return self._session


async def _read(content: aiohttp.StreamReader) -> bytes:
    """Return an answer's body, or as much of it as comes in time and is read."""
    read = bytearray()
    with suppress(TimeoutError, aiohttp.ClientError):  # what is not read in time ends its connection
        async with asyncio.timeout(_BODY_SECONDS):
            while len(read) < _BODY_BYTES_MAX and (piece := await content.read(_BODY_BYTES_MAX - len(read))):
                read += piece
    return bytes(read)
