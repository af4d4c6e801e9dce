"""
The same visits by each of the three doors of hospitals: whoever is told cannot tell by which they came.

HL7 v2 over MLLP, FHIR R4 and a record of the provider's own topic say each message; the rows are of rulings
that are about visits alone.
"""

from collections.abc import Callable, Iterator
from datetime import datetime

import pytest

from broker.core.facts import VisitMessage
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.worklist import ItemKind
from broker.wire.adt import read_adt
from broker.wire.fhir import read_fhir
from broker.wire.visit_reading import Context, VisitReading
from tests.builders.adt import Adt, Patient
from tests.builders.fhir import VISITS, message, written
from tests.builders.hospital_record import READER, as_record
from tests.spec.doors import at
from tests.spec.outcome import NOTHING, Outcome
from tests.spec.runtimes import run_core
from tests.spec.settled import KEY, POLICY
from tests.spec.table import RECEIVED_AFTER, facts, rows

NUMBER = NhsNumber("9990000018")
PLAN = """
    recorded | fact | about   | values
    T-9d     | plan | CPP E09 |
"""

Door = Callable[[Adt, Context], VisitReading]
"""Says a message as a door's senders do, and reads it as the door does."""


def by_mllp(adt: Adt, context: Context) -> VisitReading:
    """Return what HL7 v2 says."""
    return read_adt(adt.text().encode(), context)


def by_fhir(adt: Adt, context: Context) -> VisitReading:
    """Return what a message Bundle says."""
    return read_fhir(written(message(adt)), context, _system)


def by_topic(adt: Adt, context: Context) -> VisitReading:
    """Return what a record says."""
    return READER.read(as_record(adt.text().encode()), context)


def _system(_provider: OdsCode, uri: str) -> str | None:
    """Return the sending system that numbers its visits so."""
    return "EDSYS" if uri == VISITS else None


def said(messages: str) -> Iterator[Adt]:
    """Yield the messages of a row: minutes after `T`, event, values of PV1; no number where it says so."""
    for serial, one in enumerate(messages.split("; ")):
        minutes, event, *values = one.split()
        fields = dict(value.split("=") for value in values)
        number = fields.pop("number", NUMBER.digits)
        timed: dict[str, str] = {
            name: at(int(fields.pop(name))) for name in ("arrived", "departed") if name in fields
        }
        yield Adt(
            event=event,
            control_id=f"C{serial}",
            recorded=at(int(minutes)),
            patient=Patient(number=None if number == "none" else number, born="20140412"),
            pv1={"visit": "v1", "class": "E", "arrived": at(0), **fields, **timed},
        )


def outcome_by(door: Door, messages: str) -> Outcome:
    """Return what comes of a plan and of these messages, each received a minute after its recording."""
    read: list[tuple[NhsNumber | None, VisitMessage]] = []
    for adt in said(messages):
        recorded = datetime.strptime(f"{adt.recorded}+0000", "%Y%m%d%H%M%S%z")
        context = Context(key=KEY, received_at=recorded + RECEIVED_AFTER)
        reading = door(adt, context)
        read.append((reading.number, reading.message))
    [plan] = facts(PLAN)
    return run_core([(NUMBER, plan), *read], POLICY)


STORIES = rows("""
    messages                                 | state                     | arrived_at | departed_at | location
    0 A04                                    | present                   | T          | -           | -
    0 A04 arrived=-30; 10 A08 arrived=-20    | present                   | T-20m      | -           | -
    0 A01 class=I                            | admitted                  | T          | -           | -
    0 A01 class=I type=21                    | admitted                  | T          | -           | -
    0 A01 class=I type=11                    | -                         | -          | -           | -
    0 A04 class=P                            | -                         | -          | -           | -
    0 A04 class=O                            | present                   | T          | -           | -
    0 A04 class=P; 30 A08 class=E            | present                   | T          | -           | -
    0 A04; 30 A08 class=P                    | present                   | T          | -           | -
    0 A04; 60 A02 location=WARD              | present                   | T          | -           | WARD
    0 A04; 60 A11                            | cancelled by the hospital | T          | -           | -
    60 A11; 0 A04                            | cancelled by the hospital | T          | -           | -
    0 A04; 60 A11; 90 A04                    | present                   | T          | -           | -
    0 A04; 90 A03 departed=85 disposition=12 | left before treatment     | T          | T+1h+25m    | -
    90 A03 departed=85 disposition=12; 0 A04 | left before treatment     | T          | T+1h+25m    | -
    0 A04; 90 A03 departed=85; 95 A13        | present                   | T          | -           | -
    0 A04 location=ED restricted=S           | present                   | T          | -           | -
""")
"""Messages of a visit, `minutes event values`, and what its authority is told; the ids are the doors' own."""

_COLUMNS = "to | state | arrived_at | departed_at | location"


@pytest.mark.parametrize("door", [by_mllp, by_fhir, by_topic])
@pytest.mark.parametrize(("messages", "told"), [(row[0], row[1:]) for row in STORIES])
def test_whichever_door_a_visit_comes_by_the_same_is_told(
    door: Door, messages: str, told: tuple[str, ...]
) -> None:
    """Every alert stands alike, and what is scheduled alerts by none (rulings 1 to 6, 16, 24, 29 and 37)."""
    outcome = outcome_by(door, messages)
    shared = told[0] != NOTHING

    assert ["shared" if shared else "ruling 3: scheduled setting"] == [*outcome.whys.values()]
    assert ([("la E09", *told)] if shared else []) == outcome.alerts(_COLUMNS)[:1]
    assert outcome_by(by_mllp, messages).standing == outcome.standing


@pytest.mark.parametrize("door", [by_mllp, by_fhir, by_topic])
@pytest.mark.parametrize("number", ["none", "9990000019", "1111111111"])
def test_whichever_door_it_comes_by_a_visit_without_a_usable_number_is_work(door: Door, number: str) -> None:
    """Nobody is told, and somebody is to find out who it is (rulings 21 and 35)."""
    outcome = outcome_by(door, f"0 A04 number={number}")

    assert ([], [(ItemKind.POSSIBLE_MATCH, True, "C0")]) == (outcome.standing, outcome.asked)
