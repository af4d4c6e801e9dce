"""
Which NHS number each visit is recorded under, so that one that moves to another leaves the first. Ruling 44.

Knows the newest message of every visit of the last H, as `cpis.in.attendances` tells it, whichever intake
took it. A former number is remembered no longer than until it is durable that the visit left it. This is the
one place where a visit under one number and the same under another can be told to be one (ruling 42).
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import NamedTuple, TypeVar

from broker.core.clock import as_recorded
from broker.core.facts import VisitLeft, VisitMessage
from broker.core.identifiers import NhsNumber, to_the_minute
from broker.core.keyed import IdentityKey, visit_content, visit_under
from broker.core.leaving import leaving_position
from broker.core.message_times import Position, position
from broker.services.numbers_out_of_use import NumbersOutOfUse
from broker.wire.avro_values import millis

K = TypeVar("K")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIMES = struct.Struct(">QQQ")
_ZERO = 1 << 62  # so that times before 1970, and no sequence number, sort as bytes
_EXPIRED_AT_ONCE = 4  # looked at for each message: more than ever come anew
_CONTENTS_KEPT = 512  # of the messages in hand, each asked for two or three times


@dataclass(frozen=True, slots=True)
class Owed:
    """What must be said of a visit under a former number."""

    number: NhsNumber
    left: VisitLeft


class Standing(NamedTuple):
    """
    Where a message finds its visit: nowhere, under its own number, or under another.

    `moved` is what is said of the former number when it moves its visit to another, `late` what is said of
    its own number when its visit has gone on under another since. `was_restricted`: an earlier message of the
    visit restricted the record, under any number (24). `anew`: the visit was under a number that is not in
    use, and begins anew under this one.
    """

    moved: Owed | None = None
    late: Owed | None = None
    was_restricted: bool = False
    anew: bool = False


@dataclass(frozen=True, slots=True)
class _Held:
    """
    The newest message of a visit: number, place among the visit's messages as bytes, receipt.

    `restricted`: it, or one before it, restricted the record (ruling 24); `anew` as of `Standing`. `borne_at`
    is the newest receipt of one that restricted it under this number, aware UTC. `void`: the number was not
    in use when one of them was noted (23), remembered with the visit, however long ago it was said.
    """

    number: bytes
    place: bytes
    received_at: datetime
    restricted: bool
    anew: bool = False
    borne_at: datetime | None = None
    void: bool = False


class NumbersInUse:
    """
    Visit → number in use, latest only, for `horizon`; everything derived under `key`.

    `note` is told of every fact that is durable, in any order and as often as one likes. `standing` says what
    a message that is not durable yet would change.
    """

    def __init__(
        self, key: IdentityKey, *, horizon: timedelta, out_of_use: NumbersOutOfUse | None = None
    ) -> None:
        """Begin with no visit; `out_of_use` are the numbers that are not in use, as far as it is known."""
        self._key = key
        self._horizon = horizon
        self._out_of_use = NumbersOutOfUse() if out_of_use is None else out_of_use
        self._contents: dict[tuple[str, NhsNumber], bytes] = {}
        self._visits: dict[bytes, _Held] = {}
        self._former: dict[tuple[bytes, bytes], _Held] = {}
        self._left: dict[tuple[bytes, bytes], bytes] = {}
        self._ahead: dict[str, datetime] = {}

    def __len__(self) -> int:
        """How many visits are held."""
        return len(self._visits)

    def of_visit(self, content: bytes) -> NhsNumber | None:
        """Return the number that a visit, as `visit_content` names it, was last recorded under, if any."""
        held = self._visits.get(content)
        return None if held is None else NhsNumber(held.number.decode("ascii"))

    def borne_at(
        self, number: NhsNumber, message: VisitMessage, *, content: bytes | None = None
    ) -> datetime | None:
        """
        Return the newest receipt of what restricted the visit's record under this number, aware UTC.

        None where there was none, or the visit is under another number now; `content` as for `standing`.
        """
        if content is not None:
            self._keep(content, message.visit, number)
        held = self._visits.get(self._content(message.visit, number))
        return None if held is None or held.number != number.key else held.borne_at

    def standing(self, number: NhsNumber, message: VisitMessage, *, content: bytes | None = None) -> Standing:
        """Return where a message finds its visit; `content` names that, where it is known already."""
        if content is None:
            content = self._content(message.visit, number)
        else:
            self._keep(content, message.visit, number)
        held = self._visits.get(content)
        if held is None:
            return Standing()
        if held.number == number.key:
            return Standing(was_restricted=held.restricted, anew=held.anew)
        now = self._read(number, message)
        if now.place > held.place:
            moved = self._owed(content, held, message.received_at)
            return Standing(moved=moved, was_restricted=held.restricted, anew=self._begins_anew(held))
        late = self._owed(content, now, message.received_at)
        return Standing(late=late, was_restricted=held.restricted)

    def note(self, number: NhsNumber, fact: VisitMessage | VisitLeft) -> None:
        """Take in that a fact is durable."""
        if isinstance(fact, VisitLeft):
            about = self._content(fact.visit, number), number.key
            place = _packed(leaving_position(fact))
            self._left[about] = max(place, self._left.get(about, b""))
            return
        content, now = self._content(fact.visit, number), self._read(number, fact)
        if _is_ahead(fact):
            first = self._ahead.get(fact.message_id, fact.received_at)
            self._ahead[fact.message_id] = min(first, fact.received_at)
        held = self._visits.get(content)
        restricted = now.restricted or (held is not None and held.restricted)
        anew = held is not None and held.anew
        if held is not None and held.number != now.number:
            former, now = (held, now) if held.place < now.place else (now, held)
            self._remember_former(content, former)
            anew = anew or self._begins_anew(former)
        elif held is not None:
            now = _joined(held, now)
        self._visits.pop(content, None)
        if (now.restricted, now.anew) != (restricted, anew):
            now = replace(now, restricted=restricted, anew=anew)
        self._visits[content] = now  # at the end: the oldest come first
        self._forget(fact.received_at)

    def owed(self, at: datetime) -> list[Owed]:
        """Return what has still to be said of former numbers, having dropped what was said."""
        for about, place in self._left.items():
            former = self._former.get(about)
            if former is not None and former.place <= place:
                del self._former[about]
        self._left.clear()
        for content, number in list(self._former):
            if self._visits[content].number == number:
                del self._former[content, number]  # it came back
        return [self._owed(content, held, at) for (content, _), held in self._former.items()]

    def _begins_anew(self, former: _Held) -> bool:
        """Whether a visit that goes on under another number begins anew there (rulings 23, 44)."""
        known = self._out_of_use.says(former.number)
        return former.anew or (former.void if known is None else known)

    def _remember_former(self, content: bytes, former: _Held) -> None:
        """Note that it has to be said of a number that the visit left it."""
        about = content, former.number
        known = self._former.get(about)
        if known is None or known.place < former.place:
            self._former[about] = former

    def _read(self, number: NhsNumber, message: VisitMessage) -> _Held:
        """Return what a message says of its visit; the same bytes have the place of their first receipt."""
        first = self._ahead.get(message.message_id, message.received_at)
        told = message if first >= message.received_at else replace(message, received_at=first)
        place = _packed(position(told))
        restricted = message.restricted is True
        borne_at = message.received_at if restricted else None
        void = number.key in self._out_of_use
        return _Held(number.key, place, message.received_at, restricted, borne_at=borne_at, void=void)

    def _content(self, visit: str, number: NhsNumber) -> bytes:
        """Return what a visit's reference under a number is made of."""
        content = self._contents.get((visit, number))
        if content is None:
            content = visit_content(self._key, visit, number)
            self._keep(content, visit, number)
        return content

    def _keep(self, content: bytes, visit: str, number: NhsNumber) -> None:
        """Keep that for as long as few others come."""
        if len(self._contents) >= _CONTENTS_KEPT:
            self._contents.clear()
        self._contents[visit, number] = content

    def _owed(self, content: bytes, held: _Held, at: datetime) -> Owed:
        """Return that a visit left a number, as of the minute `at`."""
        number = NhsNumber(held.number.decode("ascii"))
        (recorded_at, sent_at, sequence), control_id, message_id = _unpacked(held.place)
        left = VisitLeft(
            visit=visit_under(self._key, content, number),
            message_id=message_id,
            control_id=control_id,
            recorded_at=recorded_at,
            sent_at=sent_at,
            received_at=to_the_minute(at),
            sequence=None if sequence < 0 else sequence,
        )
        return Owed(number, left)

    def _forget(self, now: datetime) -> None:
        """Forget what was received more than H before, and what was heard of clocks that ran ahead."""
        before = now - self._horizon
        old = {content for content in _first(self._visits) if self._visits[content].received_at < before}
        for content in old:
            del self._visits[content]
        if old:
            self._contents.clear()  # what is forgotten is not kept elsewhere
        for about in [about for about in self._former if about[0] in old] if old else ():
            del self._former[about]
        for message_id in _first(self._ahead):
            if self._ahead[message_id] < before:
                del self._ahead[message_id]


def _first(held: Iterable[K]) -> list[K]:
    """Return the first few keys of a dictionary, those noted longest ago."""
    return list(islice(held, _EXPIRED_AT_ONCE))


def _joined(one: _Held, other: _Held) -> _Held:
    """Return the newer of two messages of a visit under one number, with what holds of it by either."""
    newest = one if one.place > other.place else other
    borne_at, void = _later(one.borne_at, other.borne_at), one.void or other.void
    same = (newest.borne_at, newest.void) == (borne_at, void)
    return newest if same else replace(newest, borne_at=borne_at, void=void)


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    """Return the later of two times of which either may be missing."""
    return max(one, other) if one and other else one or other


def _is_ahead(message: VisitMessage) -> bool:
    """Whether a time of the sender's cannot be true, so that the receipt orders the message (ruling 37)."""
    received_at = message.received_at
    return any(as_recorded(said, received_at) != said for said in (message.recorded_at, message.sent_at))


def _packed(place: Position) -> bytes:
    """Return a position as bytes that sort as it does, times to the millisecond as they lie in Kafka."""
    (recorded_at, sent_at, sequence), control_id, message_id = place
    times = _TIMES.pack(millis(recorded_at) + _ZERO, millis(sent_at) + _ZERO, sequence + _ZERO)
    return times + control_id.encode() + b"\0" + message_id.encode()


def _unpacked(place: bytes) -> Position:
    """Return the position of `_packed` bytes."""
    recorded_ms, sent_ms, sequence = (number - _ZERO for number in _TIMES.unpack_from(place))
    control_id, _, message_id = place[_TIMES.size :].decode().rpartition("\0")
    recorded_at, sent_at = (_EPOCH + timedelta(milliseconds=ms) for ms in (recorded_ms, sent_ms))
    return (recorded_at, sent_at, sequence), control_id, message_id
