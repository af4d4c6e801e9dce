"""
Collects what one message sets and clears (R41), and the faults that are no reason to refuse it.

Ruling 37: no attendance is refused for its times. What cannot be read is left alone and counted.
"""

import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from broker.core.errors import InvalidOdsCode, MalformedMessage
from broker.core.identifiers import LONDON, OdsCode
from broker.core.policy_keys import CODE
from broker.core.sender_keys import AS_THEY_STAND, Codes
from broker.wire.hl7v2 import CLEARED, Value
from broker.wire.times import DAY_ONLY, MISSING_HOUR, REPEATED_HOUR, parse_day, read_timestamp


class Fault(StrEnum):
    """Faults of quality in a message that is accepted: stable words to count by, never a value."""

    ARRIVAL_IGNORED = "arrival time ignored"
    ARRIVAL_TIME = "arrival time unreadable"
    BIRTH_DATE = "birth date unreadable"
    CHARACTER_SET = "character set not as declared"
    CODE = "code unreadable"
    COMPANION = "companion no name"
    DEPARTURE_IGNORED = "departure time ignored"
    DEATH = "death unread"
    DEPARTURE_TIME = "departure time unreadable"
    EVENT_TIME = "event time unreadable"
    LINE = "line is no segment"
    MESSAGE_TIME = "message time unreadable"
    MODIFIER = "modifier not understood"
    NUMBER_AS_BEFORE = "NHS number missing, as before"
    NUMBERS_DIFFER = "several NHS numbers"
    NUMBER_STATUS = "number status unknown"
    PROFILE = "profile not as declared"
    OCCURRED_TIME = "occurred time unreadable"
    OTHER_TIME = "another time unreadable"
    OTHER_VISIT = "another visit unread"
    RECORDED_LATE = "record time after receipt"
    RESOURCE = "resource unreadable"
    RESTRICTION = "restriction unknown"
    SEQUENCE = "sequence number unreadable"
    STATUS = "status contradicts the event"
    TIME_DAY_ONLY = DAY_ONLY
    TIME_MISSING_HOUR = MISSING_HOUR
    TIME_REPEATED_HOUR = REPEATED_HOUR
    VISIT_NUMBER = "visit number missing"
    ZONE = "message time of another zone"


# Ruling 31: never the name of another child. Table 0063 (UK), codes of the American one, words.
_CHILDREN = frozenset(
    {
        *("9", "14", "15", "BRO", "CHD", "DAU", "FCH", "GCH", "NCH", "SCH", "SIB", "SIS", "WRD"),
        *(
            "BROTHER",
            "CHILD",
            "DAUGHTER",
            "GRANDCHILD",
            "GRANDDAUGHTER",
            "GRANDSON",
            "SIBLING",
            "SISTER",
            "SON",
        ),
        *("STEPBROTHER", "STEPCHILD", "STEPDAUGHTER", "STEPSISTER", "STEPSON", "WARD"),
    }
)
_COMPANION = re.compile(r"[^\W\d_][^\d]{0,59}")  # a name or a word for somebody, and no telephone
_WORD = re.compile(r"[A-Z]+|[0-9]+")


class Registers:
    """What one message writes. `values` and `cleared` are in the names of `VisitMessage`."""

    def __init__(self, received_at: datetime, zone: ZoneInfo = LONDON) -> None:
        """Take the first receipt of the message, aware, and the zone of times without an offset."""
        self.values: dict[str, Any] = {}
        self.cleared: set[str] = set()
        self.faults: set[Fault] = set()
        self.received_at = received_at
        self._zone = zone

    def text(self, name: str, value: Value) -> None:
        """Set, clear or leave alone a text; runs of blanks and line breaks become one blank."""
        if value is CLEARED:
            self.cleared.add(name)
        elif value is not None:
            self.values[name] = " ".join(value.split())

    def code(self, name: str, value: Value, meanings: Codes = AS_THEY_STAND) -> None:
        """
        Set a code in capitals, clear it or leave it alone; a free text is left alone and counted.

        `meanings` are those of the site's own codes and texts.
        """
        if not isinstance(value, str):
            self.text(name, value)
            return
        code = meanings.of(value)
        if CODE.fullmatch(code):
            self.values[name] = code
        else:
            self.faults.add(Fault.CODE)

    def disposition(self, value: Value, meanings: Codes = AS_THEY_STAND) -> None:
        """
        Set how a visit ended: the data dictionary writes two digits, the messaging standard one.

        `meanings` are those of the site's own codes and texts.
        """
        if isinstance(value, str):
            value = meanings.of(value)
            value = value.lstrip("0") or value
        self.code("disposition", value)

    def place(self, location: Value, site: Value, provider: OdsCode) -> None:
        """Set the point of care in capitals, as a site lists it, and the site, failing that the provider."""
        self.text("location", location.upper() if isinstance(location, str) else location)
        if location is CLEARED and site is CLEARED:
            self.cleared.add("site")
        elif isinstance(location, str) or isinstance(site, str):
            self.values["site"] = provider
            if isinstance(site, str):
                with suppress(InvalidOdsCode):
                    self.values["site"] = OdsCode(site.upper())

    def next_of_kin(self, relationship: Value, name: Value, *words: Value) -> None:
        """
        Set relationship and name as one, so that no name stands beside another's relationship.

        What is lacking is cleared; so is the name of another child, as the `words` of the relationship or its
        code tell (ruling 31).
        """
        self.cleared |= {"next_of_kin_relationship", "next_of_kin_name"}
        self.code("next_of_kin_relationship", relationship)
        told = [one for one in (relationship, *words) if isinstance(one, str)]
        self.text("next_of_kin_name", None if tells_of_child(told) else name)
        self.cleared -= self.values.keys()

    def companion(self, value: Value, *words: Value) -> None:
        """
        Set who came with the patient, of a field that the site has declared to say so, or clear it (29).

        What is no name, or tells of another child by itself or by the `words` of a relationship, is left out
        and counted, and nobody who was named before stands in its place (ruling 31).
        """
        if not isinstance(value, str):
            self.text("accompanied_by", value)
            return
        told = [value, *(one for one in words if isinstance(one, str))]
        if _COMPANION.fullmatch(" ".join(value.split())) and not tells_of_child(told):
            self.text("accompanied_by", value)
        else:
            self.cleared.add("accompanied_by")
            self.faults.add(Fault.COMPANION)

    def day(self, name: str, value: Value, fault: Fault) -> None:
        """Set a calendar day, clear it or leave it alone; what cannot be read is left alone and counted."""
        if not isinstance(value, str):
            self.text(name, value)
            return
        try:
            self.values[name] = parse_day(value)
        except MalformedMessage:
            self.faults.add(fault)

    def moment(self, name: str, value: Value, fault: Fault) -> None:
        """Set a time, clear it or leave it alone; what cannot be read is left alone and counted."""
        if value is CLEARED:
            self.cleared.add(name)
        else:
            moment = self.read_moment(value, fault)
            if moment is not None:
                self.values[name] = moment

    def wall_differs(self, wall: str, stated: str) -> bool:
        """Whether a time, read as wall time, is another than the one that is stated; nothing is counted."""
        try:
            times = [
                read_timestamp(text, self.received_at, zone=self._zone).moment for text in (wall, stated)
            ]
        except MalformedMessage:
            return False
        return times[0] != times[1]

    def read_moment(self, value: Value, fault: Fault) -> datetime | None:
        """Read a time that nothing can clear; None where it is absent or, which is counted, unreadable."""
        if not isinstance(value, str):
            return None
        try:
            reading = read_timestamp(value, self.received_at, zone=self._zone)
        except MalformedMessage:
            self.faults.add(fault)
            return None
        if reading.fault is not None:
            self.faults.add(Fault(reading.fault))
        return reading.moment


def tells_of_child(relationship: Iterable[str]) -> bool:
    """Whether a relationship, by codes or in words, is one that a child may stand in (ruling 31)."""
    return any(word in _CHILDREN for said in relationship for word in _WORD.findall(said.upper()))
