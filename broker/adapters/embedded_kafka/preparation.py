"""
Make Kafka ready to start fast, once for each cache: jars, first metadata, startup archive.

The first metadata of a node are the same for all and are copied instead of running Kafka's formatting tool
for each. The startup archive (Java's ahead-of-time cache) halves the time to start; a recording run makes it.
"""

import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from broker.adapters.embedded_kafka.configuration import random_id, server_properties
from broker.adapters.embedded_kafka.installation import Installation, install, silent
from broker.adapters.embedded_kafka.process import EmbeddedKafka
from broker.core.errors import EmbeddedKafkaFailed

_FORMATTING_DEADLINE_S = 120.0  # 2 s on an idle machine
_ANY_PORTS = (9092, 9093)  # formatting reads them and binds none


def prepare(lock: str, cache: Path | None = None, say: Callable[[str], None] = silent) -> Installation:
    """
    Return Kafka ready to start, doing only what `cache` (default: the user's) lacks; see `install`.

    Raises `EmbeddedKafkaFailed`.
    """
    installation = install(lock, cache, say)
    if not installation.bootstrap_checkpoint.exists():
        _keep_checkpoint(installation)
    if not installation.startup_archive.exists():
        say("Preparing Apache Kafka to start fast, this once …")
        _keep_startup_archive(installation)
    return installation


def _keep_checkpoint(installation: Installation) -> None:
    """Let Kafka's own tool format a directory and keep the metadata it begins with."""
    with tempfile.TemporaryDirectory(dir=installation.directory, prefix="formatting-") as temporary:
        (Path(temporary) / "server.properties").write_text(server_properties(*_ANY_PORTS), "utf-8")
        formatting = [str(installation.java), "-cp", installation.jars, "kafka.tools.StorageTool", "format"]
        try:
            subprocess.run(  # noqa: S603 – our own Java and jars, verified
                [*formatting, "-t", random_id(), "-c", "server.properties"],
                cwd=temporary,
                env={},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=True,
                timeout=_FORMATTING_DEADLINE_S,
            )
        except subprocess.SubprocessError as error:
            output = (getattr(error, "stderr", None) or b"").decode("utf-8", "replace")
            raise EmbeddedKafkaFailed(
                f"Kafka's directory could not be formatted\n{output}".rstrip()
            ) from error
        checkpoint = installation.bootstrap_checkpoint
        (Path(temporary) / "data" / checkpoint.name).replace(checkpoint)


def _keep_startup_archive(installation: Installation) -> None:
    """Start a broker once, recording, and keep the archive; an empty one tells that this Java makes none."""
    with tempfile.TemporaryDirectory(dir=installation.directory, prefix="recording-") as temporary:
        archive = Path(temporary) / installation.startup_archive.name
        with EmbeddedKafka(installation, record_startup_to=archive):
            pass
        archive.touch()
        archive.replace(installation.startup_archive)
