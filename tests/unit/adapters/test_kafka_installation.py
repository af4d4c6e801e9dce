"""Kafka's jars: fetched once, verified always, never used when they are not what was recorded."""

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from broker.adapters.embedded_kafka.configuration import free_ports, meta_properties
from broker.adapters.embedded_kafka.installation import cache_directory, install, installed, read_lock
from broker.core.errors import ConfigurationError, EmbeddedKafkaFailed
from broker.runtime.resources import kafka_lock_file

_JAR = b"not really a jar"
_LOCK = f"# a comment\n\n{hashlib.sha256(_JAR).hexdigest()}  org.example:thing:1.0  # another\n"


class _Repository(BaseHTTPRequestHandler):
    """A repository of jars with one jar in it."""

    def do_GET(self) -> None:
        """Give the jar away; its companion files do not exist."""
        found = self.path.endswith("/org/example/thing/1.0/thing-1.0.jar")
        self.send_response(200 if found else 404)
        self.send_header("Content-Length", str(len(_JAR) if found else 0))
        self.end_headers()
        if found:
            self.wfile.write(_JAR)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 – the base class's name
        """Keep quiet."""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Lend an empty cache on a site that has a mirror of its own, and no cache of anybody else's."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Repository)
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    serving.start()
    configuration = tmp_path / "home" / ".config" / "jgo.conf"
    configuration.parent.mkdir(parents=True)
    configuration.write_text(f"[repositories]\nmirror = http://127.0.0.1:{server.server_port}\n", "utf-8")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    yield tmp_path / "cache"
    server.shutdown()
    server.server_close()
    serving.join()


def test_a_jar_is_fetched_from_a_sites_own_mirror(site: Path) -> None:
    """With an empty cache the jar is fetched and announced; the second time nothing is said."""
    said: list[str] = []

    first = install(_LOCK, site, said.append)
    second = install(_LOCK, site, said.append)

    assert first == second
    assert _JAR == first.class_path[0].read_bytes()
    assert ["Fetching 1 of the files of Apache Kafka, this once …"] == said


def test_nothing_but_the_jars_stays_in_the_cache(site: Path) -> None:
    """What was needed for fetching is removed again."""
    installation = install(_LOCK, site)

    assert ["jars"] == [path.name for path in installation.directory.iterdir()]


def test_an_altered_jar_is_fetched_again(site: Path) -> None:
    """A cached jar whose content changed is not used."""
    (jar,) = install(_LOCK, site).class_path
    jar.write_bytes(b"something else")

    install(_LOCK, site)

    assert _JAR == jar.read_bytes()


def test_a_jar_with_another_sum_is_not_used(site: Path) -> None:
    """A file that is not the recorded one never reaches the cache, and the error names it."""
    lock = f"{'0' * 64}  org.example:thing:1.0"

    with pytest.raises(EmbeddedKafkaFailed, match=r"thing-1\.0\.jar is not the file whose sum was recorded"):
        install(lock, site)

    assert not installed(lock, site).class_path[0].exists()


def test_without_a_network_the_error_says_where_to_put_the_jars(site: Path, tmp_path: Path) -> None:
    """A site without a way out is told where the files belong; no host is named."""
    (port,) = free_ports(1)
    (tmp_path / "home" / ".config" / "jgo.conf").write_text(
        f"[repositories]\nmirror = http://127.0.0.1:{port}\n", "utf-8"
    )

    with pytest.raises(EmbeddedKafkaFailed) as refusal:
        install(_LOCK, site)

    assert f"or put them into {installed(_LOCK, site).directory / 'jars'}" in str(refusal.value)
    assert str(port) not in str(refusal.value)


def test_a_cached_jar_needs_no_network(tmp_path: Path) -> None:
    """What was put into the cache by hand is taken when its sum is right."""
    (jar,) = installed(_LOCK, tmp_path).class_path
    jar.parent.mkdir(parents=True)
    jar.write_bytes(_JAR)

    assert (jar,) == install(_LOCK, tmp_path).class_path


def test_a_comment_in_the_list_does_not_empty_the_cache(tmp_path: Path) -> None:
    """The cache is found by the jars, not by what is written beside them."""
    assert installed(_LOCK, tmp_path) == installed(f"# more\n{_LOCK}", tmp_path)


def test_a_line_that_is_no_jar_is_refused() -> None:
    """A damaged list is refused with the number of the line."""
    with pytest.raises(ConfigurationError, match=r"line 4 of the list"):
        read_lock(f"{_LOCK}org.example:thing:1.0\n")


def test_the_shipped_list_names_one_version_of_each_jar() -> None:
    """No jar is listed twice, and Kafka itself is there."""
    jars = read_lock(kafka_lock_file().read_text("utf-8"))

    assert len(jars) == len({(jar.group, jar.artifact) for jar in jars})
    assert "kafka_2.13-4.3.1.jar" in {jar.file_name for jar in jars}


def test_the_cache_is_where_the_user_wants_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache lies under `XDG_CACHE_HOME`, or under `.cache` at home."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    assert tmp_path / ".cache" / "cpis-broker" == cache_directory()

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "elsewhere"))
    assert tmp_path / "elsewhere" / "cpis-broker" == cache_directory()


def test_two_nodes_have_different_ids() -> None:
    """Each new node draws its own ids."""
    assert meta_properties() != meta_properties()


def test_ports_are_different_and_outside_the_range_of_outgoing_connections() -> None:
    """A client that retries a port of that range while the broker is down may be connected to itself."""
    ports = free_ports(3)

    assert 3 == len(set(ports))
    assert max(ports) < 32_768
