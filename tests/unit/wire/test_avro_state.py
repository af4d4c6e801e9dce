"""The records of `cpis.people`."""

from dataclasses import replace
from io import BytesIO

import pytest
from fastavro import parse_schema, schemaless_writer
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.core.alerts import EventKind
from broker.core.errors import MalformedMessage
from broker.core.facts import Cover
from broker.core.identifiers import NhsNumber
from broker.core.partition import NEW, Forwarding, PartitionState
from broker.core.person import Person, Told, lift
from broker.runtime.codecs import load_schemas
from broker.wire.avro import frame, schema_id_of
from broker.wire.state_codec import StateCodec
from tests.spec.table import facts
from tests.state_strategies import forwardings, partition_states, people
from tests.unit.wire.shipped import shipped_schema

SCHEMAS = load_schemas()
CODEC = StateCodec(SCHEMAS)
NUMBER = NhsNumber("9990000018")


@settings(deadline=None, max_examples=60)
@given(person=people())
def test_a_person_is_read_back(person: Person) -> None:
    """Everything that is known of and was told about a person survives its record."""
    assert person == CODEC.decode_person(person.number, CODEC.encode_person(person))


@settings(deadline=None, max_examples=60)
@given(person=people())
def test_the_child_id_of_what_was_told_is_kept(person: Person) -> None:
    """The child id of a told alert counts in no comparison, and is kept all the same."""
    read = CODEC.decode_person(person.number, CODEC.encode_person(person))

    assert _child_ids(person) == _child_ids(read)


def _child_ids(person: Person) -> list[str | None]:
    """Return the child id of every told alert."""
    return [told.alert.child_id for told in person.told.values() if told.alert is not None]


@settings(deadline=None, max_examples=60)
@given(state=partition_states())
def test_a_partitions_record_is_read_back(state: PartitionState) -> None:
    """The record `#p` survives."""
    assert state == CODEC.decode_partition(CODEC.encode_partition(state))


def test_a_new_partition_has_a_record() -> None:
    """The state before the first start can be written like any other."""
    assert NEW == CODEC.decode_partition(CODEC.encode_partition(NEW))


@given(forwarding=forwardings())
def test_a_forwarding_record_is_read_back(forwarding: Forwarding) -> None:
    """A forwarding record survives."""
    assert forwarding == CODEC.decode_forwarding(CODEC.encode_forwarding(forwarding))


@settings(deadline=None, max_examples=30)
@given(person=people(), state=partition_states(), forwarding=forwardings())
def test_the_three_records_are_told_apart(
    person: Person, state: PartitionState, forwarding: Forwarding
) -> None:
    """The schema id says which of the three a record is."""
    read = [
        CODEC.decode_any(person.number.key, CODEC.encode_person(person)),
        CODEC.decode_any(b"#p", CODEC.encode_partition(state)),
        CODEC.decode_any(NUMBER.key, CODEC.encode_forwarding(forwarding)),
    ]

    assert [person, state, forwarding] == read


def test_a_record_of_another_topic_is_malformed() -> None:
    """Nothing but the three belongs into the topic."""
    data = SCHEMAS.encode("access_details", {"user_name": "x"})

    with pytest.raises(MalformedMessage, match="access_details in people"):
        CODEC.decode_any(NUMBER.key, data)


@pytest.mark.parametrize("key", [b"#p", b"9990000019", b"\xff\xff"])
def test_a_person_under_a_key_that_is_no_number_is_malformed(key: bytes) -> None:
    """A person's record stands under a usable NHS number only."""
    data = CODEC.encode_person(Person(number=NUMBER, salt=b"salt"))

    with pytest.raises(MalformedMessage, match="InvalidNhsNumber in person"):
        CODEC.decode_any(key, data)


def test_a_shrunk_row_of_the_ledger_is_read_back() -> None:
    """A closed visit keeps revision and kind of what was told, without its content."""
    told = Told(revision=3, kind=EventKind.RAISED, alert=None)
    person = Person(number=NUMBER, salt=b"s", told={"a": told})

    assert person == CODEC.decode_person(NUMBER, CODEC.encode_person(person))


@settings(deadline=None, max_examples=40)
@given(person=people())
def test_a_person_has_the_bytes_of_the_witness(person: Person) -> None:
    """`fastavro` writes the same record with the same bytes."""
    data = CODEC.encode_person(person)
    witness = BytesIO()
    schemaless_writer(
        witness,
        parse_schema(shipped_schema("person"), named_schemas={}),
        SCHEMAS.decode("person", data),
    )

    assert data == frame(schema_id_of(data), witness.getvalue())


@settings(deadline=None, max_examples=200)
@given(
    name=st.sampled_from(["person", "partition", "forwarding"]),
    body=st.binary(max_size=200),
)
def test_any_bytes_end_in_a_record_or_are_malformed(name: str, body: bytes) -> None:
    """Foreign bytes never raise anything but `MalformedMessage`."""
    ids = {
        "person": schema_id_of(CODEC.encode_person(Person(number=NUMBER, salt=b""))),
        "partition": schema_id_of(CODEC.encode_partition(NEW)),
        "forwarding": schema_id_of(
            CODEC.encode_forwarding(Forwarding(to=NUMBER, stamp=NEW.clock, last_used=NEW.clock))
        ),
    }
    try:
        read = CODEC.decode_any(NUMBER.key, frame(ids[name], body))
    except MalformedMessage:
        return

    assert isinstance(read, Person | PartitionState | Forwarding)


def test_what_is_kept_by_details_is_told_apart_from_people() -> None:
    """A report counts it by itself; of what a newer release wrote nothing is said."""
    assert CODEC.of_details(CODEC.encode_partition(NEW)) is None
    assert CODEC.of_details(frame(65_000, b"")) is None


def test_a_void_link_is_read_back() -> None:
    """A restarted matcher does not take it up again (ruling 26)."""
    [cover] = facts("recorded | fact | about | values\nT | cover | UCP E09 | born=D-1 start=D-10 end=D+20")
    assert isinstance(cover, Cover)
    void = replace(cover, births=tuple(replace(birth, void=True) for birth in cover.births))
    person = Person(number=NUMBER, salt=bytes(16)).learn(lift(void))

    assert person == CODEC.decode_person(person.number, CODEC.encode_person(person))
