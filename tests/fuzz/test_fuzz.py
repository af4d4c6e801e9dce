"""Any bytes end in what is declared, and nothing else comes of them: mutants, and what a search once kept."""

from collections import Counter
from itertools import islice

import pytest

from tests.fuzz.long_run import MUTANTS, Chunk, chunks, run_chunk
from tests.fuzz.mutating import mutants
from tests.fuzz.targets import REFUSED, TARGETS, seeds

SHORT = {"frames": 1_000, "packets": 1_000, "messages": 1_500, "bundles": 800, "uploads": 500, "streams": 500}
"""How many mutants of each a run of the tests reads; `make fuzz` reads a million."""


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_kept_ends_in_what_is_declared(name: str) -> None:
    """The seeds are read, and what a search guided by coverage found worth keeping ends well."""
    outcomes = Counter(TARGETS[name](data) for data in seeds(name))

    assert outcomes.keys() - {REFUSED}


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_mutated_ends_in_what_is_declared(name: str) -> None:
    """Whatever is cut, repeated, moved and replaced; some of it is read, and some refused or held back."""
    ran = run_chunk(Chunk(target=name, seed=1, mutants=SHORT[name]))

    assert ran.failure is None, (ran.failure, ran.culprit)
    assert SHORT[name] == ran.outcomes.total()
    assert len(ran.outcomes) > 1


def test_mutants_are_the_same_for_the_same_seed_and_others_for_another() -> None:
    """So that a fault can be made once more."""
    one, again, other = (list(islice(mutants([b"a message"], seed), 50)) for seed in (1, 1, 2))

    assert one == again
    assert one != other


def test_a_fault_is_found_and_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that falls over some bytes is not taken for one that declares it."""

    def falls_over(data: bytes) -> str:
        """Fall over what holds no letter."""
        return {True: REFUSED}[b"MSH" in data]

    monkeypatch.setitem(TARGETS, "messages", falls_over)
    ran = run_chunk(Chunk(target="messages", seed=1, mutants=2_000))

    assert ran.failure is not None
    assert "KeyError" in ran.failure
    assert b"MSH" not in ran.culprit


def test_a_long_run_reads_as_many_as_wanted_of_every_target() -> None:
    """A million, each with seeds of its own."""
    planned = chunks(MUTANTS, seed=7)

    assert MUTANTS == sum(chunk.mutants for chunk in planned)
    assert set(TARGETS) == {chunk.target for chunk in planned}
    assert len(planned) == len({chunk.seed for chunk in planned})
