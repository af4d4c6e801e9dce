"""Hypothesis strategies for what `cpis.people` holds: whole people, partitions, forwarding records."""

from collections.abc import Callable
from typing import TypeVar

from hypothesis import strategies as st

from broker.core.alerts import EventKind
from broker.core.facts import VisitMessage
from broker.core.partition import Forwarding, PartitionState
from broker.core.person import Known, Person, Said, Told, Untold
from tests.strategies import (
    accesses,
    alerts,
    births,
    covers,
    identity_notices,
    leavings,
    maybe,
    members,
    nhs_numbers,
    plan_contents,
    references,
    times,
    visit_messages,
    words,
    worklist_items,
)

T = TypeVar("T")


def known() -> st.SearchStrategy[Known]:
    """Return what may be known of a person, each fact under its own id."""
    histories = st.dictionaries(st.builds(Said, times(), words()), times(), min_size=1, max_size=3)
    return st.builds(
        Known,
        plans=st.dictionaries(plan_contents(), histories, max_size=2),
        visits=st.lists(references(), max_size=2, unique=True).flatmap(_visits),
        left=st.lists(leavings(), max_size=2).map(
            lambda some: {one.visit: {one.message_id: one} for one in some}
        ),
        accesses=_by_id(accesses(), lambda access: access.access_id),
        notices=_by_id(identity_notices(), lambda notice: notice.notice_id),
        births=st.lists(births(), max_size=2).map(
            lambda some: {one.baby: {one.birth_id: one} for one in some}
        ),
        covers=st.lists(covers(), max_size=2).map(lambda some: {one.mother: one for one in some}),
    )


def _visits(visits: list[str]) -> st.SearchStrategy[dict[str, dict[str, VisitMessage]]]:
    """Return messages of each of `visits`."""
    return st.fixed_dictionaries(
        {
            visit: _by_id(visit_messages(st.just(visit)), lambda message: message.message_id)
            for visit in visits
        }
    )


def _by_id(
    values: st.SearchStrategy[T], id_of: Callable[[T], str], *, size_max: int = 2
) -> st.SearchStrategy[dict[str, T]]:
    """Return a few values by their own id."""
    return st.lists(values, max_size=size_max).map(lambda some: {id_of(value): value for value in some})


def told_rows() -> st.SearchStrategy[Told]:
    """Return rows of the told ledger, shrunk ones included."""
    return st.builds(
        Told,
        revision=st.integers(1, 2**31 - 1),
        kind=members(EventKind),
        alert=maybe(alerts()),
        number=maybe(nhs_numbers()),
    )


def people() -> st.SearchStrategy[Person]:
    """Return whole states of people."""
    return st.builds(
        Person,
        number=nhs_numbers(),
        salt=st.binary(min_size=16, max_size=16),
        known=known(),
        told=st.dictionaries(references(), told_rows(), max_size=2),
        items=_by_id(worklist_items(), lambda item: item.item_id),
        entries=st.dictionaries(references(), references(), max_size=2),
        closed=st.frozensets(references(), max_size=2),
        returns=_counts(),
        untold=st.frozensets(
            st.builds(Untold, to=words(), subject=references(), digest=references()), max_size=2
        ),
        waiting=st.lists(st.tuples(words(), st.integers(0, 2**63 - 1)), max_size=2).map(tuple),
        set_aside=st.dictionaries(references(), times(), max_size=2),
        doubt=st.integers(0, 3),
    )


def partition_states() -> st.SearchStrategy[PartitionState]:
    """Return the matcher's records of a partition."""
    return st.builds(
        PartitionState,
        offsets=st.dictionaries(words(), st.integers(0, 2**63 - 1), max_size=4),
        rules_version=st.integers(0, 2**31 - 1),
        policy_version=words(),
        key_fingerprint=references(),
        audit_hash=st.binary(min_size=32, max_size=32),
        audit_sequence=st.integers(0, 2**63 - 1),
        clock=times(),
        first_load_done=st.booleans(),
        destroyed=st.dictionaries(words(), st.integers(0, 2**63 - 1), max_size=4),
    )


def forwardings() -> st.SearchStrategy[Forwarding]:
    """Return forwarding records."""
    return st.builds(
        Forwarding,
        to=nhs_numbers(),
        stamp=times(),
        last_used=times(),
        returns=_counts(),
        restricted=maybe(times()),
    )


def _counts() -> st.SearchStrategy[int]:
    """Return how often something happened."""
    return st.integers(0, 2**31 - 1)
