"""Doors and desk as those outside use them: a hospital that sends, an operator at a terminal."""

import asyncio
import json
import os
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from broker.adapters.embedded_kafka import EmbeddedCluster, EmbeddedKafka
from broker.adapters.sealing import KeyDirectory
from broker.core.alerts import AlertEvent
from broker.core.keyed import IdentityKey
from broker.core.operators import OperatorAction
from broker.ports import Record, Topic
from broker.runtime.parts import present
from broker.services.matching import Codecs
from broker.wire.mllp import END, frame
from tests.builders.matcher import make_codecs
from tests.builders.warm_command import warm_command
from tests.fault.checker import caught_up, read_topics
from tests.fault.fleet import Fleet
from tests.waiting import wait_until

PATIENCE_SECONDS = 90.0


@dataclass(frozen=True)
class Desk:
    """A terminal at which an operator sits, in an environment of their own."""

    kafka: EmbeddedKafka | EmbeddedCluster
    directory: Path

    @property
    def key(self) -> IdentityKey:
        """The identity key that the broker has here."""
        return IdentityKey((self.directory / "identity.key").read_bytes())

    @property
    def codecs(self) -> Codecs:
        """Codecs that open what the broker sealed."""
        return make_codecs(KeyDirectory(self.directory / "keys", present))

    def run(self, *words: str, told: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
        """Run `cpis` to its end; `told` is its standard input."""
        others = {name: value for name, value in os.environ.items() if not name.startswith("CPIS_")}
        return warm_command().run(
            words,
            environment={
                **others,
                "CPIS_KAFKA_BOOTSTRAP_SERVERS": self.kafka.bootstrap_servers,
                "CPIS_DATA_DIR": str(self.directory),
                "CPIS_IDENTITY_KEY_FILE": str(self.directory / "identity.key"),
                "COLUMNS": "80",
                **settings,
            },
            told=told,
            seconds=PATIENCE_SECONDS,
        )

    def shown(self, *words: str, **settings: str) -> str:
        """Run `cpis` and return what it printed; it must end with 0."""
        done = self.run(*words, **settings)
        assert 0 == done.returncode, done.stderr
        return done.stdout

    def items(self, *words: str) -> list[dict[str, object]]:
        """Run a list as JSON lines and return its items."""
        return [json.loads(line) for line in self.shown(*words, "--json").splitlines()]

    def records(self, topic: Topic) -> list[Record]:
        """Return what lies in a topic."""
        return asyncio.run(read_topics(self.kafka.cluster, [topic]))[topic]

    def actions(self, topic: Topic) -> list[OperatorAction]:
        """Return what operators did, as a topic has it."""
        records = self.codecs.records
        values = [record.value for record in self.records(topic) if record.value is not None]
        return [records.decode_action(value) for value in values if records.is_action(value)]

    def alerts(self) -> list[AlertEvent]:
        """Return every alert event told so far, by id: partitions are read in any order."""
        decode = self.codecs.alerts.decode_event
        events = [decode(record.value or b"") for record in self.records(Topic.ALERTS)]
        return sorted(events, key=lambda event: event.event_id)

    def worked_off(self) -> None:
        """Wait until the matcher has noted every input to its end."""
        wait_until(
            lambda: asyncio.run(caught_up(self.kafka.cluster, self.codecs)), PATIENCE_SECONDS, "caught up"
        )


def with_key(kafka: EmbeddedKafka | EmbeddedCluster, directory: Path) -> Desk:
    """Return a desk with an identity key in its directory."""
    (directory / "identity.key").write_bytes(b"a key made for this test alone, and for no deployment")
    return Desk(kafka, directory)


def send(port: int, data: bytes) -> str:
    """Send a message as a hospital does; return MSA-1."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS) as line:
        line.sendall(frame(data))
        answer = b""
        while not answer.endswith(END):
            answer += line.recv(4096)
    [segment] = [part for part in answer.decode().split("\r") if part.startswith("MSA")]
    return segment.split("|")[1]


def mllp_port(fleet: Fleet) -> int:
    """Return the port of the MLLP door, as the log tells."""

    def ports() -> list[int]:
        return [line["port"] for line in fleet.events("intake ready")]

    wait_until(lambda: bool(ports()), PATIENCE_SECONDS, "the MLLP door")
    return ports()[0]
