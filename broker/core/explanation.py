"""
What is said about one decision: the facts, how each rule took them, what came of it, in a form to be shown.

Holds days, codes and organisations. Nothing here is a number, name, date of birth or address of a person, and
of a restricted record no place either (ruling 24). The words are in `broker.core.explanation_words`.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum

from broker.core.alerts import (
    Change,
    EventKind,
    Mark,
    Note,
    Occasion,
    PlanState,
    RecipientKind,
    Route,
    Urgency,
    VisitState,
    Why,
)
from broker.core.facts import IdentityKind, PlanKey, PlanType, VisitEvent
from broker.core.identifiers import OdsCode
from broker.core.lawful_basis import Flow
from broker.core.matching import Compared
from broker.core.setting import Ground


class Obstacle(Enum):
    """Why a plan on file does not count for a visit or a view."""

    PREGNANCY_ENDED = "pregnancy ended"
    OF_AGE = "of age"
    HISTORY = "out of view when recorded"
    REMOVED_BEFORE = "removed before the arrival"
    OWN_PLAN = "plan of the baby's own"
    NOT_BORN_UNDER = "not born under the plan"
    LINKED_LATE = "linked after the cut-off"
    RECORDED_LATE = "recorded after the cut-off"
    ENDED = "no longer visible"
    NOT_BEGUN = "not begun"
    DETAILS_DISAGREE = "details disagree"
    NOT_THIS_PERSON = "not this person"
    SHARING_STOPPED = "sharing stopped"


class MatchedBy(Enum):
    """By what a visit's number was taken for that of the plan's person (rulings 20, 26, 46)."""

    DETAILS = "details"
    ALLOWANCE = "allowance"
    PERSON = "a person's word"
    LINK = "link of mother and baby"


@dataclass(frozen=True, slots=True, kw_only=True)
class FactLine:
    """
    One fact: what its source recorded and when, and when we received it.

    `source` is an authority, a provider or the organisation of a view; None for the demographic source, and
    where a restricted record must not tell. `start`, `end` and `deleted` are those of a plan.
    """

    what: VisitEvent | PlanType | IdentityKind | Occasion
    recorded_at: datetime
    received_at: datetime
    source: OdsCode | None = None
    start: date | None = None
    end: date | None = None
    deleted: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """
    The visit or view itself, as the rules read it.

    `where` is None in a restricted record. `ground` is the step of ruling 4 that decided the setting, None
    for a view; `joined` counts the admissions that joined the visit's thread (ruling 7). For a view all times
    are its own, and `in_thread` says that it is a line in a visit's thread (ruling 1). `first_day` and
    `last_day` are what a plan must overlap, `cutoff` until when its record may be made (ruling 10).
    """

    where: OdsCode | None
    state: VisitState | None
    arrived_at: datetime
    departed_at: datetime | None
    left_at: datetime
    first_day: date
    last_day: date
    newest_at: datetime
    cutoff: datetime
    unscheduled: bool
    ground: Ground | None = None
    joined: int = 0
    in_thread: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanFinding:
    """
    How one plan on file was taken.

    Dates are those of the version shown: the newest recorded by the cut-off; failing that the first.
    `versions` counts all on file. `last_visible_day` is None for a plan without an end. With an `obstacle` it
    does not count, `obstacle_at` says when that was recorded, where there is such a time, and `majority_age`
    the birthday that outweighed it. `state`, `marks` and `owner` are those of a plan that counts;
    `replaced_by` names the plan that took over from a removed one (ruling 14). `compared` is how the newest
    details stood to each other, None where they were not looked at.
    """

    authority: OdsCode
    plan_type: PlanType
    start: date
    end: date | None
    last_visible_day: date | None
    recorded_at: datetime
    received_at: datetime
    versions: int
    obstacle: Obstacle | None = None
    obstacle_at: datetime | None = None
    majority_age: int | None = None
    state: PlanState | None = None
    marks: tuple[Mark, ...] = ()
    owner: OdsCode | None = None
    replaced_by: PlanKey | None = None
    compared: Compared | None = None
    matched_by: MatchedBy | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One event that was told: what it did, what changed, which rule took it back, under which policy."""

    revision: int
    kind: EventKind
    changes: tuple[Change, ...]
    why: Why | None
    policy_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertFinding:
    """
    One alert: what stands, and what was told.

    `code` is None for the provider of a restricted record, and where the alert's content is gone. `route`,
    `urgency`, `plans`, `fields` and `notes` are None or empty where nothing stands. `revision` counts what
    was told by the record, 0 for nothing yet; `told` are the events still held of it. `untold`: it stands by
    newer rules alone, and is not told (ADR 0016).
    """

    alert_id: str
    kind: RecipientKind | None
    code: OdsCode | None
    stands: bool
    route: Route | None = None
    urgency: Urgency | None = None
    plans: tuple[PlanKey, ...] = ()
    fields: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    revision: int = 0
    last_kind: EventKind | None = None
    told: tuple[Revision, ...] = ()
    untold: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Trail:
    """
    Where the decision stands in the audit trail.

    `agrees`: the newest entry about it is this decision. `commitment` is what the entry carries instead of
    names, in hex: an auditor finds the entry by it.
    """

    agrees: bool
    commitment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """
    The whole chain for one visit or view of a person with a record.

    `subject` is its keyed reference. `happening` is None for a visit of which a sensitive place recorded
    everything (ruling 47). `why`, `basis` and `policy_version` are those of the decision. `plans` is empty
    where the plans were not looked at, and where there are none: `plans_on_file` counts them.
    """

    subject: str
    occasion: Occasion
    restricted: bool
    facts: tuple[FactLine, ...]
    happening: Happening | None
    plans_on_file: int
    plans: tuple[PlanFinding, ...]
    alerts: tuple[AlertFinding, ...]
    why: Why
    basis: tuple[Flow, ...]
    policy_version: str
    trail: Trail | None

    @property
    def provider_is_told(self) -> bool:
        """Whether an alert to the provider stands."""
        return any(alert.stands and alert.kind is RecipientKind.PROVIDER for alert in self.alerts)

    @property
    def untold_in_thread(self) -> bool:
        """Whether it is a view that is a line in a visit's thread, in which nobody is told of views."""
        return self.happening is not None and self.happening.in_thread and not self.alerts


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """A visit or view past revising: what was known of it is destroyed, which alerts were told is kept."""

    subject: str | None
    alerts: tuple[AlertFinding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoPlan:
    """A visit of a person without a record: `facts` counts its messages that are held."""

    subject: str
    facts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """An alert of which only events are held: the person's record is gone."""

    alert: AlertFinding


@dataclass(frozen=True, slots=True, kw_only=True)
class NotInUse:
    """A visit or an alert under a number that its source took out of use: nothing of it may be opened."""

    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotTaken:
    """
    A visit whose messages are held and stand in no record, though one is held under its number.

    They wait while the person is on hold, were set aside, or are on their way to the number that succeeded.
    """

    subject: str


Answer = Explanation | Closed | NoPlan | Gone | NotInUse | NotTaken
"""What can be said of a visit, a view or an alert."""
