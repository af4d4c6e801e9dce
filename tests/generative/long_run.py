"""
`make oracle`: the core against the oracle over as many generated sequences of facts as wanted.

Most are stories told in different orders, split by restarts; others are lives that are destroyed as time
passes, and stories amid which the rules change. Ends with status 1, and what is needed to see it again, at
the first sequence that differs.
"""

import argparse
import multiprocessing
import os
import random
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from enum import StrEnum
from itertools import count, islice
from pprint import pformat
from time import monotonic

from broker.core.alerts import Why
from tests.generative.lives import TELLINGS, life, retelling
from tests.generative.living import Happening, check_life, check_retold
from tests.generative.picking import Chance, Picking
from tests.generative.releases import Outcome, check_played, playing

SEQUENCES = 200_000
PROCESSES = 2
EXAMPLES_PER_CHUNK = 500
_SAY_EVERY_S = 10.0

FACTS = ("PlanFact", "VisitMessage", "VisitLeft", "Access", "IdentityNotice")
"""Kinds of facts as a run counts them."""


class Sort(StrEnum):
    """What a chunk is made of."""

    STORIES = "retelling"
    LIVES = "life"
    RELEASES = "playing"


_ELSEWHERE = frozenset({Why.NEWER_RULES, Why.NUMBER_NOT_IN_USE})
"""No decision of `decide` alone: an outcome of releases has the one, test_successions.py the other."""

_SORTS = (Sort.STORIES, Sort.LIVES, Sort.STORIES, Sort.RELEASES)
"""In turn; a chunk of stories is four times as many sequences."""


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """Some sequences of one sort, found again by their seed."""

    seed: int
    examples: int
    sort: Sort

    @property
    def sequences(self) -> int:
        """How many sequences it makes: a story is told more than once."""
        return self.examples * TELLINGS if self.sort is Sort.STORIES else self.examples


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What a chunk came to: what was generated, how often; `failure` tells of the first that failed."""

    chunk: Chunk
    seen: Counter[str]
    failure: str | None


def chunks(first_seed: int, sequences: int) -> Iterator[Chunk]:
    """Yield the chunks of a run, the sorts in turn, with seeds one after the other."""
    for place in count(first_seed):
        if sequences <= 0:
            return
        chunk = Chunk(seed=place, examples=EXAMPLES_PER_CHUNK, sort=_SORTS[place % len(_SORTS)])
        yield chunk
        sequences -= chunk.sequences


def run_chunk(chunk: Chunk) -> Ran:
    """Make and check the sequences of a chunk; stop at the first that fails."""
    seen: Counter[str] = Counter()
    for place in range(chunk.examples):
        pick = Chance(f"{chunk.seed}-{place}")
        try:
            seen.update(_CHECKED[chunk.sort](pick))
        except Exception:  # noqa: BLE001 – whatever it is, it is shown
            made = _MADE[chunk.sort](Chance(f"{chunk.seed}-{place}"))
            return Ran(chunk=chunk, seen=seen, failure=f"{traceback.format_exc()}\n{pformat(made)}")
    return Ran(chunk=chunk, seen=seen, failure=None)


def _stories(pick: Picking) -> Iterator[str]:
    """Check a story in some tellings; yield what there was, once for each time."""
    told = retelling(pick)
    yield from ["sequences"] * len(told.tellings)
    yield from (type(fact).__name__ for telling in told.tellings for fact in telling.facts)
    yield from check_retold(told).whys.values()


def _lives(pick: Picking) -> Iterator[str]:
    """Check a life; yield what there was."""
    lived = life(pick)
    yield "sequences"
    yield from (type(step.fact).__name__ for step in lived.taken if step.fact)
    yield from check_life(lived)


def _releases(pick: Picking) -> Iterator[str]:
    """Check a story amid which the rules change; yield what there was."""
    one = playing(pick)
    yield "sequences"
    yield from (type(fact).__name__ for fact in one.facts)
    yield from check_played(one)


_CHECKED: Mapping[Sort, Callable[[Picking], Iterator[str]]] = {
    Sort.STORIES: _stories,
    Sort.LIVES: _lives,
    Sort.RELEASES: _releases,
}
_MADE: Mapping[Sort, Callable[[Picking], object]] = {
    Sort.STORIES: retelling,
    Sort.LIVES: life,
    Sort.RELEASES: playing,
}


def run(sequences: int, processes: int, first_seed: int) -> int:
    """Run everything and say how it goes; return the exit status."""
    began = said_at = monotonic()
    seen: Counter[str] = Counter()
    left = chunks(first_seed, sequences)
    print(f"{sequences:,} sequences, {processes} processes, seeds from {first_seed}", flush=True)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        running = {pool.submit(run_chunk, chunk) for chunk in islice(left, processes)}
        while running:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for ran in map(Future.result, done):
                seen += ran.seen
                if ran.failure is not None:
                    _show(ran)
                    pool.shutdown(cancel_futures=True)
                    return 1
            running |= {pool.submit(run_chunk, chunk) for chunk in islice(left, len(done))}
            if monotonic() - said_at >= _SAY_EVERY_S or not running:
                said_at = monotonic()
                rate = seen["sequences"] / (said_at - began)
                print(f"{seen['sequences']:>9,} agree   {rate:6.0f} a second", flush=True)
    return _summary(seen, sequences)


def _show(ran: Ran) -> None:
    """Print a failure, the facts that failed, and how to see it again."""
    print(ran.failure)
    print(
        f"python -m tests.generative.long_run --seed {ran.chunk.seed} --sequences 1 makes it once more; "
        f"a test of {ran.chunk.sort} may find a smaller one"
    )


def _summary(seen: Counter[str], sequences: int) -> int:
    """Print how often everything occurred; status 1 when a long run lacks something."""
    wanted = [*FACTS, *(why for why in Why if why not in _ELSEWHERE), *Happening, *Outcome]
    for name in wanted:
        print(f"{seen[name]:>9,}  {name}")
    missing = [name for name in wanted if not seen[name]]
    if missing and sequences >= SEQUENCES:
        print(f"never generated: {', '.join(missing)}")
        return 1
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    wanted = int(os.environ.get("CPIS_SEQUENCES", SEQUENCES))
    parser.add_argument("--sequences", type=int, default=wanted, help="how many; also CPIS_SEQUENCES")
    parser.add_argument("--processes", type=int, default=PROCESSES)
    parser.add_argument(
        "--seed", type=int, default=random.SystemRandom().randrange(10**9), help="of the first"
    )
    arguments = parser.parse_args()
    sys.exit(run(arguments.sequences, arguments.processes, arguments.seed))
