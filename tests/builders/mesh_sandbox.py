"""
NHS England's own sandbox of the message exchange, in a virtual environment of its own, started by the tests.

It pins a web framework that the broker has no use for, so it is installed apart, from a list with hashes,
and once: its environment lies beside the one that runs the tests. It checks tokens with the shared key here.
"""

import fcntl
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from broker.adapters.embedded_kafka.configuration import free_ports
from broker.adapters.mesh import MeshAddress, MeshMailbox
from tests.waiting import wait_until

OURS = "X26CPIS"
COUNCILS = ("X26LA211", "X26LA204", "X26LA201")
"""Mailboxes of authorities in the shipped list."""
STRANGER = "E99OT001"
"""A mailbox that is on no list of authorities."""
PASSWORD = "a password of the sandbox"  # noqa: S105 - opens nothing but a process of this machine
SHARED_KEY = "a shared key of the sandbox"

_LIST = Path(__file__).resolve().parents[1] / "mesh_sandbox.txt"
_STARTS_S = 60.0
_INSTALLS_S = 300.0


@dataclass(frozen=True)
class Sandbox:
    """A running sandbox."""

    url: str

    def address(self, mailbox: str, *, password: str = PASSWORD) -> MeshAddress:
        """Return where a mailbox is and what opens it."""
        return MeshAddress(url=self.url, mailbox=mailbox, password=password, shared_key=SHARED_KEY)

    def mailbox(self, name: str) -> MeshMailbox:
        """Return a mailbox."""
        return MeshMailbox(self.address(name))

    def empty(self) -> None:
        """Forget every message."""
        requests.delete(f"{self.url}/admin/reset", timeout=10).raise_for_status()

    def report(self, mailbox: str, *, code: str, local_id: str) -> None:
        """Have the exchange put an error report into a mailbox."""
        report = {
            "mailbox_id": mailbox,
            "status": "error",
            "code": code,
            "description": "said in words of the exchange",
            "workflow_id": "LA_ACCESS",
            "local_id": local_id,
        }
        requests.post(f"{self.url}/messageexchange/admin/report", json=report, timeout=10).raise_for_status()

    def give_up(self, message_id: str) -> None:
        """Have the exchange say that a message was not collected in time."""
        event = {"status": "undeliverable", "code": "14", "event": "SEND", "description": "not collected"}
        requests.post(
            f"{self.url}/admin/message/{message_id}/event", json=event, timeout=10
        ).raise_for_status()


@contextmanager
def mesh_sandbox(log: Path) -> Iterator[Sandbox]:
    """Run the sandbox with its output in a file; skip where it cannot be installed."""
    python = _installed()
    (port,) = free_ports(1)
    environment = {"PATH": os.environ["PATH"], "ENV": "test", "STORE_MODE": "memory", "AUTH_MODE": "full"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [python, "-m", "uvicorn", "mesh_sandbox.api:app", "--port", str(port), "--no-access-log"],
            env=environment | {"SHARED_KEY": SHARED_KEY},
            stdout=output,
            stderr=output,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: _answers(url), _STARTS_S, f"the sandbox answers, see {log}")
        yield Sandbox(url)
    finally:
        process.terminate()
        process.wait(_STARTS_S)


def _answers(url: str) -> bool:
    """Tell whether the sandbox is there."""
    try:
        return bool(requests.get(f"{url}/health", timeout=2).ok)
    except requests.RequestException:
        return False


def _installed() -> Path:
    """Return the Python of the sandbox's environment, made at its first use."""
    mailboxes = "\n".join(map(_mailbox, (OURS, *COUNCILS, STRANGER)))
    digest = hashlib.sha256(_LIST.read_bytes() + mailboxes.encode()).hexdigest()[:12]
    home = Path(sys.prefix) / f"mesh-sandbox-{digest}"
    python, done = home / "bin" / "python", home / "installed"
    with (Path(sys.prefix) / "mesh-sandbox.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several processes of tests may want it at once
        if not done.exists():
            uv = (sys.executable, "-m", "uv")
            _run(*uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(home))
            _run(
                *(*uv, "pip", "install", "--quiet", "--link-mode", "copy", "--python", str(python)),
                *("--require-hashes", "--no-deps", "-r", str(_LIST)),
            )
            places = list(home.glob("lib/*/site-packages/mesh_sandbox/store/data/mailboxes.jsonl"))
            places[0].write_text(mailboxes, "utf-8")  # a copy of our own: other environments have theirs
            done.touch()
    return python


def _run(*command: str) -> None:
    """Run a step of the installation; skip the test where it fails."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=_INSTALLS_S, check=False)
    if done.returncode:
        pytest.skip(f"the sandbox of the message exchange cannot be installed: {done.stderr[-300:]}")


def _mailbox(name: str) -> str:
    """Return a mailbox as the sandbox lists it."""
    return json.dumps(
        {
            "mailbox_id": name,
            "mailbox_name": name,
            "billing_entity": "England",
            "ods_code": name[:3],
            "org_code": name[:3],
            "password": PASSWORD,
        }
    )
