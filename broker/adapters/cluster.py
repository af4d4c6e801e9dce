"""
A Kafka cluster as a client must know it: where it is, and in what manner it is spoken with.

One value is handed from the settings to every client, so that no client of ours can forget the manner.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster at `bootstrap_servers`: host:port of one or more of its brokers, separated by commas."""

    bootstrap_servers: str

    def connection(self) -> dict[str, Any]:
        """Return the keyword arguments by which any client of aiokafka connects to the cluster."""
        return {"bootstrap_servers": self.bootstrap_servers}
