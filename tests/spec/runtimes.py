"""
The runtimes of the specifications, each one function from facts and policy to an outcome.

`core` folds and decides here and now; it is what the other runtimes are compared with.
"""

from dataclasses import replace
from datetime import datetime
from typing import Protocol

from broker.core.alerts import AlertEvent
from broker.core.answers import Looked
from broker.core.audit import DecisionEntry
from broker.core.everybody import Everybody
from broker.core.facts import PlanFact, VisitMessage
from broker.core.identifiers import NhsNumber
from broker.core.person import NOTHING, Known
from broker.core.policy import AnyPolicy
from broker.core.possible import (
    Found,
    Numbered,
    OnFile,
    Placed,
    Search,
    Shelf,
    Shelved,
    shelved,
    sought_in,
)
from broker.core.possible_keys import details_keys, on_file
from broker.core.possible_newborns import (
    Leading,
    found_by_newborns,
    leads,
    on_file_for_newborns,
    sought_by_mothers,
)
from broker.core.restriction import unlinked
from broker.core.succession import Came
from broker.core.waiting import (
    Unread,
    found_unread,
    found_waiting,
    may_wait,
    waits_no_more_under,
    waits_under,
)
from broker.core.worklist import WorklistItem
from broker.services.births import may_be_baby
from tests.spec.answering import Sent, ask_core
from tests.spec.looked import look_at_core
from tests.spec.matchers import unnumbered
from tests.spec.outcome import Outcome
from tests.spec.settled import KEY
from tests.spec.table import Nobodys, Refused


class Runtime(Protocol):
    """Takes the facts of one person in the order in which they come."""

    def __call__(self, sent: Sent, policy: AnyPolicy, *, stepwise: bool = False) -> Outcome:
        """Return what comes of them; `stepwise` each is settled before the next one comes."""
        ...


def run_core(sent: Sent, policy: AnyPolicy, *, stepwise: bool = True) -> Outcome:
    """Fold fact by fact; what comes before any plan or notice waits for it, as it does in the log."""
    events: list[AlertEvent] = []
    items: dict[str, WorklistItem] = {}
    decisions: dict[str, DecisionEntry] = {}
    everybody = Everybody(policy, KEY, salt=bytes(16))
    nearby = Nearby(policy)
    for number, fact in sent:
        before = {own: person.known for own, person in everybody.people.items()}
        unused, superseded = set(everybody.inactive), everybody.successors
        for advanced in [] if number is None else everybody.take(number, [Came(fact)]):
            events += [replace(event, alert=unlinked(event.alert)) for event in advanced.events]
            items |= {item.item_id: item for item in advanced.opened}
            for item in advanced.closed:
                del items[item.item_id]
            decisions |= {entry.subject_reference: entry for entry in advanced.entries}
        after = {own: person.known for own, person in everybody.people.items()}
        for own in sorted(before.keys() | after.keys()):
            if before.get(own) is not after.get(own):
                nearby.know(own, before.get(own, NOTHING), after.get(own, NOTHING))
        for own in sorted(unused ^ set(everybody.inactive)):
            nearby.use(own, fact.received_at, in_use=own in unused)
        for own in sorted({*unused, *superseded, *everybody.inactive, *everybody.successors}):
            nearby.lead(own, Leading(everybody.successors.get(own), own not in everybody.inactive))
        if isinstance(fact, VisitMessage):
            nearby.hear(number, replace(fact, visit=unnumbered(sent, number, fact)))
        elif number is None and isinstance(fact, PlanFact):
            nearby.wait(fact)
    return Outcome(
        events=tuple(events),
        items=(*items.values(), *nearby.items()),
        decisions=decisions,
        ask=ask_core(everybody, policy, nearby, sent),
        look_at=look_at_core(everybody, policy, nearby, sent),
    )


class Nearby:
    """Shelves and searches, joined here and now: what partitions tell each other is told at once."""

    def __init__(self, policy: AnyPolicy) -> None:
        """Begin with nobody on file and no visit."""
        self._policy = policy
        self._shelves: dict[str, Shelf] = {}
        self._searches: dict[str, Search] = {}
        self._sought: set[str] = set()
        self._heard: set[str] = set()

    def know(self, number: NhsNumber, before: Known, after: Known) -> None:
        """Put somebody on file, or take them off it."""
        then, now = on_file(before, self._policy, KEY), on_file(after, self._policy, KEY)
        for under in then.keys() | now.keys():
            if then.get(under) != now.get(under):
                self._put(under, OnFile(reference=number.digits, window=now.get(under)))
        for placed in on_file_for_newborns(KEY, number, found_by_newborns(before, after, self._policy)):
            self._place(placed)

    def lead(self, number: NhsNumber, leading: Leading) -> None:
        """Hear where a number leads by now (rulings 22, 23)."""
        self._place(leads(KEY, number, leading))

    def hear(self, number: NhsNumber | None, message: VisitMessage) -> None:
        """Look for the patient of a visit without a number; one that has got it is sought no more."""
        if number is None:
            self._heard.add(message.visit)
            found = sought_in(message, self._policy)
            if found is None:
                return
            details, sought = found
            placed = [Placed(place=under, clue=sought) for under in details_keys(KEY, details)]
            if isinstance(message, Nobodys) and may_be_baby(details.birth_date, sought.heard_at):
                placed += sought_by_mothers(KEY, sought, details.birth_date, message.of_mothers)
            for one in placed:
                self._sought.add(message.visit)
                self._place(one)
        elif message.visit in self._sought:
            self._tell(Numbered(visit=message.visit, heard_at=message.received_at))

    def wait(self, plan: PlanFact) -> None:
        """Let the record of a plan wait for the number of its child, for 35 days (ruling 21)."""
        content = plan.content
        found = found_waiting(content, plan.received_at, self._policy, KEY)
        readable = not isinstance(plan, Refused) or plan.readable
        if not readable:
            unread = Unread(authority=content.authority, numbers=(), details=(content.details,))
            found = found_unread(unread, plan.received_at, self._policy, KEY)
        for under, window in found.items():
            self._put(under, OnFile(reference=f"waiting {content.authority}", window=window))
        number = plan.number if isinstance(plan, Refused) else None
        if number is not None and (not readable or may_wait(content, plan.received_at, self._policy)):
            self._place(waits_under(KEY, number, plan.received_at))

    def use(self, number: NhsNumber, at: datetime, *, in_use: bool) -> None:
        """Hear that a number has gone out of use, or is in use again (ruling 23)."""
        self._place(waits_under(KEY, number, at) if in_use else waits_no_more_under(KEY, number))

    def met(self, visit: str) -> bool | None:
        """Whether a visit without a number meets somebody; None for one that nobody told of."""
        if visit not in self._heard:
            return None
        search = self._searches.get(visit)
        return search is not None and search.item(KEY) is not None

    def waits(self, looked: Looked) -> bool:
        """Whether a record waits that may be of the person of a visit with a number."""
        shelves = (self._shelves.get(under, Shelf()) for under in looked.waiting_under)
        return any(shelf.holds(looked.stay) for shelf in shelves)

    def items(self) -> list[WorklistItem]:
        """Return the items that are open."""
        return [item for search in self._searches.values() if (item := search.item(KEY)) is not None]

    def _place(self, placed: Placed) -> None:
        """Put something where it belongs."""
        assert not isinstance(placed.clue, Found | Numbered)
        self._put(placed.place, placed.clue)

    def _put(self, under: str, clue: Shelved) -> None:
        """Put something on a shelf; what leads on from there goes on."""
        self._shelves[under], found, sent_on = shelved(self._shelves.get(under, Shelf()), [clue], under)
        for one in found:
            self._tell(one)
        for placed in sent_on:
            self._place(placed)

    def _tell(self, clue: Found | Numbered) -> None:
        """Tell a search."""
        about = clue.sought if isinstance(clue, Found) else clue
        search = self._searches.get(about.visit, Search(heard_at=about.heard_at))
        self._searches[about.visit] = search.hear(clue)
