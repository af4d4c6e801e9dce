"""
Builds local authority uploads (REPC_MT000002GB01) as a case management system would send them.

Every default makes a file that the official schema accepts; an argument may be bent to make one it refuses.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

from lxml import etree
from lxml.etree import _Element as Element

HL7 = "urn:hl7-org:v3"
LOCALISATION = "NPFIT:HL7:Localisation"
SCHEMA_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"

NHS_NUMBER_ROOT = "2.16.840.1.113883.2.1.4.1"
LOCAL_ID_ROOT = "2.16.840.1.113883.2.1.3.2.4.18.24"
ODS_ROOT = "2.16.840.1.113883.2.1.3.2.4.19.1"
CONTENT_ROOT = "2.16.840.1.113883.2.1.3.2.4.18.16"

_PLAN_BLOCKS = {"LAC": "COCT_TP146100GB01", "CPP": "COCT_TP146101GB01", "UCP": "COCT_TP146102GB01"}
_CHILD = "COCT_TP145101GB01"
_UNBORN = "COCT_TP145100GB01"


@dataclass(frozen=True, kw_only=True)
class PlanBlock:
    """A plan as sent: `kind` is CPP, LAC or UCP, the dates are `YYYYMMDDHHMM` or None where not sent."""

    kind: str = "CPP"
    start: str | None = "202501100930"
    end: str | None = None
    deleted: str | None = None
    nil_end: bool = False


@dataclass(frozen=True, kw_only=True)
class Person:
    """A child, or the mother of an unborn child, as sent; None leaves a part out."""

    number: str | None = "9990000018"
    local_id: str | None = None
    given: str | None = "Robin"
    family: str | None = "Sample"
    born: str = "20160412"


@dataclass(frozen=True, kw_only=True)
class Record:
    """One CP-ISRecord."""

    plans: Sequence[PlanBlock] = (PlanBlock(),)
    child: Person | None = Person()
    mother: Person | None = None


def build_upload(
    records: Sequence[Record] = (Record(),),
    *,
    file_id: str = "LA-FILE-0001",
    created: str = "20250301063000",
    authority: str = "Z211",
    authority_name: str = "Exton Borough Council",
    telephones: Sequence[tuple[str, str]] = (("WP", "tel:02079460001"), ("EC", "tel:02079460999")),
    count: str | None = None,
) -> bytes:
    """Return an upload file in UTF-8; `telephones` are pairs of use and value, `count` is true by default."""
    root = etree.fromstring(f'<File xmlns="{HL7}" xmlns:loc="{LOCALISATION}" xmlns:xsi="{SCHEMA_INSTANCE}"/>')
    _add(root, "creationTime", value=created)
    _add(root, "id", extension=file_id)
    _add(root, "transmissionQuantity", value=str(len(records)) if count is None else count)
    author = _add(_add(root, "communicationFunctionSnd"), "organisation")
    _add(author, "id", root=ODS_ROOT, extension=authority)
    _add(author, "name").text = authority_name
    for use, value in telephones:
        _add(author, "telecom", use=use, value=value)
    for record in records:
        _add_record(root, record)
    return serialised(root)


def head_last(data: bytes) -> bytes:
    """Return an upload whose author stands behind its records."""
    end_tag = b"</communicationFunctionSnd>"
    start, end = data.index(b"<communicationFunctionSnd>"), data.index(end_tag) + len(end_tag)
    return (data[:start] + data[end:]).replace(b"</File>", data[start:end] + b"</File>")


def serialised(root: Element, encoding: str = "UTF-8") -> bytes:
    """Return an element as a file with an XML declaration."""
    stream = BytesIO()
    etree.ElementTree(root).write(stream, encoding=encoding, xml_declaration=True, pretty_print=True)
    return stream.getvalue()


def _add(parent: Element, name: str, **attributes: str) -> Element:
    """Append an HL7 v3 element."""
    return etree.SubElement(parent, f"{{{HL7}}}{name}", attributes)


def _add_content_id(parent: Element, extension: str) -> None:
    """Append the element that announces which template follows."""
    attributes = {"root": CONTENT_ROOT, "extension": extension}
    etree.SubElement(parent, f"{{{LOCALISATION}}}contentId", attributes)


def _add_record(root: Element, record: Record) -> None:
    """Append one record."""
    body = _add(_add(root, "record"), "CP-ISRecord")
    for plan in record.plans:
        _add_plan(body, plan)
    if record.child is not None:
        subject = _add(body, "subject")
        _add_content_id(subject, f"{_CHILD}#Child")
        child = _add(subject, f"{_CHILD}.Child")
        _add_ids(child, record.child)
        _add_details(_add(child, "childPerson"), record.child)
    if record.mother is not None:
        subject = _add(body, "subject")
        _add_content_id(subject, f"{_UNBORN}#UnbornChild")
        mother = _add(_add(subject, f"{_UNBORN}.UnbornChild"), "parentMotherPerson")
        _add_details(mother, record.mother)
        _add_ids(_add(mother, "playedMother"), record.mother)


def _add_plan(body: Element, plan: PlanBlock) -> None:
    """Append one plan block."""
    template = _PLAN_BLOCKS[plan.kind]
    prefix = plan.kind[0].lower() + plan.kind[1:]
    information = _add(body, "pertinentInformation")
    _add_content_id(information, f"{template}#{plan.kind}Information")
    block = _add(information, f"{template}.{plan.kind}Information")
    dates = (
        ("component", "Start", plan.start),
        ("component1", "End", plan.end),
        ("component2", "Delete", plan.deleted),
    )
    for component, which, value in dates:
        if value is not None:
            _add(_add(_add(block, component), f"{prefix}{which}Date"), "value", value=value)
        elif which == "End" and plan.nil_end:
            _add(_add(block, component), f"{prefix}EndDate").set(f"{{{SCHEMA_INSTANCE}}}nil", "true")


def _add_ids(role: Element, person: Person) -> None:
    """Append the NHS number and the authority's own id."""
    if person.number is not None:
        _add(role, "id", root=NHS_NUMBER_ROOT, extension=person.number)
    if person.local_id is not None:
        _add(role, "id", root=LOCAL_ID_ROOT, extension=person.local_id)


def _add_details(person_element: Element, person: Person) -> None:
    """Append date of birth and name."""
    _add(person_element, "birthTime", value=person.born)
    name = _add(person_element, "name")
    if person.given is not None:
        _add(name, "given").text = person.given
    if person.family is not None:
        _add(name, "family").text = person.family
