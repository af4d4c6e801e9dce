"""
What is known of an upload file that is kept: by which door it came, who may ask about it, what became of it.

Nothing in it is of a person: it lies beside the sealed bytes, and an authority reads it over HTTP.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from broker.core.identifiers import OdsCode

_DEMOGRAPHICS_AWAY = "CPF05"
_ACCEPTED = frozenset({"CPF02", "CPF03"})


class UploadDoor(StrEnum):
    """By which way a file came."""

    FOLDER = "folder"
    HTTP = "http"
    MESH = "mesh"

    @property
    def answers_at_once(self) -> bool:
        """
        Whether its sender is told to send again (CPF05) while the demographic source does not answer.

        A file in the folder or in the mailbox stays there, and is taken again without anybody's help.
        """
        return self is UploadDoor.HTTP


class MediaType(StrEnum):
    """What a file is written in."""

    XML = "application/xml"
    CSV = "text/csv"


class Part(StrEnum):
    """What is kept of an upload, each sealed: the file as it came, and its answer in both forms."""

    FILE = "file"
    XML = "acknowledgement.xml"
    JSON = "acknowledgement.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of a file: its code (CPF01–05), and how many records and plans were loaded, or not."""

    code: str
    loaded: int
    failed: int
    plans: int

    @property
    def accepted(self) -> bool:
        """Whether it was taken, or some of it."""
        return self.code in _ACCEPTED


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptUpload:
    """
    One file; `upload_id` is 32 hexadecimal digits that say nothing of it, `received_at` aware UTC.

    `senders` are the authorities all of which whoever asks about it must be; nobody is where there is none.
    `digest` is keyed, and tells one content from another. `result` is None as long as the file waits, and
    `postponed` then says why it was not taken at the last attempt, in stable words; until `again_at` (aware
    UTC) it is left alone, at most. One that is `lost` cannot
    be read any more: it waits no longer, and its sender is to send it again. `complete` is what its sender
    said: that it has all plans of the authority (D17).
    """

    upload_id: str
    door: UploadDoor
    senders: frozenset[OdsCode]
    received_at: datetime
    digest: str
    media_type: MediaType = MediaType.XML
    result: Result | None = None
    postponed: str = ""
    again_at: datetime | None = None
    lost: bool = False
    complete: bool = False

    @property
    def waits(self) -> bool:
        """Whether it is yet to be taken."""
        return self.result is None and not self.lost

    @property
    def may_be_sent_again(self) -> bool:
        """Whether the same file, sent again by the same request, is taken again (R16)."""
        return self.lost or (self.result is not None and self.result.code == _DEMOGRAPHICS_AWAY)

    def is_for(self, authorities: frozenset[OdsCode]) -> bool:
        """Tell whether whoever is these authorities may ask about it, and read its answer."""
        return bool(self.senders) and self.senders <= authorities
