"""What a provider's safeguarding role is asked about a visit or a view, urgently. Ruling 46."""

from broker.core.facts import Access
from broker.core.identifiers import NhsNumber
from broker.core.keyed import IdentityKey
from broker.core.reading import Visit
from broker.core.worklist import ItemKind, WorklistItem


def about_visit(kind: ItemKind, visit: Visit, number: NhsNumber, key: IdentityKey) -> WorklistItem:
    """
    Return an item about a visit.

    Who the person is (ruling 20), or that a restricted record could not be checked and the authority must be
    rung (ruling 24).
    """
    return WorklistItem(
        item_id=key.derive("item", kind, visit.reference, number.key),
        kind=kind,
        urgent=True,
        provider=visit.provider,
        visit=visit.reference,
        control_id=visit.control_id,
        arrived_at=visit.arrived_at,
    )


def about_view(kind: ItemKind, access: Access, number: NhsNumber, key: IdentityKey) -> WorklistItem:
    """Return an item about a view: somebody looked who must not see the person (ruling 48)."""
    return WorklistItem(
        item_id=key.derive("item", kind, access.access_id, number.key),
        kind=kind,
        urgent=True,
        provider=access.organisation,
        visit=access.access_id,
        arrived_at=access.accessed_at,
    )


def about_hold(number: NhsNumber, key: IdentityKey) -> WorklistItem:
    """Return the item about a person on hold: an operator has to end it (ADR 0036)."""
    return WorklistItem(
        item_id=key.derive("item", ItemKind.PERSON_ON_HOLD, number.key),
        kind=ItemKind.PERSON_ON_HOLD,
        urgent=True,
    )
