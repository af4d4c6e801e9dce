"""
What an operator does to an item of the desk or with a person's record, and the grounds for doing it.

Unmasking, redriving, settling, explaining, answering, confirming, refusing, releasing, holding, looking a
person up and adding a fact each leave an entry in the audit trail: what, on which record, who, why and when.
The grounds are kept for as long as that trail, so they must not name the person the item is about.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from broker.core.desk_errors import GroundsRefused

REASON_CHARACTERS_MAX = 500
"""Room for a sentence and a ticket's number; no place for a case history."""
NAME_CHARACTERS_MAX = 100

YET_UNWRITTEN = -1
"""Partition and offset of a record that the audit trail speaks of before it is written, or looked for."""

_NUMBER_LIKE = re.compile(
    r"(?<!\d)\d{3}[ -]?\d{3}[ -]?\d{4}(?!\d)"
)  # ten digits, as an NHS number is written


class ActionKind(StrEnum):
    """What an operator did."""

    UNMASKED = "unmasked"
    REDRIVEN = "redriven"
    SETTLED = "settled"
    EXPLAINED = "explained"
    ADDED = "added"
    ANSWERED = "answered"
    CONFIRMED = "confirmed"
    REFUSED = "refused"
    RELEASED = "released"
    LOOKED = "looked"
    DISCLOSED = "disclosed"
    HELD = "held"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """
    Where a record lies in Kafka: topic, partition and offset, both from 0.

    Of a record that is yet to be written both are `YET_UNWRITTEN`.
    """

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        """Return `topic-partition-offset`, which names nobody; the topic alone of what is yet unwritten."""
        if self.offset == YET_UNWRITTEN:
            return self.topic
        return f"{self.topic}-{self.partition}-{self.offset}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounds:
    """
    Who acts, and why; without surrounding blanks.

    Raises `GroundsRefused` for an empty or overlong one, for one with control characters, and for one that
    holds what could be an NHS number. `by` is the operator's own name or account.
    """

    by: str
    reason: str

    def __post_init__(self) -> None:
        """Check both."""
        object.__setattr__(self, "by", _words("name (--by)", self.by, NAME_CHARACTERS_MAX))
        object.__setattr__(self, "reason", _words("reason (--reason)", self.reason, REASON_CHARACTERS_MAX))


@dataclass(frozen=True, slots=True, kw_only=True)
class LookedBy:
    """
    Who looked a person up, as the trail keeps it (R54): the rest are the grounds, the moment and the id.

    `user_id` is the organisation's own id of the user, empty for a system that looks by itself; `place` the
    code of the site or location, None where it is not said, or sensitive (ruling 47). `unscheduled` is what
    was said of the setting, `request_id` the asking system's own.
    """

    user_id: str
    role: str
    organisation: str
    place: str | None
    unscheduled: bool | None
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorAction:
    """
    One thing that an operator did.

    `item_id` is the item's or the fact's, of an explanation or answer the visit's reference or the alert's
    id. `place` is the record that the operator acted on: a newer record of the same item is not covered by
    it. `at` is aware UTC. `outcome` says what came of a redrive or a look, or which fact was added, in stable
    words. `looked_by` goes with a look, and with nothing else.
    """

    kind: ActionKind
    item_id: str
    place: Place
    grounds: Grounds
    at: datetime
    outcome: str = ""
    looked_by: LookedBy | None = None


def discreet(text: str | None) -> str | None:
    """Return a sender's own reference as it may be shown: ten digits that could be a person's are hidden."""
    return None if text is None else _NUMBER_LIKE.sub("…", text)


def _words(what: str, text: str, characters_max: int) -> str:
    """Return the text without surrounding blanks; raise `GroundsRefused` without repeating it."""
    text = text.strip()
    if not text:
        raise GroundsRefused(f"the {what} is missing")
    if len(text) > characters_max:
        raise GroundsRefused(f"the {what} is longer than {characters_max} characters")
    if not text.isprintable():
        raise GroundsRefused(f"the {what} holds control characters")
    if _NUMBER_LIKE.search(text):
        raise GroundsRefused(f"the {what} holds what could be an NHS number, and it is kept for years")
    return text
