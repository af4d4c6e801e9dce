"""
What became of an upload file, as its sender is told: one code for the file, one for each record.

Holds what the sender itself sent and what was decided about it; `broker.wire.file_response` writes it as XML.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from broker.wire.record_answers import RecordAnswers
from broker.wire.upload_codes import FileCode, RecordCode
from broker.wire.upload_sent import SentHead

SOURCE_AWAY = "demographic source does not answer: send the file again as it is"
"""Reason: nothing is wrong with the file; no record of it is answered for, some may be loaded (R16)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """One refused record, or the whole file: its code, the stable reason and the place; never a value."""

    code: str
    reason: str
    location: str


class Spot(NamedTuple):
    """Where something stands in a file of lines: the line from 1, and the name of the column, if one."""

    line: int
    column: str | None = None


Places = Callable[[str], Spot | None]
"""Says where a part of the message, by its XPath without prefixes, stands in the lines it was made of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileAnswer:
    """
    What became of a file.

    `found` is how many records it has, as far as it could be read; `records` answers each of them in the
    file's order, and is empty where the file was refused as a whole: then `fault` says why. `plans` were
    loaded in all; `notes` are stable words about a file that was read all the same. `places` are those of a
    file that was written as lines.
    """

    code: FileCode
    head: SentHead = field(default=SentHead(), repr=False)
    found: int = 0
    records: RecordAnswers = field(default_factory=RecordAnswers)
    fault: Refused | None = None
    plans: int = 0
    notes: tuple[str, ...] = ()
    places: Places | None = field(default=None, repr=False, compare=False)

    @property
    def accepted(self) -> bool:
        """Whether anything of it was loaded."""
        return self.code in {FileCode.LOADED, FileCode.PARTLY_LOADED}

    @property
    def loaded(self) -> int:
        """How many records were loaded."""
        return self.records.codes[RecordCode.LOADED]

    @property
    def failed(self) -> int:
        """How many of the records that the file has were not."""
        return self.found - self.loaded

    def refused(self) -> Iterator[Refused]:
        """Yield the faults: of the file, or of each record that was not loaded, in the file's order."""
        if self.fault is not None:
            yield self.fault
        for record in self.records:
            if not record.loaded:
                yield Refused(code=record.code.value, reason=record.words, location=record.location)


def refuse_file(
    reason: str,
    *,
    location: str = "/",
    sent: SentHead | None = None,
    found: int = 0,
    places: Places | None = None,
) -> FileAnswer:
    """Return the answer to a file that was refused as a whole (CPF01), with what could be read of it."""
    fault = Refused(code=FileCode.MALFORMED.value, reason=reason, location=location)
    return FileAnswer(
        code=FileCode.MALFORMED, head=sent or SentHead(), found=found, fault=fault, places=places
    )


def send_again(sent: SentHead, found: int) -> FileAnswer:
    """Return the answer to a file that is to be sent again as it is: the source does not answer (CPF05)."""
    code = FileCode.DEMOGRAPHICS_AWAY
    fault = Refused(code=code.value, reason=SOURCE_AWAY, location="/")
    return FileAnswer(code=code, head=sent, found=found, fault=fault)
