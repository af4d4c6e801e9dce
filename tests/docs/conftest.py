"""What the tests of the documents share."""

from collections.abc import Iterator

import pytest

from tests.builders.logs import Logs, lent_logs


@pytest.fixture
def logs() -> Iterator[Logs]:
    """Lend configured logs; afterwards everything is as it was."""
    with lent_logs() as lent:
        yield lent
