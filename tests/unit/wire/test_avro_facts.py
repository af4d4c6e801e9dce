"""Facts in the input topics: round trips, what is sealed, and what a peer's bytes may do."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broker.adapters.memory_sealing import MemorySealer
from broker.core.errors import MalformedMessage, NaiveTime, UnsealingFailed
from broker.core.facts import (
    SEALED_REGISTERS,
    Access,
    Details,
    Fact,
    IdentityKind,
    IdentityNotice,
    PlanContent,
    PlanFact,
    PlanType,
    VisitEvent,
    VisitLeft,
    VisitMessage,
)
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.person import Person
from broker.core.succession import Merged, Passage
from broker.core.visit_reason import Reason
from broker.ports import INPUTS, Topic
from broker.runtime.codecs import load_schemas
from broker.wire.avro_values import millis
from broker.wire.envelope import bound_to, seal_row
from broker.wire.fact_rows import plan_details_row
from broker.wire.facts_codec import SCHEMA_BY_TOPIC, Arrival, FactCodec, schema_of, topic_of
from tests.state_strategies import people
from tests.strategies import facts, leavings, nhs_numbers, plan_facts, times, visit_messages

NUMBER = NhsNumber("9990000018")
OTHER_NUMBER = NhsNumber("9990000026")
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
SCHEMAS = load_schemas()
SEALER = MemorySealer()
CODEC = FactCodec(SCHEMAS, SEALER)

PLAN = PlanFact(
    content=PlanContent(
        authority=OdsCode("E09"),
        plan_type=PlanType.LOOKED_AFTER,
        start=date(2026, 1, 5),
        authority_name="Exton",
        phone_emergency="02079460001",
        details=Details(family="Sample", given="Robin", birth_date=date(2016, 4, 12)),
        child_id="LA-7781",
    ),
    recorded_at=NOON,
    received_at=NOON,
    file_id="file-1",
)
MESSAGE = VisitMessage(
    message_id="0a" * 16,
    visit="0b" * 16,
    provider=OdsCode("RXX"),
    system="EDSYS",
    control_id="EDSYS0001",
    event=VisitEvent.REGISTERED,
    recorded_at=NOON,
    sent_at=NOON,
    received_at=NOON,
    reason=Reason.FALL,
    clinician_name="Attending Person",
    next_of_kin_name="Alex Sample",
    family="Sample",
    given="Robin",
    birth_date=date(2016, 4, 12),
)
ACCESS = Access(
    access_id="0c" * 16,
    organisation=OdsCode("RXX"),
    organisation_name="Exton Hospital",
    role="Nurse",
    user_name="Looking Person",
    accessed_at=NOON,
    recorded_at=NOON,
    received_at=NOON,
)
NOTICE = IdentityNotice(notice_id="n-1", kind=IdentityKind.RESTRICTED, recorded_at=NOON, received_at=NOON)
BORN = replace(NOTICE, kind=IdentityKind.BIRTH_DATE, birth_date=date(2016, 4, 12))


def decoded(fact: Fact, **changes: Any) -> Fact:
    """Return a fact written, some fields of its row changed, and read again."""
    topic = topic_of(fact)
    name = SCHEMA_BY_TOPIC[topic]
    row = SCHEMAS.decode(name, CODEC.encode(fact, NUMBER))
    for field, value in row.items():
        if isinstance(value, datetime):  # rows are read as times and written as milliseconds
            row[field] = int(value.timestamp() * 1000)
    return CODEC.decode(topic, NUMBER.key, SCHEMAS.encode(name, row | changes))


@settings(deadline=None)
@given(fact=facts(), number=nhs_numbers())
def test_a_fact_is_read_back(fact: Fact, number: NhsNumber) -> None:
    """Whatever the fact, its record under the same key returns it."""
    assert fact == CODEC.decode(topic_of(fact), number.key, CODEC.encode(fact, number))


def test_every_input_topic_has_its_facts() -> None:
    """The topics known here are the inputs of the matcher, no more and no fewer."""
    assert {topic.value for topic in INPUTS} == set(SCHEMA_BY_TOPIC)


@pytest.mark.parametrize(
    ("fact", "topic"),
    [
        pytest.param(PLAN, Topic.PLANS, id="plan"),
        pytest.param(MESSAGE, Topic.ATTENDANCES, id="attendance"),
        pytest.param(ACCESS, Topic.ACCESSES, id="access"),
        pytest.param(NOTICE, Topic.IDENTITY, id="identity"),
    ],
)
def test_a_fact_belongs_to_one_topic(fact: Fact, topic: Topic) -> None:
    """The kind of a fact says where it goes."""
    assert topic == topic_of(fact)


def test_a_recorder_sees_no_date_of_birth_in_a_notice() -> None:
    """The day is not in the bytes of an input record, though the same notice with another day is as long."""
    value = CODEC.encode(BORN, NUMBER)

    details = SCHEMAS.encode("identity_details", {"birth_date": BORN.birth_date})
    assert details[5:] not in value
    assert BORN == CODEC.decode(Topic.IDENTITY, NUMBER.key, value)


@pytest.mark.parametrize(
    ("fact", "secrets"),
    [
        pytest.param(PLAN, [b"Sample", b"Robin", b"LA-7781"], id="plan"),
        pytest.param(MESSAGE, [b"Attending", b"Alex", b"Sample", b"Robin"], id="attendance"),
        pytest.param(ACCESS, [b"Looking"], id="access"),
    ],
)
def test_a_recorder_sees_no_name(fact: Fact, secrets: list[bytes]) -> None:
    """Names and the child id are not in the bytes of an input record."""
    value = CODEC.encode(fact, NUMBER)

    assert [] == [secret for secret in secrets if secret in value]


def test_the_number_is_not_in_the_value() -> None:
    """The NHS number is the key a fact travels under, not part of it."""
    assert NUMBER.key not in CODEC.encode(MESSAGE, NUMBER)


@pytest.mark.parametrize("fact", [PLAN, MESSAGE, ACCESS], ids=["plan", "attendance", "access"])
def test_a_record_moved_to_another_person_does_not_open(fact: Fact) -> None:
    """The seal is bound to the number: nobody's details turn up under somebody else's key."""
    value = CODEC.encode(fact, NUMBER)

    with pytest.raises(UnsealingFailed):
        CODEC.decode(topic_of(fact), OTHER_NUMBER.key, value)


def test_a_seal_moved_to_another_kind_of_record_does_not_open() -> None:
    """The seal is bound to the schema too."""
    envelope = SCHEMAS.decode("plan", CODEC.encode(PLAN, NUMBER))["sealed"]

    with pytest.raises(UnsealingFailed):
        decoded(MESSAGE, sealed=envelope)


def test_a_message_without_details_has_nothing_sealed() -> None:
    """Where there is nothing to hide, nothing is sealed, and the fact is read all the same."""
    fact = replace(
        MESSAGE, clinician_name=None, next_of_kin_name=None, family=None, given=None, birth_date=None
    )
    value = CODEC.encode(fact, NUMBER)

    assert SCHEMAS.decode("attendance", value)["sealed"] is None
    assert fact == CODEC.decode(Topic.ATTENDANCES, NUMBER.key, value)


@settings(deadline=None)
@given(one=plan_facts(), other=plan_facts(), numbers=st.tuples(nhs_numbers(), nhs_numbers()))
def test_a_recorder_sees_no_more_of_a_plan_than_whose_it_is(
    one: PlanFact, other: PlanFact, numbers: tuple[NhsNumber, NhsNumber]
) -> None:
    """Any two plans of an authority in one file look alike in clear, so that neither tells the other (23)."""
    said = {name: getattr(one.content, name) for name in ("authority", "authority_name")}
    said |= {name: getattr(one.content, name) for name in ("phone_office", "phone_emergency")}
    alike = replace(
        other,
        content=replace(other.content, **said),
        file_id=one.file_id,
        received_at=one.received_at,
    )
    in_clear = [
        SCHEMAS.decode("plan", CODEC.encode(fact, number)) | {"sealed": None}
        for fact, number in zip((one, alike), numbers, strict=True)
    ]

    assert in_clear[0] == in_clear[1]


def test_a_topic_without_facts_is_malformed() -> None:
    """No other topic holds facts."""
    with pytest.raises(MalformedMessage, match=r"cpis\.alerts"):
        CODEC.decode(Topic.ALERTS, NUMBER.key, CODEC.encode(MESSAGE, NUMBER))


def test_a_fact_in_another_topic_is_malformed() -> None:
    """A plan among the attendances is no attendance."""
    with pytest.raises(MalformedMessage, match="plan instead of attendance"):
        CODEC.decode(Topic.ATTENDANCES, NUMBER.key, CODEC.encode(PLAN, NUMBER))


@pytest.mark.parametrize(
    ("fact", "changes"),
    [
        pytest.param(MESSAGE, {"event": "UNKNOWN"}, id="event of a newer release"),
        pytest.param(MESSAGE, {"number_status": "UNKNOWN"}, id="number status of a newer release"),
        pytest.param(MESSAGE, {"provider": "no code"}, id="provider that is no code"),
        pytest.param(NOTICE, {"kind": "UNKNOWN"}, id="notice of a newer release"),
        pytest.param(ACCESS, {"organisation": "?"}, id="organisation that is no code"),
    ],
)
def test_what_decides_and_is_not_known_is_malformed(fact: Fact, changes: dict[str, Any]) -> None:
    """A symbol or code that decides never becomes something else: the record is refused."""
    with pytest.raises(MalformedMessage):
        decoded(fact, **changes)


@pytest.mark.parametrize("plan_type", ["UNKNOWN", "UNBORN"])
def test_a_plan_of_a_type_that_it_cannot_be_is_malformed(plan_type: str) -> None:
    """One of a newer release, or an unborn child's without an end: refused, though it can be opened."""
    row = plan_details_row(PLAN.content) | {"recorded_at": millis(PLAN.recorded_at), "plan_type": plan_type}
    bound = bound_to("plan_details", NUMBER.key)

    with pytest.raises(MalformedMessage):
        decoded(PLAN, sealed=seal_row(SEALER, SCHEMAS.encode("plan_details", row), bound))


def test_a_reason_of_a_newer_release_is_other() -> None:
    """A reason decides nothing, so one that was added to the short list later is `other`."""
    assert replace(MESSAGE, reason=Reason.OTHER) == decoded(MESSAGE, reason="UNKNOWN")


def test_a_time_without_zone_is_never_written() -> None:
    """A naive time is refused, not taken for the machine's own zone."""
    with pytest.raises(NaiveTime):
        CODEC.encode(replace(MESSAGE, recorded_at=NOON.replace(tzinfo=None)), NUMBER)


def test_a_time_is_cut_to_the_millisecond() -> None:
    """What is finer than a millisecond is cut off, never rounded up."""
    fine = replace(NOTICE, recorded_at=NOON.replace(microsecond=1999))

    value = CODEC.encode(fine, NUMBER)

    assert replace(fine, recorded_at=NOON.replace(microsecond=1000)) == CODEC.decode(
        Topic.IDENTITY, NUMBER.key, value
    )


@settings(deadline=None, max_examples=300)
@given(
    topic=st.sampled_from(list(SCHEMA_BY_TOPIC)),
    fact=st.one_of(plan_facts(), visit_messages()),
    at=st.integers(0, 2000),
    noise=st.binary(min_size=1, max_size=8),
)
def test_altered_bytes_end_in_a_fact_or_are_refused(topic: str, fact: Fact, at: int, noise: bytes) -> None:
    """Bytes that were altered anywhere never raise anything but `MalformedMessage` or `UnsealingFailed`."""
    value = CODEC.encode(fact, NUMBER)
    altered = value[: at % len(value)] + noise + value[at % len(value) + len(noise) :]
    try:
        read = CODEC.decode(topic, NUMBER.key, altered)
    except (MalformedMessage, UnsealingFailed):
        return

    assert topic == topic_of(read)


def test_an_attendance_tells_its_visit_without_a_key() -> None:
    """Everything but what is sealed stands in clear; anything else is refused."""
    without_key = FactCodec(SCHEMAS, MemorySealer())

    sealed: dict[str, Any] = dict.fromkeys(SEALED_REGISTERS)

    assert replace(MESSAGE, **sealed) == without_key.message_in_clear(CODEC.encode(MESSAGE, NUMBER))
    with pytest.raises(MalformedMessage):
        without_key.message_in_clear(CODEC.encode(PLAN, NUMBER))


def passages() -> st.SearchStrategy[Passage]:
    """Return how facts came to a number."""
    numbers = st.lists(nhs_numbers(), min_size=1, max_size=8).map(tuple)
    return st.builds(Passage, numbers=numbers, stamp=times())


@given(fact=facts(), passage=passages(), number=nhs_numbers())
@settings(deadline=None, max_examples=60)
def test_a_fact_that_was_sent_on_is_read_as_it_was_written(
    fact: Fact, passage: Passage, number: NhsNumber
) -> None:
    """Under its first number, with its bytes unchanged; how it came is known beside it (ruling 22)."""
    value = CODEC.encode(fact, passage.numbers[0])
    wrapped = CODEC.wrap(value, passage, number)
    arrival = CODEC.read(topic_of(fact), number.key, wrapped)

    assert Arrival(fact=fact, value=value, number=passage.numbers[0], passage=passage) == arrival
    with pytest.raises(UnsealingFailed):
        CODEC.read(topic_of(fact), OTHER_NUMBER.key if number != OTHER_NUMBER else NUMBER.key, wrapped)


@given(fact=facts(), number=nhs_numbers())
@settings(deadline=None, max_examples=30)
def test_a_fact_that_lies_where_it_was_written_came_from_nowhere(fact: Fact, number: NhsNumber) -> None:
    """It is its own first number's."""
    value = CODEC.encode(fact, number)

    assert Arrival(fact=fact, value=value, number=number) == CODEC.read(topic_of(fact), number.key, value)


@given(person=people(), passage=passages(), received_at=times())
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_what_was_known_and_told_is_read_as_it_was_written(
    person: Person, passage: Passage, received_at: datetime
) -> None:
    """But for salt and audit, which stay behind."""
    merged = Merged(
        stamp=passage.stamp,
        received_at=received_at,
        known=person.known,
        told=person.told,
        items=person.items,
        closed=person.closed,
        untold=person.untold,
        history=person.history,
    )
    inner = CODEC.encode_merged(merged, passage.numbers[0])
    arrival = CODEC.read(Topic.IDENTITY, NUMBER.key, CODEC.wrap(inner, passage, NUMBER))

    assert Arrival(fact=merged, value=inner, number=passage.numbers[0], passage=passage) == arrival


@pytest.mark.parametrize("topic", [topic for topic in INPUTS if topic is not Topic.IDENTITY])
def test_what_was_known_and_told_lies_in_one_input_only(topic: Topic) -> None:
    """In any other it is no fact."""
    inner = CODEC.encode_merged(Merged(stamp=NOON, received_at=NOON), OTHER_NUMBER)
    passage = Passage(numbers=(OTHER_NUMBER,), stamp=NOON)

    with pytest.raises(MalformedMessage):
        CODEC.read(topic, NUMBER.key, CODEC.wrap(inner, passage, NUMBER))


def test_a_notice_shows_no_successor() -> None:
    """It is sealed, as what else identifies a person is (ruling 42)."""
    said = IdentityNotice(
        notice_id="n-2",
        kind=IdentityKind.SUPERSEDED,
        successor=OTHER_NUMBER,
        recorded_at=NOON,
        received_at=NOON,
    )
    value = CODEC.encode(said, NUMBER)

    assert OTHER_NUMBER.key not in value
    assert said == CODEC.decode(Topic.IDENTITY, NUMBER.key, value)


@given(leavings())
def test_that_a_visit_left_has_a_schema_of_its_own(left: VisitLeft) -> None:
    """It shares the topic of attendances, not their schema (ruling 44)."""
    assert ("visit_left", Topic.ATTENDANCES) == (schema_of(left), topic_of(left))
