"""Facts, codecs and a played-out matcher for tests: everything a matcher needs but a Kafka."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import count

from broker.adapters.memory_sealing import MemorySealer
from broker.core.alerts import AlertEvent
from broker.core.errors import InvalidNhsNumber
from broker.core.facts import (
    Access,
    Birth,
    Details,
    Fact,
    IdentityKind,
    IdentityNotice,
    NumberStatus,
    PlanContent,
    PlanFact,
    PlanType,
    VisitEvent,
    VisitMessage,
)
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.keyed import IdentityKey
from broker.ports import Record, Sealer, Write
from broker.runtime.codecs import load_schemas
from broker.runtime.parts import PUBLISHED_TEST_KEY
from broker.services.matching import Codecs
from broker.services.matching_turns import Notice, Pace
from broker.wire.alerts_codec import AlertCodec
from broker.wire.avro import Schemas
from broker.wire.cloudevents import FACT_TYPE, CloudEvent, write_headers
from broker.wire.details_codec import DetailsCodec
from broker.wire.facts_codec import FactCodec, topic_of
from broker.wire.records_codec import RecordsCodec
from broker.wire.state_codec import StateCodec

KEY = IdentityKey(PUBLISHED_TEST_KEY)
NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
AUTHORITY = OdsCode("211")
PROVIDER = OdsCode("RQX")
SALT = bytes(range(32))
DETAILS = Details(family="Testcase", given="Ada", birth_date=date(2017, 3, 1))

_LOOK_AGAIN_S = 0.005

HURRIED = Pace(
    poll_wait_ms=10, offsets_every_s=0.0, topics_every_s=0.0, backoff_s_min=0.01, backoff_s_max=0.05
)
"""For tests that wait for what happens, not for the clock."""


@cache
def schemas() -> Schemas:
    """Return the shipped schemas, parsed once for the whole run."""
    return load_schemas()


def make_codecs(sealer: Sealer | None = None) -> Codecs:
    """Return the codecs over one sealer."""
    sealer = sealer or MemorySealer()
    return Codecs(
        facts=FactCodec(schemas(), sealer),
        states=StateCodec(schemas()),
        alerts=AlertCodec(schemas()),
        records=RecordsCodec(schemas(), sealer),
        details=DetailsCodec(schemas(), sealer),
    )


def numbers() -> Iterator[NhsNumber]:
    """Yield NHS numbers kept for tests, always the same ones in the same order."""
    for serial in count():
        for check in range(10):
            try:
                yield NhsNumber(f"999{serial:06d}{check}")
            except InvalidNhsNumber:
                continue
            break


def plan(
    *,
    authority: OdsCode = AUTHORITY,
    start: date = date(2026, 1, 1),
    recorded_at: datetime = NOON - timedelta(days=30),
    received_at: datetime | None = None,
    deleted: date | None = None,
    details: Details = DETAILS,
) -> PlanFact:
    """Return a child protection plan, in force from January 2026."""
    return PlanFact(
        content=PlanContent(
            authority=authority,
            plan_type=PlanType.CHILD_PROTECTION,
            start=start,
            deleted=deleted,
            authority_name=f"Council {authority}",
            phone_emergency="02079460000",
            details=details,
            child_id="C-1",
            verified=True,
        ),
        recorded_at=recorded_at,
        received_at=received_at or recorded_at,
        file_id="file-1",
    )


def unborn(
    *,
    start: date = date(2026, 4, 1),
    end: date = date(2026, 7, 1),
    recorded_at: datetime = NOON - timedelta(days=20),
    authority_name: str = f"Council {AUTHORITY}",
    file_id: str = "file-9",
) -> PlanFact:
    """Return an unborn child's plan, on file from April 2026."""
    return PlanFact(
        content=PlanContent(
            authority=AUTHORITY,
            plan_type=PlanType.UNBORN,
            start=start,
            end=end,
            authority_name=authority_name,
            phone_emergency="02079460000",
            details=replace(DETAILS, birth_date=date(1999, 3, 1)),
            child_id="U-1",
            verified=True,
        ),
        recorded_at=recorded_at,
        received_at=recorded_at,
        file_id=file_id,
    )


def birth(
    baby: NhsNumber,
    *,
    at: datetime = NOON,
    born: date | None = date(2026, 5, 3),
    visit: str | None = None,
    restricted: bool = False,
) -> Birth:
    """Return that a baby was born, as a notice or a message of its visit says it."""
    return Birth(
        birth_id=f"{baby.digits} {born} {visit} {restricted}",
        baby=baby,
        born=born,
        visit=visit,
        restricted=restricted,
        recorded_at=at,
        received_at=at,
    )


def attendance(
    visit: str = "visit-1",
    *,
    at: datetime = NOON,
    event: VisitEvent = VisitEvent.REGISTERED,
    message_id: str | None = None,
    provider: OdsCode = PROVIDER,
    details: Details = DETAILS,
) -> VisitMessage:
    """Return a message of an unscheduled visit, received a second after it was recorded."""
    return VisitMessage(
        message_id=message_id or f"{visit}-{event}",
        visit=visit,
        provider=provider,
        system="ED",
        control_id=f"c-{visit}",
        event=event,
        recorded_at=at,
        sent_at=at,
        received_at=at + timedelta(seconds=1),
        arrived_at=at,
        patient_class="E",
        number_status=NumberStatus.VERIFIED,
        family=details.family,
        given=details.given,
        birth_date=details.birth_date,
    )


def access(access_id: str = "access-1", *, at: datetime = NOON) -> Access:
    """Return a view by a clinician."""
    return Access(
        access_id=access_id,
        organisation=PROVIDER,
        organisation_name="Homerton",
        role="nurse",
        user_name="Nurse Test",
        accessed_at=at,
        recorded_at=at,
        received_at=at,
    )


def notice(notice_id: str = "notice-1", *, at: datetime = NOON) -> IdentityNotice:
    """Return a restriction by the demographic source."""
    return IdentityNotice(notice_id=notice_id, kind=IdentityKind.RESTRICTED, recorded_at=at, received_at=at)


def _sender(fact: Fact) -> str | None:
    """Return who sends a fact, where intake says so."""
    match fact:
        case PlanFact():
            return fact.content.authority.code
        case VisitMessage():
            return fact.provider.code
        case _:
            return None


def fact_write(codec: FactCodec, fact: Fact, number: NhsNumber, partition: int | None = None) -> Write:
    """Return a fact as intake writes it."""
    headers = write_headers(
        CloudEvent(
            event_id=KEY.derive("test", repr(fact)),
            source="urn:cpis:test",
            event_type=FACT_TYPE,
            time=fact.received_at,
            sender=_sender(fact),
        )
    )
    return Write(topic_of(fact), number.key, codec.encode(fact, number), headers, partition)


def events_of(codec: AlertCodec, records: Iterable[Record]) -> list[AlertEvent]:
    """Return the alert events of records, without what the authority alone is told."""
    events = [codec.decode_event(record.value or b"") for record in records]
    return [replace(event, alert=replace(event.alert, child_id=None, file_id=None)) for event in events]


class Reported:
    """What a matcher reported."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.notices: list[tuple[Notice, dict[str, int | str]]] = []

    def __call__(self, notice: Notice, fields: Mapping[str, int | str]) -> None:
        """Take a report."""
        self.notices.append((notice, dict(fields)))

    def kinds(self) -> list[Notice]:
        """Return the notices without their fields."""
        return [notice for notice, _ in self.notices]

    def fields(self, kind: Notice) -> list[dict[str, int | str]]:
        """Return the fields of every notice of a kind."""
        return [fields for notice, fields in self.notices if notice is kind]


async def pause(seconds: float) -> None:
    """Let others work, between two looks at a condition or until a moment that chance has chosen."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.Event().wait()


async def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Return as soon as `condition` holds; raise `TimeoutError` after `seconds`."""
    async with asyncio.timeout(seconds):
        while not condition():
            await pause(_LOOK_AGAIN_S)


def play(scenario: Callable[[], Awaitable[None]], seconds: float = 90.0) -> None:
    """Run an asynchronous scenario with a deadline."""

    async def timed() -> None:
        async with asyncio.timeout(seconds):
            await scenario()

    asyncio.run(timed())
