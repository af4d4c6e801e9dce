"""How many examples a generated test tries: few by default, as many as wanted by `CPIS_EXAMPLES`."""

import os

from hypothesis import settings

EXAMPLES_BY_DEFAULT = 80

examples = settings(deadline=None, max_examples=int(os.environ.get("CPIS_EXAMPLES", EXAMPLES_BY_DEFAULT)))
"""Decorates a generated test; a nightly run sets `CPIS_EXAMPLES=20000`."""
