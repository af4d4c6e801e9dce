"""Values in resources of FHIR, read without surprise: what is not of the shape asked for is not there."""

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, datetime
from typing import Any
from urllib.parse import parse_qs

from broker.core.errors import InvalidOdsCode
from broker.core.identifiers import LONDON, OdsCode, aware
from broker.wire.json_strict import within_it

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT = re.compile(
    rf"{_DAY.pattern}T[0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}(\.[0-9]{{1,9}})?(Z|[+-][0-9]{{2}}:[0-9]{{2}})"
)
_MODIFIERS = frozenset({"modifierExtension", "implicitRules"})
_FRACTION_DIGITS = 6  # of a second, as many as a time holds


def within(value: Any, *names: str) -> Any:
    """Return what stands at the end of a way through objects, None where the way ends before."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def text(value: Any, *names: str) -> str:
    """Return a text, without the blanks around it; empty where there is none."""
    found = within(value, *names)
    return found.strip() if isinstance(found, str) else ""


def every(value: Any, *names: str) -> list[dict[str, Any]]:
    """Return the objects in a list, or the one object that stands in its place."""
    found = within(value, *names)
    values = found if isinstance(found, list) else [found]
    return [one for one in values if isinstance(one, dict)]


def modified(value: Any) -> bool:
    """
    Whether a value has what FHIR says must be understood, and that nobody here does, anywhere within it.

    Rules that it was written under, or an extension that may turn round what stands beside it (R4,
    Extensibility).
    """
    return any(isinstance(one, dict) and not _MODIFIERS.isdisjoint(one) for one in within_it(value))


def unmodified(values: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the values in a list that stand as they are read."""
    return [one for one in values if not modified(one)]


def tokens(resource: Any) -> frozenset[str]:
    """Return the identifiers of a resource as a search names them: `system|value`, or the value alone."""
    named = [(text(one, "system"), text(one, "value")) for one in every(resource, "identifier")]
    return frozenset(form for system, value in named if value for form in (f"{system}|{value}", value))


def searched_for(reference: Any, kind: str) -> str:
    """
    Return the identifier, `system|value`, by which a reference searches for a resource, else nothing.

    It does so in its address, as in a transaction, or has an identifier and no address.
    """
    address = text(reference, "reference")
    if not address:
        return max(tokens(reference), key=len, default="")
    searching, _, asked = address.partition("?")
    named = parse_qs(asked).get("identifier", []) if searching == kind else []
    return named[0] if len(named) == 1 else ""


def searched(reference: Any, kind: str) -> dict[str, Any]:
    """Return what a reference searches for, as a resource has it; else the identifier is empty."""
    system, _, value = searched_for(reference, kind).rpartition("|")
    return {"identifier": [{"system": system, "value": value}]}


def codings(concept: Any) -> Iterator[tuple[str, str]]:
    """Yield system and code of a concept, or of several."""
    for one in concept if isinstance(concept, list) else [concept]:
        for coding in every(one, "coding"):
            code = text(coding, "code")
            if code:
                yield text(coding, "system"), code


def phrases(concept: Any) -> Iterator[str]:
    """Yield what a concept says: its text, then the words and the code of each coding."""
    yield text(concept, "text")
    for coding in every(concept, "coding"):
        yield text(coding, "display")
        yield text(coding, "code")


def extensions(element: Any, url: str) -> Iterator[Any]:
    """Yield the concepts of an element's extensions of one name."""
    for one in every(element, "extension"):
        if text(one, "url") == url:
            yield one.get("valueCodeableConcept")


def identified(resource: Any, systems: frozenset[str]) -> Iterator[str]:
    """Yield the values of a resource's identifiers of some systems, those of a reference too."""
    for one in every(resource, "identifier"):
        if text(one, "system") in systems and text(one, "value"):
            yield text(one, "value")


def ods(resource: Any, systems: frozenset[str]) -> OdsCode | None:
    """Return the first ODS code among identifiers of some systems."""
    for value in identified(resource, systems):
        with suppress(InvalidOdsCode):
            return OdsCode(value.upper())
    return None


def moment(value: str) -> tuple[datetime | None, bool]:
    """
    Return a time in UTC, None where it is none; and whether it had no hour: then the day's first moment.

    A day belongs to Europe/London (rulings, "Time").
    """
    with suppress(ValueError, OverflowError):
        if _DAY.fullmatch(value):
            return aware(datetime.fromisoformat(value).replace(tzinfo=LONDON)), True
        match = _INSTANT.fullmatch(value)
        if match is not None:
            fraction = match[1] or ""
            short = fraction[: _FRACTION_DIGITS + 1].ljust(_FRACTION_DIGITS + 1, "0") if fraction else ""
            return aware(datetime.fromisoformat(f"{value[:19]}{short}{match[2]}")), False
    return None, False


def day(value: str) -> date | None:
    """Return a whole day of the calendar, None for anything else."""
    with suppress(ValueError):
        return date.fromisoformat(value) if _DAY.fullmatch(value) else None
    return None


def person_name(names: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the name by which somebody is registered: the official one, the usual one, else the first."""
    for use in ("official", "usual", ""):
        for name in names:
            if text(name, "use") == use:
                return name
    return names[0] if names else {}


def whole_name(*parts: str) -> str | None:
    """Return the parts of a name that are there, None where none is."""
    return " ".join(" ".join(parts).split()) or None


def given(name: Any) -> str:
    """Return the first given name."""
    names = within(name, "given")
    return next((one.strip() for one in names if isinstance(one, str)), "") if isinstance(names, list) else ""
