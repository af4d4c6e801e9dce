"""
The settings of what a message says of time: which arrival is believed, and which time of an event. Ruling 37.

They are part of `broker.core.policy.Policy`. A message is judged by the policy in force at its receipt.
"""

from dataclasses import dataclass
from datetime import timedelta

from broker.core.policy_keys import Unit, Where, span


@dataclass(frozen=True, kw_only=True)
class Times:
    """How far the times of a message may lie from its receipt or recording, and still count."""

    arrival_age: timedelta = span(
        400, Unit.DAYS, least=1, most=3650, rule="ruling 37", scopes=(Where.PROVIDER,),
        meaning="how long before a message's receipt a stated arrival (PV1-44) may lie and be believed; an "
        "older one is left over from a former visit, and would put the stay before every plan",
    )  # fmt: skip
    arrival_ahead: timedelta = span(
        24, Unit.HOURS, least=1, most=744, rule="ruling 37", scopes=(Where.PROVIDER,),
        meaning="from how far ahead of a message's receipt on a stated arrival (PV1-44) is not believed",
    )  # fmt: skip
    occurred_within: timedelta = span(
        48, Unit.HOURS, most=744, rule="ruling 37", scopes=(Where.PROVIDER,),
        meaning="how far from its recording an event may have occurred (EVN-6) for that time to count; real "
        "cancellations carry one that is years older",
    )  # fmt: skip
