"""When a record of an input was received: what the partition's clock goes by."""

from datetime import UTC, datetime, timedelta

from broker.core.errors import MalformedMessage
from broker.ports import Record
from broker.wire.cloudevents import read_headers

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def receipt_of(record: Record) -> datetime:
    """
    Return when intake received what a record holds, by its CloudEvents time; aware UTC.

    Never later than the append: a clock that runs ahead must not let people be forgotten.
    """
    appended_at = _EPOCH + timedelta(milliseconds=record.timestamp)
    try:
        told = read_headers(record.headers).time
    except MalformedMessage:
        return appended_at
    return appended_at if told is None else min(told, appended_at)
