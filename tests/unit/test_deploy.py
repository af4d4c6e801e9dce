"""What `deploy/` tells a container engine: names that exist, no needless rights, nothing unpinned."""

import re
import tomllib
from typing import Any

import pytest
import yaml

from broker.adapters.embedded_kafka.configuration import server_properties
from broker.runtime.settings import PREFIX, Settings
from tests.tools.stale_docs import REPOSITORY

_DEPLOY = REPOSITORY / "deploy"
_COMPOSE: dict[str, Any] = yaml.safe_load((_DEPLOY / "compose.yaml").read_text("utf-8"))
_SERVICES: dict[str, dict[str, Any]] = _COMPOSE["services"]
_OURS = {name: service for name, service in _SERVICES.items() if "build" in service}
_DOCKERFILE = (_DEPLOY / "Dockerfile").read_text("utf-8")
_WRITES_ITS_SETTINGS = {"kafka"}  # the published image turns variables into files beside the program

each_service = pytest.mark.parametrize(
    "service", [pytest.param(service, id=name) for name, service in _SERVICES.items()]
)
each_of_ours = pytest.mark.parametrize(
    "service", [pytest.param(service, id=name) for name, service in _OURS.items()]
)


def _settings() -> set[str]:
    """Return the name of every setting."""
    return {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}


def _kafka_properties() -> dict[str, str]:
    """Return Kafka's properties as the published image makes them from the environment."""
    environment = _SERVICES["kafka"]["environment"]
    return {
        name.removeprefix("KAFKA_").lower().replace("_", "."): value
        for name, value in environment.items()
        if name.startswith("KAFKA_")
    }


def _pins(file: str) -> dict[str, str]:
    """Return the versions that a list of requirements pins."""
    text = (_DEPLOY / "requirements" / file).read_text("utf-8")
    return dict(re.findall(r"^([\w.-]+)==([\w.+!-]+)", text, re.MULTILINE))


def test_one_command_starts_kafka_the_broker_and_prometheus() -> None:
    """The services are these, and the topics are there before the broker begins."""
    assert {"kafka", "topics", "broker", "index", "prometheus"} == set(_SERVICES)
    assert "service_completed_successfully" == _SERVICES["broker"]["depends_on"]["topics"]["condition"]
    assert "service_healthy" == _SERVICES["topics"]["depends_on"]["kafka"]["condition"]


def test_the_desks_index_is_kept_beside_the_broker() -> None:
    """A row goes with what it points at though nobody searches: in the broker's database, by a reader."""
    index = _SERVICES["index"]

    assert ["messages", "index", "--every", "60"] == index["command"]
    assert _SERVICES["broker"]["volumes"] == index["volumes"]
    assert "reader" == index["environment"]["CPIS_DESK_ROLE"]
    assert ("unless-stopped", True) == (index["restart"], index["init"])


@each_of_ours
def test_every_variable_of_ours_is_a_setting(service: dict[str, Any]) -> None:
    """A name that the program would refuse does not stand in the file."""
    assert set() == set(service["environment"]) - _settings()


def test_every_variable_in_the_image_is_a_setting() -> None:
    """The image names settings that exist."""
    assert set() == set(re.findall(rf"\b{PREFIX}\w+", _DOCKERFILE)) - _settings()


@each_of_ours
def test_what_is_ours_cannot_write_beside_its_data(service: dict[str, Any]) -> None:
    """The file system is read-only but for the volume and what goes with the container."""
    assert (True, ["/tmp"]) == (service["read_only"], service["tmpfs"])  # noqa: S108 – the container's own


@each_service
def test_no_service_has_a_right_it_does_not_need(service: dict[str, Any]) -> None:
    """No capabilities, no way to get some, no privilege; reachable from this machine alone."""
    assert ["ALL"] == service["cap_drop"]
    assert ["no-new-privileges:true"] == service["security_opt"]
    assert set() == set(service) & {"privileged", "cap_add", "network_mode", "pid", "devices"}
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def test_only_kafka_may_write_to_its_file_system() -> None:
    """What is not read-only is known."""
    writing = {name for name, service in _SERVICES.items() if not service.get("read_only")}

    assert _WRITES_ITS_SETTINGS == writing


@each_service
def test_every_image_is_pinned(service: dict[str, Any]) -> None:
    """An image has a tag with a version in it."""
    assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+", service["image"])


def test_every_lasting_service_tells_its_health() -> None:
    """Kafka and Prometheus are asked as the file says, the broker as its image says."""
    asked = {name for name, service in _SERVICES.items() if service.get("healthcheck", {}).get("test")}

    assert {"kafka", "prometheus"} == asked
    assert "\nHEALTHCHECK " in _DOCKERFILE


def test_every_volume_is_declared() -> None:
    """Data lie in named volumes, so that they survive a container; files of ours are read-only."""
    mounts = [mount.split(":") for service in _SERVICES.values() for mount in service.get("volumes", [])]
    named = {mount[0] for mount in mounts if not mount[0].startswith(".")}

    assert set(_COMPOSE["volumes"]) == named
    assert all(mount[2:] == ["ro"] for mount in mounts if mount[0].startswith("."))
    assert all((_DEPLOY / mount[0]).exists() for mount in mounts if mount[0].startswith("."))


def test_kafka_is_the_version_that_is_tested_and_speaks_as_the_embedded_one_does() -> None:
    """The image's version is that of the jars; what both Kafkas are told is the same but for places."""
    jars = (_DEPLOY / "kafka.lock").read_text("utf-8")
    embedded = dict(
        line.split("=", 1) for line in server_properties(1, 2).splitlines() if "=" in line and line[0] != "#"
    )
    here = _kafka_properties()
    places = {name for name in embedded if "listener" in name or name == "log.dirs" or "voters" in name}
    common = set(embedded) & set(here) - places

    assert f"org.apache.kafka:kafka-server:{_SERVICES['kafka']['image'].split(':')[1]}" in jars
    assert {name: embedded[name] for name in common} == {name: here[name] for name in common}
    assert {"transaction.state.log.min.isr", "auto.create.topics.enable"} <= common


def test_what_is_advertised_is_what_is_reachable() -> None:
    """Every listener that is advertised is opened, and that for the host is published under the same port."""
    here = _kafka_properties()
    opened = dict(re.findall(r"(\w+)://:(\d+)", here["listeners"]))
    advertised = dict(re.findall(r"(\w+)://([\w.]+:\d+)", here["advertised.listeners"]))

    assert advertised["INSIDE"] == f"kafka:{opened['INSIDE']}"
    assert [f"{advertised['HOST']}:{opened['HOST']}"] == _SERVICES["kafka"]["ports"]
    assert {advertised["INSIDE"]} == {
        service["environment"]["CPIS_KAFKA_BOOTSTRAP_SERVERS"] for service in _OURS.values()
    }


def test_the_image_has_the_version_of_the_program() -> None:
    """Tag and label are the project's version."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]

    assert f"\nARG VERSION={project['version']}\n" in _DOCKERFILE
    assert {f"cpis-broker:{project['version']}"} == {service["image"] for service in _OURS.values()}


def test_every_door_of_the_image_can_be_reached() -> None:
    """What is named as a port is listened on for the container's network, by the settings' defaults."""
    fields = Settings.model_fields
    (exposed,) = re.findall(r"^EXPOSE (.*)$", _DOCKERFILE, re.MULTILINE)

    assert {str(fields[name].default) for name in ("mllp_port", "ops_port")} == set(exposed.split())
    assert {"CPIS_MLLP_HOST=0.0.0.0", "CPIS_OPS_HOST=0.0.0.0"} <= set(_DOCKERFILE.split())


def test_the_image_runs_as_a_number_that_is_not_roots() -> None:
    """An orchestrator that refuses root can tell from the image alone."""
    (user,) = re.findall(r"^USER (\d+):(\d+)$", _DOCKERFILE, re.MULTILINE)

    assert ("10001", "10001") == user


def test_the_build_uses_the_versions_that_the_tests_use() -> None:
    """The lists agree with each other, package by package."""
    tested = _pins("dev.txt")

    assert _pins("run.txt").items() <= tested.items()
    assert _pins("build.txt").items() <= tested.items()
    assert "hatchling" in _pins("build.txt")


def test_prometheus_asks_services_that_exist() -> None:
    """Every target is a service of the file, or Prometheus itself."""
    asked = yaml.safe_load((_DEPLOY / "prometheus" / "prometheus.yaml").read_text("utf-8"))
    targets = [
        target
        for job in asked["scrape_configs"]
        for group in job["static_configs"]
        for target in group["targets"]
    ]

    assert {target.split(":")[0] for target in targets} == {"broker", "127.0.0.1"}
