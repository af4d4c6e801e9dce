"""
What a visit's messages say together: its registers, its stay, its cut-off, its place in a thread.

Messages are ordered by the source's stamps (ruling 37), never by arrival, so any order of arrival gives
the same visit. Rulings 2–4, 6, 7, 10, 16, 37, 47.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from broker.core.alerts import VisitState
from broker.core.clock import plausible_arrival
from broker.core.facts import REGISTERS, Details, NumberStatus, Reliability, VisitEvent, VisitMessage
from broker.core.identifiers import OdsCode
from broker.core.matching import Stated
from broker.core.policy import Place, Policy, Site
from broker.core.setting import Setting, classify, listed_as

REGISTERING = frozenset({VisitEvent.ADMITTED, VisitEvent.REGISTERED})
FROM_EMERGENCY = "21"  # PV1-4, dossier 6.4
EMERGENCY = "E"  # PV1-2
INPATIENT = "I"  # PV1-2
OCCURRED_WITHIN = timedelta(hours=48)  # ruling 37: real cancels carry an EVN-6 years older

# PV1-36 (dossier 6.4)
ADMITTED = "1"
OTHER_PROVIDER = "7"
DIED = "10"
LEFT_BEFORE_TREATMENT = "12"
REFUSED_TREATMENT = "13"

_OUTCOMES = {
    DIED: VisitState.DIED,
    LEFT_BEFORE_TREATMENT: VisitState.LEFT_BEFORE_TREATMENT,
    REFUSED_TREATMENT: VisitState.REFUSED_TREATMENT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """
    One visit, or one thread of an A&E visit and the admissions that joined it (ruling 7).

    `stay_until` is the departure or the newest message + 24 h; `cutoff` is c of ruling 10;
    `unscheduled_at` is the receipt of the message that made it known as unscheduled, None while it is not.
    `stated` holds the person's details as they stood after each message.
    """

    reference: str
    references: tuple[str, ...]
    provider: OdsCode
    registers: Mapping[str, Any] = field(repr=False)
    state: VisitState
    arrived_at: datetime
    departed_at: datetime | None
    first_recorded_at: datetime
    newest_at: datetime
    stay_until: datetime
    cutoff: datetime
    unscheduled_at: datetime | None
    unlisted: bool
    restricted: bool
    error_coded: bool
    control_id: str
    stated: tuple[Stated, ...] = field(repr=False)

    @property
    def cancelled(self) -> bool:
        """Whether the hospital cancelled it (A11) and has not registered it again since."""
        return self.state is VisitState.CANCELLED


Stamp = tuple[datetime, datetime, int]


def stamp(message: VisitMessage) -> Stamp:
    """
    Return the order of a message (ruling 37): EVN-2, MSH-7, MSH-13.

    A time later than the first receipt of the same bytes is replaced by the receipt.
    """
    sequence = -1 if message.sequence is None else message.sequence
    return (
        min(message.recorded_at, message.received_at),
        min(message.sent_at, message.received_at),
        sequence,
    )


def in_order(messages: Iterable[VisitMessage]) -> list[VisitMessage]:
    """Return messages by stamp, then MSH-10 as text, then id: a total order."""
    return sorted(messages, key=lambda message: (stamp(message), message.control_id, message.message_id))


def read_visits(known: Mapping[str, Mapping[str, VisitMessage]], policy: Policy) -> list[Visit]:
    """Return the threads of a person's visits by arrival, without what sensitive places recorded (47)."""
    alone: dict[str, Visit] = {}
    for reference, messages in known.items():
        visit = _Reading(reference, frozenset(), policy).read(messages.values())
        if visit is not None:
            alone[reference] = visit
    joined = _joined_admissions(alone, policy)
    threads = []
    for reference, visit in alone.items():
        if reference in joined:
            continue
        admissions = frozenset(other for other, emergency in joined.items() if emergency == reference)
        threads.append(_thread(visit, admissions, alone, known, policy) if admissions else visit)
    return sorted(threads, key=lambda visit: (visit.arrived_at, visit.reference))


def _joined_admissions(visits: Mapping[str, Visit], policy: Policy) -> dict[str, str]:
    """Return, for each admission from A&E, the A&E visit whose thread it joins (ruling 7)."""
    emergencies = [visit for visit in visits.values() if visit.registers["patient_class"] == EMERGENCY]
    joined = {}
    for reference, visit in visits.items():
        registers = visit.registers
        if registers["admission_type"] != FROM_EMERGENCY or registers["patient_class"] == EMERGENCY:
            continue
        before = [
            (other.arrived_at, other.reference)
            for other in emergencies
            if other.provider == visit.provider
            and other.arrived_at <= visit.arrived_at <= _last_seen(other) + policy.admission_joins
        ]
        if before:
            joined[reference] = max(before)[1]
    return joined


def _last_seen(visit: Visit) -> datetime:
    """Return the departure, else the newest message (ruling 7)."""
    return visit.departed_at or visit.newest_at


def _thread(
    emergency: Visit,
    admissions: frozenset[str],
    alone: Mapping[str, Visit],
    known: Mapping[str, Mapping[str, VisitMessage]],
    policy: Policy,
) -> Visit:
    """Return the A&E visit with the admissions that joined it; a cancelled one adds nothing but itself."""
    standing = frozenset(reference for reference in admissions if not alone[reference].cancelled)
    references = (emergency.reference, *sorted(admissions))
    if not standing:
        return replace(emergency, references=references)
    messages = [
        message for reference in (emergency.reference, *standing) for message in known[reference].values()
    ]
    thread = _Reading(emergency.reference, standing, policy).read(messages)
    return replace(thread or emergency, references=references)


class _Reading:
    """Reads the messages of one thread in their order; the fields are what stands after the last one read."""

    def __init__(self, reference: str, admissions: frozenset[str], policy: Policy) -> None:
        self.reference = reference
        self.admissions = admissions
        self.policy = policy
        self.registers: dict[str, Any] = dict.fromkeys(REGISTERS)
        self.kept: list[VisitMessage] = []
        self.place: dict[str, Any] = {"location": None, "site": None}
        self.departure: tuple[Stamp, datetime | None] | None = None
        self.cancellation: tuple[Stamp, bool] | None = None
        self.registered_at: datetime | None = None
        self.cutoff: datetime | None = None
        self.unscheduled_at: datetime | None = None
        self.settings: set[Setting] = set()
        self.restricted = False
        self.stated: list[Stated] = []

    def read(self, messages: Iterable[VisitMessage]) -> Visit | None:
        """Return the visit that the messages tell of, or None when a sensitive place recorded all of them."""
        for message in in_order(messages):
            self._read_one(message)
        return self._visit() if self.kept else None

    def _read_one(self, message: VisitMessage) -> None:
        """Read one message, unless a sensitive place recorded it (ruling 47)."""
        site = self.policy.site(message.provider)
        for name in self.place:
            self.place[name] = _written(message, name, self.place[name])
        listed = listed_as(site, location=self.place["location"], site_code=_code(self.place["site"]))
        if listed is Place.SENSITIVE:
            return
        self.kept.append(message)
        if message.event is VisitEvent.DISCHARGE_CANCELLED:
            self.registers["disposition"] = None
        for name in REGISTERS:
            if name != "arrived_at" or (message.visit == self.reference and _arrival_counts(message)):
                self.registers[name] = _written(message, name, self.registers[name])
        self._read_setting(message, listed)
        self._read_departure(message)
        self._read_cancellation(message)
        self._read_times(message)
        self.restricted = self.restricted or bool(message.restricted)
        self.stated.append(self._stated(message, site))

    def _read_setting(self, message: VisitMessage, listed: Place | None) -> None:
        """Unscheduled once is unscheduled for the whole visit (ruling 4)."""
        setting = classify(
            listed,
            patient_class=self.registers["patient_class"],
            admission_type=self.registers["admission_type"],
        )
        self.settings.add(setting)
        if setting is not Setting.SCHEDULED:
            known_at = self.unscheduled_at or message.received_at
            self.unscheduled_at = min(known_at, message.received_at)

    def _read_departure(self, message: VisitMessage) -> None:
        """Read PV1-45, a discharge, or its cancelling; at equal stamps no departure, else the later, wins."""
        if self.admissions and message.visit not in self.admissions:
            return  # the admission undoes the departure from A&E (ruling 7)
        current = self.departure[1] if self.departure else None
        if message.event is VisitEvent.DISCHARGE_CANCELLED:
            value = None
        elif message.event is VisitEvent.DISCHARGED and message.departed_at is None:
            value = current or _occurred(message)
        else:
            value = _written(message, "departed_at", current)
            if value == current:
                return
        at = stamp(message)
        if (
            self.departure is not None
            and self.departure[0] == at
            and current is not None
            and value is not None
        ):
            value = max(current, value)
        elif self.departure is not None and self.departure[0] == at:
            value = None
        self.departure = (at, value)

    def _read_cancellation(self, message: VisitMessage) -> None:
        """A01 and A04 write no, A11 writes yes; at equal stamps no wins (ruling 37)."""
        if message.event not in REGISTERING and message.event is not VisitEvent.CANCELLED:
            return
        at = stamp(message)
        cancelled = message.event is VisitEvent.CANCELLED
        if self.cancellation is not None and self.cancellation[0] == at:
            cancelled = cancelled and self.cancellation[1]
        self.cancellation = (at, cancelled)

    def _read_times(self, message: VisitMessage) -> None:
        """Keep the registration's time and the cut-off, which a corrected arrival never moves back (10)."""
        if self.registered_at is None and message.event in REGISTERING and message.visit == self.reference:
            self.registered_at = _occurred(message)
        newest = stamp(message)[0]
        cutoff = min(newest + self.policy.plan_wait, self._arrived_at() + self.policy.plan_wait_after_arrival)
        self.cutoff = max(newest, cutoff, self.cutoff or newest)

    def _arrived_at(self) -> datetime:
        """PV1-44, else the oldest registration's time, else the oldest message's (ruling 37)."""
        arrived: datetime | None = self.registers["arrived_at"]
        return arrived or self.registered_at or stamp(self.kept[0])[0]

    def _stated(self, message: VisitMessage, site: Site) -> Stated:
        """Return the person's details as they stand after this message (ruling 20)."""
        estimated = self.registers["birth_date_reliability"] is Reliability.ESTIMATED
        return Stated(
            recorded_at=stamp(message)[0],
            received_at=message.received_at,
            details=Details(
                family=self.registers["family"],
                given=self.registers["given"],
                birth_date=None if estimated else self.registers["birth_date"],
            ),
            trusted=site.traced_by_sender or self.registers["number_status"] is NumberStatus.VERIFIED,
        )

    def _visit(self) -> Visit:
        """Return the visit as it stands."""
        first, newest = stamp(self.kept[0])[0], stamp(self.kept[-1])[0]
        provider = self.kept[-1].provider
        admitted = self.registers["disposition"] == ADMITTED and not self.admissions
        departed_at = None if admitted or self.departure is None else self.departure[1]
        arrived_at = self._arrived_at()
        cancelled = self.cancellation is not None and self.cancellation[1]
        reasons = self.policy.site(provider).error_reasons
        return Visit(
            reference=self.reference,
            references=(self.reference,),
            provider=provider,
            registers=self.registers,
            state=self._state(departed_at, cancelled=cancelled),
            arrived_at=arrived_at,
            departed_at=departed_at,
            first_recorded_at=first,
            newest_at=newest,
            stay_until=max(arrived_at, departed_at or newest + self.policy.open_stay),
            cutoff=self.cutoff or newest,
            unscheduled_at=self.unscheduled_at,
            unlisted=Setting.UNLISTED in self.settings and Setting.UNSCHEDULED not in self.settings,
            restricted=self.restricted,
            error_coded=cancelled and self.registers["cancel_reason"] in reasons,
            control_id=self.kept[0].control_id,
            stated=tuple(self.stated),
        )

    def _state(self, departed_at: datetime | None, *, cancelled: bool) -> VisitState:
        """Return where the visit stands (rulings 7, 16)."""
        disposition = self.registers["disposition"]
        if cancelled and not self.admissions:
            return VisitState.CANCELLED
        if disposition in _OUTCOMES:
            return _OUTCOMES[disposition]
        if departed_at is not None:
            return VisitState.TRANSFERRED if disposition == OTHER_PROVIDER else VisitState.DISCHARGED
        admitted = disposition == ADMITTED or self.registers["patient_class"] == INPATIENT
        return VisitState.ADMITTED if admitted or self.admissions else VisitState.PRESENT


def _written(message: VisitMessage, name: str, current: Any) -> Any:
    """Return a register after a message: set, cleared (`""`), or left alone (R41)."""
    value = getattr(message, name)
    if value is not None:
        return value
    return None if name in message.cleared else current


def _code(site: OdsCode | None) -> str | None:
    """Return an ODS code's text."""
    return None if site is None else site.code


def _arrival_counts(message: VisitMessage) -> bool:
    """Whether PV1-44 of a message is to be believed (ruling 37)."""
    return message.arrived_at is None or plausible_arrival(message.arrived_at, message.received_at)


def _occurred(message: VisitMessage) -> datetime:
    """Return EVN-6 if it is within 48 h of the recording, else the recording (ruling 37)."""
    recorded = stamp(message)[0]
    occurred = message.occurred_at
    return occurred if occurred is not None and abs(occurred - recorded) <= OCCURRED_WITHIN else recorded
