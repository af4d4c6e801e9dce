"""
What an authority fetches over HTTP of its plans: the file to be laid beside its own list (CSV; C8 to C10).

Who asks is known by certificate or token, and has its own rows alone. It is told in a header how many of its
plans are left out because of who may not see them (rulings 24, 48). That it asked is in the audit trail
before anything is read.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

from broker.core.door_errors import RequestRefused
from broker.core.errors import BrokerError
from broker.core.identifiers import OdsCode
from broker.core.operators import Grounds
from broker.core.senders import Senders
from broker.core.upload_errors import AuthorityUnknown
from broker.services.reconciliation import Reconciled
from broker.wire.http import HttpAnswer, HttpRequest, Operation
from broker.wire.problem import PROBLEM, problem, refusing
from broker.wire.reconciliation import write_reconciliation

PATH: Final = "/la/v1/feed/reconciliation"
RETRY_AFTER_SECONDS: Final = 60
CSV: Final = "text/csv"
WITHHELD: Final = "X-Plans-Withheld"
"""Header: how many plans are left out, of restricted records and of those that somebody must not see."""
UNREADABLE: Final = "X-Records-Unreadable"
"""Header: how many records could not be read, whosever they are; a plan may be missing for each."""

GROUNDS: Final = Grounds(
    by="an authority, over HTTP", reason="an authority fetched the file of its own plans"
)
"""What the audit trail says: which authority's plans they are stands beside it."""

Reconcile = Callable[[frozenset[OdsCode]], Coroutine[Any, Any, Reconciled]]
"""Returns authorities' plans, having noted it first; raises `BrokerError` where it cannot."""


class ReconciliationDoor:
    """The operation of the door: one file at a time is made, whoever asks."""

    def __init__(self, senders: Senders, reconcile: Reconcile) -> None:
        """Take who is who, and what reads."""
        self._senders = senders
        self._reconcile = reconcile
        self._making = asyncio.Lock()

    def operations(self) -> tuple[Operation, ...]:
        """Return everything that can be asked."""
        return (
            Operation(
                method="GET",
                path=PATH,
                name="reconciliation",
                summary="Fetch your plans as we hold them",
                meaning="A table of the plans of each authority that whoever asks may act for, with what is "
                f"wrong and what to do. `{WITHHELD}` counts those that are left out, of restricted records "
                "above all: that a child is not in it says nothing.",
                handle=self._fetch,
                refuse=refusing(RETRY_AFTER_SECONDS),
                statuses={
                    200: "The table.",
                    401: "Neither certificate nor token of a local authority was shown.",
                    406: "The answer is not to be had in that form.",
                    429: "One is being made: ask again after `Retry-After`.",
                    503: "It cannot be read, or noted, now: ask again after the time in `Retry-After`.",
                },
                gives=(CSV, PROBLEM),
            ),
        )

    async def _fetch(self, request: HttpRequest) -> HttpAnswer:
        """Return the plans of whoever asks; an error is never shown as a table without a child."""
        own = self._senders.authorities_of(request.peer)
        if not own:
            return problem(AuthorityUnknown(), 401)
        if self._making.locked():
            busy = RequestRefused(429, "a table is being made")
            return problem(busy, busy.status, retry_after=RETRY_AFTER_SECONDS)
        try:
            async with self._making:
                found = await self._reconcile(own)
        except BrokerError as error:
            return problem(error, 503, retry_after=RETRY_AFTER_SECONDS)
        counts = {WITHHELD: str(found.withheld), UNREADABLE: str(found.unreadable)}
        return HttpAnswer(
            status=200,
            body=write_reconciliation(found.rows).encode(),
            content_type=CSV,
            headers={**counts, "Cache-Control": "no-store"},
        )
