"""`cpis query`: a query that lies in a file, and that no failure looks like no record (ruling 39)."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from broker.cli import root
from broker.cli.answer import EXIT_CODES
from broker.cli.query import asking_of, clear, write_response
from broker.core.answers import Finding
from broker.core.desk_errors import GroundsRefused, ResponseUnwritten
from broker.core.errors import MalformedMessage
from broker.wire.query import read_query
from tests.builders.query import build_query, by_system

GROUNDS = ("--by", "ops-7", "--reason", "ticket 4711")
NOWHERE = ("--bootstrap-servers", "127.0.0.1:9")


def run(folder: Path, data: bytes, *arguments: str) -> Result:
    """Run `cpis query` in this process."""
    (folder / "query.xml").write_bytes(data)
    asked = ("query", str(folder / "query.xml"), "--response", str(folder / "response.xml"))
    settings = {"CPIS_POLICY_FILE": "", "CPIS_KAFKA_BOOTSTRAP_SERVERS": ""}
    return CliRunner().invoke(root, [*asked, *arguments], env=settings)


def test_a_query_that_cannot_be_read_has_a_code_of_its_own(tmp_path: Path) -> None:
    """`SMSP-0001` with the field, and no response (dossier 3.4, 6.2)."""
    result = run(tmp_path, build_query().replace(b"A Nurse", b""), *GROUNDS)

    assert MalformedMessage.exit_code == result.exit_code
    assert result.stdout.startswith("SMSP-0001\nMANDATORY_DATA_MISSING: name at ")
    assert not (tmp_path / "response.xml").exists()


def test_a_kafka_that_is_away_is_a_failure_and_not_no_record(tmp_path: Path) -> None:
    """`CPIS-9999`, never `CPIS-0001` (rulings 34, 39; R22)."""
    result = run(tmp_path, build_query(), *GROUNDS, *NOWHERE)

    assert EXIT_CODES[Finding.COULD_NOT_CHECK] == result.exit_code
    assert result.stdout.startswith("CPIS-9999\nCould not check: ")
    assert "9990000018" not in result.output
    assert not (tmp_path / "response.xml").exists()


@pytest.mark.parametrize("data", [build_query(), b"no query"])
def test_an_earlier_response_is_not_taken_for_this_ones(tmp_path: Path, data: bytes) -> None:
    """Another child's plans may stand in it: where nothing is opened there is none (rulings 34, 39)."""
    (tmp_path / "response.xml").write_bytes(b"<of-somebody-else/>")

    run(tmp_path, data, *GROUNDS, *NOWHERE)

    assert not (tmp_path / "response.xml").exists()


def test_an_earlier_response_that_stays_is_an_error(tmp_path: Path) -> None:
    """Nobody is looked up then (ruling 34)."""
    with pytest.raises(ResponseUnwritten):
        clear(tmp_path)


def test_nobody_looks_without_grounds(tmp_path: Path) -> None:
    """Who puts it in and what for are kept in the audit trail (R54)."""
    assert GroundsRefused is type(run(tmp_path, build_query()).exception)


def test_a_response_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    """It is no answer, and the look is told all the same (ruling 34)."""
    with pytest.raises(ResponseUnwritten) as caught:
        write_response(tmp_path / "nowhere" / "response.xml", b"<x/>")
    assert caught.value.exit_code not in EXIT_CODES.values()


@pytest.mark.parametrize(("author", "own_id"), [(None, "100000000001"), (by_system(), None)])
def test_who_looks_is_whom_the_query_names(author: str | None, own_id: str | None) -> None:
    """A person by their own id, a system without one (R28, R54)."""
    asking = asking_of(read_query(build_query(author, event="false")))

    assert ("RXM", "R8003", own_id, False) == (
        asking.organisation.code,
        asking.role,
        asking.user.own_id,
        asking.unscheduled,
    )
    assert "6A2F7F9E-0000-4000-8000-000000000001" == asking.request_id
