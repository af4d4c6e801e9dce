"""`cpis trace`: one person by standard input, a file of them by another file, over HTTP to a simulator."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from broker.adapters.pds_simulator.server import Fault
from broker.cli import root
from broker.core.demographics import Current, Invalidated, SupersededBy
from broker.core.errors import ConfigurationError, DemographicsUnavailable
from broker.core.facts import Details
from broker.core.identifiers import NhsNumber
from tests.builders.pds import APPLICATION, AT, KEY_ID, SimulatorThread, signing_key, simulating

ROBIN, ALEX, SAM = NhsNumber("9990000018"), NhsNumber("9990000026"), NhsNumber("9990000034")
DETAILS = Details(family="Sample", given="Robin", birth_date=date(2014, 4, 12))
HEAD = "reference,nhs_number,family_name,given_names,birth_date\n"


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatorThread]:
    """Lend a simulator whose clock is ours, and have the settings name it."""
    key_file = tmp_path / "key.pem"
    key_file.write_bytes(signing_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with simulating(at=None) as running:
        for name, value in (
            ("URL", running.simulator.url),
            ("TOKEN_URL", running.simulator.token_url),
            ("APPLICATION_ID", APPLICATION),
            ("KEY_FILE", str(key_file)),
            ("KEY_ID", KEY_ID),
            ("DEADLINE_MS", "30000"),
        ):
            monkeypatch.setenv(f"CPIS_PDS_{name}", value)
        running.put(ROBIN, Current(details=DETAILS, recorded_at=AT))
        running.put(ALEX, SupersededBy(successor=ROBIN, recorded_at=AT))
        running.put(SAM, Invalidated(recorded_at=AT))
        yield running


def run(*arguments: str, said: str = "") -> Result:
    """Run the command."""
    return CliRunner().invoke(root, ["trace", *arguments], input=said)


@pytest.mark.parametrize(
    ("said", "shown", "code"),
    [
        ("Sample\nRobin\n2014-04-12\n", "found 9990000018", 0),
        ("Sample\nRobin\n2014-04-12\n999 000 0018\n", "confirmed 9990000018", 0),
        ("Sample\nRobin\n2014-04-12\n9990000026\n", "corrected 9990000018", 0),
        ("Sample\nRobin\n2014-04-12\n9990000034\n", "number not in use", 65),
        ("Other\nRobin\n2014-04-12\n9990000018\n", "details differ family name", 65),
        ("Other\nRobin\n2014-04-12\n", "not found", 65),
    ],
)
def test_one_person_is_looked_up(service: SimulatorThread, said: str, shown: str, code: int) -> None:
    """By number and details, or by all three details; what names a person comes by standard input."""
    done = run("one", said=said)

    assert (shown, code) == (done.stdout.strip(), done.exit_code)


def test_a_date_that_is_none_is_not_asked_about(service: SimulatorThread) -> None:
    """The error repeats nothing."""
    done = run("one", said="Sample\nRobin\n12/04/2014\n")

    assert (2, []) == (done.exit_code, service.simulator.asked)
    assert "12/04" not in done.output


def test_a_file_goes_on_where_it_ended(service: SimulatorThread, tmp_path: Path) -> None:
    """The source goes away in the middle; run again the same command finishes, and asks nobody twice."""
    asked, answers = tmp_path / "in.csv", tmp_path / "out.csv"
    rows = [
        "A1,9990000018,Sample,Robin,2014-04-12",
        "A2,9990000026,Sample,Robin,2014-04-12",
        "A3,9990000034,Sample,Robin,2014-04-12",
        "A4,,Sample,Robin,2014-04-12",
        "A5,,Sample,Robin,2014-04-31",
        *(f"B{place},,Other,Robin,2014-04-12" for place in range(4)),
    ]
    asked.write_text(HEAD + "\n".join(rows), "utf-8")
    service.simulator.fail(Fault.PUZZLING)
    done = run("batch", str(asked), str(answers))
    assert 0 == done.exit_code
    held = answers.read_text("utf-8").splitlines()
    answers.write_text("\n".join(held[:3]) + "\nA3,num", "utf-8")
    again = run("batch", str(asked), str(answers))

    lines = dict(line.split(",", maxsplit=1) for line in answers.read_text("utf-8").splitlines())
    assert "2 rows had their answer already" in again.stdout
    assert (10, "number not in use,,", "found,9990000018,", "not found,,") == (
        len(lines),
        lines["A3"],
        lines["A4"],
        lines["B3"],
    )
    assert "line 6, column birth_date" in lines["A5"]


def test_a_source_that_is_away_ends_the_command(
    service: SimulatorThread, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is answered for it."""
    asked, answers = tmp_path / "in.csv", tmp_path / "out.csv"
    asked.write_text(f"{HEAD}A1,9990000018,,,\n", "utf-8")
    monkeypatch.setenv("CPIS_PDS_DEADLINE_MS", "300")
    service.simulator.fail(lasting=Fault.FAILS)
    done = run("batch", str(asked), str(answers))

    assert isinstance(done.exception, DemographicsUnavailable)
    assert "reference,outcome,nhs_number,detail\n" == answers.read_text("utf-8")


def test_without_a_source_there_is_nobody_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the setting."""
    monkeypatch.delenv("CPIS_PDS_URL", raising=False)
    done = run("one", said="Sample\nRobin\n2014-04-12\n")

    assert isinstance(done.exception, ConfigurationError)
    assert "CPIS_PDS_URL is not set" in str(done.exception)
