"""Builds the reference page of the file of senders from the classes of its tables."""

from collections.abc import Iterator
from pathlib import Path

from broker.core.destinations import Authority, National
from broker.core.sender_keys import declared_keys, inner_tables
from broker.core.senders import Provider
from broker.runtime.policy_view import words
from tests.tools.markdown import paragraph, table

EXAMPLE = "deploy/reference/senders.toml"


def senders_page(repository: Path) -> str:
    """Return the page of the file of senders: its tables, their keys, and the shipped example."""
    about = paragraph(
        """
        Which systems may send for which provider, and how their messages are read. `CPIS_SENDERS_FILE` names
        the file (TOML); without one anybody who can connect may send, as any provider. With one a message
        whose MSH-4 or MSH-3 it does not name, or that came in on a connection which is not one of that
        sender's, is refused with `AE` and told of; no byte of it is kept. An unknown key and an impossible
        value are refused at the start with file, line and what to do. What a visit means – scheduled places,
        sensitive ones, traced numbers – stands in the [policy](policy.md), for the same provider and system.
        """
    )
    lines = ["# The file of senders", "", about]
    for header, meaning, kind in (
        *_tables(Provider, "provider.ODS", "One provider, by its code in MSH-4"),
        *_tables(Authority, "authority.ODS", "One local authority, by its code"),
        *_tables(National, "national.NAME", "One national service that tells of events, by any name"),
    ):
        rows = [
            (
                f"`{declared.key(name)}`",
                _shown(kind, name),
                f"{declared.may_be[:1].upper()}{declared.may_be[1:]}".replace('"', "`"),
                declared.rule,
                f"{declared.meaning}.",
            )
            for name, declared in declared_keys(kind).items()
        ]
        head = ("key", "default", "may be", "rule", "meaning")
        lines += ["", f"## `[{header}]`", "", f"{meaning}.", "", *table(head, rows)]
    example = (repository / EXAMPLE).read_text("utf-8").rstrip()
    return "\n".join([*lines, "", "## Example", "", f"`{EXAMPLE}`:", "", "```toml", example, "```"])


def _tables(kind: type, header: str, meaning: str) -> Iterator[tuple[str, str, type]]:
    """Yield a table and every one within it: header, meaning, class."""
    yield header, meaning, kind
    for name, below in inner_tables(kind).items():
        inside = ".".join(filter(None, (header, name, below.name)))
        yield from _tables(below.table, inside, below.meaning)


def _shown(kind: type, name: str) -> str:
    """Return the default of a key in words."""
    default = getattr(kind(), name)
    return words(default) if isinstance(default, bool | int | str) else "none"
