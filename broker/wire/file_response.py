"""
The acknowledgement of an upload, HL7 v3 message REPC_MT000003GB01 (dossier 3.3, R15): answer → bytes.

Knows the message and how a place in the sender's file is written as an XPath. The same answer and time make
the same bytes, and every answer makes a message that is valid by the official schema.
"""

from collections.abc import Iterator
from datetime import datetime

from lxml import etree
from lxml.etree import _Element as Element

from broker.wire.hl7v3 import NIL, qualified
from broker.wire.hl7v3_writing import (
    ORGANISATION_ROOT,
    PREFIX,
    UNKNOWN,
    add,
    add_template,
    begin,
    opened,
    timestamp,
    within,
)
from broker.wire.record_answers import RecordAnswer, RecordAnswers
from broker.wire.upload_answer import FileAnswer, Refused
from broker.wire.upload_codes import RecordCode
from broker.wire.upload_record import CHILD
from broker.wire.upload_sent import SentHead, SentPlan, SentSubject

UNKNOWN_TELEPHONE = ("EC", "tel:")
"""Stands where the file had no telephone that could be read."""

_ROOT = "FileResponse"
_RECORD_CODES = "2.16.840.1.113883.2.1.3.2.4.17.473"


def write_file_response(answer: FileAnswer, *, created_at: datetime) -> bytes:
    """Return the acknowledgement in UTF-8; `created_at` (aware) is when it is made."""
    return b"".join(file_response(answer, created_at=created_at))


def file_response(answer: FileAnswer, *, created_at: datetime) -> Iterator[bytes]:
    """Yield the acknowledgement in pieces, so that a large one is never held whole."""
    root = begin(_ROOT)
    head = answer.head
    add(root, "creationTime", value=timestamp(created_at))
    add(root, "id", extension=head.file_id or UNKNOWN)
    declared = answer.found if head.declared is None else head.declared
    add(root, "transmissionQuantity", value=str(declared))
    file = add(add(root, "acknowledgementFile"), "acknowledgementFileDetail")
    add(file, "code", code=answer.code.value, displayName=answer.code.display_name)
    opening, end = opened(root)
    yield opening
    yield from _details(answer)
    root = begin(_ROOT)
    _add_receiver(root, head)
    add(add(root, "failedReturnedCP-ISRecords"), "value", value=str(answer.failed))
    yield within(root)
    for group in answer.records.groups():
        root = begin(_ROOT)
        for record in group:
            _add_message(root, record)
        yield within(root)
    root = begin(_ROOT)
    add(add(root, "successfulReturnedCP-ISRecords"), "value", value=str(answer.loaded))
    yield within(root) + end


def xpath(location: str) -> str:
    """Return a place as an XPath with prefixes; `/` is the root element, whatever it is called."""
    if location == "/":
        return "/*"
    return location.replace("/", f"/{PREFIX}:")


def _details(answer: FileAnswer) -> Iterator[bytes]:
    """Yield code and place of each record, or what is wrong with the whole file."""
    details = answer.records if answer.fault is None else RecordAnswers([_as_record(answer.fault)])
    end = b""
    for group in details.groups():
        root = begin(_ROOT)
        acknowledgement = etree.SubElement(root, qualified("acknowledgementRecord"))
        for record in group:
            _add_detail(acknowledgement, record)
        opening, end = opened(root, depth=1) if not end else (within(root, depth=1), end)
        yield opening
    yield end


def _add_detail(acknowledgement: Element, record: RecordAnswer) -> None:
    """Append code and place of a record."""
    detail = add(acknowledgement, "acknowledgementRecordDetail")
    code = add(
        detail,
        "code",
        code=record.code.value,
        codeSystem=_RECORD_CODES,
        displayName=record.code.display_name,
    )
    if record.words:
        add(code, "originalText").text = record.words
    add(detail, "location").text = xpath(record.location)


def _as_record(fault: Refused) -> RecordAnswer:
    """Return the fault of a whole file as the one detail of its answer; a place that is no XPath as words."""
    words, location = fault.reason, fault.location
    if not location.startswith("/"):
        words, location = f"{words}, {location}", "/"
    return RecordAnswer(code=RecordCode.NOT_LOADED, location=location, words=words)


def _add_receiver(root: Element, head: SentHead) -> None:
    """Append who receives the answer: the author of the file."""
    organisation = add(add(root, "communicationFunctionRcv"), "organisation")
    code_root, code = head.authority or (ORGANISATION_ROOT, UNKNOWN)
    add(organisation, "id", root=code_root, extension=code)
    add(organisation, "name").text = head.authority_name or UNKNOWN
    for use, value in head.telephones or (UNKNOWN_TELEPHONE,):
        add(organisation, "telecom", use=use, value=value)


def _add_message(root: Element, record: RecordAnswer) -> None:
    """Append the answer to one record: its subjects, and its plans where it was refused; else nil."""
    message = add(root, "message")
    sent = record.sent
    if not sent.subjects or not (record.loaded or sent.plans):
        message.set(NIL, "true")  # the schema has no room for such a record
        return
    information = add(add(message, "cP-ISLAAcknowledgementResponse"), "pertinentInformation1")
    body = add(information, "validCP-ISRecord" if record.loaded else "invalidCP-ISRecord")
    if not record.loaded:
        for plan in sent.plans:
            _add_plan(body, plan)
    for subject in sent.subjects:
        _add_subject(body, subject)


def _add_plan(body: Element, plan: SentPlan) -> None:
    """Append a plan block as it was sent."""
    block = add_template(add(body, "pertinentInformation"), plan.element)
    for component, which, value in (
        ("component", "Start", plan.start),
        ("component1", "End", plan.end),
        ("component2", "Delete", plan.deleted),
    ):
        if value is not None:
            add(add(add(block, component), f"{plan.prefix}{which}Date"), "value", value=value)


def _add_subject(body: Element, subject: SentSubject) -> None:
    """Append a subject as it was sent."""
    element = add_template(add(body, "subject"), subject.element)
    if element.tag == CHILD:
        _add_ids(element, subject)
        _add_person(add(element, "childPerson"), subject)
    else:
        mother = add(element, "parentMotherPerson")
        _add_person(mother, subject)
        _add_ids(add(mother, "playedMother"), subject)


def _add_ids(role: Element, subject: SentSubject) -> None:
    """Append the identifiers of a subject."""
    for root, extension in subject.ids:
        add(role, "id", root=root, extension=extension)


def _add_person(person: Element, subject: SentSubject) -> None:
    """Append date of birth and name; a name that was not sent is empty (ruling 20)."""
    add(person, "birthTime", value=subject.born)
    name = add(person, "name")
    add(name, "given").text = subject.given
    add(name, "family").text = subject.family
