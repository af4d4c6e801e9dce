"""
Under which keys a person without a number is looked for, and a person on file can be found. Ruling 21.

Three keyed digests of two or three details each, folded as ruling 20 compares them; a detail that says
nothing makes no key. Nobody can read a detail, or try one out, without the identity key. All three begin with
the digits of the year of birth, so that what one person is looked for by lies in one bucket.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import zip_longest

from broker.core.birthdays import born_on
from broker.core.clock import earlier
from broker.core.facts import Details, PlanContent
from broker.core.identifiers import NhsNumber, OdsCode, london_day
from broker.core.keyed import IdentityKey
from broker.core.matching import first_name, fold_name
from broker.core.person import Known
from broker.core.plans import Version, histories, last_visible_day, of_age_on
from broker.core.policy import AnyPolicy
from broker.core.stops import shared_until

_REFERENCE_DIGITS = 16  # 64 bits: told apart are only the few people under one key
_BUCKET_DIGITS = 2
_NUMBERS_BUCKET = "00"
_ALWAYS = datetime.max.replace(tzinfo=UTC)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """
    The days, Europe/London, on which somebody on file may be found: `first` to `last`, both included.

    `after_birth` is for how many days after its birth a newborn is found by its mother's number, also beyond
    the last day (ruling 26).
    """

    first: date
    last: date
    after_birth: int = 0

    def joined(self, other: "Window") -> "Window":
        """Return the shortest window that holds both; neither is one by a mother's number."""
        return Window(first=min(self.first, other.first), last=max(self.last, other.last))

    def meets(self, other: "Window") -> bool:
        """Whether the two have a day in common."""
        return self.first <= other.last and other.first <= self.last


def number_key(key: IdentityKey, purpose: str, number: NhsNumber) -> str:
    """
    Return the digest of a number for a purpose.

    All lie in one bucket, so that the log says nothing of the number in clear (ruling 23).
    """
    return _NUMBERS_BUCKET + key.derive(purpose, number.key)[_BUCKET_DIGITS:]


def details_keys(key: IdentityKey, details: Details) -> tuple[str, ...]:
    """
    Return the digests of date of birth and family name, of date of birth and first given name, and of both
    names and the year of birth, as far as they are stated (ruling 21).

    Day and month swapped count as equal (ruling 20), so a date stands in the digest in their lesser order.
    The first digits are those of the year, in each of them (`bucket_of`).
    """
    family, given, born = fold_name(details.family), first_name(details.given), details.birth_date
    if born is None:
        return ()
    year, day = str(born.year), "-".join(map(str, (born.year, *sorted((born.month, born.day)))))
    digests = []
    if family is not None:
        digests.append(key.derive("details: birth and family", day, family))
    if given is not None:
        digests.append(key.derive("details: birth and given", day, given))
    if family is not None and given is not None:
        digests.append(key.derive("details: names and year", family, given, year))
    bucket = bucket_of(key.derive("details: year", year))
    return tuple(bucket + digest[_BUCKET_DIGITS:] for digest in digests)


def bucket_of(place: str) -> str:
    """
    Return all that the log says in clear of the digest, or the visit, that a clue is for: its first digits.

    Of a digest they say the year of birth to who holds the identity key, and nothing to anybody else: enough
    to bring together in one partition what has to meet there, too little to tell people apart (ruling 23).
    """
    return place[:_BUCKET_DIGITS]


def last_day_found(content: PlanContent, policy: AnyPolicy) -> date:
    """
    Return the last day on which somebody is found by a plan: the longest that any policy gives (ruling 9).

    At the latest the day before its authority's sharing stops until further notice (ruling 45).
    """
    visible = max(last_visible_day(content, one) for one in policy.every)
    return min(visible, last_day_shared(content.authority, policy))


def last_day_shared(authority: OdsCode, policy: AnyPolicy) -> date:
    """Return the last day before an authority's sharing stops until further notice (ruling 45)."""
    return min(shared_until(one.stops, authority) for one in policy.every)


def on_file(known: Known, policy: AnyPolicy, key: IdentityKey) -> Mapping[str, Window]:
    """
    Return the keys under which a person with plans can be found, and on which days.

    Each version of a plan counts for who arrived by the day on which the next one was recorded, one that says
    it was removed never: what is removed, or ended back, since somebody came still counts for their visit
    (10, 14, 15). None counts from the 18th birthday on (13). The window is the longest that any policy and
    any of the plans under the key gives: what is found is confirmed by a person, never told.
    """
    found: dict[str, Window] = {}
    births = _born(known)
    for versions in histories(known.plans).values():
        of_a_child = _last_days_of_a_child(versions, policy, births)
        for window in windows_of(versions, policy, of_a_child):
            for details in {version.content.details for version in versions}:
                for under in details_keys(key, details):
                    held = found.get(under)
                    found[under] = window if held is None else held.joined(window)
    return found


def windows_of(
    versions: Sequence[Version], policy: AnyPolicy, of_a_child: Sequence[date] = ()
) -> list[Window]:
    """Return the days on which each version of a plan counts, by `of_a_child` at the latest (10, 13, 14)."""
    found = []
    for version, following in zip_longest(versions, versions[1:]):
        first = version.content.start
        last = min([last_day_found(version.content, policy), *of_a_child])
        if following is not None:  # who had come by then may still be there on the plan's first day
            last = min(last, max(london_day(following.recorded_at), first))
        if version.content.deleted is None and first <= last:
            found.append(Window(first=first, last=last))
    return found


def found_as_before(before: Known, after: Known) -> bool:
    """Whether nothing has come by which a person would be found otherwise: no plan, no date of birth (13)."""
    if before.plans is not after.plans:
        return False
    same = before.notices is after.notices
    return same or _born(before) == _born(after)


def _born(known: Known) -> date | None:
    """Return when somebody was born by the demographic source's newest word (ruling 13)."""
    return born_on(known.notices.values(), _ALWAYS)


def _last_days_of_a_child(versions: Sequence[Version], policy: AnyPolicy, births: date | None) -> list[date]:
    """Return the last day before a child is of age, by the policy that gives the longest; none of a woman."""
    days = [of_age_on(versions, one, born_on=births) for one in policy.every]
    return [earlier(max(day for day in days if day is not None), _DAY)] if None not in days else []


def person_reference(key: IdentityKey, number: NhsNumber, salt: bytes) -> str:
    """
    Return by what one person is told from another under a key of details; it says nothing else.

    Made of the salt of the person's record, which is random, sealed with the record and destroyed with it:
    from the number alone nobody can make it, so that it leads from no number to another (ruling 23).
    """
    return key.derive("on file", salt, number.key)[:_REFERENCE_DIGITS]


def waiting_reference(key: IdentityKey, authority: OdsCode, under: str) -> str:
    """Return by what an authority's waiting records under a key are told from others; it stays."""
    return key.derive("record waiting", authority.code, under)[:_REFERENCE_DIGITS]
