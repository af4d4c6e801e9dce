"""
The health of an authority's feed: how old it is, what of it matches, what waits and why (R18, R20; C7 to C9).

Pure: what was taken of each file goes in, with a moment; nothing here reads a clock or names a person. A file
counts by its authority's last days, so that one small file does not speak for a feed.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from broker.core.answers import Feeds
from broker.core.identifiers import OdsCode, london_day

SHARE_OF = timedelta(days=7)
"""The share of matched records is that of the files of so many days, counted back from the newest."""
UNMATCHED = frozenset({"CPR01", "CPR03", "CPR04", "CPR05"})
"""Record codes of R20's other side: nobody, not verified, no number, superseded. Such a record waits (14)."""
LOADED = "CPR06"
FILE_LOADED = "CPF02"

_HOUR_S = 3_600
_HOURS_SAID = 48


STALE = "STALE, ring before relying on it: "
"""Before the age of plans that are older than they should be."""
NEVER_TAKEN = f"{STALE}no file of this authority is remembered"


class FeedState(StrEnum):
    """
    Whether a person has said that a feed is live (R20), or that the authority has left, or the list that
    another has taken over.

    It holds nothing back: plans alert in each.
    """

    IN_TRIAL = "in trial"
    LIVE = "live"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileTaken:
    """
    What became of one upload file, in numbers: no identifier of a person, no name of a file.

    `file_key` is keyed, `created_at` the file's own stamp where it could be read, `received_at` when we took
    it; both aware UTC. `code` is the file's (CPF), `codes` counts its records by theirs (CPR).
    """

    authority: OdsCode
    file_key: str
    code: str
    created_at: datetime | None
    received_at: datetime
    found: int
    plans: int
    codes: Mapping[str, int] = field(default_factory=dict)

    @property
    def loaded(self) -> int:
        """How many records were loaded."""
        return self.codes.get(LOADED, 0)

    @property
    def refused(self) -> int:
        """How many records were not, those of a file that was refused as a whole among them."""
        return self.found - self.loaded

    @property
    def taken(self) -> bool:
        """
        Whether the file said something: one that was refused as a whole makes no feed younger.

        One without a record says that there was nothing to tell: a sign of life.
        """
        return self.loaded > 0 or (self.code == FILE_LOADED and not self.found)

    @property
    def said_at(self) -> datetime:
        """
        When its authority said what stands in it, aware UTC: a file is as old as it says itself (R18).

        An old export that is sent every day is no younger for that; a stamp ahead of the receipt is not
        believed.
        """
        return min(self.created_at or self.received_at, self.received_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """How many records of the newest file wait for a number that matches, why, and since which file."""

    code: str
    count: int
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedRule:
    """
    When a feed is stale, and from which share of matched records it may go live (R20).

    `agreed` is after how long the feeds are of those with whom another time is agreed than `stale_after`: an
    authority that sends changes alone has days without any. `expected` are those that should send, `live`
    those of which a person has said that they do; from `closed` others have taken over, and they send no more
    (ruling 19).
    """

    stale_after: timedelta
    gate: float
    agreed: Mapping[OdsCode, timedelta] = field(default_factory=dict)
    expected: frozenset[OdsCode] = frozenset()
    live: frozenset[OdsCode] = frozenset()
    closed: frozenset[OdsCode] = frozenset()

    def state(self, code: OdsCode) -> FeedState:
        """Return how far a feed has come."""
        if code in self.closed:
            return FeedState.CLOSED
        return FeedState.LIVE if code in self.live else FeedState.IN_TRIAL

    def is_stale(self, code: OdsCode, last_at: datetime | None, at: datetime) -> bool:
        """Tell whether an authority's plan data is too old at a moment; what never came is (R18)."""
        after = self.agreed.get(code, self.stale_after)
        return code not in self.closed and (last_at is None or at - last_at > after)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedHealth:
    """
    How one authority's feed stands at a moment.

    `last_at` is how new what was last taken of it is, None for never; `matched` the share of the records of
    the last days that match the demographic source, None where there were none; `refused` how many of the
    newest file's records were not loaded. `newest` is no sign of life where any other file is remembered:
    what waits and what was refused does so still.
    """

    authority: OdsCode
    state: FeedState
    last_at: datetime | None
    age: timedelta | None
    stale: bool
    newest: FileTaken | None
    matched: float | None
    below_gate: bool
    waiting: tuple[Waiting, ...]
    refused: int

    @property
    def lost(self) -> bool:
        """Whether nothing of the newest file was loaded: one that cannot be read may have counted nothing."""
        return self.newest is not None and not self.newest.taken

    @property
    def healthy(self) -> bool:
        """Whether nobody has to do anything about it."""
        return not (self.stale or self.below_gate or self.refused or self.lost)


def to_do(feed: FeedHealth) -> tuple[str, ...]:
    """Return what an authority has to do about its feed, nothing where it is well (C8, C9)."""
    said = []
    if feed.state is FeedState.CLOSED:
        said.append("This code is closed: if another authority has taken over, upload under its code.")
    if feed.stale:
        said.append("No file of yours was taken for too long: send one, new plans alert nobody until then.")
    if feed.lost:
        said.append("Nothing of your newest file was loaded: the acknowledgement says why.")
    elif feed.refused:
        said.append("Records of your newest file were not loaded: the acknowledgement says which and why.")
    if feed.waiting:
        said.append("Records match nobody: upload the registered name, date of birth and NHS number.")
    if feed.below_gate:
        said.append("Fewer of your records match than a live feed needs.")
    return tuple(said)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedNotice:
    """
    An authority is told that its feed is stale (R18).

    `last_at` is when something of a file of it was last taken, None where none is remembered; both times are
    aware UTC. It is said once a day: `day` is that of `said_at`, Europe/London.
    """

    authority: OdsCode
    said_at: datetime
    last_at: datetime | None
    statements: tuple[str, ...]

    @property
    def day(self) -> str:
        """The day on which it is said, `YYYY-MM-DD`."""
        return london_day(self.said_at).isoformat()


def notices(feeds: Iterable[FeedHealth], at: datetime) -> tuple[FeedNotice, ...]:
    """
    Return whom to tell at a moment that their feed is stale.

    One that never sent anything and is not live has not been connected yet: nobody there waits for a word.
    The newest file of whoever ever sent one is remembered for as long as the authority is.
    """
    return tuple(
        FeedNotice(authority=feed.authority, said_at=at, last_at=feed.last_at, statements=to_do(feed))
        for feed in feeds
        if feed.stale and (feed.state is FeedState.LIVE or feed.last_at or feed.newest)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedAges:
    """
    How old the plans are that an alert rests on, as its reader is told at the moment of reading (C7, C8).

    It is no part of the alert. `last` returns how new what was last taken from each authority is, None while
    nobody knows yet; `agreed` is as that of `FeedRule`.
    """

    last: Callable[[], Mapping[OdsCode, datetime] | None]
    stale_after: timedelta
    agreed: Mapping[OdsCode, timedelta] = field(default_factory=dict)

    def words(self, authority: OdsCode, at: datetime) -> str | None:
        """Return what is said of an authority's plans at an aware time, None while nobody knows."""
        known = self.last()
        if known is None:
            return None
        last_at = known.get(authority)
        if last_at is None:
            return NEVER_TAKEN
        age = at - last_at
        stale = age > self.agreed.get(authority, self.stale_after)
        return f"{STALE if stale else ''}last file of this authority {old(age)} ago"


def last_taken(files: Iterable[FileTaken]) -> Mapping[OdsCode, datetime]:
    """Return how new what was last taken from each authority is, by the files' own word."""
    newest: dict[OdsCode, datetime] = {}
    for file in files:
        if file.taken:
            newest[file.authority] = max(file.said_at, newest.get(file.authority, file.said_at))
    return newest


def count(heard: Mapping[OdsCode, datetime], at: datetime, rule: FeedRule) -> Feeds:
    """Return how many feeds are known at a moment and how many are stale, for an answer (ruling 41)."""
    known = (rule.expected | heard.keys()) - rule.closed
    return Feeds(known=len(known), stale=sum(rule.is_stale(code, heard.get(code), at) for code in known))


def old(age: timedelta) -> str:
    """Return an age in words: hours up to two days, then days."""
    hours = int(age.total_seconds() // _HOUR_S)
    if hours < 1:
        return "less than an hour"
    if hours < _HOURS_SAID:
        return f"{hours} h"
    return f"{hours // 24} days"


def heard_of(
    marks: Mapping[OdsCode, datetime], files: Mapping[OdsCode, datetime]
) -> Mapping[OdsCode, datetime]:
    """
    Return when each authority was last heard of, by the check marks and by `last_taken`.

    A mark says when a plan was received, and a file how old it is: where a file is remembered that counts.
    """
    return {**marks, **files}


def later(one: Mapping[OdsCode, datetime], other: Mapping[OdsCode, datetime]) -> Mapping[OdsCode, datetime]:
    """Return when each authority was last heard of, of two that remember it."""
    return {**one, **{code: max(time, one.get(code, time)) for code, time in other.items()}}


def health(
    files: Iterable[FileTaken], heard: Mapping[OdsCode, datetime], at: datetime, rule: FeedRule
) -> tuple[FeedHealth, ...]:
    """
    Return how every feed stands at `at` (aware), by authority: those expected, and those ever heard of.

    `heard` is when plans of an authority were last decided upon, which a check mark says where no file is
    remembered of which something was taken.
    """
    own: dict[OdsCode, list[FileTaken]] = {code: [] for code in rule.expected | heard.keys()}
    for file in files:
        own.setdefault(file.authority, []).append(file)
    last = heard_of(heard, last_taken(file for mine in own.values() for file in mine))
    return tuple(
        _health(code, sorted(own[code], key=_order), last.get(code), at, rule) for code in sorted(own)
    )


def _order(file: FileTaken) -> tuple[datetime, str]:
    """Return what files are sorted by."""
    return file.received_at, file.file_key


def _health(
    code: OdsCode, files: Sequence[FileTaken], last_at: datetime | None, at: datetime, rule: FeedRule
) -> FeedHealth:
    """Return how one feed stands; its files are in the order of their receipt."""
    newest = next((file for file in reversed(files) if file.found or not file.taken), None)
    newest = newest or (files[-1] if files else None)
    matched = _matched(files)
    return FeedHealth(
        authority=code,
        state=rule.state(code),
        last_at=last_at,
        age=None if last_at is None else at - last_at,
        stale=rule.is_stale(code, last_at, at),
        newest=newest,
        matched=matched,
        below_gate=matched is not None and matched < rule.gate,
        waiting=_waiting(files),
        refused=0 if newest is None else newest.refused,
    )


def _matched(files: Sequence[FileTaken]) -> float | None:
    """Return the share of matched records of the last days, None where nobody was looked up (R20)."""
    recent = [file for file in files if files[-1].received_at - file.received_at < SHARE_OF]
    codes = sum((Counter(file.codes) for file in recent), Counter[str]())
    unmatched = sum(codes[code] for code in UNMATCHED)
    total = codes.total()
    return None if not total else (total - unmatched) / total


def _waiting(files: Sequence[FileTaken]) -> tuple[Waiting, ...]:
    """
    Return what of the newest readable file waits, by reason, each since the first of the files in a row that
    had some.

    Which record waits stands in no number: whether it is the same one from file to file, nobody can tell.
    """
    readable = [file for file in files if file.codes]
    found = []
    for code in sorted(UNMATCHED):
        since = None
        for file in reversed(readable):
            if not file.codes.get(code):
                break
            since = file
        if since is not None:
            found.append(Waiting(code=code, count=readable[-1].codes[code], since=since.received_at))
    return tuple(found)
