"""
What the logs of the inputs have forgotten: counted when the start of a log has passed it, and noted once.

The log itself destroys, after H what waits there of people without a plan; here is only the record of it
(Recording the decision), and the alarm when the log has forgotten what nobody had read.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from broker.core.partition import PartitionState
from broker.ports import INPUTS, Topic, Write
from broker.services.matching_output import Chain, Scribe


@dataclass(frozen=True, slots=True, kw_only=True)
class Destroyed:
    """What one log has forgotten since it was last noted: so many places, so many of them unread."""

    topic: Topic
    count: int
    unread: int


class Destructions:
    """
    The account of one partition: `noted` is what `#p` says of it.

    `new_salt` makes the salt of an entry.
    """

    def __init__(self, scribe: Scribe, state: PartitionState, new_salt: Callable[[], bytes]) -> None:
        """Go on from what is in the audit trail."""
        self.noted: dict[str, int] = dict(state.destroyed)
        self._scribe = scribe
        self._new_salt = new_salt

    def note(
        self, begins: Mapping[Topic, int], taken: Mapping[Topic, int], *, at: datetime, end: Chain
    ) -> tuple[list[Write], list[Destroyed], Chain]:
        """
        Return the entries for what is newly gone, what they say, and the end of the trail behind them.

        `begins` is where each log begins, `taken` how far each was read, `at` the partition's clock.
        """
        writes: list[Write] = []
        gone: list[Destroyed] = []
        for topic in INPUTS:
            first, begin = self.noted.get(topic, 0), begins[topic]
            if begin <= first:
                continue
            unread = max(0, begin - max(first, taken[topic]))
            write, end = self._scribe.destroyed(
                topic, range(first, begin), unread=unread, salt=self._new_salt(), at=at, end=end
            )
            writes.append(write)
            gone.append(Destroyed(topic=topic, count=begin - first, unread=unread))
            self.noted[topic.value] = begin
        return writes, gone, end
