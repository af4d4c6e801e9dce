"""
What FHIR says about a visit: setting, place, times, how it ended, who treats, why the person came.

Knows Encounter and what it points at, and rulings 4, 7, 16, 29, 31, 37.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from broker.core.identifiers import OdsCode
from broker.core.reasons import reason_for
from broker.core.senders import Sender
from broker.wire import fhir_terms as terms
from broker.wire.adt_registers import Fault, Registers
from broker.wire.fhir_bundle import Resource, Sent
from broker.wire.fhir_values import (
    codings,
    every,
    extensions,
    given,
    moment,
    ods,
    person_name,
    phrases,
    text,
    unmodified,
    whole_name,
    within,
)

_MOMENTS = (
    ("arrived_at", "start", Fault.ARRIVAL_TIME),
    ("departed_at", "end", Fault.DEPARTURE_TIME),
)
_OVER = frozenset({"completed", "planned", "reserved"})  # where the patient is not


def read_visit(sent: Sent, provider: OdsCode, registers: Registers, sender: Sender) -> None:
    """Write the registers of an Encounter; codes of the sender's own by what they are settled to mean."""
    encounter = sent.encounter
    registers.code("patient_class", terms.class_of(text(encounter, "class", "code"), sender))
    stay = within(encounter, "hospitalization")
    method = next(_codes(extensions(stay, terms.ADMISSION_METHOD)), None)
    registers.code("admission_type", method, sender.admission_types)
    _read_times(encounter, registers)
    registers.disposition(_disposition(encounter, sender))
    _read_place(sent, provider, registers)
    registers.code("acuity", next(_codes([within(encounter, "priority")]), None))
    registers.code("arrival_mode", _arrival_mode(encounter))
    _read_clinician(sent, registers)
    _read_companion(sent, registers, sender)
    reason = reason_for(_reasons(sent))
    if reason is not None:
        registers.values["reason"] = reason


def _codes(concepts: Iterable[Any]) -> Iterator[str]:
    """Yield the codes of concepts."""
    for concept in concepts:
        yield from (code for _, code in codings(concept))


def _read_times(encounter: Resource, registers: Registers) -> None:
    """Read arrival and departure; what cannot be read is left alone and counted."""
    for register, name, fault in _MOMENTS:
        said = text(encounter, "period", name)
        found, day_only = moment(said)
        if found is not None:
            registers.values[register] = found
        if day_only:
            registers.faults.add(Fault.TIME_DAY_ONLY)
        elif said and found is None:
            registers.faults.add(fault)


def _disposition(encounter: Resource, sender: Sender) -> str | None:
    """Return how the person left, as PV1-36 has it, None where nothing says it; the site's own codes too."""
    own = dict(sender.dispositions.meanings)
    stay = within(encounter, "hospitalization")
    said = [
        *(one for concept in extensions(encounter, terms.DISCHARGE_STATUS) for one in codings(concept)),
        *codings(within(stay, "dischargeDisposition")),
    ]
    methods = _codes(extensions(encounter, terms.DISCHARGE_METHOD))
    told = [own.get(one[1].upper()) or terms.DISPOSITIONS.get(one) for one in said]
    told += [terms.DISCHARGE_METHODS.get(one) for one in methods]
    return next((one for one in told if one is not None), None)


def _arrival_mode(encounter: Resource) -> str | None:
    """Return how the person came, by a code that is known to say that, wherever it stands."""
    stay = within(encounter, "hospitalization")
    extended = [*every(encounter, "extension"), *every(stay, "extension")]
    for concept in [*(within(one, "valueCodeableConcept") for one in extended), within(stay, "admitSource")]:
        for system, code in codings(concept):
            if code in terms.ARRIVAL_MODES or system == terms.ARRIVAL_MODE:
                return code
    return None


def _read_place(sent: Sent, provider: OdsCode, registers: Registers) -> None:
    """Read the point of care in capitals, as a site lists it, and the site, failing that the provider."""
    places = [one for one in every(sent.encounter, "location") if text(one, "status") not in _OVER]
    if not places:
        return
    lasting = [one for one in places if not text(one, "period", "end")]  # some send no status, but times
    reference = within((lasting or places)[-1], "location")
    location = sent.named(reference, "Location") or {}
    for one in (location, reference):
        name = _own_name(one)
        if name:
            registers.text("location", name.upper())
            break
    else:
        name = text(location, "name") or text(reference, "display")
        registers.text("location", name.upper() or None)
    registers.values["site"] = _site(sent, location, reference) or provider


def _own_name(place: Any) -> str:
    """Return a hospital's own identifier of a place."""
    ours = terms.SITE | terms.ORGANISATION
    own = (one for one in every(place, "identifier") if text(one, "system") not in ours)
    return next((text(one, "value") for one in own), "")


def _site(sent: Sent, location: Resource, reference: Any) -> OdsCode | None:
    """Return the ODS code of the site of a place: its own, that of what it is part of, its manager's."""
    manager = within(location, "managingOrganization")
    for one in (
        location,
        reference,
        sent.named(within(location, "partOf"), "Location"),
        within(location, "partOf"),
        sent.named(manager, "Organization"),
        manager,
    ):
        code = ods(one, terms.SITE)
        if code is not None:
            return code
    return None


def _read_clinician(sent: Sent, registers: Registers) -> None:
    """Read role and name of the first clinician who has a name (ruling 29), both or neither."""
    for kind, role in terms.CLINICIANS.items():
        for one in unmodified(every(sent.encounter, "participant")):
            if kind in _codes(every(one, "type")):
                name = _clinician(sent, within(one, "individual"))
                if name is not None:
                    registers.values |= {"clinician_role": role, "clinician_name": name}
                    return


def _read_companion(sent: Sent, registers: Registers, sender: Sender) -> None:
    """Read who came with the patient, where the site has declared that a participant means that (29)."""
    declared = sender.accompanied_in.participants
    for one in unmodified(every(sent.encounter, "participant")) if declared else ():
        if not declared.isdisjoint(_codes(every(one, "type"))):
            reference = within(one, "individual")
            person = sent.named(reference, "RelatedPerson")
            name = person_name(every(person, "name"))
            told = whole_name(given(name), text(name, "family")) or whole_name(text(reference, "display"))
            if told is not None:
                kinds = every(person, "relationship")
                registers.companion(told, *(word for kind in kinds for word in phrases(kind)))
                return


def _clinician(sent: Sent, reference: Any) -> str | None:
    """Return a clinician's name, None where there is none."""
    role = sent.named(reference, "PractitionerRole")
    if role is not None:
        reference = within(role, "practitioner")
    person = sent.named(reference, "Practitioner")
    name = person_name(every(person, "name"))
    prefixes = within(name, "prefix")
    prefix = prefixes[0] if isinstance(prefixes, list) and prefixes and isinstance(prefixes[0], str) else ""
    return (
        whole_name(prefix, given(name), text(name, "family"))
        or whole_name(text(name, "text"))
        or whole_name(text(reference, "display"))
    )


def _reasons(sent: Sent) -> Iterator[str]:
    """Yield what is said of why the person came; the words go no further (ruling 29)."""
    encounter = sent.encounter
    for concept in every(encounter, "reasonCode"):
        yield from phrases(concept)
    for reference in every(encounter, "reasonReference"):
        condition = sent.named(reference, "Condition") or sent.named(reference, "Observation")
        yield from phrases(within(condition, "code"))
        yield from phrases(within(condition, "valueCodeableConcept"))
