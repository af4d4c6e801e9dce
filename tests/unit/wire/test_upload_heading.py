"""Whose an upload is stands in its head, wherever the first bytes of the file end."""

import pytest

from broker.core.identifiers import OdsCode
from broker.wire.upload_heading import authority_of
from tests.builders.upload import build_upload

FILE = build_upload()
OWN = OdsCode("Z211")
END = FILE.index(b"Z211")
RECORD_FIRST = FILE.replace(b"<communicationFunctionSnd>", b"<record/><communicationFunctionSnd>")
ENTITIES = b'<!DOCTYPE File [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + FILE.partition(b"?>")[2]


@pytest.mark.parametrize("length", [END + 20, END + 500, len(FILE)])
def test_the_authority_is_read_from_the_first_bytes(length: int) -> None:
    """The records need not be there, and the document need not end."""
    assert OWN == authority_of(FILE[:length])


@pytest.mark.parametrize(
    "head",
    [
        b"",
        FILE[:END],
        b"no XML",
        b"<File/>",
        RECORD_FIRST,
        FILE.replace(b'extension="Z211"', b'extension="no code"'),
        FILE.replace(b"urn:hl7-org:v3", b"urn:another"),
    ],
    ids=["empty", "cut", "no XML", "no upload", "record first", "no code", "namespace"],
)
def test_of_a_head_that_names_nobody_nothing_is_said(head: bytes) -> None:
    """Whoever reads the whole file says what is wrong with it."""
    assert authority_of(head) is None


def test_an_entity_in_the_head_is_not_resolved() -> None:
    """The file is refused when it is read; here it is only not followed."""
    assert OWN == authority_of(ENTITIES)
