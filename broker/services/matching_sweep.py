"""
One pass over everybody of a partition, in small slices between batches.

A pass decides anew (a newer release or policy) or lets go of what is past revising; whoever cannot be
processed is counted and left as they are.
"""

from collections import deque
from collections.abc import Callable, Mapping
from enum import StrEnum

from broker.core.errors import StorageUnusable
from broker.ports import Topic, Write
from broker.services.matching_output import Told
from broker.services.matching_table import PartitionTable

_KEYS_PER_TURN = 1_000  # of the index, whose people need no decoding


class Purpose(StrEnum):
    """Why everybody is looked at."""

    REDECIDE = "redecide"
    SETTLE = "settle"


class Sweep:
    """
    A pass in the making over a table; `told` are the alert events of its last slice.

    `floors` says, by input, before which offset the index forgets. `failed` counts the people that could
    not be processed.
    """

    def __init__(self, table: PartitionTable, purpose: Purpose, floors: Mapping[Topic, int]) -> None:
        """Line everybody up."""
        self.purpose = purpose
        self.failed = 0
        self.told: list[Told] = []
        self._table = table
        self._treat = table.redecide if purpose is Purpose.REDECIDE else table.settle
        self._people = deque(table.people)
        self._floors = floors
        self._indexed = {topic: deque(table.indexes[topic].keys()) for topic in floors}
        self._details = deque(table.details.keys() if purpose is Purpose.SETTLE else ())

    @property
    def done(self) -> bool:
        """Whether everybody has had their turn."""
        return not (self._people or self._details or any(self._indexed.values()))

    def slice(self, enough: Callable[[], bool]) -> list[Write]:
        """Work until `enough` says so; return what to write."""
        writes: list[Write] = []
        self.told = []
        while not enough() and not self.done:
            if self._people:
                writes.extend(self._next_person(self._people.popleft()))
            elif self._details:
                writes.extend(self._next_details(self._details.popleft()))
            else:
                self._next_places()
        return writes

    def _next_person(self, key: bytes) -> tuple[Write, ...]:
        """Treat one person; whoever got a record since the sweep began needs none of it."""
        try:
            treated = self._treat(key)
        except StorageUnusable:  # nothing can be sealed: the pass is made once something can
            raise
        except Exception:  # noqa: BLE001 – one person's record must not stop the partition
            self.failed += 1
            return ()
        self.told += treated.told
        return treated.writes

    def _next_details(self, key: bytes) -> list[Write]:
        """Let a shelf or a search go when H has passed it."""
        try:
            return self._table.details.settle(key, self._table.clock)
        except Exception:  # noqa: BLE001 – nor must this one
            self.failed += 1
            return []

    def _next_places(self) -> None:
        """Let the index forget what the horizon has passed."""
        for topic, keys in self._indexed.items():
            turn = [keys.popleft() for _ in range(min(len(keys), _KEYS_PER_TURN))]
            self._table.indexes[topic].forget_before(turn, self._floors[topic])
