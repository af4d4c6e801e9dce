"""The operators' port over real sockets: paths, methods, status codes, and a loop that does not turn."""

import asyncio
import json
import re
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from broker.adapters.ops_server import Answer, OpsServer, Page
from broker.core.errors import ConfigurationError
from broker.runtime.metrics import Metrics
from broker.runtime.operators import Operators
from broker.runtime.settings import Settings
from tests.scrape import HOST, Reply, ask
from tests.tools.stale_docs import REPOSITORY
from tests.waiting import wait_until

_ODD = "/9990000018"
_BLOCKED_SECONDS = 0.5
_NEVER_SECONDS = 60.0  # no loop here is late by that, on however busy a machine
_TIMES_MAX = 20


def replies(server: OpsServer, *requests: tuple[str, str]) -> list[Reply]:
    """Start a server, send requests to it, stop it."""

    async def scenario() -> list[Reply]:
        """Send each from a thread."""
        await server.start()
        try:
            return [await asyncio.to_thread(ask, server.port, path, method) for method, path in requests]
        finally:
            await server.stop()

    return asyncio.run(scenario())


def server_of(*, live: bool = True, ready: bool = True) -> OpsServer:
    """Return a server on a free port that says so."""
    return OpsServer(
        host=HOST,
        port=0,
        live=lambda: Answer(ok=live, body={"live": live}),
        ready=lambda: Answer(ok=ready, body={"ready": ready}),
        metrics=lambda: Page(content_type="text/plain; version=0.0.4", body=b"cpis_ready 1.0\n"),
    )


@pytest.mark.parametrize(("ok", "status"), [(True, 200), (False, 503)])
@pytest.mark.parametrize("word", ["live", "ready"])
def test_a_probe_is_told_yes_or_no(word: str, status: int, *, ok: bool) -> None:
    """200 or 503, and why, as JSON that nobody may keep."""
    [reply] = replies(server_of(**{word: ok}), ("GET", f"/{word}z"))

    assert (status, {word: ok}) == (reply.status, reply.told())
    assert ("application/json; charset=utf-8", "no-store") == (
        reply.headers["content-type"],
        reply.headers["cache-control"],
    )


def test_metrics_are_text() -> None:
    """A scrape gets the page with its media type."""
    [reply] = replies(server_of(), ("GET", "/metrics"))

    assert (200, b"cpis_ready 1.0\n") == (reply.status, reply.body)
    assert "text/plain; version=0.0.4" == reply.headers["content-type"]


def test_head_is_get_without_a_body() -> None:
    """HEAD has the status of GET."""
    found = replies(server_of(ready=False), ("HEAD", "/livez"), ("HEAD", "/readyz"), ("HEAD", "/metrics"))

    assert [(200, b""), (503, b""), (200, b"")] == [(reply.status, reply.body) for reply in found]


def test_nothing_else_is_there() -> None:
    """Another path is 404 whatever it holds, which is not repeated; another method is 405."""
    paths = [("GET", path) for path in ("/", "/metrics/", "/livez/x", "/..%2f..", _ODD)]
    methods = [(method, "/metrics") for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH")]

    found = replies(server_of(), *paths, *methods)

    assert [404] * len(paths) + [405] * len(methods) == [reply.status for reply in found]
    assert not any(_ODD[1:].encode() in reply.body for reply in found)
    assert {"cpis"} == {reply.headers["server"] for reply in found}


@pytest.mark.parametrize("live", [True, False])
def test_the_image_asks_whether_the_process_is_live(monkeypatch: pytest.MonkeyPatch, *, live: bool) -> None:
    """The health check of the image, as it stands there: it opens no port of a sender, and needs no proxy."""
    image = (REPOSITORY / "deploy" / "Dockerfile").read_text("utf-8")
    line = re.search(r"^HEALTHCHECK .*\n +CMD (.+)$", image, re.MULTILINE)
    assert line is not None
    [_, *arguments] = json.loads(line[1])
    server = server_of(live=live)
    monkeypatch.setenv("http_proxy", f"http://{HOST}:1")

    async def checked() -> int:
        """Run the check against this server."""
        await server.start()
        try:
            monkeypatch.setenv("CPIS_OPS_PORT", str(server.port))
            process = await asyncio.create_subprocess_exec(
                sys.executable, *arguments, stderr=asyncio.subprocess.DEVNULL
            )
            return await process.wait()
        finally:
            await server.stop()

    assert (0 if live else 1) == asyncio.run(checked())


def configured(directory: Path, port: int = 0) -> Settings:
    """Return settings of a process that has nobody to ask: a port where no Kafka listens."""
    return Settings(
        kafka_bootstrap_servers=f"{HOST}:1", data_dir=directory, ops_host=HOST, ops_port=port, mllp_port=0
    )


def operated(settings: Settings, scenario: Callable[[Operators], None]) -> None:
    """Run a scenario in a thread beside the operators' port of a process without roles."""

    async def all_of_it() -> None:
        """Start, play, stop."""
        operators = Operators(settings, Metrics(), lag_seconds_max=_NEVER_SECONDS)
        await operators.start()
        try:
            await asyncio.to_thread(scenario, operators)
        finally:
            await operators.stop()

    asyncio.run(all_of_it())


def test_a_process_without_roles_is_not_ready(tmp_path: Path) -> None:
    """Before its roles are started a process is alive, and not ready, and says so in the metrics."""

    def scenario(operators: Operators) -> None:
        """Ask for all three."""
        alive, ready, page = (ask(operators.port, path) for path in ("/livez", "/readyz", "/metrics"))

        assert (200, 503) == (alive.status, ready.status)
        assert {"ready": False, "kafka": "away", "roles": {}} == ready.told()
        assert b"\ncpis_ready 0.0\n" in page.body
        assert b"\ncpis_kafka_away 1.0\n" in page.body

    operated(configured(tmp_path), scenario)


def turning_again(port: int) -> None:
    """Wait until `/livez` says yes."""
    wait_until(lambda: ask(port, "/livez").status == 200, 60.0, "/livez 200")


def test_a_loop_that_is_held_is_told_to_the_supervisor(tmp_path: Path) -> None:
    """A probe that had to wait for the loop longer than allowed hears 503, and 200 when it turns again."""

    async def all_of_it() -> list[int]:
        """Hold the loop while a thread asks; then ask again."""
        operators = Operators(configured(tmp_path), Metrics(), lag_seconds_max=_BLOCKED_SECONDS / 2)
        await operators.start()
        found: list[int] = []
        asking = threading.Event()

        def probe() -> None:
            """Ask once, telling when."""
            asking.set()
            found.append(ask(operators.port, "/livez").status)

        async def hold() -> None:
            """Hold the loop while somebody asks; the busy machine may let them come when it is over."""
            asking.clear()
            thread = threading.Thread(target=probe)
            thread.start()
            asking.wait()
            time.sleep(_BLOCKED_SECONDS)  # noqa: ASYNC251 – this is the fault: it holds the loop
            await asyncio.to_thread(thread.join)

        try:
            await asyncio.to_thread(ask, operators.port, "/livez")
            while 503 not in found and len(found) < _TIMES_MAX:
                await hold()
            await asyncio.to_thread(turning_again, operators.port)
        finally:
            await operators.stop()
        return found

    assert 503 == asyncio.run(all_of_it())[-1]


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    """The setting is named, with the exit code for settings."""
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        settings = configured(tmp_path, taken.getsockname()[1])

        with pytest.raises(ConfigurationError, match="CPIS_OPS_PORT") as raised:
            operated(settings, lambda _operators: None)

    assert 78 == raised.value.exit_code
