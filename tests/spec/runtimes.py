"""
The runtimes of the specifications, each one function from facts and policy to an outcome.

`core` folds and decides here and now; it is what the other runtimes are compared with.
"""

from collections.abc import Callable, Sequence

from broker.core.alerts import AlertEvent, DecisionEntry, WorklistItem
from broker.core.effects import advance
from broker.core.facts import Fact, IdentityNotice, PlanFact
from broker.core.identifiers import NhsNumber
from broker.core.person import Person, lift
from broker.core.policy import AnyPolicy
from tests.spec.outcome import Outcome
from tests.spec.settled import KEY

Runtime = Callable[[Sequence[tuple[NhsNumber, Fact]], AnyPolicy], Outcome]
"""Takes the facts of one person in the order in which they come."""


def run_core(sent: Sequence[tuple[NhsNumber, Fact]], policy: AnyPolicy) -> Outcome:
    """Fold fact by fact; what comes before any plan or notice waits for it, as it does in the log."""
    events: list[AlertEvent] = []
    items: dict[str, WorklistItem] = {}
    decisions: dict[str, DecisionEntry] = {}
    person, kept = Person(number=sent[0][0], salt=bytes(16)), False
    for _, fact in sent:
        person = person.learn(lift(fact))
        kept = kept or isinstance(fact, PlanFact | IdentityNotice)
        if not kept:
            continue
        advanced = advance(person, policy, KEY)
        person = advanced.person
        events += advanced.events
        items |= {item.item_id: item for item in advanced.opened}
        for item in advanced.closed:
            del items[item.item_id]
        decisions |= {entry.subject_reference: entry for entry in advanced.entries}
    return Outcome(events=tuple(events), items=tuple(items.values()), decisions=decisions)
