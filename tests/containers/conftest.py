"""
An engine, the images and the stack that the tests of containers need.

Without an engine these tests are skipped, and say why; where `.ci/run` has started one they must run: then
`DOCKER_TESTS` is `required`.
"""

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docker.errors import APIError, DockerException, ImageNotFound
from testcontainers.core.docker_client import DockerClient

from tests.containers.images import OWN_BASE, PUBLISHED_BASE, build_broker, build_kafka
from tests.containers.stack import Broker, Stack

OLD, NEW = "0.1.0", "0.1.1"


def unavailable(why: str) -> None:
    """End the test that asked: with a skip, or with a failure where an engine was promised."""
    if os.environ.get("DOCKER_TESTS") == "required":
        pytest.fail(f"DOCKER_TESTS is required, and {why}")
    pytest.skip(f"{why}: `.ci/engine` says how to get one")


@pytest.fixture(scope="session")
def engine() -> Iterator[Any]:
    """Lend a Docker engine that answers."""
    os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")  # its image would have to be fetched
    for name in ("docker", "testcontainers", "urllib3"):  # each request to the engine is a line
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        client = DockerClient().client
        client.ping()
    except DockerException as error:
        unavailable(f"no Docker engine answers ({type(error).__name__})")
    yield client
    client.close()


@pytest.fixture(scope="session")
def base(engine: Any) -> str:
    """Return the name of a Debian with Python that the engine has or can fetch."""
    try:
        engine.images.get(OWN_BASE)
    except ImageNotFound:
        try:
            engine.images.pull(PUBLISHED_BASE)
        except APIError:
            unavailable(f"there is no {OWN_BASE} and {PUBLISHED_BASE} cannot be fetched")
        return PUBLISHED_BASE
    return OWN_BASE


@pytest.fixture(scope="session")
def broker_image(base: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the name of the image of this checkout."""
    return build_broker(tmp_path_factory.mktemp("old"), base=base, version=OLD, tag="test")


@pytest.fixture(scope="session")
def next_image(base: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the name of an image of the release after it."""
    return build_broker(tmp_path_factory.mktemp("new"), base=base, version=NEW, tag="test-next")


@pytest.fixture(scope="session")
def kafka_image(engine: Any, base: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the name of an image of Kafka."""
    return build_kafka(engine, tmp_path_factory.mktemp("kafka-image"), base=base)


@pytest.fixture(scope="session")
def stack(kafka_image: str, broker_image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Lend a Kafka for the whole run."""
    with Stack(kafka_image, broker_image, tmp_path_factory.mktemp("stack")) as running:
        yield running


@pytest.fixture
def own_stack(kafka_image: str, broker_image: str, tmp_path: Path) -> Iterator[Stack]:
    """Lend a Kafka to one test."""
    with Stack(kafka_image, broker_image, tmp_path) as running:
        yield running


@pytest.fixture
def broker(stack: Stack, broker_image: str) -> Iterator[Broker]:
    """Lend a broker that is ready."""
    running = stack.start_broker(broker_image)
    running.wait_until_ready()
    yield running
    running.remove()
