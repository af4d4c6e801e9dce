"""Ruling 49: a row per flow, and none that counts before it was confirmed as it reads."""

from dataclasses import replace
from datetime import date

from broker.core.lawful_basis import TABLE, Confirmation, Flow, unconfirmed

CONFIRMED = {
    flow: Confirmation(version=row.version, by="An Officer", on=date(2026, 11, 1))
    for flow, row in TABLE.items()
}


def test_every_flow_has_a_row() -> None:
    """A decision can cite no row that is not there."""
    assert set(Flow) == set(TABLE)


def test_consent_is_no_basis_and_a_child_is_told_apart_from_a_woman_carrying_one() -> None:
    """R49: not consent, 6(1)(a); ruling 49: different rows."""
    assert [] == [flow for flow, row in TABLE.items() if "6(1)(a)" in row.articles]
    assert TABLE[Flow.VISIT_OF_CHILD].statute != TABLE[Flow.VISIT_OF_MOTHER].statute
    assert TABLE[Flow.PLAN_OF_CHILD].statute != TABLE[Flow.PLAN_OF_MOTHER].statute


def test_a_row_counts_as_confirmed_by_its_own_version_alone() -> None:
    """A row that changed since is confirmed anew."""
    older = replace(CONFIRMED[Flow.VIEW_OF_CHILD], version=0)

    assert [] == unconfirmed(CONFIRMED)
    assert [Flow.VIEW_OF_CHILD] == unconfirmed({**CONFIRMED, Flow.VIEW_OF_CHILD: older})
    assert list(Flow) == unconfirmed({})
