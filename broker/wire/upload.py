"""
The head of the local authority upload, HL7 v3 message REPC_MT000002GB01 (dossier 3.1, 3.2).

Knows which fault of it refuses the whole file (CPF01): passing the official schema is not enough (ruling 40).
"""

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from lxml.etree import _Element as Element

from broker.core.errors import InvalidOdsCode, MalformedMessage
from broker.core.identifiers import OdsCode, aware
from broker.wire.hl7v3 import attribute, place, qualified, text, the_only
from broker.wire.record_stream import FILE_PARTS
from broker.wire.times import Reading, read_timestamp
from broker.wire.upload_record import FileHead

RECORD_COUNT_DIFFERS = "record count differs"
"""Fault of a file that was read all the same: `transmissionQuantity` is not the number of its records."""
CREATED_AFTER_RECEIPT = "creation time after receipt"
"""Fault of a file that was read all the same: its creation is ahead of receipt, by 24 h at most."""

ODS_ROOTS = frozenset({"2.16.840.1.113883.2.1.3.2.4.19.1", "2.16.840.1.113883.2.1.3.2.4.19.2"})
"""Who gives out the codes of organisations: the roots that the author's identifier may have."""
COUNT = re.compile(r"\+?[0-9]{1,9}")
"""A number of records that could be meant."""

_EMERGENCY = "EC"
_OTHER_TELEPHONES_MAX = 1  # the schema's: 1..2 with the emergency number
_AHEAD_MAX = timedelta(hours=24)  # rulings, "Time": such a record would outrank every later correction
_OLDEST = datetime(1900, 1, 1, tzinfo=UTC)  # rulings, "Time": some system's default, not a time

_TELEPHONE = re.compile(r"tel:(\+?[0-9]+)")  # the schema's pattern, which asks for no digit

_FILE = "/File"
_AUTHOR = "/File/communicationFunctionSnd/organisation"
AUTHOR_ID = f"{_AUTHOR}/id"
"""Where a file says whose it is."""


class Heading(NamedTuple):
    """What the head of a file says of its records; `faults` are stable words, of one that is read still."""

    head: FileHead
    faults: tuple[str, ...]


def read_heading(
    root: Element, *, found: int, unexpected: bool, received_at: datetime, may_be_empty: bool = False
) -> Heading:
    """
    Read the head of a file of `found` records, which `root` may lack; `received_at` (aware) is its receipt.

    `may_be_empty`: it may have no record, which the official schema does not know. Raises `MalformedMessage`
    where the author, a telephone, the file id, the record count or the creation time is at fault, or
    something `unexpected` is in the file (ruling 40): no record of it is read then.
    """
    received_at = aware(received_at)
    if unexpected or any(part.tag not in FILE_PARTS for part in root):
        # a record could stand under another name and be lost
        raise MalformedMessage("unexpected element", location=_FILE)
    if not found and not may_be_empty:
        raise MalformedMessage("record missing", location=_FILE)
    declared = _declared_count(root)
    created = _creation_time(root, received_at)
    head = _read_head(root, created.moment, received_at)
    faults = (
        created.fault,
        CREATED_AFTER_RECEIPT if created.moment > received_at else None,
        RECORD_COUNT_DIFFERS if declared != found else None,
    )
    return Heading(head, tuple(fault for fault in faults if fault))


def _declared_count(root: Element) -> int:
    """Read how many records the file says it holds."""
    value = attribute(the_only(root, "transmissionQuantity"), "value")
    if not COUNT.fullmatch(value):
        raise MalformedMessage("record count unreadable", location=f"{_FILE}/transmissionQuantity")
    return int(value)


def _creation_time(root: Element, received_at: datetime) -> Reading:
    """Read when the file was made, which is when its plans were recorded (ruling 10)."""
    location = f"{_FILE}/creationTime"
    value = attribute(the_only(root, "creationTime"), "value")
    created = read_timestamp(value, received_at, location=location)
    if created.moment > received_at + _AHEAD_MAX:
        raise MalformedMessage("creation time too far ahead", location=location)
    if created.moment < _OLDEST:
        raise MalformedMessage("creation time before 1900", location=location)
    return created


def _read_head(root: Element, created_at: datetime, received_at: datetime) -> FileHead:
    """Read the file id and the author."""
    file_id = attribute(the_only(root, "id"), "extension")
    if not file_id:
        raise MalformedMessage("file id missing", location=f"{_FILE}/id")
    sender = the_only(root, "communicationFunctionSnd")
    author = the_only(sender, "organisation")
    name = text(the_only(author, "name"))
    if not name:
        raise MalformedMessage("authority name missing", location=f"{_AUTHOR}/name")
    office, emergency = _telephones(author)
    return FileHead(
        file_id=file_id,
        created_at=created_at,
        received_at=received_at,
        authority=_authority(author),
        authority_name=name,
        phone_office=office,
        phone_emergency=emergency,
    )


def _authority(author: Element) -> OdsCode:
    """Read the author's ODS code."""
    identifier = the_only(author, "id")
    if attribute(identifier, "root") not in ODS_ROOTS:
        raise MalformedMessage("authority code of an unknown kind", location=AUTHOR_ID)
    try:
        return OdsCode(attribute(identifier, "extension"))
    except InvalidOdsCode:
        raise MalformedMessage("authority code unreadable", location=AUTHOR_ID) from None


def _telephones(author: Element) -> tuple[str | None, str]:
    """Read the office and the emergency number; the latter is there exactly once (R17, dossier 3.2)."""
    emergency: list[str] = []
    office: list[str] = []
    others = 0
    for telecom in author.iterfind(qualified("telecom")):
        match = _TELEPHONE.fullmatch(attribute(telecom, "value"))
        if match is None:
            raise MalformedMessage("telephone without digits", location=place(telecom))
        uses = set(attribute(telecom, "use").split())
        if _EMERGENCY in uses:
            emergency.append(match[1])
        else:
            others += 1
        if len(emergency) > 1:
            raise MalformedMessage("emergency telephone repeated", location=place(telecom))
        if others > _OTHER_TELEPHONES_MAX:
            raise MalformedMessage("office telephone repeated", location=place(telecom))
        if uses != {_EMERGENCY}:  # one may serve as both
            office.append(match[1])
    if not emergency:
        raise MalformedMessage("emergency telephone missing", location=place(author))
    return (office[0] if office else None), emergency[0]
