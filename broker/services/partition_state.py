"""
Whether a partition's own record, `#p`, is one that this program may go on from.

Knows: a record of a newer release or of another identity key must not be touched. Asked at the start of the
process and again, by the matcher, whenever it takes the partition over.
"""

from broker.core.errors import MalformedMessage, NewerState, StateUnreadable, WrongIdentityKey
from broker.core.partition import PartitionState
from broker.core.policy import RULES_VERSION
from broker.wire.state_codec import StateCodec


def read_state(
    value: bytes, states: StateCodec, *, fingerprint: str, rules_version: int = RULES_VERSION
) -> PartitionState:
    """
    Return the state in the value of `#p` for the holder of the key with this fingerprint and of these rules.

    Raises `NewerState`, also for a schema that this release does not know; `WrongIdentityKey`; and
    `StateUnreadable` for bytes that no release of ours wrote.
    """
    if states.is_newer(value):
        raise NewerState
    try:
        state = states.decode_partition(value)
    except MalformedMessage as error:
        raise StateUnreadable from error
    if state.rules_version > rules_version:
        raise NewerState
    if state.key_fingerprint != fingerprint:
        raise WrongIdentityKey
    return state
