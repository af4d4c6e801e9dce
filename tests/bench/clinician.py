"""How long after `AA` an attendance's alert is at the provider's integration engine, over real sockets."""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from time import monotonic

from broker.adapters.cluster import Cluster
from broker.wire.acknowledgement import answer
from broker.wire.hl7v2 import parse
from broker.wire.mllp import END, frame
from tests.bench.latency import Latency, quantiles
from tests.builders.adt import Adt, Patient
from tests.builders.delivering import HOST, Engine
from tests.builders.hl7 import wall_time
from tests.builders.matcher import DETAILS, numbers, plan
from tests.builders.terminal import mllp_port
from tests.fault.checker import caught_up
from tests.fault.fleet import Fleet, send
from tests.fault.load import PROVIDERS, Sent

RATE_PER_SECOND = 10
WARM_UP_SECONDS = 2
_WAIT_SECONDS_MAX = 180.0  # for the start of the processes and for what must come


async def measure_clinician(cluster: Cluster, directory: Path, seconds: int) -> Latency:
    """Return how long it takes at ten attendances a second, each of somebody with a plan."""
    people = list(islice(numbers(), (WARM_UP_SECONDS + seconds) * RATE_PER_SECOND))
    now = datetime.now(tz=UTC)
    before = now - timedelta(days=30)
    arrived: dict[str, float] = {}

    def take(message: bytes) -> bytes:
        """Note when a person's first message came, and accept it."""
        patient = parse(message).first("PID")
        arrived.setdefault(str(patient and patient.field(3)), monotonic())
        return answer(message)

    engine = Engine(reply=take)
    async with engine.open(), asyncio.timeout(_WAIT_SECONDS_MAX + WARM_UP_SECONDS + seconds):
        with Fleet(cluster, directory, roles=("intake", "matcher", "outbox")) as fleet:
            codecs = fleet.codecs()
            known = plan(recorded_at=before, received_at=before)
            await send(cluster, codecs, [Sent(number, known) for number in people])
            fleet.start(CPIS_SENDERS_FILE=_senders(directory, engine.port))
            port = await asyncio.to_thread(mllp_port, fleet)
            while not await caught_up(cluster, codecs):
                continue
            accepted: dict[str, float] = {}
            reader, writer = await asyncio.open_connection(HOST, port)
            began = monotonic()
            for n, number in enumerate(people):
                await asyncio.sleep(max(0.0, began + n / RATE_PER_SECOND - monotonic()))
                writer.write(frame(_attendance(number.digits, n, now)))
                await reader.readuntil(END)
                accepted[number.digits] = monotonic()
            writer.close()
            await engine.until(len(people))
    measured = [number.digits for number in people[WARM_UP_SECONDS * RATE_PER_SECOND :]]
    return quantiles([max(0.0, arrived[digits] - accepted[digits]) for digits in measured])


def _senders(directory: Path, port: int) -> str:
    """Write the file in which the provider's engine is delivered to; return its path."""
    file = directory / "senders.toml"
    file.write_text(
        f'[provider.{PROVIDERS[0]}.sender.EDSYS]\naddresses = ["127.0.0.1"]\n'
        f'[provider.{PROVIDERS[0]}.deliver]\nmllp = "127.0.0.1:{port}"\nmllp_tls = false\n'
    )
    return str(file)


def _attendance(digits: str, n: int, now: datetime) -> bytes:
    """Return the message of one attendance."""
    recorded = wall_time(now)
    return (
        Adt(
            event="A04",
            control_id=f"M{n}",
            recorded=recorded,
            patient=Patient(
                number=digits,
                family=DETAILS.family or "",
                given=DETAILS.given or "",
                born="20170301",
                local_id=f"L{n}",
            ),
            provider=PROVIDERS[0].code,
            pv1={"class": "E", "location": "ED", "visit": f"V{n}", "arrived": recorded},
        )
        .text()
        .encode()
    )
