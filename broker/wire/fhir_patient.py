"""
What FHIR says about who the patient is: NHS number, details, restriction, next of kin, the mother.

Knows Patient and RelatedPerson of the UK Core, and rulings 20, 24, 26, 31, 36. Address, telephones, general
practitioner, religion and ethnicity are never read (ruling 31).
"""

from collections.abc import Iterator
from typing import Any

from broker.core.errors import InvalidNhsNumber
from broker.core.facts import Reliability
from broker.core.identifiers import NhsNumber
from broker.wire import fhir_terms as terms
from broker.wire.adt_patient import NUMBER_MISSING, read_digits
from broker.wire.adt_registers import Fault, Registers
from broker.wire.fhir_bundle import Resource, Sent
from broker.wire.fhir_values import (
    codings,
    day,
    every,
    extensions,
    given,
    identified,
    person_name,
    phrases,
    searched,
    text,
    unmodified,
    whole_name,
    within,
)
from broker.wire.visit_reading import Named

_OLD = "old"  # use of an identifier that is no longer the patient's


def named_in(sent: Sent, patient: Resource) -> Named:
    """Return which NHS numbers are named: the patient's, also where only the visit names it; the mother's."""
    numbers, fault = numbers_of(patient, *referred_by(sent))
    mothers = {
        number: None
        for related in sent.all("RelatedPerson")
        if sent.named(within(related, "patient"), "Patient") is patient
        and {code for _, code in codings(within(related, "relationship"))} & terms.MOTHER
        for number in numbers_of(related)[0]
    }
    return Named(
        numbers=numbers,
        fault=fault,
        mothers=tuple(mothers),
        place="Patient.identifier",
        mothers_place="RelatedPerson.identifier",
    )


def referred_by(sent: Sent) -> tuple[Any, Resource]:
    """Return what the visit itself says of whom it is about: a reference, and what that searches for."""
    subject = within(sent.encounter, "subject")
    return subject, searched(subject, "Patient")


def numbers_of(*named: Any) -> tuple[tuple[NhsNumber, ...], str | None]:
    """
    Return the usable NHS numbers among identifiers in their order, and where there is none what is wrong with
    the first.
    """
    numbers, faults = [], []
    for value in _claimed(*named):
        try:
            numbers.append(read_digits(value))
        except InvalidNhsNumber as error:
            faults.append(str(error))
    if numbers:
        return tuple(numbers), None
    return (), faults[0] if faults else NUMBER_MISSING


def _claimed(*named: Any) -> Iterator[str]:
    """Yield what claims to be an NHS number that is in use."""
    for one in named:
        yield from identified({"identifier": _current(one)}, terms.NHS_NUMBER)


def _current(named: Any) -> list[Resource]:
    """Return the identifiers in use; one that has ended counts only where no other has its system."""
    found = [one for one in every(named, "identifier") if text(one, "use") != _OLD]
    lasting = {text(one, "system") for one in found if not text(one, "period", "end")}
    return [one for one in found if not text(one, "period", "end") or text(one, "system") not in lasting]


def local_identifier(patient: Resource) -> str:
    """Return the hospital's own identifier: the first that is no NHS number, else empty."""
    for one in _current(patient):
        if text(one, "system") not in terms.NHS_NUMBER and text(one, "value"):
            return text(one, "value")
    return ""


def read_patient(sent: Sent, patient: Resource, registers: Registers) -> None:
    """Write the registers that describe the person and who stands beside them."""
    name = person_name(every(patient, "name"))
    registers.text("family", text(name, "family") or None)
    registers.text("given", given(name) or None)
    _read_birth_date(patient, registers)
    _read_status(patient, registers)
    if any(_restricts(one) for one in (sent.bundle, sent.header, sent.encounter, patient)):
        registers.values["restricted"] = True  # and never False: absence does not lift it (ruling 24)
    if patient.get("deceasedBoolean") is True or text(patient, "deceasedDateTime"):
        registers.faults.add(Fault.DEATH)
    for contact in unmodified(every(patient, "contact"))[:1]:
        _read_next_of_kin(contact, registers)


def _restricts(resource: Any) -> bool:
    """Whether a resource is labelled as restricted."""
    labels = every(resource, "meta", "security")
    return any(text(one, "code").upper() in terms.RESTRICTING for one in labels)


def _read_birth_date(patient: Resource, registers: Registers) -> None:
    """Read a whole date of birth; a year or a month by itself is none to compare (ruling 20)."""
    said = text(patient, "birthDate")
    found = day(said)
    if found is not None:
        registers.values["birth_date"] = found
    elif said:
        registers.faults.add(Fault.BIRTH_DATE)


def _read_status(patient: Resource, registers: Registers) -> None:
    """Read how far the NHS number has been traced; of several the one that says least."""
    codes = [
        code
        for one in _current(patient)
        if text(one, "system") in terms.NHS_NUMBER
        for concept in extensions(one, terms.NUMBER_STATUS)
        for _, code in codings(concept)
    ]
    known = [terms.NUMBER_STATUSES[code] for code in codes if code in terms.NUMBER_STATUSES]
    if known:
        registers.values["number_status"] = max(known, key=lambda status: status.value)
    elif codes:
        registers.faults.add(Fault.NUMBER_STATUS)
    if codes:
        registers.values["birth_date_reliability"] = Reliability.STATED


def _read_next_of_kin(contact: Resource, registers: Registers) -> None:
    """Read relationship and name; all that is said of the relationship tells whether it is a child."""
    relationship = every(contact, "relationship")
    codes = [code for _, code in codings(relationship)]
    told = next((terms.RELATIONSHIPS[code] for code in codes if code in terms.RELATIONSHIPS), None)
    name = within(contact, "name")
    whole = whole_name(given(name), text(name, "family")) or whole_name(text(name, "text"))
    words = (phrase for one in relationship for phrase in phrases(one))
    registers.next_of_kin(told or next(iter(codes), None), whole, *words)
