"""A client of the authorities' door: what a supplier's system does over HTTP, one request at a time."""

import io
import ipaddress
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

from broker.core.upload_errors import DoorUnreachable, TokenInClear

_TOTAL_SECONDS = 600.0  # 64 MB over a bad line


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer of a door."""

    status: int
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)


class LaClient:
    """
    Asks one door, with the bearer token in a file; `tls` says whom to trust, else the system does.

    Raises `TokenInClear` for an address to which a token would go unencrypted over a network.
    """

    def __init__(self, url: str, token_file: Path, tls: ssl.SSLContext | None = None) -> None:
        if not _is_private(url):
            raise TokenInClear
        self._url = url.rstrip("/")
        self._token_file = token_file
        self._tls = tls

    async def send(self, path: str, body: bytes, *, content_type: str, request_id: str) -> Reply:
        """Send a file; raise `DoorUnreachable`."""
        return await self._ask("POST", path, body, {"Content-Type": content_type, "X-Request-ID": request_id})

    async def fetch(self, path: str, *, accept: str) -> Reply:
        """Fetch what a path says; raise `DoorUnreachable`."""
        return await self._ask("GET", path, None, {"Accept": accept})

    async def _ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Reply:
        """Return the answer to one request; no redirect is followed, which would hand the token on."""
        try:
            token = self._token_file.read_text("utf-8").strip()
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_TOTAL_SECONDS)) as session,
                session.request(
                    method,
                    f"{self._url}{path}",
                    data=None if body is None else io.BytesIO(body),
                    headers={"Authorization": f"Bearer {token}", **headers},
                    allow_redirects=False,
                    ssl=True if self._tls is None else self._tls,
                ) as answer,
            ):
                return Reply(answer.status, await answer.read(), answer.headers)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise DoorUnreachable(f"the door does not answer: {type(error).__name__}") from error


def _is_private(url: str) -> bool:
    """Tell whether what goes to an address is encrypted, or never leaves this machine."""
    try:
        address = urlsplit(url)
        host = address.hostname or ""
    except ValueError:
        return False
    if address.scheme != "http" or host == "localhost":
        return address.scheme in {"https", "http"} and bool(host)
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
