"""
What a demographic source answers about a number, or about a person's details. Rulings 20–24, 38.

Values alone: who asks, and what is done about it, is elsewhere. An answer carries the source's own stamp,
aware UTC, by which it is ordered (ruling 37).
"""

from dataclasses import dataclass, field
from datetime import datetime

from broker.core.facts import Details
from broker.core.identifiers import NhsNumber


@dataclass(frozen=True, slots=True, kw_only=True)
class Current:
    """
    The number is in use, for a person with these details.

    `restricted`: the source protects where the person is (ruling 24). `lifted_at` is when it recorded that
    the person needs no more protection, aware UTC, None where it says no such thing: that a record is not
    restricted says nothing of what others marked. An address is never asked for.
    """

    details: Details
    restricted: bool = False
    lifted_at: datetime | None = None
    recorded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SupersededBy:
    """
    The number was replaced by `successor`, which may itself have been replaced since (ruling 22).

    `restricted`: the source protects where the person is, whichever number was asked about (ruling 24).
    """

    successor: NhsNumber = field(repr=False)
    restricted: bool = False
    recorded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Invalidated:
    """The number is no longer valid, and there is no successor that anybody may know of (ruling 23)."""

    recorded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NotKnown:
    """The source has never given this number out."""


NumberAnswer = Current | SupersededBy | Invalidated | NotKnown
"""What a source says of one number."""


def protected_at(answer: NumberAnswer) -> datetime | None:
    """Return when the source said that it protects where a person is; None where it did not (ruling 24)."""
    if isinstance(answer, Current | SupersededBy) and answer.restricted:
        return answer.recorded_at
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class OneMatch:
    """
    Exactly one person in use has these details: that one's number (ruling 21: it promotes).

    `protected_at` is when the source said that it protects where the person is, aware UTC (ruling 24); None
    where it does not.
    """

    number: NhsNumber = field(repr=False)
    protected_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NoMatch:
    """Nobody has these details, or too little was asked with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeveralMatches:
    """More than one person has these details; which ones is not said."""


SearchAnswer = OneMatch | NoMatch | SeveralMatches
"""What a source says of details."""
