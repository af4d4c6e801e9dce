"""`cpis answer`: what cannot be asked, and that an error is never shown as an answer that reassures."""

from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from broker.cli import root
from broker.cli.answer import EXIT_CODES, answer_of
from broker.core.answers import Answer, Finding, Uncheckable, could_not_check
from broker.core.desk_errors import GroundsRefused, NoAnswerHere, VisitAmbiguous
from broker.core.errors import (
    BrokerError,
    ConfigurationError,
    InvalidOdsCode,
    KafkaUnavailable,
    StorageUnusable,
)

GROUNDS = ("--by", "ops-7", "--reason", "ticket 4711")
NOWHERE = ("--bootstrap-servers", "127.0.0.1:9")


def run(*arguments: str) -> Result:
    """Run `cpis answer` in this process."""
    settings = {"CPIS_POLICY_FILE": "", "CPIS_KAFKA_BOOTSTRAP_SERVERS": ""}
    return CliRunner().invoke(root, ["answer", *arguments], env=settings)


REFUSED: dict[str, tuple[tuple[str, ...], type[BaseException]]] = {
    "no visit": (GROUNDS, SystemExit),
    "a visit without its provider": (("--visit", "M-1", *GROUNDS), SystemExit),
    "a visit without its number": (("--visit", "RXM/", *GROUNDS), SystemExit),
    "no provider": (("--visit", "?/V-8", *GROUNDS), InvalidOdsCode),
    "nobody says who asks": (("--visit", "RXM/M-1", "--reason", "a complaint"), GroundsRefused),
    "nobody says why": (("--visit", "RXM/M-1", "--by", "ops-7"), GroundsRefused),
    "no Kafka is named": (("--visit", "RXM/M-1", *GROUNDS), ConfigurationError),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case: str) -> None:
    """Each with its error and no word that could be taken for an answer (ruling 41)."""
    arguments, error = REFUSED[case]

    result = run(*arguments)

    assert (error, "") == (type(result.exception), result.stdout)
    assert result.exit_code not in EXIT_CODES.values()


def test_a_kafka_that_is_away_is_could_not_check() -> None:
    """With the error's code, and the exit code of that answer (ruling 41)."""
    result = run("--visit", "RXM/M-1", *GROUNDS, *NOWHERE)

    assert EXIT_CODES[Finding.COULD_NOT_CHECK] == result.exit_code
    assert result.stdout.startswith("Could not check: ")
    assert "No plan on file" not in result.stdout


def raising(error: Exception) -> Callable[[], Answer]:
    """Return a question that fails."""

    def ask() -> Answer:
        raise error

    return ask


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (KafkaUnavailable(), KafkaUnavailable.code),
        (StorageUnusable("no room"), StorageUnusable.code),
        (ValueError("Ada"), "ValueError"),
    ],
)
def test_whatever_keeps_the_desk_shut_is_could_not_check(error: Exception, cause: str) -> None:
    """By its code or class, and none of its words (ruling 41)."""
    assert could_not_check(Uncheckable.BROKER_BEHIND, cause=cause) == answer_of(raising(error))


@pytest.mark.parametrize("error", [ConfigurationError("a setting"), NoAnswerHere(), VisitAmbiguous()])
def test_what_somebody_has_to_mend_is_said_as_an_error(error: BrokerError) -> None:
    """No answer of the three, with an exit code of its own (ruling 41)."""
    with pytest.raises(type(error)):
        answer_of(raising(error))
    assert error.exit_code not in EXIT_CODES.values()


def test_no_answer_has_an_exit_code_of_an_error() -> None:
    """1 is a crash, 2 a wrong option, from 64 on an error of ours (ruling 34)."""
    assert len(Finding) == len(set(EXIT_CODES.values()))
    assert set() == set(EXIT_CODES.values()) & ({1, 2} | {BrokerError.exit_code} | set(range(64, 256)))
