"""Waiting on a condition with a deadline: the only way in which a test may wait."""

import threading
import time
from collections.abc import Callable

_POLL_S = 0.02


def wait_until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Return as soon as `condition` holds; fail, naming `what`, when it does not within `seconds`."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds} s")
        pause.wait(_POLL_S)
