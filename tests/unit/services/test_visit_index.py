"""The index of what waits in the log."""

from broker.services.visit_index import VisitIndex


def test_offsets_are_kept_by_person() -> None:
    """A person's offsets come back as they were added, one or several."""
    index = VisitIndex()
    for key, offset in ((b"a", 1_000), (b"b", 1_001), (b"a", 1_002), (b"a", 1_003)):
        index.add(key, offset)

    assert [(1_000, 1_002, 1_003), (1_001,), ()] == [tuple(index.get(key)) for key in (b"a", b"b", b"c")]
    assert (2, [b"a", b"b"]) == (len(index), index.keys())


def test_a_dropped_person_is_forgotten() -> None:
    """Nothing is left of a person who was dropped; dropping twice is harmless."""
    index = VisitIndex()
    index.add(b"a", 1)
    index.drop(b"a")
    index.drop(b"a")

    assert (0, ()) == (len(index), index.get(b"a"))


def test_what_the_horizon_has_passed_is_forgotten() -> None:
    """Offsets before the horizon go, people without any other go with them."""
    index = VisitIndex()
    held = {b"old": [1, 2], b"one left": [3, 20], b"two left": [4, 30, 31], b"new": [40]}
    for key, offsets in held.items():
        for offset in offsets:
            index.add(key, offset)

    index.forget_before(index.keys(), 10)

    assert [(), (20,), (30, 31), (40,)] == [tuple(index.get(key)) for key in held]
    assert 3 == len(index)
