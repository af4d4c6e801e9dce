"""
Alert events as recipients read them: the public contract of `cpis.alerts` and the recipients' own topics.

The sentences that go with an alert are written into its event, so that no reader has to know the rulings.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from broker.core.alerts import AlertEvent, Change, Why
from broker.core.identifiers import NhsNumber
from broker.core.wording import statements
from broker.wire.alert_rows import EVENT_KINDS, alert_of, alert_row, own_ids
from broker.wire.avro import Row, Schemas, reframe, schema_id_of
from broker.wire.avro_values import Symbols, maybe_millis, refusing

SCHEMA = "alert"
"""The subject of what recipients read."""

_CHANGES = Symbols(Change)
WHYS = Symbols(Why)
"""The symbols of the rules that said so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """
    An alert event as it was published.

    `caused_received_at` is the receipt (aware UTC) of the fact that caused it, None where there is none;
    `statements` the sentences to show with it; the versions say which rules and policy decided.
    """

    event: AlertEvent
    statements: tuple[str, ...]
    caused_received_at: datetime | None
    rules_version: int
    policy_version: str

    @property
    def event_id(self) -> str:
        """The event's id: the same when it is sent again."""
        return self.event.event_id

    @property
    def received_at(self) -> datetime | None:
        """The receipt of its cause, aware UTC; None where there is none."""
        return self.caused_received_at


class AlertCodec:
    """
    Alert events ↔ values of `cpis.alerts` and the recipients' topics.

    `registered` holds the ids that an outside registry gave to versions of the schema, by name (`alert`,
    `alert.1`); they are used in recipients' topics alone. Each differs from the pinned ids of other versions.
    """

    def __init__(self, schemas: Schemas, registered: Mapping[str, int] | None = None) -> None:
        """Take the schemas, and the registry's ids where there is one."""
        registered = registered or {}
        self._schemas = schemas
        self._registered_id = registered.get(SCHEMA)
        self._pinned = {number: schemas.id_of(name) for name, number in registered.items()}

    def encode_event(
        self,
        event: AlertEvent,
        *,
        with_own_ids: bool,
        caused_received_at: datetime | None,
        rules_version: int,
        policy_version: str,
    ) -> bytes:
        """
        Return the value of an alert event.

        The authority's ids of child and upload go along only `with_own_ids`: true for that authority's own
        topic alone (ruling 28).
        """
        row: Row = alert_row(event.alert) | {
            "event_id": event.event_id,
            "revision": event.revision,
            "kind": EVENT_KINDS.write(event.kind),
            "changes": _CHANGES.write_all(event.changes),
            "why": WHYS.write_maybe(event.why),
            "loud": event.loud,
            "nhs_number": event.subject.digits,
            "statements": statements(event.alert, event.changes, kind=event.kind),
            "caused_received_at": maybe_millis(caused_received_at),
            "rules_version": rules_version,
            "policy_version": policy_version,
        }
        if with_own_ids:
            row |= own_ids(event.alert)
        return self._schemas.encode(SCHEMA, row)

    def encode_erasure(self, alert_ids: Iterable[str]) -> bytes:
        """Return the value that has every projection forget what it holds of these alerts (ruling 23)."""
        return self._schemas.encode("erasure", {"alert_ids": sorted(alert_ids)})

    def is_erasure(self, data: bytes) -> bool:
        """Return whether a value is an erasure; raise `MalformedMessage` for none of ours."""
        return self._schemas.subject_of(data) == "erasure"

    def decode_erasure(self, data: bytes) -> frozenset[str]:
        """Return the alerts of an erasure; raise `MalformedMessage`."""
        return frozenset(self._schemas.decode("erasure", data)["alert_ids"])

    def addressed(self, value: bytes) -> bytes:
        """Return a value as it goes to its recipient: under the registry's id where there is a registry."""
        return value if self._registered_id is None else reframe(value, self._registered_id)

    def decode_event(self, data: bytes) -> AlertEvent:
        """Return the alert event alone; raise `MalformedMessage`."""
        return self.decode_published(data).event

    def decode_published(self, data: bytes) -> Published:
        """Return the alert event with all that was published with it; raise `MalformedMessage`."""
        pinned = self._pinned.get(schema_id_of(data)) if self._pinned else None
        row = self._schemas.decode(SCHEMA, data if pinned is None else reframe(data, pinned))
        with refusing("alert"):
            event = AlertEvent(
                event_id=row["event_id"],
                subject=NhsNumber(row["nhs_number"]),
                alert=alert_of(row),
                revision=row["revision"],
                kind=EVENT_KINDS.read(row["kind"]),
                changes=_CHANGES.read_all(row["changes"]),
                why=WHYS.read_maybe(row["why"]),
                policy_version=row["policy_version"],
            )
        return Published(
            event=event,
            statements=tuple(row["statements"]),
            caused_received_at=row["caused_received_at"],
            rules_version=row["rules_version"],
            policy_version=row["policy_version"],
        )
