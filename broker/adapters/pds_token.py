"""
The access token of a demographic source: had for a signed statement of who we are, and kept while it is good.

OAuth 2 client credentials with a JWT that lives five minutes at most and is used once (peers.md 8.4).
"""

import asyncio
import time
import uuid
from collections.abc import Callable
from http import HTTPStatus

from broker.adapters.pds_address import PdsAddress
from broker.adapters.pds_http import PdsHttp, Unanswered
from broker.adapters.signed_jwt import sign_jwt
from broker.core.errors import MalformedMessage
from broker.core.source_pace import Trouble
from broker.ports import Clock
from broker.wire.pds import read_token

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

_STATEMENT_SECONDS = 240  # within the five minutes that are allowed, by clocks that differ by one
_RENEWED_BEFORE_SECONDS = 30.0  # a question under way must not meet the end of its token
_OUR_FAULT = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


class PdsTokens:
    """Gets tokens for `address`; several questions at once wait for one and the same."""

    def __init__(
        self,
        address: PdsAddress,
        http: PdsHttp,
        *,
        clock: Clock,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        """Ask for nothing yet; `steady` counts seconds, whatever is done to the clock."""
        self._address = address
        self._http = http
        self._clock = clock
        self._steady = steady
        self._lock = asyncio.Lock()
        self._token = ""
        self._good_until = 0.0

    async def token(self, seconds: float) -> str:
        """Return a token that is good for a while yet, within so many seconds; raise `Unanswered`."""
        if self._is_good():
            return self._token
        try:
            async with asyncio.timeout(seconds), self._lock:
                if not self._is_good():
                    await self._renew(seconds)
                return self._token
        except TimeoutError:
            raise Unanswered(Trouble.NO_ANSWER) from None

    def _is_good(self) -> bool:
        """Whether there is a token that is good for a while yet."""
        return bool(self._token) and self._steady() < self._good_until

    def refused(self, token: str) -> None:
        """Forget a token that the source does not take any more, unless there is a newer one."""
        if token == self._token:
            self._token = ""

    async def _renew(self, seconds: float) -> None:
        """Ask for a token."""
        begun = self._steady()
        answered = await self._http.request(
            "POST",
            self._address.token_url,
            seconds=seconds,
            form={
                "grant_type": "client_credentials",
                "client_assertion_type": ASSERTION_TYPE,
                "client_assertion": self._statement(),
            },
        )
        if answered.reply.status in _OUR_FAULT:
            raise Unanswered(Trouble.NOT_ADMITTED)
        try:
            token, good_for = read_token(answered.reply)
        except MalformedMessage:
            raise Unanswered(Trouble.FAILS, answered.wait) from None
        self._token = token
        self._good_until = begun + max(good_for - _RENEWED_BEFORE_SECONDS, good_for / 2)

    def _statement(self) -> str:
        """Return who we are, signed, for this one use."""
        address = self._address
        claims = {
            "iss": address.application_id,
            "sub": address.application_id,
            "aud": address.token_url,
            "jti": str(uuid.uuid4()),
            "exp": int(self._clock().timestamp()) + _STATEMENT_SECONDS,
        }
        return sign_jwt(claims, key=address.key, key_id=address.key_id)
