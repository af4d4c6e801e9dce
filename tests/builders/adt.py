"""Builds HL7 v2.4 ADT messages as an ITK patient administration system sends them (dossier 6.4)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

SEGMENT_END = "\r"
_STRUCTURES = {
    "A01": "ADT_A01",
    "A04": "ADT_A01",
    "A08": "ADT_A01",
    "A13": "ADT_A01",
    "A03": "ADT_A03",
    "A02": "ADT_A02",
}
_PV1 = {
    "class": 2,
    "location": 3,
    "type": 4,
    "attending": 7,
    "restricted": 16,
    "visit": 19,
    "disposition": 36,
    "arrived": 44,
    "departed": 45,
}
_PV2 = {"reason": 3, "description": 12, "acuity": 25, "mode": 38}


@dataclass(frozen=True, kw_only=True)
class Patient:
    """
    The patient as the hospital holds it; `status` is the two digits of table 0445 or None, `mother` the NHS
    number of PID-21.
    """

    number: str | None = "9990000018"
    family: str = "Sample"
    given: str = "Robin"
    born: str = "20160412"
    status: str | None = "01"
    local_id: str = "A55501"
    mother: str | None = None


@dataclass(frozen=True, kw_only=True)
class Adt:
    """
    One message; `pv1` and `pv2` are by the names above, times are `YYYYMMDDHHMMSS`.

    `more` are whole segments that follow the others.
    """

    event: str
    control_id: str
    recorded: str
    patient: Patient = field(default_factory=Patient)
    provider: str = "RXX"
    system: str = "EDSYS"
    occurred: str = ""
    sequence: str = ""
    reason_code: str = ""
    processing: str = "T"
    pv1: Mapping[str, str] = field(default_factory=dict)
    pv2: Mapping[str, str] = field(default_factory=dict)
    next_of_kin: tuple[str, str] | None = None
    more: tuple[str, ...] = ()

    def text(self) -> str:
        """Return the message with its segments ended by carriage returns."""
        kind = f"ADT^{self.event}^{_STRUCTURES.get(self.event, 'ADT_A09')}"
        segments = [
            "|".join(
                [
                    f"MSH|^~\\&|{self.system}|{self.provider}|ROUTE|ROUTE|{self.recorded}|",
                    f"{kind}|{self.control_id}|{self.processing}|2.4|{self.sequence}||||GBR||EN||ITKv1.0",
                ]
            ),
            f"EVN||{self.recorded}||{self.reason_code}||{self.occurred}",
            self._pid(),
        ]
        if self.next_of_kin is not None:
            name, relationship = self.next_of_kin
            segments.append(f"NK1|1|{name}|{relationship}")
        segments.append(_segment("PV1", {_PV1[name]: value for name, value in self.pv1.items()}))
        if self.pv2:
            segments.append(_segment("PV2", {_PV2[name]: value for name, value in self.pv2.items()}))
        segments += self.more
        return SEGMENT_END.join(segments) + SEGMENT_END

    def _pid(self) -> str:
        """Return the patient segment: NHS number and local id, name, birth, an address to be ignored."""
        patient = self.patient
        numbers = f"{patient.local_id}^^^{self.provider}"
        if patient.number is not None:
            numbers = f"{patient.number}^^^NHS~{numbers}"
        fields = {
            3: numbers,
            5: f"{patient.family}^{patient.given}",
            7: patient.born,
            8: "9",
            11: "1 Test Row^^Exton^^ZZ99 3WZ",
            13: "02079460000",
        }
        if patient.mother is not None:
            fields[21] = f"{patient.mother}^^^NHS"
        if patient.status is not None:
            fields[32] = f"NSTS{patient.status}"
        return _segment("PID", fields)


def _segment(name: str, fields: Mapping[int, str]) -> str:
    """Return a segment with each field in its place."""
    last = max(fields, default=0)
    return "|".join([name, *(fields.get(place, "") for place in range(1, last + 1))])
