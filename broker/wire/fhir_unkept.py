"""
Whether bytes that came as FHIR may put two NHS numbers of one person side by side: none are kept (42).

A merge does, wherever its header stands; a patient with two numbers, one that is not in use any more among
them, or with a link to another patient. Of what is no JSON, every two numbers may be one person's.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from broker.core.errors import InvalidNhsNumber, MalformedMessage
from broker.core.identifiers import NhsNumber
from broker.wire import fhir_terms as terms
from broker.wire.fhir_values import every, identified, searched, text, within
from broker.wire.hl7v2 import EVENT
from broker.wire.json_strict import document_of

_LIKE_A_NUMBER = re.compile(rb"(?<!\d)\d{3}[ -]?\d{3}[ -]?\d{4}(?!\d)")


def may_hold_two_numbers(data: bytes) -> bool:
    """Return whether bytes may: as far as they can be read, and rather than not."""
    document = document_of(data)
    if not document:
        every_one = _LIKE_A_NUMBER.findall(data.replace(b"\x00", b""))  # as UTF-16 has it, too
        return len(_numbers(one.decode("ascii") for one in every_one)) > 1
    resources = list(_resources(document))
    people = [one for one in resources if text(one, "resourceType") == "Patient"]
    if any(merges(one) for one in resources) or any(every(one, "link") for one in people):
        return True
    subjects = [within(one, "subject") for one in resources]
    named = [*people, *subjects, *(searched(one, "Patient") for one in subjects)]
    return len(_numbers(value for one in named for value in identified(one, terms.NHS_NUMBER))) > 1


def merges(header: Any) -> bool:
    """Return whether a message header's event is a merge."""
    event = within(header, "eventCoding")
    return (text(event, "system"), text(event, "code")) in terms.MERGES


def merge_refused() -> MalformedMessage:
    """Return why a merge is not taken: R4 has no merge of its own, and v2's says more (ADR 0044)."""
    return MalformedMessage(
        "merge not taken in FHIR, send A40 over MLLP", hl7_code=EVENT, location="MessageHeader.event"
    )


def _resources(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield what was sent by itself or in a Bundle, and what is contained in it."""
    sent = [document, *(one.get("resource") for one in every(document, "entry"))]
    for one in sent:
        if isinstance(one, dict):
            yield one
            yield from every(one, "contained")


def _numbers(values: Iterable[str]) -> frozenset[NhsNumber]:
    """Return the NHS numbers among values."""
    found = set()
    for value in values:
        with suppress(InvalidNhsNumber):
            found.add(NhsNumber(re.sub(r"[ -]", "", value)))
    return frozenset(found)
