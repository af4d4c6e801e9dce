"""What the commands of the desk share: the desk, grounds, how a visit is named and an item is shown."""

import asyncio
import base64
import json
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeVar

import click

from broker.cli.rows import show_rows
from broker.core.desk_errors import CannotRedrive, GroundsRefused
from broker.core.identifiers import OdsCode
from broker.core.operators import Grounds, Place
from broker.runtime.desk import Desk, open_desk
from broker.runtime.settings import load_settings
from broker.services.finding import VisitAsked

T = TypeVar("T")

REFUSED_EXIT_CODE = CannotRedrive.exit_code
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_HL7_SEGMENT_END = "\r"

servers_option = click.option(
    "--bootstrap-servers", help="host:port of the cluster. Default: CPIS_KAFKA_BOOTSTRAP_SERVERS."
)
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
unmask_option = click.option(
    "--unmask", is_flag=True, help="Show the sealed bytes as well; needs --reason and --by, and is audited."
)


def grounds_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say who acts and why."""
    reason = click.option("--reason", default="", help="Why; kept in the audit trail, names no patient.")
    by = click.option("--by", default="", help="Who you are; kept in the audit trail.")
    return reason(by(command))


class Age(click.ParamType):
    """A length of time on the command line: `30m`, `12h`, `2d`."""

    name = "age"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Return the length of time."""
        found = re.fullmatch(r"(\d{1,5})([mhd])", str(value))
        if found is None:
            self.fail("give minutes, hours or days as 30m, 12h, 2d", param, ctx)
        return timedelta(**{_UNITS[found[2]]: int(found[1])})


def age_of(length: timedelta) -> str:
    """Return a length of time as `Age` takes it: minutes below two hours, hours below two days, else days."""
    minutes = int(length.total_seconds() // 60)
    if minutes < 2 * 60:
        return f"{minutes}m"
    hours = minutes // 60
    return f"{hours}h" if hours < 2 * 24 else f"{hours // 24}d"


def at_desk(
    bootstrap_servers: str | None, work: Callable[[Desk], Awaitable[T]], *, redrives: bool = False
) -> T:
    """Return what somebody does at the desk of the cluster that the option or the setting names."""
    settings = load_settings()
    cluster = settings.require_cluster(bootstrap_servers)

    async def opened() -> T:
        """Open the desk and close it."""
        async with open_desk(settings, cluster, redrives=redrives) as desk:
            return await work(desk)

    return asyncio.run(opened())


def visit_named(text: str, system: str | None) -> VisitAsked:
    """Return the visit that `PROVIDER/NUMBER` names; raise `InvalidOdsCode` for what is no provider."""
    provider, slash, number = text.partition("/")
    if not slash or not number:
        raise click.UsageError("Write a visit as PROVIDER/NUMBER.")
    return VisitAsked(provider=OdsCode(provider.upper()), number=number, system=system)


def grounds_of(by: str, reason: str, *, unmask: bool = True) -> Grounds | None:
    """Return who acts and why, None where nothing is unmasked; raise `GroundsRefused`."""
    if unmask:
        return Grounds(by=by, reason=reason)
    if by or reason:
        raise GroundsRefused("--by and --reason are for --unmask: without it nothing is noted")
    return None


def show_list(
    rows: Iterable[Mapping[str, object]],
    columns: Sequence[str],
    *,
    as_json: bool,
    nothing: str,
    open_in_all: int = 0,
) -> None:
    """
    Show items as a table of these columns, or whole as JSON, one a line.

    Where there is none, `nothing` is said only if none of `open_in_all` was left out by a choice.
    """
    items = list(rows)
    if as_json:
        for item in items:
            click.echo(json.dumps(item, ensure_ascii=False))
        return
    if not items:
        click.echo(f"nothing like that; {open_in_all} open in all" if open_in_all else nothing)
        return
    show_rows(columns, ([_word(item[column]) for column in columns] for item in items))


def require_choice(
    item_ids: Sequence[str], narrowed_by: str | None, option: str, *, everything: bool
) -> None:
    """Raise `UsageError` unless items are named or all are meant; `option` narrows all of them alone."""
    if everything == bool(item_ids):
        raise click.UsageError("Name items, or --all.")
    if narrowed_by is not None and not everything:
        raise click.UsageError(f"{option} goes with --all.")


def show_item(item: Mapping[str, object], *, as_json: bool, bytes_shown: bytes | None) -> None:
    """Show one item, with its bytes where they were unmasked."""
    if as_json:
        content = {} if bytes_shown is None else {"bytes": base64.b64encode(bytes_shown).decode("ascii")}
        click.echo(json.dumps({**item, **content}, ensure_ascii=False))
        return
    for name, value in item.items():
        click.echo(f"{name:<13}{_word(value)}")
    if bytes_shown is not None:
        click.echo(f"\n{printable(bytes_shown)}")


def warn_of_unreadable(places: Sequence[Place]) -> None:
    """Say where records lie that cannot be read."""
    for place in places:
        click.echo(f"cpis: the record at {place} cannot be read", err=True)


def printable(data: bytes) -> str:
    """Return bytes as text that no terminal obeys: HL7 segments on lines, other controls escaped."""
    text = data.decode("utf-8", "backslashreplace").replace(_HL7_SEGMENT_END, "\n")
    return "".join(
        letter if letter.isprintable() or letter == "\n" else letter.encode("unicode_escape").decode("ascii")
        for letter in text
    )


def _word(value: object) -> str:
    """Return a value as one word or line."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_word(part)}" for name, part in value.items() if part != "")
    return printable(str(value).encode("utf-8", "surrogatepass"))
