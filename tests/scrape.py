"""Asks the operators' port of a process, as a probe and a Prometheus do."""

import http.client
import json
from typing import Any, NamedTuple

from prometheus_client.parser import text_string_to_metric_families

HOST = "127.0.0.1"
_SECONDS_MAX = 60.0


class Reply(NamedTuple):
    """Status, headers in small letters, and body."""

    status: int
    headers: dict[str, str]
    body: bytes

    def told(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)


def ask(port: int, path: str, method: str = "GET") -> Reply:
    """Send one request; it blocks, so that the process asked has an event loop of its own."""
    connection = http.client.HTTPConnection(HOST, port, timeout=_SECONDS_MAX)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Reply(response.status, headers, response.read())
    finally:
        connection.close()


def samples(page: bytes) -> dict[str, float]:
    """Return the samples of a page of metrics by `name{label=value,…}`, labels sorted."""
    found = {}
    for family in text_string_to_metric_families(page.decode()):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            found[sample.name + (f"{{{labels}}}" if labels else "")] = sample.value
    return found
