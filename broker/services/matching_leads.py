"""Where a number leads by what a matcher holds under it: to its successor, or nowhere. Rulings 22, 23."""

from broker.core.partition import Forwarding
from broker.core.person import Person
from broker.core.possible_newborns import Leading
from broker.services.matching_inactive import Shut
from broker.wire.state_codec import StateCodec


def leading(held: Person | Forwarding | Shut) -> Leading:
    """Return where a number leads by what is held of it."""
    if isinstance(held, Forwarding):
        return Leading(to=held.to)
    return Leading(in_use=not isinstance(held, Shut))


def led_by(states: StateCodec, state: bytes | None) -> Leading:
    """Return the same by the bytes that are written, None for none; raises `MalformedMessage`."""
    if state is None:
        return Leading()
    if states.is_forwarding(state):
        return leading(states.decode_forwarding(state))
    return Leading(in_use=not states.is_inactive(state))
