"""The authorities' door: who may send what, what is answered, and that a request is one upload."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from broker.adapters.memory_demographics import MemoryDemographics
from broker.core.demographics import Current
from broker.core.door_errors import RequestRefused
from broker.core.facts import Details
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.kept_uploads import KeptUpload, Part, UploadDoor
from broker.core.senders import Peer
from broker.runtime.senders_file import parse_senders
from broker.services.la_door import AT_ONCE_OF_ONE_MAX, BASE
from broker.services.upload_queue import WAITING_MAX
from broker.wire.http import HttpAnswer, HttpRequest
from broker.wire.problem import PROBLEM
from tests.builders.matcher import until
from tests.builders.upload import PlanBlock, Record, build_upload
from tests.builders.upload_desk import NOW, Desk, door_of
from tests.builders.upload_tables import ROW, table
from tests.official_schemas import faults_of


def digest_of(token: str) -> str:
    """Return what the file of senders has for a token."""
    return f"sha256:{hashlib.sha256(token.encode()).hexdigest()}"


SENDERS = parse_senders(
    f"""
    [authority.Z211]
    tokens = ["{digest_of("own")}", "{digest_of("supplier")}"]
    certificates = ["name:la.z211.example"]
    complete = true
    [authority.Z212]
    tokens = ["{digest_of("other")}", "{digest_of("supplier")}"]
    [provider.RXX.sender.EDSYS]
    tokens = ["{digest_of("hospital")}"]
    """,
    "senders.toml",
)
FILE = build_upload()
OF_ONE = {"x-request-id": "R-1"}
NO_HEADERS: Mapping[str, str] = {}
PATIENCE_SECONDS = 90.0
BORN = date(2016, 4, 12)


def with_token(token: str) -> Peer:
    """Return whoever shows a token."""
    return Peer("192.0.2.1", tokens=frozenset({digest_of(token)}))


OWN, OTHER, SUPPLIER, HOSPITAL, NOBODY = map(with_token, ("own", "other", "supplier", "hospital", "none"))
BY_CERTIFICATE = Peer("192.0.2.1", certificates=frozenset({"name:la.z211.example"}))


class House:
    """A door with its store, its queue and a cluster in memory."""

    def __init__(self, directory: Path, source: MemoryDemographics | None = None) -> None:
        self.memory = Desk(source=source)
        self.directory = directory / "kept"
        door, self.desk, self.store, self.queue = door_of(self.memory, directory, SENDERS)
        self.operations = {one.name: one for one in door.operations()}

    def ask(self, name: str, peer: Peer = OWN, **more: Any) -> HttpAnswer:
        """Return the answer of an operation."""
        return asyncio.run(self.answered(name, peer, **more))

    async def answered(
        self, name: str, peer: Peer = OWN, pieces: AsyncIterator[bytes] | None = None, **more: Any
    ) -> HttpAnswer:
        """Answer a request."""
        if pieces is not None:
            more["pieces"] = pieces
        return await self.operations[name].handle(HttpRequest(peer=peer, **more))

    def send(
        self, data: bytes = FILE, peer: Peer = OWN, request: Mapping[str, str] = NO_HEADERS
    ) -> HttpAnswer:
        """Send a file in a request with these headers."""
        return self.ask("upload", peer, pieces=in_pieces(data), headers=request)

    def settle(self) -> None:
        """Take everything that waits."""
        for upload in self.store.every():
            if upload.result is None:
                asyncio.run(self.desk.settle(upload))

    def run_queue(self, condition: Callable[[], bool]) -> None:
        """Run the queue until a condition holds."""

        async def run() -> None:
            """Run it, wait, end it."""
            running = asyncio.create_task(self.queue.run())
            await until(condition, PATIENCE_SECONDS)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

        asyncio.run(run())

    def fetch(self, answer: HttpAnswer, name: str = "uploadStatus", peer: Peer = OWN, **more: Any) -> Any:
        """Ask about the upload that an answer told of."""
        return self.ask(name, peer, named={"id": json.loads(answer.body)["id"]}, **more)


async def in_pieces(data: bytes, fault: RequestRefused | None = None) -> AsyncIterator[bytes]:
    """Yield a body in pieces; at its end it breaks off where there is a fault."""
    for start in range(0, len(data), 1000):
        yield data[start : start + 1000]
    if fault is not None:
        raise fault


def said(answer: HttpAnswer) -> dict[str, Any]:
    """Return what an answer says."""
    found: dict[str, Any] = json.loads(answer.body)
    return found


@pytest.mark.parametrize("peer", [OWN, SUPPLIER, BY_CERTIFICATE], ids=["token", "supplier", "certificate"])
def test_an_upload_is_durable_and_sealed_before_it_is_accepted(peer: Peer, tmp_path: Path) -> None:
    """`202`, where its status is asked, and nothing of a child in the clear, in the id least of all."""
    house = House(tmp_path)

    answer = house.send(peer=peer)
    [upload] = house.store.every()

    assert (202, f"{BASE}/{upload.upload_id}") == (answer.status, answer.headers["Location"])
    assert ("waiting", UploadDoor.HTTP, NOW) == (said(answer)["state"], upload.door, upload.received_at)
    assert FILE == b"".join(house.store.read(upload.upload_id, Part.FILE))
    assert frozenset({OdsCode("Z211")}) == upload.senders
    assert not any(b"Robin" in path.read_bytes() for path in house.directory.iterdir())


def test_the_status_says_what_became_of_it_and_the_acknowledgement_is_fetched(tmp_path: Path) -> None:
    """As the message of the official schema, or as JSON without a name (R15)."""
    house = House(tmp_path)
    sent = house.send()
    early = house.fetch(sent, "acknowledgement")
    house.settle()

    status = said(house.fetch(sent))
    message = house.fetch(sent, "acknowledgement")
    as_json = house.fetch(sent, "acknowledgement", headers={"accept": "application/json"})

    assert (409, "5") == (early.status, early.headers["Retry-After"])
    assert ("done", "CPF02", 1, 0, 1, False) == tuple(
        status[name] for name in ("state", "code", "loaded", "failed", "plans", "send_again")
    )
    assert ("application/xml", []) == (message.content_type, faults_of(message.body))
    assert ("application/json", "CPR06") == (as_json.content_type, said(as_json)["details"][0]["code"])
    assert b"Robin" in message.body
    assert b"Robin" not in as_json.body


@pytest.mark.parametrize("name", ["upload", "uploadStatus", "acknowledgement"])
@pytest.mark.parametrize("peer", [NOBODY, HOSPITAL], ids=["nobody", "a hospital"])
def test_whoever_is_no_authority_is_told_so_and_nothing_is_kept(
    name: str, peer: Peer, tmp_path: Path
) -> None:
    """Not even a byte, nor whether an upload is there."""
    house = House(tmp_path)
    house.send()

    answer = house.ask(name, peer, named={"id": house.store.every()[0].upload_id}, pieces=in_pieces(FILE))

    assert (401, "Bearer", PROBLEM) == (
        answer.status,
        answer.headers["WWW-Authenticate"],
        answer.content_type,
    )
    assert 1 == len(house.store.every())


def test_another_authority_s_file_is_refused_and_nothing_of_it_is_kept(tmp_path: Path) -> None:
    """Its head says whose it is (403)."""
    house = House(tmp_path)

    answer = house.send(peer=OTHER)

    assert (403, "CPIS-721") == (answer.status, said(answer)["code"])
    assert [] == list(house.directory.iterdir())


@pytest.mark.parametrize("name", ["uploadStatus", "acknowledgement"])
def test_an_upload_is_not_there_for_another_authority(name: str, tmp_path: Path) -> None:
    """Nor is one that never was: the two cannot be told apart. A supplier of both may ask."""
    house = House(tmp_path)
    sent = house.send()
    house.settle()

    of_another = house.fetch(sent, name, OTHER)
    of_nobody = house.ask(name, named={"id": "f" * 32})

    assert (404, of_another.body) == (of_another.status, of_nobody.body)
    assert 200 == house.fetch(sent, name, SUPPLIER).status


def test_a_file_whose_authority_cannot_be_read_is_for_whoever_may_be_all_of_them(tmp_path: Path) -> None:
    """A supplier of two councils sent it: neither council alone may see what it says."""
    house = House(tmp_path)
    sent = house.send(b"<no", SUPPLIER)
    house.settle()

    seen = {peer: house.fetch(sent, "uploadStatus", peer).status for peer in (OWN, OTHER, SUPPLIER)}

    assert {OWN: 404, OTHER: 404, SUPPLIER: 200} == seen
    assert "CPF01" == said(house.fetch(sent, "uploadStatus", SUPPLIER))["code"]


@pytest.mark.parametrize("header", ["x-request-id", "idempotency-key"])
def test_the_same_request_is_one_upload(header: str, tmp_path: Path) -> None:
    """Before it is taken and after: sent again it is not taken again."""
    house = House(tmp_path)

    first = house.send(request={header: "R-1"})
    again = house.send(request={header: "R-1"})
    house.settle()
    at_last = house.send(request={header: "R-1"})

    assert [202] * 3 == [one.status for one in (first, again, at_last)]
    assert 1 == len({said(one)["id"] for one in (first, again, at_last)}) == len(house.store.every())
    assert ["waiting", "waiting", "done"] == [said(one)["state"] for one in (first, again, at_last)]


def test_without_an_id_of_the_request_every_file_is_one(tmp_path: Path) -> None:
    """The same bytes twice are two uploads, each with an answer; the plans are the same."""
    house = House(tmp_path)

    house.send()
    house.send()
    house.settle()

    assert (2, 1) == (len(house.store.every()), len(house.memory.plans()))


def test_an_id_of_a_request_is_for_one_file(tmp_path: Path) -> None:
    """Another one with it would be lost: it is refused, and the first stands."""
    house = House(tmp_path)
    house.send(request=OF_ONE)

    answer = house.send(build_upload(file_id="LA-FILE-0002"), request=OF_ONE)

    assert (422, "CPIS-724") == (answer.status, said(answer)["code"])
    assert FILE == b"".join(house.store.read(house.store.every()[0].upload_id, Part.FILE))


@pytest.mark.parametrize(("said_so", "complete"), [("true", True), ("false", False), (None, False)])
def test_a_file_may_be_said_to_be_complete_where_that_is_agreed(
    *, said_so: str | None, complete: bool, tmp_path: Path
) -> None:
    """It is kept and told, and changes nothing of what is loaded (D17)."""
    house = House(tmp_path)
    query = {} if said_so is None else {"complete": (said_so,)}
    answer = house.ask("upload", pieces=in_pieces(FILE), query=query)
    house.settle()

    assert (202, complete) == (answer.status, said(answer)["complete"])
    assert [complete] == [one.complete for one in house.store.every()]
    assert complete == said(house.fetch(answer))["complete"]
    assert 1 == len(house.memory.plans())


@pytest.mark.parametrize(
    ("peer", "query", "status", "code"),
    [
        (OTHER, ("true",), 403, "CPIS-729"),
        (OWN, ("yes",), 400, None),
        (OWN, ("true", "true"), 400, None),
        (OWN, ("",), 400, None),
    ],
)
def test_what_is_not_agreed_or_not_said_clearly_is_refused_and_not_kept(
    peer: Peer, query: tuple[str, ...], status: int, code: str | None, tmp_path: Path
) -> None:
    """An authority that sends its changes alone must not be taken to have lost everybody else."""
    house = House(tmp_path)
    file = build_upload(authority="Z212" if peer is OTHER else "Z211")
    answer = house.ask("upload", peer, pieces=in_pieces(file), query={"complete": query})

    assert (status, []) == (answer.status, house.store.every())
    assert code is None or code == said(answer)["code"]


def test_whose_file_cannot_be_read_is_complete_for_nobody(tmp_path: Path) -> None:
    """It will be refused as a whole."""
    house = House(tmp_path)
    house.ask("upload", pieces=in_pieces(b"<no"), query={"complete": ("true",)})

    assert [False] == [one.complete for one in house.store.every()]


def test_the_same_request_is_not_complete_once_and_once_not(tmp_path: Path) -> None:
    """What was said first stands."""
    house = House(tmp_path)
    house.send(request=OF_ONE)
    again = house.ask("upload", pieces=in_pieces(FILE), headers=OF_ONE, query={"complete": ("true",)})

    assert (422, "CPIS-724") == (again.status, said(again)["code"])


def test_two_authorities_may_use_the_same_id_of_a_request(tmp_path: Path) -> None:
    """They know nothing of each other."""
    house = House(tmp_path)

    house.send(request=OF_ONE)
    house.send(build_upload(authority="Z212"), OTHER, request=OF_ONE)

    assert 2 == len(house.store.every())


def test_a_file_that_is_sent_again_after_cpf05_is_taken_again(tmp_path: Path) -> None:
    """As it is, with the same id; nothing is lost, and nothing is loaded twice (R16)."""
    source = MemoryDemographics()
    source.put(
        NhsNumber("9990000018"),
        Current(details=Details(family="Sample", given="Robin", birth_date=BORN), recorded_at=NOW),
    )
    source.available = False
    house = House(tmp_path, source)
    house.send(request=OF_ONE)
    house.settle()
    first = said(house.send(request=OF_ONE))

    source.available = True
    house.settle()
    second = said(house.send(request=OF_ONE))

    assert ("waiting", "CPF02", False) == (first["state"], second["code"], second["send_again"])
    assert (1, 1) == (len(house.store.every()), len(house.memory.plans()))


@pytest.mark.parametrize("lost", ["the key", "the bytes", "what is known"])
def test_an_upload_that_is_lost_is_told_and_taken_when_it_is_sent_again(lost: str, tmp_path: Path) -> None:
    """`410` with what to do, never a wait without end; the same request is then a new upload."""
    house = House(tmp_path)
    sent = house.send(request=OF_ONE)
    [upload] = house.store.every()
    if lost == "the key":
        (house.directory / f"{upload.upload_id}.{Part.FILE}").write_bytes(b"x" * 40)
    elif lost == "the bytes":
        (house.directory / f"{upload.upload_id}.{Part.FILE}").unlink()
    else:
        (house.directory / f"{upload.upload_id}.json").write_bytes(b"{")
    if lost != "what is known":
        house.run_queue(lambda: any(one.lost for one in house.store.every()))
        status = said(house.fetch(sent))
        assert ("lost", True) == (status["state"], status["send_again"])

    gone = house.fetch(sent, "acknowledgement")
    again = house.send(request=OF_ONE)
    house.settle()

    assert (410, "CPIS-727") == (gone.status, said(gone)["code"])
    assert (202, "CPF02") == (again.status, said(house.fetch(again))["code"])


@pytest.mark.parametrize("left", [b"x" * 40, b"", None], ids=["its key is gone", "it is empty", "it is gone"])
def test_an_acknowledgement_that_cannot_be_read_is_told(left: bytes | None, tmp_path: Path) -> None:
    """The status says what became of the file: asking again changes nothing, and nothing is no answer."""
    house = House(tmp_path)
    sent = house.send()
    house.settle()
    [upload] = house.store.every()
    kept = house.directory / f"{upload.upload_id}.{Part.XML}"
    kept.unlink()
    if left is not None:
        kept.write_bytes(left)

    assert (410, "done") == (
        house.fetch(sent, "acknowledgement").status,
        said(house.fetch(sent))["state"],
    )


def test_a_table_is_taken_as_the_message_that_says_the_same(tmp_path: Path) -> None:
    """The same facts; a fault has line and column; what was sent is kept as it was (rulings 21, 35)."""
    house = House(tmp_path)
    data = table(ROW, {**ROW, "nhs_number": ""}, {**ROW, "start": "2025-02-30"})
    kind = {"content-type": "text/csv; charset=utf-8"}

    sent = house.send(data, request=kind)
    house.settle()
    details = said(house.fetch(sent, "acknowledgement", headers={"accept": "application/json"}))["details"]
    of_xml = House(tmp_path / "xml")
    of_xml.send(build_upload([Record(plans=[PlanBlock(start="202501100000")])], file_id="LA-FILE-0001"))
    of_xml.settle()

    assert of_xml.memory.plans() == house.memory.plans()
    assert [("CPR06", 2, None), ("CPR07", 3, "nhs_number"), ("CPR07", 4, "start")] == [
        (one["code"], one["line"], one["column"]) for one in details
    ]
    assert data == b"".join(house.store.read(house.store.every()[0].upload_id, Part.FILE))
    assert [] == faults_of(house.fetch(sent, "acknowledgement").body)
    assert house.memory.waiting()


def test_a_table_of_another_authority_is_refused_and_one_that_is_none_is_answered(tmp_path: Path) -> None:
    """By its first row (403); what is no table of these columns is CPF01 with its place."""
    house = House(tmp_path)
    kind = {"content-type": "text/csv"}

    assert 403 == house.send(table(ROW), OTHER, kind).status

    sent = house.send(b"name,born\nRobin,2016\n", request=kind)
    house.settle()
    fault = said(house.fetch(sent, "acknowledgement", headers={"accept": "application/json"}))["fault"]
    assert {"reason": "unknown column", "location": "line 1, cell 1"} == fault
    assert [b"name,born\nRobin,2016\n"] == [kept.raw for kept in house.memory.kept()]


def test_a_file_of_several_megabytes_is_kept_byte_for_byte(tmp_path: Path) -> None:
    """It is sealed in parts as it comes."""
    house = House(tmp_path)
    data = FILE.replace(b"</File>", b"<!--" + b"x" * 2_500_000 + b"--></File>")

    assert 202 == house.send(data).status
    assert data == b"".join(house.store.read(house.store.every()[0].upload_id, Part.FILE))


def test_a_body_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    """What the server found at fault is answered, and the same request may come again."""
    house = House(tmp_path)
    fault = RequestRefused(400, "body broken off")

    with pytest.raises(RequestRefused):
        house.ask("upload", pieces=in_pieces(FILE, fault), headers=OF_ONE)
    left = list(house.directory.iterdir())

    assert ([], 202) == (left, house.send(request=OF_ONE).status)


def test_a_request_that_is_none_is_answered_as_a_problem(tmp_path: Path) -> None:
    """With the status that the server found."""
    operation = House(tmp_path).operations["upload"]

    async def refused() -> HttpAnswer:
        """Refuse a request."""
        return await operation.refuse(HttpRequest(peer=OWN), RequestRefused(413, "body too large"))

    answer = asyncio.run(refused())

    assert (413, "body too large") == (answer.status, said(answer)["title"])


def test_the_same_request_twice_at_once_is_taken_once(tmp_path: Path) -> None:
    """The second is told to come again, while the first is still coming in."""
    house = House(tmp_path)
    gate = asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        """Yield the file once the gate is open."""
        await gate.wait()
        yield FILE

    async def scenario() -> tuple[int, int]:
        """Send the same request twice."""
        first = asyncio.create_task(house.answered("upload", pieces=slowly(), headers=OF_ONE))
        await asyncio.sleep(0)
        second = await house.answered("upload", pieces=in_pieces(FILE), headers=OF_ONE)
        gate.set()
        return (await first).status, second.status

    assert (202, 429) == asyncio.run(scenario())


def test_one_authority_sends_so_many_at_once_and_keeps_no_other_out(tmp_path: Path) -> None:
    """Slow bodies hold places that hospitals need at the same door: one more is to come later."""
    house = House(tmp_path)
    others = build_upload(authority="Z212")

    async def scenario() -> tuple[int, int, set[int]]:
        """Begin as many as may be, then one more, then one of another authority; let all end."""
        gate = asyncio.Event()

        async def slowly() -> AsyncIterator[bytes]:
            """Yield a file once the gate is open."""
            await gate.wait()
            yield FILE

        begun = [
            asyncio.create_task(house.answered("upload", pieces=slowly())) for _ in range(AT_ONCE_OF_ONE_MAX)
        ]
        await asyncio.sleep(0)
        more = await house.answered("upload", pieces=in_pieces(FILE))
        other = await house.answered("upload", OTHER, pieces=in_pieces(others))
        gate.set()
        return more.status, other.status, {one.status for one in await asyncio.gather(*begun)}

    assert (429, 202, {202}) == asyncio.run(scenario())
    assert 202 == house.send().status


def test_where_too_many_wait_no_more_are_taken(tmp_path: Path) -> None:
    """The sender keeps it, and sends it later."""
    house = House(tmp_path)
    for number in range(WAITING_MAX):
        house.queue.add(f"{number:032x}")

    answer = house.send()

    assert (503, "5", "CPIS-725") == (answer.status, answer.headers["Retry-After"], said(answer)["code"])


def test_where_nothing_can_be_kept_nothing_is_accepted(tmp_path: Path) -> None:
    """A full disk costs the sender another attempt, and no file."""
    house = House(tmp_path)
    house.directory.write_text("a file", "utf-8")

    assert 503 == house.send().status
    assert 503 == house.ask("uploadStatus", named={"id": "a" * 32}).status


def test_the_status_says_what_a_file_waits_for(tmp_path: Path) -> None:
    """By the code of the error, which the reference of errors explains."""
    house = House(tmp_path)
    sent = house.send()
    [upload] = house.store.every()
    house.store.settle(
        KeptUpload(
            upload_id=upload.upload_id,
            door=upload.door,
            senders=upload.senders,
            received_at=NOW,
            digest=upload.digest,
            postponed="CPIS-401",
        ),
        {},
    )

    assert "CPIS-401" == said(house.fetch(sent))["postponed"]
