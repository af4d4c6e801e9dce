"""
What became of an upload file, as its sender is told: one code for the file, one for each record.

Holds what the sender itself sent and what was decided about it; `broker.wire.file_response` writes it as XML.
"""

from dataclasses import dataclass, field

from broker.wire.upload_codes import FileCode, RecordCode
from broker.wire.upload_sent import SentFile, SentHead, SentRecord

SOURCE_AWAY = "demographic source does not answer: send the file again as it is"
"""Reason: nothing of the file was loaded, and nothing is wrong with it (R16)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """One refused record, or the whole file: its code, the stable reason and the place; never a value."""

    code: str
    reason: str
    location: str


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


@dataclass(frozen=True, slots=True, kw_only=True)
class FileAnswer:
    """
    What became of a file.

    `found` is how many records it has, as far as it could be read; `records` answers each of them in the
    file's order, and is empty where the file was refused as a whole: then `fault` says why. `plans` were
    loaded in all; `notes` are stable words about a file that was read all the same.
    """

    code: FileCode
    head: SentHead = field(default=SentHead(), repr=False)
    found: int = 0
    records: tuple[RecordAnswer, ...] = ()
    fault: Refused | None = None
    plans: int = 0
    notes: tuple[str, ...] = ()

    @property
    def accepted(self) -> bool:
        """Whether anything of it was loaded."""
        return self.code in {FileCode.LOADED, FileCode.PARTLY_LOADED}

    @property
    def loaded(self) -> int:
        """How many records were loaded."""
        return sum(record.loaded for record in self.records)

    @property
    def failed(self) -> int:
        """How many of the records that the file has were not."""
        return self.found - self.loaded

    @property
    def refused(self) -> tuple[Refused, ...]:
        """The faults: of the file, or of each record that was not loaded, in the file's order."""
        if self.fault is not None:
            return (self.fault,)
        return tuple(
            Refused(code=record.code.value, reason=record.words, location=record.location)
            for record in self.records
            if not record.loaded
        )


def refuse_file(reason: str, *, location: str = "/", sent: SentFile | None = None) -> FileAnswer:
    """Return the answer to a file that was refused as a whole (CPF01), with what could be read of it."""
    sent = sent or SentFile()
    fault = Refused(code=FileCode.MALFORMED.value, reason=reason, location=location)
    return FileAnswer(code=FileCode.MALFORMED, head=sent.head, found=len(sent.records), fault=fault)


def send_again(sent: SentFile) -> FileAnswer:
    """Return the answer to a file that is to be sent again as it is: the source does not answer (CPF05)."""
    code = FileCode.DEMOGRAPHICS_AWAY
    fault = Refused(code=code.value, reason=SOURCE_AWAY, location="/")
    return FileAnswer(code=code, head=sent.head, found=len(sent.records), fault=fault)
