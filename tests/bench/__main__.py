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
from tests.bench.latency import measure_latency
from tests.bench.throughput import measure_throughput

SPEED_AIM = 1 / 3
LATENCY_AIM = 4.0


def main(attendances: int, seconds: int) -> None:
    """Measure throughput, then latency, each on a fresh cluster, and print both beside the bare client."""
    collect_rarely()  # as `cpis run` does; it helps the bare client too
    declared = load_topics(topics_file().read_text("utf-8"))
    with embedded_kafka(say=print) as kafka:
        asyncio.run(apply_topics(kafka.cluster, declared))
        bare, matched = asyncio.run(measure_throughput(kafka.cluster, attendances))
    print(f"bare read           {bare:10,.0f} attendances/s")
    print(
        f"matcher             {matched:10,.0f} attendances/s   "
        f"{matched / bare:.2f} of it (aim {SPEED_AIM:.2f})"
    )
    with tempfile.TemporaryDirectory() as directory, embedded_kafka(say=print) as kafka:
        asyncio.run(apply_topics(kafka.cluster, declared))
        trip, alert = asyncio.run(measure_latency(kafka.cluster, Path(directory), seconds))
    print(f"bare round trip     p50 {trip.p50:6.1f} ms   p99 {trip.p99:6.1f} ms")
    print(
        f"attendance → alert  p50 {alert.p50:6.1f} ms   p99 {alert.p99:6.1f} ms   "
        f"p50 {alert.p50 / trip.p50:.1f} × (aim under {LATENCY_AIM:.0f} ×)"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--attendances", type=int, default=200_000, help="how many go through the matcher")
    parser.add_argument("--seconds", type=int, default=20, help="how long the latency is measured")
    arguments = parser.parse_args()
    main(arguments.attendances, arguments.seconds)
