"""
What a visit's resources are in what was sent: a message Bundle, a transaction, or an Encounter by itself.

Knows how resources point at each other, and that one message is about one visit of one patient (Da Vinci
notifications [A20]). Resources that a visit is not read by are never looked at.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qs

from broker.core.errors import MalformedMessage
from broker.wire.fhir_models import checked
from broker.wire.fhir_unkept import merge_refused, merges
from broker.wire.fhir_values import every, modified, searched_for, tokens, within
from broker.wire.hl7v2 import DATA_TYPE, MESSAGE_TYPE, REQUIRED_FIELD, SEGMENT_SEQUENCE
from broker.wire.json_strict import nodes, read_json

Resource = dict[str, Any]
"""A resource as it stands in JSON."""

ENTRIES_MAX: Final = 500
"""Entries of one Bundle: a notification has a dozen, a whole stay some hundred."""
VALUES_MAX: Final = 3_000
"""
Values in the resources that a visit is read by, together: it needs some 200. Holding one to its model takes
20 µs, for which other senders wait.
"""
_ADDRESS = re.compile(r"(https?://\S*?/)([A-Za-z]+/[A-Za-z0-9.\-]{1,64})")
_UNADDRESSED = "entry without address "
"""Begins the name of a resource that says no address, so that any may be its own."""
_ADDS_WORDS = frozenset({"Condition", "Observation", "Practitioner", "PractitionerRole"})
MESSAGE: Final = "message"
TRANSACTION: Final = "transaction"
PUT: Final = "Encounter"
"""How one visit is sent by itself; the other two are types of a Bundle."""
UNREAD: Final = "Bundle.entry"
"""The place of a fault: a message has another visit than the one in its focus, which is not read."""
MODIFIED: Final = "modifierExtension"
"""The place of a fault: what is said may be turned round by something that is not understood."""
CONTRADICTED: Final = "Encounter.status"
"""The place of a fault: the visit is void by its status, and by its event something happened in it."""
_TELLING = frozenset({"", "PUT", "POST"})
"""What a transaction may ask: it is taken whole or not at all (R4), and nothing is deleted here."""
_CONDITIONS = ("ifNoneExist", "ifNoneMatch", "ifModifiedSince")
"""What a transaction may not ask of its visit: what was told before is not looked at (ADR 0023)."""


@dataclass(slots=True, kw_only=True)
class Sent:
    """
    What was sent, in one of three ways: `MESSAGE`, `TRANSACTION` or `PUT`.

    `index` has each resource by what it may be referred to as, None where two that differ are called so.
    `bundle`, which is without its entries, and `header` are None where there is none. `faults` are places at
    which something was left out: a time that is none, a resource that only adds words and is not of its kind.
    `MODIFIED` is among them where something is modified in a way that nobody here knows (ADR 0053).
    """

    way: str
    bundle: Resource | None
    header: Resource | None
    encounter: Resource
    index: Mapping[str, Resource | None] = field(repr=False)
    faults: set[str] = field(default_factory=set)
    _read: dict[int, Resource | None] = field(default_factory=dict, repr=False)
    _values: int = 0

    def named(self, reference: Any, kind: str) -> Resource | None:
        """
        Return the resource of a kind that a reference points at, None where it was not sent.

        Whoever could be either of two is nobody: that is refused, but for what only adds words.
        """
        name = self._name_of(reference, kind)
        found = self.index.get(name)
        if found is None and name in self.index:
            if kind not in _ADDS_WORDS:
                raise MalformedMessage("two resources of one name", hl7_code=DATA_TYPE, location=kind)
            self.faults.add(kind)
        if found is None or found.get("resourceType") != kind:
            return None
        return self._checked(found, kind)

    def _name_of(self, reference: Any, kind: str) -> str:
        """
        Return the name in the index of what a reference points at.

        An address that nothing here is called by may be that of a resource which says no address of its own;
        a search, and an identifier without an address, are of the one resource that has the identifier (R4,
        Reference and Bundle).
        """
        name = _referred_to(reference)
        if name in self.index:
            return name
        searched = searched_for(reference, kind)
        if searched:
            having = {
                id(found): one
                for one, found in self.index.items()
                if found and found.get("resourceType") == kind and searched in tokens(found)
            }
            return having.popitem()[1] if len(having) == 1 else name
        address = _ADDRESS.fullmatch(name)
        return name if address is None else f"{_UNADDRESSED}{address[2]}"

    def all(self, kind: str) -> Iterator[Resource]:
        """Yield every resource of a kind."""
        sent = filter(None, self.index.values())
        every = {id(one): one for one in sent if one.get("resourceType") == kind}
        yield from filter(None, (self._checked(one, kind) for one in every.values()))

    def _checked(self, resource: Resource, kind: str) -> Resource | None:
        """
        Return a resource that is one of its kind; one that only adds words is left out where it is not.

        Who the patient is, and where, is more than words: that is refused.
        """
        known = id(resource)
        if known not in self._read:
            self._read[known] = None
            try:
                self.hold(resource, kind)
            except MalformedMessage:
                if kind not in _ADDS_WORDS:
                    raise
                self.faults.add(kind)
            else:
                if kind not in _ADDS_WORDS or not modified(resource):
                    self._read[known] = resource
        return self._read[known]

    def hold(self, resource: Resource, kind: str) -> None:
        """Hold a resource to its model; raise `MalformedMessage`, also where too much has been held."""
        self._values += nodes(resource, most=VALUES_MAX)
        if self._values > VALUES_MAX:
            raise MalformedMessage("too many values to read", hl7_code=DATA_TYPE, location=kind)
        self.faults.update(checked(resource, kind))
        if modified(resource):
            self.faults.add(MODIFIED)


def read_sent(data: bytes) -> Sent:
    """Return what was sent; raise `MalformedMessage` for anything in which there is not one visit."""
    document = read_json(data)
    kind = document.get("resourceType")
    if kind == PUT:
        return _sent(PUT, None, document, [])
    if kind != "Bundle":
        raise MalformedMessage("resource type not taken", hl7_code=MESSAGE_TYPE)
    way = _text(document, "type")
    if way not in {MESSAGE, TRANSACTION}:
        raise MalformedMessage("type of Bundle not taken", hl7_code=MESSAGE_TYPE, location="Bundle.type")
    return _sent(way, document, None, _entries(document.pop("entry", None)))


def _entries(entries: Any) -> list[Resource]:
    """Return the entries of a Bundle, each with a resource."""
    if not isinstance(entries, list):
        raise MalformedMessage("no entries", hl7_code=REQUIRED_FIELD, location="Bundle.entry")
    if len(entries) > ENTRIES_MAX:
        raise MalformedMessage("too many entries", hl7_code=DATA_TYPE, location="Bundle.entry")
    for number, entry in enumerate(entries):
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
            raise MalformedMessage(
                "no resource", hl7_code=DATA_TYPE, location=f"Bundle.entry[{number}].resource"
            )
    return entries


def _sent(way: str, bundle: Resource | None, encounter: Resource | None, entries: list[Resource]) -> Sent:
    """Find header and visit, and hold them to their models."""
    index = _index(entries)
    header = _header(entries) if way == MESSAGE else None
    if encounter is None:
        visits = _visits(entries, header, index)
        if not visits and merges(header):
            raise merge_refused()
        encounter = _only(visits)
        if way == TRANSACTION:
            _hold_to_request(entries, encounter)
    for one in every(encounter, "contained"):
        if isinstance(one.get("id"), str):
            _put(index, f"#{one['id']}", one)
    sent = Sent(way=way, bundle=bundle, header=header, encounter=encounter, index=index)
    for resource, kind in ((bundle, "Bundle"), (header, "MessageHeader"), (encounter, PUT)):
        if resource is not None:
            sent.hold(resource, kind)
    if any(_is_visit(one) and one["resource"] is not encounter for one in entries):
        sent.faults.add(UNREAD)
    return sent


def _is_visit(entry: Resource) -> bool:
    """Tell whether an entry has a visit."""
    return bool(entry["resource"]["resourceType"] == PUT)


def _hold_to_request(entries: list[Resource], visit: Resource) -> None:
    """
    Refuse a transaction that asks something else than to be told of its visit, or contradicts it.

    Else what asks for a visit to be deleted would be taken for somebody's arrival, and a patient who is to be
    deleted for the one who came. A visit that is to be created only if there is none (`ifNoneExist`) would
    change what was told before; of anything else nothing is stored, so that it makes no difference.
    """
    for number, entry in enumerate(entries):
        place, request = f"Bundle.entry[{number}].request", entry.get("request")
        if _text(request, "method") not in _TELLING:
            raise MalformedMessage("method not taken", hl7_code=MESSAGE_TYPE, location=f"{place}.method")
        if entry["resource"] is visit:
            _hold_to_visit(request, visit, place)


def _hold_to_visit(request: Any, visit: Resource, place: str) -> None:
    """Refuse what a transaction asks of its visit where it contradicts it, or depends on another version."""
    method = _text(request, "method")
    for name in _CONDITIONS:
        if within(request, name):
            raise MalformedMessage("condition not taken", hl7_code=MESSAGE_TYPE, location=f"{place}.{name}")
    named = parse_qs(_text(request, "url").partition("?")[2]).get("identifier", [])
    if method == "PUT" and not tokens(visit).issuperset(named):
        raise MalformedMessage("identifier is not the visit's", hl7_code=DATA_TYPE, location=f"{place}.url")
    version, asked = _text(visit.get("meta"), "versionId"), _text(request, "ifMatch")
    if version and asked not in {"", "*", f'W/"{version}"'}:
        raise MalformedMessage(
            "version is not the one asked for", hl7_code=DATA_TYPE, location=f"{place}.ifMatch"
        )


def told_of(document: Resource) -> tuple[Resource, list[int]]:
    """Return the visit that a message which was taken is about, and the entries with another one, unread."""
    entries = document["entry"]
    visit = _only(_visits(entries, _header(entries), _index(entries)))
    unread = [n for n, one in enumerate(entries) if _is_visit(one) and one["resource"] is not visit]
    return visit, unread


def _header(entries: list[Resource]) -> Resource:
    """Return the header of a message."""
    header: Resource = entries[0]["resource"] if entries else {}
    if header.get("resourceType") != "MessageHeader":
        raise MalformedMessage(
            "message header is not first", hl7_code=SEGMENT_SEQUENCE, location="Bundle.entry[0].resource"
        )
    return header


def _visits(
    entries: list[Resource], header: Resource | None, index: Mapping[str, Resource | None]
) -> list[Resource]:
    """Return the visits that a Bundle is about: those in the header's focus, failing that all."""
    visits = [one["resource"] for one in entries if _is_visit(one)]
    focus = [index.get(_referred_to(one)) for one in every(header, "focus")]
    focused = [one for one in focus if one is not None and one["resourceType"] == PUT]
    return focused or visits


def _only(visits: list[Resource]) -> Resource:
    """Return the one visit; refuse none, or several."""
    if not visits:
        raise MalformedMessage("no Encounter", hl7_code=SEGMENT_SEQUENCE, location="Bundle.entry")
    if any(one is not visits[0] for one in visits):
        raise MalformedMessage("more than one Encounter", hl7_code=SEGMENT_SEQUENCE, location="Bundle.entry")
    return visits[0]


def _index(entries: list[Resource]) -> dict[str, Resource | None]:
    """
    Return every resource by what it may be referred to as.

    By its address, and by type and id: its own id, or the one at the end of its address.
    """
    found: dict[str, Resource | None] = {}
    for number, entry in enumerate(entries):
        resource = entry["resource"]
        names = [f"entry {number}"]
        kind, url = resource["resourceType"], _text(entry, "fullUrl")
        address = _ADDRESS.fullmatch(url)
        if isinstance(resource.get("id"), str):
            names.append(f"{kind}/{resource['id']}")
            if address is None:
                names.append(f"{_UNADDRESSED}{kind}/{resource['id']}")
        if address is not None and address[2].startswith(f"{kind}/"):
            names.append(address[2])
        if url:
            names.append(url)
        for name in names:
            _put(found, name, resource)
    return found


def _put(index: dict[str, Resource | None], name: str, resource: Resource) -> None:
    """Index a resource by a name, by which there is none where another is called so, too."""
    if index.setdefault(name, resource) != resource:
        index[name] = None


def _referred_to(reference: Any) -> str:
    """
    Return what a reference names; one to a version names the resource: a message has each of them once.

    A resource of one id is one patient, or one visit, in whichever version.
    """
    return _text(reference, "reference").partition("/_history/")[0]


def _text(value: Any, name: str) -> str:
    """Return a text in an object, empty where there is none."""
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""
