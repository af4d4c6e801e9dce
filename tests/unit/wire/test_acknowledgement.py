"""The answer to an HL7 version 2 message: its verdict, its words, and that a resend gets the same one."""

from pathlib import Path

import hl7
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.core.errors import BrokerError, KafkaUnavailable, MalformedMessage
from broker.wire import hl7v2
from broker.wire.acknowledgement import TEXTS, Verdict, acknowledge, answer, said_in, verdict
from broker.wire.mllp import frame

FIXTURES = Path(__file__).parents[2] / "fixtures" / "hl7"
MISSING = MalformedMessage("control id missing", hl7_code=101, location="MSH-10")


def fixture(name: str) -> bytes:
    """Return one recorded message."""
    return (FIXTURES / f"{name}.hl7").read_bytes()


def lines(data: bytes) -> list[str]:
    """Return an answer's segments."""
    assert data.endswith(b"\r")
    return data.decode().split("\r")[:-1]


def test_an_accepted_message_is_answered_in_its_own_terms() -> None:
    """Sender and receiver change places; time, ids, processing id and version are the request's."""
    assert [
        r"MSH|^~\&|ROUTE|ROUTE|EDSYS|RXX|20250301101500||ACK^A04^ACK|EDSYS0001|T|2.4",
        "MSA|AA|EDSYS0001",
    ] == lines(answer(fixture("a04-registered")))


def test_what_an_answer_says_is_read_in_its_own_delimiters() -> None:
    """Whatever these are, it is counted by its code."""
    accepted = answer(b"MSH#*~\\&#EDSYS#RXX#####ADT*A04#M1#T#2.4\r")

    assert ("AA", "AR") == (said_in(accepted), said_in(answer(b"junk", KafkaUnavailable())))


def test_an_error_names_place_code_and_reason() -> None:
    """ERR has the form of 2.4: segment, its sequence, field, table 0357, and our own code beside it."""
    error = MalformedMessage("sending facility missing", hl7_code=101, location="MSH-4")

    assert [
        "MSA|AE|EDSYS0001|sending facility missing",
        "ERR|MSH^1^4^101&Required field missing&HL70357&CPIS-201&sending facility missing&L",
    ] == lines(answer(fixture("a04-registered"), error))[1:]


@pytest.mark.parametrize(
    ("location", "place"),
    [("PID", "PID^1^"), ("PV1-44", "PV1^1^44"), ("PID[2]", "PID^2^"), ("", "^^"), ("/File/id", "^^")],
)
def test_a_place_that_is_no_field_is_left_out(location: str, place: str) -> None:
    """A segment may stand alone; what is no place in a message of version 2 is not sent."""
    error = MalformedMessage("unreadable", hl7_code=102, location=location)

    assert lines(answer(fixture("a04-registered"), error))[2].startswith(f"ERR|{place}^102&")


def test_trouble_on_our_side_is_not_explained() -> None:
    """The sender learns that it may send again (207), not what our cluster is called."""
    assert [
        "MSA|AR|EDSYS0001|Application internal error",
        "ERR|^^^207&Application internal error&HL70357&CPIS-401&Application internal error&L",
    ] == lines(answer(fixture("a04-registered"), KafkaUnavailable("no answer from 10.0.0.1")))[1:]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (None, Verdict.ACCEPTED),
        (KafkaUnavailable(), Verdict.REJECTED),
        (MalformedMessage("x"), Verdict.ERROR),
        *((MalformedMessage("x", hl7_code=code), Verdict.ERROR) for code in (100, 101, 102, 103)),
        *((MalformedMessage("x", hl7_code=code), Verdict.REJECTED) for code in (200, 201, 202, 203)),
    ],
)
def test_content_is_an_error_and_everything_else_a_rejection(
    error: BrokerError | None, expected: Verdict
) -> None:
    """`AE` is the sender's to mend, `AR` may be sent again unchanged (dossier 6.5)."""
    assert expected == verdict(error)


def test_every_code_that_reading_uses_has_its_text() -> None:
    """The table of texts is complete for the codes that the reader names."""
    names = {
        name
        for name in vars(hl7v2)
        if name.isupper() and not name.startswith("_") and not name.endswith("_MAX")
    }
    codes = {code for code in map(vars(hl7v2).get, names) if isinstance(code, int)}

    assert codes == TEXTS.keys()


def test_bytes_without_a_header_are_answered_with_an_empty_id() -> None:
    """There is nothing to echo, and an answer all the same."""
    assert [
        r"MSH|^~\&|||||||ACK|0|P|2.4",
        "MSA|AE||no MSH segment",
        "ERR|MSH^1^^100&Segment sequence error&HL70357&CPIS-201&no MSH segment&L",
    ] == lines(answer(b"GET / HTTP/1.1", MalformedMessage("no MSH segment", hl7_code=100, location="MSH")))


def test_a_header_without_id_gets_an_answer_with_one() -> None:
    """MSH-10 of the answer must not be empty; MSA-2 echoes what was there."""
    assert [r"MSH|^~\&|||EDSYS||||ACK|0|P|2.4", "MSA|AA|"] == lines(answer(rb"MSH|^~\&|EDSYS"))


def test_the_answer_speaks_the_request_s_delimiters() -> None:
    """A sender that delimits in its own way can read the answer, whatever stands in the reason."""
    error = MalformedMessage("a#b*c!d?e%f", hl7_code=102, location="PID-3")

    assert [
        "MSH#*!?%#ROUTE#ROUTE#EDSYS#RXX#20250301154000##ACK*A04*ACK#EDSYS0015#T#2.4",
        "MSA#AE#EDSYS0015#a?F?b?S?c?R?d?E?e?T?f",
        "ERR#PID*1*3*102%Data type error%HL70357%CPIS-201%a?F?b?S?c?R?d?E?e?T?f%L",
    ] == lines(answer(fixture("own-delimiters"), error))


def test_delimiters_that_a_sender_lacks_are_done_without() -> None:
    """Without sub-components ERR has the code alone, and without an escape sign delimiters become blanks."""
    error = MalformedMessage("a|b^c", hl7_code=102, location="PID-3")

    assert ["MSA|AE|7|a b c", "ERR|PID^1^3^102"] == lines(answer(b"MSH|^|A|B|C|D|||ADT^A04|7", error))[1:]


def test_the_answer_is_written_in_the_request_s_character_set() -> None:
    """A facility's name comes back in the bytes it was sent in, and MSH-18 says which these are."""
    request = "MSH|^~\\&|Zoë|RXX|||||ADT^A04|7|P|2.4||||||8859/1".encode("latin-1")

    data = answer(request)

    assert "MSH|^~\\&|||Zoë|RXX|||ACK^A04^ACK|7|P|2.4||||||8859/1".encode("latin-1") == data.split(b"\r")[0]


def test_another_reader_reads_the_answer() -> None:
    """The `hl7` package, as witness, finds verdict, id and code where the standard has them."""
    message = hl7.parse(answer(fixture("a04-registered"), MISSING).decode())

    assert ["AE", "EDSYS0001", "101"] == [
        str(message["MSA.F1"]),
        str(message["MSA.F2"]),
        str(message["ERR.F1.R1.C4.S1"]),
    ]


def test_copied_control_characters_cannot_end_a_segment_or_the_frame() -> None:
    """What is echoed is cleaned of them."""
    request = b"MSH|^~\\&|A\nB|R\x1cX|||||ADT^A0\x0b4|7\x00|P|2.4\rPID|"

    assert [r"MSH|^~\&|||AB|RX|||ACK^A04^ACK|7|P|2.4", "MSA|AA|7"] == lines(answer(request))


@given(
    st.sampled_from([b"", b"MSH|^~\\&|", b"MSH#*!?%#", b"MSH|^|"]),
    st.binary(max_size=120),
    st.sampled_from([None, MISSING, KafkaUnavailable()]),
)
def test_any_bytes_get_an_answer_and_a_resend_the_same(
    beginning: bytes, rest: bytes, error: BrokerError | None
) -> None:
    """Invariant: the answer depends on bytes and verdict alone, fits a frame, and can be read back."""
    request = beginning + rest

    data = answer(request, error)

    assert data == answer(request, error)
    assert data in frame(data)
    assert verdict(error).value == hl7v2.parse(data).all("MSA")[0].field(1)


def test_a_message_read_already_need_not_be_read_again() -> None:
    """Who holds the message and the verdict gets the same answer."""
    request = fixture("a04-registered")

    assert answer(request, MISSING) == acknowledge(hl7v2.parse(request), Verdict.ERROR, error=MISSING)
