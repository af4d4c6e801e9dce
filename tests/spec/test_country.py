"""Children between authorities: two at once, from one to the next, authorities that end (R10, ruling 19)."""

from datetime import timedelta

import pytest

from broker.core.authorities import Authorities, Authority, with_successors
from broker.core.identifiers import OdsCode
from tests.spec.conftest import Run, RunReleases
from tests.spec.outcome import recipient_text
from tests.spec.settled import SETTLED
from tests.spec.table import T, rows

HEAD = """
    recorded | fact | about   | values
"""
E09, E10, E08 = OdsCode("E09"), OdsCode("E10"), OdsCode("E08")


def listed(*successors: OdsCode) -> Authorities:
    """Return a list in which E09 was reorganised on the day before the visit."""
    opened = (T - timedelta(days=1)).date()
    old = Authority(code=E09, name="Old", successors=successors, opens_on=opened)
    return Authorities(rows={E09: old, **{one: Authority(code=one, name=one.code) for one in successors}})


def test_two_authorities_that_upload_the_same_plan_are_each_told_of_their_own(run: Run) -> None:
    """Type and start day may be equal: a plan is one authority's (R10, ruling 10)."""
    outcome = run(f"""{HEAD}
        T-9d | plan | CPP E09 | start=D-30
        T-9d | plan | CPP E08 | start=D-30
        T    | A04  | v1      |
    """)

    assert rows("""
        to     | plans      | others
        la E08 | CPP active | E09
        la E09 | CPP active | E08
    """) == [row for row in outcome.alerts("to | plans | others") if row[0].startswith("la")]


MOVES = rows("""
    arrival | told
    T-2d    | E08 CPP active
    T-1d    | E08 CPP active; E09 CPP active
    T       | E08 CPP ended; E09 CPP active
    T+2d    | E08 CPP ended; E09 CPP active
""")


@pytest.mark.parametrize(("arrival", "told"), MOVES, ids=[row[0] for row in MOVES])
def test_a_child_that_moves_is_never_without_an_authority_that_is_told(
    run: Run, arrival: str, told: str
) -> None:
    """One plan ends on the day before the next begins: on every day one in force is told of (R9, R10)."""
    outcome = run(f"""{HEAD}
        T-9d      | plan | CPP E08 | start=D-100 end=D-1
        T-9d      | plan | CPP E09 | start=D
        {arrival} | A04  | v1      |
    """)

    found = [f"{to.removeprefix('la ')} {plans}" for to, plans in outcome.alerts("to | plans") if "la " in to]
    assert told == "; ".join(found)


def test_an_authority_that_sends_no_more_keeps_its_alerts(run: Run) -> None:
    """Its open plan ends by nobody's silence, however old its newest file (R2, R18)."""
    outcome = run(f"""{HEAD}
        T-300d | plan | CPP E09 | start=D-400
        T      | A04  | v1      |
    """)

    assert [("la E09", "CPP active")] == outcome.alerts("to | plans")[:1]


@pytest.mark.parametrize(
    ("successors", "expected"),
    [((E10,), [("la E09", "withdrawn"), ("la E10", "raised")]), ((E10, E08), [])],
    ids=["one takes over", "divided"],
)
def test_from_its_day_on_the_lists_successor_is_told_and_of_several_none(
    run_releases: RunReleases, successors: tuple[OdsCode, ...], expected: list[tuple[str, str]]
) -> None:
    """To which of several a child went does not follow from the code: the alert stays (ruling 19)."""
    table = f"""{HEAD}
        T-9d | plan | CPP E09 |
        T    | A04  | v1      |
        T-9d | plan | CPP E09 | file_id=again received=T+3d
    """
    _, after = run_releases((table, SETTLED), ("", with_successors(SETTLED, listed(*successors))))

    assert expected == sorted((recipient_text(one.alert.recipient), one.kind.value) for one in after.events)
