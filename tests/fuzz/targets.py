"""
What a sender's bytes meet first: for any bytes only what is declared may come of it.

A target reads bytes and returns the name of what came of them; everything else that it raises is a fault of
ours. `SEEDS` are whole ones of each kind, and beside them lies what an earlier search found worth keeping.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import cycle
from pathlib import Path

from broker.core.errors import MalformedMessage
from broker.core.identifiers import OdsCode
from broker.wire.acknowledgement import answer
from broker.wire.adt import read_adt
from broker.wire.adt_other import may_hold_two_numbers, read_other
from broker.wire.fhir import read_fhir, sender_of
from broker.wire.fhir_unkept import may_hold_two_numbers as may_hold_two_fhir_numbers
from broker.wire.hl7v2 import parse
from broker.wire.json_outline import outline_json
from broker.wire.masking import outline
from broker.wire.mllp import START, Frame, Framer, Unreadable, Want, frame
from broker.wire.stream import read_stream
from broker.wire.visit_reading import Context
from tests.builders.adt import Adt, Patient
from tests.builders.fhir import VISITS, encounter, message, transaction, written
from tests.builders.hl7 import FIXTURES as MESSAGES
from tests.builders.hl7 import KEY, RECEIVED
from tests.builders.upload_reading import ReadFile, read_file

Target = Callable[[bytes], str]
"""Reads bytes and returns the name of what came of them; raises what is a fault of ours."""

FIXTURES = MESSAGES.parent
CORPUS = FIXTURES / "fuzz"
"""A folder for each target: what a search guided by coverage has kept, and what once was a fault."""

REFUSED = "refused"
_CONTEXT = Context(key=KEY, received_at=RECEIVED)
_FRAME_BYTES_MAX = 2_000
_SHORT_FRAME_BYTES_MAX = 40
_PACKET = 7
_PACKET_MAX = 64
_SIZES = 4
_ADT = Adt(
    event="A04",
    control_id="M1",
    recorded="20250301101500",
    patient=Patient(),
    pv1={"class": "E", "visit": "V-1", "arrived": "20250301101210", "location": "ED^^^RXX01"},
)


def frames(data: bytes) -> str:
    """Cut bytes into messages: the same in whatever packets, and no byte said twice."""
    events = _events([data])
    assert events == _events([data[place : place + _PACKET] for place in range(0, len(data), _PACKET)])
    assert sum(len(one.data) for one in events) <= len(data)
    kinds = {"a frame" if isinstance(one, Frame) else one.reason for one in events}
    return ", ".join(sorted(kinds)) or "nothing"


def packets(data: bytes) -> str:
    """
    Cut bytes into messages as they come: the first say where a packet ends, and how long a frame may be.

    The same is said as of the whole, wherever a mark is split; no byte is said twice, and the start of
    another frame takes nothing back.
    """
    sizes, stream = data[:_SIZES], data[_SIZES:]
    longest = _FRAME_BYTES_MAX if not sizes or sizes[0] % 2 else _SHORT_FRAME_BYTES_MAX
    cut, place = [], 0
    for size in cycle(sizes or b"\1"):
        if place >= len(stream):
            break
        cut.append(stream[place : place + size % _PACKET_MAX + 1])
        place += size % _PACKET_MAX + 1
    events = _events(cut, longest)
    assert events == _events([stream], longest)
    assert _events([*cut, START], longest)[: len(events)] == events
    assert sum(len(one.data) for one in events) <= len(stream)
    kinds = {"a frame" if isinstance(one, Frame) else one.reason for one in events}
    return ", ".join(sorted(kinds)) or "nothing"


def _events(packets: Sequence[bytes], longest: int = _FRAME_BYTES_MAX) -> list[Frame | Unreadable]:
    """Return what a framer that takes so long a frame says to packets, one after the other."""
    framer = Framer(frame_bytes_max=longest)
    found: list[Frame | Unreadable] = []
    for packet in packets:
        framer.receive_data(packet)
        while not isinstance(event := framer.next_event(), Want):
            found.append(event)
    return found


def messages(data: bytes) -> str:
    """Read a message of HL7 version 2 as intake does; whatever it is, it is answered and can be outlined."""
    shown = outline(data)
    merges = may_hold_two_numbers(data)
    try:
        other = read_other(data, _CONTEXT)
        outcome = type(other or read_adt(data, _CONTEXT)).__name__
        said = answer(data)
    except MalformedMessage as error:
        outcome, said = REFUSED, answer(data, error)
    assert isinstance(merges, bool)
    assert outcome == REFUSED or shown is not None
    assert parse(said).first("MSA") is not None
    return outcome


def bundles(data: bytes) -> str:
    """Read a resource of FHIR as intake does; it can be outlined where it is JSON."""
    outline_json(data)
    assert isinstance(may_hold_two_fhir_numbers(data), bool)
    assert 2 == len(sender_of(data))
    try:
        return type(read_fhir(data, _CONTEXT, _system)).__name__
    except MalformedMessage:
        return REFUSED


def _system(_provider: OdsCode, uri: str) -> str | None:
    """Return the sending system that numbers its visits so."""
    return "EDSYS" if uri == VISITS else None


def uploads(data: bytes) -> str:
    """Read an authority's file as intake does, and cut out its faulty records."""
    done = read_file(data, RECEIVED)
    return type(done).__name__ if isinstance(done, ReadFile) else REFUSED


def streams(data: bytes) -> str:
    """Read a recorded stream, as `cpis replay` does."""
    try:
        return type([*read_stream(data.decode("utf-8", "replace").splitlines())]).__name__
    except MalformedMessage:
        return REFUSED


TARGETS: Mapping[str, Target] = {
    target.__name__: target for target in (frames, packets, messages, bundles, uploads, streams)
}


def seeds(name: str) -> list[bytes]:
    """Return what is mutated for a target, in an order that is always the same."""
    kept = (path.read_bytes() for path in _files(CORPUS / name))
    return [*_SEEDS[name](), *kept]


def _files(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder in the order of their names; none where there is no folder."""
    return iter(sorted(path for path in folder.glob("*") if path.is_file()))


def _read(folder: str) -> list[bytes]:
    """Return the files of a folder of the fixtures."""
    return [path.read_bytes() for path in _files(FIXTURES / folder)]


def _bundles() -> list[bytes]:
    """Return a visit as a message, as a transaction, and by itself."""
    return [written(one) for one in (message(_ADT), transaction(_ADT), encounter(_ADT))]


def _frames() -> list[bytes]:
    """Return messages in frames, one and three of them."""
    framed = [frame(one) for one in _read("hl7")]
    return [framed[0], b"\r\n".join(framed[1:4])]


def _packets() -> list[bytes]:
    """Return the same in packets of several sizes, and for frames that may be long or short."""
    return [
        bytes(sizes) + one for one in _frames() for sizes in ((1, 1, 1, 1), (63, 2, 9, 30), (6, 0, 40, 1))
    ]


def _lines() -> list[bytes]:
    """Return the lines of the recorded day."""
    return (FIXTURES / "streams" / "demo.jsonl").read_bytes().splitlines()


_SEEDS: Mapping[str, Callable[[], Sequence[bytes]]] = {
    "frames": _frames,
    "packets": _packets,
    "messages": partial(_read, "hl7"),
    "bundles": _bundles,
    "uploads": partial(_read, "uploads"),
    "streams": _lines,
}
