"""
What an ADT message says about who the patient is: NHS number, details, restriction, next of kin.

Knows PID, NK1, PV1-16 and ZU8 (dossier 6.4) and rulings 20, 24, 26, 29, 36. Address, telephones, general
practitioner, religion and ethnicity are never read (ruling 31).
"""

import re
from collections.abc import Iterator
from contextlib import suppress

from broker.core.errors import InvalidNhsNumber
from broker.core.facts import NumberStatus, Reliability
from broker.core.identifiers import NhsNumber
from broker.core.sender_keys import CompanionPlaces, NumberPlaces
from broker.wire.adt_registers import Fault, Registers
from broker.wire.hl7v2 import CLEARED, Message, Repeat, Segment, Value
from broker.wire.visit_reading import Named

NUMBER_MISSING = "missing"
"""The fault of a message in which nothing claims to be an NHS number; the others are `InvalidNhsNumber`'s."""

_IDENTIFIERS = 3  # PID-3
_NATIONAL_TYPE = "NI"  # CX-5: an NHS number only with a status beside it, ruling 36
_NUMBERS_OID = "2.16.840.1.113883.2.1.4.1"  # CX-4.2: the authority `NHS` by its universal id alone
_STATUS = re.compile(r"(?:NSTS)?0[1-8]")
_NUMBER_STATUS = re.compile(r"NSTS([0-9]{2})")  # table 0445
_GUESSED_BIRTH_DATE = frozenset({"ED", "UD"})  # table 0445: estimated, and the default where none is known
_MOTHERS_IDENTIFIERS = 21  # PID-21
_RELATIONSHIP, _KIN_IDENTIFIERS = 3, 33  # NK1-3, NK1-33
_MOTHER = "12"  # table 0063, the UK's
_SENSITIVE = "S"  # PV1-16
_HIDING = frozenset({"1", "2"})  # ZU8-4: local, and the national S-flag
_NOT_HIDING = frozenset({"", "N"})  # nothing, zeros or no
_DEATH, _DIED = 29, 30  # PID: when, and whether; how a visit ended is PV1-36 (ruling 7)
_REGISTERED_NAMES = ("L", "")  # XPN-7: the legal name before one that does not say what it is


def numbers_named(message: Message, patient: Segment, places: NumberPlaces) -> Named:
    """
    Return the NHS numbers of the patient, and those given as the mother's.

    Where they stand is ruling 36; blanks and hyphens within them do not count.
    """
    numbers, faults = [], []
    for value in _claimed_numbers(patient, places):
        try:
            numbers.append(read_digits(value))
        except InvalidNhsNumber as error:
            faults.append(str(error))
    return Named(
        numbers=tuple(numbers),
        fault=None if numbers else (*faults, NUMBER_MISSING)[0],
        mothers=_mothers_named(message, patient, places),
        place=f"PID-{_IDENTIFIERS}",
        mothers_place=f"PID-{_MOTHERS_IDENTIFIERS}",
    )


def local_identifier(patient: Segment, places: NumberPlaces) -> str:
    """Return the hospital's own identifier: the first repeat of PID-3 that is no NHS number, else empty."""
    for repeat in patient.repeats(3):
        value = repeat.part()
        if isinstance(value, str) and not _claims(repeat, places):
            return value
    return ""


def is_hidden(message: Message, visit: Segment | None) -> bool:
    """Whether a message restricts its patient's record, wherever it says so: PV1-16, ZU8-4 (ruling 24)."""
    if not _HIDING.isdisjoint(_hidings(message)):
        return True
    return visit is not None and _SENSITIVE in {_code(one.part()) for one in visit.repeats(16)}


def _hidings(message: Message) -> set[str]:
    """Return what every ZU8-4 says, also one that is written with two digits."""
    return {
        _code(one.part()).lstrip("0") for segment in message.all("ZU8") for one in segment.repeats(4)
    } - _NOT_HIDING


def read_patient(message: Message, patient: Segment, visit: Segment, registers: Registers) -> None:
    """Write the registers that describe the person and who stands beside them."""
    name = _registered_name(patient)
    registers.text("family", None if name is None else name.part(1))
    registers.text("given", None if name is None else name.part(2))
    registers.day("birth_date", patient.field(7), Fault.BIRTH_DATE)
    _read_reliability(patient, registers)
    if is_hidden(message, visit):
        registers.values["restricted"] = True  # and never False: absent and `""` do not lift it (ruling 24)
    if isinstance(patient.field(_DEATH), str) or _code(patient.field(_DIED)) == "Y":
        registers.faults.add(Fault.DEATH)
    if not _HIDING.issuperset(_hidings(message)):
        registers.faults.add(Fault.RESTRICTION)
    next_of_kin = message.first("NK1")
    if next_of_kin is not None:
        _read_next_of_kin(next_of_kin, registers)


def _registered_name(patient: Segment) -> Repeat | None:
    """Return the repeat of PID-5 that plans are compared with: no alias where a legal name is said (R13)."""
    names = patient.repeats(5)
    if len(names) > 1:
        for kind in _REGISTERED_NAMES:
            for name in names:
                if _code(name.part(7)) == kind and isinstance(name.part(1), str):
                    return name
    return names[0] if names else None


def usable_numbers(
    segment: Segment, places: NumberPlaces, *, identifiers: int = _IDENTIFIERS
) -> Iterator[NhsNumber]:
    """Yield every usable NHS number, among identifiers or alone, where PID has them or another (36)."""
    for value in _claimed_numbers(segment, places, identifiers):
        with suppress(InvalidNhsNumber):
            yield read_digits(value)


def _mothers_named(message: Message, patient: Segment, places: NumberPlaces) -> tuple[NhsNumber, ...]:
    """
    Return the NHS numbers that a message gives as those of the patient's mother, each once (ruling 26).

    PID-21, and the identifiers of a next of kin whose relationship is 12; labelled as in PID-3 (36). Their
    names and addresses are not read here.
    """
    kin = [one for one in message.all("NK1") if _code(one.field(_RELATIONSHIP)) == _MOTHER]
    named_in = [(patient, _MOTHERS_IDENTIFIERS), *((one, _KIN_IDENTIFIERS) for one in kin)]
    found: dict[NhsNumber, None] = {}
    for segment, place in named_in:
        for value in _labelled(segment, place, places):
            with suppress(InvalidNhsNumber):
                found[read_digits(value)] = None
    return tuple(found)


def _labelled(segment: Segment, place: int, places: NumberPlaces) -> Iterator[str]:
    """Yield the identifiers in a field that are labelled as NHS numbers."""
    for repeat in segment.repeats(place):
        value = repeat.part()
        if isinstance(value, str) and _claims(repeat, places):
            yield value


def _claimed_numbers(
    segment: Segment, places: NumberPlaces, identifiers: int = _IDENTIFIERS
) -> Iterator[str]:
    """Yield what claims to be an NHS number: labelled identifiers as in PID-3, then one as in PID-2."""
    yield from _labelled(segment, identifiers, places)
    for position in places.alone:
        alone = segment.field(position)
        if isinstance(alone, str):
            yield alone


def read_digits(value: str) -> NhsNumber:
    """Return a number in which blanks and hyphens do not count; raise `InvalidNhsNumber`."""
    return NhsNumber(value.replace(" ", "").replace("-", ""))


def _claims(repeat: Repeat, places: NumberPlaces) -> bool:
    """Whether a repeat of PID-3 is labelled as an NHS number (ruling 36)."""
    authority, kind = _code(repeat.part(4)), _code(repeat.part(5))
    if authority in places.authorities or kind in places.types or repeat.part(4, 2) == _NUMBERS_OID:
        return True
    if kind == _NATIONAL_TYPE and places.national:
        return any(_STATUS.fullmatch(_code(part)) for part in repeat.parts()[1:])
    return places.unlabelled and not authority and not kind


def _read_reliability(patient: Segment, registers: Registers) -> None:
    """Read PID-32: the repeats have no positional meaning (dossier D9)."""
    codes = [repeat.part() for repeat in patient.repeats(32)]
    if CLEARED in codes:
        registers.cleared |= {"number_status", "birth_date_reliability"}
        return
    texts = {_code(code) for code in codes} - {""}
    statuses = sorted(match[1] for match in map(_NUMBER_STATUS.fullmatch, texts) if match)
    if statuses:
        try:
            # Two at once contradict each other; the higher is the one that says less.
            registers.values["number_status"] = NumberStatus(statuses[-1])
        except ValueError:
            registers.faults.add(Fault.NUMBER_STATUS)
    if texts & _GUESSED_BIRTH_DATE:
        registers.values["birth_date_reliability"] = Reliability.ESTIMATED
    elif texts:
        registers.values["birth_date_reliability"] = Reliability.STATED


def _read_next_of_kin(kin: Segment, registers: Registers) -> None:
    """Read relationship and name of a segment that says either."""
    relationship, family = kin.field(_RELATIONSHIP), kin.field(2)
    if relationship is not None or family is not None:
        words = kin.field(_RELATIONSHIP, 2)
        registers.next_of_kin(relationship, full_name(kin.field(2, 2), family), words)


def read_companion(message: Message, places: CompanionPlaces, registers: Registers) -> None:
    """Read who came with the patient, of the first declared place that says it (ruling 29)."""
    for value, words in _companions(message, places):
        if value is not None:
            registers.companion(value, *words)
            return


def _companions(message: Message, places: CompanionPlaces) -> Iterator[tuple[Value, tuple[Value, ...]]]:
    """Yield what stands in the declared places, each with the words of the relationship."""
    for name, position, component in places.fields:
        for segment in message.all(name):
            yield segment.field(position, component), ()
    for kin in message.all("NK1") if places.relationships else ():
        code, words = kin.field(_RELATIONSHIP), kin.field(_RELATIONSHIP, 2)
        if _code(code) in places.relationships:
            yield full_name(kin.field(2, 2), kin.field(2)), (code, words)


def full_name(*parts: Value) -> str | None:
    """Join the parts of a name that are there; None when none is."""
    return " ".join(" ".join(part.split()) for part in parts if isinstance(part, str)) or None


def _code(value: Value) -> str:
    """Return a code in capitals, empty where there is none."""
    return value.upper() if isinstance(value, str) else ""
