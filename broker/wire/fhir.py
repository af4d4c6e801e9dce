"""
Reading of FHIR R4 into what the matcher folds: a message Bundle, a transaction, an Encounter (dossier 6.7).

The same visit sent as HL7 version 2 is the same fact. Any bytes end in a reading, or in a
`MalformedMessage`; neither shows a value. What an element means is in `broker.wire.fhir_terms`.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from broker.core.errors import MalformedMessage
from broker.core.facts import VisitEvent
from broker.core.identifiers import OdsCode
from broker.core.keyed import message_reference
from broker.core.senders import UNSETTLED, Sender, Unknown
from broker.wire import fhir_terms as terms
from broker.wire.adt_other import OtherReading
from broker.wire.adt_registers import Fault, Registers
from broker.wire.fhir_bundle import CONTRADICTED, MODIFIED, UNREAD, Resource, Sent, read_sent
from broker.wire.fhir_patient import local_identifier, named_in, numbers_of, read_patient, referred_by
from broker.wire.fhir_unkept import merge_refused, merges
from broker.wire.fhir_values import codings, every, identified, moment, ods, text, within
from broker.wire.fhir_visit import read_visit
from broker.wire.hl7v2 import EVENT, PROCESSING_ID, REQUIRED_FIELD, TABLE_VALUE
from broker.wire.json_strict import document_of
from broker.wire.visit_reading import (
    CONTROL_ID_CHARACTERS_MAX,
    Context,
    Envelope,
    VisitReading,
    put_together,
    stamps_of,
    visit_number_of,
)

SystemNamed = Callable[[OdsCode, str], str | None]
"""
Returns the sending system (MSH-3) of a provider whose visit numbers have an identifier system, a URI; None
where nothing is settled of it.
"""

_CONTROL_ID_SIGNS = frozenset(map(chr, range(0x21, 0x7F)))
_SEQUENCE_DIGITS_MAX = 15
_VISIT_NUMBER = "VN"  # type of an identifier, table 0203
_TEST = "HTEST"  # a tag or label of test data
_STATED_IN = {
    "Bundle.timestamp": Fault.MESSAGE_TIME,
    "Encounter.meta.lastUpdated": Fault.EVENT_TIME,
    "Encounter.period.start": Fault.ARRIVAL_TIME,
    "Encounter.period.end": Fault.DEPARTURE_TIME,
    "Patient.birthDate": Fault.BIRTH_DATE,
    UNREAD: Fault.OTHER_VISIT,
    MODIFIED: Fault.MODIFIER,
    CONTRADICTED: Fault.STATUS,
}


def read_fhir(data: bytes, context: Context, system_named: SystemNamed) -> VisitReading:
    """
    Read what was posted or put.

    Raises `MalformedMessage` with the nearest code of table 0357 and a place in FHIRPath; `NotItsSender` and
    `RealPersonRefused` are among them.
    """
    sent = read_sent(data)
    encounter = sent.encounter
    provider = _provider(sent)
    visit_number, system = _visit(sent, provider, system_named)
    sender = _settled(provider, system, context)
    if _processing_id(sent) not in context.admits.processing_ids:
        raise MalformedMessage("marked as test data", hl7_code=PROCESSING_ID, location="Encounter.meta")
    event = _event(sent, sender)
    registers = Registers(context.received_at)
    patient = _patient(sent)
    recorded_at, sent_at = _stamps(sent, registers)
    envelope = Envelope(
        provider=provider,
        system=system,
        control_id=_control_id(sent) or message_reference(context.key, data),
        event=event,
        recorded_at=recorded_at,
        sent_at=sent_at,
        sequence=_sequence(encounter),
    )
    read_patient(sent, patient, registers)
    read_visit(sent, provider, registers, sender)
    if event is VisitEvent.CANCELLED and text(encounter, "status") == terms.IN_ERROR:
        registers.code("cancel_reason", terms.IN_ERROR)
    if sent.header is None and text(encounter, "status") in terms.PRESENT:
        # it says how things stand, not what happened: somebody who is there has not left
        registers.cleared |= {"departed_at", "disposition"} - registers.values.keys()
    visit_number = visit_number_of(visit_number, local_identifier(patient), envelope, registers)
    registers.faults |= {
        _STATED_IN.get(place, Fault.OTHER_TIME if "." in place else Fault.RESOURCE) for place in sent.faults
    }
    return put_together(data, envelope, named_in(sent, patient), visit_number, registers, context)


def read_other(data: bytes, context: Context, system_named: SystemNamed) -> OtherReading | None:
    """
    Read a visit that is only planned, which nobody attends, or one whose event is acknowledged unread.

    That is settled for its sender; None for anything else, and for a merge.
    """
    sent = read_sent(data)
    if merges(sent.header):
        return None
    provider = _provider(sent)
    sender = _settled(provider, _visit(sent, provider, system_named)[1], context)
    happened = _happened(sent, sender)
    if happened is not None and sender.unknown_events is not Unknown.ACCEPT:
        return None
    control_id = _control_id(sent) or message_reference(context.key, data)
    return OtherReading(provider=provider, control_id=control_id, event=happened or terms.PLANNED)


def sender_of(data: bytes) -> tuple[OdsCode | None, str | None]:
    """Return who sent bytes that could not be read, and their id, None where they do not say it."""
    document = document_of(data)
    control_id = _control_id_of(document, _first(document))
    try:
        return _provider(read_sent(data)), control_id
    except MalformedMessage:
        return None, control_id


def _first(bundle: Resource) -> Any:
    """Return the first resource of a Bundle: a message's header."""
    return next((one.get("resource") for one in every(bundle, "entry")), None)


def _settled(provider: OdsCode, system: str, context: Context) -> Sender:
    """Return what is settled of a sender; raise `NotItsSender` where it may not send."""
    return UNSETTLED if context.admits.sender is None else context.admits.sender(provider, system)


def _event(sent: Sent, sender: Sender) -> VisitEvent:
    """
    Return what happened, where it is taken of this sender; raise `MalformedMessage`, 201, where it is not.

    A merge is none of a visit's, and a visit that is only planned none that anybody attends.
    """
    happened = _happened(sent, sender)
    if merges(sent.header):
        raise merge_refused()
    if happened is not None and happened in sender.events:
        return happened
    place = "Encounter.status" if happened is None or sent.header is None else "MessageHeader.event"
    raise MalformedMessage("event not taken", hl7_code=EVENT, location=place)


def _happened(sent: Sent, sender: Sender) -> VisitEvent | None:
    """
    Return the message's event where it is one of a visit, else what the visit's state says.

    None where that is only planned. An update of a visit that is void cancels it. Any other event of
    one counts, and the status is told to be a contradiction: of two values that conflict the one that alerts
    wins (ruling 37), and a message may be written when its visit has long gone on.
    """
    status = text(sent.encounter, "status")
    inpatient = terms.class_of(text(sent.encounter, "class", "code"), sender) == terms.INPATIENT
    if status not in terms.STATUSES and status not in terms.PRESENT and status != terms.PLANNED:
        raise MalformedMessage("status unknown", hl7_code=TABLE_VALUE, location="Encounter.status")
    coding = within(sent.header, "eventCoding")
    system, code = text(coding, "system"), text(coding, "code")
    if system == terms.TRIGGER_EVENTS:
        code = sender.read_as.of(code)
    stated = terms.STATUSES.get(status)
    began = VisitEvent.ADMITTED if inpatient else VisitEvent.REGISTERED
    told = terms.event_of(system, code, began)
    if told is VisitEvent.UPDATED and stated is VisitEvent.CANCELLED:
        return stated
    if told is not None:
        if terms.contradicts(status, told):
            sent.faults.add(CONTRADICTED)
        return told
    return None if status == terms.PLANNED else stated or began


def _provider(sent: Sent) -> OdsCode:
    """Return the organisation by which everything of the visit is attributed."""
    named = False
    for reference in _organisations(sent):
        for one in (sent.named(reference, "Organization"), reference):
            code = ods(one, terms.ORGANISATION)
            if code is not None:
                return code
            named = named or any(identified(one, terms.ORGANISATION))
    if named:
        raise MalformedMessage(
            "provider is no ODS code", hl7_code=TABLE_VALUE, location="Encounter.serviceProvider"
        )
    raise MalformedMessage("provider missing", hl7_code=REQUIRED_FIELD, location="Encounter.serviceProvider")


def _organisations(sent: Sent) -> Iterator[Any]:
    """Yield who may be meant as the provider, the likeliest first."""
    yield within(sent.encounter, "serviceProvider")
    yield within(sent.header, "sender")
    yield within(sent.header, "responsible")


def _patient(sent: Sent) -> Resource:
    """
    Return whom a visit is about, nothing where only the visit names it.

    Refuses a patient that was sent and that the visit does not point at: with neither number nor details
    nobody would ever be found, and the sender be told that all is well.
    """
    patient = sent.named(within(sent.encounter, "subject"), "Patient")
    if patient is not None:
        return patient
    numbers, _ = numbers_of(*referred_by(sent))
    if not numbers and next(sent.all("Patient"), None) is not None:
        raise MalformedMessage(
            "subject is no Patient of the message", hl7_code=REQUIRED_FIELD, location="Encounter.subject"
        )
    return {}


def _visit(sent: Sent, provider: OdsCode, system_named: SystemNamed) -> tuple[str, str]:
    """
    Return the visit's number and the system that gave it (ruling 6), the number empty where there is none.

    Of several identifiers that are in use that of a settled system counts, then one of the type `VN`, then
    the official one.
    Without a settled system the identifier's own stands for it, failing that the name of the message's
    source.
    """
    found = [one for one in every(sent.encounter, "identifier") if text(one, "value")]
    ranked = sorted(
        found,
        key=lambda one: (
            text(one, "use") == "old",
            system_named(provider, text(one, "system")) is None,
            _VISIT_NUMBER not in {code for _, code in codings(within(one, "type"))},
            text(one, "use") not in {"official", "usual"},
        ),
    )
    source = text(sent.header, "source", "name")
    if not ranked:
        return "", source
    uri = text(ranked[0], "system")
    return text(ranked[0], "value"), system_named(provider, uri) or uri or source


def _processing_id(sent: Sent) -> str:
    """Return what MSH-11 would be: `T` where something is labelled as test data (ruling 27)."""
    labelled = [
        text(one, "code")
        for resource in (sent.bundle, sent.header, sent.encounter)
        for name in ("tag", "security")
        for one in every(resource, "meta", name)
    ]
    return "T" if _TEST in labelled else "P"


def _stamps(sent: Sent, registers: Registers) -> tuple[datetime, datetime]:
    """Return when the visit's version was recorded, and when it was sent (ruling 37)."""
    recorded_at, _ = moment(text(sent.encounter, "meta", "lastUpdated"))
    sent_at, _ = moment(text(sent.bundle, "timestamp"))
    return stamps_of(recorded_at, sent_at, registers, "Encounter.meta.lastUpdated")


def _sequence(encounter: Resource) -> int | None:
    """Return the version of the visit at its source, where that is a count."""
    version = text(encounter, "meta", "versionId")
    counted = version.isascii() and version.isdigit() and len(version) <= _SEQUENCE_DIGITS_MAX
    return int(version) if counted else None


def _control_id(sent: Sent) -> str | None:
    """Return the id by which a sender finds its message; an Encounter by itself has none (ruling 42)."""
    return None if sent.bundle is None else _control_id_of(sent.bundle, sent.header)


def _control_id_of(bundle: Resource, header: Any) -> str | None:
    """Return the id of a Bundle or of its message, where it can be a header's value later."""
    if bundle.get("resourceType") != "Bundle":
        return None
    for said in (text(bundle, "identifier", "value"), text(header, "id"), text(bundle, "id")):
        if said and len(said) <= CONTROL_ID_CHARACTERS_MAX and {*said} <= _CONTROL_ID_SIGNS:
            return said
    return None
