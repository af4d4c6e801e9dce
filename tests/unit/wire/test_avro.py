"""Confluent framing, schemas by name and id, and reading across versions."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.core.errors import ConfigurationError, MalformedMessage, UnwritableRecord
from broker.wire.avro import Schemas, frame, schema_id_of

COLOUR: dict[str, Any] = {
    "type": "enum",
    "name": "Colour",
    "symbols": ["RED", "UNKNOWN"],
    "default": "UNKNOWN",
}
NOTE: dict[str, Any] = {
    "type": "record",
    "name": "Note",
    "fields": [
        {"name": "text", "type": "string"},
        {"name": "colour", "type": COLOUR},
        {"name": "count", "type": "int", "default": 7},
    ],
}
DOUBLE = {"type": "record", "name": "Note", "fields": [{"name": "share", "type": "double"}]}
OTHER: dict[str, Any] = {"type": "record", "name": "Other", "fields": [{"name": "text", "type": "string"}]}
SCHEMAS = Schemas({"note": NOTE, "other": OTHER}, {"note": 258, "other": 2})
ROW = {"text": "ab", "colour": "RED", "count": 3}
BYTES = b"\x00\x00\x00\x01\x02\x04ab\x00\x06"


def earlier_note() -> dict[str, Any]:
    """Return an earlier version of the note: no count yet, and a colour that is gone since."""
    schema = deepcopy(NOTE)
    schema["fields"].pop()
    schema["fields"][1]["type"]["symbols"] = ["BLUE", "RED", "UNKNOWN"]
    return schema


def two_versions() -> Schemas:
    """Return the schemas with the note's earlier version."""
    return Schemas({"note": NOTE, "note.1": earlier_note()}, {"note": 258, "note.1": 9})


def test_a_record_is_framed_by_zero_and_its_id() -> None:
    """The head is a zero byte and the id as four big-endian bytes."""
    assert BYTES == SCHEMAS.encode("note", ROW)


def test_a_framed_record_is_read() -> None:
    """What was written is read."""
    assert ROW == SCHEMAS.decode("note", BYTES)


def test_the_frame_names_the_schema() -> None:
    """The id is found without reading the body."""
    assert schema_id_of(frame(258, b"body")) == 258


def test_the_subject_is_known_without_reading_the_body() -> None:
    """Which schema a record belongs to is told by its head alone."""
    assert SCHEMAS.subject_of(frame(258, b"")) == "note"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"", "avro framing missing", id="nothing"),
        pytest.param(b"\x00\x00\x00\x01", "avro framing missing", id="head cut short"),
        pytest.param(b"{" + BYTES[1:], "avro framing missing", id="another format"),
        pytest.param(frame(77, b""), "avro schema id unknown", id="unknown id"),
        pytest.param(SCHEMAS.encode("other", {"text": "x"}), "avro schema unexpected", id="another schema"),
        pytest.param(BYTES[:-1], "avro unreadable", id="body cut short"),
        pytest.param(frame(258, b"\x40ab"), "avro unreadable", id="text cut short"),
        pytest.param(BYTES + b"\x00", "avro length wrong", id="something behind"),
    ],
)
def test_what_is_no_note_is_malformed(data: bytes, reason: str) -> None:
    """Bytes that are not one record of the schema are refused with a stable word."""
    with pytest.raises(MalformedMessage) as refused:
        SCHEMAS.decode("note", data)

    assert reason == refused.value.reason


def test_a_last_text_cut_short_is_malformed() -> None:
    """A length that points behind the end is found out where nothing follows it."""
    with pytest.raises(MalformedMessage, match="avro"):
        SCHEMAS.decode("other", frame(2, b"\x08ab"))


@settings(deadline=None, max_examples=300)
@given(body=st.binary(max_size=60), identifier=st.sampled_from([9, 258]))
def test_any_bytes_end_in_a_row_or_are_malformed(body: bytes, identifier: int) -> None:
    """Foreign bytes never raise anything but `MalformedMessage`, whichever version they claim."""
    try:
        row = two_versions().decode("note", frame(identifier, body))
    except MalformedMessage:
        return

    assert {"text", "colour", "count"} == set(row)


def test_an_earlier_version_is_read_with_todays_defaults() -> None:
    """A field that came later has its default where an earlier release wrote."""
    data = frame(9, b"\x04ab\x02")

    assert {"text": "ab", "colour": "RED", "count": 7} == two_versions().decode("note", data)


def test_a_symbol_that_todays_schema_lacks_is_unknown() -> None:
    """A symbol that only the other version has arrives as the enum's default, for the codec to judge."""
    data = frame(9, b"\x04ab\x00")

    assert two_versions().decode("note", data)["colour"] == "UNKNOWN"


def test_an_earlier_version_has_the_same_subject() -> None:
    """Every version of a schema is of one subject."""
    assert two_versions().subject_of(frame(9, b"")) == "note"


def test_a_row_that_does_not_fit_is_refused_without_its_value() -> None:
    """The error names schema and kind of fault; the value, which may be personal, stays out of it."""
    with pytest.raises(UnwritableRecord) as refused:
        SCHEMAS.encode("note", {**ROW, "count": "9990000018"})

    assert str(refused.value) == "TypeError while writing schema note"
    assert refused.value.__suppress_context__


@pytest.mark.parametrize(
    ("avsc", "ids", "message"),
    [
        pytest.param({"note": NOTE}, {}, "do not name the same: note", id="no id"),
        pytest.param({}, {"note": 1}, "do not name the same: note", id="no schema"),
        pytest.param({"note": NOTE, "other": OTHER}, {"note": 1, "other": 1}, "one id", id="one id twice"),
        pytest.param({"note.1": NOTE}, {"note.1": 1}, "no present version", id="earlier version alone"),
        pytest.param({"note": DOUBLE}, {"note": 1}, "note has a type that is not written", id="foreign type"),
        pytest.param({"note": {"type": "nonsense"}}, {"note": 1}, "cannot be parsed", id="no schema at all"),
    ],
)
def test_schemas_that_do_not_fit_together_are_refused(
    avsc: dict[str, Any], ids: dict[str, int], message: str
) -> None:
    """A deployment with damaged schemas does not start."""
    with pytest.raises(ConfigurationError, match=message):
        Schemas(avsc, ids)
