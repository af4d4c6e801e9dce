"""The schema files themselves: documented, pinned, in step with the core and with each other."""

from collections.abc import Iterator
from dataclasses import fields
from enum import Enum
from typing import Any

import pytest
from fastavro import parse_schema

from broker.core import (
    alerts,
    answers,
    audit,
    facts,
    lawful_basis,
    operators,
    partition,
    person,
    possible,
    possible_keys,
    succession,
    visit_reason,
    worklist,
)
from broker.wire.records_codec import Door, Rejected
from tests.unit.wire.shipped import shipped_ids, shipped_names, shipped_schema

PINNED = {
    "plan": 1001,
    "plan_details": 1002,
    "attendance": 1003,
    "attendance_details": 1004,
    "hospital_attendance": 1260,
    "identity": 1005,
    "access": 1006,
    "access_details": 1007,
    "person": 1008,
    "partition": 1009,
    "forwarding": 1010,
    "alert": 1011,
    "merged": 1425,
    "forwarded": 1035,
    "passage": 1036,
    "inactive": 1070,
    "erasure": 1071,
    "acknowledgement": 1012,
    "worklist_item": 1013,
    "rejected": 1014,
    "audit_entry": 1015,
    "sealed": 1016,
    "operator_action": 1017,
    "identity_details": 1018,
    "destruction": 1045,
    "check_mark": 1050,
    "visit_left": 1055,
    "kin": 1080,
    "birth_details": 1081,
    "cover_details": 1082,
    "link_ended_details": 1083,
    "feed_file": 1300,
    "feed_notice": 1301,
    "pushed_answer": 1280,
    "details": 1065,
    "clues": 1426,
    "details_shelf": 1427,
    "details_search": 1428,
}
ENUMS: dict[str, type[Enum]] = {
    kind.__name__: kind
    for kind in (
        facts.PlanType,
        facts.VisitEvent,
        facts.NumberStatus,
        visit_reason.Reason,
        facts.Reliability,
        facts.IdentityKind,
        lawful_basis.Flow,
        alerts.RecipientKind,
        alerts.Occasion,
        alerts.SubjectRole,
        alerts.PlanState,
        alerts.Mark,
        alerts.VisitState,
        alerts.Note,
        alerts.Urgency,
        alerts.Route,
        alerts.EventKind,
        alerts.Change,
        worklist.ItemKind,
        alerts.Why,
        operators.ActionKind,
        answers.Finding,
        answers.Uncheckable,
        Door,
    )
}
ONLY_IN_A_SCHEMA = {"AcknowledgementKind", "ClueKind", "KinKind"}
CORE_TYPES: dict[str, tuple[type, set[str]]] = {
    "PlanLine": (alerts.PlanLine, set()),
    "VisitLine": (alerts.VisitLine, set()),
    "ViewLine": (alerts.ViewLine, set()),
    "Contact": (alerts.Contact, set()),
    "OpenItem": (worklist.WorklistItem, set()),
    "WorklistItem": (worklist.WorklistItem, {"topic", "partition", "offset", "cause", "sealed"}),
    "KnownAccess": (facts.Access, set()),
    "KnownNotice": (facts.IdentityNotice, set()),
    "Identity": (facts.IdentityNotice, {"sealed"}),
    "IdentityDetails": (facts.IdentityNotice, set()),
    "BirthDetails": (facts.Birth, set()),
    "CoverBirth": (facts.Birth, set()),
    "KnownBirth": (facts.Birth, set()),
    "CoverDetails": (facts.Cover, set()),
    "KnownCover": (facts.Cover, set()),
    "LinkEndedDetails": (facts.LinkEnded, set()),
    "Merged": (succession.Merged, {"sealed"}),
    "Passage": (succession.Passage, set()),
    "AccessDetails": (facts.Access, set()),
    "AttendanceDetails": (facts.VisitMessage, set()),
    "Attendance": (facts.VisitMessage, {"sealed", "faults"}),
    "KnownMessage": (facts.VisitMessage, set()),
    "PlanSaid": (facts.PlanFact, set()),
    "Partition": (partition.PartitionState, set()),
    "Forwarding": (partition.Forwarding, set()),
    "SoughtVisit": (possible.Sought, set()),
    "Window": (possible_keys.Window, set()),
    "DetailsShelf": (possible.Shelf, set()),
    "DetailsSearch": (possible.Search, set()),
    "AuditRecipient": (alerts.Recipient, set()),
    "AuditEntry": (audit.AuditEntry, {"previous_hash"}),
    "Destruction": (audit.DestructionEntry, {"previous_hash"}),
    "Rejected": (Rejected, {"size", "sealed"}),
    "ToldRow": (person.Told, {"told_alert_id"}),
}


def definitions(schema: Any) -> Iterator[dict[str, Any]]:
    """Yield every named type that a schema defines, the outermost first."""
    match schema:
        case list():
            for branch in schema:
                yield from definitions(branch)
        case {"type": "record"}:
            yield schema
            for field in schema["fields"]:
                yield from definitions(field["type"])
        case {"type": "enum"}:
            yield schema
        case {"type": "array", "items": inner} | {"type": "map", "values": inner}:
            yield from definitions(inner)


def all_definitions() -> list[dict[str, Any]]:
    """Return every named type that any schema defines."""
    return [found for name in shipped_names() for found in definitions(shipped_schema(name))]


def records() -> dict[str, dict[str, Any]]:
    """Return every record that any schema defines, by name."""
    return {found["name"]: found for found in all_definitions() if found["type"] == "record"}


def field_names(record: str) -> set[str]:
    """Return the names of a record's fields."""
    return {field["name"] for field in records()[record]["fields"]}


def test_the_ids_are_pinned() -> None:
    """An id that was given is never given again: bytes that carry it lie in topics for years."""
    assert PINNED == shipped_ids()


def test_every_schema_has_an_id() -> None:
    """No schema is without an id and no id without a schema."""
    assert sorted(shipped_ids()) == shipped_names()


@pytest.mark.parametrize("name", shipped_names())
def test_a_schema_stands_alone(name: str) -> None:
    """Each file can be read by any Avro library without the others."""
    parsed = parse_schema(shipped_schema(name), named_schemas={})

    assert parsed["name"].startswith("cpis.")


def test_every_type_and_field_is_documented() -> None:
    """Each says what it is, with its unit and where it comes from."""
    undocumented = [
        (found["name"], field.get("name"))
        for found in all_definitions()
        for field in [found, *found.get("fields", [])]
        if not field.get("doc")
    ]

    assert [] == undocumented


def test_a_field_that_may_be_null_is_null_by_default() -> None:
    """Readers and writers of any two releases understand each other: what may be absent may be left out."""
    without = [
        (found["name"], field["name"])
        for found in records().values()
        for field in found["fields"]
        if isinstance(field["type"], list)
        and (field["type"][0] != "null" or field.get("default", 0) is not None)
    ]

    assert [] == without


def test_a_list_is_empty_by_default() -> None:
    """Lists can be added later without breaking a reader."""
    without = [
        (found["name"], field["name"])
        for found in records().values()
        for field in found["fields"]
        if isinstance(field["type"], dict) and field["type"]["type"] == "array" and field.get("default") != []
    ]

    assert [] == without


def test_every_enum_has_the_members_of_the_core() -> None:
    """A symbol is a member's name, and `UNKNOWN` is what a newer symbol becomes."""
    found = {each["name"]: each for each in all_definitions() if each["type"] == "enum"}
    expected = {name: [*kind.__members__, "UNKNOWN"] for name, kind in ENUMS.items()}

    assert expected == {name: each["symbols"] for name, each in found.items() if name not in ONLY_IN_A_SCHEMA}
    assert {"UNKNOWN"} == {each["default"] for each in found.values()}


def outline(schema: Any, *, outermost: bool = True) -> Any:
    """Return a definition with the types that it defines inside as their names."""
    match schema:
        case {"name": name, "type": "record" | "enum"} if not outermost:
            return name
        case dict():
            return {
                key: outline(value, outermost=False) for key, value in schema.items() if key != "namespace"
            }
        case list():
            return [outline(item, outermost=False) for item in schema]
        case _:
            return schema


def test_a_type_is_the_same_in_every_file() -> None:
    """What stands in several files for their readers' sake never drifts apart."""
    first: dict[str, Any] = {}
    different = [
        found["name"]
        for found in all_definitions()
        if outline(first.setdefault(found["name"], found)) != outline(found)
    ]

    assert [] == different


@pytest.mark.parametrize("record", CORE_TYPES)
def test_a_record_has_no_field_that_the_core_lacks(record: str) -> None:
    """Field names are the core's, but for the few that only a record needs."""
    kind, additional = CORE_TYPES[record]

    assert set() == field_names(record) - {field.name for field in fields(kind)} - additional


@pytest.mark.parametrize(
    ("kind", "parts"),
    [
        pytest.param(facts.VisitMessage, ["Attendance", "AttendanceDetails"], id="attendance"),
        pytest.param(facts.VisitMessage, ["KnownMessage", "KnownVisit"], id="message of a person"),
        pytest.param(facts.Access, ["Access", "AccessDetails"], id="access"),
        pytest.param(facts.Access, ["KnownAccess"], id="access of a person"),
        pytest.param(facts.Details, ["PlanDetails"], id="details"),
        pytest.param(facts.Details, ["KnownPlan"], id="details of a person"),
        pytest.param(alerts.PlanLine, ["PlanLine"], id="plan as told"),
        pytest.param(alerts.VisitLine, ["VisitLine"], id="visit as told"),
        pytest.param(alerts.ViewLine, ["ViewLine"], id="view as told"),
        pytest.param(alerts.Contact, ["Contact"], id="contact"),
        pytest.param(worklist.WorklistItem, ["WorklistItem"], id="item"),
        pytest.param(partition.PartitionState, ["Partition"], id="partition"),
        pytest.param(partition.Forwarding, ["Forwarding"], id="forwarding"),
        pytest.param(facts.IdentityNotice, ["Identity", "IdentityDetails"], id="notice"),
        pytest.param(facts.IdentityNotice, ["KnownNotice"], id="notice of a person"),
        pytest.param(succession.Passage, ["Passage"], id="passage"),
        pytest.param(person.Told, ["ToldRow"], id="told row"),
    ],
)
def test_no_field_of_the_core_is_missing(kind: type, parts: list[str]) -> None:
    """Every field of the core stands in one of its records."""
    there = set().union(*(field_names(part) for part in parts))

    assert set() == {field.name for field in fields(kind)} - there


@pytest.mark.parametrize("name", ["attendance", "plan", "access", "identity"])
def test_what_is_sealed_is_not_in_clear(name: str) -> None:
    """No field stands both in an input's record and in its sealed part."""
    clear = {field["name"] for field in shipped_schema(name)["fields"]}
    sealed = {field["name"] for field in shipped_schema(f"{name}_details")["fields"]}

    assert set() == clear & sealed


def test_the_sealed_registers_are_those_of_the_core() -> None:
    """Which registers of a visit are sealed is decided in the core."""
    assert set(facts.SEALED_REGISTERS) == field_names("AttendanceDetails")
