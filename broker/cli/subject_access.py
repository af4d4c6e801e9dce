"""`cpis subject-access`: collect what is held of a person, for the lead of information governance (49)."""

import json
from pathlib import Path

import click

from broker.adapters.private_file import write_private_file
from broker.cli.desk import at_desk, grounds_options, servers_option
from broker.cli.organisation import Organisation
from broker.cli.personal import NUMBER, USER_ID, number_of, personal
from broker.core.desk_errors import ResponseUnwritten
from broker.core.identifiers import OdsCode
from broker.core.operators import Grounds
from broker.wire.readable import readable

NOTHING = "Nothing is held of this person."


@click.command("subject-access")
@click.option(
    "--organisation", required=True, type=Organisation(), help="ODS code of whose user collects it."
)
@click.option(
    "--output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where it goes, for the lead; readable by its owner alone.",
)
@grounds_options
@servers_option
def subject_access(
    *, organisation: OdsCode, output: Path, reason: str, by: str, bootstrap_servers: str | None
) -> None:
    """
    Collect what is held of a person into a file, for the lead of information governance to weigh.

    It is no answer to the person: the controller weighs it first. Restricted places are left out, and what is
    another person's or an authority's own, each with the rule. An administrator alone may; who and why are in
    the audit trail before a record is opened.

    Standard input: the NHS number, on a second line the organisation's own id of the user who collects.
    """
    grounds = Grounds(by=by, reason=reason)
    digits, user_id = personal((NUMBER, USER_ID))
    number = number_of(digits)
    found = at_desk(
        bootstrap_servers, lambda desk: desk.disclosing.collect(number, organisation, user_id, grounds)
    )
    if found is None:
        click.echo(NOTHING)
        return
    data = json.dumps(readable(found), ensure_ascii=False, indent=2).encode()
    try:
        write_private_file(output, data)
    except OSError as error:
        raise ResponseUnwritten(f"the file cannot be written: {error.strerror}") from error
    held = ", ".join(f"{len(rows)} {kind}" for kind, rows in found.held.items())
    click.echo(f"{held}; withheld: {len(found.withheld)}")
