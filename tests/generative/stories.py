"""
Stories, the facts of one person: few visits, few plans, times and values where the rulings divide.

Values come from small sets on both sides of every boundary, so that facts meet: equal stamps, the same visit,
the last visible day, the minute after the cut-off.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from broker.core.facts import (
    ABOUT_A_USER,
    ABOUT_A_VISIT,
    Access,
    Birth,
    Cover,
    Details,
    Fact,
    IdentityKind,
    IdentityNotice,
    NumberStatus,
    PlanContent,
    PlanFact,
    PlanType,
    Reliability,
    VisitEvent,
    VisitLeft,
    VisitMessage,
)
from broker.core.holding import HOLDS
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.person import NOTHING, Known, lift, merge
from broker.core.user_words import UserWord
from broker.core.visit_reason import Reason
from tests.generative.naive_times import believed, counted
from tests.generative.picking import Picking

SUCCESSOR = NhsNumber("9990000026")
MOTHERS = [NhsNumber("9990000999"), NhsNumber("9990001006")]
BABY = NhsNumber("9990001014")
"""Of other partitions: nobody of the stories has these numbers."""
T = datetime(2026, 1, 10, 10, tzinfo=UTC)

_HOURS = (-960, -170, -168, -49, -48, -25, -24, -3, -2, -1, 0, 0, 0, 1, 1, 2, 3, 14, 24, 25, 26, 48, 72, 73)
_DAYS = (-400, -9, 7, 10, 14, 15, 20, 21, 22, 30)
_MOMENTS = [
    T + span + timedelta(minutes=minutes)
    for span in [*(timedelta(hours=n) for n in _HOURS), *(timedelta(days=n) for n in _DAYS)]
    for minutes in (0, 0, 1, -1)
]
_RECEIVED_AFTER = [timedelta(minutes=n) for n in (0, 1, 1, 1, 1, 60, 119, 121, 1_500, 1_501, 28_800, -30)]
NEVERS = [
    datetime.min.replace(tzinfo=UTC),
    datetime(1899, 12, 31, 23, 59, tzinfo=UTC),
    datetime(1900, 1, 1, tzinfo=UTC),
    datetime.max.replace(tzinfo=UTC, microsecond=999_000),
]
"""Times that nothing was recorded at, and on the other side of the boundary one that is believed (37)."""
_PLAN_DAYS = [T.date() + timedelta(days=n) for n in (-366, -365, -100, -29, -28, -2, -1, 0, 1, 2, 14)]
_STARTS = [T.date() + timedelta(days=n) for n in (-500, -500, -500, -100, 1, 2)]

_AUTHORITIES = [OdsCode(code) for code in ("E09", "E09", "E09", "E08", "E20", "E21")]
_ENDS_OR_NONE = [None, None, *_PLAN_DAYS]
_DELETED = [None, None, None, T.date()]
_EITHER = (False, True)
_SELDOM = (*[False] * 9, True)
_TIMES_OF_FIFTY = range(49, -1, -1)
_EVENTS = list(VisitEvent)
_ORGANISATIONS = [OdsCode(code) for code in ("RXX", "RXX01", "RLL", "RYY")]
_LATE_MOMENTS = _MOMENTS[-20:]
_WORDS = sorted(ABOUT_A_VISIT)
_KINDS = [
    *(kind for kind in IdentityKind if kind not in ABOUT_A_VISIT | HOLDS),
    *(IdentityKind.PREGNANCY_ENDED, IdentityKind.PREGNANCY_ENDED, IdentityKind.EXCLUDED),  # seldom decide
    *[IdentityKind.TIME_PASSED] * 4,  # asked again takes two
    *(IdentityKind.STILLBIRTH, IdentityKind.STILLBIRTH_TAKEN_BACK),  # one of them alone decides little
]
_UNBORN_STARTS = [T.date() + timedelta(days=n) for n in (-100, -100, -40, -2, 3)]
"""Of a mother's plans; one of the baby's own may start on the first of these days, too."""

_DUE_DAYS = [T.date() + timedelta(days=n) for n in (-90, -40, -29, -28, -1, 0, 60)]
_BORN = [None, *(T.date() + timedelta(days=n) for n in (-101, -100, -60, -41, -40, -29, -28, -28, -2, -1, 0))]
_MOTHERS = (MOTHERS[0], MOTHERS[0], MOTHERS[1], None)
_LOSSES = ((), (), (), (T - timedelta(hours=1),), (T + timedelta(days=3),))
_MARKED = (*[None] * 9, T)
_LINKING = (None, None, "v1")  # a notice, or a visit
_NAMED = ("one", "one", "another", None)
"""By what a visit, or a birth notice, names a mother."""

_NAMES = (
    ("Sample", "Robin", date(2014, 4, 12)),
    ("SAMPLE", "Robin-Jo", date(2014, 12, 4)),
    ("Other", "Alex", date(2013, 1, 1)),
    ("Østby", "Robin", None),
    ("Sample", "Alex", None),
    (None, "Baby", None),
    ("Sample", "Robin", date(2008, 1, 10)),
)
_DETAILS = [Details(family=family, given=given, birth_date=born) for family, given, born in _NAMES]
_REGISTERED = [_DETAILS[0], _DETAILS[0], *_DETAILS]
"""Mostly the first, so that a visit and a plan agree."""

_BIRTHS = [date(2014, 4, 12), date(2008, 1, 9), date(2008, 1, 10), date(2008, 1, 11), date(2008, 2, 29)]
"""Under age, and with the 18th birthday about T."""

PROVIDERS = {"v1": "RXX", "v2": "RXX", "v3": "RLL", "v4": "RLL", "v5": "RWW", "v6": "RTT", "v7": "RXX"}
"""Whose each visit is."""
_VISITS = ["v1", "v1", "v1", "v2", "v2", "v3", "v3", "v3", "v4", "v5", "v6"]
_TYPES = [PlanType.CHILD_PROTECTION, *PlanType]
_ADMITTED: dict[str, Any] = {"patient_class": "I", "admission_type": "21", "event": VisitEvent.ADMITTED}
_IN_ERROR: dict[str, Any] = {"event": VisitEvent.CANCELLED, "cancel_reason": "ERR"}
_ENDS: list[dict[str, Any]] = [
    *({"event": VisitEvent.DISCHARGED, "disposition": code} for code in ("7", "10", "12", "13")),
    {"event": VisitEvent.TRANSFERRED, "disposition": "7"},
]
_UNNAMED: dict[str, Any] = {
    "family": None,
    "given": None,
    "birth_date": None,
    "number_status": NumberStatus.VERIFIED,
}

_WRITES: list[dict[str, Any]] = [
    *({"patient_class": value} for value in ("E", "E", "E", "I", "O", "O", "P")),
    *({"admission_type": value} for value in ("21", "11", "99")),
    *({"location": value} for value in ("ED", "CLINIC", "WALKIN", "WALKIN", "HAVEN")),
    *({"site": OdsCode(value)} for value in ("RXX01", "RLLSX")),
    *({"disposition": value} for value in ("1", "3", "5", "7", "10", "12", "13")),
    *({"cancel_reason": value} for value in ("ERR", "OTHER")),
    *({"number_status": value} for value in NumberStatus),
    *({"birth_date_reliability": value} for value in Reliability),
    *({"reason": value} for value in (Reason.FALL, Reason.FEVER)),
    *({"acuity": value} for value in "12"),
    *({"restricted": value} for value in (True, False)),
    *({"sequence": value} for value in (1, 2)),
    {"arrival_mode": "A"},
    {"next_of_kin_relationship": "3", "next_of_kin_name": "Jo Sample"},
    {"clinician_role": "consultant", "clinician_name": "Dr A"},
    {"accompanied_by": "a grandmother"},
    *({"family": one.family, "given": one.given, "birth_date": one.birth_date} for one in _DETAILS),
    *({"cleared": frozenset({name})} for name in ("departed_at", "disposition", "arrived_at", "location")),
    *({"cleared": frozenset({"given", "birth_date"})}, {"cleared": frozenset({"acuity"})}),
    *({"mothers": names} for names in (("one",), ("another",), ("one", "another"), ("-",), ("-", "one"))),
    *[_ADMITTED] * 6,
    *[_IN_ERROR, _UNNAMED, *_ENDS] * 3,
]
"""What a message may write beside its names: few registers each, so that they meet in many orders."""

_TIMES = ("arrived_at", "departed_at", "occurred_at", "sent_at")


def _stamps(pick: Picking) -> tuple[datetime, datetime]:
    """Return when something was recorded and received; seldom its source cannot have recorded it then."""
    at = pick.one(_MOMENTS)
    received_at = at + pick.one(_RECEIVED_AFTER)
    return pick.one(NEVERS) if pick.one(_TIMES_OF_FIFTY) == 0 else at, received_at


def _plan_fact(pick: Picking, place: int) -> PlanFact:
    """Return one version of one of a few plans; `place` makes its file its own."""
    kind = pick.one(_TYPES)
    recorded_at, received_at = _stamps(pick)
    content = PlanContent(
        authority=pick.one(_AUTHORITIES),
        plan_type=kind,
        start=pick.one(_STARTS),
        end=pick.one(_PLAN_DAYS if kind is PlanType.UNBORN else _ENDS_OR_NONE),
        deleted=pick.one(_DELETED),
        authority_name=f"Authority by F{place}",
        phone_emergency=f"0207000000{place}",
        details=pick.one(_REGISTERED),
        child_id=f"C-{place % 2}",
        verified=pick.one(_EITHER),
        restricted=pick.one(_SELDOM),
    )
    return PlanFact(content=content, recorded_at=recorded_at, received_at=received_at, file_id=f"F{place}")


def _visit_message(pick: Picking, place: int) -> VisitMessage:
    """Return one message of one of a few visits; `place` makes its id its own."""
    visit = pick.one(_VISITS)
    recorded_at, received_at = _stamps(pick)
    said: dict[str, Any] = {
        "event": pick.one(_EVENTS),
        "sent_at": recorded_at,
        "family": _DETAILS[0].family,
        "given": _DETAILS[0].given,
        "birth_date": _DETAILS[0].birth_date,
    }
    for _ in range(pick.one(range(4))):
        said |= pick.one(_WRITES)
    if pick.one(_EITHER):
        said[pick.one(_TIMES)] = pick.one(_MOMENTS)
    return VisitMessage(
        message_id=f"m{place}",
        visit=visit,
        provider=OdsCode(PROVIDERS[visit]),
        system="EDSYS",
        control_id=pick.one("abc"),
        recorded_at=recorded_at,
        received_at=received_at,
        **said,
    )


def _leaving(pick: Picking, messages: Sequence[VisitMessage]) -> VisitLeft:
    """Return that a visit left the number after one of its messages."""
    last = pick.one(messages)
    return VisitLeft(
        visit=last.visit,
        message_id=last.message_id,
        control_id=last.control_id,
        recorded_at=counted(last),
        sent_at=believed(last.sent_at, last.received_at),
        sequence=last.sequence,
        received_at=last.received_at + pick.one(_RECEIVED_AFTER),
    )


def _access(pick: Picking, place: int) -> Access:
    """Return one view, mostly recorded as it happened."""
    recorded_at, received_at = _stamps(pick)
    return Access(
        access_id=f"a{place}",
        organisation=pick.one(_ORGANISATIONS),
        organisation_name="Exton Hospital",
        role="nurse",
        user_name="A Nurse",
        user=pick.one((None, "u1", "u1", "u2")),
        unscheduled=pick.one((True, True, False)),
        accessed_at=recorded_at if recorded_at not in NEVERS and pick.one(_EITHER) else pick.one(_MOMENTS),
        recorded_at=recorded_at,
        received_at=received_at,
    )


def _notice(pick: Picking, place: int) -> IdentityNotice:
    """Return one notice; here a successor is named, and nobody goes there."""
    kind = pick.one(_KINDS)
    recorded_at, received_at = (_cut_stamps if kind is IdentityKind.BORN_TO else _stamps)(pick)
    return IdentityNotice(
        notice_id=f"n{place}",
        kind=kind,
        successor=SUCCESSOR if kind is IdentityKind.SUPERSEDED else None,
        recorded_at=recorded_at,
        received_at=received_at,
        birth_date=pick.one(_BIRTHS) if kind is IdentityKind.BIRTH_DATE else None,
        user=pick.one(("u1", "u2")) if kind in ABOUT_A_USER else None,
        named_by=pick.one((None, *_AUTHORITIES[:1])) if kind in ABOUT_A_USER else None,
        mother=pick.one((*_NAMED, "-")) if kind is IdentityKind.BORN_TO else None,
    )


def _word(pick: Picking, place: int, visits: Sequence[str]) -> IdentityNotice:
    """Return what a person or a timer says of one of these visits, mostly late enough to count."""
    recorded_at = pick.one(_MOMENTS if pick.one(_EITHER) else _LATE_MOMENTS)
    return IdentityNotice(
        notice_id=f"w{place}",
        kind=pick.one(_WORDS),
        recorded_at=recorded_at,
        received_at=recorded_at + pick.one(_RECEIVED_AFTER),
        visit=pick.one(visits),
    )


def _cut_stamps(pick: Picking) -> tuple[datetime, datetime]:
    """Return when something was recorded and received, sometimes in the minute to which receipts are cut."""
    recorded_at, received_at = _stamps(pick)
    if recorded_at in NEVERS or pick.one(range(4)):
        return recorded_at, received_at
    return recorded_at + timedelta(seconds=pick.one((20, 40))), recorded_at


def _birth(pick: Picking, place: int, visits: Sequence[str | None]) -> Birth:
    """Return that a baby was born; `place` makes its id its own."""
    recorded_at, received_at = _cut_stamps(pick)
    visit = pick.one(visits)
    return Birth(
        birth_id=f"b{place}",
        baby=BABY,
        born=pick.one(_BORN),
        visit=visit,
        named=pick.one(_NAMED),
        restricted=pick.one(_SELDOM),
        recorded_at=recorded_at,
        received_at=received_at,
    )


def _settled_birth(pick: Picking, birth: Birth) -> list[Birth]:
    """Return a birth, and what the baby's record says of it, sometimes that it links no more (26, 43)."""
    words = []
    for _ in range(pick.one((0, 0, 1, 1, 2))):
        at = pick.one(_MOMENTS)
        words.append(replace(birth, void=pick.one(_EITHER), settled_at=at, received_at=at))
    return [birth, *words]


def _cover(pick: Picking, place: int) -> Cover:
    """Return what covers the person, of one of two mothers or of one whose number is not in use."""
    recorded_at = pick.one(_MOMENTS)
    plans = [_unborn(pick, 10 * place + one) for one in range(pick.one((0, 1, 1, 1, 1, 2, 2, 2, 2)))]
    births = [_birth(pick, 10 * place + one, _LINKING) for one in range(pick.one((1, 2)))]
    return Cover(
        mother=pick.one(_MOTHERS),
        births=tuple(births),
        plans=tuple(plans),
        losses=pick.one(_LOSSES),
        restricted=pick.one(_MARKED),
        doubt=pick.one((0, 0, 0, 1, 2)),
        exclusions=_exclusions(pick),
        recorded_at=recorded_at,
        received_at=recorded_at + pick.one(_RECEIVED_AFTER),
    )


def _exclusions(pick: Picking) -> tuple[UserWord, ...]:
    """Return what a mother's record says of users, of most nothing (48)."""
    return tuple(
        UserWord(
            user=pick.one(("u1", "u2")),
            named_by=pick.one((None, *_AUTHORITIES[:1])),
            said_at=pick.one(_MOMENTS),
            excludes=pick.one((True, True, False)),
        )
        for _ in range(pick.one((0, 0, 0, 1, 2)))
    )


def _in_use_again(pick: Picking, cover: Cover) -> list[Cover]:
    """Return what is kept of a mother whose number is out of use, and what she says when it is not (23)."""
    births = (replace(one, birth_id=f"nobody's {one.birth_id}", named=None) for one in cover.births)
    plans = (replace(one, content=replace(one.content, child_id=None), file_id="") for one in cover.plans)
    nobodys = replace(cover, mother=None, births=tuple(births), plans=tuple(plans))
    more = (*cover.plans, _unborn(pick, 50)) if pick.one(_EITHER) else cover.plans
    words = (*cover.exclusions, *_exclusions(pick))
    return [nobodys, replace(cover, mother=MOTHERS[0], plans=more, exclusions=words)]


def _unborn(pick: Picking, place: int) -> PlanFact:
    """Return one time an unborn child's plan was said, as it comes to the baby."""
    plan = _plan_fact(pick, place)
    content = replace(
        plan.content,
        plan_type=PlanType.UNBORN,
        start=pick.one(_UNBORN_STARTS),
        end=pick.one(_DUE_DAYS),
        details=Details(),
        restricted=False,
    )
    return replace(plan, content=content)


def _sequel(pick: Picking, plan: PlanFact) -> PlanFact:
    """Return a plan's removal or its end long ago, recorded around or after the cut-offs of most visits."""
    recorded_at = T + timedelta(days=pick.one((0, 1, 1, 14, 15, 22, 30)))
    removed = pick.one(_EITHER)
    ended, day = replace(plan.content, end=T.date() - timedelta(days=400)), T.date()
    content = replace(plan.content, deleted=day) if removed else ended
    return replace(plan, content=content, recorded_at=recorded_at, received_at=recorded_at, file_id="F9")


def _on_its_own(pick: Picking, plan: PlanFact) -> list[Fact]:
    """
    Return a visit that chance hardly makes, after a plan's record: nobody else tells of it.

    Its details disagree, nobody settled it in time, and somebody confirmed it; or they agree, and it went on
    at another provider.
    """
    at, details, day = counted(plan) + timedelta(hours=1), plan.content.details, timedelta(days=1)
    disagrees = pick.one(_EITHER)
    came = VisitMessage(
        message_id="own",
        visit="v7",
        provider=OdsCode(PROVIDERS["v7"]),
        system="EDSYS",
        control_id="a",
        event=VisitEvent.REGISTERED,
        recorded_at=at,
        sent_at=at,
        received_at=at,
        patient_class="E",
        family="Nobody" if disagrees else details.family,
        given="Else" if disagrees else details.given,
        birth_date=date(2001, 2, 3) if disagrees else details.birth_date,
    )
    if disagrees:
        said = ((IdentityKind.UNSETTLED, at + day), (IdentityKind.CONFIRMED, at + 2 * day))
        return [came, *(_said_of(came, kind, when) for kind, when in said)]
    later = at + timedelta(hours=2)
    left = replace(came, message_id="gone", event=VisitEvent.TRANSFERRED, disposition="7")
    return [came, replace(left, recorded_at=later, sent_at=later, received_at=later)]


def _said_of(message: VisitMessage, kind: IdentityKind, at: datetime) -> IdentityNotice:
    """Return what was said of a message's visit."""
    return IdentityNotice(
        notice_id=kind.value, kind=kind, visit=message.visit, recorded_at=at, received_at=at
    )


def story(pick: Picking) -> list[Fact]:
    """Return some facts about one person, in the order of their making."""
    plans = [_plan_fact(pick, place) for place in range(pick.one(range(1, 5)))]
    facts: list[Fact] = [*plans]
    if pick.one(_EITHER):
        facts.append(_sequel(pick, plans[0]))
    messages = [_visit_message(pick, place) for place in range(pick.one(range(8)))]
    facts += messages
    if messages and pick.one(range(4)) == 0:
        facts.append(_leaving(pick, messages))
    facts += [_access(pick, place) for place in range(pick.one((0, 0, 0, 1, 2)))]
    facts += [_notice(pick, place) for place in range(pick.one((0, 0, 0, 1, 2)))]
    if messages:
        visits = sorted({message.visit for message in messages})
        facts += [_word(pick, place, visits) for place in range(pick.one((0, 0, 1, 2)))]
    if pick.one(range(3)) == 0:
        covers = [_cover(pick, place) for place in range(1, pick.one((2, 2, 3)))]
        facts += covers if pick.one(range(3)) else [*covers[1:], *_in_use_again(pick, covers[0])]
        if pick.one(_EITHER):  # else a plan of the baby's own is nearly always there
            facts = [fact for fact in facts if fact not in plans]
    elif pick.one(range(6)) == 0:
        facts += _settled_birth(pick, _birth(pick, 0, (None,)))
    if pick.one(range(20)) == 0:
        facts += _on_its_own(pick, plans[0])
    return facts


def known_of(facts: Sequence[Fact]) -> Known:
    """Return what is known from facts."""
    known = NOTHING
    for fact in facts:
        known = merge(known, lift(fact))
    return known
