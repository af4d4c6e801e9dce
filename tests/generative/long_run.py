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
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from enum import StrEnum
from itertools import count, islice
from time import monotonic

from hypothesis import HealthCheck, Phase, given, seed, settings

from broker.core.alerts import Why
from tests.generative.lives import TELLINGS, Life, Retold, lives, retold
from tests.generative.living import Happening, check_life, check_retold
from tests.generative.releases import Outcome, Played, check_played, played

SEQUENCES = 200_000
PROCESSES = 2
EXAMPLES_PER_CHUNK = 500  # what one search of hypothesis makes
_SAY_EVERY_S = 10.0

FACTS = ("PlanFact", "VisitMessage", "VisitLeft", "Access", "IdentityNotice")
"""Kinds of facts as a run counts them."""


class Sort(StrEnum):
    """What a chunk is made of."""

    STORIES = "retold()"
    LIVES = "lives()"
    RELEASES = "played()"


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
    """Generate and check the sequences of a chunk; stop at the first that fails."""
    seen: Counter[str] = Counter()

    @seed(chunk.seed)
    @_generated(chunk)
    @given(retold())
    def stories_agree(told: Retold) -> None:
        seen.update(type(fact).__name__ for telling in told.tellings for fact in telling.facts)
        seen["sequences"] += len(told.tellings)
        seen.update(check_retold(told).whys.values())

    @seed(chunk.seed)
    @_generated(chunk)
    @given(lives())
    def lives_agree(life: Life) -> None:
        seen.update(["sequences", *(type(step.fact).__name__ for step in life.taken if step.fact)])
        seen.update(check_life(life))

    @seed(chunk.seed)
    @_generated(chunk)
    @given(played())
    def releases_agree(one: Played) -> None:
        seen.update(["sequences", *(type(fact).__name__ for fact in one.facts)])
        seen.update(check_played(one))

    agree = {Sort.STORIES: stories_agree, Sort.LIVES: lives_agree, Sort.RELEASES: releases_agree}
    try:
        agree[chunk.sort]()
    except Exception:  # noqa: BLE001 – whatever it is, it is shown
        return Ran(chunk=chunk, seen=seen, failure=traceback.format_exc())
    return Ran(chunk=chunk, seen=seen, failure=None)


def _generated(chunk: Chunk) -> settings:
    """Return the settings of a chunk: nothing is remembered, nothing made smaller, everything shown."""
    return settings(
        deadline=None,
        max_examples=chunk.examples,
        database=None,
        phases=[Phase.generate],
        print_blob=True,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )


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
    """Print a failure, and how to see it again."""
    chunk = ran.chunk
    print(ran.failure)
    print(
        f"python -m tests.generative.long_run --seed {chunk.seed} --sequences 1 "
        "makes it once more,\n"
        "or put the line @reproduce_failure above, and the facts shown, into a test of "
        f"{chunk.sort}"
    )


def _summary(seen: Counter[str], sequences: int) -> int:
    """Print how often everything occurred; status 1 when a long run lacks something."""
    wanted = [*FACTS, *(why for why in Why if why is not Why.NEWER_RULES), *Happening, *Outcome]
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
