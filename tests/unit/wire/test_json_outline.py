"""A masked JSON message shows its elements, and no value that could be a person's, however it is broken."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.wire.json_outline import outline_json

PERSONAL = ("9990000018", "Quillfeather", "Rosalind", "2016-04-12", "1 Test Row")
PATIENT = {
    "resourceType": "Patient",
    "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"}],
    "name": [{"family": "Quillfeather", "given": ["Rosalind"]}],
    "birthDate": "2016-04-12",
    "address": [{"line": ["1 Test Row"]}],
    "multipleBirthInteger": 2,
    "deceasedBoolean": False,
}


def test_elements_are_shown_and_values_are_not() -> None:
    """What an analyst needs: which elements there are, of which resource, in which system of numbers."""
    shown = outline_json(json.dumps(PATIENT).encode())

    assert shown is not None
    assert shown.splitlines()[:6] == [
        "{",
        '  "resourceType": "Patient",',
        '  "identifier": [',
        "    {",
        '      "system": "https://fhir.nhs.uk/Id/nhs-number",',
        '      "value": …',
    ]
    assert '"multipleBirthInteger": …' in shown
    assert [] == [word for word in PERSONAL if word in shown]


@pytest.mark.parametrize("name", ["resourceType", "system", "status"])
def test_what_is_personal_is_hidden_where_a_code_is_expected(name: str) -> None:
    """A value is shown where it has the form of a code of that element, and else not."""
    for word in (
        "9990000018",
        "Rosalind Quillfeather",
        "https://example.org/9990000018",
        "https://fhir.nhs.uk/Id/nhs-number/9990000018",
        "https://fhir.nhs.uk/Id/999-000-0018",
    ):
        assert f'{{\n  "{name}": …\n}}' == outline_json(json.dumps({name: word}).encode())
    assert "v2-0203" in (outline_json(b'{"system": "http://terminology.hl7.org/CodeSystem/v2-0203"}') or "")
    assert '{\n  "status": "finished"\n}' == outline_json(b'{"status": "finished"}')


def test_a_name_of_an_element_that_is_none_is_hidden() -> None:
    """Somebody may have put a number or a name there."""
    assert "{\n  …: …,\n  …: …\n}" == outline_json(b'{"9990000018": 1, "Rosalind Q": 2}')


@given(st.text(alphabet='{}[]:,"\\ ab1', max_size=60))
def test_whatever_is_broken_is_shown_as_far_as_it_goes(text: str) -> None:
    """Nothing raises, and no digit is ever shown."""
    shown = outline_json(b"{" + text.encode())

    assert shown is not None
    assert "1" not in shown


def test_what_is_nested_without_end_costs_its_length_alone() -> None:
    """It is cut, and so is what has lines without end."""
    for data in (b"[" * 100_000, b"[" + b"1," * 100_000, b'{"a":' * 50_000):
        shown = outline_json(data)
        assert shown is not None
        assert 2_001 == len(shown.splitlines())
        assert shown.endswith("…")


@pytest.mark.parametrize("data", [b"", b"MSH|^~\\&|", b"<Patient/>", b'\xff\xfe{"', b'"text"'])
def test_what_does_not_begin_as_json_has_no_outline(data: bytes) -> None:
    """Of it nothing is shown but on grounds."""
    assert outline_json(data) is None


def test_what_ends_too_soon_is_shown_to_its_end() -> None:
    """A string that is never closed hides what follows it."""
    assert '{\n  "a": …' == (outline_json(b'{"a": 1') or "").rstrip()
    assert "Rosalind" not in (outline_json(b'{"a": "Rosalind') or "Rosalind")
