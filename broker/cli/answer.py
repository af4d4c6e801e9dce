"""`cpis answer`: one of three answers for a visit, each with an exit code of its own."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import click

from broker.cli.desk import at_desk, grounds_options, json_option, servers_option, visit_named
from broker.cli.personal import USER_ID, personal
from broker.core.answer_words import answer_sentences
from broker.core.answers import Answer, Finding, Uncheckable, could_not_check
from broker.core.desk_errors import NoAnswerHere, VisitAmbiguous
from broker.core.errors import ConfigurationError
from broker.core.identifiers import OdsCode
from broker.core.keyed import user_reference
from broker.core.operators import Grounds
from broker.runtime.parts import identity_key
from broker.runtime.settings import load_settings
from broker.services.matching_output import cause_of
from broker.wire.readable import readable

T = TypeVar("T")

EXIT_CODES = {Finding.PLAN: 0, Finding.NO_PLAN: 3, Finding.COULD_NOT_CHECK: 4}
"""What a program goes by; every error has another (64 and above, 2 for a wrong option, 1 for a crash)."""


@click.command()
@click.option("--visit", required=True, help="A visit: PROVIDER/NUMBER, the codes of MSH-4 and PV1-19.")
@click.option("--system", help="The sending system (MSH-3); needed where several know such a number.")
@click.option(
    "--organisation",
    help="ODS code of whose user asks; the user's own id is then read from standard input. Who must not see "
    "the patient gets no answer.",
)
@grounds_options
@json_option
@servers_option
@click.pass_context
def answer(
    context: click.Context,
    *,
    visit: str,
    system: str | None,
    organisation: str | None,
    reason: str,
    by: str,
    bootstrap_servers: str | None,
    as_json: bool,
) -> None:
    """
    Answer for an unscheduled visit: plan on file (exit code 0), no plan on file (3), could not check (4).

    It opens a person's record, so it needs --reason and --by: both are in the audit trail before anything is
    said. It waits up to a minute for the matcher to pass the visit. It prints no number, no name, no plan.
    """
    asked, grounds = visit_named(visit, system), Grounds(by=by, reason=reason)
    if organisation is not None:
        user = _user(OdsCode(organisation.upper()))
        asked = replace(asked, user=user)
    told = answer_of(lambda: at_desk(bootstrap_servers, lambda desk: desk.enquiry.ask(asked, grounds)))
    said = answer_sentences(told)
    if as_json:
        click.echo(json.dumps({**readable(told), "text": list(said)}, ensure_ascii=False))
    else:
        click.echo("\n".join(said))
    context.exit(EXIT_CODES[told.finding])


def _user(organisation: OdsCode) -> str:
    """Return the reference of the user who asks, by the id that standard input has (ruling 48)."""
    (own_id,) = personal((USER_ID,))
    return user_reference(identity_key(load_settings()), organisation, own_id)


def answer_of(ask: Callable[[], Answer]) -> Answer:
    """
    Return what is answered; whatever keeps the desk from being opened is `could not check`, with its code.

    Raises what the asker has to mend as well: `NoAnswerHere`, `VisitAmbiguous`.
    """
    return checked(ask, lambda answer: answer, NoAnswerHere, VisitAmbiguous)


def checked(work: Callable[[], T], otherwise: Callable[[Answer], T], *to_mend: type[Exception]) -> T:
    """
    Return what comes of some work, or `otherwise` of the answer that it could not be checked, with its code.

    Raises what the asker has to mend, and `ConfigurationError`, which is whoever's who set the program up.
    """
    try:
        return work()
    except ConfigurationError:
        raise
    except Exception as error:
        if isinstance(error, to_mend):
            raise
        return otherwise(could_not_check(Uncheckable.BROKER_BEHIND, cause=cause_of(error)))
