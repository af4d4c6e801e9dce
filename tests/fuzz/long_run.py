"""
`make fuzz`: a million mutated frames, messages, bundles and files through `wire`, with only what is declared.

Prints how often each outcome occurred. Ends with status 1 at the first mutant of which something else came,
and keeps it in the folder that every later run begins with (`tests/fixtures/fuzz`).
"""

import argparse
import hashlib
import multiprocessing
import os
import random
import sys
import traceback
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from itertools import islice

from tests.fuzz.mutating import mutants
from tests.fuzz.targets import CORPUS, TARGETS, seeds

MUTANTS = 1_000_000
PROCESSES = 2
_PER_CHUNK = 10_000
_LETTERS = 16


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """Some mutants of one target, found again by their seed."""

    target: str
    seed: int
    mutants: int


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What a chunk came to; `culprit` is the mutant of which something undeclared came, `failure` what."""

    target: str
    outcomes: Counter[str]
    culprit: bytes = b""
    failure: str | None = None


def run_chunk(chunk: Chunk) -> Ran:
    """Read the mutants of a chunk; stop at the first of which something undeclared comes."""
    outcomes: Counter[str] = Counter()
    for data in islice(mutants(seeds(chunk.target), chunk.seed), chunk.mutants):
        try:
            outcomes[TARGETS[chunk.target](data)] += 1
        except Exception:  # noqa: BLE001 – whatever it is, it is shown
            return Ran(target=chunk.target, outcomes=outcomes, culprit=data, failure=traceback.format_exc())
    return Ran(target=chunk.target, outcomes=outcomes)


def chunks(total: int, seed: int) -> Sequence[Chunk]:
    """Return chunks of so many mutants in all, the targets in turn."""
    names = list(TARGETS)
    sizes = [min(_PER_CHUNK, total - start) for start in range(0, total, _PER_CHUNK)]
    return [
        Chunk(target=names[place % len(names)], seed=seed + place, mutants=size)
        for place, size in enumerate(sizes)
    ]


def run(total: int, processes: int, seed: int) -> int:
    """Run everything and say how it went; return the exit status."""
    print(f"{total:,} mutants, {processes} processes, seeds from {seed}", flush=True)
    outcomes: Counter[tuple[str, str]] = Counter()
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        for done in as_completed([pool.submit(run_chunk, chunk) for chunk in chunks(total, seed)]):
            ran = done.result()
            outcomes.update({(ran.target, outcome): count for outcome, count in ran.outcomes.items()})
            if ran.failure is not None:
                pool.shutdown(cancel_futures=True)
                return _keep(ran)
    for (target, outcome), count in sorted(outcomes.items()):
        print(f"{count:>9,}  {target}: {outcome}")
    print(f"{outcomes.total():,} mutants, and of each only what is declared")
    return 0


def _keep(ran: Ran) -> int:
    """Show a fault and keep its mutant; return the exit status."""
    name = hashlib.sha256(ran.culprit).hexdigest()[:_LETTERS]
    (CORPUS / ran.target).mkdir(parents=True, exist_ok=True)
    (CORPUS / ran.target / name).write_bytes(ran.culprit)
    print(f"{ran.failure}\nkept in tests/fixtures/fuzz/{ran.target}/{name}, which the tests read from now on")
    return 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    wanted = int(os.environ.get("CPIS_MUTANTS", MUTANTS))
    parser.add_argument("--mutants", type=int, default=wanted, help="how many; also CPIS_MUTANTS")
    parser.add_argument("--processes", type=int, default=PROCESSES)
    parser.add_argument(
        "--seed", type=int, default=random.SystemRandom().randrange(10**9), help="of the first"
    )
    arguments = parser.parse_args()
    sys.exit(run(arguments.mutants, arguments.processes, arguments.seed))
