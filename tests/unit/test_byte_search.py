"""The search of bytes finds a word in every form, and says how much it searched."""

import base64
from pathlib import Path

import pytest

from broker.adapters.memory import MemoryRecord
from tests.byte_search import Search

NUMBER = "9990000018"
WRITTEN = {
    "plain": b"xx9990000018yy",
    "name": b"..Lovelace-Quux..",
    "capitals": b"LOVELACE-QUUX",
    "wide": "Lovelace-Quux".encode("utf-16-le"),
    "hex": b"Lovelace-Quux".hex().encode(),
    "base64": base64.b64encode(b"Lovelace-Quux"),
    "base64 in the middle": base64.b64encode(b"a,Lovelace-Quux,b"),
    "eight bytes": int(NUMBER).to_bytes(8, "big"),
    "avro": bytes([0xA4, 0xB6, 0x9A, 0xB7, 0x4A]),
}


def search() -> Search:
    """Return a search for a number and a name."""
    return Search({"number": NUMBER, "name": "Lovelace-Quux"})


@pytest.mark.parametrize("form", WRITTEN)
def test_a_word_is_found_in_every_form(tmp_path: Path, form: str) -> None:
    """In a file as it lies there."""
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "file").write_bytes(b"before" + WRITTEN[form] + b"behind")
    looked = search()
    looked.files(tmp_path)

    assert [1] == list((looked.searched.found or {}).values())


def test_keys_values_and_headers_are_searched() -> None:
    """Each for itself, and what is counted is what was read."""
    looked = search()
    looked.records(
        MemoryRecord(topic="t", partition=0, offset=0, timestamp=0, key=key, value=value, headers=headers)
        for key, value, headers in (
            (NUMBER.encode(), None, ()),
            (None, b"of Lovelace-Quux", ()),
            (None, b"", (("ce_id", NUMBER.encode()),)),
            (b"other", b"nobody", ()),
        )
    )

    assert {"number in a record of t": 2, "name in a record of t": 1} == looked.searched.found
    assert " bytes of 0 files and 4 records searched for " in str(looked.searched)
    assert str(looked.searched).endswith(": 3 found")


def test_a_short_word_is_not_found_in_anything(tmp_path: Path) -> None:
    """Its base64 text has no inside that would tell it."""
    (tmp_path / "file").write_bytes(bytes(range(256)))
    looked = Search({"child id": "C-1"})
    looked.files(tmp_path)

    assert {} == looked.searched.found
