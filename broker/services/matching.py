"""
The matcher of one partition: the numbered procedure of architecture.md, section 3.

Knows the order of loading, reading, deciding and committing, and nothing of Kafka or of the rules: those are
in `PartitionLog` and in the core. Whatever is in memory here can be thrown away at any moment.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from broker.core.errors import KafkaUnavailable, NewerState
from broker.core.keyed import IdentityKey
from broker.core.partition import NEW, PartitionState
from broker.core.policy import RULES_VERSION, AnyPolicy
from broker.ports import PARTITION_STATE_KEY, POLLED, PartitionLog, Topic
from broker.services.matching_details import DetailsTable
from broker.services.matching_output import Scribe, cause_of
from broker.services.matching_rules import Rules
from broker.services.matching_sorting import INDEXED
from broker.services.matching_table import PartitionTable
from broker.services.matching_turns import Notice, Pace, Report, Tools, Turns
from broker.services.partition_state import read_state
from broker.wire.alerts_codec import AlertCodec
from broker.wire.details_codec import DetailsCodec
from broker.wire.facts_codec import FactCodec
from broker.wire.records_codec import RecordsCodec
from broker.wire.state_codec import StateCodec

_MILLISECONDS = 1_000


class Phase(StrEnum):
    """How far a partition is."""

    LOADING = "loading"
    """Steps 1 to 3, and on a first start until all plans are taken."""
    WORKING = "working"
    """Step 4."""
    AWAY = "away"
    """Step 5: waits for Kafka, to start again at 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Codecs:
    """What turns bytes into the core's values and back."""

    facts: FactCodec
    states: StateCodec
    alerts: AlertCodec
    records: RecordsCodec
    details: DetailsCodec


async def _always() -> bool:
    """Return that the partition is ours: for a matcher that shares with nobody."""
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """
    What a matcher shares with others.

    `still_ours` is asked before the partition is opened again: after a long silence somebody else may own it.
    `floor` is held by whoever computes: the matchers of one process take turns.
    """

    still_ours: Callable[[], Awaitable[bool]] = _always
    floor: asyncio.Lock = field(default_factory=asyncio.Lock)
    pace: Pace = field(default_factory=Pace)


class PartitionMatcher:
    """
    Works one partition from `run` to `stop`; `phase` tells how far it is.

    `rules_version` is that of the rules that decide, this release's own. `new_salt` makes the salt of a new
    person's record; `report` hears what happens. Raises `Fenced` when
    another owner took over, `NewerState`, `WrongIdentityKey` and
    `StateUnreadable` when this program must not go on.
    """

    def __init__(
        self,
        log: PartitionLog,
        codecs: Codecs,
        *,
        policy: AnyPolicy,
        key: IdentityKey,
        new_salt: Callable[[], bytes],
        report: Report,
        surroundings: Surroundings | None = None,
        rules_version: int = RULES_VERSION,
    ) -> None:
        """Touch nothing yet."""
        self.phase = Phase.LOADING
        self._log = log
        self._codecs = codecs
        self._rules = Rules(policy=policy, key=key, version=rules_version)
        self._new_salt = new_salt
        self._report = report
        self._around = surroundings or Surroundings()
        self._stopping = asyncio.Event()
        self._backoff_s = 0.0
        self._turns: Turns | None = None

    @property
    def taken(self) -> Mapping[Topic, int]:
        """How far each input was taken, the next offset; empty before the partition was first loaded."""
        return {} if self._turns is None else self._turns.taken

    def stop(self) -> None:
        """Let `run` finish the transaction in hand and return."""
        self._stopping.set()

    async def run(self) -> None:
        """
        Work the partition until `stop`.

        1. Start the transactional producer.
        2. Load `cpis.people`; `#p` says where the inputs stand and who decided by which rules.
        3. Index the last H of what waits in the log, up to those offsets; on a first start take all plans
           before the first attendance.
        4. Loop: take what is there, fold, decide, compare, commit.
        5. On a doubtful outcome drop everything and, if it is still ours, start again at 1. `Fenced` is the
           caller's to handle.
        """
        again = False
        while not self._stopping.is_set():
            try:
                if again:
                    await self._confirmed()
                again = True
                await self._work()
            except KafkaUnavailable as error:  # 5.
                await self._back_off(error)
            finally:
                await self._log.close()

    async def _confirmed(self) -> None:
        """Raise `KafkaUnavailable` unless the partition is known to be ours still."""
        if not await self._around.still_ours():
            raise KafkaUnavailable("the group does not confirm that the partition is ours")

    async def _work(self) -> None:
        """Go through steps 1 to 4 once."""
        self.phase = Phase.LOADING
        began = asyncio.get_running_loop().time()
        await self._log.open()  # 1.
        people = await self._log.load_people()  # 2.
        state = self._checked(people.pop(PARTITION_STATE_KEY, None))
        if any(self._codecs.states.is_newer(person) for person in people.values()):
            raise NewerState
        scribe = self._scribe()
        details = self._details(people, scribe)
        table = PartitionTable(
            people,
            facts=self._codecs.facts,
            states=self._codecs.states,
            scribe=scribe,
            details=details,
            rules=self._rules,
            new_salt=self._new_salt,
            state=state,
        )
        await self._index(table, state)  # 3.
        self._log.seek({topic: state.offsets[topic] for topic in POLLED if topic in state.offsets})
        self._turns = turns = Turns(self._tools(scribe), table, state)
        self._report(Notice.OPENED, {"partition": self._log.partition, "count": len(people)})
        if not state.first_load_done:
            await turns.take_plans(self._stopping)
        self.phase = Phase.WORKING
        took_s = asyncio.get_running_loop().time() - began
        self._report(
            Notice.WORKING, {"partition": self._log.partition, "duration_ms": int(took_s * _MILLISECONDS)}
        )
        while not self._stopping.is_set():  # 4.
            await turns.turn(POLLED)
            self._recovered()
        await turns.flush()

    def _details(self, people: dict[bytes, bytes], scribe: Scribe) -> DetailsTable:
        """Take what is keyed by details and by visits out of what was loaded, and return it."""
        codec = self._codecs.details
        keys = [key for key, value in people.items() if codec.holds(value)]
        held = {key: people.pop(key) for key in keys}
        return DetailsTable(held, codec=codec, scribe=scribe, policy=self._rules.policy, key=self._rules.key)

    def _checked(self, value: bytes | None) -> PartitionState:
        """Return the state in `#p`, a new one without it; raises as `read_state` does."""
        rules, fingerprint = self._rules, self._rules.key.fingerprint
        if value is None:
            return replace(
                NEW,
                rules_version=rules.version,
                policy_version=rules.policy.version,
                key_fingerprint=fingerprint,
            )
        return read_state(value, self._codecs.states, fingerprint=fingerprint, rules_version=rules.version)

    async def _index(self, table: PartitionTable, state: PartitionState) -> None:
        """Index the last H of what waits in the log, up to where the inputs stand."""
        since_ms = int((state.clock - self._rules.policy.horizon).timestamp() * 1000)
        for topic in INDEXED:
            end = state.offsets.get(topic, 0)
            if end == 0:
                continue
            start = await self._log.start_offset(topic, since_ms)
            async for records in self._log.scan(topic, start, end):
                table.index(topic, records)

    def _scribe(self) -> Scribe:
        """Return who writes for this partition."""
        return Scribe(
            people=self._codecs.states,
            alerts=self._codecs.alerts,
            records=self._codecs.records,
            key=self._rules.key,
            partition=self._log.partition,
            rules_version=self._rules.version,
        )

    def _tools(self, scribe: Scribe) -> Tools:
        """Return what the turns are made with."""
        return Tools(
            log=self._log,
            floor=self._around.floor,
            states=self._codecs.states,
            scribe=scribe,
            report=self._report,
            pace=self._around.pace,
            rules=self._rules,
            new_salt=self._new_salt,
        )

    def _recovered(self) -> None:
        """Report, after a turn that went well, that Kafka is back if it was away."""
        if self._backoff_s:
            self._backoff_s = 0.0
            self._report(Notice.KAFKA_BACK, {"partition": self._log.partition})

    async def _back_off(self, error: KafkaUnavailable) -> None:
        """Report the first failure of a row, and wait: longer each time, never past `stop`."""
        self.phase = Phase.AWAY
        pace = self._around.pace
        if not self._backoff_s:
            partition, code = self._log.partition, cause_of(error)
            self._report(Notice.KAFKA_AWAY, {"partition": partition, "code": code, "error": str(error)})
        self._backoff_s = min(max(self._backoff_s * 2, pace.backoff_s_min), pace.backoff_s_max)
        stop = asyncio.ensure_future(self._stopping.wait())
        await asyncio.wait({stop}, timeout=self._backoff_s)
        stop.cancel()
