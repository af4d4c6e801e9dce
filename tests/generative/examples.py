"""
What a generated test is tried with: the same examples in every run, or as many new ones as wanted.

New ones are searched for by `CPIS_EXAMPLES=20000`, by hypothesis, which makes one that fails small. Every
other run is to end as the one before it did.
"""

import os
from collections.abc import Callable, Iterator
from pprint import pformat
from typing import TypeVarTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.generative.picking import Chance, Drawn, Picking

EXAMPLES = 100

Made = TypeVarTuple("Made")


def always_the_same(number: int) -> Iterator[Chance]:
    """
    Yield what as many stories are picked by, the same ones in every run.

    Not by hypothesis: what it generates depends on the modules that a run has loaded.
    """
    return (Chance(str(place)) for place in range(number))


def examples(
    make: Callable[[Picking], tuple[*Made]],
) -> Callable[[Callable[[*Made], None]], Callable[..., None]]:
    """Try a test with what is made of picks; a failure says what that was."""
    searched = os.environ.get("CPIS_EXAMPLES")

    def tried(test: Callable[[*Made], None]) -> Callable[..., None]:
        """Return the test as pytest runs it."""

        def with_the_same() -> None:
            for pick in always_the_same(EXAMPLES):
                made = make(pick)
                try:
                    test(*made)
                except Exception as error:
                    error.add_note(pformat(made))
                    raise

        def with_new_ones(made: tuple[*Made]) -> None:
            test(*made)

        search = settings(deadline=None, max_examples=int(searched or EXAMPLES))
        run = search(given(_made(make))(with_new_ones)) if searched else with_the_same
        run.__name__, run.__doc__, run.__module__ = test.__name__, test.__doc__, test.__module__
        return run

    return tried


@st.composite
def _made(draw: st.DrawFn, make: Callable[[Picking], tuple[*Made]]) -> tuple[*Made]:
    """Return what is made of what hypothesis draws."""
    return make(Drawn(draw))
