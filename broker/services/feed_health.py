"""
What is remembered of authorities' files, written as each is taken and read back as the health of every feed.

Knows `cpis.feeds` and the check marks, which remember an authority for longer. How healthy a feed is the core
says (`broker.core.feeds`).
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime

from broker.core.alerts import RecipientKind
from broker.core.checks import CheckMark
from broker.core.errors import InvalidOdsCode
from broker.core.feeds import FeedHealth, FeedRule, FileTaken, health, later
from broker.core.identifiers import OdsCode
from broker.core.keyed import IdentityKey
from broker.ports import Archive, Topic, Write
from broker.services.rejections import SOURCE
from broker.wire.cloudevents import FEED_TYPE, CloudEvent, write_headers
from broker.wire.feed_codec import SCHEMA, FeedCodec
from broker.wire.records_codec import RecordsCodec
from broker.wire.upload import ODS_ROOTS
from broker.wire.upload_answer import FileAnswer


class FeedLog:
    """Makes the record of a file that was taken."""

    def __init__(self, codec: FeedCodec, key: IdentityKey) -> None:
        """Take the codec, and the identity key under which a file's id is kept."""
        self._codec = codec
        self._key = key

    def writes(
        self,
        answer: FileAnswer,
        received_at: datetime,
        *,
        created_at: datetime | None = None,
        senders: frozenset[OdsCode] | None = None,
    ) -> list[Write]:
        """
        Return the record of a file, none where it does not say which authority's it is.

        Nor where none of `senders` is that one: it says nothing about the authority that it names.
        """
        authority = _authority(answer)
        if authority is None or (senders is not None and authority not in senders):
            return []
        file_key = self._key.derive("feed file", authority.code, answer.head.file_id or "")
        file = FileTaken(
            authority=authority,
            file_key=file_key,
            code=answer.code.value,
            created_at=created_at,
            received_at=received_at,
            found=answer.found,
            plans=answer.plans,
            codes=Counter({code.value: count for code, count in answer.records.codes.items()}),
        )
        event = CloudEvent(
            event_id=self._key.derive("feed file taken", file_key, received_at.isoformat()),
            source=SOURCE,
            event_type=FEED_TYPE,
            time=received_at,
            data_schema=SCHEMA,
        )
        value = self._codec.encode_file(file)
        return [Write(Topic.FEEDS, authority.code.encode(), value, write_headers(event))]


class FeedsReport:
    """Reads how every feed stands; raises what the archive raises."""

    def __init__(self, archive: Archive, codec: FeedCodec, records: RecordsCodec, rule: FeedRule) -> None:
        """Take what reads, and the rule to judge by."""
        self._archive = archive
        self._codec = codec
        self._records = records
        self._rule = rule

    async def read(self, at: datetime) -> tuple[FeedHealth, ...]:
        """Return the health of every feed at a moment (aware), by authority."""
        files = await files_taken(self._archive, self._codec)
        return health(files, await self._heard(), at, self._rule)

    async def _heard(self) -> Mapping[OdsCode, datetime]:
        """Return what the check marks remember."""
        marks: list[CheckMark] = []
        async for records in self._archive.read(Topic.CHECKS):
            marks += [self._records.decode_mark(record.value or b"") for record in records]
        return heard_by(marks)


def heard_by(marks: Iterable[CheckMark]) -> Mapping[OdsCode, datetime]:
    """Return when the newest plan of each authority came that a matcher has decided upon (ruling 41)."""
    newest: dict[OdsCode, datetime] = {}
    for mark in marks:
        if mark.sender.kind is RecipientKind.AUTHORITY:
            newest = {**newest, **later(newest, {mark.sender.code: mark.received_at})}
    return newest


async def files_taken(archive: Archive, codec: FeedCodec) -> list[FileTaken]:
    """Return what became of every file that is remembered, each once, in the order of the log."""
    found: dict[tuple[str, datetime], FileTaken] = {}
    async for records in archive.read(Topic.FEEDS):
        for record in records:
            file = codec.glance(record.value)
            if file is not None:
                found[file.file_key, file.received_at] = file
    return list(found.values())


def _authority(answer: FileAnswer) -> OdsCode | None:
    """Return whose a file is by its head, None where that cannot be read."""
    root, code = answer.head.authority or ("", "")
    try:
        return OdsCode(code) if root in ODS_ROOTS else None
    except InvalidOdsCode:
        return None
