"""The acknowledgement as JSON says what the message says, and nobody's name."""

import json
from dataclasses import replace
from datetime import UTC, datetime

from broker.wire.file_response import xpath
from broker.wire.upload_answer import FileAnswer, Spot
from broker.wire.upload_json import json_response
from tests.builders.upload import Person, Record, build_upload
from tests.builders.upload_desk import Desk

AT = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
FILE = build_upload([Record(), Record(child=Person(number="9990000019"))], count="7")
PLACE = "/File/record[2]/CP-ISRecord/subject/COCT_TP145101GB01.Child/id"


def written(answer: FileAnswer) -> bytes:
    """Return the acknowledgement whole."""
    return b"".join(json_response(answer, created_at=AT))


def test_codes_counts_and_places_are_those_of_the_message() -> None:
    """In the order of the file."""
    answer = Desk().load(FILE)

    said = json.loads(written(answer))

    assert ("CPF03", 2, 1, 1, 1) == tuple(
        said[name] for name in ("code", "records", "loaded", "failed", "plans")
    )
    assert ["CPR06", "CPR04"] == [one["code"] for one in said["details"]]
    assert (xpath(PLACE), "wrong check digit") == (
        said["details"][1]["location"],
        said["details"][1]["words"],
    )
    assert ("LA-FILE-0001", None, ["record count differs"]) == (said["file_id"], said["fault"], said["notes"])
    assert "2025-03-01T12:00:00+00:00" == said["created_at"]


def test_nobody_is_named() -> None:
    """Neither name nor number nor date of birth stands in it."""
    said = written(Desk().load(FILE)).decode()

    assert not any(word in said for word in ("Robin", "Sample", "9990000018", "9990000019", "20160412"))


def test_the_fault_of_a_whole_file_has_its_place_in_words() -> None:
    """A line of what is no XML is no XPath."""
    said = json.loads(written(Desk().load(b"<no")))

    assert {"reason": "not well-formed XML", "location": "line 1"} == said["fault"]


def test_a_place_in_lines_stands_beside_the_place_in_the_message() -> None:
    """Of a file that was made of lines."""
    places = {PLACE: Spot(3, "nhs_number")}.get
    said = json.loads(written(replace(Desk().load(FILE), places=places)))

    assert (3, "nhs_number") == (said["details"][1]["line"], said["details"][1]["column"])
    assert "line" not in said["details"][0]
