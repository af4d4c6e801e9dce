"""`cpis la` builds, validates, sends and fetches as a supplier does; `cpis uploads` lists what is kept."""

import asyncio
import json
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from click.testing import CliRunner, Result

from broker.cli import root
from broker.core.upload_errors import DoorUnreachable, TokenInClear
from tests.builders.upload import Person, Record, build_upload
from tests.builders.upload_corpus import RECORDS
from tests.builders.upload_tables import ROW, table
from tests.integration.test_la_door import Door
from tests.official_schemas import faults_of


def run(directory: Path, *words: str) -> Result:
    """Run a command."""
    return CliRunner().invoke(root, words, env={"CPIS_DATA_DIR": str(directory / "data")})


def written(directory: Path, name: str, data: bytes) -> str:
    """Write a file; return its path."""
    (directory / name).write_bytes(data)
    return str(directory / name)


def test_a_table_is_built_into_a_valid_message(tmp_path: Path) -> None:
    """That a case system can send as it is."""
    ran = run(tmp_path, "la", "build", written(tmp_path, "in.csv", table(ROW)), str(tmp_path / "out.xml"))

    assert (0, []) == (ran.exit_code, faults_of((tmp_path / "out.xml").read_bytes(), "REPC_MT000002GB01"))


def test_a_table_with_other_columns_is_not_built(tmp_path: Path) -> None:
    """With the place, and nothing of it is left."""
    ran = run(tmp_path, "la", "build", written(tmp_path, "in.csv", b"name\n"), str(tmp_path / "out.xml"))

    assert (65, "in.csv: CPF01 unknown column, line 1, cell 1\n") == (ran.exit_code, ran.stderr)
    assert ["in.csv"] == [file.name for file in tmp_path.iterdir()]  # no half of a message


@pytest.mark.parametrize(
    ("name", "data", "code", "shown"),
    [
        ("good.xml", build_upload(), 0, ("CPF02", "CPR06")),
        (
            "bad.xml",
            build_upload([Record(), RECORDS["30 February"].make(Person())]),
            65,
            ("CPF03", "CPR07", "plan date unreadable", "/File/record[2]"),
        ),
        ("no.xml", b"<no", 65, ("CPF01", "not well-formed XML", "line 1")),
        ("good.csv", table(ROW), 0, ("CPF02", "CPR06", "line 2")),
        ("bad.CSV", table(ROW, {**ROW, "born": "soon"}), 65, ("CPF03", "CPR07", "line 3, column born")),
        ("no.csv", b"name\n", 65, ("CPF01", "unknown column", "line 1, cell 1")),
    ],
)
def test_a_file_is_validated_where_it_lies(
    name: str, data: bytes, code: int, shown: tuple[str, ...], tmp_path: Path
) -> None:
    """The code of each record, with its place; nobody is named, and nothing is kept."""
    ran = run(tmp_path, "la", "validate", written(tmp_path, name, data))

    assert code == ran.exit_code
    assert all(word in ran.output for word in shown), ran.output
    assert "Robin" not in ran.output
    assert not (tmp_path / "data").exists()


def test_an_upload_goes_to_the_door_and_its_acknowledgement_comes_back(tmp_path: Path) -> None:
    """Sent, asked about, fetched; listed by the operator, who sees nobody's name."""
    token, file = written(tmp_path, "token", b"own\n"), written(tmp_path, "in.csv", table(ROW))

    async def scenario(door: Door) -> None:
        """Be a supplier in another thread, as the client is in another process."""
        at = ("--url", door.address, "--token-file", token)

        def ask(*words: str) -> Result:
            """Run a command at the door."""
            return run(tmp_path, "la", *words, *at)

        sent = await asyncio.to_thread(ask, "send", file, "--request-id", "R-1")
        upload_id = json.loads(sent.stdout)["id"]
        await door.settled(upload_id)
        status = await asyncio.to_thread(ask, "status", upload_id)
        message = await asyncio.to_thread(ask, "acknowledgement", upload_id)
        as_json = await asyncio.to_thread(ask, "acknowledgement", upload_id, "--json")
        unknown = await asyncio.to_thread(ask, "status", "f" * 32)

        assert "CPF02" == json.loads(status.stdout)["code"]
        assert [] == faults_of(message.stdout_bytes.strip())
        assert "CPR06" == json.loads(as_json.stdout)["details"][0]["code"]
        assert (65, True) == (unknown.exit_code, "CPIS-722" in unknown.output)

    Door(tmp_path).run(scenario)

    listed = run(tmp_path, "uploads", "list")
    [row] = [json.loads(line) for line in run(tmp_path, "uploads", "list", "--json").output.splitlines()]
    assert "CPF02" in listed.output
    assert ("http", "Z211", "CPF02", 1, 0) == tuple(
        row[name] for name in ("door", "authority", "code", "loaded", "failed")
    )


@pytest.mark.parametrize(
    "url",
    [
        "http://broker.example:8443",
        "http://10.0.0.8",
        "HTTP://127.0.0.1.example",
        "http://localhost.example",
        "http://",
        "http://[",
        "127.0.0.1:8080",
        "ftp://127.0.0.1",
        "https://",
    ],
)
def test_a_token_goes_over_no_network_in_the_clear(url: str, tmp_path: Path) -> None:
    """Whoever reads it on the way could send plans in the authority's name; the token is not even read."""
    file = written(tmp_path, "in.xml", build_upload())

    ran = run(tmp_path, "la", "send", file, "--url", url, "--token-file", file)

    assert isinstance(ran.exception, TokenInClear)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1", "http://[::1]:1", "http://localhost:1", "https://127.0.0.1:1"]
)
def test_a_token_goes_to_this_machine_or_encrypted(url: str, tmp_path: Path) -> None:
    """Such an address is asked, and here nobody answers."""
    token = written(tmp_path, "token", b"own")

    ran = run(tmp_path, "la", "status", "a" * 32, "--url", url, "--token-file", token)

    assert isinstance(ran.exception, DoorUnreachable)


@pytest.mark.parametrize("options", [(), ("--xml",), ("--after", "a.1", "--authority", "Z211")])
def test_a_door_that_tells_nobody_is_no_door_with_nothing_to_tell(
    options: tuple[str, ...], tmp_path: Path
) -> None:
    """Where nobody switched it on there is no such address, and the command says so."""
    token = written(tmp_path, "token", b"own")

    async def scenario(door: Door) -> None:
        """Ask, as the client in another process does."""
        words = ("la", "notifications", *options, "--url", door.address, "--token-file", token)
        ran = await asyncio.to_thread(run, tmp_path, *words)

        assert (65, "", True) == (ran.exit_code, ran.stdout, "404" in ran.stderr)

    Door(tmp_path).run(scenario)


@pytest.mark.parametrize(
    ("options", "path", "accepted", "shown", "aside"),
    [
        ((), "/la/v1/feed", "application/json", b'{"feeds": []}', ""),
        (("--plans",), "/la/v1/feed/reconciliation", "text/csv", b"child_id", "2 plans are left out\n"),
    ],
)
def test_a_feed_is_fetched_as_the_door_gives_it(
    options: tuple[str, ...], path: str, accepted: str, shown: bytes, aside: str, tmp_path: Path
) -> None:
    """How it stands; or the plans that are held, and how many are left out."""
    token = written(tmp_path, "token", b"own\n")

    async def answer(request: web.Request) -> web.Response:
        """Answer whoever asks for that, in that form."""
        asked = (request.path, request.headers["Accept"], request.headers["Authorization"])
        assert (path, accepted, "Bearer own") == asked
        return web.Response(body=shown, headers={"X-Plans-Withheld": "2"})

    async def scenario() -> Result:
        """Ask, as the client in another process does."""
        application = web.Application()
        application.router.add_get(path, answer)
        async with TestServer(application) as door:
            words = ("la", "feed", *options, "--url", str(door.make_url("/")), "--token-file", token)
            return await asyncio.to_thread(run, tmp_path, *words)

    ran = asyncio.run(scenario())

    assert (0, shown + b"\n", aside) == (ran.exit_code, ran.stdout_bytes, ran.stderr)


def test_a_door_that_does_not_answer_is_told(tmp_path: Path) -> None:
    """The file is still there to be sent again."""
    token, file = written(tmp_path, "token", b"own\n"), written(tmp_path, "in.xml", build_upload())

    ran = run(tmp_path, "la", "send", file, "--url", "http://127.0.0.1:1", "--token-file", token)

    assert isinstance(ran.exception, DoorUnreachable)
