"""
Facts: what hospitals, authorities and people told us about one person, each immutable.

A fact has two times, when it is true in the world and when its source recorded it, and a third, when
intake received it. It never carries "now". The NHS number is the key a fact travels under, not part of it.
"""

from dataclasses import dataclass, field, fields
from datetime import date, datetime
from enum import Enum, StrEnum

from broker.core.errors import InvalidFact
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.user_words import UserWord
from broker.core.visit_reason import Reason


class PlanType(StrEnum):
    """The three plans of CP-IS (dossier 2.2)."""

    CHILD_PROTECTION = "CPP"
    LOOKED_AFTER = "LAC"
    UNBORN = "UCP"


class VisitEvent(StrEnum):
    """What a hospital message says happened (dossier 6.4), by its HL7 v2 trigger event."""

    ADMITTED = "A01"
    TRANSFERRED = "A02"
    DISCHARGED = "A03"
    REGISTERED = "A04"
    UPDATED = "A08"
    CANCELLED = "A11"
    TRANSFER_CANCELLED = "A12"
    DISCHARGE_CANCELLED = "A13"


class NumberStatus(StrEnum):
    """NHS number status of table 0445 (dossier 6.4); the value is the two digits behind `NSTS`."""

    VERIFIED = "01"
    NOT_TRACED = "02"
    TRACE_REQUIRED = "03"
    NO_OR_MULTIPLE_MATCH = "04"
    CONFLICT = "05"
    IN_PROGRESS = "06"
    NOT_REQUIRED = "07"
    POSTPONED = "08"


class Reliability(Enum):
    """Whether a date of birth was stated or guessed (PID-32 `ED`, ruling 20)."""

    STATED = "stated"
    ESTIMATED = "estimated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """The details that identify a person beside the number: for matching (ruling 20), sealed in inputs."""

    family: str | None = field(default=None, repr=False)
    given: str | None = field(default=None, repr=False)
    birth_date: date | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanKey:
    """Which plan of a person: authority, type and start day (ruling 10)."""

    authority: OdsCode
    plan_type: PlanType
    start: date


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanContent:
    """
    One version of one plan as its authority recorded it (dossier 3.1); days are Europe/London.

    `end` is the last day, for an unborn plan the due date. `deleted` is the delete date of R6. Telephone
    numbers are digits with an optional leading `+`. `verified` says that R12 agreed with the demographic
    source, `restricted` that the authority marks the record (ruling 24). Raises `InvalidFact` for an unborn
    plan without an end.
    """

    authority: OdsCode
    plan_type: PlanType
    start: date
    end: date | None = None
    deleted: date | None = None
    authority_name: str
    phone_office: str | None = None
    phone_emergency: str
    details: Details
    child_id: str | None = field(default=None, repr=False)
    verified: bool = False
    restricted: bool = False

    def __post_init__(self) -> None:
        """Refuse an unborn plan without its due date (dossier 3.1)."""
        if self.plan_type is PlanType.UNBORN and self.end is None:
            raise InvalidFact("an unborn plan must carry its end date")

    @property
    def key(self) -> PlanKey:
        """Which plan this is a version of."""
        return PlanKey(authority=self.authority, plan_type=self.plan_type, start=self.start)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanFact:
    """An authority said, in file `file_id`, that a plan has this content. Times are aware UTC."""

    content: PlanContent
    recorded_at: datetime
    received_at: datetime
    file_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitMessage:
    """
    One hospital message about one visit (dossier 6.4).

    `message_id` is the keyed digest of the received bytes, `visit` the visit's reference keyed per NHS
    number (rulings 6, 42), `system` MSH-3, `provider` MSH-4. `recorded_at` is EVN-2, failing that MSH-7;
    `sent_at` MSH-7; `sequence` MSH-13; `occurred_at` EVN-6. The fields below `# registers` are None where
    the message leaves them alone; where it clears one (`""`, R41) the field's name stands in `cleared`.
    `mothers` are keyed references of whom it names as a baby's mother (ruling 26).
    """

    message_id: str
    visit: str
    provider: OdsCode
    system: str
    control_id: str
    event: VisitEvent
    recorded_at: datetime
    sent_at: datetime
    received_at: datetime
    sequence: int | None = None
    occurred_at: datetime | None = None
    # registers
    patient_class: str | None = None
    admission_type: str | None = None
    location: str | None = None
    site: OdsCode | None = None
    arrived_at: datetime | None = None
    departed_at: datetime | None = None
    disposition: str | None = None
    reason: Reason | None = None
    acuity: str | None = None
    arrival_mode: str | None = None
    number_status: NumberStatus | None = None
    birth_date_reliability: Reliability | None = None
    restricted: bool | None = None
    cancel_reason: str | None = None
    next_of_kin_relationship: str | None = None
    clinician_role: str | None = None
    clinician_name: str | None = field(default=None, repr=False)
    next_of_kin_name: str | None = field(default=None, repr=False)
    accompanied_by: str | None = field(default=None, repr=False)  # of a declared field alone (29)
    family: str | None = field(default=None, repr=False)
    given: str | None = field(default=None, repr=False)
    birth_date: date | None = field(default=None, repr=False)
    mothers: tuple[str, ...] | None = field(default=None, repr=False)
    cleared: frozenset[str] = frozenset()
    several_numbers: bool | None = None  # NHS numbers that differ; None where it names no usable one (42)


REGISTERS: tuple[str, ...] = tuple(
    entry.name
    for entry in fields(VisitMessage)
    if entry.default is None and entry.name not in {"sequence", "occurred_at", "several_numbers"}
)
"""The last-writer-wins registers of a visit: the fields that a message may set or clear."""

SEALED_REGISTERS = (
    "clinician_name", "next_of_kin_name", "accompanied_by", "family", "given", "birth_date", "mothers",
)  # fmt: skip
"""Those that travel sealed in inputs (architecture, "Sealed fields")."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitLeft:
    """
    A visit goes on under another number: it was recorded under the wrong person (ruling 44).

    Made by intake and keyed by the former number, it never names the other, nor says anything of the message
    that moved the visit: it tells the newest message that came under the former number. `message_id` and
    `control_id` are that one's, and so are `recorded_at`, `sent_at` and `sequence`, by which it is ordered
    (ruling 37): never later than its receipt. `received_at` is cut to the minute, so that no record of
    another person has the same time.
    """

    visit: str
    message_id: str
    control_id: str
    recorded_at: datetime
    sent_at: datetime
    received_at: datetime
    sequence: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """
    A person looked this child up (ruling 1, R23, R54).

    `unscheduled` False is a silent read: it tells nobody (R23); a missing indicator is True (R24). `user` is
    the keyed reference of who looked (ruling 48), None where only the name is known.
    """

    access_id: str
    organisation: OdsCode
    organisation_name: str
    role: str
    user_name: str = field(repr=False)
    user: str | None = None
    unscheduled: bool = True
    accessed_at: datetime
    recorded_at: datetime
    received_at: datetime


class IdentityKind(StrEnum):
    """What a notice about the person's identity, or about the number it is keyed by, says."""

    RESTRICTED = "restricted"
    """The person's whereabouts are to be protected (ruling 24)."""
    RESTRICTION_LIFTED = "restriction lifted"
    """They need no more protection: the demographic source alone can say so (ruling 24)."""
    EXCLUDED = "excluded"
    """An authority's or a provider's word that a user must not see the person (ruling 48)."""
    EXCLUSION_ENDED = "exclusion ended"
    """Whoever said so of a user says so no more (ruling 48)."""
    BIRTH_DATE = "date of birth"
    """The source holds this date of birth (ruling 13)."""
    PREGNANCY_ENDED = "pregnancy ended"
    """The authority's word that a pregnancy ended without a birth (ruling 43)."""
    STILLBIRTH = "stillbirth"
    """A birth notice's word of a stillbirth (43); of a twin born alive it says nothing."""
    STILLBIRTH_TAKEN_BACK = "stillbirth taken back"
    """A birth notice was corrected: what was said of a stillbirth until then does not hold (43)."""
    BORN_TO = "born to"
    """A birth notice corrected whose child the person is, or was taken back: no other notice links (26)."""
    SUPERSEDED = "superseded"
    """The number was replaced, and the source names its successor (ruling 22)."""
    NUMBER_CHANGE = "number change"
    """The number changed, and it is not said how: the source is asked (ruling 38)."""
    IN_USE = "in use"
    """The source's answer that the number is valid: settles an enquiry, and what was said before."""
    INVALIDATED = "invalidated"
    """The number is no longer valid and has no successor: matching stops, what is known is sealed (23)."""
    CONFIRMED = "identity confirmed"
    """A person's word that a visit is of the one whose number it is under (rulings 20, 46)."""
    REFUSED = "not this person"
    """A person's word that it is not, as it was stated until then (ruling 46)."""
    UNSETTLED = "item unsettled"
    """A timer's word that nobody had said so of a visit by then (ruling 46)."""
    NO_OUTCOME = "no outcome received"
    """A timer's word that nothing had been heard of a visit's end by then (ruling 7)."""
    UNOPENED = "not opened"
    """A timer's word that nobody at an authority had opened what it was told of a visit by then (45)."""
    OPENED = "opened"
    """That every authority that was told of a visit has opened it, or acknowledged it (ruling 45)."""
    TIME_PASSED = "time passed"
    """A timer's word that it is that late for somebody of whom something is asked again (23, 26, 43)."""
    ON_HOLD = "on hold"
    """An operator's word that what comes in of the person is to wait (ADR 0036)."""
    HOLD_ENDED = "hold ended"
    """That it need wait no more: an operator's word, or a matcher's, since none may wait for long."""


ABOUT_A_USER = frozenset({IdentityKind.EXCLUDED, IdentityKind.EXCLUSION_ENDED})
"""The kinds that speak of one user: whether they must not see the person (48)."""
_K = IdentityKind
ABOUT_A_VISIT = frozenset({_K.CONFIRMED, _K.REFUSED, _K.UNSETTLED, _K.NO_OUTCOME, _K.UNOPENED, _K.OPENED})
"""The kinds that speak of one visit: whose it is (46), how it ended (7), if what was told is opened (45)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityNotice:
    """
    The source's word about a person or number (13, 22, 24, 38), an authority's that a pregnancy ended (43).

    Either side says who is excluded (48), a person whose a visit is (46). `successor` is what replaced a
    superseded number, `birth_date` goes with the kind of that name, `user` is the keyed reference of a user
    in `ABOUT_A_USER`, `visit` that of a visit in `ABOUT_A_VISIT`; each is None for every other kind, and
    `mother`, as birth notices name her, for all but `BORN_TO`. `named_by` is whose word of a user it is, None
    where that is not said. Raises `InvalidFact` for one out of place.
    """

    notice_id: str
    kind: IdentityKind
    successor: NhsNumber | None = field(default=None, repr=False)
    recorded_at: datetime
    received_at: datetime
    birth_date: date | None = field(default=None, repr=False)
    user: str | None = None
    named_by: OdsCode | None = None
    visit: str | None = None
    mother: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Refuse a notice without what it is about, or with what it is not about."""
        if (self.birth_date is not None) != (self.kind is IdentityKind.BIRTH_DATE):
            raise InvalidFact("a date of birth goes with a notice of that kind, and with no other")
        if (self.successor is not None) != (self.kind is IdentityKind.SUPERSEDED):
            raise InvalidFact("a superseded number has a successor, and no other notice names one")
        if (self.user is not None) != (self.kind in ABOUT_A_USER):
            raise InvalidFact("an exclusion names a user, and no other notice does")
        if self.named_by is not None and self.kind not in ABOUT_A_USER:
            raise InvalidFact("whose word it is, no notice says but of a user")
        if (self.visit is not None) != (self.kind in ABOUT_A_VISIT):
            raise InvalidFact("a word about a visit names the visit, and no other notice does")
        if self.mother is not None and self.kind is not IdentityKind.BORN_TO:
            raise InvalidFact("whose child the person is, no other notice says")


@dataclass(frozen=True, slots=True, kw_only=True)
class Birth:
    """
    A hospital's message, or a birth notice, said that a baby is a child of the person (ruling 26).

    Keyed by the mother. `visit` is the reference under the baby's number of the visit that said so, None for
    a notice; `born` its date of birth, None where nothing said when; `restricted` that the baby's record is
    (24). `recorded_at` is the source's stamp; `received_at` is cut to the minute, so that no record of the
    baby has the same time. The same statement has the same `birth_id`. `named` is by what the visit's
    messages, or notices, name the mother; `void` that they do so no more: in a baby's record for good, in a
    mother's by what the baby's said last, `settled_at` by the clock of its partition, None where it has not.
    """

    birth_id: str
    baby: NhsNumber = field(repr=False)
    born: date | None = field(default=None, repr=False)
    visit: str | None = field(default=None, repr=False)
    named: str | None = field(default=None, repr=False)
    restricted: bool = False
    void: bool = False
    settled_at: datetime | None = None
    recorded_at: datetime
    received_at: datetime


def is_doubtful(doubt: int) -> bool:
    """Return whether a count of how often a person came into doubt and out of it ends in doubt."""
    return doubt % 2 == 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Cover:
    """
    What a matcher knows of the unborn child's plans of a baby's mother: they cover the baby (ruling 26).

    Keyed by the baby. `plans` hold no details of the mother, `losses` are when the authority said that the
    pregnancy had ended (43), `restricted` when her record was last marked (24) by the newest `recorded_at`,
    the clock of her partition; `exclusions` who must not see her (48). `mother` is None, and her child id
    gone, once her number is not in use (23). `doubt` is that of `Person` (41; ADR 0047).
    """

    mother: NhsNumber | None = field(repr=False)
    births: tuple[Birth, ...]
    plans: tuple[PlanFact, ...]
    losses: tuple[datetime, ...] = ()
    restricted: datetime | None = None
    doubt: int = 0
    exclusions: tuple[UserWord, ...] = ()
    recorded_at: datetime
    received_at: datetime

    @property
    def in_doubt(self) -> bool:
        """Whether something of the mother waits, or was set aside, by what she said last."""
        return is_doubtful(self.doubt)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkEnded:
    """
    The number of a mother or a baby, keyed by who is to forget it in their record (rulings 22, 23, 26).

    `number` is the other's; `covered`: the baby stays so by what is known of it.
    """

    number: NhsNumber = field(repr=False)
    covered: bool = False
    received_at: datetime

    @property
    def recorded_at(self) -> datetime:
        """When a matcher made it: it is received at once."""
        return self.received_at


Fact = PlanFact | VisitMessage | VisitLeft | Access | IdentityNotice | Birth | Cover | LinkEnded
"""Everything the matcher folds."""
