"""
The tables of the inbox database: every recipient's events, and what became of them on the way to a provider.

Times are milliseconds since 1970, UTC.
"""

from collections.abc import Collection

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    Update,
    case,
    update,
)

from broker.core.delivery import State

METADATA = MetaData()

INBOX = Table(
    "inbox",
    METADATA,
    Column("recipient", String(32), primary_key=True),  # kind and ODS code: la.211
    Column("number", Integer, primary_key=True),  # from 1, without gaps
    Column("event_id", String(32), nullable=False, unique=True),
    Column("alert_id", String(32), nullable=False, index=True),
    Column("revision", Integer, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("loud", Boolean, nullable=False),
    Column("body", LargeBinary, nullable=False),  # the value of the Kafka record
    Column("own", Boolean, nullable=False),  # whether the recipient's own topic has brought it
)
OFFSETS = Table(
    "offsets",
    METADATA,
    Column("topic", String(249), primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("next_offset", Integer, nullable=False),
)
ERASED = "erased"
"""The kind of an event of which nothing is left but its number: a reader's place stays (ruling 23)."""

IDENTITY = Table("projection", METADATA, Column("identity", String(32), primary_key=True))

DESTINATIONS = Table(
    "destinations",
    METADATA,
    Column("name", String(64), primary_key=True),  # recipient and channel: provider.RXX.mllp
    Column("recipient", String(32), nullable=False),
    Column("first_seen_at", BigInteger, nullable=False),
    Column("taken", Integer, nullable=False),  # number of the last event of the inbox that has a delivery
    Column("pruned", Integer, nullable=False),  # deliveries at their end that are kept no more
    Column("owner", String(32), nullable=False),  # the process that delivers, empty for none
    Column("owned_until", BigInteger, nullable=False),
)
DELIVERIES = Table(
    "deliveries",
    METADATA,
    Column("destination", String(64), primary_key=True),
    Column("number", Integer, primary_key=True),  # the event's in the inbox of its recipient
    Column("event_id", String(32), nullable=False, index=True),
    Column("alert_id", String(32), nullable=False, index=True),
    Column("state", String(16), nullable=False, index=True),
    Column("attempts", Integer, nullable=False),
    Column("fault", String(80), nullable=False),  # of the last attempt, in words; empty for none
    Column("due_at", BigInteger, nullable=False),
    Column("received_at", BigInteger, nullable=True),  # what caused the event
    Column("delivered_at", BigInteger, nullable=True),
    Column("told", Text, nullable=False),  # keys of the lines that may have reached the receiver
    Column("letter", String(32), nullable=False),  # what it goes out in with others; empty where alone
)


SENT = Table(
    "mesh_sent",
    METADATA,
    Column("message_id", String(64), primary_key=True),  # the exchange's
    Column("destination", String(64), nullable=False),
    Column(
        "local_id", String(64), nullable=False, index=True
    ),  # our own: of the event, or of what it answers
    Column("sent_at", BigInteger, nullable=False),
    Column("collected_at", BigInteger, nullable=True),  # when that was first known
    Column("lost", Boolean, nullable=False),  # not collected in time, or refused
)


def when_erased(alerts: Collection[str]) -> Update:
    """
    Return what leaves of the deliveries of alerts only that there were some (ruling 23).

    What waited, for its time or for somebody's hand, is at its end.
    """
    waiting = DELIVERIES.c.state.in_((State.WAITING, State.DEAD))
    return (
        update(DELIVERIES)
        .where(DELIVERIES.c.alert_id.in_(alerts))
        .values(alert_id="", told="", state=case((waiting, State.ERASED), else_=DELIVERIES.c.state))
    )
