"""The recorded stream: what a line may be, and what is said of one that cannot be read."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from broker.core.errors import MalformedMessage
from broker.wire.stream import Door, StreamLine, read_stream
from tests.builders.demo_stream import STREAM, text

SCHEMA = json.loads((Path(__file__).parents[3] / "schemas" / "stream.schema.json").read_text("utf-8"))
AT = "2026-03-02T10:00:00Z"


def line(**said: Any) -> str:
    """Return a line as recorded."""
    return json.dumps(said)


def test_a_message_is_read_with_its_receipt_and_its_bytes() -> None:
    """A line of the MLLP door becomes its bytes and its receipt in UTC."""
    read = list(
        read_stream(["\n", line(at="2026-03-02T11:00:00+01:00", door="mllp", about="x", raw="MSH|é")])
    )

    expected = StreamLine(
        at=datetime(2026, 3, 2, 10, tzinfo=UTC), door=Door.MLLP, about="x", raw="MSH|é".encode()
    )
    assert [expected] == read


def test_bytes_may_be_base64() -> None:
    """What is no text is recorded in base64."""
    (read,) = read_stream([line(at=AT, door="upload", raw_base64="/wA=")])

    assert b"\xff\x00" == read.raw


def test_a_fact_carries_topic_and_key() -> None:
    """A line of an input topic carries the record's key and value."""
    recorded = line(at=AT, door="fact", topic="cpis.in.plans", key="9990000018", raw_base64="AA==")
    (read,) = read_stream([recorded])

    assert (Door.FACT, "cpis.in.plans", b"9990000018", b"\x00") == (read.door, read.topic, read.key, read.raw)


FAULTS = [
    ("{", "no JSON"),
    ("[" * 100_000, "no JSON"),
    ("[1]", "not an object of texts"),
    (r'{"at": "2026-03-02T09:00:00Z", "door": "mllp", "raw": "\ud800"}', "not an object of texts"),
    (line(at="0001-01-01T00:00:00+14:00", door="mllp", raw=""), "no time or no door"),
    (line(at=1, door="mllp", raw=""), "not an object of texts"),
    (line(at=AT, door="mllp", raw="", nhs="x"), "unknown name nhs"),
    (line(door="mllp", raw=""), "no time or no door"),
    (line(at="2026-03-02T10:00:00", door="mllp", raw=""), "no time or no door"),
    (line(at="yesterday", door="mllp", raw=""), "no time or no door"),
    (line(at=AT, door="window", raw=""), "no time or no door"),
    (line(at=AT, door="fact", raw_base64="AA=="), "a fact without topic or key"),
    (line(at=AT, door="mllp"), "needs raw or raw_base64, not both"),
    (line(at=AT, door="mllp", raw="", raw_base64=""), "needs raw or raw_base64, not both"),
    (line(at=AT, door="mllp", raw_base64="!"), "no base64"),
]


@pytest.mark.parametrize(("recorded", "reason"), FAULTS)
def test_a_faulty_line_is_told_by_its_number(recorded: str, reason: str) -> None:
    """The error names the line and the fault, never the content."""
    with pytest.raises(MalformedMessage) as raised:
        list(read_stream([line(at=AT, door="mllp", raw="x"), recorded]))

    assert f"{reason} at line 2" == str(raised.value)


def test_the_demonstration_stream_is_what_its_builder_tells() -> None:
    """The recorded stream in the repository is the one that its builder writes."""
    assert text() == STREAM.read_text("utf-8")


def test_the_demonstration_stream_keeps_to_the_schema() -> None:
    """Every line of it is valid against the published JSON Schema."""
    validator = jsonschema.Draft202012Validator(SCHEMA)
    errors = [
        error.message
        for recorded in STREAM.read_text("utf-8").splitlines()
        for error in validator.iter_errors(json.loads(recorded))
    ]

    assert [] == errors
