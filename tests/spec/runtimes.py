"""
The runtimes of the specifications, each one function from facts and policy to an outcome.

`core` folds and decides here and now; it is what the other runtimes are compared with.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from broker.core.alerts import AlertEvent, DecisionEntry, WorklistItem
from broker.core.everybody import Everybody
from broker.core.facts import Fact
from broker.core.identifiers import NhsNumber
from broker.core.policy import AnyPolicy
from broker.core.restriction import unlinked
from broker.core.succession import Came
from tests.spec.answering import ask_core
from tests.spec.outcome import Outcome
from tests.spec.settled import KEY


class Runtime(Protocol):
    """Takes the facts of one person in the order in which they come."""

    def __call__(
        self, sent: Sequence[tuple[NhsNumber, Fact]], policy: AnyPolicy, *, stepwise: bool = False
    ) -> Outcome:
        """Return what comes of them; `stepwise` each is settled before the next one comes."""
        ...


def run_core(sent: Sequence[tuple[NhsNumber, Fact]], policy: AnyPolicy, *, stepwise: bool = True) -> Outcome:
    """Fold fact by fact; what comes before any plan or notice waits for it, as it does in the log."""
    events: list[AlertEvent] = []
    items: dict[str, WorklistItem] = {}
    decisions: dict[str, DecisionEntry] = {}
    everybody = Everybody(policy, KEY, salt=bytes(16))
    for number, fact in sent:
        for advanced in everybody.take(number, [Came(fact)]):
            events += [replace(event, alert=unlinked(event.alert)) for event in advanced.events]
            items |= {item.item_id: item for item in advanced.opened}
            for item in advanced.closed:
                del items[item.item_id]
            decisions |= {entry.subject_reference: entry for entry in advanced.entries}
    return Outcome(
        events=tuple(events),
        items=tuple(items.values()),
        decisions=decisions,
        ask=ask_core(everybody, policy),
    )
