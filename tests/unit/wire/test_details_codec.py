"""What `cpis.in.details` holds, and what it leads to, as bytes."""

import pytest

from broker.adapters.memory_sealing import MemorySealer
from broker.core.errors import MalformedMessage, UnsealingFailed
from broker.core.possible import Numbered, Placed
from broker.wire.details_codec import DetailsCodec
from broker.wire.envelope import bound_to, seal_row
from tests.builders.matcher import NOON, schemas

SEALER = MemorySealer()
CODEC = DetailsCodec(schemas(), SEALER)
VISIT = "f" * 32
CLUE = Placed(place=VISIT, clue=Numbered(visit=VISIT, heard_at=NOON))


def test_a_clue_of_a_newer_release_is_refused() -> None:
    """What it says is not known, so nothing may be made of it."""
    row = dict.fromkeys(("reference", "window", "sought", "under", "met", "visit", "heard_at"))
    newer = schemas().encode("clues", {"clues": [{"place": VISIT, "kind": "UNKNOWN", **row}]})
    value = schemas().encode("details", {"sealed": seal_row(SEALER, newer, bound_to("clues", b"ff"))})

    with pytest.raises(MalformedMessage, match="avro symbol unknown"):
        CODEC.decode_clues(b"ff", value)


def test_clues_open_under_their_own_bucket_alone() -> None:
    """Moved to another one, or opened by whoever holds no key, they say nothing (ruling 23)."""
    value = CODEC.encode_clues(b"ff", [CLUE])

    assert [CLUE] == CODEC.decode_clues(b"ff", value)
    with pytest.raises(UnsealingFailed):
        CODEC.decode_clues(b"fe", value)
    with pytest.raises(UnsealingFailed):
        DetailsCodec(schemas(), MemorySealer()).decode_clues(b"ff", value)


def test_the_same_clue_is_never_the_same_bytes() -> None:
    """So that nobody can tell that a name and a day came twice (ruling 23)."""
    assert CODEC.encode_clues(b"ff", [CLUE]) != CODEC.encode_clues(b"ff", [CLUE])


def test_a_person_is_neither_shelf_nor_search() -> None:
    """Nor are bytes of no schema: whoever loads them decides about them elsewhere."""
    assert not CODEC.holds(schemas().encode("forwarding", {"to": "", "stamp": 0, "last_used": 0}))
    assert not CODEC.holds(b"")
