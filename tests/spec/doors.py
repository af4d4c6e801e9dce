"""What hospitals send, as bytes, read into facts as intake reads them."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from broker.core.facts import Fact
from broker.core.identifiers import NhsNumber
from broker.core.policy import Policy
from broker.core.senders import PERSONS
from broker.services.attendances import Attendances
from broker.services.numberless import Numberless
from broker.services.numbers_in_use import NumbersInUse
from broker.wire.adt import read_adt
from broker.wire.adt_other import read_other
from broker.wire.facts_codec import FactCodec
from broker.wire.records_codec import Door
from broker.wire.visit_reading import Context
from tests.builders.adt import Adt
from tests.builders.matcher import make_codecs
from tests.spec.settled import KEY
from tests.spec.table import RECEIVED_AFTER, T, nobodys


def at(minutes: int) -> str:
    """Return a time so many minutes after `T` as HL7 writes it; on that day London keeps UTC."""
    return f"{T + timedelta(minutes=minutes):%Y%m%d%H%M%S}"


def taken(sent: Iterable[Adt]) -> Iterator[tuple[NhsNumber | None, Fact]]:
    """
    Yield the facts of messages in the order in which they come, received a minute after their recording.

    Each with the number that it comes under; of a visit that moves, what is said of the one it left (44).
    """
    codecs = make_codecs()
    in_use = NumbersInUse(KEY, horizon=timedelta(days=400))
    attendances = Attendances(codecs.facts, Numberless(codecs.details, policy=Policy(), key=KEY), in_use)
    for message in sent:
        data = message.text().encode()
        received_at = datetime.strptime(f"{message.recorded}+0000", "%Y%m%d%H%M%S%z") + RECEIVED_AFTER
        context = Context(key=KEY, received_at=received_at, in_use=attendances.in_use)
        if message.event in PERSONS:
            yield from _told_of_person(data, context, attendances, codecs.facts)
            continue
        reading = read_adt(data, context)
        if reading.number is None:
            attendances.numberless.kept(b"", reading.message, Door.MLLP)
            yield None, nobodys(reading.message, reading.mothers)
            continue
        borne_at = attendances.borne_at(reading.number, reading.message)
        marked = attendances.numberless.marked(reading.message, reading.unnumbered, borne_at=borne_at)
        told = attendances.told(reading.number, marked)
        attendances.note(told.facts)
        yield from told.facts


def _told_of_person(
    data: bytes, context: Context, attendances: Attendances, codec: FactCodec
) -> Iterator[tuple[NhsNumber, Fact]]:
    """Yield the facts of a message about a person and no visit."""
    reading = read_other(data, context)
    assert reading is not None
    assert reading.person is not None
    for write in attendances.of_person(reading.person, context.received_at):
        yield reading.person.number, codec.decode(write.topic, write.key or b"", write.value or b"")
