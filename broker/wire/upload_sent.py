"""
What an upload said, as far as its acknowledgement says it back: the head, the subjects and the plans.

Reads what can be read and refuses nothing; what a file is worth `broker.wire.upload` decides. What the
official schema of the acknowledgement would not let through is left out, so that the answer is valid.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from lxml.etree import QName
from lxml.etree import _Element as Element

from broker.wire.hl7v3 import attribute, qualified, text
from broker.wire.upload import COUNT, ODS_ROOTS
from broker.wire.upload_record import BLOCKS, CHILD, LOCAL_ID_ROOT, NHS_NUMBER_ROOT, PLANS_MAX, UNBORN

# The patterns and numbers are the schema's: the types ts, TS.NHS.DateType1 and TEL.NHS.value.mandatory.
_TIME = re.compile(r"[0-9]{1,8}|(?:[0-9]{9,14}|[0-9]{14}\.[0-9]+)(?:[+-][0-9]{1,4})?")
_PLAN_TIME = re.compile(
    r"(?:19|20)[0-9]{2}(?:0[1-9]|1[012])(?:0[1-9]|[12][0-9]|3[01])(?:[01][0-9]|2[0-3])[0-5][0-9]"
)
_TELEPHONE = re.compile(r"tel:\+?[0-9]*")
_TELEPHONE_USES = frozenset({"AS", "EC", "H", "HP", "HV", "MC", "PG", "WP"})
_TELEPHONES_MAX = 2
_SUBJECTS_MAX = 2
_IDS_MAX = 2
_END_NEEDED = "uCP"  # an unborn plan always has its end, the due date

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class SentHead:
    """
    What the head of a file said; None or empty for what was not there or could not be said back.

    `authority` is root and extension of the author's identifier, `telephones` are pairs of use and `tel:…`.
    """

    file_id: str | None = None
    declared: int | None = None
    authority: tuple[str, str] | None = None
    authority_name: str | None = None
    telephones: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SentPlan:
    """A plan block: the name of its element, what the names of its dates begin with, `YYYYMMDDHHMM` each."""

    element: str
    prefix: str
    start: str
    end: str | None
    deleted: str | None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SentSubject:
    """A child, or the mother of an unborn child: the name of its element, and the person."""

    element: str
    ids: tuple[tuple[str, str], ...]
    born: str
    given: str
    family: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SentRecord:
    """A record: all its plans or none, all its subjects or none."""

    plans: tuple[SentPlan, ...] = ()
    subjects: tuple[SentSubject, ...] = ()


def sent_head(root: Element) -> SentHead:
    """Read the head of a file, as far as it can be said back."""
    declared = _value(root, "transmissionQuantity")
    author = _below(root, "communicationFunctionSnd", "organisation")
    authority = (_value(author, "id", name="root"), _value(author, "id", name="extension"))
    name = _below(author, "name")
    return SentHead(
        file_id=_value(root, "id", name="extension") or None,
        declared=int(declared) if COUNT.fullmatch(declared) else None,
        authority=authority if authority[0] in ODS_ROOTS and authority[1] else None,
        authority_name=None if name is None else text(name) or None,
        telephones=_telephones(author),
    )


def _telephones(author: Element | None) -> tuple[tuple[str, str], ...]:
    """Read the telephones that can be said back."""
    if author is None:
        return ()
    telephones = []
    for telecom in author.iterfind(qualified("telecom")):
        value, uses = attribute(telecom, "value"), attribute(telecom, "use").split()
        if uses and _TELEPHONE_USES.issuperset(uses) and _TELEPHONE.fullmatch(value):
            telephones.append((" ".join(uses), value))
    return tuple(telephones[:_TELEPHONES_MAX])


def sent_record(record: Element) -> SentRecord:
    """Read one record, as far as it can be said back."""
    body = _below(record, "CP-ISRecord")
    if body is None:
        return SentRecord()
    return SentRecord(
        plans=_all(_plan, body.iterfind(qualified("pertinentInformation")), most=PLANS_MAX),
        subjects=_all(_subject, body.iterfind(qualified("subject")), most=_SUBJECTS_MAX),
    )


def _all(read: Callable[[Element], _T | None], elements: Iterable[Element], *, most: int) -> tuple[_T, ...]:
    """Read all elements, or none where one cannot be said back or there are too many."""
    found = [read(element) for element in elements]
    readable = tuple(one for one in found if one is not None)
    return readable if len(readable) == len(found) <= most else ()


def _plan(information: Element) -> SentPlan | None:
    """Read one plan block."""
    element = next((part for part in information if part.tag in BLOCKS), None)
    if element is None:
        return None
    prefix = BLOCKS[element.tag].prefix
    start = _plan_time(element, f"{prefix}StartDate")
    end = _plan_time(element, f"{prefix}EndDate")
    deleted = _plan_time(element, f"{prefix}DeleteDate")
    if not start or end is None or deleted is None or (prefix == _END_NEEDED and not end):
        return None
    return SentPlan(
        element=QName(element).localname, prefix=prefix, start=start, end=end or None, deleted=deleted or None
    )


def _plan_time(block: Element, name: str) -> str | None:
    """Read a date of a plan block; empty where it was not sent, None where it cannot be said back."""
    found = next((date for part in block for date in part.iterfind(qualified(name))), None)
    value = _value(found, "value")
    return value if not value or _PLAN_TIME.fullmatch(value) else None


def _subject(subject: Element) -> SentSubject | None:
    """Read one subject."""
    element = next((part for part in subject if part.tag in {CHILD, UNBORN}), None)
    if element is None:
        return None
    role: Element | None = element
    person = _below(element, "childPerson")
    if element.tag == UNBORN:
        person = _below(element, "parentMotherPerson")
        role = _below(person, "playedMother")
    ids = _ids(role)
    born = _value(person, "birthTime")
    if not 1 <= len(ids) <= _IDS_MAX or not _TIME.fullmatch(born):
        return None
    return SentSubject(
        element=QName(element).localname,
        ids=ids,
        born=born,
        given=_name_part(person, "given"),
        family=_name_part(person, "family"),
    )


def _ids(role: Element | None) -> tuple[tuple[str, str], ...]:
    """Read the identifiers of the two kinds that there are."""
    if role is None:
        return ()
    pairs = [(attribute(one, "root"), attribute(one, "extension")) for one in role.iterfind(qualified("id"))]
    return tuple(pair for pair in pairs if pair[0] in {NHS_NUMBER_ROOT, LOCAL_ID_ROOT} and pair[1])


def _name_part(person: Element | None, part: str) -> str:
    """Read the given or the family name; several are joined in the order sent, none is empty."""
    name = _below(person, "name")
    return "" if name is None else " ".join(map(text, name.iterfind(qualified(part)))).strip()


def _below(parent: Element | None, *names: str) -> Element | None:
    """Return the first element found by going down these names; None where the way ends."""
    return None if parent is None else parent.find("/".join(map(qualified, names)))


def _value(parent: Element | None, child: str, *, name: str = "value") -> str:
    """Return an attribute of the first child of that name; empty where there is none."""
    element = _below(parent, child)
    return "" if element is None else attribute(element, name)
