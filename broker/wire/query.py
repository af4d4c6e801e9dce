"""
The query of the NHS side, HL7 v3 message QUPC_MT000006GB01 (dossier 3.4): bytes → who asks about whom.

Knows both kinds of author, a person and a system with a person who answers for it (R28), and that a missing
indicator of the setting says nothing (R24). What is missing is named as the national service names it.
"""

from dataclasses import dataclass, field
from typing import NoReturn

from lxml.etree import _Element as Element

from broker.core.errors import InvalidNhsNumber, InvalidOdsCode, MalformedMessage
from broker.core.identifiers import NhsNumber, OdsCode
from broker.wire.hl7v3 import attribute, place, qualified, read_document, text

MISSING = "MANDATORY_DATA_MISSING"
"""What the national service calls a field that is not there (dossier 3.4)."""
USER_ROOT = "1.2.826.0.1285.0.2.0.65"
"""Says of an identifier that it is a user's."""

_PERSON, _SYSTEM = "COCT_TP145102GB01.AssignedAuthor", "COCT_TP145104GB01.System"
_SILENT = frozenset({"false", "0"})
_TOLD = frozenset({"true", "1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """
    One query: about whom, and who asks.

    `user_id` is None where a system asks by itself: then role and name are those of the person who answers
    for it. `unscheduled` is None where the message does not say (`accessEventType`, R24).
    """

    query_id: str
    number: NhsNumber = field(repr=False)
    organisation: OdsCode
    organisation_name: str
    role: str
    user_name: str = field(repr=False)
    user_id: str | None = field(default=None, repr=False)
    unscheduled: bool | None = None


def read_query(data: bytes) -> Query:
    """
    Return the query of a message, in its wrappers or without.

    Raises `MalformedMessage` with the place, never with a value.
    """
    root = read_document(data)
    stub = qualified("cP-ISNHSQuery")
    query = root if root.tag == stub else root.find(f".//{stub}")
    if query is None:
        raise MalformedMessage(f"{MISSING}: cP-ISNHSQuery", location="/")
    author = _the(query, "author")
    person, system = author.find(qualified(_PERSON)), author.find(qualified(_SYSTEM))
    if person is None and system is None:
        _missing("author", author)
    asked = _said(query, "extension", "queryByParameter", "person.NHSnumber", "value")
    silent = query.find(f".//{qualified('accessEventType')}")
    who = _of_person(person) if person is not None else _of_system(_the(author, _SYSTEM))
    organisation, role, name, user_id = who
    try:
        number = NhsNumber(asked)
        code = OdsCode(_said(organisation, "extension", "id"))
    except (InvalidNhsNumber, InvalidOdsCode):
        raise MalformedMessage("identifier unreadable", location=place(query)) from None
    return Query(
        query_id=_said(query, "root", "id"),
        number=number,
        organisation=code,
        organisation_name=_text(organisation, "name"),
        role=role,
        user_name=name,
        user_id=user_id,
        unscheduled=None if silent is None else _is_told(silent),
    )


def _of_person(author: Element) -> tuple[Element, str, str, str]:
    """Return the organisation, role, name and own id of a person who asks."""
    ids = [one for one in author.findall(qualified("id")) if attribute(one, "root") == USER_ROOT]
    if not ids or not attribute(ids[0], "extension"):
        _missing("author.id", author)
    name = _text(_the(author, "assignedAuthorPerson"), "name")
    return _the(author, "representedOrganization"), _role(author), name, attribute(ids[0], "extension")


def _of_system(system: Element) -> tuple[Element, str, str, None]:
    """Return the organisation of a system that asks by itself, and who answers for it (R28)."""
    answering = _the(_the(system, "indirectAuthority"), "superiorAssignedEntity")
    name = _text(_the(answering, "assignedPerson"), "name")
    return _the(system, "maintainingOrganization"), _role(answering), name, None


def _role(author: Element) -> str:
    """Return the code of a job role, else its name."""
    code = _the(author, "code")
    said = attribute(code, "code") or attribute(code, "displayName")
    return said or _missing("code", author)


def _is_told(element: Element) -> bool | None:
    """Return whether a look is to be told; None for a word that says neither, which is told (R24)."""
    said = (attribute(element, "value") or text(element)).lower()
    return False if said in _SILENT else True if said in _TOLD else None


def _the(parent: Element, name: str) -> Element:
    """Return the first child of that name."""
    found = parent.find(qualified(name))
    return _missing(name, parent) if found is None else found


def _text(parent: Element, name: str) -> str:
    """Return the text of a child, which must say something."""
    return text(_the(parent, name)) or _missing(name, parent)


def _said(parent: Element, what: str, *path: str) -> str:
    """Return an attribute of what lies on a path of children, which must say something."""
    element = parent
    for name in path:
        element = _the(element, name)
    return attribute(element, what) or _missing(path[-1], parent)


def _missing(name: str, parent: Element) -> NoReturn:
    """Raise `MalformedMessage` for a field that is not there."""
    raise MalformedMessage(f"{MISSING}: {name}", location=place(parent))
