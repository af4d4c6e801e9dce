"""
`make bench`: the matcher beside a bare Kafka client, in the same run on the same cluster.

Absolute figures move between machines; the ratios are what is quoted.
"""

import argparse
import asyncio
import tempfile
from pathlib import Path

from broker.adapters.kafka_topics import apply_topics, load_topics
from broker.runtime.kafka import embedded_kafka
from broker.runtime.resources import topics_file
from broker.runtime.worker import collect_rarely
from tests.bench.clinician import measure_clinician
from tests.bench.copies import measure_copies
from tests.bench.latency import measure_latency
from tests.bench.mllp import CONNECTIONS, PACED_PER_SECOND, Measured, measure_mllp
from tests.bench.reload import FILES, measure_reload
from tests.bench.state import measure_state
from tests.bench.throughput import measure_throughput

SPEED_AIM = 1 / 3
LATENCY_AIM = 4.0
ANSWERED_AIM = 3_000
"""Messages a second on one core with twenty connections."""
ANSWER_MS_AIM = 50

PLANS = 230_000
RELOAD_S_MAX = 300.0
"""How long a reload of the whole country may take on two cores."""
RECORDS = 23_000
"""A tenth of the country's, in as many files: about a minute."""
OTHERS_A_PLAN = 2.26  # 520,000 people without a plan come within the horizon
RESIDENT_MB_MAX = 700
BOOTSTRAP_S_MAX = 20.0
COPIES_MAX = 3
"""A new plan with the copies by which its person is found, beside one without."""
GROWTH_MAX = 1.15
"""Of the work for one attendance when there are ten times the plans."""


def main(attendances: int, seconds: int, plans: int) -> None:
    """Measure throughput, latency and state, each on a fresh cluster, and print them beside their aims."""
    collect_rarely()  # as `cpis run` does; it helps the bare client too
    declared = load_topics(topics_file().read_text("utf-8"))
    with embedded_kafka(say=print, lasting=True) as kafka:
        asyncio.run(apply_topics(kafka.cluster, declared))
        bare, matched = asyncio.run(measure_throughput(kafka.cluster, attendances))
    print(f"bare read           {bare:10,.0f} attendances/s")
    print(
        f"matcher             {matched:10,.0f} attendances/s   "
        f"{matched / bare:.2f} of it (aim {SPEED_AIM:.2f})"
    )
    with tempfile.TemporaryDirectory() as directory, embedded_kafka(say=print, lasting=True) as kafka:
        asyncio.run(apply_topics(kafka.cluster, declared))
        trip, alert = asyncio.run(measure_latency(kafka.cluster, Path(directory), seconds))
    print(f"bare round trip     p50 {trip.p50:6.1f} ms   p99 {trip.p99:6.1f} ms")
    print(
        f"attendance → alert  p50 {alert.p50:6.1f} ms   p99 {alert.p99:6.1f} ms   "
        f"p50 {alert.p50 / trip.p50:.1f} × (aim under {LATENCY_AIM:.0f} ×)"
    )
    with tempfile.TemporaryDirectory() as directory, embedded_kafka(say=print) as kafka:
        asyncio.run(apply_topics(kafka.cluster, declared))
        alone, found = asyncio.run(measure_copies(kafka.cluster, Path(directory), attendances // 10))
    print(
        f"a new plan          {alone * 1e6:10.0f} µs of CPU, {found * 1e6:.0f} with what it is found by   "
        f"{found / alone:.2f} × (limit {COPIES_MAX})"
    )
    print_state(plans, attendances // 10)


def print_engine(seconds: int) -> None:
    """Measure how long an alert takes to a provider's engine on a fresh cluster, and print it."""
    declared = load_topics(topics_file().read_text("utf-8"))
    with tempfile.TemporaryDirectory() as directory, embedded_kafka(say=print, lasting=True) as kafka:
        asyncio.run(apply_topics(kafka.cluster, declared))
        engine = asyncio.run(measure_clinician(kafka.cluster, Path(directory), seconds))
    print(
        f"AA → ORU at engine  p50 {engine.p50:6.1f} ms   p90 {engine.p90:.1f} ms   p99 {engine.p99:.1f} ms   "
        f"longest {engine.most:.1f} ms"
    )


def print_mllp(messages: int) -> None:
    """Measure the MLLP door and a server that only echoes on a fresh cluster, and print both."""
    declared = load_topics(topics_file().read_text("utf-8"))
    with tempfile.TemporaryDirectory() as directory, embedded_kafka(say=print, lasting=True) as kafka:
        asyncio.run(apply_topics(kafka.cluster, declared))
        echoed, taken = asyncio.run(measure_mllp(kafka.cluster, Path(directory), messages))
    _print_answered("echo", echoed)
    _print_answered("durable", taken)
    print(
        f"durable ÷ echoed    {taken.alone.per_second / echoed.alone.per_second:.2f} by one connection, "
        f"{taken.together.per_second / echoed.together.per_second:.2f} by {CONNECTIONS} "
        f"(aim {ANSWERED_AIM:,} a second on one core: {1 / taken.together.cpu_s:,.0f}); "
        f"p99 {taken.paced.p99:.1f} ms (aim under {ANSWER_MS_AIM} ms)"
    )


def _print_answered(name: str, measured: Measured) -> None:
    """Print what a server did."""
    alone, together, paced = measured.alone, measured.together, measured.paced
    print(
        f"AA, {name:<15} {alone.per_second:7,.0f} messages/s by one connection, "
        f"{together.per_second:,.0f} by {CONNECTIONS}, {together.cpu_s * 1e6:.0f} µs of CPU each; "
        f"at {PACED_PER_SECOND}/s p50 {paced.p50:.1f} ms   p99 {paced.p99:.1f} ms"
    )


def print_reload(records: int) -> None:
    """Measure a reload of the whole country on a fresh cluster, and print its rate and memory."""
    declared = load_topics(topics_file().read_text("utf-8"))
    with tempfile.TemporaryDirectory() as directory, embedded_kafka(say=print, lasting=True) as kafka:
        asyncio.run(apply_topics(kafka.cluster, declared))
        found = asyncio.run(measure_reload(kafka.cluster, Path(directory), records))
    print(
        f"reload              {found.records:,} records in {FILES} files, {found.plans:,} plan facts, "
        f"{found.matched:.1%} matched: {found.rate:,.0f} a second (aim {PLANS / RELOAD_S_MAX:,.0f}), "
        f"{found.resident_bytes / 1e6:.0f} MB"
    )


def print_state(plans: int, attendances: int) -> None:
    """Measure what a tenth of the plans costs, then all of them, and print memory, loading and growth."""
    costs = []
    for share in (10, 1):
        with tempfile.TemporaryDirectory() as directory:
            costs.append(
                measure_state(
                    Path(directory),
                    plans=plans // share,
                    others=int(plans * OTHERS_A_PLAN) // share,
                    attendances=attendances,
                )
            )
    tenth, whole = costs
    print(
        f"state               {whole.plans:,} plans and {whole.others:,} others in one process: "
        f"{whole.resident_bytes / 1e6:.0f} MB (limit {RESIDENT_MB_MAX}), "
        f"loaded in {whole.bootstrap_s:.1f} s (limit {BOOTSTRAP_S_MAX:.0f})"
    )
    print(
        f"ten times the plans {whole.attendance_cpu_s * 1e6:10.0f} µs of CPU an attendance   "
        f"{whole.attendance_cpu_s / tenth.attendance_cpu_s:.2f} × (limit {GROWTH_MAX})"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--attendances", type=int, default=200_000, help="how many go through the matcher")
    parser.add_argument("--seconds", type=int, default=20, help="how long the latency is measured")
    parser.add_argument("--plans", type=int, default=PLANS, help="how many people have a plan")
    parser.add_argument("--engine", action="store_true", help="measure the way to a provider's engine alone")
    parser.add_argument("--mllp", action="store_true", help="measure the MLLP door alone")
    parser.add_argument("--reload", action="store_true", help="measure a reload of every authority alone")
    parser.add_argument(
        "--records", type=int, default=RECORDS, help=f"of a reload; the country has {PLANS:,}"
    )
    parser.add_argument("--state", action="store_true", help="measure the state alone")
    arguments = parser.parse_args()
    if arguments.engine:
        print_engine(arguments.seconds)
    elif arguments.mllp:
        print_mllp(arguments.attendances // 10)
    elif arguments.reload:
        print_reload(arguments.records)
    elif arguments.state:
        print_state(arguments.plans, arguments.attendances // 10)
    else:
        main(arguments.attendances, arguments.seconds, arguments.plans)
