"""
Which numbers the demographic source took out of use, for 35 days. Rulings 23, 44.

A visit that goes on under another number must say nothing there that was said under the former one.
"""

from broker.core.facts import IdentityKind, IdentityNotice
from broker.core.identifiers import NhsNumber
from broker.core.number_answers import newest_answer


class NumbersOutOfUse:
    """The source's newest answer about each number of which it said anything; asked by the number's key."""

    def __init__(self) -> None:
        """Know of none."""
        self._answers: dict[bytes, IdentityNotice] = {}

    def __contains__(self, key: bytes) -> bool:
        """Whether a number is out of use, as far as it is known."""
        answer = self._answers.get(key)
        return answer is not None and answer.kind is IdentityKind.INVALIDATED

    def note(self, number: NhsNumber, notice: IdentityNotice) -> None:
        """Take in what was said of a number; what is about its person is none of that."""
        held = self._answers.get(number.key)
        answer = newest_answer([notice] if held is None else [held, notice])
        if answer is not None:
            self._answers[number.key] = answer
