"""
The looks at one person that stand on the audit trail, found by their ids: rulings 23, 49; R54.

An entry names nobody. Its id is made of the number and of what stands beside it, so that whoever holds the
identity key and a number can tell which looks are at that person, and of no other entry whose it is.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from broker.core.identifiers import NhsNumber
from broker.core.keyed import IdentityKey
from broker.core.operators import OperatorAction

ASKED = "asked"
"""The outcome with which a look stands on the trail before anything has come of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailLook:
    """
    A look at a person: when, aware UTC, in which role, at which organisation, and how.

    `way` is how it was made, as `broker.core.looking.Way` has it; `ASKED` where nothing came of it. What was
    answered is no part of it: it would say who must not see the person (ruling 48).
    """

    look_id: str
    at: datetime
    role: str
    organisation: str
    way: str


def look_id(key: IdentityKey, number: NhsNumber, organisation: str, request_id: str, at: datetime) -> str:
    """Return the id of a look made by an organisation's user at a time that is `aware`."""
    return key.derive("look", number.key, organisation, request_id, at.isoformat())


def look_of(action: OperatorAction, numbers: Collection[NhsNumber], key: IdentityKey) -> TrailLook | None:
    """Return the look at a person with these numbers that an entry is of; None for every other entry."""
    by = action.looked_by
    if by is None:
        return None
    ids = {look_id(key, number, by.organisation, by.request_id, action.at) for number in numbers}
    if action.item_id not in ids:
        return None
    return TrailLook(
        look_id=action.item_id,
        at=action.at,
        role=by.role,
        organisation=by.organisation,
        way=action.outcome.partition(":")[0],
    )


def each_once(looks: Iterable[TrailLook]) -> list[TrailLook]:
    """Return every look once, by what came of it where anything did, in the order of time."""
    found: dict[str, TrailLook] = {}
    for look in looks:
        if look.way != ASKED or look.look_id not in found:
            found[look.look_id] = look
    return sorted(found.values(), key=lambda look: (look.at, look.look_id))
