"""
What became of each record of a file, as its sender is told, packed: a file may have hundreds of thousands.

What it holds for a record is a tenth of what was sent of it; a few hundred are unpacked at a time.
"""

import json
import zlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

from broker.wire.upload_codes import RecordCode
from broker.wire.upload_sent import SentPlan, SentRecord, SentSubject

GROUP = 200
"""How many are packed together."""
_CODES = {code.value: code for code in RecordCode}
_LEVEL = 1  # the fastest, which is most of what there is to gain


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordAnswer:
    """
    What became of one record: `location` is the XPath of the record, or of the element in it at fault.

    `words` are stable words that name no value: why it was refused, or what is to be noted about it.
    """

    code: RecordCode
    location: str
    words: str = ""
    sent: SentRecord = field(default=SentRecord(), repr=False)

    @property
    def loaded(self) -> bool:
        """Whether the record was taken."""
        return self.code is RecordCode.LOADED


class RecordAnswers:
    """The answers to the records of a file, in its order; `codes` counts them by their code."""

    def __init__(self, answers: Iterable[RecordAnswer] = ()) -> None:
        """Begin with these."""
        self.codes: Counter[RecordCode] = Counter()
        self._packed: list[bytes] = []
        self._newest: list[RecordAnswer] = []
        for answer in answers:
            self.add(answer)

    def add(self, answer: RecordAnswer) -> None:
        """Take the answer to the next record."""
        self.codes[answer.code] += 1
        self._newest.append(answer)
        if len(self._newest) == GROUP:
            self._packed.append(_packed(self._newest))
            self._newest = []

    def amend(self, places: Collection[int], code: RecordCode, words: str) -> None:
        """Say otherwise of the records at these places, from 0: of one group, which is unpacked for it."""
        [group] = {place // GROUP for place in places}
        packed = group < len(self._packed)
        answers = list(_unpacked(self._packed[group]) if packed else self._newest)
        for place in places:
            was = answers[place % GROUP]
            answers[place % GROUP] = replace(was, code=code, words=words)
            self.codes[was.code] -= 1
            self.codes[code] += 1
        self.codes += Counter()  # a code that no record has any more is not counted
        if packed:
            self._packed[group] = _packed(answers)
        else:
            self._newest = answers

    def groups(self) -> Iterator[Sequence[RecordAnswer]]:
        """Yield the answers, a few hundred at a time."""
        for packed in self._packed:
            yield _unpacked(packed)
        if self._newest:
            yield tuple(self._newest)

    def __iter__(self) -> Iterator[RecordAnswer]:
        """Yield the answers."""
        return chain.from_iterable(self.groups())

    def __len__(self) -> int:
        """Return how many there are."""
        return GROUP * len(self._packed) + len(self._newest)

    def __eq__(self, other: object) -> bool:
        """Tell whether others are the same."""
        return isinstance(other, RecordAnswers) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # more may be added

    def __repr__(self) -> str:
        """Return how many there are, and nobody's name."""
        return f"RecordAnswers({len(self)})"


def _packed(answers: Iterable[RecordAnswer]) -> bytes:
    """Return answers as few bytes."""
    said = [
        (
            answer.code.value,
            answer.location,
            answer.words,
            [(one.element, one.prefix, one.start, one.end, one.deleted) for one in answer.sent.plans],
            [(one.element, one.ids, one.born, one.given, one.family) for one in answer.sent.subjects],
        )
        for answer in answers
    ]
    return zlib.compress(json.dumps(said, ensure_ascii=False).encode("utf-8", "surrogatepass"), _LEVEL)


def _unpacked(packed: bytes) -> tuple[RecordAnswer, ...]:
    """Return what was packed."""
    said: list[Any] = json.loads(zlib.decompress(packed).decode("utf-8", "surrogatepass"))
    return tuple(
        RecordAnswer(
            code=_CODES[code],
            location=location,
            words=words,
            sent=SentRecord(
                plans=tuple(
                    SentPlan(element=element, prefix=prefix, start=start, end=end, deleted=deleted)
                    for element, prefix, start, end, deleted in plans
                ),
                subjects=tuple(
                    SentSubject(
                        element=element, ids=tuple(map(tuple, ids)), born=born, given=given, family=family
                    )
                    for element, ids, born, given, family in subjects
                ),
            ),
        )
        for code, location, words, plans, subjects in said
    )
