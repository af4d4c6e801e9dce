"""Answers that are pushed, as `ORU^R01` and as FHIR R4, and as they lie in the inbox (ruling 41)."""

import json
from dataclasses import replace
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.communication import Communication

from broker.core.answers import Answer, Uncheckable, could_not_check
from broker.core.errors import MalformedMessage
from broker.core.pushing import PushedAnswer, word
from broker.runtime.codecs import load_schemas
from broker.wire.alerts_codec import AlertCodec
from broker.wire.answer_codec import AnswerCodec
from broker.wire.fhir_pushed import answer_bundle
from broker.wire.oru import answer_observation
from tests.unit.core.test_clinician import event
from tests.unit.core.test_pushing import BEHIND, KEY, LATER, NONE, PLAN, RESTRICTED, VISIT, first
from tests.unit.wire.test_oru import ADDRESS, AT

ALERTS = AlertCodec(load_schemas())
CODEC = AnswerCodec(load_schemas(), ALERTS)


def disregarded() -> PushedAnswer:
    """Return the word that takes an answer back."""
    said = word(VISIT, None, first(NONE), at=LATER, key=KEY)
    assert said is not None
    return said


def segments(pushed: PushedAnswer, *told: str) -> list[str]:
    """Return the segments of an answer's message to a receiver that has these lines."""
    message, _ = answer_observation(pushed, ADDRESS, at=AT, told=told)
    return message.decode().split("\r")[:-1]


def made(pushed: PushedAnswer) -> Any:
    """Return an answer's bundle as JSON, valid as FHIR."""
    document = json.loads(answer_bundle(pushed, at=AT))
    Bundle.model_validate(document)
    return document


def test_an_answer_is_a_report_about_the_patient_with_a_row_for_each_sentence() -> None:
    """By NHS number and arrival; no place, no plan, no name; a service of its own, not that of alerts."""
    pushed = first(PLAN)
    said = segments(pushed)

    assert f"|ORU^R01^ORU_R01|{pushed.event_id[:20]}|P|2.4|" in said[0]
    assert ["PID|1||9990000018^^^NHS^NH||^^^^^^U", "PV1|1|U|" + "|" * 41 + "20260701120000+0100"] == said[1:3]
    assert said[3].startswith(
        f"OBR|1||{pushed.answer_id}^CPIS|CPIS-ANSWER^Whether a plan is on file^99CPIS|||20260701120000+0100|"
    )
    assert said[3].endswith("|||F")
    assert [
        "OBX|1|TX|ANSWER^Answer^99CPIS|1|plan on file||||||F",
        "OBX|2|TX|MESSAGE^Your message^99CPIS|1|M-1||||||F",
    ] == said[4:6]


def test_a_visit_without_a_usable_number_is_named_by_its_senders_message_alone() -> None:
    """Rulings 21, 23: PID-3 is empty, and so is the arrival where nothing is known of it."""
    nobody = replace(VISIT, number=None, arrived_at=None)
    said = segments(first(could_not_check(Uncheckable.NO_NUMBER), nobody))

    assert ["PID|1||||^^^^^^U", "PV1|1|U|" + "|" * 41] == said[1:3]
    assert "subject" not in made(first(BEHIND, nobody))["entry"][0]["resource"]


def test_what_is_disregarded_deletes_the_answer_at_the_receiver() -> None:
    """Ruling 44: as of the wrong patient, with the sentence that says so."""
    said = segments(disregarded(), "ANSWER.1", "STATEMENT.9")

    assert said[3].endswith("|||X")
    assert ["W", "W"] == [row[-1] for row in said if "|||||||" in row and row.startswith("OBX")]
    assert "entered-in-error" == made(disregarded())["entry"][0]["resource"]["status"]


def test_fhir_puts_one_communication_and_never_a_flag() -> None:
    """Ruling 41: its newest word replaces those before, by the identifier of the visit's answer."""
    pushed = first(NONE)
    [entry] = made(pushed)["entry"]

    assert {
        "method": "PUT",
        "url": f"Communication?identifier=urn:cpis-broker:answer|{pushed.answer_id}",
    } == entry["request"]
    Communication.model_validate(entry["resource"])
    said = [one["contentString"] for one in entry["resource"]["payload"]]
    assert ["Answer: no plan on file", "Your message: M-1"] == said[:2]


@pytest.mark.parametrize(("answer", "label"), [(NONE, "R"), (RESTRICTED, "V")])
def test_what_is_told_of_a_restricted_record_bears_the_label(answer: Answer, label: str) -> None:
    """Ruling 24: very restricted; the patient and the family are shown neither (ruling 30)."""
    security = made(first(answer))["entry"][0]["resource"]["meta"]["security"]

    assert [label, "NOPAT"] == [one["code"] for one in security]


@pytest.mark.parametrize(
    "pushed",
    [
        first(PLAN),
        first(NONE),
        first(RESTRICTED),
        first(replace(BEHIND, cause="CPIS-200")),
        first(BEHIND, replace(VISIT, number=None, arrived_at=None)),
        disregarded(),
    ],
)
def test_an_answer_comes_back_from_the_inbox_as_it_was_put_there(pushed: PushedAnswer) -> None:
    """Every field of it."""
    body = CODEC.encode(pushed)

    assert pushed == CODEC.decode(body) == CODEC.open(body)


def test_a_body_is_an_answer_or_an_alert() -> None:
    """Whichever it is it is read; anything else is neither."""
    alert = ALERTS.encode_event(
        event(), with_own_ids=False, caused_received_at=AT, rules_version=1, policy_version="p"
    )
    opened = CODEC.open(alert)

    assert (event().event_id, AT) == (opened.event_id, opened.received_at)
    with pytest.raises(MalformedMessage):
        CODEC.open(b"\0\0\0\0\1")
