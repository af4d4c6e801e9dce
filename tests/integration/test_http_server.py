"""The FHIR door over real sockets: all bad input gets its answer, and costs nobody else anything."""

import gzip
import json
import resource
from dataclasses import replace
from pathlib import Path

import pytest

from broker.adapters.http_bodies import BodyLimits
from broker.adapters.http_server import HttpLimits
from broker.adapters.server_tls import tls_settings
from broker.core.senders import Senders
from broker.runtime.senders_file import parse_senders
from tests.builders.adt import Adt
from tests.builders.certificates import Office
from tests.builders.fhir import VISITS, encounter, message, written
from tests.builders.http_house import House, request, visit
from tests.unit.services.test_fhir_door import DIGEST, NUMBER, SENDERS, TOKEN

ADT = Adt(event="A04", control_id="M1", recorded="20250301101500", pv1={"class": "E", "visit": "V-1"})
MESSAGE = written(message(ADT))
BODY_MAX = BodyLimits().bytes_max
SO_LONG_S = 0.7  # for who is slow; who is not needs a hundredth, and more where the machine is busy
BOMB = gzip.compress(bytes(80_000_000), 1)  # unpacked it would be seen in the memory of the process


async def taken(house: House) -> None:
    """Say that another sender is served as ever."""
    assert 200 == (await house.ask(request(MESSAGE))).status


def test_a_message_is_answered_and_the_connection_goes_on() -> None:
    """One after the other on one connection; compressed where the sender does that."""

    async def scenario(house: House) -> None:
        """Play the scenario."""
        client = await house.connect()
        for headers in (
            {},
            {"content_encoding": "gzip"},
            {"accept": "text/html, application/fhir+json;q=0.9"},
        ):
            packed = gzip.compress(MESSAGE[:99]) + gzip.compress(MESSAGE[99:])  # in two members
            body = packed if "content_encoding" in headers else MESSAGE
            await client.send(request(body, x_request_id="R-1", **headers))
            reply = await client.reply()
            assert (200, "application/fhir+json", "R-1") == (
                reply.status,
                reply.headers["content-type"],
                reply.headers["x-request-id"],
            )
            assert ("no-store", "cpis") == (reply.headers["cache-control"], reply.headers["server"])

    house = visit(scenario)

    assert {"opened": 1, "closed": 1, "processMessage 200": 3} == house.counts
    assert 3 == len(house.desk.visits())


def test_a_request_is_taken_whole_however_it_is_split() -> None:
    """Byte by byte, and two in one packet."""

    async def scenario(house: House) -> None:
        """Play the scenario."""
        client = await house.connect()
        for byte in request(MESSAGE):
            await client.send(bytes([byte]))
        assert 200 == (await client.reply()).status
        await client.send(request(MESSAGE) * 2)
        assert [200, 200] == [(await client.reply()).status for _ in range(2)]

    assert 3 == len(visit(scenario).desk.visits())


def test_an_upsert_is_put() -> None:
    """Its address names the visit, and nobody."""
    body = written(encounter(ADT, subject=NUMBER))
    path = f"/fhir/R4/Encounter?identifier={VISITS}%7CV-1"

    async def scenario(house: House) -> None:
        """Play the scenario."""
        reply = await house.ask(request(body, method="PUT", path=path))
        assert (200, True) == (reply.status, reply.headers["etag"].startswith('W/"'))
        assert 400 == (await house.ask(request(body, method="PUT", path="/fhir/R4/Encounter"))).status

    visit(scenario)


def deep() -> bytes:
    """Return JSON without end."""
    return b'{"a":' * 20_000


def wide() -> bytes:
    """Return a Bundle of ten thousand entries."""
    return written({"resourceType": "Bundle", "type": "message", "entry": [{"resource": {}}] * 10_000})


def entity() -> bytes:
    """Return a message in whose narrative an entity names a file."""
    bundle = message(ADT)
    evil = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><div>&e;</div>'
    bundle["entry"][1]["resource"]["text"] = {"status": "generated", "div": evil}
    return written(bundle)


BAD = {
    "two values under one name": (
        b'{"resourceType":"Bundle","type":"message","type":"x"}',
        {},
        400,
        "a name twice in one object",
    ),
    "a number without bound": (b'{"a":' + b"9" * 100_000 + b"}", {}, 400, "a number without bound"),
    "nested without end": (deep(), {}, 400, "nested too deeply"),
    "ten thousand entries": (wide(), {}, 422, "too many entries"),
    "UTF-16": (MESSAGE.decode().encode("utf-16"), {}, 400, "not in UTF-8"),
    "null bytes": (MESSAGE.replace(b"M1", b"M\x001"), {}, 400, "no JSON"),
    "no JSON": (b"<Bundle xmlns='http://hl7.org/fhir'/>", {}, 400, "no JSON"),
    "XML": (b"<Bundle/>", {"content_type": "application/fhir+xml"}, 415, "content type not taken"),
    "another character set": (
        MESSAGE,
        {"content_type": "application/fhir+json; charset=latin-1"},
        415,
        "content type not taken",
    ),
    "no content type": (MESSAGE, {"content_type": ""}, 415, "content type not taken"),
    "an answer in XML": (MESSAGE, {"accept": "application/fhir+xml"}, 406, "answer not to be had so"),
    "another compression": (MESSAGE, {"content_encoding": "br"}, 415, "content encoding not taken"),
    "no gzip": (MESSAGE, {"content_encoding": "gzip"}, 400, "no gzip"),
    "gzip broken off": (gzip.compress(MESSAGE)[:-9], {"content_encoding": "gzip"}, 400, "no gzip"),
    "gzip and more": (gzip.compress(MESSAGE) + b"x", {"content_encoding": "gzip"}, 400, "no gzip"),
    "a bomb of gzip": (
        BOMB,
        {"content_encoding": "gzip"},
        413,
        "body too large when decompressed",
    ),
    "too large": (b" " * (BODY_MAX + 1), {}, 413, "body too large"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_gets_its_answer_and_is_kept(name: str) -> None:
    """The sender is told what and where, its bytes are kept, and the next sender is served as ever."""
    body, headers, status, reason = BAD[name]

    async def scenario(house: House) -> None:
        """Play the scenario."""
        reply = await house.ask(request(body, **headers))
        assert (status, reason) == (reply.status, reply.reason())
        await taken(house)

    house = visit(scenario)

    kept = b"".join(one.raw or b"" for one in house.desk.kept())
    assert kept == body[:BODY_MAX]
    assert {reason} == {one.reason for one in house.desk.kept()}
    assert 1 == len(house.desk.visits())


def test_a_bomb_costs_no_memory() -> None:
    """It is not unpacked beyond the limit: each would take eighty megabytes."""

    async def scenario(house: House) -> None:
        """Play the scenario."""
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in range(5):
            assert 413 == (await house.ask(request(BOMB, content_encoding="gzip"))).status
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # kilobytes

    visit(scenario)


def test_an_entity_in_narrative_is_never_looked_at() -> None:
    """The visit is taken; nobody resolves anything."""

    async def scenario(house: House) -> None:
        """Play the scenario."""
        assert 200 == (await house.ask(request(entity()))).status

    assert 1 == len(visit(scenario).desk.visits())


def test_a_body_without_end_is_not_read_to_its_end() -> None:
    """Chunk after chunk: it is refused at the limit, and the connection shut."""

    async def scenario(house: House) -> None:
        """Play the scenario."""
        client = await house.connect()
        await client.send(request(content_length="", transfer_encoding="chunked"))
        chunk = b"10000\r\n" + b" " * 65_536 + b"\r\n"
        for _ in range(BODY_MAX // 65_536 + 1):
            await client.send(chunk)
        reply = await client.reply()
        assert (413, "close") == (reply.status, reply.headers["connection"])
        await taken(house)

    visit(scenario)


def test_a_sender_that_breaks_off_costs_nobody_anything() -> None:
    """Within the head, and within the body; what is broken in its framing is kept."""

    async def scenario(house: House) -> None:
        """Play the scenario."""
        for data in (request(MESSAGE)[:40], request(MESSAGE)[:-10]):
            client = await house.connect()
            await client.send(data)
            client.writer.transport.abort()
        await house.until(lambda: 2 == house.counts["closed"])
        reply = await house.ask(request(b"zz\r\n", content_length="", transfer_encoding="chunked"))
        assert 400 == reply.status
        await taken(house)

    assert 1 == len(visit(scenario).desk.visits())


@pytest.mark.parametrize("sent", [b"", request(MESSAGE)[:40], request(MESSAGE)[:-10]])
def test_a_slow_sender_is_shut_out(sent: bytes) -> None:
    """It holds a place for so long, and no longer."""
    limits = HttpLimits(head_seconds=SO_LONG_S, bodies=BodyLimits(seconds=SO_LONG_S), idle_seconds=SO_LONG_S)

    async def scenario(house: House) -> None:
        """Play the scenario."""
        client = await house.connect()
        await client.send(sent)
        if sent.endswith(MESSAGE[:-10]):
            assert 408 == (await client.reply()).status
        assert b"" == await client.reader.read()
        await taken(house)

    assert 1 == len(visit(scenario, limits=limits).desk.visits())


def test_a_connection_that_is_idle_is_shut() -> None:
    """Between two requests, so long."""

    async def scenario(house: House) -> None:
        """Play the scenario."""
        client = await house.connect()
        await client.send(request(MESSAGE))
        assert 200 == (await client.reply()).status
        assert b"" == await client.reader.read()

    visit(scenario, limits=HttpLimits(idle_seconds=SO_LONG_S))


def test_five_hundred_idle_connections_keep_no_other_sender_out() -> None:
    """One address has so many and no more, and all of them together."""
    limits = HttpLimits(connections_max=12, connections_of_one_max=10)

    async def scenario(house: House) -> None:
        """Play the scenario."""
        for _ in range(500):
            await house.connect()
        await house.until(lambda: 490 == house.counts["refused"])
        client = await house.connect(address="127.0.0.2")
        await client.send(request(MESSAGE))
        assert 200 == (await client.reply()).status
        for _ in range(2):
            await house.connect(address="127.0.0.3")
        await house.until(lambda: 491 == house.counts["refused"])

    assert 12 == visit(scenario, limits=limits).counts["opened"]


def test_too_many_requests_at_once_are_sent_again() -> None:
    """Nothing is kept of them."""

    async def scenario(house: House) -> None:
        """Play the scenario."""
        reply = await house.ask(request(MESSAGE))
        assert (429, "5") == (reply.status, reply.headers["retry-after"])

    assert [] == visit(scenario, limits=HttpLimits(requests_max=0)).desk.kept()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/fhir/R4/metadata", 200),
        ("GET", "/openapi.json", 200),
        ("GET", "/9990000018", 404),
        ("POST", "/fhir/R4/%24process-message", 400),
    ],
)
def test_what_can_be_asked_is_in_one_table(method: str, path: str, status: int) -> None:
    """Anything else is answered in FHIR, too."""

    async def scenario(house: House) -> None:
        """Play the scenario."""
        reply = await house.ask(request(method=method, path=path, content_type="application/json"))
        assert status == reply.status
        json.loads(reply.body)

    visit(scenario)


@pytest.mark.parametrize(
    ("method", "path", "allowed"), [("GET", "/fhir/R4/Encounter", "PUT"), ("DELETE", "/fhir/R4", "POST")]
)
def test_another_method_is_told_which_are_there(method: str, path: str, allowed: str) -> None:
    """RFC 9110: 405 carries `Allow`."""

    async def scenario(house: House) -> None:
        """Play the scenario."""
        reply = await house.ask(request(method=method, path=path, content_type="application/json"))
        assert (405, allowed) == (reply.status, reply.headers["allow"])
        json.loads(reply.body)

    visit(scenario)


def test_bytes_that_are_no_request_are_counted_and_not_kept() -> None:
    """Nobody knows whose they are, and whoever finds the port could fill a topic with them."""

    async def scenario(house: House) -> None:
        """Play the scenario."""
        client = await house.connect()
        await client.send(b"\x0bMSH|^~\\&|EDSYS|RXX\r\x1c\r\r\n\r\n")
        assert b" 400 " in await client.reader.read()
        await house.until(lambda: house.counts["not http"] == 1)
        await taken(house)

    assert [] == visit(scenario).desk.kept()


def test_a_head_without_end_is_refused() -> None:
    """By its length, and by the number of its lines."""

    async def scenario(house: House) -> None:
        """Play the scenario."""
        for lines in (b"x: " + b"9" * 20_000 + b"\r\n", b"x: 1\r\n" * 100):
            client = await house.connect()
            await client.send(request().replace(b"\r\n\r\n", b"\r\n" + lines + b"\r\n"))
            assert (await client.reader.read()).startswith(b"HTTP/1.0 400")
        await taken(house)

    visit(scenario)


def test_a_token_is_a_senders() -> None:
    """Another one is nobody's."""

    async def scenario(house: House) -> None:
        """Play the scenario."""
        assert 200 == (await house.ask(request(MESSAGE, authorization=f"Bearer {TOKEN}"))).status
        for other in ("Bearer x", f"Basic {TOKEN}", "Bearer", ""):
            reply = await house.ask(request(MESSAGE, authorization=other))
            assert (401, "Bearer") == (reply.status, reply.headers["www-authenticate"])

    visit(scenario, senders=SENDERS)


def not_demanding(directory: Path) -> Office:
    """Return the certificate of a door at which a sender may show none."""
    office = Office(directory)
    office.files = replace(office.files, named=tls_settings("HTTP"), demanded=False)
    return office


def by_certificate(name: str) -> Senders:
    """Return a file in which a system is known by its certificate, and another by its token."""
    return parse_senders(
        f"""
        [provider.RXX.sender.EDSYS]
        certificates = ["name:{name}"]
        visit_system = "{VISITS}"
        [provider.RXX.sender.OTHER]
        tokens = ["{DIGEST}"]
        """,
        "senders.toml",
    )


def test_a_certificate_is_a_senders(tmp_path: Path) -> None:
    """Who has none may have a token, and sends for its own system alone."""
    office = not_demanding(tmp_path)

    async def scenario(house: House) -> None:
        """Play the scenario."""
        assert 200 == (await house.ask(request(MESSAGE), office.sender())).status
        stranger = office.without_certificate()
        assert 401 == (await house.ask(request(MESSAGE), stranger)).status
        other = request(MESSAGE, authorization=f"Bearer {TOKEN}")
        assert 403 == (await house.ask(other, stranger)).status

    visit(scenario, senders=by_certificate("sender.test"), tls=office.door())


def test_who_speaks_no_tls_is_not_let_in(tmp_path: Path) -> None:
    """Nor is who says nothing at all; the next is."""
    office = not_demanding(tmp_path)

    async def scenario(house: House) -> None:
        """Play the scenario."""
        plain = await house.connect()
        await plain.send(request(MESSAGE))
        await house.until(lambda: 1 == house.counts["no tls"])
        await house.connect()
        await house.until(lambda: 1 == house.counts["handshake timed out"])
        assert 200 == (await house.ask(request(MESSAGE), office.sender())).status

    visit(scenario, tls=office.door(), limits=HttpLimits(handshake_seconds=3.0))


def test_a_door_that_is_shut_gives_up_handshakes(tmp_path: Path) -> None:
    """A stop waits for nobody who says nothing."""
    office = Office(tmp_path)

    async def scenario(house: House) -> None:
        """Play the scenario."""
        await house.connect()
        await house.until(lambda: 1 == house.counts["opened"])

    visit(scenario, tls=office.door())


def test_a_door_may_be_shut_twice() -> None:
    """A role that ends does not ask whether it had begun."""

    async def scenario(house: House) -> None:
        """Play the scenario."""
        await house.server.stop()

    assert 0 == visit(scenario).server.port


def test_slow_requests_of_one_keep_no_other_out() -> None:
    """They have their own share of the places; the rest are others'."""
    limits = HttpLimits(requests_max=3, requests_of_one_max=2)

    async def scenario(house: House) -> None:
        """Play the scenario."""
        for _ in range(2):
            await (await house.connect()).send(request(MESSAGE)[:-10])
        while (reply := await house.ask(request(MESSAGE))).status != 429:
            pass  # until both are under way
        assert "5" == reply.headers["retry-after"]
        other = await house.connect(address="127.0.0.2")
        await other.send(request(MESSAGE))
        assert 200 == (await other.reply()).status

    visit(scenario, limits=limits)


def test_a_sender_that_asks_before_it_sends_a_body_is_told_to_go_on() -> None:
    """Else it would wait for that, some without end."""

    async def scenario(house: House) -> None:
        """Play the scenario."""
        asked, body = request(MESSAGE, expect="100-continue"), len(MESSAGE)
        client = await house.connect()
        await client.send(asked[:-body])
        assert b"HTTP/1.1 100 Continue\r\n\r\n" == await client.reader.readuntil(b"\r\n\r\n")
        await client.send(asked[-body:])
        assert 200 == (await client.reply()).status

    visit(scenario)


@pytest.mark.parametrize("sent", [b"MSH|Robin|\r\n\r\n", request().replace(b"host:", b"Robin\r\nhost:")])
def test_what_is_no_request_is_not_said_again(sent: bytes) -> None:
    """A message that came to the wrong door holds a person."""

    async def scenario(house: House) -> None:
        """Play the scenario."""
        client = await house.connect()
        await client.send(sent)
        told = await client.reader.read()
        assert told.startswith(b"HTTP/1.0 400")
        assert b"Robin" not in told
        assert b"Server: cpis\r\n" in told

    visit(scenario)
