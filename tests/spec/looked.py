"""How a specification's person is looked up: by the core alone, and by the service on a Kafka."""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta

from broker.core.answers import Checked, Feeds
from broker.core.everybody import Everybody
from broker.core.facts import Fact
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.keyed import user_reference
from broker.core.looking import Look, Looker, access_of, look_up
from broker.core.office_hours import OfficeHours
from broker.core.person import NOTHING, Known
from broker.core.policy import AnyPolicy
from broker.ports import Archive, FactLog
from broker.services.audited_access import AuditedAccess
from broker.services.desk_log import DeskLog
from broker.services.fact_desk import User
from broker.services.looking import Asking, Looking
from broker.services.matching import Codecs
from tests.builders.readers import readers_of
from tests.spec.answering import FEEDS, GROUNDS, LOOK_AGAIN_S, Around
from tests.spec.settled import KEY
from tests.spec.table import PROVIDER, moment

HOURS = {
    OdsCode("E09"): OfficeHours(weekdays=frozenset(range(6)), opens=time(9), closes=time(17)),
}
"""The office of E09 answers on working days and on Saturdays; `T` is a Saturday, ten o'clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Who looks, and when; the number is the first that the specification's facts came under."""

    asking: Asking
    at: datetime


LookAt = Callable[[Request], Look]
"""From who looks to what is answered."""


def request(said: str) -> Request:
    """
    Return a look as a table writes it: `at=T+1h by=RXX role=nurse user=u1 place=CLINIC unscheduled=no`.

    What it leaves out is a nurse of RXX in an unscheduled setting at `T`, whom nobody has excluded.
    """
    values = {"at": "T", "by": PROVIDER, "role": "nurse", "user": "u1"}
    values |= dict(part.split("=", 1) for part in shlex.split(said))
    setting = values.get("unscheduled")
    asking = Asking(
        organisation=OdsCode(values["by"]),
        organisation_name="Exton Hospital",
        role=values["role"],
        user=User(name="A Nurse", own_id=values["user"]),
        place=values.get("place"),
        unscheduled=None if setting is None else setting == "yes",
        request_id="r1",
    )
    return Request(asking=asking, at=moment(values["at"]))


def user_named(name: str, provider: str = PROVIDER) -> str:
    """Return the keyed reference of a user of a provider."""
    return user_reference(KEY, OdsCode(provider), name)


def number_of(sent: Sequence[tuple[NhsNumber | None, Fact]]) -> NhsNumber:
    """Return the number that the person of a specification is looked up by."""
    return next(number for number, _ in sent if number is not None)


def look_at_core(
    everybody: Everybody, policy: AnyPolicy, around: Around, sent: Sequence[tuple[NhsNumber | None, Fact]]
) -> LookAt:
    """Look the core's people up; everything that came is taken."""

    def look_at(asked: Request) -> Look:
        """Return the look at whoever has a record, else at who has messages alone, else at nobody."""
        asking, number = asked.asking, number_of(sent)
        person = next(iter(everybody.people.values()), None)
        waiting = everybody.waiting.get(number)
        known = NOTHING if waiting is None else Known(visits=waiting.known.visits)
        looker = Looker(
            organisation=asking.organisation,
            organisation_name=asking.organisation_name,
            role=asking.role,
            user_name=asking.user.name,
            user=user_named(asking.user.own_id or "", asking.organisation.code),
            place=asking.place,
            unscheduled=asking.unscheduled,
        )
        found = look_up(
            number if person is None else person.number,
            known if person is None else person.known,
            looker,
            access_of(looker, "looked", asked.at),
            policy,
            KEY,
            hours=HOURS,
            past=() if person is None else person.history,
        )
        waits = around.waits(found.looked)
        checked = replace(found.looked.checked, checked_at=asked.at, record_waiting=waits)
        if everybody.inactive:
            checked = Checked(not_in_use=True)
        return replace(found, looked=replace(found.looked, checked=checked)).answered(Feeds(known=1, stale=0))

    return look_at


def looking(archive: Archive, log: FactLog, codecs: Codecs, policy: AnyPolicy, at: datetime) -> Looking:
    """Return the service on a Kafka, at a moment."""
    access = AuditedAccess(
        archive=archive,
        readers=readers_of(codecs),
        log=DeskLog(log, codecs.records, key=KEY, clock=lambda: at),
        policy=policy,
        key=KEY,
        clock=lambda: at,
    )
    return Looking(
        access,
        feeds=FEEDS,
        hours=HOURS,
        look_again_s=LOOK_AGAIN_S,
        looks=round(timedelta(seconds=30) / timedelta(seconds=LOOK_AGAIN_S)),
    )


async def looked(service: Looking, sent: Sequence[tuple[NhsNumber | None, Fact]], asked: Request) -> Look:
    """Look the person of a specification up."""
    return await service.look(number_of(sent), asked.asking, GROUNDS)
