"""
The answers of a Personal Demographics Service that speaks FHIR R4: about a number, and about details.

Knows what a Patient says of a number (superseded where it has another id, R35) and which errors are answers:
a 404 that says `INVALIDATED_RESOURCE` (R36) or `RESOURCE_NOT_FOUND`. Anything else is `MalformedMessage`,
never `not known`: silence is no answer, and nor is the error page of something in between. No error repeats
a value.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from http import HTTPStatus
from typing import Any, Final

from broker.core.demographics import (
    Current,
    Invalidated,
    NoMatch,
    NotKnown,
    NumberAnswer,
    OneMatch,
    SearchAnswer,
    SeveralMatches,
    SupersededBy,
)
from broker.core.errors import InvalidNhsNumber, MalformedMessage
from broker.core.facts import Details
from broker.core.identifiers import NhsNumber, london_day
from broker.core.matching import fold_name
from broker.wire.fhir_terms import NHS_NUMBER, NUMBER_STATUS
from broker.wire.json_strict import read_json

CONFIDENTIALITY: Final = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
SPINE_CODES: Final = "https://fhir.nhs.uk/R4/CodeSystem/Spine-ErrorOrWarningCode"
INVALIDATED, NOT_FOUND = "INVALIDATED_RESOURCE", "RESOURCE_NOT_FOUND"
TOO_MANY: Final = "TOO_MANY_MATCHES"
VERIFIED: Final = "01"
UNRESTRICTED: Final = "U"

_FHIR = "application/fhir+json"
_JSON = frozenset({_FHIR, "application/json"})
_REGISTERED = ("official", "usual")  # R13: never a nickname, a maiden name or an old one
_SPECIAL = frozenset("*,|$\\")  # of a search's own language: an asterisk finds whoever begins so


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back over HTTP: `content_type` without its parameters, in small letters."""

    status: int
    content_type: str
    body: bytes = field(repr=False)


def is_of_the_service(reply: Reply) -> bool:
    """
    Whether the service itself has answered, by the form of the reply and not by its status.

    What something in between sends, such as the page of a gateway or a JSON of its own, is no answer about
    anybody: it is as if the service were away.
    """
    if reply.content_type == _FHIR:
        return True
    try:
        return isinstance(_document(reply).get("resourceType"), str)
    except MalformedMessage:
        return False


def read_number(reply: Reply, asked: NhsNumber, at: datetime) -> NumberAnswer:
    """
    Return what a reply says of the number that was asked about; `at` is its stamp, aware UTC.

    Raises `MalformedMessage`.
    """
    document = _document(reply)
    if reply.status == HTTPStatus.NOT_FOUND:
        codes = set(_codes(document))
        if INVALIDATED in codes:
            return Invalidated(recorded_at=at)
        if codes == {NOT_FOUND}:
            return NotKnown()
        raise MalformedMessage("not found, for no reason that is known")
    _expect(reply, HTTPStatus.OK)
    number, details = _patient(document, at)
    if number != asked:
        return SupersededBy(successor=number, restricted=_is_restricted(document), recorded_at=at)
    return Current(details=details, restricted=_is_restricted(document), recorded_at=at)


def search_terms(details: Details) -> list[tuple[str, str]] | None:
    """
    Return the parameters of an exact search for details, None where no search can be made of them.

    All three have to be there and say something (ruling 21), and no name may hold what the search's own
    language would take for more than a letter.
    """
    names = (details.family or "", details.given or "")
    if details.birth_date is None or not all(fold_name(name) for name in names):
        return None
    if any(_SPECIAL & set(name) for name in names):
        return None
    return [
        ("family", names[0].strip()),
        *(("given", one) for one in names[1].split()),
        ("birthdate", f"eq{details.birth_date.isoformat()}"),
        ("_exact-match", "true"),
    ]


def read_found(reply: Reply, asked: Details, at: datetime) -> SearchAnswer:
    """
    Return whether exactly one person was found, and has the details that were asked with (ruling 21).

    The source's word that it matched exactly is not enough: names are compared folded, the date of birth as
    it is. Raises `MalformedMessage`.
    """
    document = _document(reply)
    _expect(reply, HTTPStatus.OK)
    if document.get("resourceType") == "OperationOutcome":
        if TOO_MANY in set(_codes(document)):
            return SeveralMatches()
        raise MalformedMessage("an outcome that is none of a search")
    if document.get("resourceType") != "Bundle" or document.get("type") != "searchset":
        raise MalformedMessage("no list of what was found")
    entries = document.get("entry", [])
    total = document.get("total")
    if not isinstance(entries, list) or not isinstance(total, int) or isinstance(total, bool):
        raise MalformedMessage("a list without its length")
    if total < len(entries) or (total and not entries):
        raise MalformedMessage("a list that is not as long as it says")
    if total > 1:
        return SeveralMatches()
    if not entries:
        return NoMatch()
    patient = _object(_object(entries[0]).get("resource"))
    number, found = _patient(patient, at)
    if not _same(asked, found):
        return NoMatch()
    return OneMatch(number=number, protected_at=at if _is_restricted(patient) else None)


def read_token(reply: Reply) -> tuple[str, float]:
    """Return an access token and for how many seconds it is good; raise `MalformedMessage`."""
    document = _document(reply)
    _expect(reply, HTTPStatus.OK)
    token, expires = document.get("access_token"), document.get("expires_in")
    if isinstance(expires, str) and expires.isdecimal() and expires.isascii():
        expires = int(expires)  # a text, as the service has it
    if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not token:
        raise MalformedMessage("no token")
    if isinstance(expires, bool) or not isinstance(expires, int | float) or expires <= 0:
        raise MalformedMessage("a token without its time")
    return token, float(expires)


def _document(reply: Reply) -> dict[str, Any]:
    """Return the object of a reply; what says that it is something else is not looked into."""
    if reply.content_type not in _JSON:
        raise MalformedMessage("not JSON by its content type")
    return read_json(reply.body)


def _expect(reply: Reply, status: HTTPStatus) -> None:
    """Refuse any other status."""
    if reply.status != status:
        raise MalformedMessage(f"status {reply.status}")


def _codes(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield the codes of an outcome; none where it is none."""
    if document.get("resourceType") != "OperationOutcome":
        return
    for issue in _list(document.get("issue")):
        for coding in _list(_object(_object(issue).get("details", {})).get("coding")):
            said = _object(coding)
            if said.get("system") == SPINE_CODES and isinstance(said.get("code"), str):
                yield said["code"]


def _patient(document: Mapping[str, Any], at: datetime) -> tuple[NhsNumber, Details]:
    """Return number and registered details of a Patient whose number is verified (R13, R33)."""
    if document.get("resourceType") != "Patient":
        raise MalformedMessage("no Patient")
    number = _number(document.get("id"))
    own = [one for one in _list(document.get("identifier")) if _object(one).get("system") in NHS_NUMBER]
    if [number] != [_number(one.get("value")) for one in own]:
        raise MalformedMessage("a Patient whose id and identifier differ")
    if VERIFIED not in set(_statuses(own[0])):
        raise MalformedMessage("a number that is not verified")
    names = _registered_name(document, at)
    given = [one for one in _list(names.get("given")) if isinstance(one, str)]
    family = names.get("family")
    return number, Details(
        family=family if isinstance(family, str) else None,
        given=" ".join(given) or None,
        birth_date=_birth_date(document.get("birthDate")),
    )


def _number(value: object) -> NhsNumber:
    """Return an NHS number; raise `MalformedMessage`."""
    try:
        return NhsNumber(value if isinstance(value, str) else "")
    except InvalidNhsNumber:
        raise MalformedMessage("a Patient without a usable number") from None


def _statuses(identifier: Mapping[str, Any]) -> Iterator[object]:
    """Yield the codes of the status of an identifier's number."""
    for extension in _list(identifier.get("extension")):
        said = _object(extension)
        if said.get("url") == NUMBER_STATUS:
            for coding in _list(_object(said.get("valueCodeableConcept", {})).get("coding")):
                yield _object(coding).get("code")


def _registered_name(document: Mapping[str, Any], at: datetime) -> Mapping[str, Any]:
    """
    Return the name under which a person is registered today, empty where that is not to be said (R13).

    Of two names of one use nobody knows which it is.
    """
    names = [_object(name) for name in _list(document.get("name"))]
    today = london_day(at).isoformat()
    for use in _REGISTERED:
        found = [name for name in names if name.get("use") == use and _holds(name, today)]
        if found:
            return found[0] if len(found) == 1 else {}
    return {}


def _holds(name: Mapping[str, Any], today: str) -> bool:
    """Whether a name holds today, by its period; the days are compared as they are written."""
    period = _object(name.get("period", {}))
    start, end = (str(period.get(side, today))[: len(today)] for side in ("start", "end"))
    return start <= today <= end


def _birth_date(value: object) -> date | None:
    """Return a whole date of birth; a year, or a month of one, is none that can be compared."""
    try:
        return date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _is_restricted(document: Mapping[str, Any]) -> bool:
    """
    Whether the source protects a person: any label but `unrestricted` (R39, ruling 24).

    A Patient without a label says nothing of it, and is no answer.
    """
    labels = [_object(one) for one in _list(_object(document.get("meta", {})).get("security"))]
    codes = [one.get("code") for one in labels if one.get("system") == CONFIDENTIALITY]
    if not codes:
        raise MalformedMessage("a Patient without a label of confidentiality")
    return codes != [UNRESTRICTED]


def _same(asked: Details, found: Details) -> bool:
    """Whether who was found has the details asked with: all given names, or the first where one was asked."""
    words = (found.given or "").split()
    given = {fold_name(found.given), fold_name(words[0]) if words else None} - {None}
    return (
        asked.birth_date == found.birth_date
        and fold_name(asked.family) == fold_name(found.family)
        and fold_name(asked.given) in given
    )


def _list(value: object) -> list[Any]:
    """Return a list, empty for nothing; raise `MalformedMessage` for anything else."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise MalformedMessage("no list where there must be one")
    return value


def _object(value: object) -> dict[str, Any]:
    """Return an object; raise `MalformedMessage` for anything else."""
    if not isinstance(value, dict):
        raise MalformedMessage("no object where there must be one")
    return value
