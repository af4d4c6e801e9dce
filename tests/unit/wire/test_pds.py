"""What a demographic service's answers mean, and that nothing else passes for one. R13, R33, R35, R36."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.adapters.pds_simulator.people import Synthetic
from broker.adapters.pds_simulator.resources import outcome, patient, searchset
from broker.core.demographics import (
    Current,
    Invalidated,
    NoMatch,
    NotKnown,
    OneMatch,
    SearchAnswer,
    SeveralMatches,
    SupersededBy,
)
from broker.core.errors import MalformedMessage
from broker.core.facts import Details
from broker.core.identifiers import NhsNumber
from broker.wire.pds import Reply, is_of_the_service, read_found, read_number, read_token, search_terms

AT = datetime(2026, 3, 2, 10, tzinfo=UTC)
NUMBER, OTHER = NhsNumber("9990000018"), NhsNumber("9990000026")
ROBIN = Synthetic(number=NUMBER, family="Sample", given=("Robin", "Kim"), born=date(2014, 4, 12))
DETAILS = Details(family="Sample", given="Robin Kim", birth_date=date(2014, 4, 12))

Change = Callable[[dict[str, Any]], object]


def reply(document: object, status: int = 200, content_type: str = "application/fhir+json") -> Reply:
    """Return a reply with a document."""
    return Reply(status=status, content_type=content_type, body=json.dumps(document).encode())


def changed(change: Change) -> Reply:
    """Return the reply about Robin with a change."""
    document = patient(ROBIN)
    change(document)
    return reply(document)


def test_a_person_in_use_has_the_registered_details() -> None:
    """Every given name, in order; a name that was given up is none (R13)."""
    assert Current(details=DETAILS, recorded_at=AT) == read_number(reply(patient(ROBIN)), NUMBER, AT)


def test_a_person_with_another_id_has_taken_the_number_over() -> None:
    """The source returns who survived (R35)."""
    assert SupersededBy(successor=NUMBER, recorded_at=AT) == read_number(reply(patient(ROBIN)), OTHER, AT)


def test_a_successor_whom_the_source_protects_is_said_to_be_protected() -> None:
    """The label of the one answer is that of the person, whichever number was asked about (ruling 24)."""
    protected = reply(patient(replace(ROBIN, label="R")))

    assert SupersededBy(successor=NUMBER, restricted=True, recorded_at=AT) == read_number(
        protected, OTHER, AT
    )


@pytest.mark.parametrize(
    ("code", "answer"),
    [("INVALIDATED_RESOURCE", Invalidated(recorded_at=AT)), ("RESOURCE_NOT_FOUND", NotKnown())],
)
def test_a_404_with_a_reason_is_an_answer(code: str, answer: object) -> None:
    """Not in use any more (R36), or never given out."""
    assert answer == read_number(reply(outcome(code, "words"), 404), NUMBER, AT)


@pytest.mark.parametrize(
    ("label", "restricted"), [("U", False), ("R", True), ("V", True), ("REDACTED", True), ("NEW", True)]
)
def test_whoever_is_not_unrestricted_is_protected(label: str, restricted: bool) -> None:  # noqa: FBT001
    """A label of which nobody has heard protects as well (R39, ruling 24)."""
    answer = read_number(changed(lambda one: one["meta"]["security"][0].update(code=label)), NUMBER, AT)

    assert isinstance(answer, Current)
    assert restricted is answer.restricted


NAMES: list[tuple[str, list[dict[str, object]], tuple[str | None, str | None]]] = [
    ("usual", [{"use": "usual", "family": "A", "given": ["B", "C"]}], ("A", "B C")),
    (
        "official before usual",
        [{"use": "usual", "family": "X"}, {"use": "official", "family": "A", "given": ["B"]}],
        ("A", "B"),
    ),
    (
        "no nickname, maiden or old name",
        [{"use": use, "family": "X", "given": ["Y"]} for use in ("nickname", "maiden", "old", "temp")],
        (None, None),
    ),
    ("no use", [{"family": "X", "given": ["Y"]}], (None, None)),
    ("over", [{"use": "usual", "family": "X", "period": {"end": "2026-03-01"}}], (None, None)),
    ("until today", [{"use": "usual", "family": "A", "period": {"end": "2026-03-02"}}], ("A", None)),
    (
        "from today",
        [{"use": "usual", "family": "A", "period": {"start": "2026-03-02T00:00:00+00:00"}}],
        ("A", None),
    ),
    ("from tomorrow", [{"use": "usual", "family": "X", "period": {"start": "2026-03-03"}}], (None, None)),
    ("two of one use", [{"use": "usual", "family": "X"}, {"use": "usual", "family": "Y"}], (None, None)),
    ("no text", [{"use": "usual", "family": 7, "given": [None, "B"]}], (None, "B")),
    ("none", [], (None, None)),
]


@pytest.mark.parametrize(("names", "found"), [pytest.param(*case[1:], id=case[0]) for case in NAMES])
def test_the_name_is_the_registered_one_of_today(
    names: list[dict[str, object]], found: tuple[str | None, str | None]
) -> None:
    """`official`, failing that `usual`; where it is not to be said which, none, which agrees with nothing."""
    answer = read_number(changed(lambda one: one.update(name=names)), NUMBER, AT)

    assert isinstance(answer, Current)
    assert found == (answer.details.family, answer.details.given)


@pytest.mark.parametrize("born", [None, "2014", "2014-04", "2014-02-30", 20140412])
def test_a_part_of_a_date_of_birth_is_none(born: object) -> None:
    """It would agree with too many."""
    answer = read_number(changed(lambda one: one.update(birthDate=born)), NUMBER, AT)

    assert isinstance(answer, Current)
    assert answer.details.birth_date is None


BAD: list[tuple[str, Reply]] = [
    ("another resource", changed(lambda one: one.update(resourceType="Practitioner"))),
    ("no id", changed(lambda one: one.pop("id"))),
    ("an id that is no number", changed(lambda one: one.update(id="9990000019"))),
    ("an id that is no text", changed(lambda one: one.update(id=9990000018))),
    ("no identifier", changed(lambda one: one.pop("identifier"))),
    ("identifier of another", changed(lambda one: one["identifier"][0].update(value=OTHER.digits))),
    ("two identifiers", changed(lambda one: one["identifier"].append(dict(one["identifier"][0])))),
    ("identifier no object", changed(lambda one: one.update(identifier=["x"]))),
    ("identifier no list", changed(lambda one: one.update(identifier={}))),
    ("number not verified", changed(lambda one: one["identifier"][0].pop("extension"))),
    (
        "another extension",
        changed(lambda one: one["identifier"][0]["extension"][0].update(url="https://example.org/x")),
    ),
    ("no label", changed(lambda one: one.pop("meta"))),
    ("a label of another system", changed(lambda one: one["meta"]["security"][0].update(system="x"))),
    ("a name that is none", changed(lambda one: one.update(name=[None]))),
    ("a period that is none", changed(lambda one: one["name"][0].update(period="now"))),
    ("200 with an outcome", reply(outcome("RESOURCE_NOT_FOUND", "words"))),
    ("404 of something in between", Reply(status=404, content_type="text/html", body=b"<html>")),
    ("404 that is no JSON", Reply(status=404, content_type="application/fhir+json", body=b"not found")),
    ("404 without a code", reply(outcome("SOMETHING_ELSE", "words"), 404)),
    ("404 with a Patient", reply(patient(ROBIN), 404)),
    ("404 with a code of another system", reply({**outcome("RESOURCE_NOT_FOUND", ""), "issue": [{}]}, 404)),
    ("400", reply(outcome("INVALID_RESOURCE_ID", "words"), 400)),
    ("another type", reply(patient(ROBIN), content_type="text/plain")),
    ("no type", reply(patient(ROBIN), content_type="")),
    ("no object", reply([patient(ROBIN)])),
    ("nothing", Reply(status=200, content_type="application/json", body=b"")),
    ("not in UTF-8", Reply(status=200, content_type="application/json", body=b"\xff")),
    ("nested", Reply(status=200, content_type="application/json", body=b"[" * 10_000)),
    ("huge", Reply(status=200, content_type="application/json", body=b'{"a":[' + b"1," * 60_000 + b"1]}")),
]


@pytest.mark.parametrize("bad", [pytest.param(case, id=name) for name, case in BAD])
def test_whatever_else_comes_is_no_answer(bad: Reply) -> None:
    """Above all it is not `not known`; and nothing of it is repeated."""
    with pytest.raises(MalformedMessage) as refusal:
        read_number(bad, NUMBER, AT)

    assert not any(word in str(refusal.value) for word in ("999000", "Sample", "Robin", "2014"))


def test_a_code_of_another_system_is_none() -> None:
    """Somebody else's `not found` says nothing of a number."""
    document = outcome("RESOURCE_NOT_FOUND", "words")
    document["issue"][0]["details"]["coding"][0]["system"] = "https://example.org/codes"

    with pytest.raises(MalformedMessage):
        read_number(reply(document, 404), NUMBER, AT)


@pytest.mark.parametrize(
    ("details", "terms"),
    [
        (
            DETAILS,
            [("family", "Sample"), ("given", "Robin"), ("given", "Kim"), ("birthdate", "eq2014-04-12")],
        ),
        (Details(family="Sample", given="Robin"), None),
        (Details(family="Sample", birth_date=DETAILS.birth_date), None),
        (Details(given="Robin", birth_date=DETAILS.birth_date), None),
        (Details(family="UNKNOWN", given="Robin", birth_date=DETAILS.birth_date), None),
        (Details(family="Sam*", given="Robin", birth_date=DETAILS.birth_date), None),
        (Details(family="Sample", given="Robin,Alex", birth_date=DETAILS.birth_date), None),
        (Details(family="Sample|x", given="Robin", birth_date=DETAILS.birth_date), None),
        (Details(family="Sample", given="Rob$in", birth_date=DETAILS.birth_date), None),
        (Details(family="Sam\\ple", given="Robin", birth_date=DETAILS.birth_date), None),
    ],
)
def test_a_search_is_exact_or_none(details: Details, terms: list[tuple[str, str]] | None) -> None:
    """A name that the search would take for a pattern finds nobody: it could find another (ruling 21)."""
    assert terms == (None if (found := search_terms(details)) is None else found[:-1])
    assert found is None or ("_exact-match", "true") == found[-1]


SEARCHES: list[tuple[str, object, SearchAnswer]] = [
    ("nobody", searchset([]), NoMatch()),
    ("nobody, no list", {"resourceType": "Bundle", "type": "searchset", "total": 0}, NoMatch()),
    ("one", searchset([ROBIN]), OneMatch(number=NUMBER)),
    (
        "one who is protected",
        searchset([replace(ROBIN, label="R")]),
        OneMatch(number=NUMBER, protected_at=AT),
    ),
    ("two", searchset([ROBIN, ROBIN]), SeveralMatches()),
    ("too many", outcome("TOO_MANY_MATCHES", "words"), SeveralMatches()),
    ("more than shown", {**searchset([ROBIN]), "total": 7}, SeveralMatches()),
]


@pytest.mark.parametrize(("document", "answer"), [pytest.param(*case[1:], id=case[0]) for case in SEARCHES])
def test_exactly_one_who_was_found_is_a_match(document: object, answer: SearchAnswer) -> None:
    """Of several nobody is named (ruling 21)."""
    assert answer == read_found(reply(document), DETAILS, AT)


@pytest.mark.parametrize(
    ("asked", "matches"),
    [
        ({}, True),
        ({"given": "Robin"}, True),
        ({"given": "ROBIN-KIM", "family": "sample"}, True),
        ({"given": "Kim"}, False),
        ({"given": "Robin Alex"}, False),
        ({"family": "Other"}, False),
        ({"birth_date": date(2014, 12, 4)}, False),
    ],
)
def test_the_one_who_was_found_must_have_the_details(asked: dict[str, Any], matches: bool) -> None:  # noqa: FBT001
    """A source that calls it exact and returns another is not believed."""
    wanted = Details(
        family=asked.get("family", "Sample"),
        given=asked.get("given", "Robin Kim"),
        birth_date=asked.get("birth_date", DETAILS.birth_date),
    )

    found = read_found(reply(searchset([ROBIN])), wanted, AT)

    assert (OneMatch(number=NUMBER) if matches else NoMatch()) == found


@pytest.mark.parametrize(
    ("content_type", "body", "is_answer"),
    [
        ("application/fhir+json", b'{"resourceType": "Patient"}', True),
        ("application/fhir+json", b"not what it says", True),
        ("application/json", b'{"resourceType": "OperationOutcome"}', True),
        ("application/json", b'{"message": "no route matched"}', False),
        ("application/json", b'["resourceType"]', False),
        ("application/json", b'{"resourceType": "Pati', False),
        ("text/html", b"<html>not found</html>", False),
        ("", b"", False),
    ],
)
@pytest.mark.parametrize("status", [200, 404])
def test_the_page_of_a_gateway_is_no_answer_of_the_service(
    content_type: str,
    body: bytes,
    is_answer: bool,  # noqa: FBT001
    status: int,
) -> None:
    """Whatever status it has: it says nothing of the one who was asked about (rulings 38, 41)."""
    assert is_answer == is_of_the_service(Reply(status=status, content_type=content_type, body=body))


def test_one_without_a_name_is_nobody() -> None:
    """Who is redacted says nothing that agrees."""
    nameless = Synthetic(number=NUMBER, family=None, given=(), born=DETAILS.birth_date)

    assert NoMatch() == read_found(reply(searchset([nameless])), DETAILS, AT)


@pytest.mark.parametrize(
    "document",
    [
        outcome("SOMETHING_ELSE", "words"),
        patient(ROBIN),
        {"resourceType": "Bundle", "type": "collection", "total": 0},
        {"resourceType": "Bundle", "type": "searchset"},
        {"resourceType": "Bundle", "type": "searchset", "total": True, "entry": []},
        {"resourceType": "Bundle", "type": "searchset", "total": 1, "entry": []},
        {"resourceType": "Bundle", "type": "searchset", "total": 0, "entry": [{}]},
        {"resourceType": "Bundle", "type": "searchset", "total": 0, "entry": {}},
        {"resourceType": "Bundle", "type": "searchset", "total": 1, "entry": [{}]},
        {"resourceType": "Bundle", "type": "searchset", "total": 1, "entry": [7]},
    ],
)
def test_what_is_no_list_of_people_is_no_answer(document: object) -> None:
    """Least of all `nobody`."""
    with pytest.raises(MalformedMessage):
        read_found(reply(document), DETAILS, AT)


@pytest.mark.parametrize(
    ("document", "token"),
    [
        ({"access_token": "abc", "expires_in": "599"}, ("abc", 599.0)),
        ({"access_token": "abc", "expires_in": 30}, ("abc", 30.0)),
    ],
)
def test_a_token_is_good_for_a_time(document: object, token: tuple[str, float]) -> None:
    """As a number, or as a text, which the service writes."""
    assert token == read_token(reply(document, content_type="application/json"))


@pytest.mark.parametrize(
    "document",
    [
        {"expires_in": 30},
        {"access_token": "", "expires_in": 30},
        {"access_token": "a\nb", "expires_in": 30},
        {"access_token": "é", "expires_in": 30},
        {"access_token": 7, "expires_in": 30},
        {"access_token": "abc"},
        {"access_token": "abc", "expires_in": "soon"},
        {"access_token": "abc", "expires_in": True},
        {"access_token": "abc", "expires_in": 0},
    ],
)
def test_what_is_no_token_is_not_used(document: object) -> None:
    """A line of a head must not be made of it."""
    with pytest.raises(MalformedMessage):
        read_token(reply(document, content_type="application/json"))


@given(body=st.binary(max_size=200), status=st.sampled_from([200, 404]))
def test_any_bytes_end_in_one_error(body: bytes, status: int) -> None:
    """Whatever comes, `MalformedMessage` or an answer."""
    with pytest.raises(MalformedMessage):
        read_number(Reply(status=status, content_type="application/json", body=body), NUMBER, AT)
