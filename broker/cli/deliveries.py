"""`cpis deliveries`: what goes to providers' own systems, why it waits, and sending it again."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import click

from broker.adapters.delivery_store import SqlDeliveries
from broker.cli.desk import at_desk, grounds_options, json_option, servers_option, show_item, show_list
from broker.core.delivery import STATE_WORDS, Delivery, State
from broker.core.desk_errors import NoSuchDelivery
from broker.core.operators import Grounds
from broker.runtime.parts import present
from broker.runtime.settings import load_settings
from broker.services.resending import forget as forget_destination
from broker.services.resending import look_up, look_up_dead, resend, settle

_COLUMNS = ("destination", "event", "state", "attempts", "last error", "next attempt", "took")


_PAGE_ROWS = 1_000
_page_option = click.option(
    "--page", type=click.IntRange(min=1), default=1, show_default=True, help="Which thousand, from 1."
)


@click.group()
def deliveries() -> None:
    """What goes to providers' own systems, why it waits, and sending it again."""


@deliveries.command("list")
@click.option("--destination", help="One destination, such as provider.RXX.mllp.")
@click.option("--state", type=click.Choice([state.value for state in State]), help="One state.")
@click.option("--letter", help="What went out in one message, by the id that `cpis mesh list` shows.")
@_page_option
@json_option
def list_(
    destination: str | None, state: str | None, letter: str | None, page: int, *, as_json: bool
) -> None:
    """List the deliveries, the newest first: the last error, the attempts so far, the next attempt."""
    _list(destination, None if state is None else State(state), page, letter=letter, as_json=as_json)


@deliveries.command()
@click.option("--destination", help="One destination, such as provider.RXX.mllp.")
@_page_option
@json_option
def dead(destination: str | None, page: int, *, as_json: bool) -> None:
    """List what was put aside: it is not tried again by itself, and its clinicians have not been told."""
    _list(destination, State.DEAD, page, as_json=as_json)


@deliveries.command()
@click.argument("destination")
@click.argument("event_id", metavar="EVENT")
@json_option
def show(destination: str, event_id: str, *, as_json: bool) -> None:
    """
    Show one delivery: where it stands and since when. It names nobody.

    EVENT is an event's id, or the control id (MSH-10) under which a receiver knows it.
    """
    with _shelf() as shelf:
        found = shelf.find(destination=destination, event_id=event_id)
    if not found:
        raise NoSuchDelivery
    more = {"meaning": STATE_WORDS[found[0].state], "alert": found[0].alert_id}
    show_item({**_row(found[0]), **more}, as_json=as_json, bytes_shown=None)


@deliveries.command("resend")
@click.argument("destination")
@click.argument("event_ids", metavar="EVENT...", nargs=-1)
@click.option("--dead", "all_dead", is_flag=True, help="Everything that was put aside at this destination.")
@click.option("--yes", is_flag=True, help="Send; without it, only what would be sent is shown.")
@grounds_options
@servers_option
def resend_(
    destination: str,
    event_ids: tuple[str, ...],
    reason: str,
    by: str,
    bootstrap_servers: str | None,
    *,
    all_dead: bool,
    yes: bool,
) -> None:
    """
    Send events to one destination again, under the ids that they had.

    Without --yes it shows what would be sent, and sends nothing. With it --reason and --by are in the audit
    trail first. Of an alert the newest event alone can be sent again; --dead leaves out what is older. EVENT
    is an event's id, or the control id (MSH-10) under which a receiver knows it.
    """
    if bool(event_ids) == all_dead:
        raise click.UsageError("Name events, or give --dead.")
    with _shelf() as shelf:
        chosen = (
            _dead(shelf, destination) if all_dead else [look_up(shelf, destination, e) for e in event_ids]
        )
        if not yes:
            show_list(map(_row, chosen), _COLUMNS, as_json=False, nothing="nothing would be sent")
            click.echo(f"{len(chosen)} would go to {destination}; give --yes, --by and --reason", err=True)
            return
        grounds = Grounds(by=by, reason=reason)
        at_desk(
            bootstrap_servers,
            lambda desk: resend(shelf, chosen, grounds, log=desk.log, clock=present),
        )
    click.echo(f"{len(chosen)} to be sent to {destination} again")


@deliveries.command("settle")
@click.argument("destination")
@click.argument("event_ids", metavar="EVENT...", nargs=-1, required=True)
@grounds_options
@servers_option
def settle_(
    destination: str, event_ids: tuple[str, ...], reason: str, by: str, bootstrap_servers: str | None
) -> None:
    """
    Settle events that were put aside, whose clinicians were told by another way: they ask for nobody more.

    --reason and --by are in the audit trail first. Nothing is sent; news of the same alert still is.
    """
    grounds = Grounds(by=by, reason=reason)
    with _shelf() as shelf:
        chosen = [look_up_dead(shelf, destination, one) for one in event_ids]
        at_desk(bootstrap_servers, lambda desk: settle(shelf, chosen, grounds, log=desk.log))
    click.echo(f"{len(chosen)} settled at {destination}")


@deliveries.command()
@click.argument("destination")
@grounds_options
@servers_option
def forget(destination: str, reason: str, by: str, bootstrap_servers: str | None) -> None:
    """
    Look at a destination no more that is not in the file of senders any more; its deliveries stay.

    Until then what it would have been sent is put aside: who was told of an alert there is owed its end. One
    that is in the file begins anew at once. --reason and --by are in the audit trail first.
    """
    grounds = Grounds(by=by, reason=reason)
    with _shelf() as shelf:
        at_desk(bootstrap_servers, lambda desk: forget_destination(shelf, destination, grounds, log=desk.log))
    click.echo(f"{destination} forgotten")


def _list(
    destination: str | None, state: State | None, page: int, *, letter: str | None = None, as_json: bool
) -> None:
    """List one page of deliveries, and say where there is another."""
    with _shelf() as shelf:
        found = shelf.find(
            destination=destination,
            state=state,
            letter=letter,
            limit=_PAGE_ROWS + 1,
            skip=(page - 1) * _PAGE_ROWS,
        )
        if not found:
            _require(shelf, destination)
    show_list(map(_row, found[:_PAGE_ROWS]), _COLUMNS, as_json=as_json, nothing="no deliveries")
    if len(found) > _PAGE_ROWS:
        click.echo(f"{_PAGE_ROWS} shown, and there are more: --page {page + 1}", err=True)


def _dead(shelf: SqlDeliveries, destination: str) -> Sequence[Delivery]:
    """Return what was put aside at a destination and is its alert's newest there, the oldest first."""
    found: list[Delivery] = []
    while page := shelf.find(destination=destination, state=State.DEAD, limit=_PAGE_ROWS, skip=len(found)):
        found += page
    if not found:
        _require(shelf, destination)
    newest = [one for one in found if one.alert_id and shelf.newest(destination, one.alert_id) == one.number]
    return newest[::-1]


def _require(shelf: SqlDeliveries, destination: str | None) -> None:
    """Raise `NoSuchDelivery` for a destination that is none: that nothing is amiss there says nothing."""
    if destination is not None and destination not in shelf.destinations():
        raise NoSuchDelivery


@contextmanager
def _shelf() -> Iterator[SqlDeliveries]:
    """Lend the deliveries of the settings' database."""
    shelf = SqlDeliveries(load_settings().database_url)
    try:
        yield shelf
    finally:
        shelf.close()


def _row(delivery: Delivery) -> Mapping[str, object]:
    """Return a delivery as it is listed; it names nobody."""
    waits = delivery.state is State.WAITING
    took = delivery.took
    return {
        "destination": delivery.destination,
        "event": delivery.event_id,
        "state": delivery.state.value,
        "attempts": delivery.attempts,
        "last error": delivery.fault or None,
        "next attempt": delivery.due_at.isoformat(timespec="seconds") if waits else None,
        "took": None if took is None else f"{took.total_seconds():.3f} s",
    }
