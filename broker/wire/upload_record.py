"""
One record of the local authority upload (dossier 3.1): a CP-ISRecord → the plans of a child or a mother.

Knows the three plan blocks (R1), whose number holds each, and which fault refuses the record: CPR04 or CPR07.
A record is read whole or not at all, as it is acknowledged; what refuses the file is in `upload`.
"""

import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple

from lxml.etree import _Element as Element

from broker.core.errors import InvalidFact, InvalidNhsNumber, MalformedMessage
from broker.core.facts import Details, PlanContent, PlanFact, PlanType
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.waiting import Unread
from broker.wire.hl7v3 import attribute, is_nil, place, qualified, text, the_only
from broker.wire.times import parse_day
from broker.wire.upload_codes import RecordCode

NHS_NUMBER_ROOT = "2.16.840.1.113883.2.1.4.1"
"""Says of an identifier that it is an NHS number."""
LOCAL_ID_ROOT = "2.16.840.1.113883.2.1.3.2.4.18.24"
"""Says of an identifier that it is the authority's own."""
PLANS_MAX = 3
"""The schema's; more would be two records run together."""
CHILD = qualified("COCT_TP145101GB01.Child")
"""The element of a subject that is a child."""
UNBORN = qualified("COCT_TP145100GB01.UnbornChild")
"""The element of a subject that is an unborn child, known by its mother."""

_PEOPLE = (qualified("childPerson"), qualified("parentMotherPerson"))
_PLAN_TIME = re.compile(r"(?:19|20)[0-9]{6}(?:[01][0-9]|2[0-3])[0-5][0-9]")  # the schema's TS.NHS.DateType1


class Block(NamedTuple):
    """How one plan type is written: what the names of its dates begin with, and the subject that holds it."""

    plan_type: PlanType
    prefix: str
    holder: str


BLOCKS = {
    qualified("COCT_TP146100GB01.LACInformation"): Block(PlanType.LOOKED_AFTER, "lAC", CHILD),
    qualified("COCT_TP146101GB01.CPPInformation"): Block(PlanType.CHILD_PROTECTION, "cPP", CHILD),
    qualified("COCT_TP146102GB01.UCPInformation"): Block(PlanType.UNBORN, "uCP", UNBORN),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FileHead:
    """What the head of a file says of each of its records; times are aware UTC, telephones digits."""

    file_id: str
    created_at: datetime
    received_at: datetime
    authority: OdsCode
    authority_name: str
    phone_office: str | None
    phone_emergency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRecord:
    """A record that was read: each plan under the number that holds it. `location` is an XPath."""

    location: str
    plans: tuple[tuple[NhsNumber, PlanFact], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultyRecord:
    """
    A record that was not: `reason` is a stable word for counting, never a value; `location` an XPath.

    `waiting` are its plans, as far as they can be read and wait for it to be sent again (rulings 21, 35);
    `numbered` are those of them whose subject has a usable number, with these (ruling 41). `unread` is what
    can be read of its subjects where the plans cannot.
    `kept` says whether the bytes may be: not those of a real person where that has no place
    (ruling 27).
    """

    location: str
    code: RecordCode
    reason: str
    waiting: tuple[PlanContent, ...] = field(default=(), repr=False, compare=False)
    numbered: tuple[tuple[NhsNumber, PlanContent], ...] = field(default=(), repr=False, compare=False)
    unread: Unread | None = field(default=None, repr=False, compare=False)
    kept: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subject:
    """The child, or the mother of the unborn child; without a number only where that is the fault."""

    number: NhsNumber | None
    child_id: str | None
    details: Details


class _NumberFault(Exception):
    """The value at a place is no NHS number: the one fault that has a code of its own."""

    def __init__(self, reason: str, location: str) -> None:
        super().__init__(reason)
        self.location = location


def read_record(record: Element, location: str, head: FileHead) -> ReadRecord | FaultyRecord:
    """
    Read the CP-ISRecord in the `record` element at `location`, or say why not, and at which element below.

    CPR04 is for a value that is no NHS number or a placeholder (ruling 35), CPR07 for everything else.
    """
    try:
        plans = _read_plans(record, head)
    except _NumberFault as fault:
        return _faulty(record, head, location + fault.location, RecordCode.NUMBER_FORMAT, str(fault))
    except MalformedMessage as fault:
        return _faulty(record, head, location + fault.location, RecordCode.NOT_LOADED, fault.reason)
    numbered = tuple((holder.number, plan) for holder, plan in plans if holder.number is not None)
    return ReadRecord(location=f"{location}/CP-ISRecord", plans=numbered)


def _faulty(record: Element, head: FileHead, location: str, code: RecordCode, reason: str) -> FaultyRecord:
    """Return a record that is refused, and what of it waits: its plans, or whoever can be read in it."""
    plans: list[tuple[_Subject, PlanFact]] = []
    unread = None
    try:
        plans = _read_plans(record, head, faulty_numbers=True)
    except MalformedMessage:
        people = tuple(_people(record))
        unread = Unread(authority=head.authority, numbers=tuple(_numbers(record)), details=people)
    return FaultyRecord(
        location=location,
        code=code,
        reason=reason,
        waiting=tuple(plan.content for _, plan in plans),
        numbered=tuple((holder.number, plan.content) for holder, plan in plans if holder.number is not None),
        unread=unread,
    )


def _numbers(record: Element) -> Iterator[NhsNumber]:
    """Yield every usable number of a record, wherever in it an identifier says that it is one."""
    for element in record.iter(qualified("id")):
        if attribute(element, "root") == NHS_NUMBER_ROOT:
            with suppress(InvalidNhsNumber):
                yield NhsNumber(attribute(element, "extension"))


def _people(record: Element) -> Iterator[Details]:
    """Yield the details of every person of a record, as far as they can be read."""
    for person in record.iter(*_PEOPLE):
        names, born = person.findall(qualified("name")), None
        with suppress(MalformedMessage):
            born = _day(the_only(person, "birthTime"), "birth date unreadable")
        name = names[0] if len(names) == 1 else None
        yield Details(
            family=None if name is None else _name_part(name, "family"),
            given=None if name is None else _name_part(name, "given"),
            birth_date=born,
        )


def _read_plans(
    record: Element, head: FileHead, *, faulty_numbers: bool = False
) -> list[tuple[_Subject, PlanFact]]:
    """Read every plan of a record, each with the subject that holds it; `faulty_numbers` are no fault."""
    if any(element.get("updateMode") == "removed" for element in record.iter()):
        raise MalformedMessage("removal not understood")  # a plan is removed by its delete date (R6)
    body = the_only(record, "CP-ISRecord")
    blocks = body.findall(qualified("pertinentInformation"))
    if not blocks:
        raise MalformedMessage("plan missing", location=place(body))
    if len(blocks) > PLANS_MAX:
        raise MalformedMessage("too many plans", location=place(body))
    subjects = _read_subjects(body, faulty_numbers=faulty_numbers)
    plans: list[tuple[_Subject, PlanFact]] = []
    for block in blocks:
        holder, plan = _read_plan(block, subjects, head)
        if any(plan.content.key == earlier.content.key for _, earlier in plans):
            raise MalformedMessage("plan repeated", location=place(block))
        plans.append((holder, plan))
    return plans


def _read_plan(
    information: Element, subjects: dict[str, _Subject], head: FileHead
) -> tuple[_Subject, PlanFact]:
    """Read one plan and find its holder; the file's creation is the time of record (ruling 10)."""
    element = _one_of(BLOCKS, information, "plan type unknown")
    block = BLOCKS[element.tag]
    if block.holder not in subjects:
        raise MalformedMessage("plan without its subject", location=place(element))
    holder = subjects[block.holder]
    start = _plan_day(element, f"{block.prefix}StartDate")
    end = _plan_day(element, f"{block.prefix}EndDate")
    if start is None:
        raise MalformedMessage("start date missing", location=place(element))
    if end is not None and end < start:
        raise MalformedMessage("end before start", location=place(element))
    try:
        content = PlanContent(
            authority=head.authority,
            plan_type=block.plan_type,
            start=start,
            end=end,
            deleted=_plan_day(element, f"{block.prefix}DeleteDate"),
            authority_name=head.authority_name,
            phone_office=head.phone_office,
            phone_emergency=head.phone_emergency,
            details=holder.details,
            child_id=holder.child_id,
        )
    except InvalidFact as error:
        raise MalformedMessage(str(error), location=place(element)) from None
    return holder, PlanFact(
        content=content, recorded_at=head.created_at, received_at=head.received_at, file_id=head.file_id
    )


def _plan_day(block: Element, name: str) -> date | None:
    """Read the London day of a date of a plan block, `YYYYMMDDHHMM`; None when it is absent or nil."""
    found = [element for component in block for element in component.iterfind(qualified(name))]
    if len(found) > 1:
        raise MalformedMessage("plan date repeated", location=place(found[1]))
    if not found or is_nil(found[0]):
        return None
    value = the_only(found[0], "value")
    if not _PLAN_TIME.fullmatch(attribute(value, "value")):
        raise MalformedMessage("plan date unreadable", location=place(value))
    return _day(value, "plan date unreadable")


def _read_subjects(body: Element, *, faulty_numbers: bool) -> dict[str, _Subject]:
    """Read the subjects of a record by kind: a child, the mother of an unborn child, or one of each."""
    subjects: dict[str, _Subject] = {}
    for subject in body.iterfind(qualified("subject")):
        element = _one_of((CHILD, UNBORN), subject, "subject unknown")
        if element.tag in subjects:
            raise MalformedMessage("subject repeated", location=place(subject))
        if element.tag == CHILD:
            subjects[element.tag] = _read_subject(
                element, the_only(element, "childPerson"), faulty_number=faulty_numbers
            )
        else:  # of the unborn child itself nothing is sent
            mother = the_only(element, "parentMotherPerson")
            subjects[element.tag] = _read_subject(
                the_only(mother, "playedMother"), mother, faulty_number=faulty_numbers
            )
    return subjects


def _read_subject(role: Element, person: Element, *, faulty_number: bool) -> _Subject:
    """Read the identifiers from the role, the details from the person; a name may be missing (ruling 20)."""
    identifier = _identifier(role, NHS_NUMBER_ROOT)
    if identifier is None and not faulty_number:
        raise MalformedMessage("NHS number missing", location=place(role))
    name = the_only(person, "name")
    born = the_only(person, "birthTime")
    number = None
    if identifier is not None:
        try:
            number = NhsNumber(attribute(identifier, "extension"))
        except InvalidNhsNumber as error:
            if not faulty_number:
                raise _NumberFault(str(error), place(identifier)) from None
    local_id = _identifier(role, LOCAL_ID_ROOT)
    return _Subject(
        number=number,
        child_id=None if local_id is None else attribute(local_id, "extension"),
        details=_details(name, born),
    )


def _details(name: Element, born: Element) -> Details:
    """Read names and date of birth; raise `MalformedMessage` for a date that is none."""
    return Details(
        family=_name_part(name, "family"),
        given=_name_part(name, "given"),
        birth_date=_day(born, "birth date unreadable"),
    )


def _identifier(role: Element, root: str) -> Element | None:
    """Return the identifier of that kind, at whichever place among the others; None when it says nothing."""
    ids = [element for element in role.iterfind(qualified("id")) if attribute(element, "root") == root]
    if len(ids) > 1:
        raise MalformedMessage("identifier repeated", location=place(ids[1]))
    return ids[0] if ids and attribute(ids[0], "extension") else None


def _name_part(name: Element, part: str) -> str | None:
    """Return the given or the family name; several given names are joined in the order sent."""
    return " ".join(map(text, name.iterfind(qualified(part)))).strip() or None


def _one_of(tags: Collection[str], parent: Element, reason: str) -> Element:
    """Return the one child that has any of these tags."""
    found = [element for element in parent if element.tag in tags]
    if len(found) != 1:
        raise MalformedMessage(reason, location=place(parent))
    return found[0]


def _day(element: Element, reason: str) -> date:
    """Read the calendar day of a value; raise `MalformedMessage` for this reason where no calendar has it."""
    try:
        return parse_day(attribute(element, "value"))
    except MalformedMessage:
        raise MalformedMessage(reason, location=place(element)) from None
