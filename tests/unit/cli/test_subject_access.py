"""`cpis subject-access`: what cannot be asked; nothing is written where nothing was collected (ruling 49)."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from broker.cli import root
from broker.core.desk_errors import GroundsRefused
from broker.core.errors import InvalidNhsNumber, KafkaUnavailable

GROUNDS = ("--by", "ops-7", "--reason", "request 17")
NOWHERE = ("--bootstrap-servers", "127.0.0.1:9")
INPUT = "9990000018\nstaff-1\n"


def run(folder: Path, *arguments: str, given: str = INPUT) -> Result:
    """Run `cpis subject-access` in this process."""
    asked = ("subject-access", "--organisation", "RXM", "--output", str(folder / "out.json"))
    settings = {"CPIS_POLICY_FILE": "", "CPIS_KAFKA_BOOTSTRAP_SERVERS": "", "CPIS_DATA_DIR": str(folder)}
    return CliRunner().invoke(root, [*asked, *arguments], env=settings, input=given)


REFUSED: dict[str, tuple[tuple[str, ...], str, type[BaseException]]] = {
    "nobody says who": (("--reason", "request 17"), INPUT, GroundsRefused),
    "nobody says why": (("--by", "ops-7"), INPUT, GroundsRefused),
    "no id of who collects": (GROUNDS, "9990000018\n", SystemExit),
    "no number": (GROUNDS, "9990000019\nstaff-1\n", InvalidNhsNumber),
    "Kafka is away": ((*GROUNDS, *NOWHERE), INPUT, KafkaUnavailable),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_writes_nothing(tmp_path: Path, case: str) -> None:
    """Each with its error, and without the number (ruling 49)."""
    arguments, given, error = REFUSED[case]

    result = run(tmp_path, *arguments, given=given)

    assert (error, "") == (type(result.exception), result.stdout)
    assert given.split("\n", maxsplit=1)[0] not in f"{result.output}{result.exception}"
    assert not (tmp_path / "out.json").exists()
