"""
The three answers: `plan on file`, `no plan on file`, `could not check` with its reason (ruling 41).

Silence is never an answer, and neither is an error: `no plan on file` is said only where everything that
could speak against it was looked at. What is looked at is `Checked`; which answer follows, two tables say.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from broker.core.decisions import Deciding
from broker.core.desk_errors import NoAnswerHere
from broker.core.excluded import any_excluded, may_see
from broker.core.holding import held_since
from broker.core.identifiers import NhsNumber, london_day
from broker.core.keyed import IdentityKey
from broker.core.message_times import position
from broker.core.newborn import counting
from broker.core.number_answers import under_enquiry
from broker.core.number_ranges import is_searched
from broker.core.person import Known
from broker.core.policy import AnyPolicy
from broker.core.possible_keys import Window
from broker.core.stops import authority_stopped
from broker.core.waiting import waiting_keys, waiting_number_key

MARK_WITHIN = timedelta(seconds=60)
"""How long after a visit's newest receipt its check mark is waited for (ruling 41)."""


class Finding(StrEnum):
    """What is answered."""

    PLAN = "plan on file"
    NO_PLAN = "no plan on file"
    COULD_NOT_CHECK = "could not check"


class Uncheckable(StrEnum):
    """
    Why it could not be checked: the reasons of ruling 41, that no message of the visit is held, that one of
    two numbers may be another's (42), and that something of the person waits or was set aside (ADR 0036).
    """

    SHARING_STOPPED = "sharing stopped"
    NO_NUMBER = "no number"
    POSSIBLE_MATCH = "possible match"
    NOT_IN_USE = "not in use"
    RESTRICTED = "restricted"
    DETAILS_DISAGREE = "details disagree"
    TWO_NUMBERS = "two numbers"
    RECORD_WAITING = "record waiting"
    UNDER_ENQUIRY = "under enquiry"
    SET_ASIDE = "set aside"
    ANOTHER_NATION = "another nation"
    NOT_HELD = "visit not held"
    BROKER_BEHIND = "broker behind"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """
    What was looked at for one visit.

    `held`: messages of it are. `number`: one usable for matching (rulings 20, 35). `searched`: plans of
    English authorities are filed under such numbers, or one is (28). `plan`: one on file counts for the visit
    and its details match. `details_disagree`: one counts and none matches. `several_numbers`: the newest
    message that names a number several that differ, and a plan may be filed under another of them (42).
    `record_waiting`, `possible_match`: ruling 21. `not_in_use`, `under_enquiry`: rulings 23 and 38.
    `restricted`: ruling 24. `on_hold`: what comes in of the person waits; `set_aside`: a plan or a notice of
    theirs could not be processed, or a plan may cover them that waits for their mother or could not be (26).
    `excluded`: who asks must not see the person (48).
    `sharing_stopped`: by the provider's own signed stop, `plans_unshared`: by one of some authority, whose
    plans nobody may look through (45). `checked_at`: when a check mark that has passed the visit was written,
    aware UTC; None while none has.
    """

    held: bool = True
    number: bool = True
    searched: bool = True
    plan: bool = False
    details_disagree: bool = False
    several_numbers: bool = False
    restricted: bool = False
    not_in_use: bool = False
    under_enquiry: bool = False
    possible_match: bool = False
    record_waiting: bool = False
    sharing_stopped: bool = False
    plans_unshared: bool = False
    on_hold: bool = False
    set_aside: bool = False
    excluded: bool = False
    checked_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """
    What a person's own record says of a visit, and where else to look: for records that wait (ruling 41).

    `waiting_under`: the keys of records that may be this person's, by the number and all details that were
    ever stated in the visit. `stay`: the days on which they must be on file. `arrived_at` is aware
    UTC, None where it is about no visit.
    """

    checked: Checked
    waiting_under: frozenset[str]
    stay: Window
    arrived_at: datetime | None = None

    def noting(self, set_aside: Collection[str]) -> "Looked":
        """Return the same, with what of the person's own could not be processed (`Person.set_aside`)."""
        aside = self.checked.set_aside or bool(set_aside)
        return replace(self, checked=replace(self.checked, set_aside=aside))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """
    Who reads an answer (ruling 48).

    `user`: the keyed reference of who asks, None where it is not known. `anybody`: it lies open to all staff,
    so that it is for nobody's eyes whom anybody has excluded.
    """

    user: str | None = None
    anybody: bool = False

    def is_excluded(self, known: Known) -> bool:
        """Return whether somebody among those who read it must not see the person of whom that is known."""
        if self.anybody:
            return any_excluded(known)
        return self.user is not None and not may_see(known, self.user)


UNKNOWN = Asker()
"""Who asks is not known: the answer goes to one person, who had to give a reason and a name."""
ALL_STAFF = Asker(anybody=True)
"""An answer that is pushed: whoever may look at the hospital's system reads it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feeds:
    """The authorities that send plans, and how many have sent none for longer than they should."""

    known: int
    stale: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """
    One answer. `reason` goes with `could not check` and with nothing else; `cause` is the code of an error
    that kept us from checking.

    `checked_at` is that of `Checked` and there with every `no plan on file`; `feeds` says how old plans are.
    """

    finding: Finding
    reason: Uncheckable | None = None
    cause: str = ""
    checked_at: datetime | None = None
    feeds: Feeds | None = None


_BEFORE_A_PLAN: tuple[tuple[Uncheckable, Callable[[Checked], bool]], ...] = (
    (Uncheckable.NOT_HELD, lambda checked: not checked.held),
    (Uncheckable.RESTRICTED, lambda checked: checked.excluded),  # in the words of a restricted record
    (Uncheckable.SHARING_STOPPED, lambda checked: checked.sharing_stopped),
    (Uncheckable.POSSIBLE_MATCH, lambda checked: checked.possible_match),
    (Uncheckable.NO_NUMBER, lambda checked: not checked.number),
    (Uncheckable.NOT_IN_USE, lambda checked: checked.not_in_use),
    (Uncheckable.RESTRICTED, lambda checked: checked.restricted),
    (Uncheckable.SET_ASIDE, lambda checked: checked.on_hold),
)
"""What outweighs a plan on file, the weightiest first: with or without one the answer is the same."""

_BEFORE_NONE: tuple[tuple[Uncheckable, Callable[[Checked], bool]], ...] = (
    (Uncheckable.DETAILS_DISAGREE, lambda checked: checked.details_disagree),
    (Uncheckable.TWO_NUMBERS, lambda checked: checked.several_numbers),
    (Uncheckable.SHARING_STOPPED, lambda checked: checked.plans_unshared),
    (Uncheckable.RECORD_WAITING, lambda checked: checked.record_waiting),
    (Uncheckable.UNDER_ENQUIRY, lambda checked: checked.under_enquiry),
    (Uncheckable.SET_ASIDE, lambda checked: checked.set_aside),
    (Uncheckable.ANOTHER_NATION, lambda checked: not checked.searched),
    (Uncheckable.BROKER_BEHIND, lambda checked: checked.checked_at is None),
)
"""What keeps us from saying that there is none, what the asker can do something about first."""


def answer(checked: Checked, feeds: Feeds) -> Answer:
    """Return the answer to what was looked at, with how old the plans are."""
    for reason, holds in _BEFORE_A_PLAN:
        if holds(checked):
            return could_not_check(reason)
    if checked.plan:
        return Answer(finding=Finding.PLAN, checked_at=checked.checked_at, feeds=feeds)
    for reason, holds in _BEFORE_NONE:
        if holds(checked):
            return could_not_check(reason)
    return Answer(finding=Finding.NO_PLAN, checked_at=checked.checked_at, feeds=feeds)


def could_not_check(reason: Uncheckable, *, cause: str = "") -> Answer:
    """Return that it could not be checked, and why."""
    return Answer(finding=Finding.COULD_NOT_CHECK, reason=reason, cause=cause)


def look(
    number: NhsNumber,
    known: Known,
    reference: str,
    policy: AnyPolicy,
    key: IdentityKey,
    *,
    asker: Asker = UNKNOWN,
) -> Looked:
    """
    Return what there is to look at for a visit, from what is known of its person.

    `known` holds the visit's messages, and the plans and notices where the person has a record. Raises
    `NoAnswerHere` for a visit that is no unscheduled one or not shared with (rulings 3, 47, 49), with or
    without a plan. Whether a mark has passed it, and whether a record waits, is for the caller to say.
    """
    looked = _Looking(number, known, policy, key).at(reference)
    excluded = asker.is_excluded(known)
    return replace(looked, checked=replace(looked.checked, excluded=excluded))


class _Looking(Deciding):
    """The decisions about one person, and what they say of a single visit."""

    def at(self, reference: str) -> Looked:
        """Look at one visit; one that joined another's thread is looked at as that thread (ruling 7)."""
        visit = next((visit for visit in self.visits if reference in visit.references), None)
        if visit is None or not visit.tells:
            raise NoAnswerHere
        pairs = counting(self._stay(visit, self.notices), self.plans, visit.policy)[0]
        matched = self._matched(visit, pairs)
        checked = Checked(
            sharing_stopped=visit.kept_back,
            plans_unshared=authority_stopped(visit.policy.stops, london_day(visit.arrived_at)),
            searched=is_searched(self.number) or bool(self.plans),
            plan=bool(matched),
            details_disagree=bool(pairs) and not matched,
            several_numbers=any(map(self._several_numbers, visit.references)),
            restricted=self.restricted,
            under_enquiry=under_enquiry(self.notices),
            on_hold=held_since(self.notices) is not None,
            set_aside=self.in_doubt,
        )
        return Looked(
            checked=checked,
            waiting_under=frozenset(
                under for stated in visit.stated for under in waiting_keys(self.key, stated.details)
            )
            | {waiting_number_key(self.key, self.number)},
            stay=Window(first=london_day(visit.arrived_at), last=london_day(visit.stay_until)),
            arrived_at=visit.arrived_at,
        )

    def _several_numbers(self, reference: str) -> bool:
        """Whether the newest message of a visit that names a usable number names several (ruling 42)."""
        said = (one for one in self.messages[reference].values() if one.several_numbers is not None)
        newest = max(said, key=position, default=None)
        return newest is not None and bool(newest.several_numbers)
