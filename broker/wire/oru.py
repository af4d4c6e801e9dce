"""
Alerts, and answers that are pushed, as HL7 version 2 observations, `ORU^R01` of 2.4; a receiver's answers.

One message is one alert event, or one word about a visit: OBR-3 is the alert or the visit's answer, MSH-10
follows from the event, so that sending it again is seen to be the same. Every line is an OBX row of its own
key (OBX-3, OBX-4): a later message of the same OBR-3 replaces it, and deletes what it says no more.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime

from broker.core.alerts import EventKind
from broker.core.clinician import Code, Line, Reader, lines
from broker.core.delivery import Fault, Outcome, delivered, failed
from broker.core.errors import MalformedMessage
from broker.core.identifiers import LONDON, NhsNumber
from broker.core.pushing import PushedAnswer, answer_lines
from broker.wire.alerts_codec import Published
from broker.wire.hl7v2 import Message, parse

CONTROL_ID_LENGTH = 20
"""MSH-10 of version 2.4 is no longer; 80 bits of an event's id are as good as all of it."""

_CODING = "99CPIS"
_ALERT_SERVICE = "CPIS^Child Protection - Information Sharing"
_ANSWER_SERVICE = "CPIS-ANSWER^Whether a plan is on file"
"""OBR-4."""
_ESCAPES = str.maketrans(
    {
        "\\": "\\E\\",
        "|": "\\F\\",
        "^": "\\S\\",
        "&": "\\T\\",
        "~": "\\R\\",
        **{chr(code): " " for code in range(0x20)},  # one could end a segment or the frame
    }
)
_REPORT_STATUS = {
    EventKind.RAISED: "F",
    EventKind.UPDATED: "C",
    EventKind.WITHDRAWN: "X",
    EventKind.RETRACTED: "X",
}
"""OBR-25, table 0123: final, corrected, no results available."""
_FINAL, _CORRECTED = "F", "C"
_DELETED, _OF_WRONG_PATIENT = "D", "W"
"""OBX-11, table 0085: what is told is final or corrected, what is told no more deleted or wrong."""

_CODES = {code.name: code for code in Code}
_PATIENT_CLASSES = frozenset("BEIOPRN")
_UNKNOWN_CLASS = "U"
_ACCEPTED = frozenset({"AA", "CA"})
_AT_FAULT = frozenset({"AE", "CE"})
_REFUSED = frozenset({"AR", "CR"})
_OF_CONTENT = frozenset({"100", "101", "102", "103", "200", "201", "202", "203"})
"""Table 0357: what stands in the message, or which message it is. The rest may be better in a minute."""
_CONDITIONS = (("MSA", 6, 1), ("ERR", 1, 4), ("ERR", 3, 1))
"""Where such a code stands: segment, field and component; the last is that of 2.5 and newer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """What the header of a message says of the two sides: MSH-5 and MSH-6, and MSH-11 (`P` or `T`)."""

    application: str
    facility: str
    processing_id: str


def control_id(event_id: str) -> str:
    """Return MSH-10 of an event's message."""
    return event_id[:CONTROL_ID_LENGTH]


def observation(
    published: Published, reader: Reader, address: Address, *, at: datetime, told: Collection[str]
) -> tuple[bytes, tuple[str, ...]]:
    """
    Return the message of an event that is sent at an aware time, in UTF-8, and the keys of its lines.

    `told` are the keys that the receiver has of this alert: those that are told no more are deleted.
    """
    event, alert = published.event, published.event.alert
    visit = alert.visit
    report = _Report(
        event_id=event.event_id,
        thread_id=alert.alert_id,
        kind=event.kind,
        service=_ALERT_SERVICE,
        number=event.subject,
        arrived_at=None if visit is None else visit.arrived_at,
        place="" if visit is None else visit.location or "",
        stated_class="" if visit is None else visit.patient_class or "",
        shown=lines(event, published.statements, reader, at),
    )
    return _written(report, address, at, told)


def answer_observation(
    pushed: PushedAnswer, address: Address, *, at: datetime, told: Collection[str]
) -> tuple[bytes, tuple[str, ...]]:
    """
    Return the message of an answer that is sent at an aware time, in UTF-8, and the keys of its lines.

    `told` as for an alert. PID-3 is empty where the visit has no usable number, or one that is not in use.
    """
    report = _Report(
        event_id=pushed.event_id,
        thread_id=pushed.answer_id,
        kind=pushed.kind,
        service=_ANSWER_SERVICE,
        number=pushed.visit.number,
        arrived_at=pushed.visit.arrived_at,
        place="",
        stated_class="",
        shown=answer_lines(pushed),
    )
    return _written(report, address, at, told)


def judge(answer: bytes, sent: str) -> Outcome:
    """
    Return what the answer to the message with control id `sent` says of it.

    No word of the receiver's is repeated: it may name the patient. An error is the content's fault where the
    answer says so by table 0357; engines report whatever goes wrong with them as an error. A refusal may
    name no message, since who could not read ours knows no name: one is out at a time.
    """
    try:
        message = parse(answer)
    except MalformedMessage:
        return failed(Fault.ANSWER_UNREADABLE)
    verdict = message.first("MSA")
    if verdict is None:
        return failed(Fault.ANSWER_UNREADABLE)
    code, named = verdict.field(1), verdict.field(2)
    if named != sent and (isinstance(named, str) or code not in _AT_FAULT | _REFUSED):
        return failed(Fault.ANSWER_OF_ANOTHER)
    if code in _ACCEPTED:
        return delivered()
    if code in _AT_FAULT:
        return failed(Fault.REFUSED_CONTENT if _names_the_content(message) else Fault.IN_ERROR)
    return failed(Fault.REFUSED if code in _REFUSED else Fault.ANSWER_UNREADABLE)


def _names_the_content(answered: Message) -> bool:
    """Whether an answer names a fault of what stands in the message that it answers."""
    segments = ((answered.first(name), at, component) for name, at, component in _CONDITIONS)
    return any(one is not None and one.field(at, component) in _OF_CONTENT for one, at, component in segments)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Report:
    """What one message says: `thread_id` is OBR-3, the same in every message that replaces this one."""

    event_id: str
    thread_id: str
    kind: EventKind
    service: str
    number: NhsNumber | None
    arrived_at: datetime | None
    place: str
    stated_class: str
    shown: tuple[Line, ...]


def _written(
    report: _Report, address: Address, at: datetime, told: Collection[str]
) -> tuple[bytes, tuple[str, ...]]:
    """Return a message and the keys of its lines."""
    keys = tuple(line.key for line in report.shown)
    gone = [key for key in told if key not in keys]
    arrived = "" if report.arrived_at is None else _moment(report.arrived_at)
    patient_class = report.stated_class if report.stated_class in _PATIENT_CLASSES else _UNKNOWN_CLASS
    number = "" if report.number is None else f"{report.number.digits}^^^NHS^NH"
    segments = [
        _header(address, at, control_id(report.event_id)),
        f"PID|1||{number}||^^^^^^U",
        f"PV1|1|{patient_class}|{_escaped(report.place)}" + "|" * 41 + arrived,
        f"OBR|1||{_escaped(report.thread_id)}^CPIS|{report.service}^{_CODING}"
        f"|||{arrived or _moment(at)}" + "|" * 15 + _moment(at) + "|||" + _REPORT_STATUS[report.kind],
        *_rows(report.shown, gone, report.kind),
    ]
    return "".join(f"{segment}\r" for segment in segments).encode(), keys


def _header(address: Address, at: datetime, message_id: str) -> str:
    """Return MSH."""
    receiver = f"{_escaped(address.application)}|{_escaped(address.facility)}"
    return (
        f"MSH|^~\\&|CPIS|CPIS|{receiver}|{_moment(at)}||ORU^R01^ORU_R01|{message_id}"
        f"|{address.processing_id}|2.4||||||UNICODE UTF-8"
    )


def _rows(shown: Collection[Line], gone: Collection[str], kind: EventKind) -> Iterator[str]:
    """Yield OBX, first what is told, then what is told no more."""
    status = _FINAL if kind is EventKind.RAISED else _CORRECTED
    ended = _OF_WRONG_PATIENT if kind is EventKind.RETRACTED else _DELETED
    for number, line in enumerate(shown, start=1):
        value_type, value = _typed(line.value)
        yield f"OBX|{number}|{value_type}|{_identified(line.code)}|{line.place}|{value}||||||{status}"
    for number, key in enumerate(gone, start=len(shown) + 1):
        name, _, place = key.partition(".")
        yield f"OBX|{number}||{_identified(_CODES[name])}|{place}|||||||{ended}"


def _identified(code: Code) -> str:
    """Return OBX-3."""
    return f"{code.name}^{code.value}^{_CODING}"


def _typed(value: str | int | date | datetime) -> tuple[str, str]:
    """Return a value's type (OBX-2) and text."""
    if isinstance(value, datetime):  # before date, which it also is
        return "TS", _moment(value)
    if isinstance(value, date):
        return "DT", f"{value:%Y%m%d}"
    return ("NM", str(value)) if isinstance(value, int) else ("TX", _escaped(value))


def _escaped(text: str) -> str:
    """Return a text within the delimiters of MSH-2."""
    return text.translate(_ESCAPES)


def _moment(at: datetime) -> str:
    """Return a time as a clock in Europe/London shows it, to the second, with its offset."""
    return f"{at.astimezone(LONDON):%Y%m%d%H%M%S%z}"
