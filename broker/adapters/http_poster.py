"""
An endpoint of a provider that documents are posted to, over HTTP.

No redirect is followed, nothing of the answer is read but its status and `Retry-After`, and every wait has a
limit (peers.md 8.1).
"""

import ssl
from pathlib import Path

import aiohttp

from broker.core.delivery import Fault
from broker.delivery_ports import Posted
from broker.wire.http_times import retry_after

_TOTAL_SECONDS = 8.0  # less than what a destination is owned for


class HttpPoster:
    """
    Posts to one URL, under TLS as `tls` says.

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
    ) -> None:
        self._url = url
        self._content_type = content_type
        self._tls = tls
        self._token_file = token_file
        self._limit = aiohttp.ClientTimeout(total=total_seconds)

    async def post(self, body: bytes, *, request_id: str) -> Posted | Fault:
        """Return the answer's status within a time limit, or why there is none; no redirect is followed."""
        headers = {"Content-Type": self._content_type, "X-Request-ID": request_id}
        try:
            if self._token_file is not None:
                headers["Authorization"] = f"Bearer {self._token_file.read_text().strip()}"
            async with (
                aiohttp.ClientSession(timeout=self._limit) as session,
                session.post(
                    self._url,
                    data=body,
                    headers=headers,
                    allow_redirects=False,
                    ssl=self._tls if self._tls is not None else True,
                ) as answer,
            ):
                return Posted(
                    status=answer.status, retry_after_s=retry_after(answer.headers.get("Retry-After"))
                )
        except TimeoutError:
            return Fault.NO_ANSWER
        except (aiohttp.ClientSSLError, aiohttp.ClientConnectorCertificateError):
            return Fault.UNTRUSTED
        except aiohttp.ClientConnectorError:
            return Fault.AWAY
        except aiohttp.ClientError:
            return Fault.CUT_OFF
        except (OSError, ValueError):  # the token's file
            return Fault.NOT_ADMITTED
