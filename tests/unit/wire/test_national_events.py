"""Events of the national services are read for their kind, subject and time alone: rulings 26, 38; R53."""

import json
from codecs import BOM_UTF8
from contextlib import suppress
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.core.errors import MalformedMessage
from broker.core.identifiers import NhsNumber
from broker.core.national_events import NationalEvent, Told
from broker.wire.fhir_xml import ELEMENTS_MAX, read_fhir_xml
from broker.wire.national_events import read_national_event
from tests.builders.national_events import birth, cloud_event, history_bundle, message

MOTHER, BABY = "9990000018", "9990000026"
AT = datetime(2026, 3, 2, 11, tzinfo=UTC)


@pytest.mark.parametrize("write", [cloud_event, history_bundle, message])
@pytest.mark.parametrize(
    ("event_type", "told"),
    [
        ("nhs-number-change-1", Told.NUMBER),
        ("nhs-number-change-2", Told.NUMBER),
        ("nhs-number-change", Told.NUMBER),
        ("pds-record-change-2", Told.RECORD),
        ("pds-death-notification-2", Told.DEATH),
        ("pds-change-of-gp-2", None),
        ("patientflags-change-1", None),
    ],
)
def test_a_signal_tells_that_something_changed(write: Any, event_type: str, told: Told | None) -> None:
    """Whichever service writes it; of another kind it tells nothing (ruling 38)."""
    event = read_national_event(write(event_type, MOTHER))

    expected = NationalEvent(told=told, number=NhsNumber(MOTHER), recorded_at=AT) if told else None
    assert event == expected


def test_a_signal_of_a_birth_names_nobody() -> None:
    """Only the event service says who is whose child (ruling 26)."""
    assert read_national_event(cloud_event("pds-birth-notification-1", MOTHER)) is None


@pytest.mark.parametrize(
    ("stillborn", "told"), [("1", Told.BIRTH), ("2", Told.STILLBIRTH), ("", Told.STILLBIRTH)]
)
def test_a_birth_names_mother_and_baby(stillborn: str, told: Told) -> None:
    """And says when the baby was born; one that was stillborn is another kind (rulings 26, 43)."""
    event = read_national_event(birth(BABY, MOTHER, stillborn=stillborn or "3"))

    assert event == NationalEvent(
        told=told,
        number=NhsNumber(MOTHER),
        baby=NhsNumber(BABY),
        born=date(2026, 3, 1),
        recorded_at=AT,
    )


@pytest.mark.parametrize(
    ("kind", "told", "corrects"),
    [("new", Told.BIRTH, False), ("update", Told.BIRTH, True), ("delete", Told.BIRTH_TAKEN_BACK, True)],
)
def test_a_birth_says_whether_it_is_told_corrected_or_taken_back(
    kind: str,
    told: Told,
    corrects: bool,  # noqa: FBT001
) -> None:
    """What an earlier one said of whose child the baby is may be wrong (ruling 26; dossier 6.8)."""
    event = read_national_event(birth(BABY, MOTHER, kind=kind))

    assert event is not None
    assert (told, corrects, NhsNumber(BABY)) == (event.told, event.corrects, event.baby)


@pytest.mark.parametrize(
    ("kind", "told"),
    [("new", Told.STILLBIRTH), ("update", Told.STILLBIRTH), ("delete", Told.STILLBIRTH_TAKEN_BACK)],
)
@pytest.mark.parametrize("baby", [BABY, ""])
def test_a_stillbirth_may_be_told_without_a_number_of_the_baby(kind: str, told: Told, baby: str) -> None:
    """A stillborn baby often has none: it is a fact of the mother, and so is that it is taken back (43)."""
    event = read_national_event(birth(baby, MOTHER, kind=kind, stillborn="2"))

    assert event is not None
    assert (told, NhsNumber(MOTHER)) == (event.told, event.number)
    assert (NhsNumber(baby) if baby else None) == event.baby


def test_who_was_born_alive_has_a_number() -> None:
    """Nobody could be linked (ruling 26)."""
    with pytest.raises(MalformedMessage, match="NHS number"):
        read_national_event(birth("", MOTHER))


def test_an_event_in_xml_may_begin_with_a_byte_order_mark() -> None:
    """As many a writer begins a file."""
    event = birth(BABY, MOTHER)

    assert read_national_event(event) == read_national_event(BOM_UTF8 + event)


def test_a_birth_may_come_without_its_mother() -> None:
    """The mother's number may be missing: then it is not said whose child it is (dossier 6.8)."""
    for said in (birth(BABY, None), birth(BABY, "")):
        event = read_national_event(said)
        assert event is not None
        assert (event.number, event.baby) == (None, NhsNumber(BABY))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no JSON"),
        (b"<", "not well-formed XML"),
        (b"<Bundle/>", "no resource of FHIR"),
        (b"{}", "no event"),
        (json.dumps({"resourceType": "Bundle", "type": "message"}).encode(), "MessageHeader missing"),
        (json.dumps({"resourceType": "Bundle", "type": "history"}).encode(), None),
        (cloud_event("nhs-number-change-2", "9990000019"), "NHS number wrong or missing"),
        (cloud_event("nhs-number-change-2", MOTHER, subject=None), "NHS number wrong or missing"),
        (cloud_event("nhs-number-change-2", MOTHER, time=None), "time wrong or missing"),
        (cloud_event("nhs-number-change-2", MOTHER, time="1899-12-31T23:59:59Z"), "time wrong or missing"),
        (message("nhs-number-change-1", MOTHER, routing="other"), "NHS number wrong or missing"),
        (birth("123", MOTHER), "NHS number wrong or missing"),
        (birth(BABY, MOTHER, role="13"), "who is whose child is not said"),
        (
            b'<!DOCTYPE b [<!ENTITY e SYSTEM "file:///etc/passwd">]><Bundle xmlns="http://hl7.org/fhir"/>',
            "document type refused",
        ),
        (
            b'<Bundle xmlns="http://hl7.org/fhir">' + b"<entry/>" * ELEMENTS_MAX + b"</Bundle>",
            "too many values",
        ),
    ],
)
def test_what_is_no_event_is_refused(data: bytes, reason: str | None) -> None:
    """With a stable word and never a value; nothing is fetched."""
    if reason is None:
        assert read_national_event(data) is None
        return
    with pytest.raises(MalformedMessage) as refused:
        read_national_event(data)
    assert refused.value.reason == reason


def test_a_name_that_stands_several_times_is_a_list() -> None:
    """As it is in JSON; what is of another namespace, the narrative, is left out, and so are attributes."""
    found = read_fhir_xml(
        b'<Patient xmlns="http://hl7.org/fhir" x="1"><text><div xmlns="http://www.w3.org/1999/xhtml">n</div>'
        b'</text><name id="a"><given value="A"/><given value="B"/><given value="C"/></name>'
        b"<contained><Organization/></contained></Patient>"
    )
    assert found == {
        "resourceType": "Patient",
        "text": {},
        "name": {"id": "a", "given": ["A", "B", "C"]},
        "contained": {"resourceType": "Organization"},
    }


@given(st.binary(max_size=300), st.sampled_from([b"", b"<Bundle>", b'{"specversion":']))
def test_any_bytes_are_read_or_refused(data: bytes, head: bytes) -> None:
    """Nothing else comes of them."""
    with suppress(MalformedMessage):
        read_national_event(head + data)


@given(st.data())
def test_an_event_cut_anywhere_is_read_or_refused(data: st.DataObject) -> None:
    """And one with a value put elsewhere."""
    whole = data.draw(st.sampled_from([birth(BABY, MOTHER), history_bundle("nhs-number-change-2", MOTHER)]))
    start, end = sorted(data.draw(st.tuples(st.integers(0, len(whole)), st.integers(0, len(whole)))))
    with suppress(MalformedMessage):
        read_national_event(whole[:start] + whole[end:])
