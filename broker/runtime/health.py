"""
Whether a role is ready, in a word and counts: what `/readyz` tells, and why it does not say yes.

The words are an enumeration and the counts are numbers, so that nothing of a person can get into them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from broker.adapters.ops_server import Answer


class State(StrEnum):
    """How far a role is."""

    STARTING = "starting"
    """Not open yet, or being closed."""
    JOINING = "joining"
    """Waits for its consumer group to hand out partitions."""
    LOADING = "loading"
    """Has partitions that are not loaded yet."""
    REFUSING = "refusing"
    """Tells senders to send again later: Kafka did not acknowledge."""
    READY = "ready"
    """Does its work."""


@dataclass(frozen=True, slots=True)
class Health:
    """How far a role is; `counts` are numbers of partitions by what they are."""

    state: State
    counts: Mapping[str, int] = field(default_factory=dict)

    def told(self) -> dict[str, object]:
        """Return it as JSON."""
        return {"state": self.state.value, **self.counts}


def readiness(roles: Mapping[str, Health], *, kafka_answers: bool) -> Answer:
    """Return what `/readyz` answers: ready when Kafka answers and every role, of which there is one, is."""
    all_ready = bool(roles) and all(health.state is State.READY for health in roles.values())
    return Answer(
        ok=all_ready and kafka_answers,
        body={
            "ready": all_ready and kafka_answers,
            "kafka": "answers" if kafka_answers else "away",
            "roles": {name: health.told() for name, health in roles.items()},
        },
    )
