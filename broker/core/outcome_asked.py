"""
The outcome of a pregnancy, asked of the authority whose unborn child's plan is past its due date. Ruling 43.

It is asked from the due date on, as a timer says that it is that late, until there is an answer: a birth, the
authority's word that the pregnancy ended, a stillbirth, another due date, or the plan's removal. On day 29 it
has lapsed, which is said once, to the safeguarding lead. Of a plan past that by more than L nothing is asked
anew: what answered it may be gone from the record.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from broker.core.alerts import Alert, Note, Occasion, PlanState, Recipient, RecipientKind, Route, Urgency, Why
from broker.core.asking_again import day_begins, next_time, reached, times_passed
from broker.core.clock import earlier, later
from broker.core.content import Matched, asking_alert, owner_of
from broker.core.facts import Birth, IdentityNotice, PlanType
from broker.core.identifiers import NhsNumber, london_day
from broker.core.keyed import IdentityKey, visit_under
from broker.core.newborn import said_at
from broker.core.newborn_asked import Asked
from broker.core.plans import Due, Version, unshared, was_history
from broker.core.policy import AnyPolicy, Policy

Births = Mapping[NhsNumber, Mapping[str, Birth]]


def outcome_reference(key: IdentityKey, number: NhsNumber) -> str:
    """Return the reference of decisions about the outcome of a pregnancy; it moves as a visit's does (22)."""
    return visit_under(key, bytes.fromhex(key.derive("outcome of a pregnancy")), number)


def awaiting(plans: Sequence[Sequence[Version]]) -> list[Sequence[Version]]:
    """Return the unborn plans of the person's own of which an outcome may be asked, however late it is."""
    return [
        versions
        for versions in plans
        if versions[0].newborn is None
        and versions[-1].content.plan_type is PlanType.UNBORN
        and versions[-1].content.deleted is None
    ]


def due_at(versions: Sequence[Version]) -> datetime:
    """Return when the due date of an unborn plan begins by its newest version, aware UTC."""
    newest = versions[-1].content
    return day_begins(newest.end or newest.start)


def lapses_at(versions: Sequence[Version], policy: Policy) -> datetime:
    """Return when an unborn plan without an outcome has lapsed, aware UTC."""
    newest = versions[-1].content
    span = policy.authority(newest.authority).outcome_lapses
    return day_begins(later(newest.end or newest.start, span))


def may_be_asked(versions: Sequence[Version], clock: datetime, policy: AnyPolicy) -> bool:
    """Whether at a time an outcome may be asked of an unborn plan, so that what answers it must be there."""
    return any(earlier(clock, policy.lateness) < lapses_at(versions, one) for one in policy.every)


def why_not_awaited(
    versions: Sequence[Version], births: Births, losses: Sequence[datetime], policy: Policy
) -> Why | None:
    """Return why an authority is asked nothing of an unborn plan past its due date; None where it is."""
    content = versions[-1].content
    if any(london_day(lost_at) >= content.start for lost_at in losses):
        return Why.PREGNANCY_ENDED
    said = [birth for said in births.values() for birth in said.values() if not birth.void]
    if any((birth.born or london_day(said_at(birth))) >= content.start for birth in said):
        return Why.NO_OUTCOME_AWAITED
    if all(was_history(version, policy) for version in versions):
        return Why.HISTORY
    return Why.SHARING_STOPPED if unshared(content.authority, policy, content.end or content.start) else None


def next_asked_at(
    plans: Sequence[Sequence[Version]],
    late: datetime | None,
    losses: Sequence[datetime],
    policy: AnyPolicy,
    births: Births,
) -> datetime | None:
    """
    Return when an outcome is to be asked next, or has lapsed, aware UTC; None where none is awaited.

    `late` is how late it is by a timer's word, None before the first.
    """
    moments = []
    for versions in awaiting(plans):
        first, in_force = due_at(versions), policy.at(due_at(versions))
        lapse = lapses_at(versions, in_force)
        if why_not_awaited(versions, births, losses, in_force) is None and (late is None or late < lapse):
            every = in_force.authority(_line(versions, in_force, late).owner).asked_again
            is_asked = late is not None and late >= first
            moments.append(min(next_time(first, every, late), lapse) if is_asked else first)
    return min(moments, default=None)


def outcomes_asked(
    number: NhsNumber,
    plans: Sequence[Sequence[Version]],
    notices: Iterable[IdentityNotice],
    losses: Sequence[datetime],
    policy: AnyPolicy,
    key: IdentityKey,
    *,
    births: Births,
) -> Asked | None:
    """Return what is asked of each authority; None where no unborn plan's due date had come by any timer."""
    late = reached(notices)
    unborn = [versions for versions in plans if versions[-1].content.plan_type is PlanType.UNBORN]
    own = [versions for versions in unborn if versions[0].newborn is None]
    if late is None or not own:
        return None
    past = [one for one in awaiting(own) if due_at(one) <= late and may_be_asked(one, late, policy)]
    in_force = policy.at(min(map(due_at, past or own)))
    why_not = {id(versions): why_not_awaited(versions, births, losses, in_force) for versions in past}
    lines: dict[Recipient, list[tuple[Sequence[Version], Matched]]] = {}
    for versions in past:
        if why_not[id(versions)] is None:
            line = _line(versions, in_force, late)
            recipient = Recipient(kind=RecipientKind.AUTHORITY, code=line.owner)
            lines.setdefault(recipient, []).append((versions, line))
    subject = outcome_reference(key, number)
    alerts = [
        _alert(
            key.derive("alert", recipient.kind, recipient.code.code, subject, number.key),
            subject, recipient, lines[recipient], late, in_force,
        )
        for recipient in sorted(lines)
    ]  # fmt: skip
    reasons = [why for why in why_not.values() if why is not None]
    return Asked(
        subject=subject,
        alerts=alerts,
        why=min(reasons, key=list(Why).index, default=Why.NO_OUTCOME_AWAITED),
        policy=in_force,
    )


def _line(versions: Sequence[Version], policy: Policy, late: datetime | None) -> Matched:
    """
    Return a plan as it is told when its due date is past, and who answers for it then (19).

    Whoever takes over while it is asked, by how `late` it is, is asked from the opening day on.
    """
    first = due_at(versions)
    asked_at = first if late is None else max(first, min(late, lapses_at(versions, policy)))
    pair = Due(
        shown=versions[-1],
        versions=tuple(versions),
        state=PlanState.PAST_DUE_DATE,
        live=True,
        said_at=versions[0].recorded_at,
        removed_afterwards=False,
    )
    return Matched(plan=pair, marks=(), owner=owner_of(pair, policy, asked_at))


def _alert(
    alert_id: str,
    subject: str,
    recipient: Recipient,
    lines: Sequence[tuple[Sequence[Version], Matched]],
    late: datetime,
    policy: Policy,
) -> Alert:
    """Return what an authority is asked, or told to have lapsed, as late as it is."""
    open_plans = [versions for versions, _ in lines if late < lapses_at(versions, policy)]
    every = policy.authority(recipient.code).asked_again
    asked = max(
        times_passed(due_at(versions), every, min(late, lapses_at(versions, policy))) for versions, _ in lines
    )
    lapsed = len(open_plans) < len(lines)
    alert = asking_alert(
        alert_id,
        subject,
        recipient,
        Occasion.OUTCOME_AWAITED,
        [line for _, line in lines],
        notes=(*((Note.TELL_OUTCOME,) if open_plans else ()), *((Note.LAPSED,) if lapsed else ())),
        asked_again=asked,
    )
    return replace(
        alert,
        route=Route.SAFEGUARDING if lapsed else Route.DUTY,
        urgency=Urgency.NOW if lapsed else Urgency.NEXT_WORKING_MORNING,
    )
