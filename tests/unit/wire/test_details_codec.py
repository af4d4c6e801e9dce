"""What `cpis.in.details` holds, and what it leads to, as bytes."""

import pytest

from broker.core.errors import MalformedMessage
from broker.wire.details_codec import DetailsCodec
from tests.builders.matcher import schemas

CODEC = DetailsCodec(schemas())


def test_a_clue_of_a_newer_release_is_refused() -> None:
    """What it says is not known, so nothing may be made of it."""
    row = dict.fromkeys(("reference", "window", "sought", "under", "met", "visit", "heard_at"))
    newer = schemas().encode("details", {"kind": "UNKNOWN", **row})

    with pytest.raises(MalformedMessage, match="avro symbol unknown"):
        CODEC.decode_clue(newer)


def test_a_person_is_neither_shelf_nor_search() -> None:
    """Nor are bytes of no schema: whoever loads them decides about them elsewhere."""
    assert not CODEC.holds(schemas().encode("forwarding", {"to": "", "stamp": 0, "last_used": 0}))
    assert not CODEC.holds(b"")
