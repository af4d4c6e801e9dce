"""What reads a Kafka for whoever answers about a person, and what keeps it shut, from a matcher's codecs."""

from broker.adapters.memory import MemoryKafka
from broker.adapters.memory_archive import MemoryArchive
from broker.core.keyed import IdentityKey
from broker.core.policy import Policy
from broker.ports import Clock
from broker.runtime.codecs import load_schemas
from broker.services.audited_access import AuditedAccess, DeskUser
from broker.services.desk_log import DeskLog
from broker.services.excluding import Excluding
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


def access_on(
    kafka: MemoryKafka,
    readers: Readers,
    log: DeskLog,
    key: IdentityKey,
    clock: Clock,
    who: DeskUser | None = None,
) -> AuditedAccess:
    """Return what a desk on a cluster in memory opens people's records with; `who` works there."""
    return AuditedAccess(
        archive=MemoryArchive(kafka),
        readers=readers,
        log=log,
        policy=Policy(),
        key=key,
        clock=clock,
        who=who,
    )


def excluding_on(
    kafka: MemoryKafka,
    readers: Readers,
    log: DeskLog,
    key: IdentityKey,
    clock: Clock,
    who: DeskUser | None = None,
) -> Excluding:
    """Return what stands before whatever a desk on a cluster in memory opens; `who` works there."""
    return Excluding(access_on(kafka, readers, log, key, clock, who))
