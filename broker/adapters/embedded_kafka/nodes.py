"""
Several embedded brokers that are one cluster: each is a node to be killed and started again by itself.

Knows how nodes find each other and that they start and stop together. How one runs is in `process`.
"""

import atexit
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from broker.adapters.cluster import Cluster
from broker.adapters.embedded_kafka.configuration import free_ports, kept_cluster_id, random_id
from broker.adapters.embedded_kafka.installation import Installation
from broker.adapters.embedded_kafka.member import REPLICAS, Member
from broker.adapters.embedded_kafka.process import PORT_RACES, PORT_TAKEN, EmbeddedKafka
from broker.core.errors import EmbeddedKafkaFailed

_POLL_S = 0.2


class EmbeddedCluster:
    """
    A cluster of `REPLICAS` nodes on loopback ports; a context manager that starts and stops it.

    Every topic's records may lie on three nodes, of which one may be gone. `nodes` are there once started:
    each may be killed and started again, on the same ports and data. With `data_dir` the data are kept in a
    directory there for each node. With `port` the nodes listen there and on the ports that follow. Methods
    raise `EmbeddedKafkaFailed` or `StorageUnusable`, and block.
    """

    def __init__(self, installation: Installation, *, data_dir: Path | None = None, port: int = 0) -> None:
        self._installation = installation
        self._data_dir = data_dir
        self._wanted_port = port
        self.nodes: tuple[EmbeddedKafka, ...] = ()

    def __enter__(self) -> Self:
        """Start all nodes."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop all nodes."""
        self.stop()

    @property
    def bootstrap_servers(self) -> str:
        """The `host:port` of every node, separated by commas."""
        if not self.nodes:
            raise EmbeddedKafkaFailed("the embedded Kafka was not started")
        return ",".join(node.bootstrap_servers for node in self.nodes)

    @property
    def cluster(self) -> Cluster:
        """The cluster that these nodes are."""
        return Cluster(self.bootstrap_servers)

    def start(self) -> None:
        """Start all nodes and return when each answers: none does before most of them are there."""
        for race in range(1, PORT_RACES + 1):
            try:
                self._start_once()
            except EmbeddedKafkaFailed as error:
                if self._wanted_port or race == PORT_RACES or PORT_TAKEN not in str(error):
                    raise
            else:
                return

    def wait(self) -> tuple[int, EmbeddedKafka]:
        """Return the first node found that has ended by itself, with its number, once there is one."""
        while True:
            for number, node in enumerate(self.nodes, start=1):
                if node.pid is None:
                    return number, node
            time.sleep(_POLL_S)

    def stop(self) -> None:
        """Stop all nodes and remove what was temporary; harmless when done before."""
        nodes, self.nodes = self.nodes, ()
        atexit.unregister(self.stop)
        if nodes:
            _at_once(nodes, EmbeddedKafka.stop)

    def _start_once(self) -> None:
        """Choose ports and start; leave nothing behind when that fails."""
        self.nodes = tuple(self._node(member) for member in self._members())
        try:
            _at_once(self.nodes, EmbeddedKafka.start)
        except BaseException:
            self.stop()
            raise
        atexit.register(self.stop)  # after the nodes' own, hence before: they must stop together

    def _members(self) -> tuple[Member, ...]:
        """Return every node's place."""
        free = free_ports(2 * REPLICAS)
        wanted = self._wanted_port
        ports = tuple(range(wanted, wanted + REPLICAS)) if wanted else free[:REPLICAS]
        first = self._directory(1)
        cluster_id = (first and kept_cluster_id(first)) or random_id()
        return tuple(
            Member(number, cluster_id, port, free[REPLICAS:]) for number, port in enumerate(ports, start=1)
        )

    def _node(self, member: Member) -> EmbeddedKafka:
        """Return a node that is not started yet."""
        return EmbeddedKafka(self._installation, data_dir=self._directory(member.number), member=member)

    def _directory(self, number: int) -> Path | None:
        """Return where the data of a node are kept, None where they are temporary."""
        return None if self._data_dir is None else self._data_dir / f"node-{number}"


def _at_once(nodes: tuple[EmbeddedKafka, ...], act: Callable[[EmbeddedKafka], None]) -> None:
    """Do the same with all nodes at the same time; raise the first failure when all have ended."""
    with ThreadPoolExecutor(len(nodes), thread_name_prefix="embedded-cluster") as executor:
        acting = [executor.submit(act, node) for node in nodes]
    for done in acting:
        done.result()
