"""
`cpis la`: what a supplier of case systems tries out, without a hospital and without a Kafka.

Builds and validates an upload on this machine, by the code that reads it at the broker; sends it to a door,
and fetches what became of it.
"""

import asyncio
import json
import secrets
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import click

from broker.adapters.file_content import content_of
from broker.adapters.la_client import LaClient, Reply
from broker.adapters.memory_sealing import MemorySealer
from broker.adapters.private_file import write_private_pieces
from broker.adapters.worker_process import ReadAside
from broker.cli.rows import show_rows
from broker.core.errors import MalformedMessage
from broker.core.kept_uploads import MediaType
from broker.runtime.credentials import trusting
from broker.runtime.doors import doors
from broker.runtime.parts import admits, assemble, present
from broker.runtime.settings import load_settings
from broker.services.feed_door import PATH as FEED
from broker.services.la_door import BASE
from broker.services.notification_door import MORE, NEXT, PATH, TAKEN_BACK
from broker.services.reconciliation_door import PATH as RECONCILIATION
from broker.services.reconciliation_door import WITHHELD
from broker.wire.upload_answer import FileAnswer, Places
from broker.wire.upload_codes import FileCode
from broker.wire.upload_csv import table_message

_REFUSED_EXIT_CODE = 65  # EX_DATAERR
_OK = 300
_CSV_SUFFIX = ".csv"
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def door_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say which door, and who asks."""
    url = click.option("--url", required=True, help="Where the door is: https://broker.example:8443.")
    token = click.option("--token-file", required=True, type=_FILE, help="File of the bearer token.")
    trusted = click.option("--ca-file", type=_FILE, help="Who may vouch for the door. Default: the system.")
    return url(token(trusted(command)))


@click.group()
def la() -> None:
    """Try the authorities' door as a supplier of case systems."""


@la.command()
@click.argument("table", type=_FILE)
@click.argument("upload", type=click.Path(dir_okay=False, writable=True, path_type=Path))
@click.pass_context
def build(context: click.Context, table: Path, upload: Path) -> None:
    """
    Write the message REPC_MT000002GB01 that says what TABLE (CSV) says to UPLOAD.

    Ends with 65 where TABLE is no table with the published columns, or has no record.
    """
    try:
        write_private_pieces(upload, table_message(content_of(table)))
    except MalformedMessage as fault:
        click.echo(f"{table.name}: {FileCode.MALFORMED.value} {fault.reason}, {fault.location}", err=True)
        context.exit(_REFUSED_EXIT_CODE)


@la.command()
@click.argument("file", type=_FILE)
@click.pass_context
def validate(context: click.Context, file: Path) -> None:
    """
    Say which code each record of FILE (XML, or CSV by its name) would get; nothing leaves this machine.

    Ends with 0 when every record would be loaded, 65 otherwise. No demographic source is asked.
    """
    answer = asyncio.run(_validated(file))
    click.echo(f"{file.name}: {answer.code.value}, {answer.loaded} loaded, {answer.failed} refused")
    places = answer.places or (lambda _location: None)
    rows = [
        (str(number), record.code.value, record.words or "-", _where(record.location, places))
        for number, record in enumerate(answer.records, start=1)
    ]
    if answer.fault is not None:
        rows.append(("-", answer.fault.code, answer.fault.reason, _where(answer.fault.location, places)))
    show_rows(("record", "code", "words", "place"), rows)
    if answer.code is not FileCode.LOADED:
        context.exit(_REFUSED_EXIT_CODE)


@la.command()
@click.argument("file", type=_FILE)
@click.option("--request-id", help="The id of this upload, the same when sent again. Default: new.")
@click.option("--complete", is_flag=True, help="FILE has every plan of the authority; needs to be agreed.")
@door_options
def send(
    file: Path, request_id: str | None, url: str, token_file: Path, ca_file: Path | None, *, complete: bool
) -> None:
    """
    Send FILE (XML, or CSV by its name); show its status, in which its id stands.

    With --complete a person at the broker is shown which of the authority's plans FILE lacks; nothing is
    ended by that alone.
    """
    media_type = _media_type(file)
    request_id = request_id or secrets.token_hex(16)
    body = file.read_bytes()

    async def ask(client: LaClient) -> Reply:
        """Send it."""
        path = f"{BASE}?complete=true" if complete else BASE
        return await client.send(path, body, content_type=media_type.value, request_id=request_id)

    _show(_asked(url, token_file, ca_file, ask))
    click.echo(f"request id {request_id}", err=True)


@la.command()
@click.argument("upload_id", metavar="ID")
@door_options
def status(upload_id: str, url: str, token_file: Path, ca_file: Path | None) -> None:
    """Show what became of an upload so far."""
    _show(
        _asked(
            url,
            token_file,
            ca_file,
            lambda client: client.fetch(f"{BASE}/{upload_id}", accept="application/json"),
        )
    )


@la.command()
@click.argument("upload_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Codes and places alone, without a name.")
@door_options
def acknowledgement(
    upload_id: str, url: str, token_file: Path, ca_file: Path | None, *, as_json: bool
) -> None:
    """Write the acknowledgement of an upload, REPC_MT000003GB01, to standard output."""
    accept = "application/json" if as_json else MediaType.XML.value
    path = f"{BASE}/{upload_id}/acknowledgement"
    _show(_asked(url, token_file, ca_file, lambda client: client.fetch(path, accept=accept)))


@la.command()
@click.option("--after", default="", help="Go on from here: `next` of the answer before.")
@click.option("--authority", help="Whose, for a token that acts for several.")
@click.option("--xml", "as_xml", is_flag=True, help="The accesses alone, as REPC_MT000004GB01.")
@door_options
def notifications(
    after: str, authority: str | None, url: str, token_file: Path, ca_file: Path | None, *, as_xml: bool
) -> None:
    """
    Write what an authority was told to standard output: JSON with `next` and `more`.

    With --xml from where to go on stands on standard error, and the ids of accesses that earlier answers told
    and that are so no more.
    """
    asked = {name: value for name, value in (("after", after), ("authority", authority)) if value}
    path = f"{PATH}?{urlencode(asked)}" if asked else PATH
    accept = MediaType.XML.value if as_xml else "application/json"
    reply = _asked(url, token_file, ca_file, lambda client: client.fetch(path, accept=accept))
    _show(reply)
    if as_xml:
        click.echo(f"next {reply.headers.get(NEXT, '')}, more {reply.headers.get(MORE, '')}", err=True)
        if TAKEN_BACK in reply.headers:
            click.echo(f"taken back {reply.headers[TAKEN_BACK]}", err=True)


@la.command()
@click.option("--plans", is_flag=True, help="Its plans as they are held, a table, where that is switched on.")
@door_options
def feed(url: str, token_file: Path, ca_file: Path | None, *, plans: bool) -> None:
    """
    Write how an authority's feed stands to standard output: age, what matches, what waits, what to do.

    With --plans the table to lay beside the authority's own list: it names children.
    """
    path, accept = (RECONCILIATION, MediaType.CSV.value) if plans else (FEED, "application/json")
    reply = _asked(url, token_file, ca_file, lambda client: client.fetch(path, accept=accept))
    _show(reply)
    if plans:
        click.echo(f"{reply.headers.get(WITHHELD, '?')} plans are left out", err=True)


async def _validated(file: Path) -> FileAnswer:
    """Return what a file would be answered."""
    settings = load_settings()
    parts = assemble(settings, sealer=MemorySealer())
    own = doors(parts, read=ReadAside(settings.upload_records_max), admits=admits(settings))
    own.clock.now = present()
    return await own.uploads.load(content_of(file), media_type=_media_type(file))


def _media_type(file: Path) -> MediaType:
    """Tell by its name in what a file is written."""
    return MediaType.CSV if file.suffix.lower() == _CSV_SUFFIX else MediaType.XML


def _where(location: str, places: Places) -> str:
    """Return a place: line and column of a table, else as the acknowledgement has it."""
    spot = places(location)
    if spot is None:
        return location
    return f"line {spot.line}" + (f", column {spot.column}" if spot.column else "")


def _asked(
    url: str, token_file: Path, ca_file: Path | None, ask: Callable[[LaClient], Awaitable[Reply]]
) -> Reply:
    """Return the answer of a door; raise `DoorUnreachable`."""
    tls = None if ca_file is None else trusting(ca_file, "--ca-file")

    async def run() -> Reply:
        """Ask."""
        return await ask(LaClient(url, token_file, tls))

    return asyncio.run(run())


def _show(reply: Reply) -> None:
    """Write an answer; end with 65 where the door refuses."""
    if reply.status >= _OK:
        click.echo(f"{reply.status} {_reason(reply.body)}", err=True)
        sys.exit(_REFUSED_EXIT_CODE)
    sys.stdout.buffer.write(reply.body + b"\n")
    sys.stdout.flush()


def _reason(body: bytes) -> str:
    """Return what a problem says."""
    try:
        said = json.loads(body)
        return f"{said['title']} ({said['code']}) {said['detail']}"
    except (ValueError, KeyError, TypeError):
        return "no words"
