"""
Which numbers the demographic source took out of use, for 35 days. Rulings 23, 44.

A visit that goes on under another number must say nothing there that was said under the former one.

What is held is bounded by the log that it is read from: no longer than that keeps a notice, and of a number
no more than the rank of its newest answer, some 160 bytes: of 230,000 numbers, as many as have a plan in the
country, 37 MB. A restart would know no more.
"""

from datetime import date, datetime, timedelta

from broker.core.facts import IdentityNotice
from broker.core.identifiers import NhsNumber
from broker.core.number_answers import OUT_OF_USE, rank_of_answer

KNOWN_FOR = timedelta(days=35)
"""How long an answer is known from the day of its receipt on: as long as `cpis.in.identity` keeps it."""


class NumbersOutOfUse:
    """The source's newest answer about each number of which it said anything; asked by the number's key."""

    def __init__(self) -> None:
        """Know of none."""
        self._days: dict[date, dict[bytes, tuple[datetime, int]]] = {}

    def __contains__(self, key: bytes) -> bool:
        """Whether a number is out of use, as far as it is known."""
        return self.says(key) is True

    def says(self, key: bytes) -> bool | None:
        """Return whether a number is out of use, None where nothing is known of it any more."""
        ranks = [answers[key] for answers in self._days.values() if key in answers]
        return max(ranks)[1] == OUT_OF_USE if ranks else None

    @property
    def held(self) -> int:
        """How many answers are held, of a number one for each day on which it was said."""
        return sum(map(len, self._days.values()))

    def note(self, number: NhsNumber, notice: IdentityNotice) -> None:
        """Take in what was said of a number; what is about its person is none of that."""
        rank = rank_of_answer(notice)
        if rank is not None:
            day = notice.received_at.date()
            answers = self._days.setdefault(day, {})
            answers[number.key] = max(rank, answers.get(number.key, rank))
            self._forget()

    def _forget(self) -> None:
        """Forget the days that lie too far behind the newest."""
        before = max(self._days) - KNOWN_FOR
        for day in [day for day in self._days if day < before]:
            del self._days[day]
