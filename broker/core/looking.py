"""
Somebody looks a person up: what is opened, and how. Rulings 3, 23, 24, 30, 33, 34, 48; R22–R25, R54.

In an unscheduled setting, or where nothing says that it is scheduled, the authority is told of the look
(R23, R24). In a scheduled one it is silent while the person has a current visit there; else it is refused,
or made as one that the authority is told of (ruling 3). Whoever may not see the person gets the words of a
restricted record (48). No plan on file is a normal answer, and an error never looks like it (34).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum

from broker.core.alerts import PlanLine, SubjectRole
from broker.core.answers import Answer, Checked, Feeds, Finding, Looked, answer
from broker.core.content import Matched
from broker.core.decisions import Deciding
from broker.core.excluded import was_excluded
from broker.core.facts import Access, Details
from broker.core.feeds import FeedAges
from broker.core.history import past_of
from broker.core.holding import held_since
from broker.core.identifiers import NhsNumber, OdsCode, london_day
from broker.core.keyed import IdentityKey
from broker.core.lawful_basis import Flow
from broker.core.newborn import counting
from broker.core.number_ranges import is_searched
from broker.core.office_hours import OfficeHours, to_ring
from broker.core.past import Past, newest
from broker.core.person import Known
from broker.core.policy import AnyPolicy, Policy
from broker.core.policy_keys import Place, Restricted
from broker.core.policy_looks import WithoutVisit
from broker.core.possible_keys import Window
from broker.core.reading import Visit
from broker.core.stops import authority_stopped, stopped
from broker.core.waiting import waiting_number_key


class Way(StrEnum):
    """How a look is made (ruling 3, R23, R24)."""

    UNSCHEDULED = "unscheduled"
    """In an unscheduled setting: the authority is told, and it enters the history."""
    SILENT = "silent"
    """In a scheduled one that has the person there, or in a sensitive one: neither."""
    NOTIFIED = "notified, for want of a visit"
    """In a scheduled one that knows of no visit: as if it were unscheduled."""
    REFUSED = "refused, for want of a visit"
    """In a scheduled one that knows of no visit, where the policy says so."""

    @property
    def is_told(self) -> bool:
        """Whether the authority is told of it."""
        return self in {Way.UNSCHEDULED, Way.NOTIFIED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Looker:
    """
    Who looks, and where (R54).

    `role` is the code of the job role, or words; `user` the keyed reference of the user by the organisation's
    own id, None for a system that looks by itself; `place` the code of the site or the location, None where
    it is not said. `unscheduled` is what the asking system says of the setting, None for nothing (R24).
    """

    organisation: OdsCode
    organisation_name: str
    role: str
    user_name: str = field(repr=False)
    user: str | None = None
    place: str | None = None
    unscheduled: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedPlan:
    """
    One plan as it is opened, and which number to ring at that hour; `registered` are its details.

    `age` says how old its authority's plans are at the moment of the look (C7), None while nobody knows.
    """

    line: PlanLine
    ring_now: str
    registered: Details = field(repr=False)
    age: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """
    What is opened (ruling 30): the plans, and the history, the newest first.

    Of a restricted record, which the safeguarding role alone sees, there is no history: it names places (24).
    `enquiry`: a change of the number is being asked about (38).
    """

    plans: tuple[OpenedPlan, ...]
    history: tuple[Past, ...]
    restricted: bool = False
    enquiry: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """
    What whoever looked is answered.

    `answer` is None for a look that is refused, and then nothing was searched; `opened` goes with `plan on
    file`. `fact` is to be durable before any of it is shown: None where neither the authority nor the
    safeguarding lead has to hear of it, or nothing may be kept (rulings 23, 48, R23).
    """

    way: Way
    answer: Answer | None
    opened: Opened | None = None
    fact: Access | None = None

    @property
    def basis(self) -> tuple[Flow, ...]:
        """The rows of the lawful-basis table on which it rests (ruling 49)."""
        if self.opened is None:
            return (Flow.NOTHING_SHARED,)
        roles = {plan.line.role for plan in self.opened.plans}
        of_mother = {Flow.PLAN_OF_MOTHER} if SubjectRole.MOTHER in roles else set()
        of_child = {Flow.PLAN_OF_CHILD} if roles - {SubjectRole.MOTHER} else set()
        history = {Flow.HISTORY} if self.opened.history else set()
        return tuple(sorted(of_mother | of_child | history))


@dataclass(frozen=True, slots=True, kw_only=True)
class LookedUp:
    """What a person's record says to who looks, and where else to look before `no plan` is said (21)."""

    way: Way
    looked: Looked
    opened: Opened
    access: Access

    def answered(self, feeds: Feeds) -> Look:
        """Return what is answered, once it is known whether a record waits and how far the broker is."""
        checked = self.looked.checked
        told = (self.way.is_told or checked.excluded) and not checked.not_in_use
        fact = self.access if told else None
        if self.way is Way.REFUSED:  # to everybody alike: by another answer an exclusion would show (48)
            return Look(way=self.way, answer=None, fact=fact)
        said = answer(checked, feeds)
        opened = self.opened if said.finding is Finding.PLAN else None
        return Look(way=self.way, answer=said, opened=opened, fact=fact)


def aged(look: Look, ages: FeedAges, at: datetime) -> Look:
    """Return a look with the age of the plans that it opens, at an aware time; it is no part of the fact."""
    if look.opened is None:
        return look
    plans = tuple(replace(plan, age=ages.words(plan.line.authority, at)) for plan in look.opened.plans)
    return replace(look, opened=replace(look.opened, plans=plans))


def access_of(looker: Looker, access_id: str, at: datetime) -> Access:
    """Return the look as a fact, as the asking system says that it is; made and received at once."""
    return Access(
        access_id=access_id,
        organisation=looker.organisation,
        organisation_name=looker.organisation_name,
        role=looker.role,
        user_name=looker.user_name,
        user=looker.user,
        unscheduled=looker.unscheduled is not False,
        accessed_at=at,
        recorded_at=at,
        received_at=at,
    )


def look_up(
    number: NhsNumber,
    known: Known,
    looker: Looker,
    access: Access,
    policy: AnyPolicy,
    key: IdentityKey,
    *,
    hours: Mapping[OdsCode, OfficeHours],
    past: Sequence[Past] = (),
) -> LookedUp:
    """
    Return what there is for who looks, from what is known of the person.

    `access` is the look as a fact (`access_of`). `past` are the lines of what is closed, `hours` the office
    hours that are known. Of somebody without a record `known` holds what messages of theirs are held.
    """
    return _LookingUp(number, known, policy, key).up(looker, access, hours, past)


class _LookingUp(Deciding):
    """The decisions about one person, and what is opened to who looks."""

    def up(
        self,
        looker: Looker,
        access: Access,
        hours: Mapping[OdsCode, OfficeHours],
        past: Sequence[Past],
    ) -> LookedUp:
        """Look the person up, at the moment and by the policy of the look."""
        at, day = access.accessed_at, london_day(access.accessed_at)
        in_force = self.policy.at(at)
        settled = in_force.site(looker.organisation, site=looker.place, location=looker.place)
        way = self._way(looker, at, settled)
        lines = self._lines(access, in_force)
        trusted = looker.role.upper() in settled.safeguarding_roles
        shielded = self.restricted and not (trusted and in_force.restricted is Restricted.LOCAL)
        checked = Checked(
            excluded=was_excluded(self.known, access),
            sharing_stopped=stopped(in_force.stops, looker.organisation, day),
            plans_unshared=authority_stopped(in_force.stops, day),
            searched=is_searched(self.number) or bool(self.plans),
            plan=bool(lines),
            restricted=shielded,
            under_enquiry=self.enquiry,
            on_hold=held_since(self.notices) is not None,
            set_aside=self.in_doubt,
        )
        waiting = frozenset({waiting_number_key(self.key, self.number)})
        return LookedUp(
            way=way,
            looked=Looked(checked=checked, waiting_under=waiting, stay=Window(first=day, last=day)),
            opened=Opened(
                plans=tuple(_opened(line, hours, at) for line in lines),
                history=() if self.restricted else self._history(past, in_force),
                restricted=self.restricted,
                enquiry=self.enquiry,
            ),
            access=replace(access, unscheduled=way.is_told),
        )

    def _way(self, looker: Looker, at: datetime, settled: Policy) -> Way:
        """Return how the look is made; what its place is listed as outweighs what is said (rulings 4, 47)."""
        if settled.listed is Place.SENSITIVE:
            return Way.SILENT
        if settled.listed is Place.UNSCHEDULED or looker.unscheduled is not False:
            return Way.UNSCHEDULED
        here = [visit for visit in self.visits if _is_here(visit, looker.organisation, at)]
        if here:
            scheduled = any(not visit.unscheduled for visit in here)
            return Way.SILENT if scheduled else Way.UNSCHEDULED
        refused = settled.look_without_visit is WithoutVisit.REFUSED
        return Way.REFUSED if refused else Way.NOTIFIED

    def _lines(self, access: Access, in_force: Policy) -> list[Matched]:
        """Return the plans that count at the look, as a view's alert would tell them (rulings 1, 9 to 15)."""
        recorded_at, stay = self._view_stay(access, in_force)
        pairs = counting(stay, self.plans, in_force)[0]
        return sorted(self._seen(access, recorded_at, stay, pairs), key=_order)

    def _history(self, past: Sequence[Past], in_force: Policy) -> tuple[Past, ...]:
        """Return the newest visits and views, with what is closed (ruling 30, R25)."""
        own = [visit for visit in self.visits if not self._is_anothers(visit)]
        lines = [*past, *past_of(own, self.accesses, self.policy)]
        return newest(lines, in_force.history_size)


def _is_here(visit: Visit, organisation: OdsCode, at: datetime) -> bool:
    """Whether a visit is current at a place, or due there on the day of a moment (ruling 3)."""
    there = organisation in {visit.provider, visit.registers["site"]}
    begun = london_day(visit.arrived_at) <= london_day(at) and at <= visit.stay_until
    return there and begun and not visit.cancelled


def _order(matched: Matched) -> tuple[OdsCode, str, date]:
    """Order plans by authority, type and first day."""
    content = matched.plan.shown.content
    return content.authority, content.plan_type, content.start


def _opened(matched: Matched, hours: Mapping[OdsCode, OfficeHours], at: datetime) -> OpenedPlan:
    """Return a plan with the number to ring at that hour (rulings 30, 45)."""
    line, content = matched.line(), matched.plan.shown.content
    ring = to_ring(line.phone_emergency, line.phone_office, hours.get(line.authority), at)
    return OpenedPlan(line=line, ring_now=ring, registered=content.details)
