"""
The visits of a person: which admissions join which A&E visit, and what each thread then is (ruling 7).

What one visit or thread is, is read in `broker.core.reading`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from broker.core.alerts import RecipientKind
from broker.core.clock import earlier, later
from broker.core.facts import Access, VisitMessage
from broker.core.identifiers import OdsCode, london_day
from broker.core.leaving import Messages
from broker.core.message_times import arrival_of, in_order
from broker.core.policy import AnyPolicy, Policy
from broker.core.reading import Reading, Visit


def judging(messages: Mapping[str, VisitMessage], policy: AnyPolicy) -> Policy:
    """
    Return the policy in force when a visit began.

    The arrival is the one that all messages of the visit tell, those of sensitive places too: which places
    are sensitive is what the policy has yet to say.
    """
    return _judging(in_order(messages.values()), policy)


def _judging(ordered: Iterable[VisitMessage], policy: AnyPolicy) -> Policy:
    """Return the policy in force when a visit began, whose messages come in their order."""
    if len(policy.every) == 1:
        return policy.every[0]
    arrived_at = arrival_of(ordered, policy)
    return policy.every[0] if arrived_at is None else policy.at(arrived_at)


def is_during(access: Access, visit: Visit) -> bool:
    """Whether a view happened at the place and in the time of a visit's stay (ruling 1)."""
    there = access.organisation in {visit.provider, visit.registers["site"]}
    return there and visit.arrived_at <= access.accessed_at <= visit.stay_until


def is_registered_again(visit: Visit, began_at: datetime, other: Visit) -> bool:
    """
    Whether another visit may be the one that a cancelled registration was meant to be (ruling 16).

    `began_at` is when that one began, which is the visit itself or an admission that joined it.
    """
    return (
        other.reference != visit.reference
        and other.provider == visit.provider
        and not other.cancelled
        and other.tells
        and not other.kept_back
        and abs(other.arrived_at - began_at) <= visit.policy.same_visit
    )


def earlier_than(visit: Visit, counted: Iterable[Visit]) -> tuple[Visit, ...]:
    """Return the person's other unscheduled visits that began in the seven days before (ruling 8)."""
    since = earlier(visit.arrived_at, visit.policy.reattendance)
    return tuple(
        other
        for other in counted
        if other.reference != visit.reference and since <= other.arrived_at < visit.arrived_at
    )


def read_visits(known: Messages, policy: AnyPolicy) -> list[Visit]:
    """Return the threads of a person's visits by arrival, without what sensitive places recorded (47)."""
    ordered = {reference: in_order(messages.values()) for reference, messages in known.items()}
    policies = {reference: _judging(messages, policy) for reference, messages in ordered.items()}
    alone: dict[str, Visit] = {}
    for reference, messages in ordered.items():
        visit = Reading(reference, policies, policy, leaving=reference).read(messages)
        if visit is not None:
            alone[reference] = visit
    joining = _joining(alone.values()) if len(alone) > 1 else {}
    joined = {admission.reference for admissions in joining.values() for admission in admissions}
    threads = [
        _thread(visit, joining[reference], ordered, policies) if reference in joining else visit
        for reference, visit in alone.items()
        if reference not in joined
    ]
    return sorted(threads, key=lambda visit: (visit.arrived_at, visit.reference))


def _joining(visits: Iterable[Visit]) -> dict[str, list[Visit]]:
    """Return, by the reference of the A&E visit, the admissions that join its thread (ruling 7)."""
    emergencies = [visit for visit in visits if visit.emergency]
    joining: dict[str, list[Visit]] = {}
    for admission in visits:
        before = [
            (emergency.arrived_at, emergency.reference)
            for emergency in emergencies
            if admission.admission and _follows(admission, emergency)
        ]
        if before:
            joining.setdefault(max(before)[1], []).append(admission)
    return joining


def _follows(admission: Visit, emergency: Visit) -> bool:
    """
    Whether an admission began within 24 h of the departure, else the newest message, of an A&E visit.

    One that began after a stop was over joins no visit that is kept back by it: nobody would hear of it (45).
    """
    if not _stopped_for(emergency) <= _stopped_for(admission):
        return False
    last_seen = emergency.departed_at or emergency.newest_at
    until = later(last_seen, emergency.policy.site(emergency.provider).admission_joins)
    return admission.provider == emergency.provider and emergency.arrived_at <= admission.arrived_at <= until


def _stopped_for(visit: Visit) -> frozenset[OdsCode]:
    """Return which authorities, and whether its provider, had stopped sharing on the day of arrival (45)."""
    day = london_day(visit.arrived_at)
    return frozenset(
        stop.code
        for stop in visit.policy.stops
        if stop.holds(day) and (stop.controller is RecipientKind.AUTHORITY or stop.code == visit.provider)
    )


def _thread(
    emergency: Visit,
    admissions: list[Visit],
    ordered: Mapping[str, Sequence[VisitMessage]],
    policies: Mapping[str, Policy],
) -> Visit:
    """
    Return the A&E visit with the admissions that joined it.

    It is judged by the A&E visit's policy, but the places of each visit by that one's own, so that what is
    sensitive by it stays unread. The thread ends with the last admission. A cancelled one counts for stay and
    cut-off only: what was known while it stood is not unknown again. That it was cancelled without a reason
    stays: the code of another registration does not explain it (ruling 16).
    """
    standing = [admission for admission in admissions if not admission.cancelled]
    void = {admission.reference for admission in admissions if admission.cancelled}
    last = max(standing, key=lambda visit: (visit.arrived_at, visit.reference), default=emergency)
    references = (emergency.reference, *sorted(admission.reference for admission in admissions))
    reading = Reading(
        emergency.reference, policies, emergency.in_force, leaving=last.reference, void=frozenset(void)
    )
    thread = reading.read(in_order(message for reference in references for message in ordered[reference]))
    whole = thread or emergency
    began = (at for admission in admissions if admission.cancelled for at in admission.unexplained)
    return replace(whole, references=references, unexplained=(*whole.unexplained, *began))
