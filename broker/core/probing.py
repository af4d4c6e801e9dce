"""
How far a synthetic visit came on its way from a hospital's connection to an alert, phase by phase. Ruling 27.

The canary's provider and authority are reserved for tests: nobody is woken by what they are told.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from broker.core.identifiers import NhsNumber

CANARY_NUMBER = NhsNumber("9990009996")
"""The canary's NHS number, of the range kept for tests."""
CANARY_FAMILY, CANARY_GIVEN, CANARY_BORN = "Probe", "Canary", date(2020, 1, 1)
"""Its details, which must stand on the canary authority's plan as well (ruling 20)."""
CANARY_SYSTEM = "CANARY"
"""The sending system that the canary's messages name in MSH-3, unless told otherwise."""


class Phase(StrEnum):
    """One step of the way; each needs the one before."""

    CONNECTED = "connected"
    ANSWERED = "answered AA"
    DURABLE = "in the log"
    PASSED = "passed by the matcher"
    TOLD = "alert on the provider's topic"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """
    What became of one phase.

    `seconds` are counted from the beginning of the probe, None where it was not reached. `words` say why not,
    or why nobody could look; `looked` is False for the latter, which is no failure by itself.
    """

    phase: Phase
    seconds: float | None = None
    words: str = ""
    looked: bool = True

    @property
    def failed(self) -> bool:
        """Whether the visit stopped here."""
        return self.seconds is None and self.looked


EXIT_CODES = {phase: code for code, phase in enumerate(Phase, start=3)}
"""What a program goes by: the exit code of a probe that stopped at a phase; 0 where it came through."""
UNSEEN_EXIT_CODE = max(EXIT_CODES.values()) + 1
"""The exit code of a probe that did not fail, and of which nobody could see whether it came through."""


def exit_code(steps: Sequence[Step]) -> int:
    """Return the exit code of a probe: by the first phase that failed, 0 where the end was seen."""
    for step in steps:
        if step.failed:
            return EXIT_CODES[step.phase]
        if step.phase is Phase.TOLD and not step.looked:
            return UNSEEN_EXIT_CODE
    return 0
