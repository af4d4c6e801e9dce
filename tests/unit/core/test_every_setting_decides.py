"""A setting that changes nothing is none: each decides something, wherever it may be set."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from datetime import timedelta

import pytest

from broker.core.decisions import Decisions, decide
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.person import NOTHING, lift, merge
from broker.core.policy import DECLARATIONS, Policy
from broker.core.policy_keys import Place, Restricted, Selector, Where
from broker.core.policy_looks import Looks
from tests.spec.settled import KEY
from tests.spec.table import facts

KEPT_BY = frozenset({"lateness", "horizon", "inactive_kept"})
"""How long things are kept: tests/unit/core/test_retention.py, tests/unit/services/test_matching.py,
tests/unit/services/test_inactive_numbers.py."""

OF_LOOKS = frozenset({entry.name for entry in fields(Looks)})
"""They decide what is opened to who looks a person up: tests/spec/test_looks.py."""

WITHOUT_A_PERSON = frozenset(
    {"given_name_rules", "inactive_to_lead", "unopened_to_next", "unsettled_to_manager"}
)
"""
They decide where nothing is known of the person, or of what is not told here: test_asking_again.py,
test_escalating.py, test_verification.py.
"""

HEAD = "recorded | fact | about | values\n"
PLAN = f"{HEAD}T-9d | plan | CPP E09 | verified=yes\n"
PLACE = "location=ED site=RXX01"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)

STORIES: Mapping[str, tuple[object, str]] = {
    "visible_after_end": (DAY, f"{HEAD}T-9d | plan | CPP E09 | end=D-5\n T | A04 | v1 |"),
    "unborn_visible": (DAY, f"{HEAD}T-9d | plan | UCP E09 | end=D-5\n T | A04 | v1 |"),
    "newborn_covered": (
        DAY,
        f"{HEAD}T-20d | cover | UCP E09 | born=D-28 start=D-90 end=D-30\n T | A04 | v1 |",
    ),
    "age_of_majority": (
        16,
        f"{HEAD}T-9d | plan | CPP E09 | birth_date=2009-01-10\n T | A04 | v1 | birth_date=2009-01-10",
    ),
    "plan_wait": (DAY, f"{HEAD}T+5d | plan | CPP E09 |\n T | A04 | v1 |"),
    "plan_wait_after_arrival": (DAY, f"{HEAD}T+5d | plan | CPP E09 |\n T | A04 | v1 |"),
    "open_stay": (HOUR, f"{PLAN} T | A04 | v1 |\n T+2h | view | a1 RXX |"),
    "admission_joins": (
        HOUR,
        f"{PLAN} T | A04 | v1 | patient_class=E\n T+2h | A01 | v2 | patient_class=I admission_type=21",
    ),
    "reattendance": (DAY, f"{PLAN} T-2d | A04 | v1 |\n T | A04 | v2 |"),
    "same_visit": (HOUR, f"{PLAN} T | A04 | v1 |\n T+1h+1m | A04 | v2 |\n T+2h | A11 | v1 |"),
    "delayed_after": (9 * DAY, f"{HEAD}T+5d | plan | CPP E09 |\n T | A04 | v1 |\n T+1h | A03 | v1 |"),
    "delayed_after_departure": (
        9 * DAY,
        f"{HEAD}T+5d | plan | CPP E09 |\n T | A04 | v1 |\n T+1h | A03 | v1 |",
    ),
    "provider_after_departure": (HOUR, f"{HEAD}T+5h | plan | CPP E09 |\n T | A04 | v1 |\n T+1h | A03 | v1 |"),
    "emergency_classes": (frozenset({"P"}), f"{PLAN} T | A04 | v1 | patient_class=P {PLACE}"),
    "emergency_types": (frozenset({"11"}), f"{PLAN} T | A04 | v1 | admission_type=11 {PLACE}"),
    "scheduled_types": (frozenset({"77"}), f"{PLAN} T | A04 | v1 | admission_type=77 {PLACE}"),
    "scheduled_classes": (frozenset({"Q"}), f"{PLAN} T | A04 | v1 | patient_class=Q {PLACE}"),
    "listed": (Place.SENSITIVE, f"{PLAN} T | A04 | v1 | {PLACE}"),
    "nhs_funded": (frozenset({"URGENT"}), f"{PLAN} T | A04 | v1 | {PLACE}"),
    "restricted": (Restricted.NATIONAL, f"{PLAN} T | A04 | v1 | restricted=yes"),
    "traced_by_sender": (True, f"{PLAN} T | A04 | v1 | family=- given=- birth_date=-"),
    "error_reasons": (frozenset({"ERR"}), f"{PLAN} T | A04 | v1 |\n T+1h | A11 | v1 | cancel_reason=ERR"),
    "withheld": (frozenset({"acuity"}), f"{PLAN} T | A04 | v1 | acuity=3 {PLACE}"),
    "arrival_age": (DAY, f"{PLAN} T | A04 | v1 | arrived_at=T-2d"),
    "arrival_ahead": (HOUR, f"{PLAN} T | A04 | v1 | arrived_at=T+2h"),
    "occurred_within": (HOUR, f"{PLAN} T | A04 | v1 | occurred_at=T-2h"),
    "outcome_awaited": (
        9 * HOUR,
        f"{PLAN} T | A04 | v1 |\n T+10h | notice | n1 no-outcome-received | visit=v1",
    ),
    "unconfirmed_told": (
        9 * HOUR,
        f"{PLAN} T | A04 | v1 | family=Other given=Alex\n T+10h | notice | n1 item-unsettled | visit=v1",
    ),
    "unopened_to_manager": (
        9 * HOUR,
        f"{PLAN} T | A04 | v1 |\n T+1h | notice | n1 not-opened | visit=v1",
    ),
    "asked_again": (
        9 * HOUR,
        f"{HEAD}T-60d | plan | UCP E09 | start=D-60 end=D\n T | notice | n1 time-passed |",
    ),
    "outcome_lapses": (
        DAY,
        f"{HEAD}T-60d | plan | UCP E09 | start=D-60 end=D-2\n T | notice | n1 time-passed |",
    ),
    "name": ("Exton Hospital", f"{PLAN} T | A04 | v1 | {PLACE}"),
    "call_back": ("111", f"{PLAN} T | A04 | v1 | {PLACE}"),
}
"""For each setting another value, and facts about which it decides otherwise than the default."""

RXX = OdsCode("RXX")
SELECTORS: Mapping[Where, Selector] = {
    Where.AUTHORITY: Selector(authority=OdsCode("E09")),
    Where.PROVIDER: Selector(provider=RXX),
    Where.SYSTEM: Selector(provider=RXX, system="EDSYS"),
    Where.SITE: Selector(provider=RXX, site="RXX01"),
    Where.LOCATION: Selector(provider=RXX, location="ED"),
}


def changes() -> Iterator[tuple[str, Where]]:
    """Yield each setting with each place where it may be set."""
    for name, declared in DECLARATIONS.items():
        if name not in KEPT_BY | OF_LOOKS | WITHOUT_A_PERSON:
            yield from ((name, where) for where in Where if where in declared.scopes)
            yield from [(name, Where.EVERYWHERE)] * declared.everywhere


def changed(name: str, where: Where) -> Policy:
    """Return the defaults with another value of one setting, everywhere or in one place."""
    value, _ = STORIES[name]
    if where is Where.EVERYWHERE:
        return replace(Policy(), **{name: value})  # type: ignore[arg-type]  # by name
    return Policy(overrides={SELECTORS[where]: {name: value}})


def decided(table: str, policy: Policy) -> Decisions:
    """Return what is decided about the facts of a table."""
    known = NOTHING
    for fact in facts(table):
        known = merge(known, lift(fact))
    return decide(NhsNumber("9990000018"), known, policy, KEY)


@pytest.mark.parametrize(("name", "where"), list(changes()))
def test_every_setting_decides_wherever_it_may_be_set(name: str, where: Where) -> None:
    """Alerts or reasons differ from those by the defaults."""
    _, table = STORIES[name]
    before, after = decided(table, Policy()), decided(table, changed(name, where))

    assert (before.alerts, [entry.why for entry in before.entries.values()]) != (
        after.alerts,
        [entry.why for entry in after.entries.values()],
    )


@pytest.mark.parametrize(("name", "where"), [case for case in changes() if case[1] is not Where.EVERYWHERE])
def test_no_setting_decides_anywhere_else(name: str, where: Where) -> None:
    """The same override for others changes no alert."""
    value, table = STORIES[name]
    others = {
        Where.AUTHORITY: Selector(authority=OdsCode("E08")),
        Where.PROVIDER: Selector(provider=OdsCode("RYY")),
        Where.SYSTEM: Selector(provider=RXX, system="OTHER"),
        Where.SITE: Selector(provider=RXX, site="RXX09"),
        Where.LOCATION: Selector(provider=RXX, location="WARD"),
    }
    policy = Policy(overrides={others[where]: {name: value}})

    assert decided(table, Policy()).alerts == decided(table, policy).alerts
