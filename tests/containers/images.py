"""
The images under test, built from this checkout without the network.

Wheels are fetched once into the user's cache and checked against the pinned lists; Kafka is the one that the
other tests run. Images stay in the engine, so that the next run builds only what has changed.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from testcontainers.core.image import DockerImage

from broker.adapters.embedded_kafka import prepare
from broker.adapters.embedded_kafka.installation import cache_directory
from broker.runtime.resources import kafka_lock_file
from tests.tools.stale_docs import REPOSITORY

OWN_BASE = "cpis-base:bookworm"
"""A Debian with Python that `.ci/engine` makes where none can be fetched."""
PUBLISHED_BASE = "python:3.11-slim-bookworm"
"""What `deploy/Dockerfile` builds upon by itself."""

_LISTS = [REPOSITORY / "deploy" / "requirements" / name for name in ("run.txt", "build.txt")]
_CONTEXT = (
    ".dockerignore",
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "broker",
    "schemas",
    "deploy",
    "tests/fixtures",
)
_DIGEST_CHARACTERS = 16
_KAFKA = Path(__file__).parent / "kafka"


def wheels() -> Path:
    """Return the directory of the pinned packages as wheels, fetching them where the cache lacks them."""
    kept = cache_directory() / f"wheels-{_digest(*_LISTS)}"
    if kept.is_dir():
        return kept
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent, prefix="fetching-") as temporary:
        fetched = Path(temporary) / "wheels"
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        lists = [f"--requirement={path}" for path in _LISTS]
        image = ["--python-version=3.11", "--only-binary=:all:"]
        subprocess.run(
            [*pip, "--require-hashes", "--no-deps", *image, *lists, f"--dest={fetched}"], check=True
        )
        fetched.rename(kept)
    return kept


def build_broker(folder: Path, *, base: str, version: str, tag: str) -> str:
    """Build the broker's image as a release called `version` and return its name; `folder` is empty."""
    for name in _CONTEXT:
        source, copy = REPOSITORY / name, folder / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__", "wheels"))
        else:
            shutil.copy(source, copy)
    shutil.copytree(wheels(), folder / "deploy" / "wheels", copy_function=os.link)
    project = folder / "pyproject.toml"
    text = project.read_text("utf-8")
    [line] = [line for line in text.splitlines() if line.startswith("version = ")]
    project.write_text(text.replace(line, f'version = "{version}"'), "utf-8")
    arguments = {"BASE": base, "PIP_NO_INDEX": "1", "VERSION": version, "REVISION": tag}
    return _built(folder, "deploy/Dockerfile", f"cpis-broker:{tag}", arguments)


def build_kafka(engine: Any, folder: Path, *, base: str) -> str:
    """Return the name of an image of the Kafka of `deploy/kafka.lock`, built unless the engine has it."""
    lock = kafka_lock_file()
    sources = [lock, *(_KAFKA / name for name in ("Dockerfile", "node.py"))]
    name = f"cpis-kafka:{_digest(*sources)}"
    if engine.images.list(name):
        return name
    kafka = prepare(lock.read_text("utf-8"))
    shutil.copytree(kafka.java.parents[1], folder / "java", symlinks=True)
    (folder / "jars").mkdir()
    for path in (*kafka.class_path, *sources):
        shutil.copy(path, folder / "jars" if path in kafka.class_path else folder)
    return _built(folder, "Dockerfile", name, {"BASE": base})


def _digest(*paths: Path) -> str:
    """Return what tells these contents from others, to be part of a name."""
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in paths)).hexdigest()[:_DIGEST_CHARACTERS]


def _built(folder: Path, dockerfile: str, tag: str, arguments: dict[str, str]) -> str:
    """Build an image and return its name."""
    image = DockerImage(
        folder, tag=tag, clean_up=False, dockerfile_path=dockerfile, buildargs=arguments, rm=True
    )
    image.build()
    image.get_docker_client().client.close()
    return tag
