"""
The settings of timers and times: how long is waited until somebody is asked again or hears that nothing came.

They are part of `broker.core.policy.Policy`. What a timer says is a fact; when it is due, and what follows
from it, these decide.
"""

from dataclasses import dataclass
from datetime import timedelta

from broker.core.policy_keys import Unit, Where, span


@dataclass(frozen=True, kw_only=True)
class Waits:
    """How long is waited for what. Durations are aware of no time zone."""

    outcome_awaited: timedelta = span(
        12, Unit.HOURS, most=744, rule="ruling 7", scopes=(Where.PROVIDER,),
        meaning="how long after arrival an authority hears that no outcome of a visit was received",
    )  # fmt: skip
    unconfirmed_told: timedelta = span(
        12, Unit.HOURS, most=744, rule="ruling 46", scopes=(Where.PROVIDER,),
        meaning="how long after arrival an authority hears of a visit that nobody has confirmed to be its",
    )  # fmt: skip
    unopened_to_next: timedelta = span(
        15, Unit.MINUTES, least=1, most=60, rule="ruling 45",
        meaning="how long an authority may leave what it was told unacknowledged until its next recipient is "
        "reached",
    )  # fmt: skip
    unopened_to_manager: timedelta = span(
        30, Unit.MINUTES, least=1, most=120, rule="ruling 45", scopes=(Where.PROVIDER,),
        meaning="how long it may until its emergency duty manager is reached, and the treating clinician is "
        "told that nobody has opened it",
    )  # fmt: skip
    unsettled_to_manager: timedelta = span(
        30, Unit.MINUTES, least=1, most=120, rule="ruling 46", scopes=(Where.PROVIDER,),
        meaning="how long an item of the worklist may stay unsettled until the provider's on-call manager "
        "is reached",
    )  # fmt: skip
    asked_again: timedelta = span(
        24, Unit.HOURS, least=1, most=744, rule="rulings 23, 26, 43", scopes=(Where.AUTHORITY,),
        meaning="how long until an authority is asked again: about a plan on a number not in use, a "
        "newborn's own plan, or the outcome of a pregnancy",
    )  # fmt: skip
    inactive_to_lead: timedelta = span(
        24, Unit.HOURS, most=744, rule="ruling 23", scopes=(Where.AUTHORITY,),
        meaning="how long after the first notice that a number is not in use its reminders go to the "
        "safeguarding lead, if a child protection plan is open on it",
    )  # fmt: skip
    outcome_lapses: timedelta = span(
        29, Unit.DAYS, least=1, most=365, rule="ruling 43", scopes=(Where.AUTHORITY,),
        meaning="how long after the due date an unborn child's plan without outcome has lapsed, and the "
        "safeguarding lead hears so",
    )  # fmt: skip
