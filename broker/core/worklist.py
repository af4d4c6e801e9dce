"""
A piece of work for a person: why there is one, and what it says. Ruling 46.

Whose it is, and what settles it, is in `broker.core.work`.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from broker.core.identifiers import OdsCode


class ItemKind(StrEnum):
    """Why somebody has work to do."""

    DETAILS_DISAGREE = "details disagree"
    POSSIBLE_MATCH = "possible match"
    RECIPIENT_WITHOUT_TOPIC = "recipient without topic"
    UNPROCESSABLE_RECORD = "unprocessable record"
    TWO_NUMBERS = "two numbers for one local patient, settle in your own system"
    RESTRICTED = "restricted, could not check"
    EXCLUDED_PERSON = "excluded person looked"
    PERSON_ON_HOLD = "person on hold"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorklistItem:
    """
    One piece of work (ruling 46): for the provider's safeguarding role, or for the operator.

    It names the visit by the sender's control id and never says that a plan exists. `topic` is the one that a
    recipient has not got.
    """

    item_id: str
    kind: ItemKind
    urgent: bool
    provider: OdsCode | None = None
    visit: str | None = None
    control_id: str | None = None
    arrived_at: datetime | None = None
    topic: str | None = None
