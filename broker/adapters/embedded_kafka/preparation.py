"""
Make Kafka ready to start fast, once for each cache: jars, first metadata, startup archive.

The first metadata of a node are the same for all and are copied instead of running Kafka's formatting tool
for each. The startup archive (Java's ahead-of-time cache) halves the time to start; a recording run makes it.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

from broker.adapters.embedded_kafka.formatting import make_checkpoint
from broker.adapters.embedded_kafka.installation import Installation, install, silent
from broker.adapters.embedded_kafka.process import EmbeddedKafka


def prepare(lock: str, cache: Path | None = None, say: Callable[[str], None] = silent) -> Installation:
    """
    Return Kafka ready to start, doing only what `cache` (default: the user's) lacks; see `install`.

    Raises `EmbeddedKafkaFailed`.
    """
    installation = install(lock, cache, say)
    if not installation.bootstrap_checkpoint.exists():
        make_checkpoint(installation, installation.bootstrap_checkpoint)
    if not installation.startup_archive.exists():
        say("Preparing Apache Kafka to start fast, this once …")
        _keep_startup_archive(installation)
    return installation


def _keep_startup_archive(installation: Installation) -> None:
    """Start a broker once, recording, and keep the archive; an empty one tells that this Java makes none."""
    with tempfile.TemporaryDirectory(dir=installation.directory, prefix="recording-") as temporary:
        archive = Path(temporary) / installation.startup_archive.name
        with EmbeddedKafka(installation, record_startup_to=archive):
            pass
        archive.touch()
        archive.replace(installation.startup_archive)
