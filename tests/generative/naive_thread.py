"""Rulings 2 to 7, 10, 16, 37 and 47 once more, for the oracle: what a person's hospital messages say."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cached_property
from typing import Any, TypeVar

from broker.core.facts import (
    REGISTERS,
    Access,
    Birth,
    Cover,
    Details,
    Fact,
    IdentityNotice,
    LinkEnded,
    VisitEvent,
    VisitLeft,
    VisitMessage,
)
from broker.core.identifiers import OdsCode, london_day
from broker.core.policy import AnyPolicy, Policy
from broker.core.policy_keys import Place
from tests.generative.naive_policy import in_force, of_place, of_sender
from tests.generative.naive_times import believed, counted

One = TypeVar("One", bound=Fact)

_REGISTRATIONS = (VisitEvent.ADMITTED, VisitEvent.REGISTERED)
_OUTCOMES = {"10": "died", "12": "left before treatment", "13": "refused treatment"}


@dataclass(frozen=True, kw_only=True)
class Thread:
    """A visit, with the admissions that joined it."""

    reference: str
    members: tuple[str, ...]
    provider: OdsCode
    registers: dict[str, Any]
    state: str
    arrived_at: datetime
    first_said: datetime
    departed_at: datetime | None
    left_at: datetime
    until: datetime
    first_recorded_at: datetime
    newest_at: datetime
    cutoff: datetime
    unscheduled: bool
    unlisted: bool
    funded: bool
    unexplained: list[datetime]
    control_id: str
    stated: list[tuple[datetime, Details, bool]]
    policy: Policy


def recorded(message: VisitMessage) -> datetime:
    """Return when a message was recorded, at the latest when it was first received (37)."""
    return counted(message)


def stamp(message: VisitMessage) -> tuple[datetime, datetime, int]:
    """Return what messages are ordered by (37)."""
    sent_at = believed(message.sent_at, message.received_at)
    return recorded(message), sent_at, -1 if message.sequence is None else message.sequence


def gone_elsewhere(messages: Sequence[VisitMessage], leavings: Iterable[VisitLeft]) -> set[str]:
    """Return the visits of which nothing came after what they left the number after (44)."""
    gone: set[str] = set()
    for left in leavings:
        sequence = -1 if left.sequence is None else left.sequence
        after = (left.recorded_at, left.sent_at, sequence), left.control_id, left.message_id
        own = [one for one in messages if one.visit == left.visit]
        if own and all((stamp(one), one.control_id, one.message_id) <= after for one in own):
            gone.add(left.visit)
    return gone


def first_received(facts: Iterable[One]) -> list[One]:
    """Return every fact once, as it was received first (37)."""
    first: dict[object, One] = {}
    for fact in facts:
        same = type(fact), _said_by(fact)
        first[same] = min(fact, first.get(same, fact), key=lambda one: one.received_at)
    return list(first.values())


def _said_by(fact: Fact) -> object:
    """Return what two receipts of one fact have in common."""
    match fact:
        case VisitMessage():
            return fact.message_id
        case VisitLeft():
            return fact.message_id, fact.visit
        case Access():
            return fact.access_id
        case IdentityNotice():
            return fact.notice_id
        case Birth():
            return fact.birth_id, fact.settled_at, fact.void
        case Cover() | LinkEnded():
            return replace(fact, received_at=fact.recorded_at)
        case _:
            return fact.content, fact.recorded_at, fact.file_id


class Visits:
    """All visits of a person, from their messages in any order and number."""

    def __init__(self, messages: Iterable[VisitMessage], policy: AnyPolicy) -> None:
        self.messages = sorted(messages, key=lambda m: (stamp(m), m.control_id, m.message_id))
        self.everything = {message.visit for message in self.messages}
        self.judging = policy
        self.places = {message.message_id: self._place(message) for message in self.messages}
        self.policies = {
            ref: in_force(policy, self.arrived_at([m for m in self.messages if m.visit == ref]))
            for ref in self.everything
        }
        heard = [
            message for message in self.messages if self._there(message, "listed") is not Place.SENSITIVE
        ]
        self.heard = {ref: [m for m in heard if m.visit == ref] for ref in {m.visit for m in heard}}

    @cached_property
    def threads(self) -> list[Thread]:
        """All threads by arrival."""
        return self._threads()

    @cached_property
    def silent(self) -> set[str]:
        """The visits that a sensitive place alone recorded (47)."""
        return self.everything - {ref for thread in self.threads for ref in thread.members}

    def _there(self, message: VisitMessage, name: str) -> Any:
        """Return a setting as it holds where a message was recorded (4, 47)."""
        return of_place(
            self.policies[message.visit], name, message.provider, *self.places[message.message_id]
        )

    def _place(self, message: VisitMessage) -> tuple[str | None, OdsCode | None]:
        """Return location and site as they were said last when a message was recorded."""
        own = [one for one in self.messages[: self.messages.index(message) + 1] if one.visit == message.visit]
        return said_last(own, "location"), said_last(own, "site")

    def _threads(self) -> list[Thread]:
        """Return the threads by arrival: each admission of type 21 with the A&E visit it followed (7)."""
        joins: dict[str, str] = {}
        for admission, messages in self.heard.items():
            before = [
                (self.arrived_at(other), emergency)
                for emergency, other in self.heard.items()
                if _is_admission(messages) and self._follows(messages, emergency)
            ]
            if before:
                joins[admission] = max(before)[1]
        threads = []
        for reference in self.heard:
            if reference not in joins:
                joined = sorted(admission for admission, emergency in joins.items() if emergency == reference)
                threads.append(self._thread(reference, joined))
        return sorted(threads, key=lambda thread: (thread.arrived_at, thread.reference))

    def _follows(self, admission: Sequence[VisitMessage], reference: str) -> bool:
        """Whether an admission began within 24 h, or what is settled, of an A&E visit of the provider (7)."""
        emergency = self.heard[reference]
        if not any(message.patient_class == "E" for message in emergency):
            return False
        if self._stopped(reference) - self._stopped(admission[-1].visit):
            return False  # what would be told joins nothing of which nothing is (45)
        last = self.departed_at(emergency) or recorded(emergency[-1])
        arrived_at = self.arrived_at(admission)
        same = admission[-1].provider == emergency[-1].provider
        joins = of_place(self.policies[reference], "admission_joins", emergency[-1].provider)
        return same and self.arrived_at(emergency) <= arrived_at <= last + joins

    def _stopped(self, reference: str) -> set[OdsCode]:
        """Return which authorities, and if so the provider, had stopped sharing on the day it began (45)."""
        messages = self.heard[reference]
        day = london_day(self.arrived_at(messages))
        return {
            stop.code
            for stop in self.policies[reference].stops
            if stop.first <= day <= (stop.last or date.max)
            and (stop.controller.value == "la" or stop.code == messages[-1].provider)
        }

    def _thread(self, reference: str, joined: Sequence[str]) -> Thread:
        """Return a visit with the admissions that joined it; of a cancelled one only the times count (7)."""
        standing = [one for one in joined if not cancelled(self.heard[one])]
        arrivals = [(self.arrived_at(self.heard[one]), one) for one in standing]
        leaving = max(arrivals)[1] if arrivals else reference
        members = (reference, *joined)
        every = [message for message in self.messages if self._is_heard(message) and message.visit in members]
        speaking = [message for message in every if message.visit in (reference, *standing)]
        ending = [message for message in speaking if message.visit == leaving]
        arrived_at = self.arrived_at(self.heard[reference])
        departed_at = self.departed_at(ending)
        newest_at = recorded(every[-1])
        policy = self.policies[reference]
        left_at = departed_at or newest_at + of_place(policy, "open_stay", every[-1].provider)
        settings = [self._setting(speaking[: count + 1]) for count in range(len(speaking))]
        registers = {name: said_last(speaking, name) for name in REGISTERS}
        registers["disposition"] = self.disposition(ending)
        void = [one for one in joined if one not in standing]
        return Thread(
            reference=reference,
            members=members,
            provider=every[-1].provider,
            registers=registers,
            state=self._state(speaking, ending, joined=leaving != reference),
            arrived_at=arrived_at,
            first_said=min([arrived_at, *(self.arrived_at([one]) for one in every)]),
            departed_at=departed_at,
            left_at=left_at,
            until=max(arrived_at, left_at),
            first_recorded_at=recorded(every[0]),
            newest_at=newest_at,
            cutoff=self._cutoff(reference, every),
            unscheduled=any(setting != "scheduled" for setting in settings),
            funded=any(map(self._is_funded, speaking)),
            unlisted="unlisted" in settings and "unscheduled" not in settings,
            unexplained=[
                *self._unexplained(reference, speaking),
                *(at for one in void for at in self._unexplained(one, self.heard[one])),
            ],
            control_id=every[0].control_id,
            stated=[self._stated(speaking[: count + 1]) for count in range(len(speaking))],
            policy=policy,
        )

    def _is_heard(self, message: VisitMessage) -> bool:
        """Whether no sensitive place recorded it (47)."""
        return message in self.heard.get(message.visit, ())

    def _cutoff(self, reference: str, every: Sequence[VisitMessage]) -> datetime:
        """Return c: what it was after each message, at its latest (10)."""
        reached = []
        for count in range(len(every)):
            so_far = every[: count + 1]
            own = [message for message in so_far if message.visit == reference]
            arrived_at = self.arrived_at(own) if own else recorded(so_far[0])
            newest_at = recorded(so_far[-1])
            policy = self.policies[reference]
            limit = min(newest_at + policy.plan_wait, arrived_at + policy.plan_wait_after_arrival)
            reached.append(max(newest_at, limit))
        return max(reached)

    def arrived_at(self, messages: Sequence[VisitMessage]) -> datetime:
        """Return what was said of it, else the oldest message's time (37)."""
        return self._arrival_said(messages) or recorded(messages[0])

    def _arrival_said(self, messages: Sequence[VisitMessage]) -> datetime | None:
        """Return PV1-44, else the first registration's EVN-6 or EVN-2, None where nobody says it (37)."""
        for message in reversed(messages):
            said = message.arrived_at
            if said is not None and _possible(message, said, self.judging):
                return said
            if said is None and "arrived_at" in message.cleared:
                break
        registered = [message for message in messages if message.event in _REGISTRATIONS]
        return occurred(registered[0], self.judging) if registered else None

    def departed_at(self, messages: Sequence[VisitMessage]) -> datetime | None:
        """Return when the person left; admitted within the provider is no departure (10, 37)."""
        standing, code = self._end(messages)
        return None if code == "1" else standing

    def disposition(self, messages: Sequence[VisitMessage]) -> str | None:
        """Return PV1-36 as it stands."""
        return self._end(messages)[1]

    def _end(self, messages: Sequence[VisitMessage]) -> tuple[datetime | None, str | None]:
        """
        Return the departure and PV1-36 that stand; an admission, and what takes an end back, undo both.

        So does a registration of somebody who came after the departure (ADR 0049).
        """
        standing: datetime | None = None
        said_at: object = None
        code: str | None = None
        for count, message in enumerate(messages, start=1):
            undone = _undone(message, code)
            stated = self._departure_stated(message, messages[:count])
            anew = message.event is VisitEvent.ADMITTED or self._came_after(message, standing)
            moved_away = message.event is VisitEvent.TRANSFERRED and message.disposition == "7"
            left = message.event is VisitEvent.DISCHARGED or moved_away
            if undone or stated or left or anew or "departed_at" in message.cleared:
                value = stated
                if value is None and left:
                    value = standing or occurred(message, self.judging)
                value = None if undone else value
                if said_at == stamp(message):
                    value = max(standing, value) if standing and value else None
                standing, said_at = value, stamp(message)
            code = None if anew else code
            if message.disposition is not None or "disposition" in message.cleared:
                code = message.disposition
            code = None if undone else code
        return standing, code

    def _departure_stated(self, message: VisitMessage, so_far: Sequence[VisitMessage]) -> datetime | None:
        """Return PV1-45, unless it is before what was said so far of the arrival (37)."""
        said, arrived_at = message.departed_at, self._arrival_said(so_far)
        return None if said and arrived_at and said < arrived_at else said

    def _came_after(self, message: VisitMessage, left_at: datetime | None) -> bool:
        """Whether a registration says itself that the person came later than a departure (37)."""
        if left_at is None or message.event is not VisitEvent.REGISTERED:
            return False
        said = came_at(message, self.judging)
        return said is not None and said > left_at

    def _unexplained(self, reference: str, messages: Sequence[VisitMessage]) -> list[datetime]:
        """Return when a cancelled visit began, unless the site's code calls it an error (16)."""
        codes = of_place(self.policies[reference], "error_reasons", messages[-1].provider)
        coded = _cancel_reason(messages) in codes
        own = [message for message in messages if message.visit == reference]
        began_at = self.arrived_at(own) if own else recorded(messages[0])
        return [began_at] if cancelled(messages) and not coded else []

    def _state(
        self, speaking: Sequence[VisitMessage], ending: Sequence[VisitMessage], *, joined: bool
    ) -> str:
        """Return where a visit stands (7, 16)."""
        code = self.disposition(ending)
        if cancelled(speaking) and not joined:
            return "cancelled by the hospital"
        if code in _OUTCOMES:
            return _OUTCOMES[code]
        if self.departed_at(ending) is not None:
            return "transferred to another provider" if code == "7" else "discharged"
        inpatient = said_last(speaking, "patient_class") == "I"
        return "admitted" if code == "1" or inpatient or joined else "present"

    def _is_funded(self, message: VisitMessage) -> bool:
        """Whether a message was recorded at a place that is on the list, where there is one (49)."""
        funded = of_place(self.policies[message.visit], "nhs_funded", message.provider)
        location, site = self.places[message.message_id]
        return funded is None or bool(funded & {location, site and site.code})

    def _setting(self, so_far: Sequence[VisitMessage]) -> str:
        """Return the setting after the last of some messages, by the order of ruling 4."""
        last = so_far[-1]
        place = self._there(last, "listed")
        patient_class, kind = said_last(so_far, "patient_class"), said_last(so_far, "admission_type")
        if place is Place.UNSCHEDULED or (place is Place.SCHEDULED and patient_class == "O"):
            return str(place.value)
        if patient_class in self._there(last, "emergency_classes") or kind in self._there(
            last, "emergency_types"
        ):
            return "unscheduled"
        if kind in self._there(last, "scheduled_types") or patient_class in self._there(
            last, "scheduled_classes"
        ):
            return "scheduled"
        return "unlisted" if patient_class == "O" else "unscheduled"

    def _stated(self, so_far: Sequence[VisitMessage]) -> tuple[datetime, Details, bool]:
        """Return the person's details after the last of some messages (20)."""
        guessed = said_last(so_far, "birth_date_reliability")
        status = said_last(so_far, "number_status")
        details = Details(
            family=said_last(so_far, "family"),
            given=said_last(so_far, "given"),
            birth_date=None if guessed and guessed.value == "estimated" else said_last(so_far, "birth_date"),
        )
        last = so_far[-1]
        settled = of_sender(self.policies[last.visit], "traced_by_sender", last)
        traced = settled or (status and status.value == "01")
        return recorded(so_far[-1]), details, bool(traced)


def said_last(messages: Sequence[VisitMessage], name: str) -> Any:
    """Return what was said last of a field; `""` clears, absent leaves alone (R41)."""
    for message in reversed(messages):
        value = getattr(message, name)
        if value is not None or name in message.cleared:
            return value
    return None


def occurred(message: VisitMessage, policy: AnyPolicy) -> datetime:
    """Return EVN-6 when it is near the recording, by the policy at the receipt, else the recording (37)."""
    said = message.occurred_at
    within = of_place(in_force(policy, message.received_at), "occurred_within", message.provider)
    near = said is not None and abs(said - recorded(message)) <= within
    return said if said is not None and near else recorded(message)


def came_at(message: VisitMessage, policy: AnyPolicy) -> datetime | None:
    """Return when a message itself says that the person came: PV1-44, else EVN-6 near the recording (37)."""
    if message.arrived_at is not None and _possible(message, message.arrived_at, policy):
        return message.arrived_at
    return message.occurred_at if message.occurred_at == occurred(message, policy) else None


def cancelled(messages: Sequence[VisitMessage]) -> bool:
    """Whether the newest that says anything of it is an A11; at equal stamps not (37)."""
    saying = [m for m in messages if m.event in (*_REGISTRATIONS, VisitEvent.CANCELLED)]
    newest = [message.event for message in saying if stamp(message) == stamp(saying[-1])]
    return bool(newest) and all(event is VisitEvent.CANCELLED for event in newest)


def _undone(message: VisitMessage, standing: str | None) -> bool:
    """Whether a message takes an end back: a cancelled discharge, or transfer to another provider (7)."""
    transfer = message.event is VisitEvent.TRANSFER_CANCELLED and standing == "7"
    return transfer or message.event is VisitEvent.DISCHARGE_CANCELLED


def _cancel_reason(messages: Sequence[VisitMessage]) -> str | None:
    """Return the coded reason said since the last registration (16)."""
    since = 0
    for count, message in enumerate(messages):
        if message.event in _REGISTRATIONS:
            since = count
    reason: str | None = said_last(messages[since:], "cancel_reason")
    return reason


def _is_admission(messages: Sequence[VisitMessage]) -> bool:
    """Whether a visit is an admission of type 21 and never was an A&E visit itself (7)."""
    admitted = said_last(messages, "patient_class") == "I" or any(
        message.event is VisitEvent.ADMITTED for message in messages
    )
    never_emergency = all(message.patient_class != "E" for message in messages)
    return admitted and never_emergency and said_last(messages, "admission_type") == "21"


def _possible(message: VisitMessage, arrived_at: datetime, policy: AnyPolicy) -> bool:
    """Whether a PV1-44 is neither too old nor too far ahead of the first receipt, by the policy then (37)."""
    then, age = in_force(policy, message.received_at), message.received_at - arrived_at
    oldest, newest = (of_place(then, name, message.provider) for name in ("arrival_age", "arrival_ahead"))
    return bool(-newest < age <= oldest)
