"""
Where in the log the messages of people without a record lie: offsets only, the bytes are re-read.

Of everybody without a plan nothing else is held (architecture, section 2); 520,000 people with a message
each would take 323 MB as bytes and take a quarter of that as offsets.
"""

from collections.abc import Iterable, Sequence


class VisitIndex:
    """The offsets of one input, by key; one offset is kept as it is, several in a list."""

    __slots__ = ("_places",)

    def __init__(self) -> None:
        """Begin empty."""
        self._places: dict[bytes, int | list[int]] = {}

    def __len__(self) -> int:
        """How many people there are."""
        return len(self._places)

    def add(self, key: bytes, offset: int) -> None:
        """Note one more message of a person; the hot path of the matcher."""
        held = self._places.setdefault(key, offset)
        if held is offset:
            return
        if not isinstance(held, list):
            held = [held]
            self._places[key] = held
        held.append(offset)

    def get(self, key: bytes) -> Sequence[int]:
        """Return the offsets of a person's messages, as they were added."""
        held = self._places.get(key)
        if held is None:
            return ()
        return tuple(held) if isinstance(held, list) else (held,)

    def drop(self, key: bytes) -> None:
        """Forget a person, who has a record now or never had a message."""
        self._places.pop(key, None)

    def keys(self) -> list[bytes]:
        """Return everybody, as a list that stays the same while the index changes."""
        return list(self._places)

    def forget_before(self, keys: Iterable[bytes], offset: int) -> None:
        """Forget, of these people, what lies before `offset`: the log's own horizon has passed it."""
        for key in keys:
            held = [place for place in self.get(key) if place >= offset]
            if held:
                self._places[key] = held if len(held) > 1 else held[0]
            else:
                self.drop(key)
