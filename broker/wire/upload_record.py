"""
One record of the local authority upload (dossier 3.1): a CP-ISRecord → the plans of a child or a mother.

Knows the three plan blocks (R1), whose number holds each, and which fault refuses the record: CPR04 or CPR07.
A record is read whole or not at all, as it is acknowledged; what refuses the file is in `upload`.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple

from lxml.etree import _Element as Element

from broker.core.errors import InvalidFact, InvalidNhsNumber, MalformedMessage
from broker.core.facts import Details, PlanContent, PlanFact, PlanType
from broker.core.identifiers import NhsNumber, OdsCode
from broker.wire.hl7v3 import attribute, is_nil, qualified, text, the_only
from broker.wire.times import parse_day

_NHS_NUMBER_ROOT = "2.16.840.1.113883.2.1.4.1"
_LOCAL_ID_ROOT = "2.16.840.1.113883.2.1.3.2.4.18.24"
_PLANS_MAX = 3  # the schema's; more would be two records run together
_PLAN_TIME = re.compile(r"(?:19|20)[0-9]{6}(?:[01][0-9]|2[0-3])[0-5][0-9]")  # the schema's TS.NHS.DateType1

_CHILD = qualified("COCT_TP145101GB01.Child")
_UNBORN = qualified("COCT_TP145100GB01.UnbornChild")


class _Block(NamedTuple):
    """How one plan type is written: what the names of its dates begin with, and the subject that holds it."""

    plan_type: PlanType
    prefix: str
    holder: str


_BLOCKS = {
    qualified("COCT_TP146100GB01.LACInformation"): _Block(PlanType.LOOKED_AFTER, "lAC", _CHILD),
    qualified("COCT_TP146101GB01.CPPInformation"): _Block(PlanType.CHILD_PROTECTION, "cPP", _CHILD),
    qualified("COCT_TP146102GB01.UCPInformation"): _Block(PlanType.UNBORN, "uCP", _UNBORN),
}


class RecordCode(StrEnum):
    """Why a record was not read, as its acknowledgement will say (dossier 3.3)."""

    NUMBER_FORMAT = "CPR04"
    NOT_LOADED = "CPR07"


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
    """A record that was not: `reason` is a stable word for counting, never a value; `location` an XPath."""

    location: str
    code: RecordCode
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subject:
    """The child, or the mother of the unborn child."""

    number: NhsNumber
    child_id: str | None
    details: Details


def read_record(record: Element, location: str, head: FileHead) -> ReadRecord | FaultyRecord:
    """
    Read the CP-ISRecord in a `record` element, or say why not.

    CPR04 is for a value that is no NHS number or a placeholder (ruling 35), CPR07 for everything else.
    """
    try:
        return ReadRecord(location=location, plans=_read_plans(record, head))
    except InvalidNhsNumber as error:
        return FaultyRecord(location=location, code=RecordCode.NUMBER_FORMAT, reason=str(error))
    except MalformedMessage as error:
        return FaultyRecord(location=location, code=RecordCode.NOT_LOADED, reason=error.reason)
    except InvalidFact as error:
        return FaultyRecord(location=location, code=RecordCode.NOT_LOADED, reason=str(error))


def _read_plans(record: Element, head: FileHead) -> tuple[tuple[NhsNumber, PlanFact], ...]:
    """Read every plan of a record, each with the number of the subject that holds it."""
    if any(element.get("updateMode") == "removed" for element in record.iter()):
        raise MalformedMessage("removal not understood")  # a plan is removed by its delete date (R6)
    body = the_only(record, "CP-ISRecord")
    blocks = body.findall(qualified("pertinentInformation"))
    if not blocks:
        raise MalformedMessage("plan missing")
    if len(blocks) > _PLANS_MAX:
        raise MalformedMessage("too many plans")
    subjects = _read_subjects(body)
    plans = [_read_plan(block, subjects, head) for block in blocks]
    if len({fact.content.key for _, fact in plans}) < len(plans):
        raise MalformedMessage("plan repeated")
    return tuple(plans)


def _read_plan(
    information: Element, subjects: dict[str, _Subject], head: FileHead
) -> tuple[NhsNumber, PlanFact]:
    """Read one plan and find its holder; the file's creation is the time of record (ruling 10)."""
    element = _one_of(_BLOCKS, information, "plan type unknown")
    block = _BLOCKS[element.tag]
    if block.holder not in subjects:
        raise MalformedMessage("plan without its subject")
    holder = subjects[block.holder]
    start = _plan_day(element, f"{block.prefix}StartDate")
    end = _plan_day(element, f"{block.prefix}EndDate")
    if start is None:
        raise MalformedMessage("start date missing")
    if end is not None and end < start:
        raise MalformedMessage("end before start")
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
    return holder.number, PlanFact(
        content=content, recorded_at=head.created_at, received_at=head.received_at, file_id=head.file_id
    )


def _plan_day(block: Element, name: str) -> date | None:
    """Read the London day of a date of a plan block, `YYYYMMDDHHMM`; None when it is absent or nil."""
    found = [element for component in block for element in component.iterfind(qualified(name))]
    if len(found) > 1:
        raise MalformedMessage("plan date repeated")
    if not found or is_nil(found[0]):
        return None
    value = attribute(the_only(found[0], "value"), "value")
    if not _PLAN_TIME.fullmatch(value):
        raise MalformedMessage("plan date unreadable")
    return _day(value, "plan date unreadable")


def _read_subjects(body: Element) -> dict[str, _Subject]:
    """Read the subjects of a record by kind: a child, the mother of an unborn child, or one of each."""
    subjects: dict[str, _Subject] = {}
    for subject in body.iterfind(qualified("subject")):
        element = _one_of((_CHILD, _UNBORN), subject, "subject unknown")
        if element.tag in subjects:
            raise MalformedMessage("subject repeated")
        if element.tag == _CHILD:
            subjects[element.tag] = _read_subject(element, the_only(element, "childPerson"))
        else:  # of the unborn child itself nothing is sent
            mother = the_only(element, "parentMotherPerson")
            subjects[element.tag] = _read_subject(the_only(mother, "playedMother"), mother)
    return subjects


def _read_subject(role: Element, person: Element) -> _Subject:
    """Read the identifiers from the role, the details from the person; a name may be missing (ruling 20)."""
    number = _identifier(role, _NHS_NUMBER_ROOT)
    if number is None:
        raise MalformedMessage("NHS number missing")
    name = the_only(person, "name")
    born = attribute(the_only(person, "birthTime"), "value")
    return _Subject(
        number=NhsNumber(number),
        child_id=_identifier(role, _LOCAL_ID_ROOT),
        details=Details(
            family=_name_part(name, "family"),
            given=_name_part(name, "given"),
            birth_date=_day(born, "birth date unreadable"),
        ),
    )


def _identifier(role: Element, root: str) -> str | None:
    """Return the identifier of that kind, at whichever place among the others; None when it is not sent."""
    ids = [element for element in role.iterfind(qualified("id")) if attribute(element, "root") == root]
    if len(ids) > 1:
        raise MalformedMessage("identifier repeated")
    return (attribute(ids[0], "extension") or None) if ids else None


def _name_part(name: Element, part: str) -> str | None:
    """Return the given or the family name; several given names are joined in the order sent."""
    return " ".join(map(text, name.iterfind(qualified(part)))).strip() or None


def _one_of(tags: Collection[str], parent: Element, reason: str) -> Element:
    """Return the one child that has any of these tags."""
    found = [element for element in parent if element.tag in tags]
    if len(found) != 1:
        raise MalformedMessage(reason)
    return found[0]


def _day(value: str, reason: str) -> date:
    """Read a calendar day; raise `MalformedMessage` with this reason where no calendar has it."""
    try:
        return parse_day(value)
    except MalformedMessage:
        raise MalformedMessage(reason) from None
