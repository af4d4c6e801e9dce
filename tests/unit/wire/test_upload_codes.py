"""The codes of the acknowledgement: all that the official vocabulary has, and no other."""

import re

import pytest

from broker.wire.upload_codes import FileCode, RecordCode
from tests.official_schemas import SCHEMAS, SCHEMAS_VARIABLE

VOCABULARY = SCHEMAS / "VocabularySchemas" / "CPVocab.xsd"


def official(name: str) -> list[str]:
    """Return the values of an enumeration of the official vocabulary, in its order."""
    if not VOCABULARY.is_file():
        pytest.skip(f"the official CP-IS schemas are not here: set {SCHEMAS_VARIABLE} to their directory")
    text = VOCABULARY.read_text("utf-8")
    body = text.partition(f'<xs:simpleType name="{name}">')[2].partition("</xs:simpleType>")[0]
    return re.findall(r'<xs:enumeration value="([^"]*)"', body)


@pytest.mark.parametrize(
    ("codes", "name"), [(FileCode, "CP-ISUploadFileResponse"), (RecordCode, "CP-ISUploadRecordResponse")]
)
def test_the_codes_and_their_names_are_the_official_ones(
    codes: type[FileCode | RecordCode], name: str
) -> None:
    """Each in its place, with the spelling of the vocabulary."""
    assert official(f"{name}_code") == [code.value for code in codes]
    assert official(f"{name}_displayName") == [code.display_name for code in codes]


@pytest.mark.parametrize("code", [*FileCode, *RecordCode])
def test_every_code_says_what_it_means(code: FileCode | RecordCode) -> None:
    """In words that a reader of the reference page understands."""
    assert len(code.meaning.split()) > 2


def test_only_a_file_for_which_the_source_did_not_answer_is_sent_again_as_it_is() -> None:
    """After any other refusal it must be corrected first, and its meaning does not say otherwise (R16)."""
    assert [FileCode.DEMOGRAPHICS_AWAY] == [code for code in FileCode if "again as it is" in code.meaning]
