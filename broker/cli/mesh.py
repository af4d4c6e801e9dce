"""`cpis mesh`: what goes to authorities over the message exchange, and what became of it."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

import click

from broker.adapters.delivery_store import SqlDeliveries
from broker.adapters.sent_messages import SqlSentMessages
from broker.cli.desk import json_option, show_list
from broker.core.delivery import Delivery, State
from broker.core.mailbox import SentMessage, Standing
from broker.runtime.parts import present
from broker.runtime.settings import load_settings
from broker.services.mesh_courier import MESH

_COLUMNS = ("destination", "state", "id", "sent", "collected", "message")
_ROWS_MAX = 1_000


@click.group()
def mesh() -> None:
    """What goes to authorities over the message exchange, and what became of it."""


@mesh.command("list")
@click.option("--destination", help="One destination, such as la.Z211.mesh or la.Z211.answers.")
@click.option("--id", "local_id", help="One event, or one answer, by our own id.")
@click.option("--state", type=click.Choice([one.value for one in Standing]), help="One state.")
@json_option
def list_(destination: str | None, local_id: str | None, state: str | None, *, as_json: bool) -> None:
    """
    List what was sent, the newest first, behind what is still to be sent.

    unsent: `cpis deliveries show` says why. waiting: the exchange has it. overdue: not collected for three
    days. collected: by the authority. lost: refused, or removed by the exchange: ring the authority. It names
    nobody.
    """
    now = present()
    rows = [*_unsent(destination, local_id), *_sent(destination, local_id, now)]
    wanted = [row for row in rows if state is None or row["state"] == state]
    show_list(wanted, _COLUMNS, as_json=as_json, nothing="nothing was sent", open_in_all=len(rows))
    if len(rows) >= _ROWS_MAX:
        click.echo(f"no more than {_ROWS_MAX} of each are looked at: name a --destination", err=True)


def _over_mesh(
    destination: str | None, event_id: str | None, state: State | None = None
) -> Sequence[Delivery]:
    """Return the deliveries over the exchange that are like this."""
    shelf = SqlDeliveries(load_settings().database_url)
    try:
        found = shelf.find(destination=destination, event_id=event_id, state=state, limit=_ROWS_MAX)
    finally:
        shelf.close()
    return [one for one in found if one.destination.endswith(f".{MESH}")]


def _unsent(destination: str | None, local_id: str | None) -> Iterator[Mapping[str, object]]:
    """Yield what waits to be sent, for the end of its window or for the exchange."""
    yield from map(_row_of, _over_mesh(destination, local_id, State.WAITING))


def _sent(destination: str | None, local_id: str | None, now: datetime) -> Iterator[Mapping[str, object]]:
    """Yield what was sent; an event of a window is found by the letter that it went out in."""
    ids: set[str | None] = {local_id}
    if local_id is not None:
        ids |= {one.sent_as for one in _over_mesh(destination, local_id)}
    sent = SqlSentMessages(load_settings().database_url)
    try:
        found = [
            sent.find(destination=destination, local_id=one, limit=_ROWS_MAX) for one in sorted(ids, key=str)
        ]
    finally:
        sent.close()
    yield from (_row(one, now) for some in found for one in some)


def _row_of(delivery: Delivery) -> Mapping[str, object]:
    """Return what is to be sent as it is listed."""
    return {
        "destination": delivery.destination,
        "state": Standing.UNSENT.value,
        "id": delivery.event_id,
        "sent": None,
        "collected": None,
        "message": None,
    }


def _row(message: SentMessage, now: datetime) -> Mapping[str, object]:
    """Return what was sent as it is listed."""
    collected = message.collected_at
    return {
        "destination": message.destination,
        "state": message.standing(now).value,
        "id": message.local_id,
        "sent": message.sent_at.isoformat(timespec="seconds"),
        "collected": None if collected is None else collected.isoformat(timespec="seconds"),
        "message": message.message_id,
    }
