"""
CloudEvents 1.0 in Kafka's binary mode: the attributes are headers, the value is the data alone.

No header holds anything of a person: ids are keyed, there is no subject, and a type says neither which plan
nor what happened (R51). `ce_source` and `ce_id` together are unique; the same pair is the same event.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from broker.core.errors import MalformedMessage, NaiveTime

Headers = tuple[tuple[str, bytes], ...]
"""Kafka headers: name and value."""

SPECIFICATION_VERSION = "1.0"
CONTENT_TYPE = "application/vnd.confluent.avro"
"""Avro behind Confluent's five-byte head; no type is registered, this one is in use."""

FACT_TYPE = "cpis.fact.v1"
ALERT_TYPE = "cpis.alert.v1"
"""The type of every alert event, whatever its plan, occasion or kind."""
ERASURE_TYPE = "cpis.erasure.v1"
WORKLIST_TYPE = "cpis.worklist-item.v1"
REJECTED_TYPE = "cpis.rejected.v1"
LATE_TYPE = "cpis.late.v1"
AUDIT_TYPE = "cpis.audit-entry.v1"
ACTION_TYPE = "cpis.operator-action.v1"
ACKNOWLEDGEMENT_TYPE = "cpis.acknowledgement.v1"
CHECK_TYPE = "cpis.check-mark.v1"
FEED_TYPE = "cpis.feed-file.v1"

SENDER_HEADER = "ce_sender"
"""Our extension attribute: the ODS code of the organisation that a fact comes from."""

_VERSION_HEADER = ("ce_specversion", SPECIFICATION_VERSION.encode())
_CONTENT_HEADER = ("content-type", CONTENT_TYPE.encode())
_UTC_OFFSET = "+00:00"
_REQUIRED = ("ce_specversion", "ce_id", "ce_source", "ce_type")
_OPTIONAL = ("ce_time", "ce_dataschema", SENDER_HEADER)


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudEvent:
    """
    The attributes of one event.

    `event_id` is unique within `source`; `time` is when it happened, aware UTC; `data_schema` names the Avro
    schema of the data. `sender` is the ODS code of the organisation that a fact comes from: whoever
    counts what was taken from whom need not read the data.
    """

    event_id: str
    source: str
    event_type: str
    time: datetime | None = None
    data_schema: str | None = None
    sender: str | None = None


def write_headers(event: CloudEvent) -> Headers:
    """Return the headers of an event, always in the same order; raise `NaiveTime` for a time without zone."""
    headers = [
        _VERSION_HEADER,
        ("ce_id", event.event_id.encode()),
        ("ce_source", event.source.encode()),
        ("ce_type", event.event_type.encode()),
    ]
    if event.time is not None:
        headers.append(("ce_time", _timestamp(event.time).encode()))
    if event.data_schema is not None:
        headers.append(("ce_dataschema", event.data_schema.encode()))
    if event.sender is not None:
        headers.insert(0, (SENDER_HEADER, event.sender.encode()))  # first: the matcher looks for it alone
    headers.append(_CONTENT_HEADER)
    return tuple(headers)


def read_headers(headers: Iterable[tuple[str, bytes]]) -> CloudEvent:
    """
    Return the event of a record's headers; those that are not ours are passed over.

    Raise `MalformedMessage` when a required attribute is missing or one cannot be read.
    """
    raw = dict(headers)
    missing = [name for name in _REQUIRED if not raw.get(name)]
    if missing:
        raise MalformedMessage("cloudevents attribute missing", location=missing[0])
    read = {name: _text(name, raw[name]) for name in (*_REQUIRED, *_OPTIONAL) if name in raw}
    if read["ce_specversion"] != SPECIFICATION_VERSION:
        raise MalformedMessage("cloudevents version unknown", location="ce_specversion")
    return CloudEvent(
        event_id=read["ce_id"],
        source=read["ce_source"],
        event_type=read["ce_type"],
        time=_moment(read["ce_time"]) if "ce_time" in read else None,
        data_schema=read.get("ce_dataschema"),
        sender=read.get(SENDER_HEADER),
    )


def sender_of(headers: Iterable[tuple[str, bytes]]) -> bytes | None:
    """Return the sender in a record's headers as it stands there, None where none does; reads no other."""
    for name, value in headers:
        if name == SENDER_HEADER:
            return value
    return None


def _timestamp(moment: datetime) -> str:
    """Return RFC 3339 in UTC to the millisecond, always of one length."""
    if moment.tzinfo is None:
        raise NaiveTime
    moment = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return moment.isoformat(timespec="milliseconds").removesuffix(_UTC_OFFSET) + "Z"


def _text(name: str, value: bytes) -> str:
    """Return a header's text."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise MalformedMessage("cloudevents attribute unreadable", location=name) from None


def _moment(text: str) -> datetime:
    """Return the time of an RFC 3339 text, in UTC."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.utcoffset() == timedelta(0):
            return moment.replace(tzinfo=UTC)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (OverflowError, ValueError):
        pass
    raise MalformedMessage("cloudevents attribute unreadable", location="ce_time")
