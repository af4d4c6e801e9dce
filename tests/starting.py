"""Starts a process of the broker that is to refuse, and knocks at its doors: none may ever be open."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from broker.adapters.embedded_kafka.configuration import free_ports

NO_KAFKA = "127.0.0.1:1"  # nobody listens there, and nobody can without being root
LOOK_SECONDS = 0.01
END_SECONDS = 90.0


@dataclass(frozen=True)
class Refusal:
    """How a process ended, and whether one of its doors was ever open."""

    code: int
    said: str
    was_open: bool


def start(data_dir: Path, *arguments: str, **settings: str) -> Refusal:
    """Run `cpis` until it ends, knocking at its doors all the while."""
    return start_while(lambda: None, data_dir, *arguments, **settings)


def start_while(meanwhile: Callable[[], object], data_dir: Path, *arguments: str, **settings: str) -> Refusal:
    """Do the same, and something else once the process was started."""
    ports = free_ports(2)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CPIS_")}
    environment |= {"CPIS_DATA_DIR": str(data_dir), "CPIS_MLLP_PORT": str(ports[0])}
    environment |= {"CPIS_OPS_PORT": str(ports[1]), **settings}
    process = subprocess.Popen(
        [sys.executable, "-m", "broker", *(arguments or ("run",))],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    was_open = False
    meanwhile()
    pause = threading.Event()
    with process:
        while process.poll() is None:
            was_open = was_open or any(_is_open(port) for port in ports)
            pause.wait(LOOK_SECONDS)
        output = process.stdout.read() if process.stdout is not None else ""
    return Refusal(process.returncode, output, was_open)


def _is_open(port: int) -> bool:
    """Tell whether somebody listens on a port of this machine."""
    with socket.socket() as knocking:
        return knocking.connect_ex(("127.0.0.1", port)) == 0


def assert_refused(refusal: Refusal, code: int, *words: str) -> None:
    """Assert that the process ended with one clear message that holds these words, and nothing had begun."""
    assert [] == [word for word in words if word not in refusal.said], refusal.said
    assert code == refusal.code, refusal.said
    assert "Traceback" not in refusal.said
    assert "ready" not in refusal.said
    assert not refusal.was_open
