"""
Does an uploaded record agree with the demographic source? R12, R14, ruling 24.

Number, date of birth, family name and given names must agree, all four; what is missing on either side does
not. Names are compared folded, as everywhere (ruling 20). The given names agree by the first of the policy's
rules that fits; of the four ways of R12 the text of the last could not be read, so that nobody agrees by it.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import Enum, StrEnum
from typing import assert_never

from broker.core.demographics import Current, Invalidated, NotKnown, NumberAnswer, SupersededBy
from broker.core.facts import Details
from broker.core.matching import first_name, fold_name
from broker.core.policy_keys import GivenNameRule


class Verification(Enum):
    """What a source makes of a subject of a record; of several the first here is the one to answer."""

    NOT_IN_USE = "number not in use"
    NOT_KNOWN = "number not known"
    DIFFERS = "details differ from the register's"
    SUPERSEDED = "number superseded"
    RESTRICTED = "restricted"
    AGREES = "agrees"


class Difference(StrEnum):
    """Which of the details does not agree; never what it says."""

    BIRTH_DATE = "date of birth"
    FAMILY = "family name"
    GIVEN = "given names"


WAITING = frozenset(Verification) - {Verification.NOT_IN_USE}
"""
Who of a record that is refused waits for it to be sent again, and is found meanwhile (rulings 21, 41).

A record is refused whole, so that the plan of a subject who agrees is lost with it; under a number that is
not in use any more nobody is looked for (ruling 23).
"""


def verify(answer: NumberAnswer, registered: Details, rules: Sequence[GivenNameRule]) -> Verification:
    """
    Return what the source's answer about a number makes of the details that an authority has under it.

    `rules` are those of the policy for given names, the first of which that fits is enough.
    """
    match answer:
        case Invalidated():
            return Verification.NOT_IN_USE
        case NotKnown():
            return Verification.NOT_KNOWN
        case SupersededBy():
            return Verification.SUPERSEDED
        case Current():
            if differences(registered, answer.details, rules):
                return Verification.DIFFERS
            return Verification.RESTRICTED if answer.restricted else Verification.AGREES
        case _:
            assert_never(answer)


def differences(
    registered: Details, source: Details, rules: Sequence[GivenNameRule]
) -> tuple[Difference, ...]:
    """Return which of an authority's details do not agree with the source's, step by step (R12)."""
    found = {
        Difference.BIRTH_DATE: _equal(registered.birth_date, source.birth_date),
        Difference.FAMILY: _equal(fold_name(registered.family), fold_name(source.family)),
        Difference.GIVEN: given_name_rule(registered.given, source.given, rules) is not None,
    }
    return tuple(one for one, agrees in found.items() if not agrees)


def given_name_rule(
    registered: str | None, source: str | None, rules: Sequence[GivenNameRule]
) -> GivenNameRule | None:
    """Return the first of the rules by which an authority's given names agree with the source's (R12)."""
    return next((rule for rule in rules if _WAYS[rule](registered or "", source or "")), None)


def _all(registered: str, source: str) -> bool:
    """Whether all given names are equal."""
    return _equal(fold_name(registered), fold_name(source))


def _first(registered: str, source: str) -> bool:
    """Whether the first given name is the source's first, each up to a space or hyphen (ruling 20)."""
    return _equal(first_name(registered), first_name(source))


def _any(registered: str, source: str) -> bool:
    """Whether the first given name, with or without what a hyphen joins to it, is one of the source's."""
    names = {fold_name(word) for word in source.split()}
    firsts = {first_name(registered), *(fold_name(word) for word in registered.split()[:1])}
    return bool((names & firsts) - {None})


_WAYS: Mapping[GivenNameRule, Callable[[str, str], bool]] = {
    GivenNameRule.ALL: _all,
    GivenNameRule.FIRST: _first,
    GivenNameRule.ANY: _any,
}


def _equal(one: object, other: object) -> bool:
    """Whether both are there and equal: two unknowns are no equals."""
    return one is not None and one == other
