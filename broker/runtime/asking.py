"""What intake asks a demographic source, where one is configured: in the background, for ever."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from broker.core.errors import KafkaUnavailable
from broker.ports import Clock, Demographics, FactLog, InputTail
from broker.runtime.parts import Parts
from broker.services.number_enquiries import NumberEnquiries
from broker.services.plans_held import Lend
from broker.services.tracing import ANSWER_SECONDS, Promote, Tracing, Untraced
from broker.services.verifying import Verifying

_ROUND_EVERY_SECONDS = 5.0  # a number change waits for the source, which is slower


async def _nothing() -> None:
    """Give nothing back: for a source without connections."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """
    A demographic source, and the notices that it is asked about, as `cpis.in.identity` has them.

    It may take `answer_seconds` for one answer, and be asked `at_once` so many questions of a file. `close`
    gives its connections back. Records that it refused are read from what `kept` lends, and asked about again
    `asked_again_every` so often; without it they are not.
    """

    demographics: Demographics
    notices: InputTail
    answer_seconds: float = ANSWER_SECONDS
    at_once: int = 1
    close: Callable[[], Awaitable[None]] = _nothing
    kept: Lend | None = None
    asked_again_every: timedelta = timedelta(hours=6)


def verifying(source: Source | None, parts: Parts) -> Verifying | None:
    """Return what compares the records of uploads with a source (R12), None without one."""
    if source is None:
        return None
    return Verifying(
        source.demographics,
        policy=parts.policy,
        key=parts.key,
        seconds=source.answer_seconds,
        at_once=source.at_once,
    )


class Asking:
    """Both questions to one source: whose a patient is (ruling 21), what became of a number (ruling 38)."""

    def __init__(
        self,
        source: Source,
        parts: Parts,
        facts: FactLog,
        *,
        clock: Clock,
        count: Callable[[str], None],
    ) -> None:
        """Ask nothing yet; answers go to `facts`."""
        self._tracing = Tracing(source.demographics, count=count, seconds=source.answer_seconds)
        self._enquiries = NumberEnquiries(
            source.demographics,
            source.notices,
            facts,
            codec=parts.facts,
            key=parts.key,
            clock=clock,
            count=count,
            seconds=source.answer_seconds,
        )
        self._close = source.close

    def offer(self, untraced: Untraced) -> None:
        """Let a message wait to be traced."""
        self._tracing.offer(untraced)

    async def trace(self, promote: Promote) -> None:
        """Trace one message after the other, until cancelled."""
        while True:
            await self._tracing.trace_next(promote)

    async def enquire(self) -> None:
        """Ask about numbers that changed, until cancelled."""
        while True:
            with suppress(KafkaUnavailable):
                await self._enquiries.go_round()
            await asyncio.sleep(_ROUND_EVERY_SECONDS)

    async def close(self) -> None:
        """Give the connections back."""
        await self._enquiries.close()
        await self._close()
