"""
A birth asks the authority whose unborn plan covers the baby to open the baby's own plan. Ruling 26; R34, C19.

It is asked whether or not the baby comes to a hospital again, and stands until it is answered by a plan of
the baby's own, whenever that is recorded, and is asked again as often as a timer says that a day has passed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from broker.core.alerts import Alert, Note, Occasion, Recipient, RecipientKind, Why
from broker.core.asking_again import next_time, reached, times_passed
from broker.core.birthdays import born_on
from broker.core.content import Matched, asking_alert, owner_of
from broker.core.facts import IdentityNotice
from broker.core.identifiers import NhsNumber, london_day
from broker.core.keyed import IdentityKey
from broker.core.newborn import counting, has_own_plan, said_at, timing_marks
from broker.core.plans import Due, Stay, Version, cutoff
from broker.core.policy import AnyPolicy, Policy

_ALWAYS = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """
    What is asked, by which policy; without alerts `why` says why nothing is.

    `again_at` is when it is to be asked once more, aware UTC, None for never.
    """

    subject: str
    alerts: Sequence[Alert]
    why: Why
    policy: Policy
    again_at: datetime | None = None


def birth_reference(key: IdentityKey, number: NhsNumber) -> str:
    """Return the reference of decisions about a person's birth."""
    return key.derive("birth", number.key)


def asked_of_authorities(
    number: NhsNumber,
    plans: Sequence[Sequence[Version]],
    notices: Iterable[IdentityNotice],
    losses: Sequence[datetime],
    policy: AnyPolicy,
    key: IdentityKey,
) -> Asked | None:
    """
    Return what is asked of the authorities whose plans cover a newborn; None for anybody else.

    Of a baby that was stillborn, by its own record or by the authority's word, nothing is asked (ruling 43).
    """
    covers = [versions for versions in plans if versions[0].newborn is not None]
    births = {birth for versions in covers if (newborn := versions[0].newborn) for birth in newborn.births}
    if not births:
        return None
    first, newest = min(map(said_at, births)), max(map(said_at, births))
    in_force = policy.at(first)
    until = cutoff(newest_at=newest, arrived_at=first, policy=in_force)
    stay = Stay(arrived_at=first, until=newest, cutoff=until, born_on=born_on(notices, until))
    pairs, why = counting(stay, covers, in_force)
    alive = [pair for pair in pairs if not _was_lost(pair, losses)]
    if len(alive) < len(pairs):
        pairs, why = alive, Why.PREGNANCY_ENDED
    if has_own_plan(plans, _ALWAYS, in_force):
        pairs, why = [], Why.OWN_PLAN
    subject = birth_reference(key, number)
    late = reached(notices)
    asked_at = newest if late is None else max(newest, late)  # who takes over is asked from then on (19)
    matched = [
        Matched(
            plan=pair,
            marks=timing_marks(pair, is_delayed=False),
            owner=owner_of(pair, in_force, asked_at),
        )
        for pair in pairs
    ]
    alerts = []
    for owner in sorted({line.owner for line in matched}):
        recipient = Recipient(kind=RecipientKind.AUTHORITY, code=owner)
        alert_id = key.derive("alert", recipient.kind, owner.code, subject, number.key)
        alerts.append(
            asking_alert(
                alert_id,
                subject,
                recipient,
                Occasion.BORN,
                [line for line in matched if line.owner == owner],
                notes=(Note.OPEN_OWN_PLAN,),
                asked_again=times_passed(first, in_force.authority(owner).asked_again, late),
            )
        )
    again = [next_time(first, in_force.authority(line.owner).asked_again, late) for line in matched]
    return Asked(subject=subject, alerts=alerts, why=why, policy=in_force, again_at=min(again, default=None))


def _was_lost(pair: Due, losses: Sequence[datetime]) -> bool:
    """Whether the pregnancy of a plan was said to have ended, whenever since its first day (ruling 43)."""
    said = [*losses, *(pair.newborn.losses if pair.newborn else ())]
    return any(london_day(lost_at) >= pair.shown.content.start for lost_at in said)
