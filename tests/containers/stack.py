"""
Kafka and the broker in containers, with the rights and settings that `deploy/compose.yaml` gives them.

What differs from the file: images built here, free ports of this machine, a network and a volume of its own.
"""

import io
import tarfile
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import yaml
from testcontainers.core.container import DockerContainer
from testcontainers.core.network import Network

from broker.adapters.cluster import Cluster
from broker.adapters.embedded_kafka.configuration import free_ports
from tests.scrape import HOST, ask
from tests.tools.stale_docs import REPOSITORY
from tests.waiting import wait_until

SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(
    (REPOSITORY / "deploy" / "compose.yaml").read_text("utf-8")
)["services"]
DATA = "/var/lib/cpis"
READY_SECONDS = 180.0
GRACE_SECONDS = int(SERVICES["broker"]["stop_grace_period"].removesuffix("s"))
_NANOSECONDS = 1_000_000_000
_OWNER = 10_001


def container(image: str, service: str, network: Network | None = None) -> DockerContainer:
    """Return a container of a service, not started, with the rights that the file gives it."""
    given = SERVICES[service]
    made = DockerContainer(image).with_kwargs(
        cap_drop=given["cap_drop"],
        security_opt=given["security_opt"],
        read_only=given.get("read_only", False),
        # As the image asks, but sooner.
        healthcheck={"interval": _NANOSECONDS, "timeout": 5 * _NANOSECONDS, "retries": 3},
    )
    for place in given.get("tmpfs", ()):
        made.with_tmpfs_mount(place)
    for name, value in given["environment"].items():
        made.with_env(name, value)
    if network is not None:
        made.with_network(network).with_network_aliases(service)
    return made


def publish(made: DockerContainer, inside: int, outside: int) -> None:
    """Let this machine, and nobody else, reach a port of a container."""
    made.ports[f"{inside}/tcp"] = (HOST, outside)


def run_to_end(made: DockerContainer, *command: str) -> tuple[int, str]:
    """Run a container to its end; return its exit code and what it said."""
    with made.with_command(list(command)) as running:
        code: int = running.get_wrapped_container().wait(timeout=READY_SECONDS)["StatusCode"]
        return code, said_by(running)


def said_by(made: DockerContainer) -> str:
    """Return what a container wrote, to both of its outputs."""
    return "\n".join(part.decode() for part in made.get_logs())


class Broker:
    """A running broker; `image` is what it was started from."""

    def __init__(self, image: str, made: DockerContainer, ops_port: int, log: Path) -> None:
        """Take a started container; what it says is kept in `log` when it ends."""
        self.image = image
        self.container = made
        self._ops_port = ops_port
        self._log = log
        self._runs = True

    @property
    def health(self) -> str:
        """What the engine thinks of it: starting, healthy or unhealthy."""
        wrapped = self.container.get_wrapped_container()
        wrapped.reload()
        return str(wrapped.attrs["State"]["Health"]["Status"])

    def answers(self, path: str, status: int) -> bool:
        """Return whether the operators' port answers so."""
        try:
            return ask(self._ops_port, path).status == status
        except OSError:
            return False

    def wait_until_ready(self) -> None:
        """Return once every role works."""
        wait_until(lambda: self.answers("/readyz", 200), READY_SECONDS, f"{self.image} is ready")

    def run(self, *command: str) -> tuple[int, str]:
        """Run a command within; return its exit code and output."""
        code, output = self.container.exec(list(command))
        return code or 0, output.decode()

    def stop(self) -> tuple[int, float]:
        """Stop it as an operator does; return its exit code and the seconds it took."""
        began = time.monotonic()
        self.container.get_wrapped_container().stop(timeout=GRACE_SECONDS)
        return self._ended(), time.monotonic() - began

    def kill(self) -> int:
        """End it as a power cut does; return the exit code that the engine tells."""
        self.container.get_wrapped_container().kill("SIGKILL")
        return self._ended()

    def remove(self) -> None:
        """Keep what it said and remove it, if that has not been done."""
        if self._runs:
            self._log.write_text(said_by(self.container), "utf-8")
            self.container.stop(delete_volume=False)
            self._runs = False

    def _ended(self) -> int:
        """Wait for its end and remove it; return its exit code."""
        code: int = self.container.get_wrapped_container().wait(timeout=GRACE_SECONDS)["StatusCode"]
        self.remove()
        return code


class Stack:
    """
    One Kafka with the declared topics and one volume, on which brokers come and go; a context manager.

    Senders find each broker at `mllp_port`, recipients find Kafka at `cluster`.
    """

    def __init__(self, kafka_image: str, broker_image: str, folder: Path) -> None:
        """Start nothing yet; `folder` takes what the brokers said."""
        self.kafka = DockerContainer(kafka_image)
        self.folder = folder
        self._images = (kafka_image, broker_image)
        self._kafka_port, self.mllp_port, self.ops_port = free_ports(3)
        self.cluster = Cluster(f"{HOST}:{self._kafka_port}")
        self._volume = f"cpis-test-{uuid4().hex}"
        self._brokers: list[Broker] = []
        self._ending = ExitStack()

    def __enter__(self) -> Self:
        """Start Kafka and make the topics."""
        try:
            self._start()
        except BaseException:
            self._ending.close()
            raise
        return self

    def _start(self) -> None:
        """Start what brokers need."""
        kafka_image, broker_image = self._images
        self.network = self._ending.enter_context(Network())
        self.kafka = container(kafka_image, "kafka", self.network)
        inside = int(SERVICES["kafka"]["ports"][0].rpartition(":")[2])
        advertised = SERVICES["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
        shown = f"{HOST}:{inside}"
        self.kafka.with_env(
            "KAFKA_ADVERTISED_LISTENERS", advertised.replace(shown, self.cluster.bootstrap_servers)
        )
        publish(self.kafka, inside, self._kafka_port)
        self.kafka.with_kwargs(**self.kafka._kwargs | {"hostname": "kafka", "healthcheck": None})
        self._ending.enter_context(self.kafka)
        self.kafka.get_docker_client().client.volumes.create(self._volume)
        self._ending.callback(self._end_brokers)
        asked = SERVICES["kafka"]["healthcheck"]["test"][1:]
        wait_until(lambda: self.kafka.exec(asked).exit_code == 0, READY_SECONDS, "Kafka answers")
        topics = container(broker_image, "topics", self.network)
        code, said = run_to_end(topics, *SERVICES["topics"]["command"])
        assert code == 0, said

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Leave nothing behind."""
        self._ending.close()

    def start_broker(self, image: str) -> Broker:
        """Start a broker from an image, on the volume and at the ports of the one before."""
        made = container(image, "broker", self.network).with_volume_mapping(self._volume, DATA, "rw")
        publish(made, 2575, self.mllp_port)
        publish(made, 9464, self.ops_port)
        log = self.folder / f"broker-{len(self._brokers) + 1}.log"
        broker = Broker(image, made.start(), self.ops_port, log)
        self._brokers.append(broker)
        return broker

    def drop(self, broker: Broker, name: str, upload: bytes) -> None:
        """Put an authority's file into the drop folder and wait until it has been taken."""
        content = io.BytesIO()
        with tarfile.open(fileobj=content, mode="w") as archive:
            entry = tarfile.TarInfo(name)
            entry.size, entry.uid, entry.gid, entry.mode = len(upload), _OWNER, _OWNER, 0o600
            archive.addfile(entry, io.BytesIO(upload))
        broker.container.get_wrapped_container().put_archive(f"{DATA}/uploads", content.getvalue())
        done = ["test", "-e", f"{DATA}/uploads/done/{name}.ack.xml"]
        wait_until(lambda: broker.run(*done)[0] == 0, READY_SECONDS, f"{name} is taken")

    def keys(self, broker: Broker) -> Path:
        """Return a copy of the directory of the sealing keys."""
        chunks, _ = broker.container.get_wrapped_container().get_archive(f"{DATA}/keys")
        with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
            archive.extractall(self.folder, filter="data")
        return self.folder / "keys"

    def _end_brokers(self) -> None:
        """Remove brokers that a test left running, and the volume."""
        client = self.kafka.get_docker_client().client
        for broker in self._brokers:
            broker.remove()
        client.volumes.get(self._volume).remove(force=True)
