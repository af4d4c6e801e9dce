"""What becomes of an alert that nobody acknowledges, and of an item that nobody settles. Rulings 45, 46."""

from dataclasses import replace
from datetime import timedelta

import pytest

from broker.core.escalating import Acknowledgement, Reached, Step, steps, to_manager_at
from broker.core.identifiers import OdsCode
from broker.core.policy import Policy
from broker.core.policy_keys import Selector
from tests.spec.table import T, moment

RXX, RPP = OdsCode("RXX"), OdsCode("RPP")
NEXT, MANAGER, CLINICIAN = Step
ALL = {NEXT: "T+15m", MANAGER: "T+30m", CLINICIAN: "T+30m"}

ACKNOWLEDGED = {
    "nobody says anything": ([], {NEXT, MANAGER, CLINICIAN}),
    "sent and delivered are no acknowledgement": (
        [("sent", 1, "T+1m"), ("delivered", 1, "T+2m")],
        {NEXT, MANAGER, CLINICIAN},
    ),
    "opened spares the clinician alone": ([("opened", 1, "T+16m")], {NEXT, MANAGER}),
    "opened at the moment it is due": ([("opened", 1, "T+30m")], {NEXT, MANAGER}),
    "opened a second later": ([("opened", 1, "T+30m+1s")], {NEXT, MANAGER, CLINICIAN}),
    "acknowledged in time ends all": ([("acknowledged", 1, "T+15m")], set()),
    "a second later the next recipient was reached": ([("acknowledged", 1, "T+15m+1s")], {NEXT}),
    "acknowledged after half an hour": ([("acknowledged", 1, "T+31m")], {NEXT, MANAGER, CLINICIAN}),
    "an older revision does not cover a newer": ([("acknowledged", 0, "T+1m")], {NEXT, MANAGER, CLINICIAN}),
    "a newer one covers it": ([("acknowledged", 2, "T+1m")], set()),
}


@pytest.mark.parametrize("case", ACKNOWLEDGED)
def test_what_is_done_about_an_alert_that_nobody_acknowledges(case: str) -> None:
    """15 minutes, 30 minutes, and four words of which the last alone ends it (ruling 45)."""
    said, expected = ACKNOWLEDGED[case]
    words = [
        Acknowledgement(reached=Reached(word), revision=revision, at=moment(at))
        for word, revision, at in said
    ]
    found = dict(steps(T, 1, words, Policy(), RXX))
    assert {step: moment(ALL[step]) for step in expected} == found


def test_the_spans_are_settings() -> None:
    """That to the next recipient everywhere, that to the manager for a provider too (ruling 45)."""
    policy = replace(
        Policy(overrides={Selector(provider=RPP): {"unopened_to_manager": timedelta(minutes=20)}}),
        unopened_to_next=timedelta(minutes=5),
    )
    expected = {NEXT: moment("T+5m"), MANAGER: moment("T+20m"), CLINICIAN: moment("T+20m")}
    assert expected == dict(steps(T, 1, [], policy, RPP))
    assert moment("T+30m") == dict(steps(T, 1, [], policy, RXX))[MANAGER]


def test_an_item_goes_to_the_on_call_manager_after_half_an_hour() -> None:
    """Or what its provider has settled; one of no provider by what holds everywhere (ruling 46)."""
    settled = {Selector(provider=RPP): {"unsettled_to_manager": timedelta(minutes=10)}}
    policy = Policy(overrides=settled)
    assert [moment("T+30m"), moment("T+30m"), moment("T+10m")] == [
        to_manager_at(T, policy, provider) for provider in (None, RXX, RPP)
    ]
