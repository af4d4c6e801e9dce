"""The metadata that a new node begins with, made by Kafka's own formatting tool."""

import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

from broker.adapters.embedded_kafka.configuration import random_id, server_properties
from broker.adapters.embedded_kafka.installation import Installation
from broker.core.errors import EmbeddedKafkaFailed

_DEADLINE_S = 120.0  # 2 s on an idle machine
_ANY_PORTS = (9092, 9093)  # formatting reads them and binds none


def make_checkpoint(installation: Installation, checkpoint: Path, arguments: Iterable[str] = ()) -> None:
    """
    Let Kafka's own tool format a directory, and keep the metadata it begins with at `checkpoint`.

    `arguments` are further ones of the tool. Raises `EmbeddedKafkaFailed`.
    """
    with tempfile.TemporaryDirectory(dir=checkpoint.parent, prefix="formatting-") as temporary:
        (Path(temporary) / "server.properties").write_text(server_properties(*_ANY_PORTS), "utf-8")
        formatting = [str(installation.java), "-cp", installation.jars, "kafka.tools.StorageTool", "format"]
        try:
            subprocess.run(  # noqa: S603 – our own Java and jars, verified
                [*formatting, "-t", random_id(), "-c", "server.properties", *arguments],
                cwd=temporary,
                env={},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=True,
                timeout=_DEADLINE_S,
            )
        except subprocess.SubprocessError as error:
            output = (getattr(error, "stderr", None) or b"").decode("utf-8", "replace")
            raise EmbeddedKafkaFailed(
                f"Kafka's directory could not be formatted\n{output}".rstrip()
            ) from None
        (Path(temporary) / "data" / installation.bootstrap_checkpoint.name).replace(checkpoint)
