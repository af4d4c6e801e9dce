"""The newest record under each key of a compacted topic, of those that somebody asks for."""

from collections.abc import Callable

from broker.ports import Archive, Record, Topic


async def naming(archive: Archive, item_id: str) -> dict[bytes, Record]:
    """Return the newest records of people whose bytes name an item of the worklist: they may ask it still."""
    mark = item_id.encode()
    return await newest(archive, Topic.PEOPLE, lambda record: mark in (record.value or b""))


async def newest(archive: Archive, topic: Topic, wanted: Callable[[Record], bool]) -> dict[bytes, Record]:
    """
    Return the newest record under each key, where that one is `wanted`; the others are not held meanwhile.

    Of what has no key or was tombstoned there is none. Raises as `Archive.read` does.
    """
    found: dict[bytes, Record] = {}
    async for records in archive.read(topic):
        for record in records:
            key = record.key or b""
            found.pop(key, None)
            if record.value is not None and wanted(record):
                found[key] = record
    return found
