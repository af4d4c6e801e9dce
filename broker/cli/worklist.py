"""`cpis worklist`: work left to people; look at it, open it on grounds, settle or release it."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import click

from broker.cli.desk import (
    REFUSED_EXIT_CODE,
    Age,
    age_of,
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
from broker.cli.personal import NUMBER, number_of, personal
from broker.core.messages import is_message, place_named
from broker.core.operators import Grounds
from broker.core.worklist import ItemKind, Reader
from broker.runtime.desk import Desk
from broker.runtime.parts import present
from broker.services.fact_desk import Added
from broker.services.person_holds import is_hold, place_to_hold
from broker.services.releasing import Released, quarantined
from broker.services.worklist_desk import Work, Worklist

_COLUMNS = ("id", "state", "urgent", "age", "owner", "kind", "provider", "control_id", "cause", "about")
_RELEASED_COLUMNS = ("item_id", "place", "outcome")
_COLUMNS_OF_OTHERS = ("id", "state", "urgent", "age", "to_do", "provider", "control_id", "arrived_at")


@click.group()
def worklist() -> None:
    """Work that the broker leaves to people: list it, show it, settle it."""


@worklist.command("list")
@click.option("--open/--all", "only_open", default=True, help="What is open, or everything. Default: open.")
@click.option("--reason-code", type=click.Choice([kind.value for kind in ItemKind]), help="Only this kind.")
@click.option("--older-than", type=Age(), help="Only items opened longer ago: 30m, 12h, 2d.")
@click.option(
    "--for",
    "reader",
    type=click.Choice([reader.value for reader in Reader]),
    default=Reader.OPERATOR.value,
    help="Who reads the list. Registration staff see only which patients to trace. Default: operator.",
)
@json_option
@servers_option
def list_work(
    reason_code: str | None,
    older_than: timedelta | None,
    reader: str,
    bootstrap_servers: str | None,
    *,
    only_open: bool,
    as_json: bool,
) -> None:
    """List the work there is, urgent items first and then the oldest, without anything of a person."""
    whose = Reader(reader)
    found = at_desk(bootstrap_servers, _worklist)
    now = present()
    items = [
        _with_age(work, shown, now)
        for work in found.items
        if (work.open or not only_open)
        and (reason_code is None or work.item.kind.value == reason_code)
        and (older_than is None or now - work.opened_at > older_than)
        and (shown := work.shown_to(whose)) is not None
    ]
    warn_of_unreadable(found.unreadable)
    still = sum(work.open for work in found.items)
    columns = _COLUMNS if whose is Reader.OPERATOR else _COLUMNS_OF_OTHERS
    show_list(items, columns, as_json=as_json, nothing="there is no work", open_in_all=still)


def _with_age(work: Work, shown: Mapping[str, object], now: datetime) -> dict[str, object]:
    """Return what is shown of an item with how long ago it was opened."""
    return {**shown, "age": age_of(now - work.opened_at)}


@worklist.command()
@click.argument("item_id", metavar="ID")
@unmask_option
@grounds_options
@json_option
@servers_option
def show(
    item_id: str, reason: str, by: str, bootstrap_servers: str | None, *, unmask: bool, as_json: bool
) -> None:
    """
    Show one item: masked, or with the record it is about, where it is about one.

    Unmasking needs --reason and --by. Both are in the audit trail before the first byte is shown.
    """
    grounds = grounds_of(by, reason, unmask=unmask)

    async def look(desk: Desk) -> tuple[Work, bytes | None]:
        """Find the item, and open it if asked."""
        work = (await desk.worklist.worklist()).find(item_id)
        record = None if grounds is None else await desk.worklist.unmask(work, grounds)
        return work, None if record is None else record.value

    work, value = at_desk(bootstrap_servers, look)
    show_item(_with_age(work, work.masked(), present()), as_json=as_json, bytes_shown=value)
    if unmask and value is None:
        click.echo("cpis: nothing is sealed in this item; nothing was unmasked", err=True)


@worklist.command()
@click.argument("item_id", metavar="ID")
@grounds_options
@servers_option
def settle(item_id: str, reason: str, by: str, bootstrap_servers: str | None) -> None:
    """
    Settle one item: it leaves the list of what is open, and stays in `--all` with who, when and why.

    Settling twice does no harm. An item that the matcher opens again is open again. Of one whose details
    disagree say whose the visit is: `confirm` or `refuse` it; once the visit is past revising, settle it.
    """
    grounds = Grounds(by=by, reason=reason)

    async def close(desk: Desk) -> bool:
        """Settle it if it is open."""
        return await desk.worklist.settle((await desk.worklist.worklist()).find(item_id), grounds)

    settled = at_desk(bootstrap_servers, close)
    click.echo(f"{item_id} {'settled' if settled else 'was settled already; nothing was changed'}")


@worklist.command()
@click.argument("item_ids", metavar="[ID]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every open item about a record in quarantine.")
@click.option("--cause", help="With --all: only of this cause, as the list shows it.")
@click.option("--dry-run", is_flag=True, help="Say what would come of it; write nothing.")
@grounds_options
@json_option
@servers_option
@click.pass_context
def release(  # noqa: PLR0913 - the options of a command are its arguments
    context: click.Context,
    *,
    item_ids: tuple[str, ...],
    cause: str | None,
    reason: str,
    by: str,
    bootstrap_servers: str | None,
    everything: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """
    Release records from quarantine: put what could not be processed back into its input, in its order.

    Of a `person on hold` everything that waits is let go, in its order. Mend the cause first. Releasing twice
    does no harm. Ends with 0 when everything was released, 65 when something still cannot be read or is gone
    from its log: that stays open. Try --dry-run first.
    """
    require_choice(item_ids, cause, "--cause", everything=everything)
    grounds = grounds_of(by, reason, unmask=not dry_run)

    async def let_out(desk: Desk) -> list[Released]:
        """Release what was chosen, or rehearse it: records first, then people with what waits."""
        found = await desk.worklist.worklist()
        chosen = _quarantined(found, cause) if everything else [found.find(item_id) for item_id in item_ids]
        records, people = [work for work in chosen if not is_hold(work)], filter(is_hold, chosen)
        if grounds is None:
            let_go = await desk.releasing.rehearse(records)
            return let_go + [one for work in people for one in await desk.holds.rehearse(work)]
        let_go = await desk.releasing.release(records, grounds)
        return let_go + [one for work in people for one in await desk.holds.release(work, grounds)]

    results = at_desk(bootstrap_servers, let_out, redrives=True)
    show_list(
        [result.report() for result in results],
        _RELEASED_COLUMNS,
        as_json=as_json,
        nothing="nothing is in quarantine, and nothing waits",
    )
    if not all(result.done for result in results):
        context.exit(REFUSED_EXIT_CODE)


@worklist.command()
@click.argument("named", metavar="ID|MESSAGE")
@grounds_options
@servers_option
def hold(named: str, reason: str, by: str, bootstrap_servers: str | None) -> None:
    """
    Put a person on hold: what comes in of them waits, in order, and everybody else goes on.

    The person is that of an item about a record in quarantine, or of a message that was taken, named as
    `cpis messages list` names it: the number need not be known. Alerts that stand, stand; what is asked about
    the person is answered `could not check`; what restricts a record does not wait. An urgent item says so
    until the person is released; after 72 hours that happens by itself.
    """
    grounds = Grounds(by=by, reason=reason)

    async def put_on(desk: Desk) -> str:
        """Find the record, and put its person on hold."""
        if is_message(named):
            return await desk.holds.hold(place_named(named), grounds)
        return await desk.holds.hold(place_to_hold((await desk.worklist.worklist()).find(named)), grounds)

    click.echo(f"on hold; release with: cpis worklist release {at_desk(bootstrap_servers, put_on)}")


@worklist.command()
@click.argument("item_id", metavar="ID")
@grounds_options
@servers_option
def confirm(item_id: str, reason: str, by: str, bootstrap_servers: str | None) -> None:
    """
    Confirm who the patient of a visit is.

    Of one that came without an NHS number the messages become facts under the number. One whose details
    disagree is confirmed to be of the person whose number it is under; another number is refused. Alerts
    follow, and the item settles itself. Standard input: the NHS number, as the person at the hospital who
    knows the patient gives it; at a terminal it is asked for, and not shown.
    """
    grounds = Grounds(by=by, reason=reason)
    [digits] = personal((NUMBER,))
    number = number_of(digits)

    async def put_in(desk: Desk) -> str:
        """Confirm it."""
        work = (await desk.worklist.worklist()).find(item_id)
        if work.item.kind is ItemKind.DETAILS_DISAGREE:
            return f"the word is in {(await desk.words.confirm(work, number, grounds)).topic}"
        return f"messages taken: {await desk.confirming.confirm(work, number, grounds)}"

    click.echo(f"{item_id} confirmed; {at_desk(bootstrap_servers, put_in, redrives=True)}")


@worklist.command()
@click.argument("item_id", metavar="ID")
@grounds_options
@servers_option
def refuse(item_id: str, reason: str, by: str, bootstrap_servers: str | None) -> None:
    """
    Say that the patient of a visit whose details disagree is not the person whose number it is under.

    Nobody is told of the visit, and who was told is told that it was somebody else. The item settles itself.
    Repeats of the same details open none; other details do.
    """
    grounds = Grounds(by=by, reason=reason)

    async def put_in(desk: Desk) -> Added:
        """Refuse it."""
        return await desk.words.refuse((await desk.worklist.worklist()).find(item_id), grounds)

    click.echo(f"{item_id} refused; the word is in {at_desk(bootstrap_servers, put_in).topic}")


def _quarantined(found: Worklist, cause: str | None) -> list[Work]:
    """Return the open items about a record that can be released, of one cause if it is asked for."""
    return [
        work
        for work in found.items
        if work.open and quarantined(work) is not None and (cause is None or work.masked()["cause"] == cause)
    ]


async def _worklist(desk: Desk) -> Worklist:
    """Return all the work."""
    return await desk.worklist.worklist()
