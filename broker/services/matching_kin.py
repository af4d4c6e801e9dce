"""
What one partition's matcher writes to mothers and babies of other partitions. Ruling 26; rulings 22, 23.

What is said, and when, is the core's. It lies in the inputs, sealed for the one who is to hear it, and is
written in the transaction of what led to it.
"""

from collections.abc import Sequence
from datetime import datetime

from broker.core.errors import PersonTooLarge
from broker.core.identifiers import NhsNumber
from broker.core.keyed import IdentityKey
from broker.core.newborn_links import Words, answered, exchanged, left, parted
from broker.core.partition import Forwarding
from broker.core.person import Known, Person
from broker.core.policy import AnyPolicy
from broker.core.succession import Came
from broker.ports import Write
from broker.services.fact_writes import record_of
from broker.services.matching_inactive import Shut
from broker.services.matching_output import PERSON_BYTES_MAX, SOURCE
from broker.wire.facts_codec import FactCodec, Kin


class Relatives:
    """Tells mothers and babies what changed under a number; `policy` and `key` are those of all decisions."""

    def __init__(self, facts: FactCodec, policy: AnyPolicy, key: IdentityKey) -> None:
        """Take the codec, and the rules."""
        self._facts = facts
        self._policy = policy
        self._key = key

    def told(
        self,
        before: Person,
        found: Known,
        held: Person | Forwarding | Shut,
        came: Sequence[Came],
        clock: datetime,
        *,
        anew: bool = False,
    ) -> list[Write]:
        """
        Return what is written because something else is `held` of a number now; `clock` is the partition's.

        `before` is the person as they were, `found` what of them mothers and babies know; `anew`: the number
        was out of use.

        Raises `PersonTooLarge` for what no record of an input could hold.
        """
        if isinstance(held, Forwarding):
            return self._written(left(before, came, clock, self._policy))
        if isinstance(held, Shut):
            return self._written(parted(before.number, found, came, clock, self._policy))
        words = exchanged(
            before.number,
            found,
            held.known,
            came,
            policy=self._policy,
            key=self._key,
            at=clock,
            doubts=(before.doubt, held.doubt),
            closed=held.closed,
            anew=anew,
        )
        return self._written(words)

    def answered(self, number: NhsNumber, came: Sequence[Came], clock: datetime) -> list[Write]:
        """Return what is written to those who have named a number that is not in use."""
        return self._written(answered(number, came, clock, self._policy))

    def _written(self, words: Words) -> list[Write]:
        """Return facts as they are written."""
        return [kin_write(self._facts, self._key, fact, number, SOURCE) for number, fact in words]


def kin_write(codec: FactCodec, key: IdentityKey, fact: Kin, number: NhsNumber, source: str) -> Write:
    """
    Return the record of what a mother or a baby is told of the other; raise `PersonTooLarge`.

    Its id is that of its sealed bytes, so that nobody can try, with the identity key, who the other is.
    """
    value = codec.encode(fact, number)
    if len(value) > PERSON_BYTES_MAX:
        raise PersonTooLarge
    return record_of(fact, value, number, key.derive("kin", value), source)
