"""
Words about people, looked for in bytes: files as they lie on the disk, and records as a consumer gets them.

A word is looked for in every form in which we or a library would write it: as UTF-8, UTF-16, hexadecimal and
base64 text, a number of ten digits also as an integer of eight bytes and of Avro. Compressed bytes hide
words: a file is searched as it is, so what may be compressed is searched as a record too.
"""

import base64
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from fastavro import schemaless_writer

from broker.ports import Record

NUMBER_DIGITS = 10
"""Of an NHS number."""

_LONG_BYTES = 8
_BASE64_PHASES = 3  # of a byte within a group
_GROUP = 4  # letters of a group, of which the first and the last hold neighbours too


@dataclass(slots=True)
class Searched:
    """How much was searched, and what was found: `found` holds places, never the words."""

    needles: int = 0
    files: int = 0
    records: int = 0
    size: int = 0
    found: dict[str, int] | None = None

    def __str__(self) -> str:
        """Return how much was searched, in words."""
        return (
            f"{self.size:,} bytes of {self.files} files and {self.records} records searched for "
            f"{self.needles} forms of the words: {sum((self.found or {}).values())} found"
        )


def forms(word: str) -> frozenset[bytes]:
    """Return the bytes that a word may stand as."""
    plain = {word.encode(), word.upper().encode(), word.lower().encode(), word.encode("utf-16-le")}
    as_text = {text for one in plain for text in (one.hex().encode(), one.hex().upper().encode())}
    encoded = {text for one in plain for text in _base64(one)}
    numbers = {*_integers(int(word))} if word.isdigit() and len(word) == NUMBER_DIGITS else set()
    return frozenset(plain | as_text | encoded | numbers)


def _base64(data: bytes) -> Iterator[bytes]:
    """Yield the base64 text of data wherever it begins in what is encoded, without its ragged ends."""
    for phase in range(_BASE64_PHASES):
        for alphabet in (base64.b64encode, base64.urlsafe_b64encode):
            whole = alphabet(bytes(phase) + data)
            inner = whole[_GROUP if phase else 0 : len(whole) - _GROUP]
            if len(inner) > _GROUP:  # a shorter one is part of anything
                yield inner


def _integers(number: int) -> Iterator[bytes]:
    """Yield a number as eight bytes, either way round, and as Avro writes a long."""
    yield number.to_bytes(_LONG_BYTES, "big")
    yield number.to_bytes(_LONG_BYTES, "little")
    encoded = BytesIO()
    schemaless_writer(encoded, {"type": "long"}, number)
    yield encoded.getvalue()


class Search:
    """Looks for words, by a name each that may be shown."""

    def __init__(self, words: Mapping[str, str]) -> None:
        """Take the words."""
        self._patterns = {
            name: re.compile(b"|".join(re.escape(form) for form in sorted(forms(word))))
            for name, word in words.items()
        }
        self.searched = Searched(needles=sum(len(forms(word)) for word in words.values()), found={})

    def files(self, directory: Path) -> None:
        """Search every file below a directory, whole; one that goes meanwhile is gone."""
        for file in sorted(directory.rglob("*")):
            try:
                data = file.read_bytes() if file.is_file() else None
            except FileNotFoundError:
                continue
            if data is not None:
                self.searched.files += 1
                self._look(data, str(file.relative_to(directory)))

    def records(self, records: Iterable[Record]) -> None:
        """Search keys, values and headers."""
        for record in records:
            self.searched.records += 1
            headers = b"\n".join(name.encode() + b"=" + value for name, value in record.headers)
            for part in (record.key or b"", record.value or b"", headers):
                self._look(part, f"a record of {record.topic}")

    def _look(self, data: bytes, place: str) -> None:
        """Search some bytes."""
        self.searched.size += len(data)
        found = self.searched.found
        assert found is not None
        for name, pattern in self._patterns.items():
            hits = len(pattern.findall(data))
            if hits:
                found[f"{name} in {place}"] = found.get(f"{name} in {place}", 0) + hits
