"""
Writes down what operators do: in the audit trail before it is done, then where it changes an item's state.

Knows the topics and headers of these records. An action whose audit entry is not durable is not done.
"""

from datetime import datetime

from broker.core.desk_roles import Role, permit
from broker.core.keyed import IdentityKey
from broker.core.operators import ActionKind, Grounds, LookedBy, OperatorAction, Place
from broker.ports import Clock, FactLog, Topic, Write
from broker.wire.cloudevents import ACTION_TYPE, CloudEvent, write_headers
from broker.wire.records_codec import RecordsCodec

SOURCE = "urn:cpis:desk"
"""`ce_source` of everything that the operators' desk writes; event ids are unique within it."""


class DeskLog:
    """The desk's pen. Every method raises `KafkaUnavailable`, and then nothing more may be done."""

    def __init__(
        self,
        facts: FactLog,
        records: RecordsCodec,
        *,
        key: IdentityKey,
        clock: Clock,
        role: Role = Role.ADMINISTRATOR,
    ) -> None:
        """
        Write to `facts`; ids are derived under `key`, and `clock` says when an action is done.

        `role` is that of whoever works at this desk.
        """
        self._facts = facts
        self._records = records
        self._key = key
        self._clock = clock
        self._role = role

    async def audit(
        self,
        kind: ActionKind,
        item_id: str,
        place: Place,
        grounds: Grounds,
        *,
        outcome: str = "",
        looked_by: LookedBy | None = None,
        at: datetime | None = None,
    ) -> OperatorAction:
        """
        Return the action once its entry in the audit trail is durable: only now may it be done.

        `at` is when it was asked for, where that is not now.

        Raises `NotForThisRole`, having written nothing, where it is not theirs to do.
        """
        permit(self._role, kind)
        action = OperatorAction(
            kind=kind,
            item_id=item_id,
            place=place,
            grounds=grounds,
            at=at or self._clock(),
            outcome=outcome,
            looked_by=looked_by,
        )
        await self._facts.append([self._write(action, Topic.AUDIT, None)])
        return action

    async def mark(self, action: OperatorAction, topic: Topic, *, key: bytes | None = None) -> None:
        """Write the action beside the item whose state it changes."""
        await self._facts.append([self._write(action, topic, key)])

    async def tell(self, write: Write) -> None:
        """Write the fact that an action leads to."""
        await self._facts.append([write])

    def _write(self, action: OperatorAction, topic: Topic, key: bytes | None) -> Write:
        """Return the record of an action."""
        parts = (action.kind, action.item_id, str(action.place), action.at.isoformat(), action.outcome)
        event = CloudEvent(
            event_id=self._key.derive("operator action", *parts),
            source=SOURCE,
            event_type=ACTION_TYPE,
            time=action.at,
            data_schema="operator_action",
        )
        return Write(topic, key, self._records.encode_action(action), write_headers(event))
