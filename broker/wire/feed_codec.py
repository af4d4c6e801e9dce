"""What is remembered of authorities' files, in numbers alone, and what they are told of their feeds."""

from broker.core.errors import MalformedMessage
from broker.core.feeds import FeedNotice, FileTaken
from broker.wire.avro import Row, Schemas
from broker.wire.avro_values import maybe_millis, millis, ods, refusing

SCHEMA = "feed_file"
NOTICE_SCHEMA = "feed_notice"


class FeedCodec:
    """Values of `cpis.feeds`, whose key is the authority's code, and of rows of an authority's inbox."""

    def __init__(self, schemas: Schemas) -> None:
        """Take the schemas."""
        self._schemas = schemas

    def encode_file(self, file: FileTaken) -> bytes:
        """Return what became of a file."""
        row: Row = {
            "authority": file.authority.code,
            "file_key": file.file_key,
            "code": file.code,
            "created_at": maybe_millis(file.created_at),
            "received_at": millis(file.received_at),
            "found": file.found,
            "plans": file.plans,
            "codes": dict(file.codes),
        }
        return self._schemas.encode(SCHEMA, row)

    def decode_file(self, data: bytes) -> FileTaken:
        """Return what became of a file; raise `MalformedMessage`."""
        row = self._schemas.decode(SCHEMA, data)
        with refusing(SCHEMA):
            authority = ods(row["authority"])
        return FileTaken(
            authority=authority,
            file_key=row["file_key"],
            code=row["code"],
            created_at=row["created_at"],
            received_at=row["received_at"],
            found=row["found"],
            plans=row["plans"],
            codes=row["codes"],
        )

    def encode_notice(self, notice: FeedNotice) -> bytes:
        """Return what an authority is told of its feed."""
        row: Row = {
            "authority": notice.authority.code,
            "said_at": millis(notice.said_at),
            "last_taken_at": maybe_millis(notice.last_at),
            "statements": list(notice.statements),
        }
        return self._schemas.encode(NOTICE_SCHEMA, row)

    def decode_notice(self, data: bytes) -> FeedNotice:
        """Return what an authority was told of its feed; raise `MalformedMessage`."""
        row = self._schemas.decode(NOTICE_SCHEMA, data)
        with refusing(NOTICE_SCHEMA):
            authority = ods(row["authority"])
        return FeedNotice(
            authority=authority,
            said_at=row["said_at"],
            last_at=row["last_taken_at"],
            statements=tuple(row["statements"]),
        )

    def glance(self, data: bytes | None) -> FileTaken | None:
        """Return what became of a file, None for a value that says no such thing."""
        try:
            return None if data is None else self.decode_file(data)
        except MalformedMessage:
            return None
