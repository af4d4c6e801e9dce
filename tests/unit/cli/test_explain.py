"""`cpis explain` over the recorded day: five visits and more in its words, and what cannot be asked."""

import json
import re

import pytest
from click.testing import CliRunner, Result

from broker.cli import root
from broker.core.desk_errors import GroundsRefused, NothingToExplain
from broker.core.errors import BrokerError, InvalidOdsCode
from tests.tools.stale_docs import REPOSITORY

STREAM = str(REPOSITORY / "tests" / "fixtures" / "streams" / "demo.jsonl")
POLICY = str(REPOSITORY / "deploy" / "demo" / "policy.toml")

VISITS = {
    "RXM/M-1": [
        "authority 211, alert ",
        "provider RXM, alert ",
        "discharged; departed 2026-03-01 16:35 (ruling 10)",
        "revision 2: updated: discharged",
    ],
    "RXH/V-1": [
        "211: child protection plan from 2026-02-20, no end (received 2026-03-02 11:00)",
        "recorded only after the arrival (ruling 11)",
    ],
    "RXH/V-2": ["cancelled by the hospital", "revision 2: updated: cancelled by the hospital"],
    "RXH/V-3": ["authority 204, alert ", "authority 211, alert ", "plans: LAC from 2026-02-02"],
    "RXH/V-4": ["unborn child's plan from 2026-01-10, to 2026-04-20: counts"],
    "RXH/V-5": [
        "There is no record under the visit's NHS number.",
        "ask `cpis answer` (ruling 41)",
        "no alert to anybody: ",
    ],
    "RXH/V-7": [
        "no alert to 204: details do not match (date of birth disagrees, family name disagrees, ",
        "first given name disagrees); to be confirmed by a person (ruling 20)",
        "no alert to the provider: no plan counts",
    ],
}
"""Five visits that led to alerts, one of a person without a record, and one `why not`."""


def run(*arguments: str, **environment: str) -> Result:
    """Run `cpis explain` in this process."""
    settings = {"CPIS_POLICY_FILE": "", "CPIS_KAFKA_BOOTSTRAP_SERVERS": "", **environment}
    return CliRunner().invoke(root, ["explain", *arguments], env=settings)


def recorded(*arguments: str) -> str:
    """Return what is said of the recorded day."""
    result = run(*arguments, "--stream", STREAM, "--policy-file", POLICY)
    assert 0 == result.exit_code, result.output
    return result.stdout


@pytest.mark.parametrize("visit", VISITS)
def test_the_visits_of_the_recorded_day(visit: str) -> None:
    """Each with what decided it, and nothing that looks like a person's number."""
    shown = recorded("--visit", visit)

    assert [] == [words for words in VISITS[visit] if words not in shown]
    assert not re.search(r"\b\d{10}\b", shown)


def test_an_alert_leads_to_its_visit() -> None:
    """The same words, by the id that they show."""
    shown = recorded("--visit", "rxm/M-1", "--system", "MIUSYS")
    alert_id = re.search(r"alert ([0-9a-f]{32})", shown)
    assert alert_id is not None

    assert shown == recorded("--alert", alert_id[1])


def test_as_json_it_has_the_structure_and_the_words() -> None:
    """For other programs."""
    told = json.loads(recorded("--visit", "RXH/V-7", "--json"))

    assert ("Explanation", "ruling 20: details disagree", ["disagrees"] * 3) == (
        told["kind"],
        told["why"],
        told["plans"][0]["compared"],
    )
    assert "\n".join(told["text"]) + "\n" == recorded("--visit", "RXH/V-7")


def test_without_a_policy_file_that_of_the_settings_decides() -> None:
    """As everywhere."""
    shown = run("--visit", "RXM/M-1", "--stream", STREAM, CPIS_POLICY_FILE=POLICY)

    assert recorded("--visit", "RXM/M-1") == shown.stdout


USAGE = {
    "nothing": (),
    "two things": ("--visit", "RXM/M-1", "--alert", "x"),
    "a visit and an item": ("--visit", "RXM/M-1", "--item", "x"),
    "a system of an alert": ("--alert", "x", "--system", "EDSYS"),
    "a system of an item": ("--item", "x", "--system", "EDSYS"),
    "a visit without its provider": ("--visit", "M-1"),
    "a visit without its number": ("--visit", "RXM/"),
    "a policy for a cluster": ("--visit", "RXM/M-1", "--policy-file", POLICY),
}


@pytest.mark.parametrize("case", USAGE)
def test_what_cannot_be_asked(case: str) -> None:
    """Said before anything is read."""
    result = run(*USAGE[case])

    assert (2, "") == (result.exit_code, result.stdout)


REFUSED: dict[str, tuple[tuple[str, ...], type[BrokerError]]] = {
    "nobody says who asks": (("--visit", "RXM/M-1", "--reason", "a complaint"), GroundsRefused),
    "nobody says why": (("--visit", "RXM/M-1", "--by", "ops-7"), GroundsRefused),
    "grounds for a stream": (("--visit", "RXM/M-1", "--stream", STREAM, "--by", "ops-7"), GroundsRefused),
    "a visit that never was": (("--visit", "RXM/M-9", "--stream", STREAM), NothingToExplain),
    "an item that never was": (("--item", "0" * 32, "--stream", STREAM), NothingToExplain),
    "no usable number": (("--visit", "RXH/V-8", "--stream", STREAM), NothingToExplain),
    "no provider": (("--visit", "?/V-8", "--stream", STREAM), InvalidOdsCode),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case: str) -> None:
    """Each with its error, of which the exit code follows."""
    arguments, error = REFUSED[case]

    result = run(*arguments)

    assert (error, "") == (type(result.exception), result.stdout)
