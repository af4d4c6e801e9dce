"""When a pregnancy was said to have ended, and by which visits: ruling 43, with 20 and 46."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from broker.core.clock import last_of_minute
from broker.core.facts import IdentityKind, IdentityNotice, PlanType
from broker.core.identity_words import is_confirmed
from broker.core.leaving import staying_by
from broker.core.matching import match_over_time
from broker.core.number_answers import recorded
from broker.core.person import Known
from broker.core.plans import Version, registered
from broker.core.policy import AnyPolicy
from broker.core.reading import STILLBIRTH, Visit
from broker.core.visits import read_visits

_ALWAYS = datetime.max.replace(tzinfo=UTC)
_OVER = (IdentityKind.PREGNANCY_ENDED, IdentityKind.STILLBIRTH, IdentityKind.STILLBIRTH_TAKEN_BACK)

Plans = Iterable[Sequence[Version]]
"""The versions of each plan of a person, those of a mother's that cover a baby among them."""


def losses(
    visits: Iterable[Visit],
    notices: Iterable[IdentityNotice],
    plans: Plans,
    *,
    cutoff: datetime = _ALWAYS,
    judged: Visit | None = None,
) -> tuple[datetime, ...]:
    """
    Return when a pregnancy was said to have ended: by a stillbirth, or by the authority (ruling 43).

    A birth notice's word of a stillbirth does not hold that was taken back at its own time or later, and by
    the `cutoff` (ruling 10): at equal stamps what alerts wins (37). What an authority said, or a hospital,
    no notice takes back. A visit's word holds for every visit but itself, here the one `judged`: she was
    there before it ended, though of the visit nothing may be held but its departure (1). It does not hold
    where her details disagree with each of her unborn plans and nobody has confirmed who she is (20, 46):
    it may be another woman's loss. A notice's time is cut to the minute: it was said by the end of that.
    """
    words = list(notices)
    said = {kind: [recorded(notice) for notice in words if notice.kind is kind] for kind in _OVER}
    taken_back = [at for at in said[IdentityKind.STILLBIRTH_TAKEN_BACK] if at <= cutoff]
    stillborn = said[IdentityKind.STILLBIRTH]
    if taken_back:
        stillborn = [at for at in stillborn if at > max(taken_back)]
    stillborn = [last_of_minute(at) for at in stillborn]
    at_visits = [
        visit.departed_at or visit.newest_at
        for visit in visits
        if visit.stillbirth
        and (judged is None or visit.reference != judged.reference)
        and _is_hers(visit, words, plans, cutoff)
    ]
    return (*said[IdentityKind.PREGNANCY_ENDED], *stillborn, *at_visits)


def visits_heard_of(known: Known, by: datetime, policy: AnyPolicy) -> list[Visit]:
    """Return the visits as received by a time, none where no visit tells of a stillbirth (rulings 11, 43)."""
    stillbirth = any(one.disposition == STILLBIRTH for said in known.visits.values() for one in said.values())
    return read_visits(staying_by(known.visits, known.left, by), policy) if stillbirth else []


def _is_hers(visit: Visit, notices: Iterable[IdentityNotice], plans: Plans, cutoff: datetime) -> bool:
    """Whether a visit is of the woman whose number it is under, by her unborn plans recorded by a cut-off."""
    own = [
        [version for version in versions if version.recorded_at <= cutoff]
        for versions in plans
        if versions[0].newborn is None and versions[0].content.plan_type is PlanType.UNBORN
    ]
    by_hand = is_confirmed(notices, visit)
    matches = (match_over_time(visit.stated, registered(said), by_hand=by_hand) for said in own)
    return not own or any(match is not None for match in matches)
