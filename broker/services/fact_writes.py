"""The record of a fact, in the input that it belongs to."""

from broker.core.facts import Fact
from broker.core.identifiers import NhsNumber
from broker.ports import Write
from broker.wire.cloudevents import FACT_TYPE, CloudEvent, write_headers
from broker.wire.facts_codec import FactCodec, schema_of, topic_of


def fact_write(codec: FactCodec, fact: Fact, number: NhsNumber, fact_id: str, source: str) -> Write:
    """Return the record of a fact that no hospital and no authority sent, as `record_of` does."""
    return record_of(fact, codec.encode(fact, number), number, fact_id, source)


def record_of(
    fact: Fact, value: bytes, number: NhsNumber, fact_id: str, source: str, sender: str | None = None
) -> Write:
    """
    Return the record of a fact that is encoded already.

    `source` is who of ours says so, `fact_id` the event's id (CloudEvents), `sender` the code of whoever sent
    it.
    """
    event = CloudEvent(
        event_id=fact_id,
        source=source,
        event_type=FACT_TYPE,
        time=fact.received_at,
        data_schema=schema_of(fact),
        sender=sender,
    )
    return Write(topic_of(fact), number.key, value, write_headers(event))
