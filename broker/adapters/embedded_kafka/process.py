"""
Start, watch, kill and stop one embedded broker.

Its Java process belongs to a session of its own (a terminal's Ctrl-C does not reach it) and dies with this
process, even when that is killed. Ready means that it answered a request, not that a port is open.
"""

import atexit
import os
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from broker.adapters.cluster import Cluster
from broker.adapters.embedded_kafka import guard
from broker.adapters.embedded_kafka.configuration import free_ports, meta_properties, server_properties
from broker.adapters.embedded_kafka.directory import ROOM_BYTES, BrokerDirectory
from broker.adapters.embedded_kafka.formatting import make_checkpoint
from broker.adapters.embedded_kafka.installation import Installation
from broker.adapters.embedded_kafka.member import Member
from broker.adapters.embedded_kafka.security import Security
from broker.adapters.storage import unusable
from broker.core.errors import BrokerError, EmbeddedKafkaFailed, StorageUnusable

_START_DEADLINE_S = 90.0  # 2 s on an idle machine; a test run may have both cores busy
_STOP_DEADLINE_S = 20.0  # 0.4 s as a rule; then it is killed, and Kafka recovers its log at the next start
_RECORDING_DEADLINE_S = 120.0  # writing the startup archive takes some 10 s of both cores
_POLL_S = 0.02
_ANSWER_TIMEOUT_S = 2.0
PORT_RACES = 5
"""How often another program may take a port between our choosing and Kafka's binding it."""
_TAIL_LINES = 15
_STARTED = "Kafka Server started"
PORT_TAKEN = "its port is in use by another program"
"""What stands in the failure of a start that lost such a race."""
_CAUSES = {
    "Address already in use": PORT_TAKEN,
    "Cannot allocate memory": "there is not enough memory",
    "OutOfMemoryError": "there is not enough memory",
}
_DISK_FULL = "No space left on device"
_FULL_BYTES = 1024 * 1024  # a disk with less room is full for a Kafka, which may not even have logged so
_MEMBER_OPTIONS = ("-Xmx512m",)  # of several on one machine; of two sizes Java takes the last
_BRIEF_OPTIONS = ("-XX:TieredStopAtLevel=1",)  # Java's second compiler pays off after minutes
_JAVA_OPTIONS = (
    "-Xmx768m",
    "-XX:+UseSerialGC",
    "-XX:+ExitOnOutOfMemoryError",
    "-Xlog:disable",  # of Java's own warnings there are some about the startup archive, which it works around
    "-Xlog:all=error:stderr",
    "-XX:-UsePerfData",  # leaves files outside the broker's directory
    "--enable-native-access=ALL-UNNAMED",  # zstd, lz4 and snappy load libraries of their own
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info",  # says _STARTED
    "-Dorg.slf4j.simpleLogger.log.kafka.authorizer.logger=debug",  # of a secured node: who was let do what
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSZ",
)


class EmbeddedKafka:
    """
    One broker on loopback ports of its own; a context manager that starts and stops it.

    With `data_dir` the data are kept there, otherwise in a temporary directory that goes with the broker.
    `port` 0 takes a free one, which stays the same until `stop`. With `record_startup_to` the classes used
    are written to that file when the broker is stopped; with `security` clients must say who they are, and
    a cluster's manner is theirs to add. With `member` it is one node of several, which says the ports. What
    `properties` say stands behind everything else in `server.properties`. A `lasting` one is fast after
    minutes instead of soon. Methods raise `EmbeddedKafkaFailed`, or `StorageUnusable` for a disk that is
    full, block, and may be called from any thread, one at a time.
    """

    def __init__(
        self,
        installation: Installation,
        *,
        data_dir: Path | None = None,
        port: int = 0,
        record_startup_to: Path | None = None,
        security: Security | None = None,
        member: Member | None = None,
        properties: Mapping[str, str] | None = None,
        lasting: bool = False,
    ) -> None:
        self._security = security
        self._lasting = lasting
        self._properties = properties or {}
        self._installation = installation
        self._data_dir = data_dir
        self._wanted_port = port
        self._record_startup_to = record_startup_to
        self._member = member
        self._ports: tuple[int, int] | None = member.ports if member else None
        self._directory: BrokerDirectory | None = None
        self._process: subprocess.Popen[bytes] | None = None
        # The death of a process is signalled when the *thread* that started it ends: this one lives until
        # `stop`.
        self._starter: ThreadPoolExecutor | None = None

    def __enter__(self) -> Self:
        """Start the broker."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop the broker."""
        self.stop()

    @property
    def bootstrap_servers(self) -> str:
        """The `host:port` that clients are given."""
        return f"127.0.0.1:{self._chosen()[0]}"

    @property
    def cluster(self) -> Cluster:
        """The cluster that this one broker is."""
        return Cluster(self.bootstrap_servers)

    @property
    def directory(self) -> Path:
        """Where this broker's files lie: `data/`, `kafka.log`, `server.properties`."""
        if self._directory is None:
            raise EmbeddedKafkaFailed("the embedded Kafka was not started")
        return self._directory.path

    @property
    def pid(self) -> int | None:
        """The process id of the running broker, or None."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def start(self) -> None:
        """Start the broker and return when it answers; after `kill`, on the same ports and data."""
        if self.pid is not None:
            return
        try:
            if self._directory is None:
                self._directory = BrokerDirectory(self._data_dir)
                atexit.register(self.stop)
            if self._ports is not None:
                self._start_once(self._ports)
            else:
                self._start_on_free_ports()
        except BaseException:
            self.stop()
            raise

    def kill(self) -> None:
        """Kill the broker as a power cut would; ports and data stay for `start`."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)  # not yet waited for, so the id is still its own
            self._process.wait()
            self._process = None

    def restart(self) -> None:
        """Stop the broker in good order and start it again on the same ports and data."""
        self._terminate()
        self.start()

    def wait(self) -> None:
        """Return when the broker has ended by itself, for whatever reason."""
        if self._process is not None:
            self._process.wait()

    def stop(self) -> None:
        """Stop in good order, give the ports up, remove what was temporary; harmless when done before."""
        try:
            self._terminate()
        finally:
            self.kill()
            if self._starter is not None:
                self._starter.shutdown()
                self._starter = None
            if self._directory is not None:
                self._directory.close()
                self._directory = None
            self._ports = self._member.ports if self._member else None
            atexit.unregister(self.stop)

    def failure(self) -> BrokerError:
        """Return why the broker ended by itself, as far as can be told."""
        return self._reason("Kafka ended by itself", self.log_tail())

    def log_tail(self) -> str:
        """Return the last lines that the broker wrote."""
        try:
            lines = (self.directory / "kafka.log").read_text("utf-8", "replace").splitlines()
        except OSError:
            return ""
        return "\n".join(lines[-_TAIL_LINES:])

    def _chosen(self) -> tuple[int, int]:
        """Return the ports of the broker and of its controller."""
        if self._ports is None:
            raise EmbeddedKafkaFailed("the embedded Kafka was not started")
        return self._ports

    def _start_on_free_ports(self) -> None:
        """Choose ports and start, again with others when somebody was quicker."""
        for race in range(1, PORT_RACES + 1):
            port, controller_port = free_ports(2)
            try:
                self._start_once((self._wanted_port or port, controller_port))
            except EmbeddedKafkaFailed as error:
                if self._wanted_port or race == PORT_RACES or PORT_TAKEN not in str(error):
                    raise
            else:
                return

    def _start_once(self, ports: tuple[int, int]) -> None:
        """Format the directory if it is new, start Java on `ports`, wait for an answer."""
        try:
            self._format()
            properties = server_properties(*ports) + (self._member.properties() if self._member else "")
            secured = "" if self._security is None else self._security.properties(*ports)
            own = "".join(f"{name}={value}\n" for name, value in self._properties.items())
            (self.directory / "server.properties").write_text(properties + secured + own, "utf-8")
            log = (self.directory / "kafka.log").open("ab")
        except OSError as error:
            raise unusable("the embedded Kafka's directory", self.directory, error) from error
        with log:
            beginning = log.tell()
            self._process = self._spawn(self._command(), log.fileno())
        self._await_answer(ports[0], beginning)
        self._ports = ports

    def _format(self) -> None:
        """Write what makes an empty directory a node's: its ids, and the metadata it begins with."""
        data = self.directory / "data"
        if (data / "meta.properties").exists():
            return
        data.mkdir(exist_ok=True)
        (self.directory / "tmp").mkdir(exist_ok=True)
        checkpoint = self._installation.bootstrap_checkpoint
        if self._security is None:
            shutil.copyfile(checkpoint, data / checkpoint.name)
        else:
            arguments = self._security.formatting()
            make_checkpoint(self._installation, data / checkpoint.name, arguments)
        place = (self._member.number, self._member.cluster_id) if self._member else ()
        (data / "meta.properties").write_text(meta_properties(*place), "ascii")

    def _command(self) -> list[str]:
        """Return the command line of the broker."""
        archive = self._installation.startup_archive
        if self._record_startup_to is not None:
            startup = [f"-XX:AOTCacheOutput={self._record_startup_to}"]
        else:
            startup = [f"-XX:AOTCache={archive}"] if self._installation.has_startup_archive else []
        temporary = f"-Djava.io.tmpdir={self.directory / 'tmp'}"
        class_path = ["-cp", self._installation.jars]
        own = (*(_MEMBER_OPTIONS if self._member else ()), *(() if self._lasting else _BRIEF_OPTIONS))
        options = [*_JAVA_OPTIONS, *own, *startup, temporary]
        java = [str(self._installation.java), *options, *class_path]
        return [*java, "kafka.Kafka", "server.properties"]

    def _spawn(self, command: list[str], log: int) -> subprocess.Popen[bytes]:
        """Start `command`, tied to the life of this process, writing to the descriptor `log`."""
        if self._starter is None:
            self._starter = ThreadPoolExecutor(1, thread_name_prefix="embedded-kafka")
        guarded = [sys.executable, "-I", "-S", guard.__file__, str(os.getpid()), *command]
        return self._starter.submit(
            subprocess.Popen,
            guarded,
            cwd=self.directory,
            env={},  # JAVA_TOOL_OPTIONS and their like are for other programs
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ).result()

    def _await_answer(self, port: int, beginning: int) -> None:
        """Return when the broker said (after offset `beginning` of its log) that it started, and answers."""
        deadline = time.monotonic() + _START_DEADLINE_S
        log = self.directory / "kafka.log"
        tls = None if self._security is None else self._security.client_context()
        while time.monotonic() < deadline:
            text = log.read_bytes()[beginning:].decode("utf-8", "replace")
            if _STARTED in text and _answers(port, tls):
                return
            if self.pid is None:
                raise self._reason("the embedded Kafka ended while starting", text)
            time.sleep(_POLL_S)
        raise EmbeddedKafkaFailed(
            f"the embedded Kafka did not answer in {_START_DEADLINE_S:.0f} s\n{self.log_tail()}"
        )

    def _reason(self, what: str, text: str) -> BrokerError:
        """Return why the broker ended, as far as its log `text` tells, else with the end of that log."""
        if _DISK_FULL in text or shutil.disk_usage(self.directory).free < _FULL_BYTES:
            return StorageUnusable(
                f"{what}: the disk under {self.directory} is full; it needs {ROOM_BYTES // 1024 // 1024} MiB "
                "and more, and what was acknowledged is kept"
            )
        for sign, cause in _CAUSES.items():
            if sign in text:
                return EmbeddedKafkaFailed(f"{what}: {cause}")
        return EmbeddedKafkaFailed(f"{what}: see below\n{self.log_tail()}")

    def _terminate(self) -> None:
        """End the broker in good order, by force when it does not within its deadline."""
        if self._process is None:
            return
        deadline = _STOP_DEADLINE_S if self._record_startup_to is None else _RECORDING_DEADLINE_S
        self._process.terminate()
        self._process.send_signal(signal.SIGCONT)  # a test may have stopped it
        try:
            self._process.wait(deadline)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None


def _answers(port: int, tls: ssl.SSLContext | None) -> bool:
    """Tell whether a broker on `port` answers an ApiVersions request (key 18, version 0) without an error."""
    request = struct.pack(">hhih", 18, 0, 1, -1)  # api key, its version, correlation id, no client id
    try:
        with (
            socket.create_connection(("127.0.0.1", port), _ANSWER_TIMEOUT_S) as plain,
            tls.wrap_socket(plain, server_hostname="127.0.0.1") if tls else plain as connection,
        ):
            connection.sendall(struct.pack(">i", len(request)) + request)
            with connection.makefile("rb") as answer:
                _size, correlation, error = struct.unpack(">iih", answer.read(10))
    except (OSError, struct.error):  # refused, closed, or silent
        return False
    return (correlation, error) == (1, 0)
