"""What is decided about one person, noted down: alerts that stand, items that are open, entries."""

from collections.abc import Sequence

from broker.core.alerts import Alert, Occasion, Recipient, Why
from broker.core.audit import DecisionEntry
from broker.core.content import flows_of, shared_fields
from broker.core.identifiers import NhsNumber
from broker.core.keyed import IdentityKey
from broker.core.lawful_basis import Flow
from broker.core.policy import Policy
from broker.core.restriction import reduced
from broker.core.worklist import WorklistItem


class Noting:
    """Alerts and items by id, entries by what they are about; `restricted`: so the record is (ruling 24)."""

    def __init__(self, number: NhsNumber, key: IdentityKey, *, restricted: bool) -> None:
        """Begin with nothing decided."""
        self.number = number
        self.key = key
        self.restricted = restricted
        self.alerts: dict[str, Alert] = {}
        self.items: dict[str, WorklistItem] = {}
        self.entries: dict[str, DecisionEntry] = {}

    def _ask(self, item: WorklistItem) -> None:
        """Open an urgent item for a provider's safeguarding role (ruling 46)."""
        self.items[item.item_id] = item

    def _alert_id(self, recipient: Recipient, subject: str) -> str:
        """Return the id of an alert: recipient, visit and number (architecture, "Identity of alerts")."""
        return self.key.derive("alert", recipient.kind, recipient.code.code, subject, self.number.key)

    def _stand(
        self,
        subject: str,
        raised: Sequence[Alert],
        policy: Policy,
        *,
        occasion: Occasion = Occasion.ATTENDED,
        why: Why = Why.SHARED,
    ) -> None:
        """Let alerts stand, of a restricted record what may be told (24), and enter what was shared."""
        if self.restricted:
            raised = [reduced(alert) for alert in raised]
        self.alerts.update({alert.alert_id: alert for alert in raised})
        fields = sorted({name for alert in raised for name in shared_fields(alert)})
        self._enter(
            subject,
            occasion,
            why,
            policy,
            recipients=tuple(alert.recipient for alert in raised),
            fields=tuple(fields),
            basis=flows_of(raised),
        )

    def _enter(
        self,
        subject: str,
        occasion: Occasion,
        why: Why,
        policy: Policy,
        *,
        recipients: tuple[Recipient, ...] = (),
        fields: tuple[str, ...] = (),
        basis: tuple[Flow, ...] = (Flow.NOTHING_SHARED,),
    ) -> None:
        """Record the decision about one visit or view, made under a policy."""
        self.entries[subject] = DecisionEntry(
            subject_reference=subject,
            occasion=occasion,
            why=why,
            recipients=recipients,
            fields=fields,
            basis=basis,
            policy_version=policy.version,
        )
