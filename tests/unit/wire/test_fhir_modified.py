"""What FHIR says must be understood and is not: the visit is taken, and its sender is told (ADR 0053)."""

from typing import Any

import pytest

from broker.core.sender_keys import CompanionPlaces
from broker.core.senders import Sender
from broker.wire.adt_registers import Fault
from broker.wire.fhir import read_fhir
from broker.wire.fhir_answer import answer_to_message, answer_to_transaction, taken
from broker.wire.fhir_values import modified
from broker.wire.visit_reading import ADMITS_ALL, Context, VisitReading
from tests.builders.adt import Adt
from tests.builders.fhir import concept, message, transaction, written
from tests.builders.hl7 import KEY, RECEIVED, ROBIN

NOT = {"modifierExtension": [{"url": "https://riverside.example/not", "valueBoolean": True}]}
RULES = {"implicitRules": "https://riverside.example/rules"}
ADT = Adt(
    event="A04",
    control_id="M1",
    recorded="20250301101500",
    pv1={"class": "E", "visit": "V-1", "arrived": "20250301101210", "attending": "C1^Quill^Ada"},
    next_of_kin=("Sample^Alex", "3"),
)


def read(resource: Any) -> VisitReading:
    """Read what is sent in the afternoon of 1 March 2025 by a site that says who came along."""
    sender = Sender(accompanied_in=CompanionPlaces(participants=frozenset({"ESC"})))
    admits = ADMITS_ALL._replace(sender=lambda _provider, _system: sender)
    context = Context(key=KEY, received_at=RECEIVED, admits=admits)
    return read_fhir(written(resource), context, lambda _provider, _uri: "EDSYS")


def sent(kind: str, **more: Any) -> dict[str, Any]:
    """Return a message with elements added to its resource of a kind."""
    bundle = message(ADT)
    found = [bundle, *(one["resource"] for one in bundle["entry"])]
    next(one for one in found if one["resourceType"] == kind).update(more)
    return bundle


@pytest.mark.parametrize("kind", ["Bundle", "MessageHeader", "Encounter", "Patient"])
@pytest.mark.parametrize("more", [NOT, RULES])
def test_a_modifier_keeps_no_visit_out_and_is_counted(kind: str, more: dict[str, Any]) -> None:
    """An alert too many is put right by the next message, one too few is not."""
    if kind == "Bundle" and more is NOT:
        more = RULES  # a Bundle has no extensions
    found = read(sent(kind, **more))

    assert (ROBIN, (Fault.MODIFIER,)) == (found.number, found.faults)
    assert () == read(message(ADT)).faults


def test_what_only_adds_words_is_left_out_where_it_is_modified() -> None:
    """It may say the very opposite: nobody is shown a clinician, a companion or a next of kin for it."""
    bundle = sent("Encounter")
    visit, patient = (bundle["entry"][place]["resource"] for place in (1, 2))
    visit["participant"].append({"type": [concept("ESC")], "individual": {"display": "Alex Sample"}})
    visit["reasonReference"] = [{"reference": "Condition/c"}]
    condition = {"id": "c", "subject": {"reference": "Patient/patient"}, "code": {"text": "head injury"}}
    bundle["entry"].append({"resource": {"resourceType": "Condition", **condition}})
    words = ("clinician_name", "next_of_kin_name", "accompanied_by", "reason")
    assert None not in [getattr(read(bundle).message, name) for name in words]

    for one in (*visit["participant"], *patient["contact"], bundle["entry"][-1]["resource"]):
        one.update(NOT)

    found = read(bundle)
    assert [None] * 4 == [getattr(found.message, name) for name in words]
    assert (Fault.MODIFIER,) == found.faults


def test_the_sender_is_told_of_each_kind_that_is_not_understood() -> None:
    """As a warning beside what is durable, where R4 has a place for it in each of the three ways."""
    warning = {
        "severity": "warning",
        "code": "not-supported",
        "details": {
            "text": "modifierExtension or implicitRules not understood; taken as if it were not there"
        },
        "expression": ["Encounter"],
    }
    bundle = sent("Encounter", **NOT)

    answer = answer_to_message(bundle)
    header, outcome = (one["resource"] for one in answer["entry"])
    assert warning == outcome["issue"][1] == taken(bundle["entry"][1]["resource"])["issue"][1]
    assert answer["entry"][1]["fullUrl"] == header["response"]["details"]["reference"]

    moved = transaction(ADT)
    moved["entry"][0]["resource"] |= NOT
    first, *others = (one["response"] for one in answer_to_transaction(moved)["entry"])
    assert warning == first["outcome"]["issue"][1]
    assert [{"status": "200 OK"}] * (len(moved["entry"]) - 1) == others


def test_nothing_is_said_of_what_is_understood_or_never_read() -> None:
    """Another resource's modifiers concern nobody here."""
    bundle = message(ADT)
    bundle["entry"].append({"resource": {"resourceType": "Coverage", **NOT}})

    assert 1 == len(answer_to_message(bundle)["entry"])
    assert [{"response": {"status": "200 OK"}}] == answer_to_transaction({"entry": [{}]})["entry"]
    assert 1 == len(taken({})["issue"])
    assert () == read(bundle).faults


def test_a_modifier_is_found_wherever_it_stands() -> None:
    """Within a part of a resource, too."""
    assert modified({"participant": [{"x": 1}, NOT]})
    assert not modified({"participant": [{"modifierExtensions": []}, "modifierExtension"]})
