"""
The records of `cpis.in.attendances` as intake writes them, and their order.

Knows when a visit leaves a number (ruling 44), and that nobody may take it to have come back meanwhile.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from broker.core.errors import MalformedMessage, StorageUnusable
from broker.core.facts import IdentityKind, IdentityNotice, VisitLeft, VisitMessage
from broker.core.identifiers import NhsNumber, to_the_minute
from broker.core.keyed import visit_content
from broker.core.number_answers import notice_of
from broker.core.operators import Place
from broker.ports import Write
from broker.services.births import Births
from broker.services.fact_writes import fact_write, record_of
from broker.services.marks_to_come import MarksToCome, mark_of
from broker.services.numberless import Numberless
from broker.services.numbers_in_use import NumbersInUse, Owed
from broker.services.own_writes import OwnWrites
from broker.services.rejections import RECORD_BYTES_MAX, SOURCE
from broker.wire.adt_other import Person
from broker.wire.facts_codec import FactCodec

TOO_LARGE = "message too large"
"""Reason: the fact would not fit a record of Kafka, today or ever."""


AttendanceFact = VisitMessage | VisitLeft | IdentityNotice
"""What a message comes to: its visit, that this left a number, that the one in use is restricted."""

Facts = tuple[tuple[NhsNumber, AttendanceFact], ...]
"""Facts, each with the number that it is keyed by."""


class Told(NamedTuple):
    """
    What a message comes to: steps to be made durable in turn, and the facts in that order.

    There are two steps where a visit left a number, else one. `late`: the visit has gone on under another.
    """

    steps: list[list[Write]]
    facts: Facts
    late: bool = False


class Attendances:
    """
    Makes the records.

    Ids are derived under `key`; `numberless` looks for whose those are that came without a number. `numbers`
    are those that visits are recorded under; without them, as for somebody who writes past intake, no visit
    leaves a number: intake finds that out by itself. `own` are the places that it need not read back.
    `marks` puts by what is not to be said beside another number; without it nothing that names two is taken.
    """

    def __init__(
        self,
        codec: FactCodec,
        numberless: Numberless,
        numbers: NumbersInUse | None = None,
        marks: MarksToCome | None = None,
    ) -> None:
        self.key = numberless.key
        self.numberless = numberless
        self.births = Births(codec, policy=numberless.policy, key=numberless.key)
        self.own = OwnWrites()
        self._codec = codec
        self._numbers = numbers
        self._marks_to_come = marks

    def in_use(self, visit: bytes) -> NhsNumber | None:
        """Return the number that a visit, as `visit_named` gives it, was last recorded under, if known."""
        return None if self._numbers is None else self._numbers.of_visit(visit)

    def borne_at(
        self, number: NhsNumber, message: VisitMessage, *, content: bytes | None = None
    ) -> datetime | None:
        """Return when what restricts a visit under its number was received, None where nothing does (24)."""
        return None if self._numbers is None else self._numbers.borne_at(number, message, content=content)

    def note(self, facts: Facts, steps: Sequence[Sequence[Place]] = ()) -> None:
        """Take in that facts are durable, and where what each step appended lies."""
        if self._numbers is None:
            return
        for number, fact in facts:
            if not isinstance(fact, IdentityNotice):
                self._numbers.note(number, fact)
        if steps and len(facts) == 1 and isinstance(fact, VisitMessage):  # its record is the first, as `told`
            self.own.wrote(steps[0][0], fact)

    def told(
        self,
        number: NhsNumber,
        message: VisitMessage,
        faults: Iterable[str] = (),
        *,
        content: bytes | None = None,
    ) -> Told:
        """
        Return the fact of a message, and that its visit left a number if it did (ruling 44).

        A visit that moves is told under its new number first: a number that is merely superseded (22) then
        has it already when it learns that the other was left. A restriction goes with it, being that of who
        is there (24). A message that comes late under a number that its visit has left is told second: nobody
        takes the visit to have come back. Where it restricts, the number in use is restricted as well (24).
        Of a visit that was under a number not in use it says no arrival: that is then the first message's
        under the new number (23). `faults` are what was amiss with the message, `content` names its visit
        where that is known already. Raises `MalformedMessage` where Kafka would never take it.
        """
        if self._numbers is None:
            return Told([[self.visit(message, number, faults)]], ((number, message),))
        moved, late, was_restricted, anew = self._numbers.standing(number, message, content=content)
        if anew:  # the hospital goes on stating when the person came: that was said under the former number
            message = replace(message, arrived_at=None, occurred_at=None)
        if moved is not None and was_restricted:
            message = replace(message, restricted=True)
        arrived = [self.visit(message, number, faults)]
        facts: list[tuple[NhsNumber, AttendanceFact]] = [(number, message)]
        if moved is not None:
            facts.append((moved.number, moved.left))
            return Told([arrived, [self.left(moved)]], tuple(facts))
        if late is not None:
            marks = self._marks(number, message)
            marked = [fact_write(self._codec, mark, one, mark.notice_id, SOURCE) for one, mark in marks]
            return Told(
                [[self.left(late), *marked], arrived], ((late.number, late.left), *marks, *facts), late=True
            )
        return Told([arrived], tuple(facts))

    def _marks(self, number: NhsNumber, message: VisitMessage) -> list[tuple[NhsNumber, IdentityNotice]]:
        """
        Return that the number in use of a visit is restricted, if a late message of it under another says so.

        It says nothing of the visit, nor of the other number: its time is the minute of the receipt.
        """
        in_use = self.in_use(visit_content(self.key, message.visit, number))
        if in_use is None or not message.restricted:
            return []
        return [(in_use, self._mark(in_use, message.received_at))]

    def _mark(self, number: NhsNumber, received_at: datetime) -> IdentityNotice:
        """Return that a record is restricted, to the minute: no record of another person has its time."""
        at = to_the_minute(received_at)
        return notice_of(number, IdentityKind.RESTRICTED, at, at, self.key)

    def restricted(self, numbers: Sequence[NhsNumber], received_at: datetime) -> list[Write]:
        """
        Return that the record under the first of several numbers in a message is restricted, if it names any.

        Any of them may be the patient's (24); the marks of the others are put by, each as if there were no
        other (42).
        """
        return [mark_of(self._codec, self.key, number, received_at) for number in numbers[:1]]

    def put_by(self, numbers: Sequence[NhsNumber], received_at: datetime) -> None:
        """Put the marks of the others by, durably; raise `StorageUnusable`, also where there is no place."""
        if not numbers[1:]:
            return
        if self._marks_to_come is None:
            raise StorageUnusable("there is no place for marks to come")
        self._marks_to_come.put_by(numbers[1:], received_at)

    def protected(self, number: NhsNumber, at: datetime, received_at: datetime) -> Write:
        """Return that a source said, `at` a time, that a person is to be protected (ruling 24)."""
        mark = notice_of(number, IdentityKind.RESTRICTED, at, received_at, self.key)
        return fact_write(self._codec, mark, number, mark.notice_id, SOURCE)

    def of_person(self, person: Person, received_at: datetime) -> list[Write]:
        """Return what a message about a person and no visit tells: a mark (24), whose baby it is (26)."""
        told = self.births.of_person(person, received_at)
        if person.restricted:
            told.append(self.protected(person.number, person.recorded_at, received_at))
        return told

    def visit(self, message: VisitMessage, number: NhsNumber, faults: Iterable[str] = ()) -> Write:
        """Return the record of a message; raise `MalformedMessage` where Kafka would never take it."""
        value = self._codec.encode_message(message, number, faults)
        if len(value) > RECORD_BYTES_MAX:
            raise MalformedMessage(TOO_LARGE)
        return record_of(message, value, number, message.message_id, SOURCE, message.provider.code)

    def left(self, owed: Owed) -> Write:
        """Return the record that says of a former number that a visit left it (ruling 44)."""
        number, left = owed.number, owed.left
        left_id = self.key.derive("visit left", number.key, left.visit, left.message_id)
        return fact_write(self._codec, left, number, left_id, SOURCE)
