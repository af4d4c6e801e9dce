"""The index of messages in its database."""

import asyncio
from pathlib import Path

import pytest

from broker.adapters.message_table import MessageTable, indexed
from broker.core.errors import StorageUnusable
from broker.core.messages import Sought
from tests.contract.test_message_index import KEPT, TAKEN, at, message


def test_nothing_is_opened_before_it_is_needed(tmp_path: Path) -> None:
    """A desk that searches nothing needs no database."""
    file = tmp_path / "index.sqlite"
    asyncio.run(MessageTable(f"sqlite:///{file}").close())

    assert not file.exists()


def test_a_database_that_cannot_be_used_says_so() -> None:
    """And holds the URL back, which may hold a password."""
    with pytest.raises(StorageUnusable) as refused:
        asyncio.run(MessageTable("sqlite:////nowhere/at/all.sqlite").search(Sought()))

    assert "nowhere" not in str(refused.value)


def test_only_its_owner_may_read_the_file(tmp_path: Path) -> None:
    """Control ids are a hospital's."""
    file = tmp_path / "index.sqlite"
    index = MessageTable(f"sqlite:///{file}")
    asyncio.run(index.search(Sought()))
    asyncio.run(index.close())

    assert 0o600 == file.stat().st_mode & 0o777


def test_what_the_index_holds_is_counted_by_topic(tmp_path: Path) -> None:
    """Where there is none nothing is, and nothing is made."""
    file = tmp_path / "index.sqlite"
    url = f"sqlite:///{file}"
    assert indexed(url) is None
    assert not file.exists()

    async def fill() -> None:
        """Put three rows in."""
        index = MessageTable(url)
        await index.store(at(3), [message(1), message(2)], [])
        await index.store(at(2, topic=KEPT), [message(1, topic=KEPT)], [])
        await index.close()

    asyncio.run(fill())

    assert {TAKEN: 2, KEPT: 1} == indexed(url)
    assert indexed(f"sqlite:///{tmp_path}/other.sqlite") is None
