"""
`python -m tests.bench.trace`: a batch trace of 10,000 synthetic people of known truth, over HTTP.

Prints the share whose number is known afterwards, the share that is for a person, and wrong matches, of
which there may be none.
"""

import asyncio
import sys
from collections import Counter
from time import monotonic

from broker.adapters.pds_fhir import PdsFhir
from broker.adapters.pds_simulator.people import population
from broker.services.batch_trace import SETTLED, TraceOutcome, trace_all
from tests.builders.pds import AT, simulating
from tests.builders.truth import asked_about

_PER_SECOND = 2_000  # what the simulator bears


def main(count: int = 10_000) -> int:
    """Trace everybody, print the figures, and return the number of wrong matches."""
    people = population(seed=2026, count=count)
    asked = list(asked_about(people, seed=11))
    outcomes: Counter[TraceOutcome] = Counter()
    wrong = 0

    async def scenario() -> None:
        """Ask a simulator that runs in a thread of its own."""
        nonlocal wrong
        address = service.address(per_second=_PER_SECOND, deadline_seconds=30.0)
        source, truths = PdsFhir(address, clock=lambda: AT), iter(asked)
        try:
            async for _, found in trace_all(source, (one.row for one in asked), at_once=8):
                outcomes[found.outcome] += 1
                wrong += found.number not in {None, next(truths).truth}
        finally:
            await source.close()

    began = monotonic()
    with simulating(people) as service:
        asyncio.run(scenario())
    took = monotonic() - began
    settled = sum(outcomes[one] for one in SETTLED)
    print(f"{len(asked)} people in {took:.0f} s, {len(asked) / took:,.0f} a second")
    for outcome in TraceOutcome:
        print(f"{outcome.value:<24}{outcomes[outcome] / len(asked):>8.1%}")
    print(f"number known now        {settled / len(asked):>8.1%}")
    print(f"for a person            {1 - settled / len(asked):>8.1%}")
    print(f"wrong matches           {wrong:>8}")
    return wrong


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
