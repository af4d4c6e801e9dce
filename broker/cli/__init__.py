"""
The command `cpis`: a table of its sub-commands, each imported only when it is run.

To add one, add its row: name, where it is, and what `cpis --help` says of it.
"""

from importlib import import_module
from typing import NamedTuple

import click


class _Command(NamedTuple):
    """Where a sub-command is (`module:attribute`) and its line of help."""

    target: str
    help: str


COMMANDS = {
    "access": _Command("broker.cli.access:access", "Show who may do what on the cluster, or grant it."),
    "answer": _Command("broker.cli.answer:answer", "Answer whether a visit's patient has a plan on file."),
    "authorities": _Command(
        "broker.cli.authorities:authorities",
        "How each authority's feed does: age, matches, what waits.",
    ),
    "deliveries": _Command(
        "broker.cli.deliveries:deliveries", "What goes to providers' own systems: list it, send it again."
    ),
    "demo": _Command("broker.cli.demo:demo", "Show a recorded day become alerts, on a genuine Kafka."),
    "explain": _Command("broker.cli.explain:explain", "Say why a visit led to an alert, or to none."),
    "fact": _Command("broker.cli.fact:fact", "Put a fact in by hand: what was said of a number, or a view."),
    "kafka": _Command("broker.cli.kafka:kafka", "Run a Kafka of our own in the foreground."),
    "la": _Command("broker.cli.la:la", "Try the authorities' door as a supplier of case systems."),
    "listen": _Command("broker.cli.listen:listen", "Follow what an authority or a provider is told."),
    "look": _Command("broker.cli.look:look", "Look a person up: plans, whom to ring, newest visits."),
    "mesh": _Command("broker.cli.mesh:mesh", "What goes to authorities over MESH, and what became of it."),
    "messages": _Command(
        "broker.cli.messages:messages", "Every message that came in: find it, show it; names nobody."
    ),
    "onboard": _Command("broker.cli.onboard:onboard", "Let a new provider in, and see what it lacks."),
    "pds-simulator": _Command(
        "broker.cli.pds_simulator:pds_simulator", "Run a demographic service of synthetic people."
    ),
    "policy": _Command(
        "broker.cli.policy:policy", "Show the policy, check a file, or see what a change would have told."
    ),
    "probe": _Command("broker.cli.probe:probe", "Send a synthetic visit through the whole path."),
    "query": _Command("broker.cli.query:query", "Answer an HL7 v3 query of a file with a response."),
    "rejected": _Command(
        "broker.cli.rejected:rejected", "What was refused at the doors: list it, show it, redrive it."
    ),
    "replay": _Command("broker.cli.replay:replay", "Play a recorded stream on the core alone."),
    "retention": _Command(
        "broker.cli.retention:retention", "Show what is held, how old it is and why; names nobody."
    ),
    "run": _Command("broker.cli.run:run", "Run the broker: intake, matcher, outbox."),
    "schemas": _Command(
        "broker.cli.schemas:schemas", "List the schemas, or register that of alerts with a registry."
    ),
    "senders": _Command(
        "broker.cli.senders:senders",
        "How each sender does: numbers, lateness, faults, silence; names nobody.",
    ),
    "subject-access": _Command(
        "broker.cli.subject_access:subject_access", "Collect what is held of a person, for the lead alone."
    ),
    "timers": _Command("broker.cli.timers:timers", "Say what time alone brings about; names nobody."),
    "topics": _Command(
        "broker.cli.topics:topics", "Make the topics of a cluster as they are declared, or list them."
    ),
    "trace": _Command("broker.cli.trace:trace", "Find NHS numbers at the demographic source."),
    "upload": _Command("broker.cli.upload:upload", "Load upload files of local authorities."),
    "uploads": _Command("broker.cli.uploads:uploads", "Upload files that are kept: list them, open one."),
    "worklist": _Command(
        "broker.cli.worklist:worklist", "Work that the broker leaves to people: list it, show it, settle it."
    ),
}


class _LazyGroup(click.Group):
    """A group that knows its commands' names and help from the table, and imports one when it is run."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 – click's signature
        """Return the names in the table's order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the command and return it."""
        row = COMMANDS.get(cmd_name)
        if row is None:
            return None
        module, _, attribute = row.target.partition(":")
        command = getattr(import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{row.target} is not a command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the table without importing a command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, row.help) for name, row in COMMANDS.items()])


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="cpis-broker")
def root() -> None:
    """Child protection information sharing: an event broker on Apache Kafka."""
