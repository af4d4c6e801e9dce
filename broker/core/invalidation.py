"""
A number that its source took out of use without a successor: adoption and the like. Ruling 23; R36–R38.

What was known and told is set aside, sealed, where only the source's own reversal opens it, and is destroyed
after a time. What is left under the number says nothing about the person: that it is not in use, and which
authority still has a plan open on it, so that the authority can be told. Visits, views and plans that come
under it lead to no event. Nothing here knows of any other number.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from broker.core.alerts import (
    TAKEN_BACK,
    Alert,
    Note,
    Occasion,
    Recipient,
    RecipientKind,
    Route,
    Urgency,
    Why,
)
from broker.core.asking_again import next_time, reached, times_passed
from broker.core.audit import DecisionEntry
from broker.core.clock import later
from broker.core.content import successor_of
from broker.core.decisions import Decisions
from broker.core.effects import Advance, compared
from broker.core.facts import Fact, IdentityKind, IdentityNotice, PlanContent, PlanFact, PlanType
from broker.core.holding import TURNS_OF_A_DOUBT
from broker.core.identifiers import OdsCode, london_day
from broker.core.keyed import IdentityKey
from broker.core.lawful_basis import Flow
from broker.core.number_answers import newest_answer, recorded
from broker.core.person import Person, Told
from broker.core.policy import AnyPolicy
from broker.core.restriction import is_restricted, reduced
from broker.core.stops import stopped
from broker.core.succession import Came, Merged, in_use

_MARK_DIGITS_LEFT = 2  # fits one day and type in 256 of the thousands that can be tried


@dataclass(frozen=True, slots=True, kw_only=True)
class InactivePlan:
    """
    A plan on a number that is not in use: no date of it, nothing of its content.

    `recorded_at` is when its authority last said how it stands, aware UTC; `is_open` that it has neither been
    ended nor removed; `protection` that it is a child protection plan.
    """

    authority: OdsCode
    recorded_at: datetime
    is_open: bool
    protection: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Inactive:
    """
    What is left under a number that is not in use.

    `stamp` is when the source recorded it, `since` when that was received: from then the time counts after
    which what is sealed is destroyed. `late` is the latest time that a timer has said to have passed, aware
    UTC, None before the first. `ledger` holds what authorities were told of the number, and nothing
    else; `plans` is by marks, an authority and a digest keyed with the number, so that a plan on another
    number cannot be compared. Once what is sealed is destroyed two digits of a digest are left. `restricted`
    says that the record was, or came to be since (24).
    """

    stamp: datetime
    since: datetime
    late: datetime | None = None
    ledger: Person
    plans: Mapping[str, InactivePlan] = field(default_factory=dict)
    restricted: bool = False

    @property
    def forgetful(self) -> "Inactive":
        """
        Return what is left once what is sealed is destroyed: the day on which a plan began is not.

        With the identity key some thousand days can be tried on a whole digest, and the one that fits would
        lead to a plan that begins on it under another number. Two plans of one authority that have the same
        mark then are one, and stand as was said last.
        """
        marks: dict[str, InactivePlan] = {}
        for mark, plan in self.plans.items():
            _put(marks, mark[: len(plan.authority.code) + 1 + _MARK_DIGITS_LEFT], plan)
        return replace(self, plans=marks)


def invalidation(person: Person) -> IdentityNotice | None:
    """Return the source's answer that a person's number is not in use, None where it is (ruling 23)."""
    answer = newest_answer(person.known.notices.values())
    return answer if answer is not None and answer.kind is IdentityKind.INVALIDATED else None


def take_out_of_use(
    person: Person, answer: IdentityNotice, policy: AnyPolicy, key: IdentityKey, *, salt: bytes
) -> tuple[Inactive, Advance]:
    """
    Return what is left of a person whose number was invalidated, and what is said of it.

    Nobody is told anything of a visit or a plan; the open work about the person is done with. `salt` is that
    of the ledger: what was committed to before cannot be opened with it.
    """
    told = {alert_id: row for alert_id, row in person.told.items() if _is_notice(row)}
    inactive = Inactive(
        stamp=recorded(answer),
        since=answer.received_at,
        late=reached(person.known.notices.values()),
        ledger=Person(number=person.number, salt=salt, told=told, returns=person.returns),
        restricted=is_restricted(person.known),
    )
    plans = [
        (content, said.recorded_at, said.file_id)
        for content, history in person.known.plans.items()
        for said in history
    ]
    inactive, advanced = _noticed(inactive, plans, policy, key)
    return inactive, replace(advanced, closed=tuple(person.items.values()))


def word_of_use(inactive: Inactive, came: Iterable[Came]) -> IdentityNotice | None:
    """
    Return the source's newest word that a number is in use again or has a successor, None without one.

    A newer succession that names the number is such a word, too (ruling 22).
    """
    own: list[IdentityNotice] = []
    for one in came:
        if isinstance(one.fact, IdentityNotice) and one.passage is None:
            own.append(one.fact)
        elif one.passage is not None:
            own.append(in_use(one.passage.stamp, one.fact.received_at))
    standing = IdentityNotice(
        notice_id="",
        kind=IdentityKind.INVALIDATED,
        recorded_at=inactive.stamp,
        received_at=inactive.since,
    )
    newest = newest_answer([standing, *own])
    return None if newest is None or newest.kind is IdentityKind.INVALIDATED else newest


def stays_out_of_use(
    inactive: Inactive, came: Sequence[Came], policy: AnyPolicy, key: IdentityKey, *, destroyed: bool = False
) -> tuple[Inactive, Advance]:
    """
    Return a number not in use after more has come for it: only how plans stand on it is looked at.

    `destroyed` says that what was sealed of the person is gone, so that nothing more may be told of a plan.
    Notices of a restricted record stay what they are, to those who receive these (ruling 24).
    """
    stamps = [
        recorded(one.fact)
        for one in came
        if isinstance(one.fact, IdentityNotice) and one.fact.kind is IdentityKind.INVALIDATED
    ]
    plans = [
        (one.fact.content, one.fact.recorded_at, one.fact.file_id)
        for one in came
        if isinstance(one.fact, PlanFact)
    ] + [
        (content, said.recorded_at, said.file_id)
        for one in came
        if isinstance(one.fact, Merged)
        for content, history in one.fact.known.plans.items()
        for said in history
    ]
    passed = reached(one.fact for one in came if isinstance(one.fact, IdentityNotice))
    late = max((at for at in (inactive.late, passed) if at is not None), default=None)
    newest = replace(
        inactive,
        stamp=max([inactive.stamp, *stamps]),
        late=late,
        restricted=inactive.restricted or any(_restricts(one.fact) for one in came),
    )
    return _noticed(newest, plans, policy, key, destroyed=destroyed)


def reminder_at(inactive: Inactive, policy: AnyPolicy) -> datetime | None:
    """Return when an authority is to be reminded of its plan next, aware UTC; None where none is open."""
    in_force = policy.at(inactive.stamp)
    moments = [
        next_time(inactive.since, in_force.authority(row.alert.recipient.code).asked_again, inactive.late)
        for row in inactive.ledger.told.values()
        if row.alert is not None and row.kind not in TAKEN_BACK
    ]
    return min(moments, default=None)


def reopened(person: Person, inactive: Inactive) -> Person:
    """
    Return a person whose number is in use again, with what was told of it meanwhile: to be withdrawn.

    Open work was done with when the number went out of use: what is to be done still is opened anew (46).
    That it was out of use was a doubt of whoever is linked with the person, which is over now (ADR 0051).
    """
    ledger = inactive.ledger
    told = {**person.told, **ledger.told}
    doubt = person.doubt + TURNS_OF_A_DOUBT
    return replace(person, told=told, items={}, returns=ledger.returns, doubt=doubt)


def forgotten_alerts(came: Iterable[Came]) -> frozenset[str]:
    """
    Return the ids of alerts that came from a former number which was out of use: to be told once more (23).

    Whoever was told of them has been made to forget them.
    """
    merged = (one.fact for one in came if isinstance(one.fact, Merged) and one.fact.forgotten)
    return frozenset(alert_id for fact in merged for alert_id in fact.told)


def _restricts(fact: Fact | Merged) -> bool:
    """Whether the source or an authority says that the record of a number not in use is restricted (24)."""
    match fact:
        case IdentityNotice():
            return fact.kind is IdentityKind.RESTRICTED
        case PlanFact():
            return fact.content.restricted
        case Merged():
            return is_restricted(fact.known)
        case _:
            return False


def _is_notice(told: Told) -> bool:
    """Whether a row of the told ledger is about the number alone."""
    return told.alert is not None and told.alert.occasion is Occasion.NUMBER_INACTIVE


def _noticed(
    inactive: Inactive,
    said: Iterable[tuple[PlanContent, datetime, str]],
    policy: AnyPolicy,
    key: IdentityKey,
    *,
    destroyed: bool = False,
) -> tuple[Inactive, Advance]:
    """Return the number with what authorities said of plans on it, and what they are told of that."""
    number = inactive.ledger.number
    plans, named = dict(inactive.plans), dict[OdsCode, tuple[str | None, str]]()
    for content, recorded_at, file_id in sorted(said, key=lambda one: (one[1], one[2])):
        newer = InactivePlan(
            authority=content.authority,
            recorded_at=recorded_at,
            is_open=_is_open(content, inactive.stamp),
            protection=content.plan_type is PlanType.CHILD_PROTECTION,
        )
        digest = key.derive("plan", number.key, content.plan_type, content.start.isoformat())
        if _put(plans, f"{content.authority}-{digest}", newer):
            named[_owner(newer, inactive, policy)] = content.child_id, file_id
    inactive = replace(inactive, plans=plans)
    if destroyed:
        inactive = inactive.forgetful
    decided = _decided(inactive, named, policy, key)
    if inactive.restricted:
        alerts = {alert_id: reduced(alert) for alert_id, alert in decided.alerts.items()}
        decided = replace(decided, alerts=alerts, restricted=True)
    advanced = compared(inactive.ledger, decided, policy, key)
    ledger = replace(
        advanced.person,
        told={
            alert_id: row
            if row.alert is None
            else replace(row, alert=replace(row.alert, child_id=None, file_id=None))
            for alert_id, row in advanced.person.told.items()
        },
    )
    return replace(inactive, ledger=ledger), advanced


def _put(plans: dict[str, InactivePlan], mark: str, plan: InactivePlan) -> bool:
    """Have a plan stand as was said last; return whether this is the last that was said."""
    known = plans.get(mark)
    last = known is None or (plan.recorded_at, plan.is_open) >= (known.recorded_at, known.is_open)
    if last:
        plans[mark] = plan
    return last


def _is_open(content: PlanContent, stamp: datetime) -> bool:
    """Whether a plan was neither removed nor at its end when its number was taken out of use."""
    return content.deleted is None and (content.end is None or content.end >= london_day(stamp))


def _is_past(inactive: Inactive, span: timedelta) -> bool:
    """Whether a timer has said that a span has passed since the number was taken out of use."""
    return inactive.late is not None and inactive.late >= later(inactive.since, span)


def _owner(plan: InactivePlan, inactive: Inactive, policy: AnyPolicy) -> OdsCode:
    """Return who answers for a plan, or has taken over while authorities are reminded (ruling 19)."""
    at = max(inactive.stamp, plan.recorded_at, inactive.late or inactive.stamp)
    return successor_of(plan.authority, policy.at(at), at)


def _decided(
    inactive: Inactive, named: Mapping[OdsCode, tuple[str | None, str]], policy: AnyPolicy, key: IdentityKey
) -> Decisions:
    """
    Return the notice of each authority that has a plan open on the number, and the entry about it.

    One that has stopped sharing is told nothing (ruling 45).
    """
    number = inactive.ledger.number
    subject = key.derive("inactive", number.key)
    in_force, day = policy.at(inactive.stamp), london_day(inactive.stamp)
    open_plans: dict[OdsCode, list[InactivePlan]] = {}
    for plan in inactive.plans.values():
        if plan.is_open:
            open_plans.setdefault(_owner(plan, inactive, policy), []).append(plan)
    told = sorted(owner for owner in open_plans if not stopped(in_force.stops, owner, day))
    none_because = Why.SHARING_STOPPED if open_plans else Why.NUMBER_NOT_IN_USE
    alerts: dict[str, Alert] = {}
    for owner in told:
        recipient = Recipient(kind=RecipientKind.AUTHORITY, code=owner)
        alert_id = key.derive("alert", recipient.kind, owner.code, subject, number.key)
        protection = any(plan.protection for plan in open_plans[owner])
        settled = in_force.authority(owner)
        child_id, file_id = named.get(owner, (None, None))
        to_lead = protection and _is_past(inactive, settled.inactive_to_lead)
        alerts[alert_id] = Alert(
            alert_id=alert_id,
            subject=subject,
            occasion=Occasion.NUMBER_INACTIVE,
            recipient=recipient,
            route=Route.SAFEGUARDING if to_lead else Route.DUTY,
            urgency=Urgency.NOW,
            plans=(),
            asked_again=times_passed(inactive.since, settled.asked_again, inactive.late),
            notes=(Note.NUMBER_INACTIVE, *((Note.PROTECTION_PLAN_OPEN,) if protection else ())),
            child_id=child_id,
            file_id=file_id,
        )
    entry = DecisionEntry(
        subject_reference=subject,
        occasion=Occasion.NUMBER_INACTIVE,
        why=Why.SHARED if alerts else none_because,
        recipients=tuple(alert.recipient for alert in alerts.values()),
        basis=(Flow.INACTIVE_NUMBER,) if alerts else (Flow.NOTHING_SHARED,),
        policy_version=in_force.version,
    )
    return Decisions(alerts=alerts, items={}, entries={subject: entry}, restricted=False)
