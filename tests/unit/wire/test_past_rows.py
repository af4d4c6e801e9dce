"""The history of a person survives its record, and goes along to another number (R25; ruling 22)."""

from datetime import UTC, datetime

from broker.core.alerts import Occasion, VisitState
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.past import Past
from broker.core.person import Person
from broker.runtime.codecs import load_schemas
from broker.wire.state_codec import StateCodec

AT = datetime(2026, 3, 2, 12, tzinfo=UTC)
HISTORY = (
    Past(
        subject="v1",
        occasion=Occasion.ATTENDED,
        at=AT,
        organisation=OdsCode("RXX"),
        organisation_name="Exton",
        state=VisitState.LEFT_BEFORE_TREATMENT,
    ),
    Past(
        subject="a1",
        occasion=Occasion.VIEWED,
        at=AT,
        organisation=OdsCode("RYY"),
        organisation_name="Wye",
        role="nurse",
        user_name="A Nurse",
    ),
)


def test_a_history_is_read_back() -> None:
    """Every field of visits and of views."""
    person = Person(number=NhsNumber("9990000018"), salt=b"s", history=HISTORY)
    codec = StateCodec(load_schemas())

    assert person == codec.decode_person(person.number, codec.encode_person(person))
