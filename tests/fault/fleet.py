"""Workers as processes of their own, to be killed, stopped and woken."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any

from aiokafka import AIOKafkaProducer

from broker.adapters.cluster import Cluster
from broker.adapters.sealing import KeyDirectory
from broker.runtime.parts import present
from broker.services.matching import Codecs
from tests.builders.matcher import fact_write, make_codecs
from tests.fault.load import Sent

_END_S = 90.0  # for a process that was told to end, on however busy a machine


class Fleet(AbstractContextManager["Fleet"]):
    """
    Processes that run roles of the broker on one cluster, sharing keys and a directory.

    What they log is kept in `logs`, one file a process.
    """

    def __init__(self, cluster: Cluster, directory: Path, *, roles: Sequence[str] = ("matcher",)) -> None:
        """Start nothing yet."""
        self.cluster = cluster
        self.directory = directory
        self.processes: list[subprocess.Popen[bytes]] = []
        self._roles = roles
        self._started = 0

    def codecs(self) -> Codecs:
        """Return codecs that seal with the fleet's keys."""
        return make_codecs(KeyDirectory(self.directory / "keys", present))

    def start(self, *roles: str, **settings: str) -> subprocess.Popen[bytes]:
        """Start one more process, with further environment variables, and these roles for the fleet's."""
        self._started += 1
        command = [sys.executable, "-m", "broker", "run"]
        for role in roles or self._roles:
            command += ["--role", role]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CPIS_")}
        environment |= {
            "CPIS_KAFKA_BOOTSTRAP_SERVERS": self.cluster.bootstrap_servers,
            "CPIS_DATA_DIR": str(self.directory),
            "CPIS_MLLP_PORT": "0",
            "CPIS_OPS_PORT": "0",
            **settings,
        }
        with (self.directory / f"worker-{self._started}.log").open("wb") as log:
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        self.processes.append(process)
        return process

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """End a process at once, as a power cut would."""
        process.kill()
        process.wait(_END_S)
        self.processes.remove(process)

    def end(self, process: subprocess.Popen[bytes]) -> int:
        """End a process in good order; return its exit code."""
        process.send_signal(signal.SIGTERM)
        code = process.wait(_END_S)
        self.processes.remove(process)
        return code

    def logs(self) -> str:
        """Return everything that was logged."""
        return "\n".join(
            path.read_text("utf-8", "replace") for path in sorted(self.directory.glob("worker-*.log"))
        )

    def events(self, name: str, worker: int | None = None) -> list[dict[str, Any]]:
        """Return the lines of one event, of all processes or of the one that was started as this, from 1."""
        logs = "worker-*.log" if worker is None else f"worker-{worker}.log"
        lines = [
            json.loads(line)
            for path in sorted(self.directory.glob(logs))
            for line in path.read_text("utf-8", "replace").rpartition("\n")[0].splitlines()
            if line.startswith("{")  # the last one may be half written
        ]
        return [line for line in lines if line["event"] == name]

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave no process behind."""
        for process in list(self.processes):
            process.send_signal(signal.SIGCONT)
            self.kill(process)


async def send(
    cluster: Cluster, codecs: Codecs, sent: Iterable[Sent], *, partition: int | None = None
) -> None:
    """Write facts to the inputs in their order, each once; without `partition` each by its key."""
    async with AIOKafkaProducer(
        **cluster.connection(), acks="all", enable_idempotence=True, linger_ms=5
    ) as producer:
        futures = []
        for one in sent:
            write = fact_write(codecs.facts, one.fact, one.number, partition)
            futures.append(
                await producer.send(
                    write.topic,
                    write.value,
                    key=write.key,
                    partition=write.partition,
                    headers=list(write.headers),
                )
            )
        for future in futures:
            await future
