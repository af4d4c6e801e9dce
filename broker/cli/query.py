"""`cpis query`: answer an HL7 v3 query that lies in a file with a response, or with a code (ruling 39)."""

from pathlib import Path
from typing import BinaryIO

import click

from broker.adapters.private_file import write_private_file
from broker.cli.desk import at_desk, grounds_options, servers_option
from broker.cli.look import exit_code_of, made_of
from broker.core.desk_errors import ResponseUnwritten
from broker.core.errors import MalformedMessage
from broker.core.look_words import look_sentences
from broker.core.operators import Grounds
from broker.runtime.parts import present
from broker.services.fact_desk import User
from broker.services.looking import Asking
from broker.wire.query import Query, read_query
from broker.wire.query_response import Code, code_of, write_query_response


@click.command()
@click.argument("file", type=click.File("rb"))
@click.option(
    "--response",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where the response goes, readable by its owner alone; written for `plan on file` only.",
)
@grounds_options
@servers_option
@click.pass_context
def query(
    context: click.Context,
    *,
    file: BinaryIO,
    response: Path,
    reason: str,
    by: str,
    bootstrap_servers: str | None,
) -> None:
    """
    Answer the query QUPC_MT000006GB01 of FILE with the response REPC_MT000007GB01; `-` is standard input.

    It is a look as `cpis look` makes it, on the same trail and told alike; `accessEventType` false is a
    silent read, and needs a current visit. What is printed first is the code of the mini-service: SMSP-0000
    with a response (exit code 0), CPIS-0001 for no plan on file (3), CPIS-9999 where it could not be checked
    (4), SMSP-0005 for a look that is refused (5), SMSP-0001 for a query that cannot be read (65).
    """
    grounds = Grounds(by=by, reason=reason)
    data = file.read()
    clear(response)
    try:
        asked = read_query(data)
    except MalformedMessage as error:
        click.echo(f"{Code.UNREADABLE}\n{error.reason} at {error.location}")
        context.exit(error.exit_code)
    made = made_of(
        lambda: at_desk(
            bootstrap_servers, lambda desk: desk.looking.look(asked.number, asking_of(asked), grounds)
        )
    )
    if made.opened is None:
        click.echo("\n".join((code_of(made), *look_sentences(made))))
    else:
        write_response(
            response, write_query_response(made.opened, asked.number, query_id=asked.query_id, at=present())
        )
        click.echo(code_of(made))
    context.exit(exit_code_of(made))


def clear(place: Path) -> None:
    """Let no response to an earlier query be taken for this one's; raise `ResponseUnwritten`."""
    try:
        place.unlink(missing_ok=True)
    except OSError as error:
        raise ResponseUnwritten(f"an earlier response cannot be removed: {error.strerror}") from error


def write_response(place: Path, data: bytes) -> None:
    """Write a response for its owner alone; raise `ResponseUnwritten`."""
    try:
        write_private_file(place, data)
    except OSError as error:
        raise ResponseUnwritten(f"the response cannot be written: {error.strerror}") from error


def asking_of(asked: Query) -> Asking:
    """Return who looks, as a query says it."""
    return Asking(
        organisation=asked.organisation,
        organisation_name=asked.organisation_name,
        role=asked.role,
        user=User(name=asked.user_name, own_id=asked.user_id),
        unscheduled=asked.unscheduled,
        request_id=asked.query_id,
    )
