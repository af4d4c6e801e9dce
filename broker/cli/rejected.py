"""`cpis rejected`: what was refused at the doors; look at it, open it on grounds, put it through again."""

from collections.abc import Sequence
from datetime import UTC, datetime

import click

from broker.cli.desk import (
    REFUSED_EXIT_CODE,
    at_desk,
    grounds_of,
    grounds_options,
    json_option,
    require_choice,
    servers_option,
    show_item,
    show_list,
    unmask_option,
    warn_of_unreadable,
)
from broker.core.desk_errors import CannotRedrive
from broker.core.operators import Grounds
from broker.runtime.desk import Desk
from broker.services.redriving import Redriven
from broker.services.rejected_desk import RejectedBoard, RejectedItem

_COLUMNS = ("id", "state", "received_at", "sender", "reason", "location", "size", "times", "outcome")
_REDRIVEN_COLUMNS = ("item_id", "outcome", "facts")


@click.group()
def rejected() -> None:
    """What was refused at the doors: list it, show it, redrive it."""


@rejected.command("list")
@click.option("--code", help="Only this reason, or this code at its beginning (CPF01).")
@click.option("--sender", help="Only of this sender: an ODS code.")
@click.option(
    "--since", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]), help="Only received from then on, UTC."
)
@click.option("--all", "everything", is_flag=True, help="Also what has been redriven and taken since.")
@json_option
@servers_option
def list_rejected(
    code: str | None,
    sender: str | None,
    since: datetime | None,
    bootstrap_servers: str | None,
    *,
    everything: bool,
    as_json: bool,
) -> None:
    """
    List what is still rejected, oldest first, without anything of a person.

    The same bytes refused for the same reason are one item; `times` says how often they came.
    """
    board = at_desk(bootstrap_servers, _board)
    items = [
        item.masked()
        for item in _chosen(board, code)
        if (everything or item.open)
        and (sender is None or str(item.message.sender) == sender.upper())
        and (since is None or item.message.received_at >= since.replace(tzinfo=UTC))
    ]
    warn_of_unreadable(board.unreadable)
    still = sum(item.open for item in board.items)
    show_list(items, _COLUMNS, as_json=as_json, nothing="nothing is rejected", open_in_all=still)


@rejected.command()
@click.argument("item_id", metavar="ID")
@unmask_option
@grounds_options
@json_option
@servers_option
def show(
    item_id: str, reason: str, by: str, bootstrap_servers: str | None, *, unmask: bool, as_json: bool
) -> None:
    """
    Show one item: masked, or with its bytes as they came.

    Unmasking needs --reason and --by. Both are in the audit trail before the first byte is shown.
    """
    grounds = grounds_of(by, reason, unmask=unmask)

    async def look(desk: Desk) -> tuple[RejectedItem, bytes | None]:
        """Find the item, and open it if asked."""
        item = (await desk.rejected.board()).find(item_id)
        return item, None if grounds is None else await desk.rejected.unmask(item, grounds)

    item, raw = at_desk(bootstrap_servers, look)
    show_item(item.masked(), as_json=as_json, bytes_shown=raw)


@rejected.command()
@click.argument("item_ids", metavar="[ID]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Everything open that can be redriven, oldest first.")
@click.option("--code", help="With --all: only this reason, or this code at its beginning (CPF01).")
@click.option("--dry-run", is_flag=True, help="Say what would come of it; write nothing.")
@grounds_options
@json_option
@servers_option
@click.pass_context
def redrive(  # noqa: PLR0913 - the options of a command are its arguments
    context: click.Context,
    item_ids: tuple[str, ...],
    code: str | None,
    reason: str,
    by: str,
    bootstrap_servers: str | None,
    *,
    everything: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """
    Put items through their door again, as if they had just come, with the time of their first receipt.

    Redriving twice does no harm. Ends with 0 when everything was taken, 65 when something is still refused:
    that stays rejected, with its new reason. Before anything is written: 66 when topics are missing, 78 when
    a setting or the identity key is wrong. Try --dry-run first.
    """
    require_choice(item_ids, code, "--code", everything=everything)
    grounds = grounds_of(by, reason, unmask=not dry_run)

    async def put_through(desk: Desk) -> list[Redriven]:
        """Redrive what was chosen, oldest first."""
        board = await desk.rejected.board()
        chosen = _all_open(board, code) if everything else _named(board, item_ids)
        return [await _one(desk, item, grounds) for item in chosen]

    results = at_desk(bootstrap_servers, put_through, redrives=True)
    show_list(
        [result.report() for result in results],
        _REDRIVEN_COLUMNS,
        as_json=as_json,
        nothing="nothing to redrive",
    )
    if not all(result.taken for result in results):
        context.exit(REFUSED_EXIT_CODE)


async def _board(desk: Desk) -> RejectedBoard:
    """Return everything that is rejected."""
    return await desk.rejected.board()


async def _one(desk: Desk, item: RejectedItem, grounds: Grounds | None) -> Redriven:
    """Redrive one item, or rehearse it where there are no grounds to do more."""
    if grounds is None:
        return await desk.redriving.rehearse(item)
    return await desk.redriving.redrive(item, grounds)


def _chosen(board: RejectedBoard, code: str | None) -> Sequence[RejectedItem]:
    """Return the items of a reason, or of a code at its beginning."""
    return [item for item in board.items if code is None or _is(item.message.reason, code)]


def _is(reason: str, code: str) -> bool:
    """Tell whether a reason is the one asked for, or begins with the code asked for."""
    return code.casefold() in {reason.casefold(), reason.partition(" ")[0].casefold()}


def _all_open(board: RejectedBoard, code: str | None) -> Sequence[RejectedItem]:
    """Return what is open and can be redriven; say how much cannot."""
    opened = [item for item in _chosen(board, code) if item.open]
    able = [item for item in opened if item.obstacle is None]
    if left := len(opened) - len(able):
        click.echo(f"cpis: {left} cannot be redriven; `cpis rejected list --json` says why", err=True)
    return able


def _named(board: RejectedBoard, item_ids: Sequence[str]) -> Sequence[RejectedItem]:
    """Return the items named, oldest first; raise `NoSuchItem` or `CannotRedrive` before any is touched."""
    items = {item_id: board.find(item_id) for item_id in item_ids}
    for item_id, item in items.items():
        if item.obstacle is not None:
            raise CannotRedrive(f"{item_id} cannot be redriven: {item.obstacle}")
    return [item for item in board.items if item.item_id in items]
