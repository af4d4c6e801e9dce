"""How many examples a generated test tries: few by default, as many as wanted by `CPIS_EXAMPLES`."""

import os
from collections.abc import Iterator

from hypothesis import settings

from tests.generative.picking import Chance

EXAMPLES_BY_DEFAULT = 80

examples = settings(deadline=None, max_examples=int(os.environ.get("CPIS_EXAMPLES", EXAMPLES_BY_DEFAULT)))
"""Decorates a generated test; a nightly run sets `CPIS_EXAMPLES=20000`."""


def always_the_same(number: int) -> Iterator[Chance]:
    """
    Yield what as many stories are picked by, the same ones in every run.

    Not by hypothesis: what it generates depends on the modules that a run has loaded.
    """
    return (Chance(str(place)) for place in range(number))
