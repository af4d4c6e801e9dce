"""
What operators and auditors read: worklist items, rejected messages, audit entries, operators' actions, marks.

Raw bytes are in them only sealed; a reason, a location, a cause are stable words and never a value.
"""

from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from broker.core.alerts import Recipient
from broker.core.audit import AuditEntry, DestructionEntry
from broker.core.checks import CheckMark
from broker.core.errors import MalformedMessage
from broker.core.identifiers import OdsCode
from broker.core.lawful_basis import Flow
from broker.core.operators import ActionKind, Grounds, LookedBy, OperatorAction, Place
from broker.core.worklist import WorklistItem
from broker.wire.alert_rows import OCCASIONS, RECIPIENTS, item_of, item_row
from broker.wire.alerts_codec import WHYS
from broker.wire.avro import Row, Schemas
from broker.wire.avro_values import Symbols, maybe_code, maybe_ods, millis, ods, refusing
from broker.wire.envelope import Sealer, bound_to, open_row, seal_row


class Door(StrEnum):
    """By which way a message came."""

    MLLP = "HL7 v2 over MLLP"
    FHIR = "FHIR R4 over HTTP"
    UPLOAD = "an authority's upload file"
    KAFKA = "a record of an input topic"
    TOPIC = "a record of a provider's own topic"
    MESH = "a message over MESH that nothing handles"
    NOTICE = "an event of a national service"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """
    What could not be read, kept byte for byte in `raw` with the reason.

    `raw` is None where the bytes may not be kept (ruling 42). `visit` is the reference of one without a
    usable number, by which its messages are found when a person says whose it is (ruling 46) and when its
    hospital asks (41), `system` the one that told it (MSH-3), `restricted` whether it marks the record, which
    goes to the number that its visit gets (24), `answered` whether its provider is answered (41): not of a
    scheduled visit or a sensitive place (3, 47). `sender` and `control_id` are None where
    they could not be read; `received_at` is aware UTC. `reason` and `location` are those of
    `MalformedMessage`.
    """

    door: Door
    reason: str
    location: str = ""
    sender: OdsCode | None = None
    control_id: str | None = None
    visit: str | None = None
    system: str | None = None
    restricted: bool = False
    answered: bool = False
    received_at: datetime
    raw: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unprocessable:
    """
    The record that made a worklist item of the kind `UNPROCESSABLE_RECORD`: where it lies and its bytes.

    `cause` is the error's code or class name, never its message.
    """

    topic: str
    partition: int
    offset: int
    cause: str
    value: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Which record a worklist item is about, and the error's code or class name: without its bytes."""

    place: Place
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Masked:
    """A rejected message without its bytes: `size` of them, and whether they are `kept` and can be opened."""

    rejected: Rejected
    size: int
    kept: bool


_DOORS = Symbols(Door)
_ACTIONS = Symbols(ActionKind)
_FLOWS = Symbols(Flow)


class RecordsCodec:
    """Values of `cpis.worklist`, `cpis.rejected`, `cpis.audit` and `cpis.checks` ↔ the core."""

    def __init__(self, schemas: Schemas, sealer: Sealer) -> None:
        """Take the schemas, and what seals raw bytes."""
        self._schemas = schemas
        self._sealer = sealer

    def encode_item(self, item: WorklistItem, record: Unprocessable | None = None) -> bytes:
        """Return a worklist item, with the record it is about where there is one; its key is the item id."""
        row: Row = item_row(item)
        if record is None:
            row |= {"topic": item.topic, **dict.fromkeys(("partition", "offset", "cause", "sealed"))}
        else:
            bond = bound_to("worklist_item", item.item_id.encode())
            row |= {
                "topic": record.topic,
                "partition": record.partition,
                "offset": record.offset,
                "cause": record.cause,
                "sealed": seal_row(self._sealer, record.value, bond),
            }
        return self._schemas.encode("worklist_item", row)

    def decode_item(self, data: bytes) -> WorklistItem:
        """Return a worklist item; raise `MalformedMessage`."""
        row = self._schemas.decode("worklist_item", data)
        with refusing("worklist_item"):
            item = item_of(row)
        return replace(item, topic=row["topic"]) if row["sealed"] is None else item

    def open_record(self, data: bytes) -> Unprocessable | None:
        """Return the record that an item is about; raise `MalformedMessage` or `UnsealingFailed`."""
        row = self._schemas.decode("worklist_item", data)
        if row["sealed"] is None:
            return None
        bond = bound_to("worklist_item", row["item_id"].encode())
        return Unprocessable(
            topic=row["topic"],
            partition=row["partition"],
            offset=row["offset"],
            cause=row["cause"],
            value=open_row(self._sealer, row["sealed"], bond),
        )

    def trouble_of(self, data: bytes) -> Trouble | None:
        """Return which record an item is about, without opening it; raise `MalformedMessage`."""
        row = self._schemas.decode("worklist_item", data)
        if row["sealed"] is None:
            return None
        place = Place(topic=row["topic"], partition=row["partition"], offset=row["offset"])
        return Trouble(place=place, cause=row["cause"])

    def encode_rejected(self, rejected: Rejected) -> bytes:
        """Return a rejected message with its raw bytes sealed."""
        raw = rejected.raw
        received_ms = millis(rejected.received_at)
        row: Row = {
            "door": _DOORS.write(rejected.door),
            "reason": rejected.reason,
            "location": rejected.location,
            "sender": maybe_code(rejected.sender),
            "control_id": rejected.control_id,
            "visit": rejected.visit,
            "system": rejected.system,
            "restricted": rejected.restricted,
            "answered": rejected.answered,
            "received_at": received_ms,
            "size": len(raw or b""),
            "sealed": None if raw is None else seal_row(self._sealer, raw, _rejected_bond(received_ms)),
        }
        return self._schemas.encode("rejected", row)

    def decode_rejected(self, data: bytes) -> Rejected:
        """Return a rejected message with its raw bytes; raise `MalformedMessage` or `UnsealingFailed`."""
        row = self._schemas.decode("rejected", data)
        masked = _masked(row)
        if not masked.kept:
            return masked.rejected
        bond = _rejected_bond(millis(masked.rejected.received_at))
        return replace(masked.rejected, raw=open_row(self._sealer, row["sealed"], bond))

    def mask_rejected(self, data: bytes) -> Masked:
        """Return a rejected message without opening its bytes, key or no key; raise `MalformedMessage`."""
        return _masked(self._schemas.decode("rejected", data))

    def encode_mark(self, mark: CheckMark) -> bytes:
        """Return a check mark; its key is `mark.key`."""
        row: Row = {
            "sender_kind": RECIPIENTS.write(mark.sender.kind),
            "sender_code": mark.sender.code.code,
            "partition": mark.partition,
            "offset": mark.offset,
            "received_at": millis(mark.received_at),
        }
        return self._schemas.encode("check_mark", row)

    def decode_mark(self, data: bytes) -> CheckMark:
        """Return a check mark; raise `MalformedMessage`."""
        row = self._schemas.decode("check_mark", data)
        with refusing("check_mark"):
            sender = Recipient(kind=RECIPIENTS.read(row["sender_kind"]), code=ods(row["sender_code"]))
        return CheckMark(
            sender=sender, partition=row["partition"], offset=row["offset"], received_at=row["received_at"]
        )

    def glance_at_rejected(self, data: bytes) -> Rejected | None:
        """Return a rejected message without its bytes, None where a value is none or cannot be read."""
        try:
            return self.mask_rejected(data).rejected
        except MalformedMessage:
            return None

    def encode_audit(self, entry: AuditEntry) -> bytes:
        """Return an audit entry; `broker.core.audit.chain` hashes exactly these bytes."""
        row: Row = {
            "partition": entry.partition,
            "sequence": entry.sequence,
            "at": millis(entry.at),
            "commitment": entry.commitment,
            "occasion": OCCASIONS.write(entry.occasion),
            "why": WHYS.write(entry.why),
            "recipients": [
                {"kind": RECIPIENTS.write(recipient.kind), "code": recipient.code.code}
                for recipient in entry.recipients
            ],
            "fields": list(entry.fields),
            "basis": _FLOWS.write_all(entry.basis),
            "policy_version": entry.policy_version,
            "previous_hash": entry.previous,
            "rules_changed": entry.rules_changed,
        }
        return self._schemas.encode("audit_entry", row)

    def decode_audit(self, data: bytes) -> AuditEntry:
        """Return an audit entry; raise `MalformedMessage`."""
        row = self._schemas.decode("audit_entry", data)
        with refusing("audit_entry"):
            return AuditEntry(
                partition=row["partition"],
                sequence=row["sequence"],
                at=row["at"],
                occasion=OCCASIONS.read(row["occasion"]),
                why=WHYS.read(row["why"]),
                recipients=tuple(
                    Recipient(kind=RECIPIENTS.read(recipient["kind"]), code=ods(recipient["code"]))
                    for recipient in row["recipients"]
                ),
                fields=tuple(row["fields"]),
                basis=_FLOWS.read_all(row["basis"]),
                policy_version=row["policy_version"],
                commitment=row["commitment"],
                previous=row["previous_hash"],
                rules_changed=row["rules_changed"],
            )

    def encode_destruction(self, entry: DestructionEntry) -> bytes:
        """Return what a log has forgotten; `broker.core.audit.chain` hashes exactly these bytes."""
        row: Row = {
            "partition": entry.partition,
            "sequence": entry.sequence,
            "at": millis(entry.at),
            "topic": entry.topic,
            "first": entry.first,
            "end": entry.end,
            "unread": entry.unread,
            "salt": entry.salt,
            "previous_hash": entry.previous,
        }
        return self._schemas.encode("destruction", row)

    def decode_destruction(self, data: bytes) -> DestructionEntry:
        """Return what a log has forgotten; raise `MalformedMessage`."""
        row = self._schemas.decode("destruction", data)
        return DestructionEntry(previous=row.pop("previous_hash"), **row)

    def encode_action(self, action: OperatorAction) -> bytes:
        """Return what an operator did."""
        place, grounds = action.place, action.grounds
        row: Row = {
            "kind": _ACTIONS.write(action.kind),
            "item_id": action.item_id,
            "topic": place.topic,
            "partition": place.partition,
            "offset": place.offset,
            "by": grounds.by,
            "reason": grounds.reason,
            "at": millis(action.at),
            "outcome": action.outcome,
            "looked_by": None if action.looked_by is None else asdict(action.looked_by),
        }
        return self._schemas.encode("operator_action", row)

    def decode_action(self, data: bytes) -> OperatorAction:
        """Return what an operator did; raise `MalformedMessage`."""
        row = self._schemas.decode("operator_action", data)
        with refusing("operator_action"):
            return OperatorAction(
                kind=_ACTIONS.read(row["kind"]),
                item_id=row["item_id"],
                place=Place(topic=row["topic"], partition=row["partition"], offset=row["offset"]),
                grounds=Grounds(by=row["by"], reason=row["reason"]),
                at=row["at"],
                outcome=row["outcome"],
                looked_by=None if row["looked_by"] is None else LookedBy(**row["looked_by"]),
            )

    def is_action(self, data: bytes) -> bool:
        """Return whether a value is an operator's action; raise `MalformedMessage` for none of ours."""
        return self._schemas.subject_of(data) == "operator_action"


def _masked(row: Row) -> Masked:
    """Return a rejected message as far as it lies in clear; raise `MalformedMessage`."""
    with refusing("rejected"):
        rejected = Rejected(
            door=_DOORS.read(row["door"]),
            reason=row["reason"],
            location=row["location"],
            sender=maybe_ods(row["sender"]),
            control_id=row["control_id"],
            visit=row["visit"],
            system=row["system"],
            restricted=row["restricted"],
            answered=row["answered"],
            received_at=row["received_at"],
            raw=None,
        )
    return Masked(rejected=rejected, size=row["size"], kept=row["sealed"] is not None)


def _rejected_bond(received_ms: int) -> bytes:
    """Return what the raw bytes of a rejected message are bound to: they have no person's key."""
    return bound_to("rejected", str(received_ms).encode("ascii"))
