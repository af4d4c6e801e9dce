"""
Who may be who: visits without a usable number, joined with people on file by their details. Ruling 21.

Two states, each under a key of its own: `Shelf` under a digest of details, or of the number of a newborn's
mother, where people on file and visits meet in either order, and `Search` under a visit, which gathers what
was found and says whether a person is asked. What is found is never told: it asks somebody to confirm who the
patient is (ruling 46).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import NamedTuple

from broker.core.clock import later
from broker.core.facts import Details, VisitMessage
from broker.core.identifiers import OdsCode, london_day
from broker.core.keyed import IdentityKey
from broker.core.policy import AnyPolicy
from broker.core.possible_keys import Window
from broker.core.visits import read_visits
from broker.core.worklist import ItemKind, WorklistItem

NOWHERE = ""
"""Where visits are sent on to that name a mother by a number that is not in use (ruling 23)."""
_PASSED_MAX = 8  # numbers, as facts pass at most (22): in a circle of them nothing goes on for ever


@dataclass(frozen=True, slots=True, kw_only=True)
class OnFile:
    """Somebody with a plan, or a waiting record, is on file under a key; without a window no longer."""

    reference: str
    window: Window | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """
    A visit without a usable number: whose it is, is to be found out.

    `visit` is its reference, which holds no number; `there_until` is the end of its stay (ruling 10);
    `heard_at` is the newest receipt. Times are aware UTC. Under its mother's number alone `births` are the
    dates of birth that its messages state, and `passed` is how many superseded numbers of hers led there.
    """

    visit: str
    provider: OdsCode
    control_id: str
    arrived_at: datetime
    there_until: datetime
    heard_at: datetime
    births: tuple[date, ...] = field(default=(), repr=False)
    passed: int = 0

    def joined(self, other: "Sought") -> "Sought":
        """Return what two messages of one visit say, whichever came first."""
        first = min(self, other, key=lambda one: (one.heard_at, one.control_id))
        return replace(
            first,
            arrived_at=min(self.arrived_at, other.arrived_at),
            there_until=max(self.there_until, other.there_until),
            heard_at=max(self.heard_at, other.heard_at),
            births=tuple(sorted({*self.births, *other.births})),
        )

    def during(self, window: Window) -> bool:
        """
        Whether the stay and a window have a day in common, Europe/London.

        Where a date of birth is stated only of who was born in the window, to which then the days belong on
        which a newborn is covered after its birth (ruling 26).
        """
        stay = Window(first=london_day(self.arrived_at), last=london_day(self.there_until))
        if not self.births:
            return stay.meets(window)
        after = timedelta(days=window.after_birth)
        return any(
            window.first <= born <= window.last
            and stay.meets(Window(first=window.first, last=max(window.last, later(born, after))))
            for born in self.births
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Whether a visit that is sought meets somebody on file under a key: `under` is that key."""

    sought: Sought
    under: str
    met: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbered:
    """A visit that is sought has a number now, by its own later message or because a person said so."""

    visit: str
    heard_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Leads:
    """
    Where visits are looked for that name a mother by a number (rulings 22, 23).

    `to` is the key of her successor's shelf, `NOWHERE` for a number that is not in use, None: here.
    """

    to: str | None


Shelved = OnFile | Sought | Leads
"""What comes to a shelf."""
Clue = Shelved | Found | Numbered
"""What `cpis.in.details` says; what comes to a shelf under its key, the others under a visit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A clue, and where it belongs: under a key of details or a visit's reference, 32 hex digits."""

    place: str
    clue: Clue


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """
    What lies under one key of details or of a mother's number: people on file by reference, visits by theirs.

    A shelf that `leads` elsewhere, or nowhere, keeps no visit (`Leads`).
    """

    on_file: Mapping[str, Window] = field(default_factory=dict)
    sought: Mapping[str, Sought] = field(default_factory=dict)
    leads: str | None = None

    def met(self) -> frozenset[str]:
        """Return the visits during whose stay somebody here is on file."""
        windows = self.on_file.values()
        return frozenset(
            visit for visit, sought in self.sought.items() if any(sought.during(window) for window in windows)
        )

    def put(self, clue: Shelved) -> "Shelf":
        """Return the shelf with one more of them; of somebody on file, and of where it leads, the last."""
        if isinstance(clue, Leads):
            return replace(self, leads=clue.to, sought=self.sought if clue.to is None else {})
        if isinstance(clue, Sought):
            if self.leads is not None:
                return self
            clue = replace(clue, passed=0)
            held = self.sought.get(clue.visit)
            joined = clue if held is None else held.joined(clue)
            return replace(self, sought={**self.sought, clue.visit: joined})
        others = {reference: one for reference, one in self.on_file.items() if reference != clue.reference}
        if clue.window is not None:
            others[clue.reference] = clue.window
        return replace(self, on_file=others)

    def sent_on(self, clue: Shelved) -> tuple[Placed, ...]:
        """Return what goes on to where the shelf leads, or is led by a clue: visits, before it is put."""
        if isinstance(clue, Leads):
            going, to = [*self.sought.values()], clue.to
        else:
            going, to = [clue] if isinstance(clue, Sought) else [], self.leads
        if to is None or to == NOWHERE:
            return ()
        return tuple(
            Placed(place=to, clue=replace(one, passed=one.passed + 1))
            for one in going
            if one.passed < _PASSED_MAX
        )

    def since(self, horizon: datetime) -> "Shelf":
        """Return the shelf without visits last heard of before H, and without people who met none since."""
        return replace(
            self,
            on_file={
                reference: window
                for reference, window in self.on_file.items()
                if later(window.last, timedelta(days=window.after_birth)) >= london_day(horizon)
            },
            sought={visit: one for visit, one in self.sought.items() if one.heard_at >= horizon},
        )

    def holds(self, window: Window) -> bool:
        """Whether somebody here is on file on one of these days."""
        return any(window.meets(own) for own in self.on_file.values())

    @property
    def empty(self) -> bool:
        """Whether nothing lies here, and nothing leads from here."""
        return not self.on_file and not self.sought and self.leads is None


def met_anew(before: Shelf, after: Shelf, under: str) -> tuple[Found, ...]:
    """
    Return what is to be said to the searches of those visits for which it is no longer what it was.

    When a baby was born they need not know.
    """
    then, now, visits = before.met(), after.met(), {**before.sought, **after.sought}
    return tuple(
        Found(sought=replace(visits[visit], births=()), under=under, met=visit in now)
        for visit in sorted(then ^ now)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What was found out about one visit: `under` which keys somebody is met, whether it has a number."""

    sought: Sought | None = None
    under: frozenset[str] = frozenset()
    numbered: bool = False
    heard_at: datetime

    def hear(self, clue: Found | Numbered) -> "Search":
        """Return the search with what was found, or with a number: then nothing is sought any more."""
        if isinstance(clue, Numbered):
            return replace(self, numbered=True, heard_at=max(self.heard_at, clue.heard_at))
        under = self.under | {clue.under} if clue.met else self.under - {clue.under}
        sought = clue.sought if self.sought is None else self.sought.joined(clue.sought)
        return replace(self, sought=sought, under=under, heard_at=max(self.heard_at, clue.sought.heard_at))

    def item(self, key: IdentityKey) -> WorklistItem | None:
        """Return the item that asks who the patient is, None where nobody is to be asked (ruling 46)."""
        if self.sought is None or not self.under or self.numbered:
            return None
        return WorklistItem(
            item_id=possible_match_id(key, self.sought.visit),
            kind=ItemKind.POSSIBLE_MATCH,
            urgent=True,
            provider=self.sought.provider,
            visit=self.sought.visit,
            control_id=self.sought.control_id,
            arrived_at=self.sought.arrived_at,
        )


def possible_match_id(key: IdentityKey, visit: str) -> str:
    """Return the id of the one item about a visit without a number, however many people it could be."""
    return key.derive("item", ItemKind.POSSIBLE_MATCH, visit)


def sought_in(message: VisitMessage, policy: AnyPolicy) -> tuple[Details, Sought] | None:
    """
    Return by which details a message's patient is sought, and the visit.

    None for one that nobody would be told of: recorded in a scheduled setting (ruling 3), at a sensitive
    place (ruling 47), in a service that is not shared with (ruling 49), or by a provider that has stopped
    sharing (45). An estimated date of birth says nothing (ruling 20).
    """
    for visit in read_visits({message.visit: {message.message_id: message}}, policy):
        if visit.tells and not visit.kept_back:
            return visit.stated[-1].details, Sought(
                visit=message.visit,
                provider=message.provider,
                control_id=message.control_id,
                arrived_at=visit.arrived_at,
                there_until=visit.stay_until,
                heard_at=message.received_at,
            )
    return None


def tells(message: VisitMessage, policy: AnyPolicy) -> bool:
    """Return whether a message is of a visit that anybody is to hear of (rulings 3, 47, 49)."""
    visits = read_visits({message.visit: {message.message_id: message}}, policy)
    return any(visit.tells for visit in visits)


class AfterClues(NamedTuple):
    """A shelf with what came for it, what its searches are to be told, and the visits that go on from it."""

    shelf: Shelf
    found: Sequence[Found]
    sent_on: Sequence[Placed]


def shelved(shelf: Shelf, clues: Iterable[Shelved], under: str) -> AfterClues:
    """Return a shelf with everything that came for it, and what is to be said of that."""
    after = shelf
    sent_on: list[Placed] = []
    for clue in clues:
        sent_on += after.sent_on(clue)
        after = after.put(clue)
    return AfterClues(after, met_anew(shelf, after, under), sent_on)
