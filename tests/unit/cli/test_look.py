"""`cpis look`: what cannot be asked, what is shown, and that an error is never shown as `no plan`."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest
from click.testing import CliRunner, Result

from broker.cli import root
from broker.cli.answer import EXIT_CODES
from broker.cli.look import REFUSED_EXIT_CODE, exit_code_of, made_of, shown
from broker.core.alerts import Occasion, PlanLine, PlanState, SubjectRole
from broker.core.answers import Answer, Finding, Uncheckable, could_not_check
from broker.core.desk_errors import GroundsRefused, NotForThisRole
from broker.core.errors import BrokerError, ConfigurationError, InvalidFact, KafkaUnavailable
from broker.core.facts import Details, PlanType
from broker.core.identifiers import OdsCode
from broker.core.look_words import REFUSED, look_sentences
from broker.core.looking import Look, Opened, OpenedPlan, Way
from broker.core.past import Past

ASKED = ("--organisation", "RXM", "--organisation-name", "Exton Hospital", "--role", "nurse")
GROUNDS = ("--by", "ops-7", "--reason", "ticket 4711")
NOWHERE = ("--bootstrap-servers", "127.0.0.1:9")
INPUT = "9990000018\nA Nurse\nstaff-1\n"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LINE = PlanLine(
    authority=OdsCode("E09"),
    authority_name="Exton",
    phone_emergency="0300",
    phone_office=None,
    plan_type=PlanType.CHILD_PROTECTION,
    role=SubjectRole.CHILD,
    start=date(2026, 1, 1),
    end=None,
    state=PlanState.REMOVED,
)
PASTS = (
    Past(
        subject="v", occasion=Occasion.ATTENDED, at=NOON, organisation=OdsCode("RYY"), organisation_name="Wye"
    ),
    Past(
        subject="a",
        occasion=Occasion.VIEWED,
        at=NOON,
        organisation=OdsCode("RXX"),
        role="doctor",
        user_name="B Doctor",
    ),
)


def opened(*, restricted: bool = False, enquiry: bool = False, history: tuple[Past, ...] = PASTS) -> Look:
    """Return a look at somebody with a plan."""
    plan = OpenedPlan(line=LINE, ring_now="0300", registered=Details(family="Sample"))
    return Look(
        way=Way.UNSCHEDULED,
        answer=Answer(finding=Finding.PLAN),
        opened=Opened(plans=(plan,), history=history, restricted=restricted, enquiry=enquiry),
    )


def run(*arguments: str, given: str = INPUT) -> Result:
    """Run `cpis look` in this process."""
    settings = {"CPIS_POLICY_FILE": "", "CPIS_KAFKA_BOOTSTRAP_SERVERS": ""}
    return CliRunner().invoke(root, ["look", *arguments], env=settings, input=given)


REFUSALS: dict[str, tuple[tuple[str, ...], str, type[BaseException]]] = {
    "no organisation": ((*ASKED[2:], *GROUNDS), INPUT, SystemExit),
    "nobody says who asks": ((*ASKED, "--reason", "a complaint"), INPUT, GroundsRefused),
    "nobody says what for": ((*ASKED, "--by", "ops-7"), INPUT, GroundsRefused),
    "no id of the user": ((*ASKED, *GROUNDS), "9990000018\nA Nurse\n", SystemExit),
    "no Kafka is named": ((*ASKED, *GROUNDS), INPUT, ConfigurationError),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_is_refused(case: str) -> None:
    """Each with its error and no word that could be taken for an answer (rulings 34, 41; R54)."""
    arguments, given, error = REFUSALS[case]

    result = run(*arguments, given=given)

    assert (error, "") == (type(result.exception), result.stdout)
    assert result.exit_code not in {*EXIT_CODES.values(), REFUSED_EXIT_CODE}


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_kafka_that_is_away_is_could_not_check(form: tuple[str, ...]) -> None:
    """With the exit code of that answer, and never `no plan` (ruling 34)."""
    result = run(*ASKED, *GROUNDS, *NOWHERE, *form)

    assert EXIT_CODES[Finding.COULD_NOT_CHECK] == result.exit_code
    assert "Could not check: " in result.stdout
    assert "No plan on file" not in result.stdout
    assert INPUT.split("\n", maxsplit=1)[0] not in result.output


def raising(error: Exception) -> Callable[[], Look]:
    """Return a look that fails."""

    def look() -> Look:
        raise error

    return look


@pytest.mark.parametrize(
    "error", [ConfigurationError("a setting"), InvalidFact("words"), NotForThisRole("x")]
)
def test_what_somebody_has_to_mend_is_said_as_an_error(error: BrokerError) -> None:
    """No answer, with an exit code of its own (ruling 34)."""
    with pytest.raises(type(error)):
        made_of(raising(error))
    assert error.exit_code not in {*EXIT_CODES.values(), REFUSED_EXIT_CODE}


@pytest.mark.parametrize("error", [KafkaUnavailable(), ValueError("Ada")])
def test_whatever_else_fails_is_could_not_check(error: Exception) -> None:
    """By its code or class, and none of its words (ruling 41)."""
    made = made_of(raising(error))

    assert made.answer is not None
    assert Uncheckable.BROKER_BEHIND is made.answer.reason
    assert "Ada" not in "".join(look_sentences(made))


def test_every_outcome_has_an_exit_code_of_its_own() -> None:
    """Refused is none of the three answers (rulings 3, 34)."""
    looks = [
        Look(way=Way.REFUSED, answer=None),
        opened(),
        Look(way=Way.UNSCHEDULED, answer=Answer(finding=Finding.NO_PLAN, checked_at=NOON)),
        Look(way=Way.UNSCHEDULED, answer=could_not_check(Uncheckable.RESTRICTED)),
    ]
    assert 4 == len({exit_code_of(look) for look in looks})
    assert 4 == len({look_sentences(look)[0] for look in looks})
    assert (REFUSED,) == look_sentences(looks[0])


def test_the_registered_details_are_not_shown() -> None:
    """They are for matching, and no part of what is opened (ruling 30)."""
    text = json.dumps(shown(opened()))

    assert "Sample" not in text
    assert {"ring_now": "0300"}.items() <= dict(shown(opened())["plans"][0]).items()  # type: ignore[index]
    assert [] == shown(Look(way=Way.REFUSED, answer=None))["plans"]


WORDS = {
    "history": (opened(), "- 2026-03-02 12:00:00: looked up by B Doctor, doctor, RXX."),
    "visit": (opened(), "- 2026-03-02 12:00:00: visit to Wye (RYY)."),
    "nothing earlier": (opened(history=()), "No earlier visit or view."),
    "removed": (opened(), "Removed by the authority – ring before relying on it."),
    "restricted": (opened(restricted=True), "Do not discuss with the accompanying adult."),
    "under enquiry": (opened(enquiry=True), "The NHS number may have changed"),
}


@pytest.mark.parametrize("case", WORDS)
def test_what_is_opened_is_said_in_sentences(case: str) -> None:
    """Plans first, then the history, then what goes with every one of them (rulings 14, 24, 30, 32, 38)."""
    look, words = WORDS[case]

    assert any(sentence.startswith(words) for sentence in look_sentences(look))
    assert "Not for patient or proxy release." in look_sentences(look)
    assert "Do not show to the accompanying adult." in look_sentences(look)
