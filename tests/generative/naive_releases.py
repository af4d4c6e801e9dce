"""
Who is told what when the rules change (ADR 0016), as plain dictionaries, decided by the oracle.

Every step is worked out from all the facts so far; nothing is shared with the core.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from broker.core.facts import Access, Fact, IdentityKind, IdentityNotice
from broker.core.policy import AnyPolicy
from tests.generative.expected import BIRTH, OUTCOME, Expecting, Row
from tests.generative.naive_policy import in_force, of_place
from tests.generative.oracle import Oracle

Thread = tuple[str, str]
"""Whom it is for and what it is about."""

Asked = tuple[str, str, str]

_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Now:
    """What the oracle says of some facts: rows by thread, items, and of each visit or view its stay."""

    rows: dict[Thread, Row]
    asked: frozenset[Asked]
    since: dict[str, datetime]
    until: dict[str, datetime]
    providers: dict[str, str]


def now(facts: Sequence[Fact], policy: AnyPolicy) -> Now:
    """Return what the rulings ask for; an authority's own ids are no content."""
    oracle = Oracle(facts, policy)
    told = Expecting(oracle).told()
    since = {thread.reference: thread.arrived_at for thread in oracle.visits.threads}
    until = {thread.reference: thread.until for thread in oracle.visits.threads}
    until[BIRTH] = until[OUTCOME] = _NEVER  # what an authority is asked it can do at any time (26, 43)
    providers = {thread.reference: f"provider {thread.provider}" for thread in oracle.visits.threads}
    for view in oracle.views:
        since[view.access_id] = view.accessed_at
        until[view.access_id] = view.accessed_at + _there_for(view, policy)
        providers[view.access_id] = f"provider {view.organisation}"
    return Now(
        rows={(row.to, row.subject): replace(row, child_id=None, file_id=None) for row in told.alerts},
        asked=told.asked,
        since=since,
        until=until,
        providers=providers,
    )


def _there_for(view: Access, policy: AnyPolicy) -> timedelta:
    """Return how long somebody who was looked up is taken to be there."""
    span: timedelta = of_place(in_force(policy, view.accessed_at), "open_stay", view.organisation)
    return span


class Readers:
    """
    What readers were told so far, by thread; None is what was taken back.

    `untold` is what stands and was told nobody, in every form that tells nobody either; `unasked` are the
    items that nobody got, with the stay that they tell of.
    """

    def __init__(self, policy: AnyPolicy) -> None:
        """Begin with nobody told."""
        self.policy = policy
        self.facts: list[Fact] = []
        self.told: dict[Thread, Row | None] = {}
        self.asked: frozenset[Asked] = frozenset()
        self.untold: dict[Thread, set[tuple[Row, datetime]]] = {}
        self.unasked: dict[Asked, tuple[datetime, datetime]] = {}

    def take(self, fact: Fact) -> None:
        """Hear of a fact."""
        self.facts.append(fact)
        self._tell(now(self.facts, self.policy))

    def change(self, policy: AnyPolicy, clock: datetime) -> None:
        """Go on by another policy."""
        self.policy = policy
        found = now(self.facts, policy)
        for thread, row in found.rows.items():
            if thread in self.told or found.until[thread[1]] >= clock or self._in_place_of(thread, found):
                continue
            forms = self.untold.setdefault(thread, set())
            forms.add((row, found.until[thread[1]]))
            hidden = now([*self.facts, _restricting(clock)], policy)
            if thread in hidden.rows:
                forms.add((hidden.rows[thread], found.until[thread[1]]))
        busy = {subject for _, subject, _ in self.asked}
        for item in found.asked - self.asked:
            subject = item[1]
            heard = subject in busy or (found.providers[subject], subject) in self.told
            if not heard and found.until[subject] < clock:
                self.unasked[item] = (found.since[subject], found.until[subject])
        self._tell(found)

    def _in_place_of(self, thread: Thread, found: Now) -> bool:
        """Whether somebody of the same kind was told of it until now and is not any more."""
        kind, subject = thread[0].split()[0], thread[1]
        return any(
            row is not None and to.split()[0] == kind and about == subject and (to, about) not in found.rows
            for (to, about), row in self.told.items()
        )

    def _tell(self, found: Now) -> None:
        """Tell what stands, but not what is untold and as it was."""
        self.untold = {
            thread: forms
            for thread, forms in self.untold.items()
            if thread in found.rows and (found.rows[thread], found.until[thread[1]]) in forms
        }
        self.unasked = {
            item: stay
            for item, stay in self.unasked.items()
            if item in found.asked and (found.since[item[1]], found.until[item[1]]) == stay
        }
        rows = {thread: row for thread, row in found.rows.items() if thread not in self.untold}
        self.told = {**dict.fromkeys(self.told), **rows}
        self.asked = found.asked - self.unasked.keys()

    @property
    def standing(self) -> frozenset[Row]:
        """What readers hold to be so."""
        return frozenset(row for row in self.told.values() if row is not None)


def _restricting(at: datetime) -> IdentityNotice:
    """Return that the record is restricted."""
    return IdentityNotice(notice_id="naive", kind=IdentityKind.RESTRICTED, recorded_at=at, received_at=at)
