"""
Tells the recorded stream of the demonstration: two days at two hospitals, two authorities.

`python -m tests.builders.demo_stream` writes it, and what the core makes of it, to `tests/fixtures/streams`.
Everybody in it is invented; the numbers are from the range kept for tests.
"""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from broker.adapters.memory_sealing import MemorySealer
from broker.runtime.parts import assemble
from broker.runtime.recorded import offline, play, shown
from broker.runtime.resources import demo_policy_file
from broker.runtime.settings import Settings
from broker.wire.stream import read_stream
from tests.builders.adt import Adt, Patient
from tests.builders.upload import Person, PlanBlock, Record, build_upload

STREAM = Path(__file__).parents[1] / "fixtures" / "streams" / "demo.jsonl"
EXPECTED = STREAM.with_name("demo.expected.json")

GIRL = Patient(
    number="9990000018", family="Quillfeather", given="Amberlyn", born="20100514", local_id="H1001"
)
SHARED = Patient(number="9990000026", family="Nightwillow", given="Corvin", born="20170903", local_id="H1002")
MOTHER = Patient(
    number="9990000034", family="Larkspurrow", given="Jessamy", born="19980127", local_id="H1003"
)
LATE = Patient(
    number="9990000115", family="Thistlewood", given="Peregrine", born="20190611", local_id="H1004"
)
CANCELLED = Patient(number="9992000015", family="Marrowby", given="Isolde", born="20140228", local_id="H1005")
NO_PLAN = Patient(number="9990000042", family="Ashgrove", given="Tobiah", born="20120710", local_id="H1006")
AGREES = Patient(
    number="9990000050", family="O'Farrowell", given="Zoë-Mae", born="20151104", status=None, local_id="H1007"
)
DISAGREES = Patient(
    number="9990000069", family="Pennington", given="Rupert", born="20110315", status=None, local_id="H1008"
)
WRONG_DIGIT = Patient(
    number="9990000019", family="Wexcombe", given="Bryony", born="20130909", local_id="H1009"
)
CLINIC = Patient(number="9990000077", family="Foxmoor", given="Lysander", born="20090822", local_id="H1010")

HACKNEY_GENERAL = "RXH"
MILE_END = "RXM"
TOWER_HAMLETS = {
    "authority": "211",
    "authority_name": "London Borough of Tower Hamlets",
    "telephones": (("WP", "tel:02079460211"), ("EC", "tel:02079460911")),
}
HACKNEY = {
    "authority": "204",
    "authority_name": "London Borough of Hackney",
    "telephones": (("WP", "tel:02079460204"), ("EC", "tel:02079460904")),
}


def _subject(patient: Patient, local_id: str, **differing: str) -> Person:
    """Return a patient as the authority registered it."""
    said = {"given": patient.given, "family": patient.family, "born": patient.born, **differing}
    return Person(number=patient.number, local_id=local_id, **said)


def _child(patient: Patient, local_id: str, kind: str, start: str, **differing: str) -> Record:
    """Return a record of a child's plan."""
    return Record(plans=(PlanBlock(kind=kind, start=start),), child=_subject(patient, local_id, **differing))


def _upload(at: str, about: str, authority: dict[str, Any], file_id: str, *records: Record) -> dict[str, str]:
    """Return a line of the upload door; the file was made ten minutes before it arrived."""
    created = at.translate(str.maketrans("", "", "-:TZ"))
    data = build_upload(records, file_id=file_id, created=created, **authority)
    return {"at": at, "door": "upload", "about": about, "raw": data.decode()}


def _adt(at: str, about: str, message: Adt) -> dict[str, str]:
    """Return a line of the hospital door."""
    return {"at": at, "door": "mllp", "about": about, "raw": message.text()}


def _emergency(visit: str, arrived: str, **said: str) -> dict[str, str]:
    """Return PV1 of an A&E attendance."""
    return {"class": "E", "location": "ED^^^RXH01", "visit": visit, "arrived": arrived, **said}


def lines() -> Iterator[dict[str, str]]:
    """Yield the stream in the order in which it arrived."""
    yield _upload(
        "2026-02-27T18:00:00Z",
        "Tower Hamlets uploads its plans: a looked-after girl placed in Hackney, and others",
        TOWER_HAMLETS,
        "TH-20260227",
        _child(GIRL, "TH-CH-1", "LAC", "202409010000"),
        _child(SHARED, "TH-CH-2", "CPP", "202511030000"),
        _child(AGREES, "TH-CH-3", "CPP", "202601120000", given="Zoe Mae", family="OFarrowell"),
        _child(CLINIC, "TH-CH-4", "CPP", "202512010000"),
    )
    yield _upload(
        "2026-02-27T18:30:00Z",
        "Hackney uploads its plans: an unborn child's on the mother's number, and others",
        HACKNEY,
        "HK-20260227",
        Record(
            plans=(PlanBlock(kind="UCP", start="202601100000", end="202604200000"),),
            child=None,
            mother=_subject(MOTHER, "HK-CH-1"),
        ),
        _child(SHARED, "HK-CH-2", "LAC", "202602020000"),
        _child(CANCELLED, "HK-CH-3", "CPP", "202510060000"),
        _child(
            DISAGREES, "HK-CH-4", "CPP", "202509150000", given="Matilda", family="Harrowgate", born="20160102"
        ),
    )
    yield from _sunday()
    yield from _monday()


def _sunday() -> Iterator[dict[str, str]]:
    """Yield the day before: the girl at a minor injuries unit."""
    visit = {"class": "E", "location": "MIU^^^RXM01", "visit": "M-1", "arrived": "20260301152000"}
    yield _adt(
        "2026-03-01T15:21:00Z",
        "The girl comes to a minor injuries unit",
        Adt(
            event="A04", control_id="MIU0001", recorded="20260301152030", patient=GIRL,
            provider=MILE_END, system="MIUSYS", pv2={"reason": "^Laceration"},
            pv1={**visit, "attending": "N222^Reedham^Ottilie^^^Sr"},
        ),
    )  # fmt: skip
    yield _adt(
        "2026-03-01T16:40:00Z",
        "… and goes home",
        Adt(
            event="A03", control_id="MIU0002", recorded="20260301164000", patient=GIRL,
            provider=MILE_END, system="MIUSYS",
            pv1={**visit, "disposition": "3", "departed": "20260301163500"},
        ),
    )  # fmt: skip


def _monday() -> Iterator[dict[str, str]]:
    """Yield the day at Hackney General."""
    late = _emergency("V-1", "20260302085500")
    yield _adt(
        "2026-03-02T08:56:00Z",
        "A boy comes to the emergency department; nobody has a plan for him yet",
        Adt(
            event="A04", control_id="HGH0001", recorded="20260302085540", patient=LATE,
            provider=HACKNEY_GENERAL, pv1=late, pv2={"reason": "^Burn to hand", "mode": "C"},
        ),
    )  # fmt: skip
    cancelled = _emergency("V-2", "20260302091000")
    yield _adt(
        "2026-03-02T09:11:00Z",
        "A girl on a plan is registered",
        Adt(
            event="A04", control_id="HGH0002", recorded="20260302091045", patient=CANCELLED,
            provider=HACKNEY_GENERAL, pv1=cancelled, pv2={"reason": "^Unwell child"},
        ),
    )  # fmt: skip
    yield _adt(
        "2026-03-02T09:30:00Z",
        "… and the registration is cancelled: no reason given",
        Adt(
            event="A11", control_id="HGH0003", recorded="20260302092950", patient=CANCELLED,
            provider=HACKNEY_GENERAL, pv1=cancelled,
        ),
    )  # fmt: skip
    shared = _emergency("V-3", "20260302094000", attending="C1234567^Okonkwo-Hale^Bram^^^Dr")
    yield _adt(
        "2026-03-02T09:41:00Z",
        "A boy with plans of two authorities comes",
        Adt(
            event="A04", control_id="HGH0004", recorded="20260302094035", patient=SHARED,
            provider=HACKNEY_GENERAL, pv1=shared, pv2={"reason": "^Fall from bed", "mode": "A"},
            next_of_kin=("Nightwillow^Sorrel", "12"),
        ),
    )  # fmt: skip
    yield _adt(
        "2026-03-02T10:05:00Z",
        "A pregnant woman with an unborn plan comes",
        Adt(
            event="A04", control_id="HGH0005", recorded="20260302100430", patient=MOTHER,
            provider=HACKNEY_GENERAL, pv1=_emergency("V-4", "20260302100300"),
            pv2={"reason": "^Abdominal pain"},
        ),
    )  # fmt: skip
    yield _adt(
        "2026-03-02T10:20:00Z",
        "A boy without any plan comes: nobody is told",
        Adt(
            event="A04", control_id="HGH0006", recorded="20260302101930", patient=NO_PLAN,
            provider=HACKNEY_GENERAL, pv1=_emergency("V-5", "20260302101800"), pv2={"reason": "^Asthma"},
        ),
    )  # fmt: skip
    yield _upload(
        "2026-03-02T11:00:00Z",
        "Tower Hamlets uploads a plan for the boy with the burn, who is still there",
        TOWER_HAMLETS,
        "TH-20260302",
        _child(LATE, "TH-CH-5", "CPP", "202602200000"),
    )
    yield from _monday_numbers()
    yield from _monday_night()


def _monday_numbers() -> Iterator[dict[str, str]]:
    """Yield what can be wrong with a number or a message, and a clinic that stays silent."""
    yield _adt(
        "2026-03-02T11:30:00Z",
        "A number without status, but the details agree",
        Adt(
            event="A04", control_id="HGH0007", recorded="20260302112930", patient=AGREES,
            provider=HACKNEY_GENERAL, pv1=_emergency("V-6", "20260302112800"), pv2={"reason": "^Fever"},
        ),
    )  # fmt: skip
    yield _adt(
        "2026-03-02T11:45:00Z",
        "A number without status whose details do not agree with the plan's",
        Adt(
            event="A04", control_id="HGH0008", recorded="20260302114430", patient=DISAGREES,
            provider=HACKNEY_GENERAL, pv1=_emergency("V-7", "20260302114300"), pv2={"reason": "^Fit"},
        ),
    )  # fmt: skip
    yield _adt(
        "2026-03-02T12:00:00Z",
        "A number with a wrong check digit",
        Adt(
            event="A04", control_id="HGH0009", recorded="20260302115930", patient=WRONG_DIGIT,
            provider=HACKNEY_GENERAL, pv1=_emergency("V-8", "20260302115800"),
        ),
    )  # fmt: skip
    yield {
        "at": "2026-03-02T12:10:00Z",
        "door": "mllp",
        "about": "A corrupt message",
        "raw": "MSX|^~\\&|EDSYS|RXH|ROUTE\rPV1||E\r",
    }
    yield _adt(
        "2026-03-02T14:00:00Z",
        "A child on a plan comes to a scheduled clinic: it stays silent",
        Adt(
            event="A04", control_id="HGH0010", recorded="20260302135930", patient=CLINIC,
            provider=HACKNEY_GENERAL, system="PAS",
            pv1={"class": "O", "location": "PAEDCLIN^^^RXH01", "type": "11", "visit": "V-9",
                 "arrived": "20260302135500"},
        ),
    )  # fmt: skip


def _monday_night() -> Iterator[dict[str, str]]:
    """Yield the girl's night at the adult emergency department."""
    visit = _emergency("V-10", "20260302224000", attending="C7654321^Vantongeren^Imke^^^Dr")
    taken_over = {**visit, "attending": "C1112223^Ravensbourne^Piers^^^Dr"}
    arrival = Adt(
        event="A04", control_id="HGH0011", recorded="20260302224120", patient=GIRL, provider=HACKNEY_GENERAL,
        occurred="20260302224000", pv1=visit, pv2={"reason": "^Overdose", "acuity": "2", "mode": "A"},
        next_of_kin=("Quillfeather^Dorothea", "6"),
    )  # fmt: skip
    yield _adt("2026-03-02T22:41:30Z", "The girl comes to the adult emergency department", arrival)
    yield _adt("2026-03-02T22:41:45Z", "The same message again: nothing changes", arrival)
    yield _adt(
        "2026-03-02T23:20:00Z",
        "Another clinician takes over",
        Adt(
            event="A08", control_id="HGH0012", recorded="20260302231950", patient=GIRL,
            provider=HACKNEY_GENERAL, pv1=taken_over,
        ),
    )  # fmt: skip
    yield _adt(
        "2026-03-03T01:10:00Z",
        "The girl leaves before treatment",
        Adt(
            event="A03", control_id="HGH0013", recorded="20260303010940", patient=GIRL,
            provider=HACKNEY_GENERAL, pv1={**taken_over, "disposition": "12", "departed": "20260303010500"},
        ),
    )  # fmt: skip


def text() -> str:
    """Return the stream as JSON Lines."""
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines())


def expected() -> str:
    """Return what the core makes of the stream, as JSON: the result that a demonstration is held against."""
    settings = Settings(policy_file=demo_policy_file())
    replay = offline(assemble(settings, sealer=MemorySealer()))
    outcome = asyncio.run(play(replay, read_stream(text().splitlines())))
    return json.dumps(shown(outcome), ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    STREAM.write_text(text(), encoding="utf-8")
    EXPECTED.write_text(expected(), encoding="utf-8")
