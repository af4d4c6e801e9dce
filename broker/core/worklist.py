"""
The worklist: why somebody has work to do, whose it is, what it asks of them, and what settles it. Ruling 46.

Registration staff see of an identity to confirm only that a patient is to be traced: an item tells nobody
that a plan exists, and them not even that somebody might have one.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import assert_never

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


class Owner(StrEnum):
    """Who sees to an item, and so who may read all that it says."""

    SAFEGUARDING = "the provider's safeguarding role"
    OPERATOR = "operator"


class Reader(StrEnum):
    """For whom a list is made."""

    OPERATOR = "operator"
    SAFEGUARDING = "safeguarding"
    REGISTRATION = "registration"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """
    What an item asks: of its owner, and of registration staff, who see nothing of it where that is None.

    `settled_by` is what would settle it, by itself or by hand.
    """

    owner: Owner
    to_do: str
    to_registration: str | None
    settled_by: str


_TRACE = "trace this patient"
_CONFIRM = "confirm identity before this patient leaves"
_RING = "could not check: answer who rings about this patient"

ASKS: dict[ItemKind, Ask] = {
    ItemKind.DETAILS_DISAGREE: Ask(
        owner=Owner.SAFEGUARDING,
        to_do=_CONFIRM,
        to_registration=_TRACE,
        settled_by="a message of the visit with other details or another number, or `confirm` or `refuse`",
    ),
    ItemKind.POSSIBLE_MATCH: Ask(
        owner=Owner.SAFEGUARDING,
        to_do=_CONFIRM,
        to_registration=_TRACE,
        settled_by="a message of the visit with its NHS number, or a person",
    ),
    ItemKind.TWO_NUMBERS: Ask(
        owner=Owner.SAFEGUARDING,
        to_do=ItemKind.TWO_NUMBERS.value,
        to_registration=ItemKind.TWO_NUMBERS.value,
        settled_by="a person, once the hospital's own system has one number for the patient",
    ),
    ItemKind.RESTRICTED: Ask(
        owner=Owner.SAFEGUARDING,
        to_do=_RING,
        to_registration=None,
        settled_by="a person",
    ),
    ItemKind.EXCLUDED_PERSON: Ask(
        owner=Owner.SAFEGUARDING,
        to_do="see who looked, though they must not",
        to_registration=None,
        settled_by="a person",
    ),
    ItemKind.RECIPIENT_WITHOUT_TOPIC: Ask(
        owner=Owner.OPERATOR,
        to_do="declare the topic of the recipient",
        to_registration=None,
        settled_by="a person, once the topic is there",
    ),
    ItemKind.PERSON_ON_HOLD: Ask(
        owner=Owner.OPERATOR,
        to_do="mend what is amiss, and release the person: alerts about them wait",
        to_registration=None,
        settled_by="`release`, or by itself 72 hours after the hold began",
    ),
    ItemKind.UNPROCESSABLE_RECORD: Ask(
        owner=Owner.OPERATOR,
        to_do="find out why the record could not be processed",
        to_registration=None,
        settled_by="`release`, or a person, once the cause is mended",
    ),
}
"""What each kind of item asks."""


def to_do(kind: ItemKind, reader: Reader) -> str | None:
    """Return what an item asks of a reader; None where it is not for them to see."""
    ask = ASKS[kind]
    match reader:
        case Reader.REGISTRATION:
            return ask.to_registration
        case Reader.SAFEGUARDING:
            return ask.to_do if ask.owner is Owner.SAFEGUARDING else None
        case Reader.OPERATOR:
            return ask.to_do
        case _:
            assert_never(reader)
