"""Who the simulator lets in: a signed statement is good once, the token that it gives for a while."""

import secrets
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from broker.adapters.signed_jwt import read_jwt
from broker.core.errors import MalformedMessage

STATEMENT_MAX = timedelta(minutes=5)
"""How far ahead a statement may end (peers.md 8.4)."""
_SKEW = timedelta(seconds=10)


class Access:
    """
    The keys of one application, by their ids, and the tokens that are good.

    A statement must be the application's own, for this `audience`, end within five minutes, and not have been
    shown before.
    """

    def __init__(
        self,
        application_id: str,
        keys: Mapping[str, RSAPublicKey],
        *,
        clock: Callable[[], datetime],
        token_seconds: int,
    ) -> None:
        """Let nobody in yet."""
        self._application = application_id
        self._keys = keys
        self._clock = clock
        self._seconds = token_seconds
        self._shown: set[str] = set()
        self._tokens: dict[str, datetime] = {}

    def admit(self, statement: str, audience: str) -> str | None:
        """Return a new token for a statement, None where it is not good."""
        try:
            claims = read_jwt(statement, keys=self._keys)
        except MalformedMessage:
            return None
        now, once, ends = self._clock(), claims.get("jti"), claims.get("exp")
        good = (
            claims.get("iss") == claims.get("sub") == self._application
            and claims.get("aud") == audience
            and isinstance(ends, int)
            and now - _SKEW < datetime.fromtimestamp(ends, now.tzinfo) <= now + STATEMENT_MAX + _SKEW
            and isinstance(once, str)
            and once not in self._shown
        )
        if not good:
            return None
        self._shown.add(str(once))
        token = secrets.token_urlsafe(24)
        self._tokens[token] = now + timedelta(seconds=self._seconds)
        return token

    def is_in(self, token: str) -> bool:
        """Whether a token is good."""
        ends = self._tokens.get(token)
        return ends is not None and self._clock() < ends

    def forget(self) -> None:
        """Take back every token, as if their time were over."""
        self._tokens.clear()
