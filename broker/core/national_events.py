"""
What the national event services tell: that something changed about a number, never what (ruling 38; R53).

A birth alone says who is whose child (ruling 26), or that it was stillborn (43). Everything else is a signal:
the demographic source is asked.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from broker.core.identifiers import NhsNumber


class Told(StrEnum):
    """What an event is about, in the words by which it is counted."""

    NUMBER = "number change"
    """The number changed, and it is not said how (ruling 38)."""
    RECORD = "record change"
    """Something in the demographic record changed."""
    DEATH = "death"
    """The death of the person was recorded, or taken back."""
    BIRTH = "birth"
    """A baby was born alive (ruling 26; R34)."""
    BIRTH_TAKEN_BACK = "birth taken back"
    """What was said of whose child a baby is holds no more (ruling 26)."""
    STILLBIRTH = "stillbirth"
    """A baby was stillborn: alerts for the unborn child's plan stop at once (ruling 43)."""
    STILLBIRTH_TAKEN_BACK = "stillbirth taken back"
    """What was said of a stillbirth does not hold: the unborn child's plan alerts again (ruling 43)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NationalEvent:
    """
    One event: whom it is about, and when it was recorded, aware UTC.

    `number` is the person's, of a birth the mother's, None where the event does not say whose child it is;
    `baby` and `born` are of a birth alone, and so is `corrects`: an earlier event about it does not hold.
    A stillborn baby may have no number.
    """

    told: Told
    number: NhsNumber | None = field(repr=False)
    recorded_at: datetime
    baby: NhsNumber | None = field(default=None, repr=False)
    born: date | None = field(default=None, repr=False)
    corrects: bool = False
