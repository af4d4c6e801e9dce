"""
Does an uploaded record agree with the demographic source? R12, R14, ruling 24.

Number, date of birth, family name and a given name must agree, all four; what is missing on either side does
not. Names are compared folded, as everywhere (ruling 20).
"""

from enum import Enum
from typing import assert_never

from broker.core.demographics import Current, Invalidated, NotKnown, NumberAnswer, SupersededBy
from broker.core.facts import Details
from broker.core.matching import first_name, fold_name


class Verification(Enum):
    """What a source makes of a subject of a record; of several the first here is the one to answer."""

    NOT_IN_USE = "number not in use"
    NOT_KNOWN = "number not known"
    DIFFERS = "details differ from the register's"
    SUPERSEDED = "number superseded"
    RESTRICTED = "restricted"
    AGREES = "agrees"


WAITING = frozenset(Verification) - {Verification.NOT_IN_USE}
"""
Who of a record that is refused waits for it to be sent again, and is found meanwhile (rulings 21, 41).

A record is refused whole, so that the plan of a subject who agrees is lost with it; under a number that is
not in use any more nobody is looked for (ruling 23).
"""


def verify(answer: NumberAnswer, registered: Details) -> Verification:
    """Return what the source's answer about a number makes of the details that an authority has under it."""
    match answer:
        case Invalidated():
            return Verification.NOT_IN_USE
        case NotKnown():
            return Verification.NOT_KNOWN
        case SupersededBy():
            return Verification.SUPERSEDED
        case Current():
            if not _agree(registered, answer.details):
                return Verification.DIFFERS
            return Verification.RESTRICTED if answer.restricted else Verification.AGREES
        case _:
            assert_never(answer)


def _agree(registered: Details, source: Details) -> bool:
    """Whether date of birth and family name are equal and the first given name is one of the source's."""
    given = {fold_name(word) for word in (source.given or "").split()} - {None}
    pairs = (
        (registered.birth_date, source.birth_date),
        (fold_name(registered.family), fold_name(source.family)),
    )
    same = all(one is not None and one == other for one, other in pairs)
    return same and (first_name(registered.given) in {*given, first_name(source.given)} - {None})
