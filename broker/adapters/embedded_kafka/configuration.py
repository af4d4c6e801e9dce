"""
What one embedded node is told: `server.properties`, its identity on disk, its ports.

A node of its own needs none of the safety that Kafka's defaults buy with three nodes, and tests need it to
answer at once; each departure from a default says why.
"""

import base64
import random
import socket
import uuid
from pathlib import Path

# Below the range from which Linux takes the ports of outgoing connections (32768 and up): a client that
# retries a port of that range while the broker is down may be connected to itself, and the broker then cannot
# come back.
_PORTS = range(20_000, 32_000)
_PORT_TRIES = 200
_CLUSTER_ID = "cluster.id"

_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs=data

# Topics are declared from one file; a misspelt name must fail, not appear.
auto.create.topics.enable=false

# There is one node to hold a replica. Fewer partitions than 50: each is a file to open at every start.
offsets.topic.replication.factor=1
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=8
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1

# A group of one member need not wait for others; a killed member is noticed after its own session timeout.
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000

# A killed broker may not come back under its number before its session has run out: 9 s by default.
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=400

# An open transaction hides later records of everybody: look for timed-out ones each second, not each ten.
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000

# Two cores and 768 MB are shared with the clients (the cleaner would take 128 MB, the threads are 3 and 8).
log.cleaner.dedupe.buffer.size=33554432
num.network.threads=2
num.io.threads=4
"""


def random_id() -> str:
    """Return a random UUID as Kafka writes it: base64 for URLs, never beginning with a dash."""
    text = "-"
    while text.startswith("-"):
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode("ascii").rstrip("=")
    return text


def server_properties(port: int, controller_port: int) -> str:
    """Return the node's `server.properties`; paths in it are relative to the broker's directory."""
    return _PROPERTIES.format(port=port, controller_port=controller_port)


def meta_properties(number: int = 1, cluster_id: str | None = None) -> str:
    """Return a new node's `meta.properties`; ids that are not given are drawn at random."""
    ids = {"node.id": number, _CLUSTER_ID: cluster_id or random_id(), "directory.id": random_id()}
    return "".join(f"{key}={value}\n" for key, value in {"version": "1", **ids}.items())


def kept_cluster_id(directory: Path) -> str | None:
    """Return the id of the cluster that a node's directory belongs to, None where there is no node yet."""
    try:
        lines = (directory / "data" / "meta.properties").read_text("ascii").splitlines()
    except FileNotFoundError:
        return None
    return dict(line.split("=", 1) for line in lines if "=" in line).get(_CLUSTER_ID)


def free_ports(count: int) -> tuple[int, ...]:
    """Return `count` different loopback ports free at this moment; raise `OSError` when none can be found."""
    chosen: list[int] = []
    for port in random.SystemRandom().sample(_PORTS, _PORT_TRIES):
        with socket.socket() as candidate:
            try:
                candidate.bind(("127.0.0.1", port))
            except OSError:
                continue
        chosen.append(port)
        if len(chosen) == count:
            return tuple(chosen)
    raise OSError(f"no {count} free ports in {_PORTS.start}-{_PORTS.stop}")
