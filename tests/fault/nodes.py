"""
Kill the nodes of a cluster while hospitals send, then check that everybody was told exactly once.

Run alone as `python -m tests.fault.nodes --kills 9`.
"""

import argparse
import asyncio
import itertools
import math
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from broker.adapters.cluster import Cluster
from broker.adapters.embedded_kafka import EmbeddedCluster
from broker.adapters.embedded_kafka.configuration import free_ports
from broker.adapters.kafka_facts import KafkaFactLog
from broker.adapters.kafka_reader import Bookmark, open_reader
from broker.adapters.kafka_topics import apply_topics
from broker.core.errors import KafkaUnavailable
from broker.core.facts import VisitMessage
from broker.core.identifiers import NhsNumber
from broker.ports import Topic
from broker.runtime.kafka import embedded_cluster
from broker.runtime.parts import present
from broker.runtime.topics import declared_topics
from broker.services.matching import Codecs
from tests.builders.matcher import KEY, fact_write, numbers, pause, plan
from tests.fault.balance import until_balanced
from tests.fault.checker import check, read_topics
from tests.fault.ensemble import GROUPS, TRANSACTIONS, active_controller, leaderships, until_in_sync
from tests.fault.fleet import Fleet, send
from tests.fault.hospital import Accepted, Hospital, longest_gap, visit_messages
from tests.fault.inboxes import said_to_each, until_in_inboxes
from tests.fault.kills import wait_until_caught_up
from tests.fault.load import AUTHORITIES, PROVIDERS, Load, Sent

NODES = 3
MATCHERS = 2
HOSPITALS = 4
EVERY_S = 0.2  # each hospital's pause between two messages
FLAGGED = 0.3  # of the people that come: they have a plan
_LATE_PLANS = 0.3  # of those plans: it comes during the load
_LATE_EVERY_S = 0.2
_AGAIN_S = 0.2
_DOWN_S = 4.0  # longer than a dead node's session: the cluster has noticed, elected, and works with two
_STEADY_S = 2.0
_DOOR_S = 180.0
_TOLD_S = 180.0
_REFUSALS = 2
_REFUSED_S = 120.0
_GOES_ON_S = 180.0


class Kill(NamedTuple):
    """A node that was killed, and what it was: the active controller, the leader of so many partitions."""

    node: int
    controller: bool
    transactions: int
    groups: int


class TwoGone(NamedTuple):
    """When two of three were gone, one was being started, and it answered (monotonic seconds)."""

    gone: float
    starting: float
    back: float


@dataclass(slots=True)
class Played:
    """One run: who sent, which plans, who was killed, and when each visit's first alert could be read."""

    hospitals: list[Hospital]
    first_plans: Sequence[Sent]
    later_plans: list[Sent] = field(default_factory=list)
    kills: list[Kill] = field(default_factory=list)
    readable: dict[str, float] = field(default_factory=dict)
    two_gone: TwoGone | None = None

    def accepted(self) -> list[Accepted]:
        """Return every accepted message in the order of the answers."""
        accepted = [one for hospital in self.hospitals for one in hospital.accepted]
        return sorted(accepted, key=lambda one: one.accepted)

    def answer_gap(self) -> float:
        """Return the longest time in seconds between two answers `AA` while two nodes were there."""
        moments = [one.accepted for one in self.accepted()]
        if self.two_gone is None:
            return longest_gap(moments)
        before = [moment for moment in moments if moment <= self.two_gone.gone]
        after = [moment for moment in moments if moment > self.two_gone.back]
        return max(longest_gap(before), longest_gap([self.two_gone.back, *after]))

    def alert_seconds(self) -> list[float]:
        """
        Return the seconds from first sent to readable alert, in order, of people whose plan came first.

        Whoever waited while only one node was there is left out.
        """
        ready = {sent.number for sent in self.first_plans}
        gone = self.two_gone or TwoGone(math.inf, math.inf, -math.inf)
        return sorted(
            self.readable[one.message.visit] - one.first_sent
            for one in self.accepted()
            if one.message.number in ready
            and not (one.first_sent <= gone.back and self.readable[one.message.visit] >= gone.gone)
        )


def make_plans(people: Sequence[NhsNumber], chance: random.Random) -> Load:
    """Return a plan for a part of the people, most of them before the load."""
    first: list[Sent] = []
    late: list[Sent] = []
    for number in people:
        if chance.random() < FLAGGED:
            known = plan(
                authority=chance.choice(AUTHORITIES),
                start=(present() - timedelta(days=100)).date(),
                recorded_at=present() - timedelta(days=30),
                received_at=present(),
            )
            (late if chance.random() < _LATE_PLANS else first).append(Sent(number, known))
    return Load(first, late)


async def send_later(log: KafkaFactLog, codecs: Codecs, plans: Sequence[Sent], played: Played) -> None:
    """Write plans as the drop folder does, each again until Kafka has it, until there is enough."""
    for one in plans:
        write = fact_write(codecs.facts, one.fact, one.number)
        played.later_plans.append(one)
        while True:
            with suppress(KafkaUnavailable):
                await log.append([write])
                break
            await pause(_AGAIN_S)
        await pause(_LATE_EVERY_S)
        if played.hospitals[0].enough.is_set():
            return


async def follow_alerts(cluster: Cluster, codecs: Codecs, state: Path, readable: dict[str, float]) -> None:
    """Note when the first alert of each visit could be read, for ever; opened anew whenever Kafka is away."""
    while True:
        with suppress(KafkaUnavailable):
            async with open_reader(
                cluster, Topic.ALERTS, group="", bookmark=Bookmark(state), from_beginning=not readable
            ) as reader:
                while True:
                    for record in await reader.next_batch():
                        event = codecs.alerts.decode_event(record.value or b"")
                        readable.setdefault(event.alert.subject, time.monotonic())
                    await reader.done()
        await pause(_AGAIN_S)


@asynccontextmanager
async def under_load(
    fleet: Fleet, *, messages: int, seed: int
) -> AsyncIterator[tuple[Played, "asyncio.Future[list[None]]"]]:
    """Lend a run in which hospitals send `messages` each, and the task that ends when all were accepted."""
    chance = random.Random(seed)  # noqa: S311 – repeatable, no secret
    codecs = fleet.codecs()
    people = list(itertools.islice(numbers(), messages * HOSPITALS))
    plans = make_plans(people, chance)
    all_messages = list(visit_messages(people, PROVIDERS, key=KEY, now=present()))
    await send(fleet.cluster, codecs, plans.first)
    (port,) = free_ports(1)
    for _ in range(MATCHERS):
        fleet.start("matcher")
    await until_balanced(fleet, MATCHERS)
    fleet.start("outbox")
    fleet.start("intake", CPIS_MLLP_PORT=str(port))
    await _until(lambda: "intake ready" in fleet.logs(), _DOOR_S)
    hospitals = [Hospital(port, all_messages[place::HOSPITALS], EVERY_S) for place in range(HOSPITALS)]
    played = Played(hospitals, plans.first)
    log = KafkaFactLog(fleet.cluster)
    await log.start()
    following = asyncio.ensure_future(
        follow_alerts(fleet.cluster, codecs, fleet.directory / "place.json", played.readable)
    )
    sending = asyncio.gather(
        *(hospital.send_all() for hospital in hospitals), send_later(log, codecs, plans.then, played)
    )
    try:
        await _until(lambda: len(played.readable) >= HOSPITALS, _DOOR_S)
        yield played, sending
    finally:
        for task in (sending, following):
            task.cancel()
        await asyncio.gather(sending, following, return_exceptions=True)
        await log.close()


async def kill_nodes(nodes: EmbeddedCluster, played: Played, kills: int) -> None:
    """
    Kill one node after the other and start it again, each when all copies of the last one are in sync.

    In each round of three every node once: the active controller, then whoever leads most partitions of
    transactions, then the third.
    """
    left: set[int] = set()
    for _ in range(kills):
        left = left or set(range(1, NODES + 1))
        controller = active_controller(nodes)
        transactions = await leaderships(nodes.cluster, TRANSACTIONS)
        groups = await leaderships(nodes.cluster, GROUPS)
        chosen = controller if left == set(range(1, NODES + 1)) else max(left, key=transactions.__getitem__)
        left.remove(chosen)
        node = nodes.nodes[chosen - 1]
        await asyncio.to_thread(node.kill)
        played.kills.append(Kill(chosen, chosen == controller, transactions[chosen], groups[chosen]))
        await pause(_DOWN_S)
        await asyncio.to_thread(node.start)
        await until_in_sync(nodes.cluster, NODES)
        await pause(_STEADY_S)


async def lose_two(nodes: EmbeddedCluster, played: Played) -> None:
    """Kill two nodes at once; start one again when every hospital was refused, the other when all goes on."""
    first, second, _ = nodes.nodes
    await asyncio.gather(asyncio.to_thread(first.kill), asyncio.to_thread(second.kill))
    gone = time.monotonic()
    await _until(
        lambda: all(len(hospital.refused_since(gone)) >= _REFUSALS for hospital in played.hospitals),
        _REFUSED_S,
    )
    starting = time.monotonic()
    await asyncio.to_thread(first.start)
    played.two_gone = TwoGone(gone, starting, time.monotonic())
    await _until(
        lambda: all(hospital.accepted[-1].last_sent > starting for hospital in played.hospitals), _GOES_ON_S
    )
    await asyncio.to_thread(second.start)
    await until_in_sync(nodes.cluster, NODES)


async def _until(condition: Callable[[], bool], seconds: float) -> None:
    """Return as soon as `condition` holds; raise `TimeoutError` after `seconds`."""
    async with asyncio.timeout(seconds):
        while not condition():
            await pause(_AGAIN_S)


async def finish(fleet: Fleet, played: Played, sending: "asyncio.Future[list[None]]") -> dict[str, int]:
    """Let the load end and check everything; return the checker's counts."""
    assert not sending.done(), "the load ended before the faults did"
    for hospital in played.hospitals:
        hospital.enough.set()
    await sending
    await wait_until_caught_up(fleet)
    codecs = fleet.codecs()
    sent = {one.message.message_id: one.message for one in played.accepted()}
    written = await written_visits(fleet.cluster, codecs)
    assert {(known, message.number.key) for known, message in sent.items()} == {
        (fact.message_id, key) for key, fact in written
    }
    facts = [Sent(sent[fact.message_id].number, fact) for _, fact in written]
    load = Load(played.first_plans, [*played.later_plans, *facts])
    counts = await check(fleet.cluster, load, codecs)
    flagged = {one.number for one in (*played.first_plans, *played.later_plans)}
    due = {message.visit for message in sent.values() if message.number in flagged}
    await _until(lambda: due <= played.readable.keys(), _TOLD_S)
    await asyncio.to_thread(until_in_inboxes, fleet.directory, await said_to_each(fleet.cluster, codecs))
    refused = sum(len(hospital.refused) for hospital in played.hospitals)
    again = len(written) - len(sent)
    return {"messages": len(sent), "refusals": refused, "written a second time": again, **counts}


async def written_visits(cluster: Cluster, codecs: Codecs) -> list[tuple[bytes, VisitMessage]]:
    """Return every attendance that intake wrote, with its key."""
    records = (await read_topics(cluster, [Topic.ATTENDANCES]))[Topic.ATTENDANCES]
    found = []
    for record in records:
        fact = codecs.facts.decode(Topic.ATTENDANCES, record.key or b"", record.value or b"")
        assert isinstance(fact, VisitMessage)
        found.append((record.key or b"", fact))
    return found


async def play(
    nodes: EmbeddedCluster, fleet: Fleet, *, kills: int, messages: int, seed: int
) -> tuple[Played, dict[str, int]]:
    """Kill nodes under a load, two at once at the end, and check; return the run and the counts."""
    async with under_load(fleet, messages=messages, seed=seed) as (played, sending):
        await kill_nodes(nodes, played, kills)
        await lose_two(nodes, played)
        counts = await finish(fleet, played, sending)
    return played, counts


def make_topics(nodes: EmbeddedCluster) -> None:
    """Make the declared topics on three nodes."""
    asyncio.run(apply_topics(nodes.cluster, declared_topics(None).overridden(replication_factor=NODES)))


def main() -> None:
    """Run the test by itself and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=9)
    parser.add_argument("--messages", type=int, help="of each hospital at most; default: 300 for each kill")
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    messages = wanted.messages or 300 * (wanted.kills + 3)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as directory, embedded_cluster() as nodes:
        make_topics(nodes)
        with Fleet(nodes.cluster, Path(directory)) as fleet:
            played, counts = asyncio.run(
                play(nodes, fleet, kills=wanted.kills, messages=messages, seed=wanted.seed)
            )
    for kill in played.kills:
        what = "the active controller" if kill.controller else "no controller"
        sys.stdout.write(
            f"killed node {kill.node}: {what}, leader of {kill.transactions} partitions of transactions, "
            f"{kill.groups} of groups\n"
        )
    seconds = played.alert_seconds()
    told = ", ".join(f"{count} {name}" for name, count in counts.items())
    sys.stdout.write(
        f"{len(played.kills)} kills, then two nodes at once: {told}; nothing missing, nothing double\n"
        f"longest gap between two answers AA {played.answer_gap():.1f} s, "
        f"slowest answer {max(hospital.slowest for hospital in played.hospitals):.1f} s\n"
        f"attendance to readable alert: median {seconds[len(seconds) // 2]:.2f} s, "
        f"longest {seconds[-1]:.1f} s\n{time.monotonic() - began:.0f} s in all\n"
    )


if __name__ == "__main__":
    main()
