"""The people folded last, decoded, so that a visit that is going on is not decoded at every message."""

from broker.core.person import Person


class RecentPeople:
    """The people folded last, decoded; beyond `most` the one remembered longest ago goes."""

    __slots__ = ("_most", "_people")

    def __init__(self, most: int) -> None:
        """Begin with nobody."""
        self._most = most
        self._people: dict[bytes, Person] = {}

    def get(self, key: bytes) -> Person | None:
        """Return a person who is remembered."""
        return self._people.get(key)

    def remember(self, key: bytes, person: Person) -> None:
        """Remember a person as they are now."""
        self._people.pop(key, None)
        self._people[key] = person
        if len(self._people) > self._most:
            del self._people[next(iter(self._people))]

    def forget(self, key: bytes) -> None:
        """Forget a person, remembered or not."""
        self._people.pop(key, None)
