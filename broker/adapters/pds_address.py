"""
Where a demographic source is, and who we are there.

Apart from what asks it: whoever reads the settings needs an address, and no client.
"""

import ssl
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

_AT_ONCE_MAX = 8  # of one caller: enough to keep the rate over a line of 100 ms, and others have room


@dataclass(frozen=True, slots=True, kw_only=True)
class PdsAddress:
    """
    Where a source is and who we are there.

    `organisation` is the ODS code of whom we ask for, where the source wants it. `per_second` is the rate
    that was agreed, `deadline_seconds` how long one question may take with everything that is tried again.
    """

    url: str
    token_url: str
    application_id: str
    key: RSAPrivateKey = field(repr=False)
    key_id: str
    organisation: str | None = None
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    per_second: float = 20.0
    deadline_seconds: float = 2.0

    @property
    def at_once(self) -> int:
        """How many questions may be under way together, so that none misses its deadline by waiting."""
        return max(1, min(_AT_ONCE_MAX, int(self.per_second * self.deadline_seconds / 2)))
