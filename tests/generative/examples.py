"""How many examples a generated test tries: few by default, as many as wanted by `CPIS_EXAMPLES`."""

import os

from hypothesis import HealthCheck, Phase, settings

EXAMPLES_BY_DEFAULT = 80

examples = settings(deadline=None, max_examples=int(os.environ.get("CPIS_EXAMPLES", EXAMPLES_BY_DEFAULT)))
"""Decorates a generated test; a nightly run sets `CPIS_EXAMPLES=20000`."""


def always_the_same(number: int) -> settings:
    """Return the settings of a search that only generates, so many examples and the same ones every time."""
    return settings(
        deadline=None,
        derandomize=True,
        max_examples=number,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow],
    )
