"""`cpis timers`: say that it is so late, for everybody of whom something is waited for."""

from datetime import datetime

import click

from broker.cli.desk import at_desk, grounds_options, servers_option
from broker.core.escalating import to_manager_at
from broker.core.operators import Grounds
from broker.runtime.desk import Desk
from broker.runtime.parts import present
from broker.runtime.policy_file import read_policy
from broker.runtime.settings import load_settings
from broker.services.timer_desk import DueWords
from broker.services.worklist_desk import Worklist


@click.group()
def timers() -> None:
    """What time alone brings about: asked again, not settled, no outcome; names nobody."""


@timers.command()
@servers_option
def due(bootstrap_servers: str | None) -> None:
    """
    Count what is due by now, and list the items that are for the on-call manager.

    Reads every person's record once. Nothing is written.
    """

    async def look(desk: Desk) -> tuple[DueWords, Worklist]:
        """Read what is due, and the worklist."""
        return await desk.timers.due(), await desk.worklist.worklist()

    found, work = at_desk(bootstrap_servers, look)
    _show(found)
    for item_id in _for_manager(work, present()):
        click.echo(f"{item_id} is for the on-call manager (ruling 46)")


@timers.command()
@grounds_options
@servers_option
def say(reason: str, by: str, bootstrap_servers: str | None) -> None:
    """
    Say what is due by now, as facts; those who are to be told are told.

    For a scheduler that runs it every few minutes, until the outbox has timers. Saying it twice, or late,
    does no harm. Needs --reason and --by: both are in the audit trail first.
    """
    grounds = Grounds(by=by, reason=reason)

    async def said(desk: Desk) -> DueWords:
        """Read what is due, and say it."""
        found = await desk.timers.due()
        await desk.timers.say(found, grounds)
        return found

    _show(at_desk(bootstrap_servers, said, redrives=True))


def _show(found: DueWords) -> None:
    """Show how many words of each kind there are."""
    for kind, count in sorted(found.counts.items()):
        click.echo(f"{count:>8}  {kind}")
    if not found.words:
        click.echo("nothing is due")
    if found.unreadable:
        click.echo(f"cpis: {found.unreadable} records of cpis.people cannot be read", err=True)


def _for_manager(work: Worklist, now: datetime) -> list[str]:
    """Return the ids of the urgent items that nobody has settled in good time."""
    policy = read_policy(load_settings().policy_file).at(now)
    return [
        one.item.item_id
        for one in work.items
        if one.open and one.item.urgent and to_manager_at(one.opened_at, policy, one.item.provider) <= now
    ]
