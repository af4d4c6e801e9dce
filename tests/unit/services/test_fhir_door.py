"""The FHIR door: what is answered, once it is durable, and what is kept of what is refused."""

import asyncio
import hashlib
import json
from collections.abc import Awaitable
from dataclasses import replace
from typing import Any

import pytest

from broker.adapters.memory import MemoryKafka
from broker.core.demographics import OneMatch
from broker.core.door_errors import RequestRefused
from broker.core.errors import NotItsSender
from broker.core.facts import Details, VisitMessage
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.number_ranges import takes_for_tests
from broker.core.senders import Peer, Sender, Senders
from broker.ports import FactLog
from broker.runtime.codecs import load_schemas
from broker.runtime.senders_file import parse_senders
from broker.services.attendances import TOO_LARGE
from broker.services.described import described
from broker.services.dialects import FhirR4, dialects
from broker.services.fhir_door import FhirDoor, refused_in_fhir
from broker.services.intake import DEFECT
from broker.services.tracing import Untraced
from broker.wire.fhir_capabilities import capabilities
from broker.wire.http import HttpAnswer, HttpRequest
from broker.wire.records_codec import Door
from tests.builders.adt import Adt, Patient
from tests.builders.fhir import VISITS, encounter, message, transaction, written
from tests.unit.services.test_intake import NOW, BrokenCodec, Desk, FullDisk, NarrowLog, RefusingLog

TOKEN = "correct horse battery staple"  # noqa: S105 - of a test, which protects nothing
DIGEST = f"sha256:{hashlib.sha256(TOKEN.encode()).hexdigest()}"
SENDERS = parse_senders(
    f"""
    [provider.RXX.sender.EDSYS]
    tokens = ["{DIGEST}"]
    visit_system = "{VISITS}"
    """,
    "senders.toml",
)
ENGINE = Peer("192.0.2.1", tokens=frozenset({DIGEST}))
ADT = Adt(
    event="A04",
    control_id="M1",
    recorded="20250301101500",
    pv1={"class": "E", "visit": "V-1", "arrived": "20250301101210"},
)
NO_MESSAGE, NO_TRANSACTION = "no Bundle of the type message", "no Bundle of the type transaction"
NUMBER = {"identifier": {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"}}


class House:
    """A desk with a FHIR door in front of it."""

    def __init__(self, senders: Senders = SENDERS, log: FactLog | None = None, **more: Any) -> None:
        self.desk = Desk(log, dialects=dialects(load_schemas(), senders), **more)
        self.told: list[str] = []
        self._senders = senders
        door = FhirDoor(self.desk.intake, senders, admitted=self._admitted, capabilities=capabilities())
        self.operations = {one.name: one for one in described(door.operations())}

    def _admitted(self, peer: Peer, provider: OdsCode, system: str) -> Sender:
        """Return what is settled of a sender, and remember who may not send."""
        try:
            return self._senders.admitted(provider, system, peer=peer)
        except NotItsSender as error:
            self.told.append(error.reason)
            raise

    def ask(self, name: str, body: bytes = b"", peer: Peer = ENGINE, **more: Any) -> HttpAnswer:
        """Return the answer of an operation."""
        request = HttpRequest(peer=peer, body=body, **more)
        return answered(self.operations[name].handle(request))

    def refuse(self, name: str, fault: RequestRefused, body: bytes = b"", peer: Peer = ENGINE) -> HttpAnswer:
        """Return the answer to what never became a request."""
        return answered(self.operations[name].refuse(HttpRequest(peer=peer, body=body), fault))

    def put(self, resource: dict[str, Any], identifier: str = f"{VISITS}|V-1", **headers: str) -> HttpAnswer:
        """Return the answer to an upsert."""
        query = {"identifier": (identifier,)} if identifier else {}
        return self.ask("putEncounter", written(resource), query=query, headers=headers)


def answered(asking: Awaitable[HttpAnswer]) -> HttpAnswer:
    """Return an answer once it is there."""

    async def waited() -> HttpAnswer:
        """Wait for it."""
        return await asking

    return asyncio.run(waited())


def issue(answer: HttpAnswer) -> tuple[int, str, str, str]:
    """Return status, type of issue, our own code and the reason of an outcome."""
    [told] = json.loads(answer.body)["issue"]
    assert "application/fhir+json" == answer.content_type
    return answer.status, told["code"], told["details"]["coding"][0]["code"], told["details"]["text"]


def upsert(**more: Any) -> dict[str, Any]:
    """Return an Encounter by itself."""
    return encounter(ADT, **{"subject": NUMBER, **more})


def test_a_message_that_is_taken_is_answered_by_a_message() -> None:
    """It says which message is taken, and what is durable then is the fact."""
    house = House()
    answer = house.ask("processMessage", written(message(ADT)))

    assert 200 == answer.status
    header = json.loads(answer.body)["entry"][0]["resource"]
    assert {"identifier": "M1", "code": "ok"} == header["response"]
    assert "A04" == header["eventCoding"]["code"]
    [fact] = house.desk.visits()
    assert isinstance(fact, VisitMessage)
    assert ("EDSYS", "M1") == (fact.system, fact.control_id)
    assert {"accepted": 1} == house.desk.counts


@pytest.mark.parametrize("name", ["processMessage", "transaction", "putEncounter"])
def test_a_resend_gets_the_same_answer_and_changes_nothing(name: str) -> None:
    """It is a function of the bytes and the settings: the same fact has the same id."""
    sent = {"processMessage": message(ADT), "transaction": transaction(ADT), "putEncounter": upsert()}[name]
    house = House()
    query = {"identifier": (f"{VISITS}|V-1",)}
    answers = [house.ask(name, written(sent), query=query) for _ in range(2)]

    assert 200 == answers[0].status
    assert answers[0] == answers[1]
    first, second = house.desk.visits()
    assert isinstance(first, VisitMessage)
    assert isinstance(second, VisitMessage)
    assert first.message_id == second.message_id


def test_a_message_without_time_is_answered_without() -> None:
    """Its visit says when it was recorded."""
    bundle = message(ADT)
    del bundle["timestamp"], bundle["id"], bundle["entry"][0]["resource"]["id"]
    answer = House().ask("processMessage", written(bundle))

    told = json.loads(answer.body)
    assert (200, False) == (answer.status, "timestamp" in told)
    assert "unnamed" == told["entry"][0]["resource"]["response"]["identifier"]


def test_a_transaction_that_is_taken_answers_every_entry() -> None:
    """Visit and patient are one thing here: both are taken."""
    answer = House().ask("transaction", written(transaction(ADT)))

    told = json.loads(answer.body)
    assert ("transaction-response", 2) == (told["type"], len(told["entry"]))


def test_an_upsert_is_answered_with_the_version_that_it_is() -> None:
    """That of its source, failing that one of its bytes."""
    versioned = upsert(meta={"lastUpdated": "2025-03-01T10:15:00Z", "versionId": "7"})
    answer = House().put(versioned)
    assert (200, 'W/"7"') == (answer.status, answer.headers["ETag"])

    digest = House().put(upsert()).headers["ETag"]
    assert 20 == len(digest)
    assert digest != House().put(upsert(status="finished")).headers["ETag"]


@pytest.mark.parametrize("asked", ['W/"7"', "*", ""])
def test_an_upsert_of_the_version_that_is_meant_is_taken(asked: str) -> None:
    """Which version is the newest its time says, whenever it comes (ruling 37)."""
    versioned = upsert(meta={"lastUpdated": "2025-03-01T10:15:00Z", "versionId": "7"})

    assert 200 == House().put(versioned, **({"if-match": asked} if asked else {})).status


def test_an_upsert_may_name_its_visit_without_the_system() -> None:
    """A search by the value alone finds it in whichever system; no value finds nothing (FHIR R4, token)."""
    valueless = upsert(identifier=[*upsert()["identifier"], {"system": VISITS}])

    assert 200 == House().put(upsert(), "V-1").status
    assert [400, 400] == [House().put(valueless, named).status for named in (f"{VISITS}|", "|")]


def test_an_upsert_that_contradicts_itself_is_kept() -> None:
    """The version in the header is another one, or the identifier is another visit's."""
    house = House()
    versioned = upsert(meta={"lastUpdated": "2025-03-01T10:15:00Z", "versionId": "7"})
    refused = house.put(versioned, **{"if-match": 'W/"6"'})
    assert (412, "conflict", "CPIS-216", "version is not the one asked for") == issue(refused)
    assert (400, "invalid", "CPIS-216", "identifier is not the visit's") == issue(
        house.put(upsert(), "x|V-1")
    )
    assert (400, "invalid", "CPIS-216", "no Encounter") == issue(house.put(upsert(resourceType="Basic")))
    nameless = issue(house.put(upsert(), ""))
    assert (400, "invalid", "CPIS-216", "no identifier in the address") == nameless

    places = ["Encounter.meta.versionId", "Encounter.identifier", "Encounter", "Encounter.identifier"]
    assert [(Door.FHIR, place) for place in places] == [(one.door, one.location) for one in house.desk.kept()]
    assert [] == house.desk.visits()


def test_a_planned_visit_is_answered_and_nobody_is_told() -> None:
    """It is counted; nothing of it is kept."""
    house = House()

    assert 200 == house.put(upsert(status="planned")).status
    assert ({"acknowledged: planned": 1}, [], []) == (
        house.desk.counts,
        house.desk.visits(),
        house.desk.kept(),
    )


def test_who_is_no_sender_is_told_so_and_nothing_is_kept() -> None:
    """Whatever is sent, and whatever is amiss with it."""
    house, stranger = House(), Peer("192.0.2.9")
    answers = [house.ask(name, b"{", stranger) for name in ("processMessage", "transaction", "putEncounter")]
    answers.append(house.refuse("processMessage", RequestRefused(413, "body too large"), b"x", stranger))

    assert {(401, "login", "CPIS-215")} == {issue(answer)[:3] for answer in answers}
    assert {"Bearer"} == {answer.headers["WWW-Authenticate"] for answer in answers}
    assert ({}, []) == (house.desk.counts, house.desk.kept())


@pytest.mark.parametrize(
    ("provider", "system", "reason", "place"),
    [
        ("RXY", VISITS, "sending facility not registered", "Encounter.serviceProvider"),
        ("RXX", "urn:other", "sending application not registered", "Encounter.identifier"),
    ],
)
def test_a_sender_that_claims_another_provider_is_told_so_and_no_byte_is_kept(
    provider: str, system: str, reason: str, place: str
) -> None:
    """In terms of FHIR, so that it can mend it; and whoever looks after the door is told."""
    house = House()
    other = Adt(event="A04", control_id="M1", recorded="20250301101500", provider=provider, pv1=ADT.pv1)
    answer = house.ask("processMessage", written(message(other)).replace(VISITS.encode(), system.encode()))

    assert (403, "forbidden", "CPIS-205", reason) == issue(answer)
    assert [place] == json.loads(answer.body)["issue"][0]["expression"]
    assert [reason] == house.told
    assert [None] == [kept.raw for kept in house.desk.kept()]
    assert 1 == house.desk.counts["rejected: fhir sender"]


def test_without_a_file_of_senders_anybody_may_post() -> None:
    """As over MLLP: a deployment for tests on one machine."""
    assert 200 == House(Senders()).ask("processMessage", written(message(ADT)), Peer("127.0.0.1")).status


@pytest.mark.parametrize(
    ("change", "told", "place"),
    [
        ({"status": "cheerful"}, (422, "code-invalid", "CPIS-201", "status unknown"), "Encounter.status"),
        ({"class": None}, (422, "required", "CPIS-201", "element missing"), "Encounter.class"),
        ({"period": 3}, (422, "value", "CPIS-201", "element no valid value"), "Encounter.period"),
    ],
)
def test_what_must_be_mended_is_named_by_place_and_kept(
    change: dict[str, Any], told: tuple[int, str, str, str], place: str
) -> None:
    """So that the sender's analyst can mend it from the outcome alone."""
    house = House()
    answer = house.put(upsert(**change))

    assert told == issue(answer)
    assert [place] == json.loads(answer.body)["issue"][0]["expression"]
    [kept] = house.desk.kept()
    assert (Door.FHIR, place, written(upsert(**change))) == (kept.door, kept.location, kept.raw)


@pytest.mark.parametrize(
    ("name", "body", "told"),
    [
        ("processMessage", b"{", (400, "structure", "CPIS-201", "no JSON")),
        ("processMessage", b"[" * 60, (400, "structure", "CPIS-201", "no JSON")),
        ("processMessage", written(transaction(ADT)), (400, "invalid", "CPIS-216", NO_MESSAGE)),
        ("transaction", written(message(ADT)), (400, "invalid", "CPIS-216", NO_TRANSACTION)),
        ("transaction", written(upsert()), (400, "invalid", "CPIS-216", NO_TRANSACTION)),
    ],
)
def test_what_is_no_message_is_refused_and_kept(
    name: str, body: bytes, told: tuple[int, str, str, str]
) -> None:
    """Each operation takes its own way of sending."""
    house = House()

    assert told == issue(house.ask(name, body))
    assert [body] == [kept.raw for kept in house.desk.kept()]


def test_where_a_document_ends_to_be_one_is_said() -> None:
    """A Bundle has thousands of lines; the word to count by stays the same."""
    [torn] = json.loads(House().ask("transaction", b'{\n "a":,}').body)["issue"]
    assert ("no JSON", "At line 2, column 6. ") == (torn["details"]["text"], torn["diagnostics"][:21])

    [wrong] = json.loads(House().ask("transaction", b'{"a":"\xff"}').body)["issue"]
    assert ("not in UTF-8", "At byte 7. ") == (wrong["details"]["text"], wrong["diagnostics"][:11])


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("application/fhir+json", 200),
        ("application/fhir+json; fhirVersion=4.0", 200),
        ('application/fhir+json;charset=utf-8; fhirVersion="4.0.1"', 200),
        ("application/fhir+json; fhirVersion=3.0", 415),
        ("application/fhir+json; fhirVersion=5.0; charset=utf-8", 415),
    ],
)
def test_another_version_of_fhir_is_refused(said: str, status: int) -> None:
    """An Encounter says other things there; what is taken instead stands in the answer (RFC 9110)."""
    answer = House().ask("processMessage", written(message(ADT)), headers={"content-type": said})

    assert status == answer.status
    taken = {"Accept": "application/fhir+json, application/json", "Accept-Encoding": "gzip"}
    assert (taken if status == 415 else {}) == answer.headers


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        ({"method": "POST", "url": "Encounter"}, None),
        ({"method": "PUT", "url": "Encounter/visit"}, None),
        ({"method": "PUT", "url": f"Encounter?identifier={VISITS}%7CV-1", "ifMatch": 'W/"7"'}, None),
        ({"method": "PUT", "url": f"Encounter?identifier={VISITS}|V-1", "ifMatch": "*"}, None),
        ({"method": "PUT", "url": "Encounter?identifier=V-1"}, None),
        ({"method": "DELETE", "url": "Encounter/visit"}, ("method", "not-supported", "method not taken")),
        ({"method": "GET", "url": "Encounter/visit"}, ("method", "not-supported", "method not taken")),
        (
            {"method": "PUT", "url": f"Encounter?identifier={VISITS}|V-2"},
            ("url", "value", "identifier is not the visit's"),
        ),
        (
            {"method": "PUT", "url": "Encounter?identifier=V-2"},
            ("url", "value", "identifier is not the visit's"),
        ),
        (
            {"method": "PUT", "url": "Encounter/visit", "ifMatch": 'W/"6"'},
            ("ifMatch", "value", "version is not the one asked for"),
        ),
        *(
            (
                {"method": "POST", "url": "Encounter", name: f"identifier={VISITS}|V-1"},
                (name, "not-supported", "condition not taken"),
            )
            for name in ("ifNoneExist", "ifNoneMatch", "ifModifiedSince")
        ),
    ],
)
def test_a_transaction_that_asks_for_something_else_is_no_arrival(
    request_: dict[str, str], told: tuple[str, str, str] | None
) -> None:
    """A visit that is to be deleted has nobody arrive, and which visit is meant is not guessed (ruling 6)."""
    house, bundle = House(), transaction(ADT)
    [entry] = [one for one in bundle["entry"] if one["resource"]["resourceType"] == "Encounter"]
    entry["request"] = request_
    entry["resource"]["meta"] = {**entry["resource"].get("meta", {}), "versionId": "7"}
    answer = house.ask("transaction", written(bundle))

    if told is None:
        assert (200, 1) == (answer.status, len(house.desk.visits()))
    else:
        place, kind, reason = told
        assert (422, kind, "CPIS-201", reason) == issue(answer)
        expression = f"Bundle.entry[{bundle['entry'].index(entry)}].request.{place}"
        assert ([expression], []) == (json.loads(answer.body)["issue"][0]["expression"], house.desk.visits())


@pytest.mark.parametrize("method", ["DELETE", "PATCH", "GET", "HEAD"])
def test_a_transaction_is_taken_whole_or_not_at_all(method: str) -> None:
    """A patient who is to be deleted is not the one who came; what R4 fails in part fails whole."""
    house, bundle = House(), transaction(ADT)
    bundle["entry"][1]["request"]["method"] = method
    answer = house.ask("transaction", written(bundle))

    assert (422, "not-supported", "CPIS-201", "method not taken") == issue(answer)
    expression = ["Bundle.entry[1].request.method"]
    assert (expression, []) == (json.loads(answer.body)["issue"][0]["expression"], house.desk.visits())


def test_what_is_created_beside_a_visit_only_if_there_is_none_makes_no_difference() -> None:
    """Nothing of it is stored: R4 answers such an entry with 200, as it is answered here."""
    house, bundle = House(), transaction(ADT)
    bundle["entry"][1]["request"] = {"method": "POST", "url": "Patient", "ifNoneExist": "identifier=1"}
    answer = house.ask("transaction", written(bundle))

    assert ({"200 OK"}, 1) == (
        {one["response"]["status"] for one in json.loads(answer.body)["entry"]},
        len(house.desk.visits()),
    )


def test_a_merge_is_refused_and_no_byte_of_it_is_kept() -> None:
    """It may hold two numbers (rulings 25, 42)."""
    house = House()
    bundle = message(ADT)
    bundle["entry"][0]["resource"]["eventCoding"]["code"] = "A40"

    reason = "merge not taken in FHIR, send A40 over MLLP"
    assert (422, "not-supported", "CPIS-201", reason) == issue(house.ask("processMessage", written(bundle)))
    assert [None] == [kept.raw for kept in house.desk.kept()]


def test_a_visit_without_a_number_is_taken_and_kept() -> None:
    """A registration desk cannot mend it at once (rulings 21, 35)."""
    house = House()
    answer = house.ask("processMessage", written(message(replace(ADT, patient=Patient(number=None)))))

    assert 200 == answer.status
    [kept] = house.desk.kept()
    assert ("number_missing", "Patient.identifier") == (kept.reason, kept.location)
    assert 1 == house.desk.counts["rejected: fhir number"]


def test_a_patient_who_is_traced_becomes_the_visits() -> None:
    """A message that was kept goes back through the door it came by (ruling 21)."""
    house, number = House(), NhsNumber("9990000018")
    kept = written(message(replace(ADT, patient=Patient(number=None))))
    FhirR4(SENDERS).load()
    untraced = Untraced(data=kept, received_at=NOW, details=Details(), door=Door.FHIR)
    assert asyncio.run(house.desk.intake.promote(untraced, OneMatch(number=number)))
    assert 1 == len(house.desk.visits())


def test_a_real_person_is_refused_where_tests_are_and_no_byte_is_kept() -> None:
    """As over MLLP (ruling 27)."""
    house = House(takes=takes_for_tests)
    real = replace(ADT, patient=Patient(number="4000000004"))
    answer = house.ask("processMessage", written(message(real)))

    assert (422, "code-invalid", "CPIS-620", "number not kept for tests") == issue(answer)
    assert [None] == [kept.raw for kept in house.desk.kept()]


def test_while_kafka_is_away_a_sender_keeps_what_it_has() -> None:
    """It may send it again, unchanged, after a while."""
    house = House(log=RefusingLog())
    answers = [
        house.ask("processMessage", written(message(ADT))),
        house.refuse("processMessage", RequestRefused(413, "body too large"), b"x"),
    ]

    assert {(503, "transient", "CPIS-401", "not taken now; send it again, unchanged")} == {
        issue(answer) for answer in answers
    }
    assert {"5"} == {answer.headers["Retry-After"] for answer in answers}


def test_where_nothing_can_be_sealed_a_sender_keeps_what_it_has() -> None:
    """No key can be kept."""
    house = House(sealer=FullDisk())

    assert 503 == house.refuse("transaction", RequestRefused(413, "body too large"), b"x").status
    assert 1 == house.desk.counts["sealing impossible"]


def test_a_fact_that_no_record_takes_is_too_large() -> None:
    """Today and ever: it is kept."""
    kafka = MemoryKafka()
    house = House(log=NarrowLog(kafka))
    house.desk.kafka = kafka

    assert 413 == house.ask("processMessage", written(message(ADT))).status
    assert [TOO_LARGE] == [kept.reason for kept in house.desk.kept()]


def test_a_defect_of_ours_is_told_as_one_and_kept() -> None:
    """The bytes are there to find and mend it."""
    house = House(codec=BrokenCodec)

    assert (500, "exception", "CPIS-201", DEFECT) == issue(house.ask("processMessage", written(message(ADT))))
    assert [DEFECT] == [kept.reason for kept in house.desk.kept()]


@pytest.mark.parametrize(
    ("status", "kind"),
    [(406, "not-supported"), (408, "timeout"), (413, "too-long"), (415, "not-supported")],
)
def test_what_never_became_a_request_is_kept_as_it_came(status: int, kind: str) -> None:
    """From a sender: bytes that were too many, too slow, or of another type."""
    house = House()
    answer = house.refuse("processMessage", RequestRefused(status, "amiss"), b"\x1f\x8b")

    assert (status, kind, "CPIS-216", "amiss") == issue(answer)
    assert [b"\x1f\x8b"] == [kept.raw for kept in house.desk.kept()]


def test_too_many_requests_are_not_kept_as_often_as_they_are_sent() -> None:
    """They come again."""
    house = House()
    answer = house.refuse("processMessage", RequestRefused(429, "too many requests"))

    assert ((429, "throttled"), "5") == (issue(answer)[:2], answer.headers["Retry-After"])
    assert [] == house.desk.kept()


def test_a_senders_own_ids_come_back_where_they_are_ids() -> None:
    """By them it finds the answer; anything else is not repeated."""
    headers = {"x-request-id": "60E0B220-8136-4CA5-AE46-1D97EF59D068", "x-correlation-id": "Robin Sample"}
    answer = House().ask("processMessage", written(message(ADT)), headers=headers)

    assert {"x-request-id": headers["x-request-id"]} == answer.headers


def test_everybody_may_ask_what_the_door_can_do() -> None:
    """Before a sender has a certificate or a token."""
    house, stranger = House(), Peer("192.0.2.9")
    told = json.loads(house.ask("capabilities", peer=stranger).body)
    assert ("CapabilityStatement", "4.0.1") == (told["resourceType"], told["fhirVersion"])
    assert ("instance", True) == (told["kind"], bool(told["implementation"]["description"]))
    [visits] = told["rest"][0]["resource"]
    by_id = (visits["updateCreate"], visits["versioning"])
    assert (True, (False, "no-version")) == (visits["conditionalUpdate"], by_id)
    assert 406 == house.refuse("capabilities", RequestRefused(406, "amiss"), peer=stranger).status

    page = json.loads(house.ask("openapi", peer=stranger).body)
    assert {
        "/fhir/R4",
        "/fhir/R4/$process-message",
        "/fhir/R4/Encounter",
        "/fhir/R4/metadata",
        "/openapi.json",
    } == {*page["paths"]}
    assert ["application/fhir+json", "application/json"] == [
        *page["paths"]["/fhir/R4"]["post"]["requestBody"]["content"]
    ]
    refused = house.refuse("openapi", RequestRefused(406, "amiss"), peer=stranger)
    assert (406, {"reason": "amiss"}) == (refused.status, json.loads(refused.body))


def test_every_status_that_is_answered_is_described() -> None:
    """The table is what the page is made of."""
    for operation in House().operations.values():
        assert {200, 406} <= {*operation.statuses}


def test_what_is_no_operation_is_answered_in_fhir() -> None:
    """By the door's own format."""
    answer = asyncio.run(refused_in_fhir(HttpRequest(peer=ENGINE), RequestRefused(404, "no such path")))

    assert (404, "not-found", "CPIS-216", "no such path") == issue(answer)


def test_a_broken_upsert_is_told_what_is_broken() -> None:
    """Not that it names another visit: its sender mends it from the answer alone."""
    house = House()
    answer = house.ask("putEncounter", b'{"id": 1, "id": 2}', query={"identifier": (f"{VISITS}|V-1",)})

    assert (400, "structure", "CPIS-201", "a name twice in one object") == issue(answer)
    assert 1 == len(house.desk.kept())


def test_a_request_that_is_none_is_not_laid_at_another_providers_door() -> None:
    """Whoever it is sent by: where it can be read, and is not theirs to send, no byte of it is kept."""
    house = House()
    other = replace(ADT, provider="RXY")
    answer = house.ask("transaction", written(message(other)))

    assert (403, "forbidden", "CPIS-205", "sending facility not registered") == issue(answer)
    [kept] = house.desk.kept()
    assert (None, None) == (kept.raw, kept.sender)


def test_a_real_persons_request_that_is_none_is_not_kept_where_tests_are() -> None:
    """A message at the wrong address is one of a real person all the same (ruling 27)."""
    house = House(takes=takes_for_tests)
    real = replace(ADT, patient=Patient(number="4000000004"))
    answer = house.ask("transaction", written(message(real)))

    assert "number not kept for tests" == issue(answer)[3]
    assert [None] == [kept.raw for kept in house.desk.kept()]


def test_a_merge_whose_header_stands_elsewhere_is_not_kept_either() -> None:
    """It may hold two numbers all the same (ruling 42)."""
    house = House()
    bundle = message(ADT)
    bundle["entry"][0]["resource"]["eventCoding"]["code"] = "A40"
    bundle["entry"].reverse()

    assert "message header is not first" == issue(house.ask("processMessage", written(bundle)))[3]
    assert [None] == [kept.raw for kept in house.desk.kept()]
