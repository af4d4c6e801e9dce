"""How many messages a second are answered `AA` once durable, beside a server that merely echoes `AA`."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from time import monotonic

from broker.adapters.cluster import Cluster
from broker.wire.mllp import END, frame
from tests.bench.latency import Latency, quantiles
from tests.bench.state import cpu_s
from tests.builders.matcher import KEY, numbers, pause
from tests.builders.terminal import mllp_port
from tests.fault.fleet import Fleet
from tests.fault.hospital import HOST, visit_messages
from tests.fault.load import PROVIDERS

CONNECTIONS = 20
PACED_PER_SECOND = 200
_ALONE_SHARE = 10  # one connection waits most of its time: fewer messages say as much
_WARM_UP_SHARE = 10
_ACCEPTED = b"MSA|AA|"
_RUN_SECONDS_MAX = 180.0
_RESEND_S = 0.1  # as short as engines are set to; without it those who wait keep the door busy with refusing


@dataclass(frozen=True, slots=True)
class Rate:
    """Messages a second that were answered, and the seconds of CPU that each cost the server."""

    per_second: float
    cpu_s: float


@dataclass(frozen=True, slots=True)
class Measured:
    """One server: by one connection, by twenty, and how long an answer takes at a pace."""

    alone: Rate
    together: Rate
    paced: Latency


async def measure_mllp(cluster: Cluster, directory: Path, messages: int) -> tuple[Measured, Measured]:
    """Return what the echoing server does with that many messages, and what intake does."""
    now = datetime.now(tz=UTC)
    frames = [
        frame(one.data) for one in visit_messages(islice(numbers(), messages), PROVIDERS, key=KEY, now=now)
    ]
    async with asyncio.timeout(_RUN_SECONDS_MAX):
        with _echo() as (port, pid):
            echoed = await _measure(port, pid, frames)
        with Fleet(cluster, directory, roles=("intake",)) as fleet:
            process = fleet.start()
            port = await asyncio.to_thread(mllp_port, fleet)
            taken = await _measure(port, process.pid, frames)
    return echoed, taken


async def _measure(port: int, pid: int, frames: Sequence[bytes]) -> Measured:
    """Measure one server, after a warm-up."""
    await _rate(port, pid, frames[: len(frames) // _WARM_UP_SHARE], CONNECTIONS)
    return Measured(
        alone=await _rate(port, pid, frames[: len(frames) // _ALONE_SHARE], 1),
        together=await _rate(port, pid, frames, CONNECTIONS),
        paced=await _paced(port, frames[: len(frames) // _ALONE_SHARE]),
    )


async def _rate(port: int, pid: int, frames: Sequence[bytes], connections: int) -> Rate:
    """Send each connection's share, one message after the other; return the rate of all."""
    lines = [await asyncio.open_connection(HOST, port) for _ in range(connections)]
    began, spent = monotonic(), cpu_s(pid)
    await asyncio.gather(*(_converse(line, frames[place::connections]) for place, line in enumerate(lines)))
    took, spent = monotonic() - began, cpu_s(pid) - spent
    for _, writer in lines:
        writer.close()
    return Rate(len(frames) / took, spent / len(frames))


async def _converse(line: tuple[asyncio.StreamReader, asyncio.StreamWriter], frames: Sequence[bytes]) -> None:
    """Send one message after the other, each until it is answered `AA`; a young Kafka may refuse it."""
    reader, writer = line
    for one in frames:
        writer.write(one)
        while _ACCEPTED not in await reader.readuntil(END):
            await pause(_RESEND_S)
            writer.write(one)


async def _paced(port: int, frames: Sequence[bytes]) -> Latency:
    """Send at the pace, on twenty connections in turn; return how long after its time each is answered."""
    lines = [await asyncio.open_connection(HOST, port) for _ in range(CONNECTIONS)]
    began = monotonic()

    async def converse(place: int) -> list[float]:
        """Send what falls to one connection, each at its time or once the one before is answered."""
        took = []
        for n in range(place, len(frames), CONNECTIONS):
            due = began + n / PACED_PER_SECOND
            await asyncio.sleep(max(0.0, due - monotonic()))
            await _converse(lines[place], [frames[n]])
            took.append(monotonic() - due)
        return took

    every = await asyncio.gather(*map(converse, range(CONNECTIONS)))
    for _, writer in lines:
        writer.close()
    return quantiles(one for took in every for one in took)


@contextmanager
def _echo() -> Iterator[tuple[int, int]]:
    """Run the echoing server in a process of its own; yield its port and its process id."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.bench.echo"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline()), process.pid
        finally:
            process.terminate()
