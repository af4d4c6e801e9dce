"""What reads a Kafka for whoever answers about a person, from the codecs of a matcher."""

from broker.runtime.codecs import load_schemas
from broker.services.matching import Codecs
from broker.services.people_reading import Readers
from broker.wire.feed_codec import FeedCodec


def readers_of(codecs: Codecs) -> Readers:
    """Return the readers."""
    return Readers(
        facts=codecs.facts,
        states=codecs.states,
        records=codecs.records,
        details=codecs.details,
        feeds=FeedCodec(load_schemas()),
    )
