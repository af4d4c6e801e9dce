"""A query of the NHS side is read, and what is missing is named as the national service names it (3.4)."""

from dataclasses import replace

import pytest

from broker.core.errors import MalformedMessage
from broker.core.identifiers import NhsNumber, OdsCode
from broker.wire.query import Query, read_query
from tests.builders.query import build_query, by_system
from tests.official_schemas import faults_of

READ = Query(
    query_id="6A2F7F9E-0000-4000-8000-000000000001",
    number=NhsNumber("9990000018"),
    organisation=OdsCode("RXM"),
    organisation_name="Exton Hospital",
    role="R8003",
    user_name="A Nurse",
    user_id="100000000001",
)


def test_the_queries_of_these_tests_are_valid() -> None:
    """By the official schema, which knows no silent read yet (dossier 3.4)."""
    assert [] == faults_of(build_query(), "QUPC_MT000006GB01")
    assert [] == faults_of(build_query(by_system()), "QUPC_MT000006GB01")


def test_a_person_who_asks_is_read() -> None:
    """Own id, role, name, organisation; nothing said of the setting (R24, R54)."""
    assert READ == read_query(build_query())


def test_a_system_that_asks_has_a_person_who_answers_for_it() -> None:
    """And no id of a user (R28)."""
    assert replace(READ, user_id=None) == read_query(build_query(by_system()))


@pytest.mark.parametrize(
    ("said", "unscheduled"),
    [
        ("false", False),
        ("0", False),
        ("true", True),
        ("1", True),
        ("maybe", None),
        ("", None),
    ],
)
def test_a_silent_read_is_asked_for_by_false_alone(*, said: str, unscheduled: bool | None) -> None:
    """Whatever else stands there is told (R23, R24)."""
    assert unscheduled is read_query(build_query(event=said)).unscheduled
    assert unscheduled is read_query(build_query(event=said, as_text=True)).unscheduled


MISSING = {
    "person.NHSnumber": ('<value extension="9990000018"/>', ""),
    "id of the user": ('extension="100000000001"', 'extension=""'),
    "no id of a user": ("1.2.826.0.1285.0.2.0.65", "1.2.826.0.1285.0.2.0.67"),
    "role": ('code="R8003" displayName="Nurse" ', ""),
    "name of the user": ("A Nurse", " "),
    "organisation": ('extension="RXM"', ""),
    "name of the organisation": ("Exton Hospital", ""),
    "author": ("AssignedAuthor", "Somebody"),
    "query": ("cP-ISNHSQuery", "cP-ISOther"),
    "id of the query": ('root="6A2F7F9E-0000-4000-8000-000000000001"', ""),
}


@pytest.mark.parametrize("what", MISSING)
def test_what_is_missing_is_named_and_no_value_told(what: str) -> None:
    """`MANDATORY_DATA_MISSING` with the field (dossier 3.4)."""
    old, new = MISSING[what]
    text = build_query().decode()
    assert old in text

    with pytest.raises(MalformedMessage) as caught:
        read_query(text.replace(old, new).encode())
    assert caught.value.reason.startswith("MANDATORY_DATA_MISSING: ")
    assert "9990000018" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new"), [("9990000018", "9990000019"), ('"RXM"', '"?"')], ids=["number", "organisation"]
)
def test_an_identifier_that_is_none_is_refused_without_repeating_it(old: str, new: str) -> None:
    """A wrong check digit is nobody's (R21, R32)."""
    with pytest.raises(MalformedMessage) as caught:
        read_query(build_query().decode().replace(old, new).encode())
    assert new not in str(caught.value)


def test_a_role_without_a_code_is_told_in_words() -> None:
    """The name of a role is one (R54)."""
    text = build_query().decode().replace('code="R8003" ', "")

    assert "Nurse" == read_query(text.encode()).role


def test_a_query_is_read_without_its_stub() -> None:
    """The query alone is one, too."""
    text = build_query().decode()
    begin = text.index("<cP-ISNHSQuery")
    end = text.index("</CP-ISQueryStub>")
    alone = text[begin:end].replace(
        "<cP-ISNHSQuery", '<cP-ISNHSQuery xmlns="urn:hl7-org:v3" xmlns:loc="NPFIT:HL7:Localisation"', 1
    )

    assert READ == read_query(alone.encode())
