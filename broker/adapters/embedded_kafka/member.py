"""
What one node of several is told beside what a single one is: its place, and how many copies there are.

Knows: which settings of a single node give way. Does not know: how a node runs.
"""

from dataclasses import dataclass

REPLICAS = 3
"""Copies of everything: one node may be gone and what is acknowledged is still on two."""
IN_SYNC_MIN = 2
"""Copies that a write needs before it is acknowledged."""

# Read after a single node's settings, of which they replace those of the same name.
_PROPERTIES = """\

# One node of several: what follows stands in the place of what is said above.
node.id={number}
controller.quorum.voters={voters}
default.replication.factor={replicas}
min.insync.replicas={in_sync}
offsets.topic.replication.factor={replicas}
transaction.state.log.replication.factor={replicas}
transaction.state.log.min.isr={in_sync}
share.coordinator.state.topic.replication.factor={replicas}
share.coordinator.state.topic.min.isr={in_sync}

# A copy that lies behind may never lead: what was acknowledged would be gone.
unclean.leader.election.enable=false
"""


@dataclass(frozen=True, slots=True)
class Member:
    """
    A node's place among `REPLICAS` or more: its number, from 1, the id of the cluster, and where it listens.

    `controller_ports` are those of all nodes, by number; `port` is this node's own for clients.
    """

    number: int
    cluster_id: str
    port: int
    controller_ports: tuple[int, ...]

    @property
    def ports(self) -> tuple[int, int]:
        """The ports of this node: for clients, for controllers."""
        return self.port, self.controller_ports[self.number - 1]

    def properties(self) -> str:
        """Return what follows a single node's `server.properties`."""
        voters = (f"{number}@127.0.0.1:{port}" for number, port in enumerate(self.controller_ports, start=1))
        return _PROPERTIES.format(
            number=self.number, voters=",".join(voters), replicas=REPLICAS, in_sync=IN_SYNC_MIN
        )
