"""
The codes of the upload acknowledgement: what became of a file (CPF01–06) and of each record (CPR01–07).

Display names are those of the official vocabulary, its spelling included (dossier 3.3).
"""

from enum import StrEnum
from typing import Self

DEFECT = "broker defect"
"""Reason: our own code failed on a file or a record; the bytes are kept, so that it can be mended."""

_CLIENT_VERSION = "a version of the sender's client, which an upload does not carry"


class _Code(StrEnum):
    """
    A code with its official display name and its meaning in plain words.

    `awaits` says what the broker would need to give the code; empty where it gives it today.
    """

    display_name: str
    meaning: str
    awaits: str

    def __new__(cls, code: str, display_name: str, meaning: str, awaits: str = "") -> Self:
        """Make a member; its value is the code."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.display_name = display_name
        member.meaning = meaning
        member.awaits = awaits
        return member


class FileCode(_Code):
    """What became of a file (code system 2.16.840.1.113883.2.1.3.2.4.17.474)."""

    MALFORMED = (
        "CPF01",
        "File Level Error",
        "the file cannot be read, or its head is at fault: nothing was taken",
    )
    LOADED = "CPF02", "Successful File Upload", "every record was taken"
    PARTLY_LOADED = "CPF03", "Partial File Upload", "some records were taken, others were not"
    NOTHING_LOADED = "CPF04", "Unsuccessful File Upload", "no record was taken"
    DEMOGRAPHICS_AWAY = (
        "CPF05",
        "PDS Error - PDS Unavailable",
        "the demographic source did not answer: send the file again as it is (R16)",
    )
    CLIENT_TOO_OLD = (
        "CPF06",
        "Spine ii rejected the request because this version of the CPIS Client is no longer supported",
        "the sender's client is too old",
        _CLIENT_VERSION,
    )


class RecordCode(_Code):
    """What became of a record (code system 2.16.840.1.113883.2.1.3.2.4.17.473)."""

    NO_MATCH = (
        "CPR01",
        "PDS Error - No Match Found for NHS Number",
        "nobody has this NHS number, or it is not in use",
    )
    SENSITIVE = (
        "CPR02",
        "PDS Error - NHS Number Matched, but Sensitive Record",
        "the person's record is restricted and cannot be updated",
    )
    NOT_VERIFIED = (
        "CPR03",
        "PDS Error - NHS Number not Verified",
        "name or date of birth are not those of the person with this NHS number",
    )
    NUMBER_FORMAT = (
        "CPR04",
        "PDS Error - NHS Number Format Incorrect",
        "the value is no NHS number, or a placeholder (ruling 35)",
    )
    SUPERSEDED = (
        "CPR05",
        "PDS Error - NHS Number Verified, but Superseded",
        "the person has another NHS number now",
    )
    LOADED = "CPR06", "Successful Record Upload", "the record was taken"
    NOT_LOADED = (
        "CPR07",
        "Unsucessful Record Upload",
        "the record was not taken, or as history alone; the words beside it say why",
    )
