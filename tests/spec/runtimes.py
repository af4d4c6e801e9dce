"""
The runtimes of the specifications, each one function from facts and policy to an outcome.

`core` folds and decides here and now; it is what the other runtimes are compared with.
"""

from dataclasses import replace
from typing import Protocol

from broker.core.alerts import AlertEvent, DecisionEntry, WorklistItem
from broker.core.everybody import Everybody
from broker.core.facts import Details, VisitMessage
from broker.core.identifiers import NhsNumber
from broker.core.person import NOTHING, Known
from broker.core.policy import AnyPolicy
from broker.core.possible import Found, Numbered, OnFile, Search, Shelf, Sought, shelved, sought_in
from broker.core.possible_keys import details_keys, on_file
from broker.core.restriction import unlinked
from broker.core.succession import Came
from tests.spec.answering import ask_core
from tests.spec.matchers import Sent, unnumbered
from tests.spec.outcome import Outcome
from tests.spec.settled import KEY


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
        for advanced in [] if number is None else everybody.take(number, [Came(fact)]):
            events += [replace(event, alert=unlinked(event.alert)) for event in advanced.events]
            items |= {item.item_id: item for item in advanced.opened}
            for item in advanced.closed:
                del items[item.item_id]
            decisions |= {entry.subject_reference: entry for entry in advanced.entries}
        after = {own: person.known for own, person in everybody.people.items()}
        for own in sorted(before.keys() | after.keys()):
            nearby.know(own, before.get(own, NOTHING), after.get(own, NOTHING))
        if isinstance(fact, VisitMessage):
            nearby.hear(number, replace(fact, visit=unnumbered(sent, number, fact)))
    return Outcome(
        events=tuple(events),
        items=(*items.values(), *nearby.items()),
        decisions=decisions,
        ask=ask_core(everybody, policy),
    )


class Nearby:
    """Shelves and searches, joined here and now: what partitions tell each other is told at once."""

    def __init__(self, policy: AnyPolicy) -> None:
        """Begin with nobody on file and no visit."""
        self._policy = policy
        self._shelves: dict[str, Shelf] = {}
        self._searches: dict[str, Search] = {}
        self._sought: set[str] = set()

    def know(self, number: NhsNumber, before: Known, after: Known) -> None:
        """Put somebody on file, or take them off it."""
        then, now = on_file(before, self._policy, KEY), on_file(after, self._policy, KEY)
        for under in then.keys() | now.keys():
            if then.get(under) != now.get(under):
                self._put(under, OnFile(reference=number.digits, window=now.get(under)))

    def hear(self, number: NhsNumber | None, message: VisitMessage) -> None:
        """Look for the patient of a visit without a number; one that has got it is sought no more."""
        if number is None:
            details, sought = sought_in(message, self._policy) or (Details(), None)
            for under in details_keys(KEY, details):
                assert sought is not None
                self._sought.add(message.visit)
                self._put(under, sought)
        elif message.visit in self._sought:
            self._tell(Numbered(visit=message.visit, heard_at=message.received_at))

    def items(self) -> list[WorklistItem]:
        """Return the items that are open."""
        return [item for search in self._searches.values() if (item := search.item(KEY)) is not None]

    def _put(self, under: str, clue: OnFile | Sought) -> None:
        """Put something on a shelf."""
        self._shelves[under], found = shelved(self._shelves.get(under, Shelf()), [clue], under)
        for one in found:
            self._tell(one)

    def _tell(self, clue: Found | Numbered) -> None:
        """Tell a search."""
        about = clue.sought if isinstance(clue, Found) else clue
        search = self._searches.get(about.visit, Search(heard_at=about.heard_at))
        self._searches[about.visit] = search.hear(clue)
