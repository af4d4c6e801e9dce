"""`cpis look`: look a person up by NHS number, as a user of an organisation; on the trail before it opens."""

import json
from collections.abc import Callable, Mapping

import click

from broker.cli.answer import EXIT_CODES, checked
from broker.cli.desk import at_desk, grounds_options, json_option, servers_option
from broker.cli.organisation import Organisation
from broker.cli.personal import NUMBER, USER, USER_ID, number_of, personal
from broker.core.desk_errors import NotForThisRole
from broker.core.errors import InvalidFact
from broker.core.identifiers import OdsCode
from broker.core.look_words import look_sentences
from broker.core.looking import Look, Way
from broker.core.operators import Grounds
from broker.services.fact_desk import User
from broker.services.looking import Asking
from broker.wire.readable import readable

REFUSED_EXIT_CODE = 5
"""Of a look that is refused: no visit of the person to the scheduled setting is known (ruling 3)."""


@click.command()
@click.option("--organisation", required=True, type=Organisation(), help="ODS code of whose user looks.")
@click.option("--organisation-name", required=True, help="Its name, as the authority is told it.")
@click.option("--role", required=True, help="The user's role: a job role code, or words.")
@click.option("--place", help="Code of the site or location.")
@click.option(
    "--unscheduled/--scheduled",
    default=None,
    help="Whether the setting is unscheduled: only then is anybody told. Not said: unscheduled.",
)
@click.option("--request-id", default="", help="The asking system's own id of the request.")
@grounds_options
@json_option
@servers_option
@click.pass_context
def look(  # noqa: PLR0913 - the options of a command are its arguments
    context: click.Context,
    *,
    organisation: OdsCode,
    organisation_name: str,
    role: str,
    place: str | None,
    unscheduled: bool | None,
    request_id: str,
    reason: str,
    by: str,
    bootstrap_servers: str | None,
    as_json: bool,
) -> None:
    """
    Look a person up: plans (exit code 0), none on file (3), could not check (4), refused (5).

    --by says who puts it in, --reason what for. Both, the user, the role and the place are in the audit trail
    before anything is opened. In an unscheduled setting the authority is told, before anything is shown.

    Standard input: the NHS number, on a second line the name of the user who looks, and on a third the
    organisation's own id of that user.
    """
    grounds = Grounds(by=by, reason=reason)
    digits, name, own_id = personal((NUMBER, USER, USER_ID))
    number = number_of(digits)
    asking = Asking(
        organisation=organisation,
        organisation_name=organisation_name,
        role=role,
        user=User(name=name, own_id=own_id),
        place=place,
        unscheduled=unscheduled,
        request_id=request_id,
    )
    made = made_of(
        lambda: at_desk(bootstrap_servers, lambda desk: desk.looking.look(number, asking, grounds))
    )
    if as_json:
        click.echo(json.dumps(shown(made), ensure_ascii=False))
    else:
        click.echo("\n".join(look_sentences(made)))
    context.exit(exit_code_of(made))


def exit_code_of(made: Look) -> int:
    """Return what a program goes by: those of `cpis answer`, and one for a look that is refused."""
    return REFUSED_EXIT_CODE if made.answer is None else EXIT_CODES[made.answer.finding]


def made_of(work: Callable[[], Look]) -> Look:
    """
    Return the look; whatever keeps the desk from being opened is `could not check`, with its code.

    Raises what the asker or whoever set the program up has to mend: `ConfigurationError`, `InvalidFact`,
    `NotForThisRole`.
    """
    return checked(work, lambda answer: Look(way=Way.UNSCHEDULED, answer=answer), InvalidFact, NotForThisRole)


def shown(made: Look) -> Mapping[str, object]:
    """Return a look as JSON; the registered details are for who matches them, and are not shown."""
    opened = made.opened
    plans = () if opened is None else opened.plans
    return {
        "way": made.way.value,
        "answer": readable(made.answer),
        "plans": [{**readable(plan.line), "ring_now": plan.ring_now, "age": plan.age} for plan in plans],
        "history": [] if opened is None else readable(opened.history),
        "text": list(look_sentences(made)),
    }
