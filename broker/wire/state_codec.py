"""
The records of `cpis.people`: a person's state, the partition's own record, forwarding records, and numbers
that are not in use.

Which of these a value is, its schema id says. Nothing is sealed here: this topic is compacted, so that
it is where a person can be erased (ruling 23). What is sealed under a number not in use comes sealed.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from broker.core.errors import MalformedMessage
from broker.core.facts import Birth, PlanContent, VisitLeft
from broker.core.identifiers import NhsNumber
from broker.core.invalidation import Inactive, InactivePlan
from broker.core.partition import Forwarding, PartitionState
from broker.core.person import Known, Person, Said, Told, Untold
from broker.wire.alert_rows import EVENT_KINDS, alert_of, alert_row, item_of, item_row, own_ids
from broker.wire.avro import Row, Schemas
from broker.wire.avro_values import maybe_digits, maybe_millis, maybe_number, millis, ods, refusing
from broker.wire.fact_rows import (
    access_details_row,
    access_of,
    access_row,
    left_row,
    message_details_row,
    message_row,
    notice_details_row,
    notice_of,
    notice_row,
    plan_content,
    plan_details_row,
    plan_row,
    visit_message,
)
from broker.wire.newborn_rows import birth_of, birth_row, cover_of, cover_row
from broker.wire.past_rows import past_line, past_row


class StateCodec:
    """Values of `cpis.people` ↔ the core."""

    def __init__(self, schemas: Schemas) -> None:
        """Take the schemas."""
        self._schemas = schemas

    def is_newer(self, data: bytes) -> bool:
        """Tell whether a value was written under a schema that this release does not know."""
        return self._schemas.is_unknown(data)

    def is_forwarding(self, data: bytes) -> bool:
        """Tell whether a value is a forwarding record; raise `MalformedMessage` for no value of ours."""
        return self._schemas.subject_of(data) == "forwarding"

    def of_details(self, data: bytes) -> str | None:
        """Return what a value is that is keyed by details or a visit: its schema's name, None for others."""
        if self._schemas.is_unknown(data):
            return None
        subject = self._schemas.subject_of(data)
        return subject if subject.startswith("details_") else None

    def encode_person(self, person: Person) -> bytes:
        """Return a person's record; the number is its key alone. Times are cut to milliseconds."""
        return self._schemas.encode("person", _person_row(person))

    def decode_person(self, number: NhsNumber, data: bytes) -> Person:
        """Return the person of a record under `number`; raise `MalformedMessage`."""
        row = self._schemas.decode("person", data)
        with refusing("person"):
            return _person(number, row)

    def encode_partition(self, state: PartitionState) -> bytes:
        """Return the value of the record `#p`."""
        row = {
            "offsets": dict(state.offsets),
            "rules_version": state.rules_version,
            "policy_version": state.policy_version,
            "key_fingerprint": state.key_fingerprint,
            "audit_hash": state.audit_hash,
            "audit_sequence": state.audit_sequence,
            "clock": millis(state.clock),
            "first_load_done": state.first_load_done,
            "destroyed": dict(state.destroyed),
        }
        return self._schemas.encode("partition", row)

    def decode_partition(self, data: bytes) -> PartitionState:
        """Return the state in the record `#p`; raise `MalformedMessage`."""
        return PartitionState(**self._schemas.decode("partition", data))

    def encode_forwarding(self, forwarding: Forwarding) -> bytes:
        """Return the value of a forwarding record; the former number is its key."""
        row = {
            "to": forwarding.to.digits,
            "stamp": millis(forwarding.stamp),
            "last_used": millis(forwarding.last_used),
            "returns": forwarding.returns,
            "restricted": maybe_millis(forwarding.restricted),
        }
        return self._schemas.encode("forwarding", row)

    def decode_forwarding(self, data: bytes) -> Forwarding:
        """Return a forwarding record; raise `MalformedMessage`."""
        row = self._schemas.decode("forwarding", data)
        with refusing("forwarding"):
            return Forwarding(**row | {"to": NhsNumber(row["to"])})

    def is_inactive(self, data: bytes) -> bool:
        """Tell whether a value is of a number not in use; raise `MalformedMessage` for no value of ours."""
        return self._schemas.subject_of(data) == "inactive"

    def encode_inactive(self, inactive: Inactive, parts: Sequence[Row]) -> bytes:
        """Return the value of a number not in use; `parts` are rows of what `FactCodec.seal_part` sealed."""
        row = {
            "stamp": millis(inactive.stamp),
            "since": millis(inactive.since),
            "late": maybe_millis(inactive.late),
            "ledger": self.encode_person(inactive.ledger),
            "plans": [
                {
                    "digest": digest,
                    "authority": plan.authority.code,
                    "recorded_at": millis(plan.recorded_at),
                    "is_open": plan.is_open,
                    "protection": plan.protection,
                }
                for digest, plan in inactive.plans.items()
            ],
            "restricted": inactive.restricted,
            "parts": list(parts),
        }
        return self._schemas.encode("inactive", row)

    def decode_inactive(self, number: NhsNumber, data: bytes) -> tuple[Inactive, Sequence[Row]]:
        """Return what is left under a number not in use, and its sealed parts; raise `MalformedMessage`."""
        row = self._schemas.decode("inactive", data)
        with refusing("inactive"):
            plans = {
                plan["digest"]: InactivePlan(
                    authority=ods(plan["authority"]),
                    recorded_at=plan["recorded_at"],
                    is_open=plan["is_open"],
                    protection=plan["protection"],
                )
                for plan in row["plans"]
            }
            ledger = self.decode_person(number, row["ledger"])
        inactive = Inactive(
            stamp=row["stamp"],
            since=row["since"],
            late=row["late"],
            ledger=ledger,
            plans=plans,
            restricted=row["restricted"],
        )
        return inactive, row["parts"]

    def decode_any(self, key: bytes, data: bytes) -> Person | PartitionState | Forwarding | Inactive:
        """Return whichever of the four a record is; raise `MalformedMessage` when it is none."""
        match self._schemas.subject_of(data):
            case "person":
                with refusing("person"):
                    number = NhsNumber(key.decode("latin-1"))
                return self.decode_person(number, data)
            case "partition":
                return self.decode_partition(data)
            case "forwarding":
                return self.decode_forwarding(data)
            case "inactive":
                with refusing("inactive"):
                    number = NhsNumber(key.decode("latin-1"))
                return self.decode_inactive(number, data)[0]
            case other:
                raise MalformedMessage("avro schema unexpected", detail=f"{other} in people")


def _person_row(person: Person) -> Row:
    """Return everything of a person but the number."""
    known = person.known
    return {
        "salt": person.salt,
        "plans": [
            {
                **plan_row(content),
                **plan_details_row(content),
                "said": [
                    {
                        "recorded_at": millis(said.recorded_at),
                        "file_id": said.file_id,
                        "received_at": millis(received_at),
                    }
                    for said, received_at in history.items()
                ],
            }
            for content, history in known.plans.items()
        ],
        "visits": [
            {
                "visit": visit,
                "messages": [
                    message_row(message) | message_details_row(message) for message in messages.values()
                ],
            }
            for visit, messages in known.visits.items()
        ],
        "left": [left_row(one) for leavings in known.left.values() for one in leavings.values()],
        "accesses": [access_row(access) | access_details_row(access) for access in known.accesses.values()],
        "notices": [notice_row(notice) | notice_details_row(notice) for notice in known.notices.values()],
        "births": [birth_row(one) for births in known.births.values() for one in births.values()],
        "covers": [cover_row(cover) for cover in known.covers.values()],
        "told": [_told_row(alert_id, told) for alert_id, told in person.told.items()],
        "items": [item_row(item) for item in person.items.values()],
        "entries": [
            {"subject_reference": reference, "digest": digest} for reference, digest in person.entries.items()
        ],
        "closed": sorted(person.closed),
        "returns": person.returns,
        "untold": [
            {"to": one.to, "subject_reference": one.subject, "digest": one.digest}
            for one in sorted(person.untold)
        ],
        "history": [past_row(line) for line in person.history],
        "waiting": [{"topic": topic, "offset": offset} for topic, offset in person.waiting],
        "set_aside": {digest: millis(at) for digest, at in person.set_aside.items()},
        "doubt": person.doubt,
    }


def _told_row(alert_id: str, told: Told) -> Row:
    """Return one row of the told ledger."""
    alert = told.alert
    return {
        "told_alert_id": alert_id,
        "revision": told.revision,
        "kind": EVENT_KINDS.write(told.kind),
        "number": maybe_digits(told.number),
        "alert": None if alert is None else alert_row(alert) | own_ids(alert),
    }


def _person(number: NhsNumber, row: Row) -> Person:
    """Return the person of a row."""
    accesses = [access_of(access) for access in row["accesses"]]
    notices = [notice_of(notice) for notice in row["notices"]]
    items = [item_of(item) for item in row["items"]]
    covers = [cover_of(cover) for cover in row["covers"]]
    known = Known(
        plans=dict([_known_plan(plan) for plan in row["plans"]]),
        visits={
            visit["visit"]: {
                message["message_id"]: visit_message(message | {"visit": visit["visit"]})
                for message in visit["messages"]
            }
            for visit in row["visits"]
        },
        left=_leavings(row["left"]),
        accesses={access.access_id: access for access in accesses},
        notices={notice.notice_id: notice for notice in notices},
        births=_births(row["births"]),
        covers={cover.mother: cover for cover in covers},
    )
    return Person(
        number=number,
        salt=row["salt"],
        known=known,
        told={told["told_alert_id"]: _told(told) for told in row["told"]},
        items={item.item_id: item for item in items},
        entries={entry["subject_reference"]: entry["digest"] for entry in row["entries"]},
        closed=frozenset(row["closed"]),
        returns=row["returns"],
        untold=frozenset(
            Untold(to=one["to"], subject=one["subject_reference"], digest=one["digest"])
            for one in row["untold"]
        ),
        history=tuple(past_line(line) for line in row["history"]),
        waiting=tuple((one["topic"], one["offset"]) for one in row["waiting"]),
        set_aside=row["set_aside"],
        doubt=row["doubt"],
    )


def _leavings(rows: Iterable[Row]) -> dict[str, dict[str, VisitLeft]]:
    """Return what was said of visits that go on under another number."""
    left: dict[str, dict[str, VisitLeft]] = {}
    for row in rows:
        left.setdefault(row["visit"], {})[row["message_id"]] = VisitLeft(**row)
    return left


def _births(rows: Iterable[Row]) -> dict[NhsNumber, dict[str, Birth]]:
    """Return what was said of births, by the baby's number."""
    births: dict[NhsNumber, dict[str, Birth]] = {}
    for birth in map(birth_of, rows):
        births.setdefault(birth.baby, {})[birth.birth_id] = birth
    return births


def _known_plan(row: Row) -> tuple[PlanContent, dict[Said, datetime]]:
    """Return one content of a plan with when it was said and received."""
    history = {Said(said["recorded_at"], said["file_id"]): said["received_at"] for said in row["said"]}
    return plan_content(row, row), history


def _told(row: Row) -> Told:
    """Return one row of the told ledger."""
    alert = row["alert"]
    return Told(
        revision=row["revision"],
        kind=EVENT_KINDS.read(row["kind"]),
        alert=None if alert is None else alert_of(alert),
        number=maybe_number(row["number"]),
    )
