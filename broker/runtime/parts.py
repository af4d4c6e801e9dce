"""
The parts that every role is put together from: keys, policy, codecs.

The identity key is made once per deployment. Without a file the published test key is used, which a live
deployment refuses.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from broker.adapters.sealing import KeyDirectory
from broker.core.authorities import Authorities
from broker.core.errors import ConfigurationError
from broker.core.keyed import IdentityKey
from broker.core.number_ranges import takes_for_tests, takes_live
from broker.core.policy import AnyPolicy
from broker.core.senders import Senders
from broker.ports import Sealer
from broker.runtime.authorities_file import policy_with, read_authorities, senders_with
from broker.runtime.codecs import load_schemas
from broker.runtime.settings import Settings
from broker.services.dialects import Dialect, dialects
from broker.services.people_reading import Readers
from broker.wire.alerts_codec import AlertCodec
from broker.wire.answer_codec import AnswerCodec
from broker.wire.details_codec import DetailsCodec
from broker.wire.facts_codec import FactCodec
from broker.wire.feed_codec import FeedCodec
from broker.wire.records_codec import Door, RecordsCodec
from broker.wire.state_codec import StateCodec
from broker.wire.visit_reading import PROCESSING_IDS, Admits

PUBLISHED_TEST_KEY = b"published key of tests and demonstrations: it protects nobody"

_LIVE_PROCESSING_IDS = frozenset({"P"})


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What the roles share within one process."""

    key: IdentityKey = field(repr=False)
    policy: AnyPolicy
    sealer: Sealer = field(repr=False)
    facts: FactCodec
    states: StateCodec
    alerts: AlertCodec
    answers: AnswerCodec
    records: RecordsCodec
    details: DetailsCodec
    feeds: FeedCodec
    senders: Senders
    authorities: Authorities
    dialects: Mapping[Door, Dialect]

    @property
    def readers(self) -> Readers:
        """What reads a cluster for whoever answers about a person."""
        return Readers(
            facts=self.facts,
            states=self.states,
            records=self.records,
            details=self.details,
            feeds=self.feeds,
        )


def present() -> datetime:
    """Return the present moment, aware: the clock of a process that replays nothing."""
    return datetime.now(tz=UTC)


def assemble(
    settings: Settings, *, sealer: Sealer | None = None, registered: Mapping[str, int] | None = None
) -> Parts:
    """
    Return the parts that the settings ask for; raise `ConfigurationError` where one is wrong.

    `registered` holds the schema registry's ids, for whoever writes to recipients or reads what they do.
    """
    schemas, authorities = load_schemas(), read_authorities(settings.authorities_file)
    senders = senders_with(settings.senders_file, authorities)
    sealer = sealer or KeyDirectory(settings.sealing_keys_dir, present)
    alerts = AlertCodec(schemas, registered)
    return Parts(
        key=identity_key(settings),
        policy=policy_with(settings.policy_file, authorities),
        sealer=sealer,
        facts=FactCodec(schemas, sealer),
        states=StateCodec(schemas),
        alerts=alerts,
        answers=AnswerCodec(schemas, alerts),
        records=RecordsCodec(schemas, sealer),
        details=DetailsCodec(schemas, sealer),
        feeds=FeedCodec(schemas),
        senders=senders,
        authorities=authorities,
        dialects=dialects(schemas, senders),
    )


def admits(settings: Settings) -> Admits:
    """Return what the deployment lets in (ruling 27): live messages, or numbers kept for tests alone."""
    if settings.environment == "live":
        return Admits(_LIVE_PROCESSING_IDS, takes_live(settings.canary))
    return Admits(PROCESSING_IDS, takes_for_tests)


def identity_key(settings: Settings) -> IdentityKey:
    """Return the deployment's identity key; raise `ConfigurationError` when it cannot be had."""
    if settings.identity_key_file is None:
        if settings.environment == "live":
            raise ConfigurationError(
                "CPIS_IDENTITY_KEY_FILE is not set: a live deployment needs an identity key of its own, 32 "
                "random bytes or more in a file, made once and never changed"
            )
        return IdentityKey(PUBLISHED_TEST_KEY)
    try:
        secret = settings.identity_key_file.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"CPIS_IDENTITY_KEY_FILE cannot be read: {error.strerror}") from error
    if secret == PUBLISHED_TEST_KEY and settings.environment == "live":
        raise ConfigurationError("CPIS_IDENTITY_KEY_FILE holds the published test key: make one of your own")
    try:
        return IdentityKey(secret)
    except ConfigurationError as error:
        raise ConfigurationError(f"CPIS_IDENTITY_KEY_FILE: {error}") from None
