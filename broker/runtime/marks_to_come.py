"""The marks that an intake has put by: where they lie, how long, and who says them when they are due."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from random import SystemRandom
from secrets import token_hex

from broker.adapters.mark_file import MarkFile
from broker.core.errors import BrokerError
from broker.ports import Clock, FactLog
from broker.runtime.parts import Parts
from broker.runtime.settings import Settings
from broker.services.marks_to_come import MarksToCome

LOOK_EVERY_SECONDS = 20.0
_LATEST_SECONDS = (300.0, 3_600.0)  # what comes sooner may be told from what else comes in a quiet hour


def marks_to_come(settings: Settings, parts: Parts) -> MarksToCome:
    """Return what puts marks by in the data directory."""
    shelf = MarkFile(settings.data_dir / "marks", lambda: token_hex(8))
    return MarksToCome(shelf, parts.facts, parts.key, _by_chance)


def _by_chance() -> timedelta:
    """Return how long a mark is put by: from five minutes to an hour, as nobody can foresee."""
    return timedelta(seconds=SystemRandom().uniform(*_LATEST_SECONDS))


@dataclass(frozen=True, kw_only=True)
class MarkSayer:
    """Says the marks that are due, again and again."""

    marks: MarksToCome
    facts: FactLog
    clock: Clock

    async def run(self) -> None:
        """Look every 20 seconds, until cancelled; what cannot be said waits."""
        while True:
            with suppress(BrokerError, OSError):
                await self.marks.say(self.facts, self.clock())
            await asyncio.sleep(LOOK_EVERY_SECONDS)
