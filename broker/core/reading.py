"""
One visit, or one thread of visits, read from its messages in the order of the source's stamps.

Messages are ordered by when they were recorded (ruling 37), never by arrival, so any order of arrival gives
the same visit. Rulings 2–4, 7, 10, 16, 20, 37, 47.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from broker.core.alerts import VisitState
from broker.core.clock import later
from broker.core.facts import REGISTERS, Details, NumberStatus, Reliability, VisitEvent, VisitMessage
from broker.core.identifiers import OdsCode, london_day
from broker.core.matching import Stated
from broker.core.message_times import (
    REGISTERING,
    Arrival,
    Stamp,
    at_receipt,
    occurred,
    said_arrival,
    stamp,
    written,
)
from broker.core.plans import cutoff
from broker.core.policy import AnyPolicy, Policy
from broker.core.policy_keys import Place
from broker.core.setting import Ground, Setting, classify, is_funded
from broker.core.stops import stopped

FROM_EMERGENCY = "21"  # PV1-4, dossier 6.4
EMERGENCY = "E"  # PV1-2
INPATIENT = "I"  # PV1-2

# PV1-36 (dossier 6.4)
ADMITTED = "1"
OTHER_PROVIDER = "7"
DIED = "10"
STILLBIRTH = "5"
LEFT_BEFORE_TREATMENT = "12"
REFUSED_TREATMENT = "13"

OUTCOMES = {
    DIED: VisitState.DIED,
    LEFT_BEFORE_TREATMENT: VisitState.LEFT_BEFORE_TREATMENT,
    REFUSED_TREATMENT: VisitState.REFUSED_TREATMENT,
}
"""What PV1-36 says of how a visit ended, whether or not a departure is told."""
_NOT_OF_EVERY_VISIT = frozenset({"arrived_at", "departed_at", "disposition", "mothers"})
_OF_EVERY_VISIT = tuple(name for name in REGISTERS if name not in _NOT_OF_EVERY_VISIT)
"""The registers that any message of a thread writes; the arrival is the first visit's, the end the last's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """
    One visit, or one thread of an A&E visit and the admissions that joined it (ruling 7).

    `left_at` is the departure, else the newest message + 24 h: until then the person is taken to be there;
    `stay_until` is the same, never before the arrival; `cutoff` is c of ruling 10. `stated` holds the
    person's details as they stood after each message. `unexplained` says when what was cancelled began,
    unless a code of the site calls it registered in error (16). `emergency`: it was of class E at some time;
    `admission`: it is an admission from A&E; `funded`: it was at a place that is shared with (49). `kept` are
    the messages it was read from, without those of sensitive places; `grounds` those of ruling 4 that they
    gave, the first first. `policy` is the one in force when it began, `in_force` those of all times.
    """

    reference: str
    references: tuple[str, ...]
    provider: OdsCode
    registers: Mapping[str, Any] = field(repr=False)
    state: VisitState
    arrived_at: datetime
    departed_at: datetime | None
    left_at: datetime
    stay_until: datetime
    first_recorded_at: datetime
    newest_at: datetime
    cutoff: datetime
    unscheduled: bool
    unlisted: bool
    unexplained: tuple[datetime, ...]
    emergency: bool
    admission: bool
    funded: bool
    control_id: str
    stated: tuple[Stated, ...] = field(repr=False)
    grounds: tuple[Ground, ...]
    kept: tuple[VisitMessage, ...] = field(repr=False)
    policy: Policy = field(repr=False)
    in_force: AnyPolicy = field(repr=False)

    @property
    def tells(self) -> bool:
        """Whether anybody is to hear of it: unscheduled (ruling 3), at a place that is shared with (49)."""
        return self.unscheduled and self.funded

    @property
    def kept_back(self) -> bool:
        """Whether its provider had stopped sharing on the day of arrival (ruling 45)."""
        stops = self.policy.stops
        return bool(stops) and stopped(stops, self.provider, london_day(self.arrived_at))

    @property
    def stillbirth(self) -> bool:
        """Whether it ended with a stillbirth (PV1-36; ruling 43), and was not cancelled."""
        return self.registers["disposition"] == STILLBIRTH and not self.cancelled

    @property
    def cancelled(self) -> bool:
        """Whether the hospital cancelled it (A11) and has not registered it again since."""
        return self.state is VisitState.CANCELLED

    @property
    def error_coded(self) -> bool:
        """Whether all of it was cancelled, and registered in error by the site's own code (ruling 16)."""
        return self.cancelled and not self.unexplained


class Reading:
    """
    Reads the messages of one thread in their order; the fields are what stands after the last one read.

    `reference` is the visit that began the thread, `leaving` the one whose end is the thread's end (the
    same when nothing joined it), `void` the cancelled admissions, of which only the times count. `policies`
    are those in force when each visit began: the thread is judged by that of `reference`, what each place is
    by that of its own visit. `in_force` are those of all times: a message's own are judged by that of its
    receipt.
    """

    def __init__(
        self,
        reference: str,
        policies: Mapping[str, Policy],
        in_force: AnyPolicy,
        *,
        leaving: str,
        void: frozenset[str] = frozenset(),
    ) -> None:
        self.reference = reference
        self.leaving = leaving
        self.void = void
        self.policy = policies[reference]
        self.policies = policies
        self.in_force = in_force
        self.registers: dict[str, Any] = dict.fromkeys(REGISTERS)
        self.kept: list[VisitMessage] = []
        self.places: dict[str, tuple[str | None, OdsCode | None]] = {}
        self.departure: tuple[Stamp, datetime | None] | None = None
        self.cancellation: tuple[Stamp, bool] | None = None
        self.arrival = Arrival(in_force)
        self.came = self.arrival if leaving == reference else Arrival(in_force)  # to what it is that ends
        self.cutoff: datetime | None = None
        self.grounds: dict[Ground, None] = {}  # in the order in which they first held
        self.funded = False
        self.stated: list[Stated] = []

    def read(self, ordered: Iterable[VisitMessage]) -> Visit | None:
        """
        Return the visit that the messages tell of, which come in their order.

        None when a sensitive place recorded all of them.
        """
        for message in ordered:
            settled = self._settled(message)
            if settled.listed is Place.SENSITIVE:
                continue  # ruling 47: ignored, before everything else
            self.kept.append(message)
            if message.visit == self.reference:
                self.arrival.read(message)
            if message.visit not in self.void:
                anew = self._begins_anew(message)
                self._read_departure(message, anew=anew)
                self._read_registers(message, anew=anew)
                self._read_setting(settled)
                self.funded |= is_funded(settled, *self.places[message.visit])
                self._read_cancellation(message)
                self.stated.append(self._stated(message, settled))
            self._read_times(message)
        return self._visit() if self.kept else None

    def _settled(self, message: VisitMessage) -> Policy:
        """Return the policy as it holds for the place where this message of this visit was recorded."""
        location, site = self.places.get(message.visit, (None, None))
        location, site = written(message, "location", location), written(message, "site", site)
        self.places[message.visit] = location, site
        return self.policies[message.visit].site(
            message.provider,
            system=message.system,
            site=None if site is None else site.code,
            location=location,
        )

    def _begins_anew(self, message: VisitMessage) -> bool:
        """
        Whether a message undoes an earlier end of the stay: an admission (7), or a registration by whose own
        times the person came after the departure, under a visit number that is in use again (ADR 0049).
        """
        if message.event is VisitEvent.ADMITTED:
            return True
        left_at = None if self.departure is None else self.departure[1]
        if message.event is not VisitEvent.REGISTERED or left_at is None:
            return False
        came_at = said_arrival(message, at_receipt(message, self.in_force))
        return came_at is not None and came_at > left_at

    def _read_registers(self, message: VisitMessage, *, anew: bool) -> None:
        """Let the message set and clear registers (R41)."""
        registers = self.registers
        if message.event in REGISTERING:
            registers["cancel_reason"] = None  # it belonged to a cancellation that no longer stands
        for name in message.cleared.intersection(_OF_EVERY_VISIT):
            registers[name] = None
        for name in _OF_EVERY_VISIT:
            value = getattr(message, name)
            if value is not None:
                registers[name] = value
        if message.visit == self.leaving:
            before = None if anew else registers["disposition"]
            undone = self._undoes_the_end(message)
            registers["disposition"] = None if undone else written(message, "disposition", before)

    def _undoes_the_end(self, message: VisitMessage) -> bool:
        """Whether a message takes the end of the stay back: a cancelled discharge, or such a transfer (7)."""
        if message.event is VisitEvent.TRANSFER_CANCELLED:
            return bool(self.registers["disposition"] == OTHER_PROVIDER)
        return message.event is VisitEvent.DISCHARGE_CANCELLED

    def _read_setting(self, settled: Policy) -> None:
        """Classify by what stands now; unscheduled once is unscheduled for the whole visit (ruling 4)."""
        ground = classify(
            settled,
            patient_class=self.registers["patient_class"],
            admission_type=self.registers["admission_type"],
        )
        self.grounds[ground] = None

    def _read_departure(self, message: VisitMessage, *, anew: bool) -> None:
        """
        Read when the person left; at equal stamps no departure, else the later one, wins (ruling 37).

        A transfer is no departure unless it goes to another provider (rulings 7, 10). A PV1-45 before the
        arrival is left over from a former visit, as such a PV1-44 is, and says nothing (37).
        """
        if message.visit != self.leaving:
            return  # an admission undoes the departure from A&E (ruling 7)
        event, value = message.event, message.departed_at
        if self.came is not self.arrival:
            self.came.read(message)
        if value is not None and self.came.said is not None and value < self.came.said:
            value = None
        at, current = self.departure or (None, None)
        leaving = event is VisitEvent.DISCHARGED or (
            event is VisitEvent.TRANSFERRED and message.disposition == OTHER_PROVIDER
        )
        if self._undoes_the_end(message):
            value = None
        elif value is None and leaving:
            value = current or occurred(message, at_receipt(message, self.in_force))
        elif value is None and not anew and "departed_at" not in message.cleared:
            return
        if at == stamp(message):
            value = None if current is None or value is None else max(current, value)
        self.departure = (stamp(message), value)

    def _read_cancellation(self, message: VisitMessage) -> None:
        """A01 and A04 write no, A11 writes yes; at equal stamps no wins (ruling 37)."""
        cancelled = message.event is VisitEvent.CANCELLED
        if not cancelled and message.event not in REGISTERING:
            return
        at = stamp(message)
        if self.cancellation is not None and self.cancellation[0] == at:
            cancelled = cancelled and self.cancellation[1]
        self.cancellation = (at, cancelled)

    def _read_times(self, message: VisitMessage) -> None:
        """Keep the cut-off, which a corrected arrival never moves back (ruling 10)."""
        newest_at = stamp(message)[0]
        reached = cutoff(newest_at=newest_at, arrived_at=self._arrived_at(), policy=self.policy)
        self.cutoff = reached if self.cutoff is None else max(reached, self.cutoff)

    def _arrived_at(self) -> datetime:
        """Return when the thread began; where all of its first visit is sensitive, when what is left did."""
        return self.arrival.at or stamp(self.kept[0])[0]

    def _stated(self, message: VisitMessage, settled: Policy) -> Stated:
        """Return the person's details as they stand after this message (ruling 20)."""
        estimated = self.registers["birth_date_reliability"] is Reliability.ESTIMATED
        verified = self.registers["number_status"] is NumberStatus.VERIFIED
        return Stated(
            recorded_at=stamp(message)[0],
            details=Details(
                family=self.registers["family"],
                given=self.registers["given"],
                birth_date=None if estimated else self.registers["birth_date"],
            ),
            trusted=verified or settled.traced_by_sender,
        )

    def _visit(self) -> Visit:
        """Return the visit as it stands."""
        registers = self.registers
        settings = {ground.setting for ground in self.grounds}
        first_at, newest_at = stamp(self.kept[0])[0], stamp(self.kept[-1])[0]
        provider = self.kept[-1].provider
        admitted = registers["disposition"] == ADMITTED  # within the provider: no departure (ruling 10)
        departed_at = None if admitted or self.departure is None else self.departure[1]
        settled = self.policy.site(provider)
        left_at = departed_at or later(newest_at, settled.open_stay)
        arrived_at = self._arrived_at()
        cancelled = self.cancellation is not None and self.cancellation[1]
        coded = registers["cancel_reason"] in settled.error_reasons
        emergency = any(message.patient_class == EMERGENCY for message in self.kept)
        inpatient = registers["patient_class"] == INPATIENT or any(
            message.event is VisitEvent.ADMITTED for message in self.kept
        )
        return Visit(
            reference=self.reference,
            references=(self.reference,),
            provider=provider,
            registers=registers,
            state=self._state(departed_at, cancelled=cancelled),
            arrived_at=arrived_at,
            departed_at=departed_at,
            left_at=left_at,
            stay_until=max(arrived_at, left_at),
            first_recorded_at=first_at,
            newest_at=newest_at,
            cutoff=self.cutoff or newest_at,
            unscheduled=bool(settings - {Setting.SCHEDULED}),
            unlisted=Setting.UNLISTED in settings and Setting.UNSCHEDULED not in settings,
            unexplained=(arrived_at,) if cancelled and not coded else (),
            emergency=emergency,
            admission=inpatient and not emergency and registers["admission_type"] == FROM_EMERGENCY,
            funded=self.funded,
            control_id=self.kept[0].control_id,
            stated=tuple(self.stated),
            grounds=tuple(self.grounds),
            kept=tuple(self.kept),
            policy=self.policy,
            in_force=self.in_force,
        )

    def _state(self, departed_at: datetime | None, *, cancelled: bool) -> VisitState:
        """Return where the visit stands (rulings 7, 16)."""
        joined = self.leaving != self.reference
        disposition = self.registers["disposition"]
        if cancelled and not joined:
            return VisitState.CANCELLED
        if disposition in OUTCOMES:
            return OUTCOMES[disposition]
        if departed_at is not None:
            return VisitState.TRANSFERRED if disposition == OTHER_PROVIDER else VisitState.DISCHARGED
        admitted = disposition == ADMITTED or self.registers["patient_class"] == INPATIENT
        return VisitState.ADMITTED if admitted or joined else VisitState.PRESENT
