"""Starts processes of the broker; of one that is to refuse, no door may ever be open."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from broker.adapters.embedded_kafka.configuration import free_ports
from tests.builders.warm_command import warm_command

NO_KAFKA = "127.0.0.1:1"  # nobody listens there, and nobody can without being root
LOOK_SECONDS = 0.01
END_SECONDS = 90.0
REFUSAL_SECONDS = 240.0  # a refusal takes a few; one that waits for a Kafka has a deadline of its own


@dataclass(frozen=True)
class Refusal:
    """How a process ended, and whether one of its doors was ever open."""

    code: int
    said: str
    was_open: bool


def environment(**settings: str) -> dict[str, str]:
    """Return this process's environment with only these settings."""
    return {name: value for name, value in os.environ.items() if not name.startswith("CPIS_")} | settings


@contextmanager
def running(log: Path, *arguments: str, **settings: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run `cpis` with its output in a file; end it afterwards."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "broker", *arguments],
            env=environment(**settings),
            stdout=output,
            stderr=output,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(END_SECONDS)


def start(data_dir: Path, *arguments: str, **settings: str) -> Refusal:
    """Run `cpis` until it ends, forked from what has imported it, and knock at its doors all the while."""
    ports = free_ports(2)
    own = {
        "CPIS_DATA_DIR": str(data_dir),
        "CPIS_MLLP_PORT": str(ports[0]),
        "CPIS_OPS_PORT": str(ports[1]),
    }
    was_open = False
    pause = threading.Event()
    with ThreadPoolExecutor(1) as aside:
        running = aside.submit(
            warm_command().run,
            arguments or ("run",),
            environment=environment(**own | settings),
            told="",
            seconds=REFUSAL_SECONDS,
        )
        while not running.done():
            was_open = was_open or any(_is_open(port) for port in ports)
            pause.wait(LOOK_SECONDS)
    done = running.result()
    return Refusal(done.returncode, done.stdout + done.stderr, was_open)


def _is_open(port: int) -> bool:
    """Tell whether somebody listens on a port of this machine."""
    with socket.socket() as knocking:
        return knocking.connect_ex(("127.0.0.1", port)) == 0


def assert_refused(refusal: Refusal, code: int, *words: str) -> None:
    """Assert that the process ended with one clear message that holds these words, and nothing had begun."""
    assert [] == [word for word in words if word not in refusal.said], refusal.said
    assert code == refusal.code, refusal.said
    assert "Traceback" not in refusal.said
    assert '"ready"' not in refusal.said
    assert not refusal.was_open
