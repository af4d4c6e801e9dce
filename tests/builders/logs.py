"""What the logging of production writes while a test looks."""

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog

from broker.runtime.logs import configure_logs


class Logs:
    """What is logged while it is lent."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    def lines(self) -> list[dict[str, Any]]:
        """Return the lines so far."""
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]


@contextmanager
def lent_logs() -> Iterator[Logs]:
    """Lend configured logs; afterwards everything is as it was."""
    root = logging.getLogger()
    handlers, level, processing = list(root.handlers), root.level, structlog.get_config()
    lent = Logs()
    configure_logs("info", lent.stream)
    try:
        yield lent
    finally:
        structlog.configure(**processing)
        root.handlers[:] = handlers
        root.setLevel(level)
