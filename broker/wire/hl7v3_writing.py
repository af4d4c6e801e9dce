"""
How an HL7 v3 message of ours is written: its root, its elements, templates, organisations and times.

What a message says stands in the module of that message; every one of them is valid by its official schema.
"""

import re
import uuid
from datetime import UTC, datetime

from lxml import etree
from lxml.etree import _Element as Element

from broker.core.identifiers import aware
from broker.wire.hl7v3 import NAMESPACE, SCHEMA_INSTANCE, qualified

UNKNOWN = "unknown"
"""Stands where a schema wants a word and there is none that is known."""
ORGANISATION_ROOT = "2.16.840.1.113883.2.1.3.2.4.19.1"
"""Says of an identifier that it is an ODS code."""
PREFIX = "hl7"
"""What XPaths call the namespace of HL7 v3; declared where they stand."""

_LOCALISATION = "NPFIT:HL7:Localisation"
_CONTENT_ROOT = "2.16.840.1.113883.2.1.3.2.4.18.16"
_MESSAGES = uuid.UUID("4f0d1ea4-6a53-5d2c-9a0e-2f6a6a0c0a11")  # of ours: what ids of messages are made under


_DECLARATION = 1  # line
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def begin(name: str) -> Element:
    """Return the root element of a message."""
    return etree.fromstring(
        f'<{name} xmlns="{NAMESPACE}" xmlns:{PREFIX}="{NAMESPACE}" xmlns:loc="{_LOCALISATION}" '
        f'xmlns:xsi="{SCHEMA_INSTANCE}"/>'
    )


def written(root: Element) -> bytes:
    """Return a message in UTF-8."""
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True, pretty_print=True)


def opened(root: Element, *, depth: int = 0) -> tuple[bytes, bytes]:
    """
    Return a message that goes on as what stands before the end of an element, and that end.

    The element is the root, or lies so deep below it, first of its parent; above it nothing is returned.
    """
    lines = written(root).splitlines(keepends=True)
    above = 0 if not depth else depth + _DECLARATION
    end = len(lines) - depth - 1
    return b"".join(lines[above:end]), lines[end]


def within(root: Element, *, depth: int = 0) -> bytes:
    """Return what stands in the root of a message, or so deep below it, as it goes on there."""
    lines = written(root).splitlines(keepends=True)
    return b"".join(lines[depth + 1 + _DECLARATION : len(lines) - depth - 1])


def add(parent: Element, name: str, **attributes: str) -> Element:
    """Append an HL7 v3 element."""
    said = {key: writable(value) for key, value in attributes.items()}
    return etree.SubElement(parent, qualified(name), said)


def add_text(parent: Element, name: str, text: str) -> None:
    """Append an HL7 v3 element that holds a text."""
    add(parent, name).text = writable(text)


def writable(text: str) -> str:
    """Return a text with a mark in the place of each character that XML cannot hold."""
    return _NOT_XML.sub("\ufffd", text)


def add_template(parent: Element, element: str) -> Element:
    """Append the element of a template behind the identifier that announces it."""
    announced = element.replace(".", "#")
    etree.SubElement(parent, f"{{{_LOCALISATION}}}contentId", {"root": _CONTENT_ROOT, "extension": announced})
    return add(parent, element)


def add_organisation(parent: Element, name: str, *, code: str, called: str) -> None:
    """Append an organisation by its ODS code and what it is called."""
    organisation = add(parent, name)
    add(organisation, "id", root=ORGANISATION_ROOT, extension=code)
    add_text(organisation, "name", called)


def add_recipient(root: Element, *, code: str, called: str) -> None:
    """Append which authority a message is for."""
    recipient = add(root, "primaryInformationRecipient")
    intended = add_template(recipient, "COCT_TP145103GB01.IntendedRecipient")
    add_organisation(intended, "representedSourceOrganization", code=code, called=called)


def timestamp(at: datetime) -> str:
    """Return an aware time to the second, UTC, as these messages have it."""
    return aware(at).astimezone(UTC).strftime("%Y%m%d%H%M%S+0000")


def message_id(*parts: str) -> str:
    """Return the UUID of what these parts name, in capitals: the same for the same, and of it alone."""
    return str(uuid.uuid5(_MESSAGES, "\x1f".join(parts))).upper()
