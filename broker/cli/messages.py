"""`cpis messages`: every message that came in; find it, look at it, open it on grounds."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar

import click

from broker.cli.desk import (
    at_desk,
    grounds_of,
    grounds_options,
    json_option,
    servers_option,
    show_item,
    show_list,
    unmask_option,
)
from broker.core.identifiers import OdsCode
from broker.core.messages import FOUND_MAX, Outcome, Sought, control_digest, place_named
from broker.runtime.desk import Desk
from broker.runtime.message_desk import Messages, open_messages
from broker.runtime.parts import identity_key
from broker.runtime.settings import load_settings
from broker.services.message_desk import Opened, Shown

T = TypeVar("T")

_COLUMNS = ("message", "received_at", "sender", "control_id", "outcome", "reason", "location", "redriven")
_REFERENCE = re.compile(r"[0-9a-f]{32}")
_MOMENT = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"])


class _Visit(click.ParamType):
    """The keyed reference of a visit."""

    name = "reference"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return it; a hospital's own number would find nothing, as if nothing had come."""
        if not _REFERENCE.fullmatch(value):
            self.fail(
                f"{value!r} is no keyed reference. `cpis explain --visit PROVIDER/NUMBER` prints that of a "
                "hospital's own visit number.",
                param,
                ctx,
            )
        return value


@click.group()
def messages() -> None:
    """Every message that came in: list it, show it, keep the index of them."""


@messages.command("list")
@click.option("--control-id", help="Only with this control id (MSH-10).")
@click.option("--sender", help="Only of this sender: an ODS code.")
@click.option(
    "--visit", type=_Visit(), help="Only of this visit: its keyed reference, as messages and alerts name it."
)
@click.option(
    "--outcome", type=click.Choice([one.value for one in Outcome]), help="Only what this became of."
)
@click.option("--since", type=_MOMENT, help="Only received from then on, UTC.")
@click.option("--until", type=_MOMENT, help="Only received before then, UTC.")
@click.option(
    "--limit",
    type=click.IntRange(1, FOUND_MAX),
    default=100,
    show_default=True,
    help="The newest so many of them.",
)
@json_option
@servers_option
def list_messages(  # noqa: PLR0913 - the options of a command are its arguments
    *,
    control_id: str | None,
    sender: str | None,
    visit: str | None,
    outcome: str | None,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    bootstrap_servers: str | None,
    as_json: bool,
) -> None:
    """
    List messages, newest first: what came of each, without anything of a person.

    Found by an index of what the topics hold. There is no search by name, number or words of a message.
    """
    sought = Sought(
        control=None if control_id is None else control_digest(identity_key(load_settings()), control_id),
        sender=None if sender is None else OdsCode(sender.upper()),
        visit=visit,
        outcome=None if outcome is None else Outcome(outcome),
        since=None if since is None else since.replace(tzinfo=UTC),
        until=None if until is None else until.replace(tzinfo=UTC),
        limit=limit,
    )
    found = _among_messages(bootstrap_servers, lambda messages: messages.desk.search(sought))
    show_list((one.shown() for one in found), _COLUMNS, as_json=as_json, nothing="no message like that")
    if len(found) == limit:
        click.echo(f"cpis: the newest {limit}; there may be more", err=True)


@messages.command("index")
@click.option(
    "--every", type=click.IntRange(1, 86_400), help="Do it again every so many seconds, until stopped."
)
@servers_option
def index_messages(every: int | None, bootstrap_servers: str | None) -> None:
    """
    Bring the index of messages up to date, and destroy in it what Kafka no longer holds.

    A search does the same first. Run this beside the broker, so that nothing stays where nobody searches.
    """

    async def follow(messages: Messages) -> None:
        """Do it once, or again and again."""
        await messages.indexing.catch_up()
        while every is not None:
            await asyncio.sleep(every)
            await messages.indexing.catch_up()

    _among_messages(bootstrap_servers, follow)


@messages.command()
@click.argument("message", metavar="MESSAGE")
@unmask_option
@click.option("--why", is_flag=True, help="Say why it led to which alerts, or to none; on grounds as well.")
@grounds_options
@json_option
@servers_option
def show(
    *,
    message: str,
    reason: str,
    by: str,
    bootstrap_servers: str | None,
    unmask: bool,
    why: bool,
    as_json: bool,
) -> None:
    """
    Show one message, named as the list names it: structure and codes, or with --unmask all that is kept.

    Of a message that was taken the fact is shown that was made of it: its bytes are not kept. --why says what
    was decided, and why. --unmask and --why need --reason and --by: both are in the audit trail before
    anything is shown.
    """
    if unmask and why:
        raise click.UsageError("--unmask or --why: each is a look of its own.")
    grounds = grounds_of(by, reason, unmask=unmask or why)
    place = place_named(message)
    if why and grounds is not None:
        answer = _among_messages(bootstrap_servers, lambda messages: messages.desk.decision(place, grounds))
        click.echo(json.dumps({"text": list(answer)}, ensure_ascii=False) if as_json else "\n".join(answer))
        return

    async def look(messages: Messages) -> Shown | Opened:
        """Find the message, and open it if asked."""
        desk = messages.desk
        return await (desk.show(place) if grounds is None else desk.unmask(place, grounds))

    found = _among_messages(bootstrap_servers, look)
    raw = found.raw if isinstance(found, Opened) else None
    text = found.text if isinstance(found, Shown) else None
    more: dict[str, object] = {} if found.fact is None else {"fact": found.fact}
    if as_json:
        more |= {} if text is None else {"text": text}
        show_item({**found.message.shown(), **more}, as_json=True, bytes_shown=raw)
        return
    show_item(found.message.shown(), as_json=False, bytes_shown=raw)
    if found.fact is not None:
        click.echo(f"\n{json.dumps(found.fact, ensure_ascii=False, indent=2)}")
    if text is not None:
        click.echo(f"\n{text}")


def _among_messages(bootstrap_servers: str | None, work: Callable[[Messages], Awaitable[T]]) -> T:
    """Return what somebody does among the messages, at the desk of the cluster that is named."""

    async def opened(desk: Desk) -> T:
        """Open the messages and close them."""
        async with open_messages(load_settings(), desk) as messages:
            return await work(messages)

    return at_desk(bootstrap_servers, opened)
