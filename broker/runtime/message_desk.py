"""
The messages at the operators' desk: found by the index in the settings' database.

Apart from the desk, since the other commands need no database, nor the time that loading its library takes.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from broker.adapters.message_table import MessageTable
from broker.runtime.desk import Desk
from broker.runtime.settings import Settings
from broker.services.message_desk import MessageDesk
from broker.services.message_index import MessageIndexing


@dataclass(frozen=True, kw_only=True)
class Messages:
    """What an operator works with who looks for messages."""

    desk: MessageDesk
    indexing: MessageIndexing


@asynccontextmanager
async def open_messages(settings: Settings, desk: Desk) -> AsyncIterator[Messages]:
    """Lend the messages at an open desk; the database is looked for once something is asked of it."""
    parts = desk.parts
    index = MessageTable(settings.database_url, prepare=settings.make_data_dir)
    indexing = MessageIndexing(desk.archive, index, facts=parts.facts, records=parts.records, key=parts.key)
    try:
        yield Messages(
            desk=MessageDesk(
                desk.archive,
                index,
                indexing,
                desk.rejected,
                desk.explanations,
                desk.log,
                excluding=desk.excluding,
                facts=parts.facts,
            ),
            indexing=indexing,
        )
    finally:
        await index.close()
