"""The environment of a pytest that a test starts to see what it says."""

import os


def environment(**more: str) -> dict[str, str]:
    """Return this process's, with more, without what this pytest and its measuring put or were told there."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("COV", "PYTEST_"))}
    return {**ours, **more}
