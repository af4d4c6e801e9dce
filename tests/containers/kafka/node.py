"""
Runs one node of Kafka in a container, told by the environment as the published image is.

Knows the standard library only: the image holds nothing else.

`node.py run` becomes the node, `node.py ask HOST:PORT` ends with 0 when one answers there.
"""

import os
import socket
import struct
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

_HOME = Path("/opt/kafka")
_PROPERTIES = _HOME / "server.properties"
_PREFIX = "KAFKA_"
_ANSWER_SECONDS = 5.0
_JAVA = [
    "/opt/java/bin/java",
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:+ExitOnOutOfMemoryError",
    "--enable-native-access=ALL-UNNAMED",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-cp",
    f"{_HOME}/libs/*",
]


def properties(environment: Mapping[str, str]) -> str:
    """Return `server.properties`: `KAFKA_LOG_DIRS` is `log.dirs`, two underscores stand for one."""
    named = {
        name.removeprefix(_PREFIX): value for name, value in environment.items() if name.startswith(_PREFIX)
    }
    return "".join(f"{_property(name)}={value}\n" for name, value in sorted(named.items()))


def _property(name: str) -> str:
    """Return the property that a variable without its prefix stands for."""
    return "_".join(part.replace("_", ".") for part in name.lower().split("__"))


def run() -> None:
    """Format an empty directory, then become the node."""
    _PROPERTIES.write_text(properties(os.environ), "utf-8")
    storage = [*_JAVA, "kafka.tools.StorageTool", "format", "--ignore-formatted"]
    subprocess.run([*storage, "-t", os.environ["CLUSTER_ID"], "-c", str(_PROPERTIES)], check=True)
    os.execv(_JAVA[0], [*_JAVA, "kafka.Kafka", str(_PROPERTIES)])  # noqa: S606 – of the image


def answers(host: str, port: int) -> bool:
    """Return whether a node answers an ApiVersions request (key 18, version 0) without an error."""
    request = struct.pack(">hhih", 18, 0, 1, -1)
    try:
        with socket.create_connection((host, port), _ANSWER_SECONDS) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            with connection.makefile("rb") as answer:
                _size, correlation, error = struct.unpack(">iih", answer.read(10))
    except (OSError, struct.error):
        return False
    return (correlation, error) == (1, 0)


if __name__ == "__main__":
    if sys.argv[1] == "run":
        run()
    else:
        place = sys.argv[2].rpartition(":")
        sys.exit(not answers(place[0], int(place[2])))
