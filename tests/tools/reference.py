"""
Builds the reference pages from what they describe: settings, policy, rules, commands, errors, topics.

A page is a function of the code and the shipped files alone, so two builds are equal.
"""

import importlib
import json
import pkgutil
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

import broker
from broker.adapters.access_declarations import Grant, load_access
from broker.adapters.topic_declarations import load_topics
from broker.cli import root
from broker.core.authorities import Authorities
from broker.core.errors import BrokerError, ConfigurationError, Disposition
from broker.core.feeds import FeedHealth
from broker.core.identifiers import OdsCode
from broker.core.lawful_basis import TABLE, Flow
from broker.core.policy import DECLARATIONS, Policy
from broker.core.policy_keys import Declared, Where
from broker.core.senders import Senders
from broker.runtime.codecs import load_schemas
from broker.runtime.metrics import METRICS, PARTITIONS
from broker.runtime.parts import present
from broker.runtime.policy_view import plain
from broker.runtime.policy_view import words as policy_words
from broker.runtime.settings import PREFIX, Settings
from broker.services.described import page
from broker.services.feed_door import FeedDoor
from broker.services.national_door import NationalDoor
from broker.services.notification_door import NotificationDoor, Page
from broker.services.reconciliation import Reconciled
from broker.services.reconciliation_door import ReconciliationDoor
from broker.wire.access_notification import Correspondents, Office
from broker.wire.feed_codec import FeedCodec
from broker.wire.upload_codes import FileCode, RecordCode
from broker.wire.upload_csv import COLUMNS
from tests.builders.http_house import operations
from tests.builders.matcher import make_codecs
from tests.builders.upload_desk import Desk as UploadDesk
from tests.builders.upload_desk import door_of
from tests.tools.markdown import paragraph, table
from tests.tools.reference_logs import log_events_page
from tests.tools.reference_modules import modules_page
from tests.tools.reference_rules import rules_page
from tests.tools.reference_schemas import schemas_page
from tests.tools.reference_senders import senders_page
from tests.unit.services.test_intake import Desk
from tests.unit.services.test_national_events import Post

NOTICE = "<!-- Built by `make fix` from what it describes. Do not edit. -->"
HELP_WIDTH = 96  # columns of the commands' help: fits a page without wrapping

_DISPOSITIONS = {
    Disposition.RETRY: "tries again by itself",
    Disposition.REJECT: "refuses it to the sender and keeps the bytes",
    Disposition.WORKLIST: "makes a worklist item and goes on",
    Disposition.HALT: "stops",
}


def build_pages(repository: Path) -> Mapping[Path, str]:
    """Return every generated page by its place in the repository."""
    folder = repository / "docs" / "reference"
    builders: Mapping[str, Callable[[Path], str]] = {
        "schemas.md": lambda where: schemas_page(where / "schemas"),
        "topics.md": lambda where: topics_page((where / "deploy" / "topics.toml").read_text("utf-8")),
        "access.md": lambda where: access_page(where / "deploy"),
        "settings.md": lambda _where: settings_page(),
        "cli.md": lambda _where: commands_page(),
        "errors.md": lambda _where: errors_page(),
        "upload-codes.md": lambda _where: upload_codes_page(),
        "upload-columns.md": lambda _where: upload_columns_page(),
        "metrics.md": lambda _where: metrics_page(),
        "policy.md": lambda _where: policy_page(),
        "senders.md": senders_page,
        "rules.md": rules_page,
        "lawful-basis.md": lambda _where: lawful_basis_page(),
        "log-events.md": lambda _where: log_events_page(),
        "modules.md": modules_page,
        "stream.md": lambda where: stream_page((where / "schemas" / "stream.schema.json").read_text("utf-8")),
    }
    pages = {folder / name: _with_notice(build(repository)) for name, build in builders.items()}
    return {**pages, folder / "openapi.json": openapi_page()}


async def _no_plans(_authorities: frozenset[OdsCode]) -> Reconciled:
    """Return no plan."""
    return Reconciled(rows=(), withheld=0, unreadable=0)


def _no_events(recipient: str, *, after: int, limit: int) -> Page:
    """Return an inbox in which nothing is."""
    return Page(inbox="", entries=(), more=False)


def _nobody(authority: OdsCode) -> Correspondents:
    """Return who tells an authority: nobody of a name."""
    office = Office(code=authority, name="")
    return Correspondents(authority=office, operator=office, asid="")


async def _no_feeds() -> Sequence[FeedHealth]:
    """Return the health of no feed: the page describes operations alone."""
    return ()


def upload_columns_page() -> str:
    """Return the page of the columns of an upload that is a table."""
    rows = [
        (f"`{name}`", "yes" if column.required else "no", _sentence(column.meaning))
        for name, column in COLUMNS.items()
    ]
    about = paragraph(
        """
        A small authority may send its uploads as a table: CSV in UTF-8, commas between cells, the names of
        the columns in the first line, in any order. One row is one record with one plan. A row is read as
        the message that says the same, so that it gets the same codes; the acknowledgement as JSON names line
        and column. A column that is not in the list is refused, since what stands in it would be lost. A
        table whose only row has the columns of the file alone is a sign of life: there is nothing to tell.
        """
    )
    return "\n".join(["# Columns of an upload", "", about, "", *table(("Column", "Needed", "Meaning"), rows)])


def openapi_page() -> str:
    """Return the description of everything that is asked over HTTP."""
    la_door, *_ = door_of(UploadDesk(), Path(), Senders())
    national = NationalDoor(Post().events, Senders())
    feeds = FeedDoor(Senders(), Authorities(), _no_feeds)
    plans = ReconciliationDoor(Senders(), _no_plans)
    told = NotificationDoor(
        Senders(),
        _no_events,
        make_codecs().alerts,
        feeds=FeedCodec(load_schemas()),
        told=frozenset(),
        between=_nobody,
        clock=present,
    )
    ours = (
        *la_door.operations(),
        *told.operations(),
        *feeds.operations(),
        *plans.operations(),
        *national.operations(),
    )
    return page((*ours, *operations(Desk(), Senders()))).decode() + "\n"


def _with_notice(page: str) -> str:
    """Return a page with the notice behind its title."""
    title, rest = page.split("\n", maxsplit=1)
    return f"{title}\n\n{NOTICE}\n{rest.rstrip()}\n"


def settings_page() -> str:
    """Return the page of the environment variables."""
    known: dict[str, Any] = {}
    rows = []
    for name, field in Settings.model_fields.items():
        default = field.get_default(call_default_factory=True, validated_data=known)
        known[name] = default
        shown = "none" if default is None else f"`{default}`"
        rows.append((f"`{PREFIX}{name.upper()}`", shown, _sentence(field.description or "")))
    about = paragraph(
        f"""
        Every setting is an environment variable that begins with `{PREFIX}`. An empty one counts as absent. A
        variable with this beginning that is not in the table is refused, and so is a wrong value: the command
        says which, and ends with exit code {ConfigurationError.exit_code}.
        """
    )
    return "\n".join(["# Settings", "", about, "", *table(("variable", "default", "meaning"), rows)])


def commands_page() -> str:
    """Return the page of the commands, with the help of each."""
    about = "What `--help` says of each. Exit codes other than 0 are in [errors](errors.md)."
    lines = ["# Commands", "", about]
    for path, text in _helps(root, "cpis", None):
        lines += ["", f"## {path}", "", "```text", text.rstrip(), "```"]
    return "\n".join(lines)


def _helps(command: click.Command, name: str, parent: click.Context | None) -> Iterator[tuple[str, str]]:
    """Yield the full name and the help of a command, then of those below it."""
    context = click.Context(
        command,
        info_name=name,
        parent=parent,
        terminal_width=HELP_WIDTH,
        help_option_names=["-h", "--help"],
    )
    yield context.command_path, command.get_help(context)
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            found = command.get_command(context, below)
            if found is not None:
                yield from _helps(found, below, context)


def errors_page() -> str:
    """Return the page of the errors: what each means, what the program does, what a person does."""
    about = paragraph(
        """
        A command that fails prints the message, the code and what to do, and ends with the exit code. Log
        lines carry the same code. No message holds a name, a number or a date of birth of anybody.
        """
    )
    _import_everything()
    rows = [
        (
            f"`{error.code}`",
            _first_paragraph(error),
            _DISPOSITIONS[error.disposition],
            str(error.exit_code),
            error.action,
        )
        for error in sorted(_all_below(BrokerError), key=lambda error: error.code)
    ]
    head = ("code", "meaning", "the program", "exit code", "what to do")
    return "\n".join(["# Errors", "", about, "", *table(head, rows)])


def upload_codes_page() -> str:
    """Return the page of the codes with which an upload is answered."""
    about = paragraph(
        """
        What an authority is answered, in message `REPC_MT000003GB01`: one code for the file, one for each
        record. How to read the answer: [connect a local authority](../how-to/connect-an-authority.md). The
        names are the official ones, spelling included.
        """
    )
    head = ("code", "official name", "meaning", "given")
    lines = ["# Upload codes", "", about]
    for title, codes in (("The file", FileCode), ("Each record", RecordCode)):
        rows = [(f"`{code.value}`", code.display_name, code.meaning, _given(code)) for code in codes]
        lines += ["", f"## {title}", "", *table(head, rows)]
    return "\n".join(lines)


def lawful_basis_page() -> str:
    """Return the page of the lawful-basis table (ruling 49)."""
    about = paragraph(
        """
        Every flow of personal data that the broker makes, with the controllers on each side and
        what makes it lawful. Whoever runs the broker is the processor of both sides. Every decision
        in the audit trail cites the rows it rests on, by name. **The rows are a proposal**: a data
        protection officer confirms each of them, by its version, in the file that
        `CPIS_LAWFUL_BASIS_FILE` names, and a live deployment's matcher does not start before. A row
        that a release changes is confirmed anew. Consent is no basis of any row (R49).
        """
    )
    head = ("row", "version", "what", "from", "to", "statute", "UK GDPR", "special category")
    rows = [
        (
            f"`{flow}`", str(row.version), row.what, row.from_controller, row.to_controller, row.statute,
            row.articles, row.condition,
        )
        for flow, row in TABLE.items()
    ]  # fmt: skip
    example = ["```toml", f"[{Flow.VISIT_OF_CHILD}]", "version = 1", 'by = "Data protection officer, Exton"']
    lines = ["# The lawful basis of each flow", "", about, "", *table(head, rows), "", "## The file", ""]
    lines += ["A table for each row:", "", *example, "on = 2026-11-01", "```"]
    return "\n".join(lines)


def _given(code: FileCode | RecordCode) -> str:
    """Return whether the broker gives a code today."""
    return f"not yet: needs {code.awaits}" if code.awaits else "yes"


def _import_everything() -> None:
    """Import every module of the program, so that no class is missed for being defined elsewhere."""
    for module in pkgutil.walk_packages(broker.__path__, f"{broker.__name__}."):
        importlib.import_module(module.name)


def _all_below(error: type[BrokerError]) -> Iterator[type[BrokerError]]:
    """Yield a class and every class derived from it."""
    yield error
    for below in error.__subclasses__():
        yield from _all_below(below)


def _first_paragraph(documented: type) -> str:
    """Return the first paragraph of a docstring on one line."""
    return " ".join((documented.__doc__ or "").strip().split("\n\n")[0].split())


def metrics_page() -> str:
    """Return the page of the metrics: name, kind, labels, meaning."""
    about = paragraph(
        """
        `/metrics` on the operators' port of each process (`CPIS_OPS_HOST`, `CPIS_OPS_PORT`) shows these in
        Prometheus' text form. Every label has a closed set of values, so that nothing of a person can become
        one; a value that is none of them is shown as `other`. Times are in seconds. How to use them:
        [watch it](../how-to/watch-it.md).
        """
    )
    rows = [
        (
            f"`{metric.name}`",
            metric.kind.value,
            "<br>".join(_label(name, values) for name, values in metric.labels.items()) or "none",
            metric.help,
        )
        for metric in METRICS
    ]
    return "\n".join(["# Metrics", "", about, "", *table(("name", "kind", "labels", "meaning"), rows)])


def policy_page() -> str:
    """Return the page of the policy: each key with its default, where it may be set, and what it means."""
    about = paragraph(
        """
        What a policy file may hold: in `[settings]` for everywhere, in `[[override]]` for those it names with
        `authority`, or with `provider`, alone or with `system`, `site` or `location`. A `[[period]]` holds
        both, from its day on. How to write one: [settle a policy](../how-to/settle-a-policy.md). What the
        rulings are: [the rules](rules.md).
        """
    )
    rows = [
        (
            f"`{declared.key(name)}`",
            policy_words(plain(name, getattr(Policy(), name))),
            _sentence(declared.may_be).replace('"', "`"),
            _scopes(declared),
            declared.rule,
            f"{_sentence(declared.meaning)}.",
        )
        for name, declared in DECLARATIONS.items()
    ]
    head = ("key", "default", "may be", "set for", "rule", "meaning")
    successors = paragraph(
        """
        Beside them `[successors.ODS]` names the authority that follows a reorganised one: its `code`, and the
        day it `opens_on` (ruling 19). `[[stop]]` is a controller's signed stop of sharing, the one thing that
        ends it (ruling 45): `authority` or `provider`, `from` and `until` (the last day; without one until
        further notice), `signed_by` and `signed_on`. Successors and stops stand outside the periods.
        """
    )
    return "\n".join(["# Policy", "", about, "", *table(head, rows), "", successors])


def _scopes(declared: Declared) -> str:
    """Return where a setting may be set."""
    scopes = [Where.EVERYWHERE] * declared.everywhere + [one for one in Where if one in declared.scopes]
    return ", ".join(scopes)


def _label(name: str, values: frozenset[str]) -> str:
    """Return a label with what it may be."""
    if values >= PARTITIONS:
        return f"`{name}`: number of the partition"
    return f"`{name}`: {_listed(sorted(values))}"


def topics_page(declaration: str) -> str:
    """Return the page of the topics from their declaration (TOML)."""
    declared = tomllib.loads(declaration)
    count = declared["partitions"]
    topics = {**declared["topics"], **{kind["name"]: kind for kind in declared["recipient_topics"].values()}}
    rows = [
        (
            f"`{name}`",
            topic.get("key") or "none",
            str(topic.get("partitions", count))
            + (" (co-partitioned)" if topic.get("co_partitioned") else ""),
            "<br>".join(f"`{setting}` {value}" for setting, value in topic["settings"].items()),
        )
        for name, topic in topics.items()
    ]
    about = paragraph(
        f"""
        Declared in `deploy/topics.toml`; `cpis topics apply` makes them. Co-partitioned topics have the same
        number of partitions, {count} unless changed before the first start, and keep it for the life of a
        deployment.
        """
    )
    recipients = declared["recipients"]
    shipped = paragraph(
        f"""
        `{{ods}}` stands for the ODS code of a recipient. The shipped file names those of the demonstration:
        authorities {_listed(recipients["local_authorities"])}; providers {_listed(recipients["providers"])}.
        """
    )
    head = ("topic", "key", "partitions", "settings")
    return "\n".join(["# Topics", "", about, "", *table(head, rows), "", shipped])


def access_page(folder: Path) -> str:
    """Return the page of the principals and their rights, from the declarations in a folder."""
    topics = load_topics((folder / "topics.toml").read_text("utf-8"))
    access = load_access((folder / "access.toml").read_text("utf-8"), topics, Settings().application_id)
    rows = [
        (
            f"`{principal.user}`",
            _sentence(principal.does),
            "<br>".join(_right(grant) for grant in principal.grants),
        )
        for principal in access
    ]
    about = paragraph(
        """
        Declared in `deploy/access.toml`, for the recipients of `deploy/topics.toml` and the application id
        `cpis`; `cpis access apply` grants them. A name that ends with `*` stands for all that begin so. READ
        and WRITE let a principal see the topic, too. Everything else is refused. How to use it:
        [secure the way to Kafka](../how-to/secure-kafka.md).
        """
    )
    head = ("principal", "who", "may")
    return "\n".join(["# Who may do what on Kafka", "", about, "", *table(head, rows)])


def _right(grant: Grant) -> str:
    """Return a grant as the table has it."""
    return f"{grant.operation.name} {grant.kind} `{grant.name}{'*' if grant.prefixed else ''}`"


def stream_page(schema: str) -> str:
    """Return the page of the recorded stream from its JSON Schema."""
    described = json.loads(schema)
    required = described["required"]
    rows = [
        (
            f"`{name}`",
            "yes" if name in required else "no",
            ", ".join(f"`{value}`" for value in said.get("enum", [])) or said["type"],
            said["description"],
        )
        for name, said in described["properties"].items()
    ]
    about = paragraph(
        f"""
        {described["description"]} The schema is `schemas/stream.schema.json`. How to run one:
        [replay a stream](../how-to/replay-a-stream.md).
        """
    )
    head = ("name", "required", "values", "meaning")
    return "\n".join(["# The recorded stream", "", about, "", *table(head, rows)])


def _listed(codes: Sequence[str] | Iterable[str]) -> str:
    """Return codes as a list in a sentence."""
    return ", ".join(f"`{code}`" for code in codes)


def _sentence(words: str) -> str:
    """Return words with a capital in front."""
    return words[:1].upper() + words[1:]
