"""What names a person comes to a command by standard input, and never by its words."""

import sys
from collections.abc import Sequence

import click

from broker.core.errors import InvalidNhsNumber
from broker.core.identifiers import NhsNumber

NUMBER = "NHS number"
"""What is asked for first."""
USER = "Name of the user"
"""Who looks, as the authority is told it."""
USER_ID = "The organisation's own id of the user"
"""By it somebody is known who must not see a person (ruling 48)."""


def personal(asked: Sequence[str], *, perhaps: str | None = None) -> list[str]:
    """
    Return what names a person: asked for at a terminal and not shown, else a line each of the input.

    `perhaps` is asked for as well, and need not be answered.
    """
    if sys.stdin.isatty():
        answers = [click.prompt(label, hide_input=True) for label in asked]
        more = perhaps and click.prompt(f"{perhaps}, or nothing", default="", hide_input=True)
        return [*answers, more] if more else answers
    lines = [line.strip() for line in sys.stdin.read().splitlines() if line.strip()]
    if len(lines) not in {len(asked), len(asked) + (perhaps is not None)}:
        raise click.UsageError(
            f"standard input has {len(lines)} lines that say something; needed: {'; '.join(asked)}"
        )
    return lines


def number_of(text: str) -> NhsNumber:
    """Return the number, with or without blanks; raise `InvalidNhsNumber`, which does not repeat it."""
    try:
        return NhsNumber("".join(text.split()))
    except InvalidNhsNumber as error:
        raise InvalidNhsNumber(f"an NHS number is not usable: {error}") from None
