"""
One request to a demographic source over HTTP: sent, read as far as an answer may go, or failed for a reason.

No redirect is followed and no cookie kept. Nothing of what went wrong is repeated: an error of the library
holds the address, and a number stands in it.
"""

import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import aiohttp

from broker.core.source_pace import Trouble
from broker.wire.http_times import retry_after
from broker.wire.pds import Reply

_BODY_BYTES_MAX = 1_048_576  # a Patient has some 5 KB, and no search is answered with more than 50
_CHUNK_BYTES = 65_536
_CONNECTIONS_MAX = 16


class Unanswered(Exception):
    """A request has no answer: why, and for how many seconds the source asked to be left alone."""

    def __init__(self, trouble: Trouble, wait: float = 0) -> None:
        """Take a word of a closed set."""
        super().__init__(trouble.value)
        self.trouble = trouble
        self.wait = wait


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What came back: the reply, `Date`, and for how many seconds the source asked to be left alone."""

    reply: Reply
    date: str | None
    wait: float


class PdsHttp:
    """The connections to a source, made when they are first needed."""

    def __init__(self, tls: ssl.SSLContext | None) -> None:
        """Connect to nothing yet; `tls` is None for the system's trust."""
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Give the connections back; safe to call twice."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def request(
        self,
        method: str,
        url: str,
        *,
        seconds: float,
        params: Sequence[tuple[str, str]] = (),
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answered:
        """Send a request and return what came back within so many seconds; raise `Unanswered`."""
        try:
            async with self._opened().request(
                method,
                url,
                params=params,
                data=form,
                headers=headers,
                allow_redirects=False,
                ssl=self._tls if self._tls is not None else True,
                timeout=aiohttp.ClientTimeout(total=seconds),
            ) as answer:
                reply = Reply(
                    status=answer.status, content_type=answer.content_type.lower(), body=await _body(answer)
                )
                wait = retry_after(answer.headers.get("Retry-After")) or 0
                return Answered(reply=reply, date=answer.headers.get("Date"), wait=wait)
        except TimeoutError:
            raise Unanswered(Trouble.NO_ANSWER) from None
        except (aiohttp.ClientSSLError, aiohttp.ClientConnectorCertificateError):
            raise Unanswered(Trouble.UNTRUSTED) from None
        except aiohttp.ClientConnectorError:
            raise Unanswered(Trouble.AWAY) from None
        except (aiohttp.ClientError, OSError, ValueError):
            raise Unanswered(Trouble.CUT_OFF) from None

    def _opened(self) -> aiohttp.ClientSession:
        """Return the session, made where there is none."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=_CONNECTIONS_MAX),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"Accept-Encoding": "identity"},  # nothing that unpacks to more than it is
            )
        return self._session


async def _body(answer: aiohttp.ClientResponse) -> bytes:
    """Return the body; raise `Unanswered` where it has no end that we wait for."""
    chunks, size = [], 0
    async for chunk in answer.content.iter_chunked(_CHUNK_BYTES):
        size += len(chunk)
        if size > _BODY_BYTES_MAX:
            raise Unanswered(Trouble.UNREADABLE)
        chunks.append(chunk)
    return b"".join(chunks)
