"""`deploy/compose.yaml` as a whole: one command, and every service is there and in order."""

import asyncio
import json
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from uuid import uuid4

import pytest
import yaml

from broker.adapters.embedded_kafka.configuration import free_ports
from tests.builders.matcher import numbers
from tests.containers.conftest import NEW, unavailable
from tests.containers.hospital import Hospital
from tests.containers.stack import READY_SECONDS, SERVICES
from tests.containers.traffic import visit
from tests.docs.walk import shell_lines
from tests.fault.load import PROVIDERS
from tests.scrape import HOST
from tests.tools.stale_docs import REPOSITORY
from tests.waiting import wait_until

pytestmark = [pytest.mark.docker, pytest.mark.timeout(1200)]  # the first run builds the images

_DEPLOY = REPOSITORY / "deploy"
_PAGE = REPOSITORY / "docs" / "how-to" / "run-in-containers.md"
_SHOWN = "docker compose --file deploy/compose.yaml "
_FIRST_OF_UPGRADE = "run --rm topics"
_DOWN = "down"
_SCRAPE = """
from urllib.request import urlopen
print(urlopen("http://broker:9464/metrics", timeout=5).read().decode())
"""


@pytest.fixture(scope="module")
def program(engine: object) -> list[str]:
    """Return the command of Compose, as part of the client or by itself."""
    if subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0:
        return ["docker", "compose"]
    if shutil.which("docker-compose") is None:
        unavailable("there is no Compose")
    return ["docker-compose"]


@pytest.fixture(scope="module")
def ports() -> dict[str, str]:
    """Return a free port of this machine for each that the file publishes."""
    published = [place for service in SERVICES.values() for place in service.get("ports", ())]
    return dict(
        zip([place.split(":")[1] for place in published], map(str, free_ports(len(published))), strict=True)
    )


class Compose:
    """Compose on the file, but with images built here, on free ports, and without those it cannot fetch."""

    def __init__(self, program: Sequence[str], file: Path, ports: Mapping[str, str]) -> None:
        """Write `file` at the first `use`."""
        self._ports = ports
        self._file = file
        name = f"cpis{uuid4().hex[:8]}"
        self._command = [*program, "-p", name, "--project-directory", str(_DEPLOY), "--file", str(file)]

    def use(self, images: Mapping[str, str]) -> None:
        """Put the images of services into the file."""
        text = (_DEPLOY / "compose.yaml").read_text("utf-8")
        for inside, outside in self._ports.items():
            text = text.replace(f"{HOST}:{inside}", f"{HOST}:{outside}")
        stated = yaml.safe_load(text)
        stated.pop("name")  # Debian's Compose is older than it
        for name in [name for name in stated["services"] if name not in images]:
            del stated["services"][name]
        for name, image in images.items():
            stated["services"][name].pop("build", None)
            stated["services"][name]["image"] = image
        self._file.write_text(yaml.safe_dump(stated), "utf-8")

    def run(self, *arguments: str) -> str:
        """Run Compose to its end and return what it printed."""
        ended = subprocess.run([*self._command, *arguments], capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def health(self, service: str) -> str:
        """Return what the engine thinks of a service."""
        container = self.run("ps", "-q", service).strip()
        told = subprocess.run(["docker", "inspect", container], capture_output=True, text=True, check=True)
        return str(json.loads(told.stdout)[0]["State"]["Health"]["Status"])

    def wait_until_healthy(self) -> None:
        """Return once the broker is."""
        wait_until(lambda: self.health("broker") == "healthy", READY_SECONDS, "the broker is healthy")


@pytest.fixture
def compose(program: list[str], ports: dict[str, str], tmp_path: Path) -> Iterator[Compose]:
    """Lend Compose; nothing is left behind."""
    lent = Compose(program, tmp_path / "compose.yaml", ports)
    yield lent
    lent.run("down", "--volumes", "--timeout", "30")


def test_the_page_is_true_from_its_first_line_to_the_last(
    compose: Compose, ports: dict[str, str], kafka_image: str, broker_image: str, next_image: str
) -> None:
    """Everything starts in order, is healthy, answers and can be scraped; an upgrade keeps what was there."""
    old = {"kafka": kafka_image, "topics": broker_image, "broker": broker_image, "index": broker_image}
    hospital = Hospital(int(ports["2575"]))
    people = numbers()

    def send(name: str) -> None:
        """Send one visit and wait for its answer."""
        message = visit(name, next(people), provider=str(PROVIDERS[0]))
        asyncio.run(asyncio.wait_for(hospital.send_all([message], every_s=0.0), READY_SECONDS))

    compose.use(old)
    lines = [line.removeprefix(_SHOWN) for line in shell_lines(_PAGE.read_text("utf-8")) if _SHOWN in line]
    for line in lines:
        if line == _DOWN:
            assert NEW in compose.run("exec", "-T", "broker", "cpis", "--version")
            send("after")
        if line == _FIRST_OF_UPGRADE:
            compose.wait_until_healthy()
            send("before")
            assert "cpis_messages_total" in compose.run("exec", "-T", "kafka", "python3", "-c", _SCRAPE)
            compose.use(old | dict.fromkeys(("topics", "broker", "index"), next_image))
        compose.run(*shlex.split(line))

    assert (["before", "after"], _DOWN) == (hospital.accepted, lines[-1])


def test_compose_reads_the_whole_file(compose: Compose) -> None:
    """Every service, with nothing that Compose does not know."""
    compose.use({name: service["image"] for name, service in SERVICES.items()})

    assert set(SERVICES) == set(yaml.safe_load(compose.run("config"))["services"])
