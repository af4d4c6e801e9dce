"""
Collects what one message sets and clears (R41), and the faults that are no reason to refuse it.

Ruling 37: no attendance is refused for its times. What cannot be read is left alone and counted.
"""

import re
from datetime import datetime
from enum import StrEnum
from typing import Any

from broker.core.errors import MalformedMessage
from broker.wire.hl7v2 import CLEARED, Value
from broker.wire.times import DAY_ONLY, MISSING_HOUR, REPEATED_HOUR, parse_day, read_timestamp


class Fault(StrEnum):
    """Faults of quality in a message that is accepted: stable words to count by, never a value."""

    ARRIVAL_IGNORED = "arrival time ignored"
    ARRIVAL_TIME = "arrival time unreadable"
    BIRTH_DATE = "birth date unreadable"
    CHARACTER_SET = "character set not as declared"
    CODE = "code unreadable"
    DEPARTURE_TIME = "departure time unreadable"
    EVENT_TIME = "event time unreadable"
    MESSAGE_TIME = "message time unreadable"
    NUMBER_AS_BEFORE = "NHS number missing, as before"
    NUMBERS_DIFFER = "several NHS numbers"
    NUMBER_STATUS = "number status unknown"
    OCCURRED_TIME = "occurred time unreadable"
    OTHER_TIME = "another time unreadable"
    RECORDED_LATE = "record time after receipt"
    RESOURCE = "resource unreadable"
    SEQUENCE = "sequence number unreadable"
    TIME_DAY_ONLY = DAY_ONLY
    TIME_MISSING_HOUR = MISSING_HOUR
    TIME_REPEATED_HOUR = REPEATED_HOUR
    VISIT_NUMBER = "visit number missing"


# Free text, which never enters a fact (ruling 31), does not look like this; a SNOMED CT id has 18 digits.
_CODE = re.compile(r"[A-Z0-9][A-Z0-9.+/_-]{0,19}")


class Registers:
    """What one message writes. `values` and `cleared` are in the names of `VisitMessage`."""

    def __init__(self, received_at: datetime) -> None:
        """Take the first receipt of the message, aware."""
        self.values: dict[str, Any] = {}
        self.cleared: set[str] = set()
        self.faults: set[Fault] = set()
        self._received_at = received_at

    def text(self, name: str, value: Value) -> None:
        """Set, clear or leave alone a text; runs of blanks and line breaks become one blank."""
        if value is CLEARED:
            self.cleared.add(name)
        elif value is not None:
            self.values[name] = " ".join(value.split())

    def code(self, name: str, value: Value) -> None:
        """Set a code in capitals, clear it or leave it alone; a free text is left alone and counted."""
        if not isinstance(value, str):
            self.text(name, value)
        elif _CODE.fullmatch(value.upper()):
            self.values[name] = value.upper()
        else:
            self.faults.add(Fault.CODE)

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

    def read_moment(self, value: Value, fault: Fault) -> datetime | None:
        """Read a time that nothing can clear; None where it is absent or, which is counted, unreadable."""
        if not isinstance(value, str):
            return None
        try:
            reading = read_timestamp(value, self._received_at)
        except MalformedMessage:
            self.faults.add(fault)
            return None
        if reading.fault is not None:
            self.faults.add(Fault(reading.fault))
        return reading.moment
