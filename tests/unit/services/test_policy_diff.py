"""What a change of policy would have told, over one person's facts that came in by a replay."""

from datetime import timedelta
from typing import NamedTuple

from broker.core.alerts import Occasion, Why
from broker.core.identifiers import OdsCode
from broker.core.policy import AnyPolicy, Policies, Policy
from broker.core.policy_keys import Place, Selector
from broker.runtime.recorded import offline
from broker.services.policy_diff import STATUS, Comparison, Verdict, compare
from broker.services.replay import Replayed
from tests.spec.table import T, facts
from tests.unit.services.test_replay import Player

PLAN = """
    recorded | fact | about   | values
    T-9d     | plan | CPP E09 | end=D-5
"""
VISIT = f"{PLAN} T | A04 | v1 | patient_class=Z acuity=3"
SILENT = Policy(scheduled_classes=frozenset({"Z"}))
INVISIBLE = Policy(overrides={Selector(authority=OdsCode("E09")): {"visible_after_end": timedelta()}})
BOTH = ("la E09", "provider RXX")


class Row(NamedTuple):
    """A difference as these tests expect it."""

    verdict: Verdict
    to: str
    fields: tuple[str, ...] = ()
    why: Why | None = None


def played(table: str, policy: AnyPolicy) -> Replayed:
    """Return what the facts of a table come to under a policy."""
    player = Player()
    player.replay = offline(player.parts, policy=policy)
    return player.play([player.fact(fact) for fact in facts(table)])


def differences(table: str, first: AnyPolicy, second: AnyPolicy) -> Comparison:
    """Return how the alerts about some facts differ."""
    return compare(played(table, first), played(table, second))


def rows(comparison: Comparison) -> list[Row]:
    """Return the differences without what they are about."""
    return [
        Row(one.verdict, f"{one.recipient.kind} {one.recipient.code}", one.fields, one.why)
        for one in comparison.differences
    ]


def test_a_policy_that_decides_alike_changes_nothing() -> None:
    """Two alerts by either."""
    found = differences(VISIT, Policy(), Policy(error_reasons=frozenset({"ERR"})))

    assert (2, 2, ()) == (found.before, found.after, found.differences)


def test_what_a_policy_silences_is_removed_and_by_the_other_way_added() -> None:
    """With the rule that silences it, where it was and when."""
    removed, added = differences(VISIT, Policy(), SILENT), differences(VISIT, SILENT, Policy())

    assert [Row(Verdict.REMOVED, to, why=Why.SCHEDULED) for to in BOTH] == rows(removed)
    assert [Row(Verdict.ADDED, to, why=Why.SCHEDULED) for to in BOTH] == rows(added)
    assert ((2, 0), (0, 2)) == ((removed.before, removed.after), (added.before, added.after))
    assert {("v1", OdsCode("RXX"), T, Occasion.ATTENDED)} == {
        (one.subject, one.provider, one.at, one.occasion) for one in removed.differences
    }


def test_an_alert_whose_content_differs_is_altered_field_by_field() -> None:
    """A name that is told, an acuity that is withheld."""
    named = Policy(
        withheld=frozenset({"acuity"}), overrides={Selector(provider=OdsCode("RXX")): {"name": "Exton"}}
    )

    fields = ("visit.provider_name", "visit.acuity")
    assert [Row(Verdict.ALTERED, to, fields) for to in BOTH] == rows(differences(VISIT, Policy(), named))


def test_one_who_is_not_told_though_another_is_has_no_rule_to_give() -> None:
    """The provider is told of a late plan, or not, and the authority in any case."""
    late = """
        recorded | fact | about   | values
        T        | A04  | v1      |
        T+1h     | A03  | v1      |
        T+5h     | plan | CPP E09 |
    """

    found = differences(late, Policy(), Policy(provider_after_departure=timedelta(hours=1)))

    assert [Row(Verdict.REMOVED, "provider RXX")] == rows(found)


def test_an_alert_that_one_of_them_takes_back_has_another_status() -> None:
    """A registration that one policy takes for an error, after both told it."""
    cancelled = f"{VISIT}\n T+1h | A11 | v1 | cancel_reason=ERR"

    found = differences(cancelled, Policy(), Policy(error_reasons=frozenset({"ERR"})))

    assert [Verdict.ALTERED] * 2 == [row.verdict for row in rows(found)]
    assert all(STATUS in row.fields for row in rows(found))


def test_a_period_that_has_not_begun_changes_nothing() -> None:
    """What is to come judges no visit of the stream."""
    ahead = Policies(first=Policy(), later=((T + timedelta(days=1), SILENT),))

    assert [] == rows(differences(VISIT, Policy(), ahead))


def test_a_view_says_where_and_when_it_was_unless_it_is_restricted() -> None:
    """Without a visit the line of the view does; a restricted record has none."""
    viewed = f"{PLAN} T | view | a1 RYY |"
    restricted = f"{PLAN} T-1d | notice | n1 |\n T | view | a1 RYY |"

    (told,) = differences(viewed, Policy(), INVISIBLE).differences
    (silent,) = differences(restricted, Policy(), INVISIBLE).differences

    assert (Occasion.VIEWED, OdsCode("RYY"), T) == (told.occasion, told.provider, told.at)
    assert (Occasion.VIEWED, None, None) == (silent.occasion, silent.provider, silent.at)


def test_differences_come_by_verdict_recipient_and_visit() -> None:
    """What is added, what is removed, what is altered."""
    table = f"{PLAN} T | A04 | v2 | location=CLINIC\n T-1d | A04 | v1 | patient_class=Z\n T | A04 | v3 RYY |"
    place = Selector(provider=OdsCode("RXX"), location="CLINIC")
    clinic = Policy(overrides={place: {"listed": Place.SENSITIVE}})

    found = differences(table, SILENT, clinic)

    assert [
        ("added", "E09", "v1"),
        ("added", "RXX", "v1"),
        ("removed", "E09", "v2"),
        ("removed", "RXX", "v2"),
        ("altered", "E09", "v3"),
        ("altered", "RYY", "v3"),
    ] == [(one.verdict.value, one.recipient.code.code, one.subject) for one in found.differences]
