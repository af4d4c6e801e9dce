"""The list of authorities: who is to send on a day, and to whom alerts go when that changes (ruling 19)."""

from datetime import UTC, date, datetime, time

import pytest

from broker.core.authorities import Authorities, Authority, with_hours, with_successors
from broker.core.destinations import Authority as Settled
from broker.core.identifiers import OdsCode
from broker.core.office_hours import OfficeHours
from broker.core.policy import Policies, Policy
from broker.core.policy_keys import Successor
from broker.core.senders import Senders

OLD, NEW, OTHER = OdsCode("909"), OdsCode("942"), OdsCode("943")
DAY = date(2023, 4, 1)
OFFICE = OfficeHours(weekdays=frozenset(range(5)), opens=time(9), closes=time(17))
EVENING = OfficeHours(weekdays=frozenset(range(5)), opens=time(9), closes=time(20))


def listed(*rows: Authority) -> Authorities:
    """Return a list of these rows."""
    return Authorities(rows={row.code: row for row in rows})


def row(code: OdsCode, *successors: OdsCode, mailbox: str = "") -> Authority:
    """Return a row, of an authority that others took over from where there are any."""
    return Authority(
        code=code,
        name=f"Council {code}",
        successors=successors,
        opens_on=DAY if successors else None,
        mailbox=mailbox,
    )


@pytest.mark.parametrize(
    ("day", "expected"),
    [(date(2023, 3, 31), {OLD}), (DAY, {NEW, OTHER}), (date(2026, 1, 1), {NEW, OTHER})],
)
def test_an_authority_is_to_send_until_the_day_its_successors_open(day: date, expected: set[OdsCode]) -> None:
    """On that day the successors begin and the old one ends; before it they are not missed (ruling 19)."""
    assert expected == listed(row(OLD, NEW, OTHER), row(NEW), row(OTHER)).open_on(day)


def test_one_successor_takes_the_alerts_over_and_of_several_none() -> None:
    """After a division alerts stay with the old code: to which a child went nobody said (ruling 19)."""
    one = listed(row(OLD, NEW), row(NEW))
    several = listed(row(OLD, NEW, OTHER), row(NEW), row(OTHER))

    assert {OLD: Successor(code=NEW, opens_on=DAY)} == one.successors
    assert {} == several.successors


def test_a_row_is_found_by_its_code_and_by_its_mailbox() -> None:
    """A mailbox is one authority's; an empty one is nobody's, and what is not listed goes by its code."""
    found = row(NEW, mailbox="X26NEW")
    authorities = listed(found, row(OTHER))

    assert (found, None) == (authorities.of(NEW), authorities.of(OLD))
    assert (found, None) == (authorities.of_mailbox("X26NEW"), authorities.of_mailbox(""))
    assert ("Council 942", "909") == (authorities.name(NEW), authorities.name(OLD))


def test_a_list_without_successors_leaves_the_policy_as_it_is() -> None:
    """What decides keeps its version: nobody is decided anew because of a list of names."""
    policy = Policy()

    assert policy is with_successors(policy, listed(row(NEW)))


def test_the_successors_of_the_list_hold_in_every_period_beside_the_policys_own() -> None:
    """An alert goes to the successor whichever period judges the visit (ruling 19)."""
    own = {OTHER: Successor(code=NEW, opens_on=DAY)}
    start = datetime(2024, 1, 1, tzinfo=UTC)
    policy = Policies(first=Policy(successors=own), later=((start, Policy(successors=own)),))
    joined = with_successors(policy, listed(row(OLD, NEW), row(NEW)))
    expected = own | {OLD: Successor(code=NEW, opens_on=DAY)}

    assert [expected, expected] == [one.successors for one in joined.every]
    assert expected == with_successors(policy.first, listed(row(OLD, NEW), row(NEW))).every[0].successors


def test_office_hours_of_the_list_hold_where_the_file_of_senders_gives_none() -> None:
    """Days on which the office is closed may stand there all the same (ruling 45)."""
    closed = frozenset({date(2026, 12, 25)})
    senders = Senders(authorities={NEW: Settled(closed_on=closed), OTHER: Settled(office_hours=EVENING)})
    authorities = listed(
        Authority(code=NEW, name="New", office_hours=OFFICE),
        Authority(code=OTHER, name="Other", office_hours=OFFICE),
        Authority(code=OLD, name="Old"),
    )
    settled = with_hours(senders, authorities)

    assert settled.authorities[NEW] == Settled(office_hours=OFFICE, closed_on=closed)
    assert {NEW, OTHER} == settled.hours.keys()
    assert settled.hours[OTHER] == EVENING
