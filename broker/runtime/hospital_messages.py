"""
What takes the messages of hospitals, put together: the use case, and what it knows before it answers.

Knows what hangs on what; which doors there are, and when anything begins, the intake role knows.
"""

from collections.abc import Callable
from typing import NamedTuple

from broker.ports import Clock, FactLog, InputTail
from broker.runtime.asking import Asking
from broker.runtime.marks_to_come import MarkSayer, marks_to_come
from broker.runtime.parts import Parts, admits
from broker.runtime.sender_quality import SenderQuality
from broker.runtime.settings import Settings
from broker.services.also_followed import AlsoFollowed, kept_heard_by, notices_heard_by
from broker.services.attendances import Attendances
from broker.services.following import Following
from broker.services.intake import Intake
from broker.services.numberless import Numberless
from broker.services.numbers_in_use import NumbersInUse
from broker.services.numbers_out_of_use import NumbersOutOfUse
from broker.services.rejections import Rejections

_MILLISECONDS = 1000
_INTAKE_SHARE = 0.95  # of the answer's deadline; the log's own is shorter, so this is for one that hangs


class Tails(NamedTuple):
    """
    What intake follows of what is durable.

    `attendances` are what any intake took (ruling 44), `kept` what was kept without a number (24), `notices`
    what the source said of numbers (23); the last two are None where there is no past.
    """

    attendances: InputTail
    kept: InputTail | None
    notices: InputTail | None


class HospitalMessages(NamedTuple):
    """The use case `intake`, what it is kept up to date by, and the marks that are said in a while (24)."""

    intake: Intake
    following: Following
    marks: MarkSayer


def hospital_messages(
    settings: Settings,
    parts: Parts,
    facts: FactLog,
    tails: Tails,
    *,
    clock: Clock,
    count: Callable[[str], None],
    quality: SenderQuality,
    asking: Asking | None,
) -> HospitalMessages:
    """
    Return what takes messages into `facts`; nothing is read before the first `catch_up`.

    `quality` hears how good they are, `asking` is offered whose patient has no number (21), None where there
    is no demographic source.
    """
    trace = None if asking is None else asking.offer
    numberless = Numberless(parts.details, policy=parts.policy, key=parts.key, trace=trace)
    out_of_use = NumbersOutOfUse()
    numbers = NumbersInUse(parts.key, horizon=parts.policy.horizon, out_of_use=out_of_use)
    marks = marks_to_come(settings, parts)
    attendances = Attendances(parts.facts, numberless, numbers, marks)
    following = Following(
        numbers,
        tails.attendances,
        facts,
        codec=parts.facts,
        attendances=attendances,
        clock=clock,
        hear=quality.count,
        others=[
            AlsoFollowed(tail, hear)
            for tail, hear in (
                (tails.kept, kept_heard_by(numberless, parts.records)),
                (tails.notices, notices_heard_by(out_of_use, parts.facts)),
            )
            if tail is not None
        ],
    )
    intake = Intake(
        facts,
        attendances,
        Rejections(parts.records, parts.key),
        clock=clock,
        count=count,
        answer_seconds=settings.answer_deadline_ms * _INTAKE_SHARE / _MILLISECONDS,
        admits=admits(settings)._replace(sender=parts.senders.settled),
        ready=following.ready,
        dialects=parts.dialects,
        quality=quality,
    )
    return HospitalMessages(intake, following, MarkSayer(marks=marks, facts=facts, clock=clock))
