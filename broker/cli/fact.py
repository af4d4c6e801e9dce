"""`cpis fact`: put in by hand what was said of a person, a view, who must not see, what nobody settled."""

from collections.abc import Callable
from datetime import date, datetime

import click

from broker.cli.desk import at_desk, grounds_options, servers_option, visit_named
from broker.cli.organisation import Organisation
from broker.cli.personal import NUMBER, USER, USER_ID, number_of, personal
from broker.core.facts import IdentityKind
from broker.core.identifiers import OdsCode
from broker.core.operators import Grounds
from broker.runtime.desk import Desk
from broker.services.fact_desk import BY_HAND, Added, User
from broker.services.finding import VisitAsked

_WORDS = {kind.value.replace(" ", "-"): kind for kind in BY_HAND}
_SUCCESSOR = "NHS number that succeeds it"
_MOTHER = "NHS number of the mother"
_BABY = "NHS number of the baby"
_BORN = "Date of birth"
_BABY_BORN = "Date of birth of the baby"
_BESIDES = {IdentityKind.SUPERSEDED: (_SUCCESSOR,), IdentityKind.BIRTH_DATE: (_BORN,)}
"""What is asked for after the number."""


class Moment(click.ParamType):
    """A time with its zone on the command line: `2026-03-02T10:00:00Z`."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Return the time."""
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            self.fail("give a time with its zone, as 2026-03-02T10:00:00Z", param, ctx)
        return moment


@click.group()
def fact() -> None:
    """Facts by hand, for what no interface brings."""


@fact.group()
def add() -> None:
    """
    Add a fact; whom it is about is asked for, or read from standard input.

    An NHS number in a command's words could be read by everybody on the machine, in the list of processes
    and in the shell's history. So numbers and names are read from standard input, one a line in the order in
    which they are asked for; at a terminal they are asked for, and not shown. Work is settled by `cpis
    worklist`.
    """


@add.command()
@click.option("--kind", required=True, type=click.Choice(list(_WORDS)), help="What was said.")
@click.option(
    "--recorded-at", required=True, type=Moment(), help="When the source recorded it: the newest counts."
)
@grounds_options
@servers_option
def notice(kind: str, recorded_at: datetime, reason: str, by: str, bootstrap_servers: str | None) -> None:
    """
    Add what the demographic source said of a number or its person, or an authority of a pregnancy.

    restricted: the person's whereabouts are to be protected. superseded: another number has taken its
    place, and everything follows that one. number-change: it changed, and how is not known yet. in-use: it
    is valid, which settles an enquiry and what was said before. date-of-birth: the source holds this one.
    pregnancy-ended: the authority recorded that it ended without a birth, and alerts for it stop.
    stillbirth-taken-back: a birth notice said so of the mother's, and it was wrong: alerts go on.
    time-passed: it is that late, so that what is asked of an authority every day is asked again.

    Standard input: the NHS number; on a second line for superseded the number that succeeds it, and for
    date-of-birth the date, as 2014-04-12.
    """
    grounds = Grounds(by=by, reason=reason)
    what = _WORDS[kind]
    digits, *besides = personal((NUMBER, *_BESIDES.get(what, ())))
    number = number_of(digits)
    successor = number_of(besides[0]) if what is IdentityKind.SUPERSEDED else None
    born = _day(besides[0]) if what is IdentityKind.BIRTH_DATE else None

    async def put_in(desk: Desk) -> Added:
        """Add the notice."""
        return await desk.facts.add_notice(
            number, what, recorded_at=recorded_at, successor=successor, born=born, grounds=grounds
        )

    _show(at_desk(bootstrap_servers, put_in))


@add.command()
@click.option("--recorded-at", required=True, type=Moment(), help="When the source recorded the birth.")
@grounds_options
@servers_option
def birth(recorded_at: datetime, reason: str, by: str, bootstrap_servers: str | None) -> None:
    """
    Add a birth notice: whose child a baby is.

    Where an unborn child's plan is on file for the mother, it covers the baby, and the authority is asked to
    open the baby's own.

    Standard input: the NHS number of the mother, on a second line that of the baby, and on a third the baby's
    date of birth, as 2026-03-02.
    """
    grounds = Grounds(by=by, reason=reason)
    mother, baby, day = personal((_MOTHER, _BABY, _BABY_BORN))
    numbers, born = (number_of(mother), number_of(baby)), _day(day)

    async def put_in(desk: Desk) -> Added:
        """Add the birth."""
        return await desk.facts.add_birth(
            numbers[0], baby=numbers[1], born=born, recorded_at=recorded_at, grounds=grounds
        )

    _show(at_desk(bootstrap_servers, put_in))


@add.command()
@click.option("--organisation", required=True, type=Organisation(), help="ODS code of whose user looked.")
@click.option("--organisation-name", required=True, help="Its name, as the authority is told it.")
@click.option("--role", required=True, help="The user's role: nurse, paediatric registrar.")
@click.option("--accessed-at", required=True, type=Moment(), help="When the user looked.")
@click.option(
    "--unscheduled/--scheduled",
    default=True,
    help="Whether the setting was unscheduled: only then is anybody told. Default: unscheduled.",
)
@grounds_options
@servers_option
def view(
    *,
    organisation: OdsCode,
    organisation_name: str,
    role: str,
    accessed_at: datetime,
    unscheduled: bool,
    reason: str,
    by: str,
    bootstrap_servers: str | None,
) -> None:
    """
    Add that somebody looked a person up.

    Standard input: the NHS number, on a second line the name of the user who looked, and on a third, where it
    is known, the organisation's own id of that user: by it somebody is known who must not see the person.
    """
    grounds = Grounds(by=by, reason=reason)
    digits, name, *own_id = personal((NUMBER, USER), perhaps=USER_ID)
    user = User(name=name, own_id=own_id[0] if own_id else None)
    number = number_of(digits)

    async def put_in(desk: Desk) -> Added:
        """Add the view."""
        return await desk.facts.add_view(
            number,
            organisation=organisation,
            organisation_name=organisation_name,
            role=role,
            user=user,
            unscheduled=unscheduled,
            accessed_at=accessed_at,
            grounds=grounds,
        )

    _show(at_desk(bootstrap_servers, put_in))


def _user_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command what says whose user somebody is, whose word it is, and grounds."""
    command = servers_option(grounds_options(command))
    named_by = click.option(
        "--named-by",
        required=True,
        type=Organisation(),
        help="ODS code of the authority or provider whose word it is; it alone can take it back.",
    )
    organisation = click.option(
        "--organisation", required=True, type=Organisation(), help="ODS code of whose user it is."
    )
    return organisation(named_by(command))


@add.command()
@_user_options
def exclusion(
    *, organisation: OdsCode, named_by: OdsCode, reason: str, by: str, bootstrap_servers: str | None
) -> None:
    """
    Add that a user must not see a person: a parent on the staff, say.

    Standard input: the NHS number, and on a second line the organisation's own id of the user. When that user
    looks, the safeguarding lead gets an urgent item.
    """
    _add_of_user(organisation, named_by, Grounds(by=by, reason=reason), bootstrap_servers, ended=False)


@add.command("exclusion-ended")
@_user_options
def exclusion_ended(
    *, organisation: OdsCode, named_by: OdsCode, reason: str, by: str, bootstrap_servers: str | None
) -> None:
    """
    Add that whoever named a user that must not see a person takes that back.

    What others said of the user stands, and so does what the safeguarding lead was told. Standard input: the
    NHS number, and on a second line the organisation's own id of the user.
    """
    _add_of_user(organisation, named_by, Grounds(by=by, reason=reason), bootstrap_servers, ended=True)


def _add_of_user(
    organisation: OdsCode, named_by: OdsCode, grounds: Grounds, servers: str | None, *, ended: bool
) -> None:
    """Add a word about a user of an organisation, both asked for."""
    digits, user_id = personal((NUMBER, USER_ID))
    number = number_of(digits)

    async def put_in(desk: Desk) -> Added:
        """Add the word."""
        return await desk.facts.add_exclusion(
            number,
            organisation=organisation,
            user_id=user_id,
            named_by=named_by,
            ended=ended,
            grounds=grounds,
        )

    _show(at_desk(servers, put_in))


def _visit_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command what names a visit, a time and grounds."""
    command = servers_option(grounds_options(command))
    at = click.option("--at", required=True, type=Moment(), help="When it was so: the newest counts.")
    system = click.option("--system", required=True, help="The sending system (MSH-3).")
    return click.argument("visit", metavar="PROVIDER/NUMBER")(system(at(command)))


@add.command("no-outcome")
@_visit_options
def no_outcome(
    *, visit: str, system: str, at: datetime, reason: str, by: str, bootstrap_servers: str | None
) -> None:
    """
    Add that nothing had been heard by a time of how a visit ended.

    If that is 12 hours after the arrival, or what the policy says, each authority that is told of the visit
    reads so until an outcome comes. Standard input: the NHS number that the visit is under.
    """
    grounds, asked = Grounds(by=by, reason=reason), visit_named(visit, system)
    _add_of_visit(IdentityKind.NO_OUTCOME, asked, at, grounds, bootstrap_servers)


@add.command("not-opened")
@_visit_options
def not_opened(
    *, visit: str, system: str, at: datetime, reason: str, by: str, bootstrap_servers: str | None
) -> None:
    """
    Add that by a time an authority had not opened what it was told of a visit.

    If that is 30 minutes after the arrival, or what the policy says, the clinician reads that nobody at the
    authority has opened it, and whom to ring. Standard input: the NHS number that the visit is under.
    """
    grounds, asked = Grounds(by=by, reason=reason), visit_named(visit, system)
    _add_of_visit(IdentityKind.UNOPENED, asked, at, grounds, bootstrap_servers)


@add.command()
@_visit_options
def opened(
    *, visit: str, system: str, at: datetime, reason: str, by: str, bootstrap_servers: str | None
) -> None:
    """
    Add that every authority that was told of a visit has opened it: the clinician's note goes.

    Standard input: the NHS number that the visit is under.
    """
    grounds, asked = Grounds(by=by, reason=reason), visit_named(visit, system)
    _add_of_visit(IdentityKind.OPENED, asked, at, grounds, bootstrap_servers)


def _add_of_visit(
    kind: IdentityKind, asked: VisitAsked, at: datetime, grounds: Grounds, servers: str | None
) -> None:
    """Add a word about a visit, under the number that is asked for."""
    (digits,) = personal((NUMBER,))
    number, system = number_of(digits), asked.system or ""

    async def put_in(desk: Desk) -> Added:
        """Add the word."""
        return await desk.facts.add_of_visit(number, kind, asked, system=system, at=at, grounds=grounds)

    _show(at_desk(servers, put_in))


@add.command()
@click.argument("item_id", metavar="ITEM")
@click.option(
    "--at", required=True, type=Moment(), help="When it was still unsettled: 12 hours after the arrival."
)
@grounds_options
@servers_option
def unsettled(item_id: str, at: datetime, reason: str, by: str, bootstrap_servers: str | None) -> None:
    """
    Add that nobody had settled an item of the worklist, `details disagree`, by a time.

    If that is 12 hours after the arrival, or what the policy says, each authority with a plan that counts
    hears of a possible attendance, provider and time only. Nothing is read from standard input.
    """
    grounds = Grounds(by=by, reason=reason)

    async def put_in(desk: Desk) -> Added:
        """Add the word."""
        return await desk.words.unsettled((await desk.worklist.worklist()).find(item_id), at, grounds)

    _show(at_desk(bootstrap_servers, put_in))


def _day(text: str) -> date:
    """Return a date of birth; misuse is explained without repeating it."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise click.UsageError("give the date of birth as 2026-03-02") from None


def _show(added: Added) -> None:
    """Say that the fact is durable."""
    click.echo(f"{added.fact_id} is in {added.topic}")
