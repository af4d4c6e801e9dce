"""The record of a fact that no hospital and no authority sent, in the input that it belongs to."""

from broker.core.facts import Fact
from broker.core.identifiers import NhsNumber
from broker.ports import Write
from broker.wire.cloudevents import FACT_TYPE, CloudEvent, write_headers
from broker.wire.facts_codec import FactCodec, schema_of, topic_of


def fact_write(codec: FactCodec, fact: Fact, number: NhsNumber, fact_id: str, source: str) -> Write:
    """Return the record; `source` is who of ours says so, `fact_id` the event's id (CloudEvents)."""
    topic = topic_of(fact)
    event = CloudEvent(
        event_id=fact_id,
        source=source,
        event_type=FACT_TYPE,
        time=fact.received_at,
        data_schema=schema_of(fact),
    )
    return Write(topic, number.key, codec.encode(fact, number), write_headers(event))
