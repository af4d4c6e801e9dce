"""
Records of an upload that wait for a usable number: under which keys they are found, and on which days.

Rulings 21, 35, 41: the authority is told CPR04 or CPR07, and until it sends the record as it should be a
visit without a number may be this child's, and of a visit with one nobody can say that there is no plan.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from broker.core.clock import earlier, later
from broker.core.facts import Details, PlanContent
from broker.core.identifiers import NhsNumber, OdsCode, london_day
from broker.core.keyed import IdentityKey
from broker.core.policy import AnyPolicy
from broker.core.possible import OnFile, Placed
from broker.core.possible_keys import (
    Window,
    bucket_of,
    details_keys,
    last_day_found,
    last_day_shared,
    number_key,
)

WAITS = timedelta(days=35)
"""How long a record waits after it was last sent: as long as the record itself is kept in `cpis.rejected`."""

_SOMEBODYS = "record waiting"  # whose, and how many there are, nobody needs to know under a number


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """Whom a record is about whose plans cannot be read: every usable number and every person in it."""

    authority: OdsCode
    numbers: tuple[NhsNumber, ...] = field(repr=False)
    details: tuple[Details, ...] = field(repr=False)


def waiting_keys(key: IdentityKey, details: Details) -> tuple[str, ...]:
    """
    Return under which keys records that wait lie alone, with nobody who is on file among them (ruling 41).

    A visit with a usable number is compared with these: who is on file under another number is another.
    They lie in the bucket of the digests that they are made of.
    """
    return tuple(
        bucket + key.derive("details: record waiting", under)[len(bucket) :]
        for under in details_keys(key, details)
        for bucket in [bucket_of(under)]
    )


def waiting_number_key(key: IdentityKey, number: NhsNumber) -> str:
    """
    Return under which key records lie that were refused though they have this number (CPR01 to 07).

    Their details may be wrong: a visit under the number is the one they may wait for (ruling 41).
    """
    return number_key(key, "number: record waiting", number)


def waits_under(key: IdentityKey, number: NhsNumber, at: datetime) -> Placed:
    """
    Return that a record received `at` that time, aware UTC, waits for visits under a number, on all days.

    The last day is a month's, and nothing else is the record's: neither its authority nor a day of its plan,
    which would lead from the number to the same record under the details of a new identity (ruling 23).
    """
    next_month = later(london_day(later(at, WAITS)).replace(day=28), timedelta(days=4))
    last = earlier(next_month, timedelta(days=next_month.day))
    window = Window(first=date.min, last=last)
    return Placed(place=waiting_number_key(key, number), clue=OnFile(reference=_SOMEBODYS, window=window))


def waits_no_more_under(key: IdentityKey, number: NhsNumber) -> Placed:
    """Return that no record waits for visits under a number: it is not in use any more (ruling 23)."""
    return Placed(place=waiting_number_key(key, number), clue=OnFile(reference=_SOMEBODYS, window=None))


def found_waiting(
    content: PlanContent, received_at: datetime, policy: AnyPolicy, key: IdentityKey
) -> Mapping[str, Window]:
    """
    Return the keys under which the subject of a plan that waits is found by details, and on which days.

    By those of ruling 21 visits without a number meet it, by those of its own an answer does.
    """
    if not may_wait(content, received_at, policy):
        return {}
    return dict.fromkeys(_found_by(key, content.details), _days(content, received_at, policy))


def found_unread(
    unread: Unread, received_at: datetime, policy: AnyPolicy, key: IdentityKey
) -> Mapping[str, Window]:
    """
    Return the keys under which the subjects of a record are found by details whose plans cannot be read.

    Nobody knows their days: it waits for 35 from its receipt, and for every visit before (rulings 21, 41),
    but for those of days on which its authority shares nothing (ruling 45).
    """
    last = min(london_day(later(received_at, WAITS)), last_day_shared(unread.authority, policy))
    keys = [under for details in unread.details for under in _found_by(key, details)]
    return dict.fromkeys(keys, Window(first=date.min, last=last))


def may_wait(content: PlanContent, received_at: datetime, policy: AnyPolicy) -> bool:
    """Return whether a plan has days to wait on; one that the authority has removed has none (ruling 14)."""
    days = _days(content, received_at, policy)
    return content.deleted is None and days.first <= days.last


def _days(content: PlanContent, received_at: datetime, policy: AnyPolicy) -> Window:
    """Return the days of a plan's visits for which it waits, if the last is not before the first."""
    last = min(last_day_found(content, policy), london_day(later(received_at, WAITS)))
    return Window(first=content.start, last=last)


def _found_by(key: IdentityKey, details: Details) -> list[str]:
    """Return the keys by which visits without a number, and answers, meet a subject with these details."""
    return [*details_keys(key, details), *waiting_keys(key, details)]
