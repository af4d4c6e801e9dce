"""`cpis demo`: a genuine Kafka, all roles, a recorded day through the real doors, every alert shown."""

import asyncio
import json
import signal
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import TextIO

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from broker.adapters.cluster import Cluster
from broker.adapters.kafka_topics import apply_topics, load_topics
from broker.cli.alert_view import KIND_STYLES
from broker.core.alerts import Alert, RecipientKind
from broker.core.errors import ConfigurationError
from broker.core.worklist import WorklistItem
from broker.runtime.demo import Demonstration, DemonstrationClock, Result
from broker.runtime.kafka import embedded_kafka
from broker.runtime.logs import configure_logs
from broker.runtime.parts import assemble
from broker.runtime.recorded import shown
from broker.runtime.resources import demo_policy_file, streams_directory, topics_file
from broker.runtime.settings import Settings, load_settings
from broker.runtime.worker import Role, working
from broker.wire.alerts_codec import Published
from broker.wire.stream import StreamLine, read_stream

_STREAM = "demo.jsonl"
_EXPECTED = "demo.expected.json"
_MILLISECONDS = 1000


@click.command()
@click.option("--keep", is_flag=True, help="Leave everything running afterwards and print the ports.")
@click.option("--log", type=click.File("w", encoding="utf-8"), help="Write the log here. Default: nowhere.")
def demo(log: TextIO | None, *, keep: bool) -> None:
    """Show a recorded day become alerts; exit 0 only when the outcome is the expected one."""
    console = Console(highlight=False)
    with tempfile.TemporaryDirectory(prefix="cpis-demo-") as directory, _cluster(console) as cluster:
        configure_logs("info", log or StringIO())
        settings = load_settings().model_copy(
            update={
                "kafka_bootstrap_servers": cluster.bootstrap_servers,
                "data_dir": Path(directory),
                "sealing_keys_dir": Path(directory) / "keys",
                "drop_folder": Path(directory) / "uploads",
                "database_url": f"sqlite:///{directory}/broker.sqlite",
                "policy_file": demo_policy_file(),
                "mllp_port": 0,
                "mllp_tls_certificate_file": None,
                "mllp_tls_key_file": None,
                "mllp_tls_client_ca_file": None,
                "environment": "test",
            }
        )
        equal = asyncio.run(_show(settings, cluster, console, keep=keep))
    raise SystemExit(0 if equal else 1)


@contextmanager
def _cluster(console: Console) -> Iterator[Cluster]:
    """Yield the Kafka to use: the one of the settings, or one of our own."""
    settings = load_settings()
    if settings.kafka_bootstrap_servers is not None:
        yield settings.require_cluster()
        return
    if settings.kafka_security_protocol != "PLAINTEXT":
        raise ConfigurationError(
            "CPIS_KAFKA_SECURITY_PROTOCOL is set without CPIS_KAFKA_BOOTSTRAP_SERVERS: the demonstration's "
            "own Kafka speaks PLAINTEXT on loopback"
        )
    with console.status("Starting Apache Kafka …"), embedded_kafka(say=console.print) as kafka:
        yield kafka.cluster


async def _show(settings: Settings, cluster: Cluster, console: Console, *, keep: bool) -> bool:
    """Run the roles, play the stream, show the summary; return whether the outcome is the expected one."""
    topics = load_topics(topics_file().read_text("utf-8"))
    await apply_topics(cluster, topics)
    parts = assemble(settings)
    lines = list(read_stream((streams_directory() / _STREAM).read_text("utf-8").splitlines()))
    expected = json.loads((streams_directory() / _EXPECTED).read_text("utf-8"))
    clock = DemonstrationClock()
    async with working(settings, parts=parts, clock=clock) as worker:
        port = worker.services[Role.INTAKE].port
        demonstration = Demonstration(
            parts,
            cluster=cluster,
            topics=topics,
            mllp=(settings.mllp_host, port),
            folder=settings.drop_folder,
            clock=clock,
            audience=_Terminal(console),
        )
        result = await demonstration.play(lines)
        as_recorded = shown(result.expected) == expected
        _summary(console, result, as_recorded=as_recorded)
        if keep:
            clock.release()
            await _kept(console, settings, cluster, port)
    return as_recorded and not result.differences


async def _kept(console: Console, settings: Settings, cluster: Cluster, port: int) -> None:
    """Say where everything is, and wait for Ctrl-C."""
    console.print("\nLeft running; Ctrl-C stops it.", style="bold")
    console.print(f"  MLLP         {settings.mllp_host}:{port}")
    servers = cluster.bootstrap_servers
    console.print(f"  Kafka        {servers}   (export CPIS_KAFKA_BOOTSTRAP_SERVERS={servers})")
    console.print(f"  drop folder  {settings.drop_folder}")
    console.print("  try          cpis listen --authority 211 --from-beginning")
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for end in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(end, stopped.set)
    await stopped.wait()


class _Terminal:
    """Shows what happens, line by line."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def line(self, line: StreamLine, answer: str, seconds: float) -> None:
        """Show what went in and how it was answered."""
        text = Text.assemble(
            (f"\n{line.at:%a %H:%M}  ", "dim"),
            (line.about, "bold"),
            (f"   {line.door.value} → {answer}, {seconds * _MILLISECONDS:.0f} ms", "dim"),
        )
        self._console.print(text)

    def alert(self, published: Published, seconds: float) -> None:
        """Show who is told what, and how long it took."""
        event, alert = published.event, published.event.alert
        style = KIND_STYLES[event.kind] if event.loud else "dim"
        changes = f" ({', '.join(change.value for change in event.changes)})" if event.changes else ""
        self._console.print(
            Text.assemble(
                "   ",
                (f"{event.kind.value}{changes}", style),
                f" → {_recipient(alert)}: ",
                "; ".join(_told(alert)),
                (f"   +{seconds * _MILLISECONDS:.0f} ms", "dim"),
            )
        )

    def item(self, item: WorklistItem) -> None:
        """Show that somebody has work to do."""
        urgent = "urgent " if item.urgent else ""
        self._console.print(
            f"   {urgent}worklist item → {item.provider}: {item.kind.value}", style="bold cyan"
        )


def _recipient(alert: Alert) -> str:
    """Return who is told."""
    kind = "authority" if alert.recipient.kind is RecipientKind.AUTHORITY else "provider"
    return f"{kind} {alert.recipient.code}, {alert.route.value}"


def _told(alert: Alert) -> Iterator[str]:
    """Yield what a recipient is told, shortly."""
    for plan in alert.plans:
        marks = "".join(f", {mark.value}" for mark in plan.marks)
        phones = f"emergency {plan.phone_emergency}, office {plan.phone_office}"
        yield f"{plan.plan_type.value} of {plan.authority_name} ({plan.state.value}{marks}; {phones})"
    visit = alert.visit
    if visit is not None:
        yield f"{visit.state.value} at {visit.provider_name or visit.provider}"
        if visit.reason is not None:
            yield f"reason {visit.reason.value}"
        if visit.clinician_name is not None:
            yield f"{visit.clinician_role} {visit.clinician_name}"
        if visit.call_back is not None and alert.recipient.kind is RecipientKind.AUTHORITY:
            yield f"ring {visit.call_back}"
    for other in alert.other_authorities:
        yield f"also {other.name}, emergency {other.phone_emergency}"
    if alert.earlier_visits:
        yield f"{alert.earlier_visits} earlier visit in 7 days"


def _summary(console: Console, result: Result, *, as_recorded: bool) -> None:
    """Show what it all came to."""
    table = Table(title="\nWhat it came to", show_header=False, title_justify="left")
    table.add_row("facts in", str(result.expected.facts))
    for kind, number in sorted(result.alerts.items()):
        table.add_row(f"alerts {kind}", str(number))
    table.add_row("worklist", str(result.worklist))
    table.add_row("rejected, kept unread", str(result.rejected))
    table.add_row("attendance → alert, p50", f"{_quantile(result.seconds, 0.5):.0f} ms")
    table.add_row("attendance → alert, p99", f"{_quantile(result.seconds, 0.99):.0f} ms")
    console.print(table)
    for difference in result.differences:
        console.print(f"differs: {difference}", style="bold red")
    if not as_recorded:
        console.print(
            "differs: this release decides the recorded stream otherwise than expected", style="bold red"
        )
    if as_recorded and not result.differences:
        console.print("Equal to the expected result.", style="bold green")


def _quantile(seconds: Sequence[float], share: float) -> float:
    """Return a quantile in milliseconds; `seconds` are sorted."""
    return seconds[min(len(seconds) - 1, int(len(seconds) * share))] * _MILLISECONDS if seconds else 0.0
