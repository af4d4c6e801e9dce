"""The canary's message: a registration at an emergency department, as a hospital's system would send it."""

from datetime import datetime

from broker.core.identifiers import LONDON, OdsCode
from broker.core.probing import CANARY_BORN, CANARY_FAMILY, CANARY_GIVEN, CANARY_NUMBER

_VERIFIED = "NSTS01"


def canary_message(provider: OdsCode, system: str, *, visit: str, at: datetime, live: bool) -> bytes:
    """
    Return an A04 of version 2.4 for the canary, who arrived `at` (aware); `visit` is its control id as well.

    MSH-11 is P in a live deployment, T elsewhere (ruling 27).
    """
    now = f"{at.astimezone(LONDON):%Y%m%d%H%M%S}"
    patient = {
        3: f"{CANARY_NUMBER.digits}^^^NHS",
        5: f"{CANARY_FAMILY}^{CANARY_GIVEN}",
        7: f"{CANARY_BORN:%Y%m%d}",
        32: _VERIFIED,
    }
    segments = (
        f"MSH|^~\\&|{system}|{provider}|CPIS|CPIS|{now}||ADT^A04^ADT_A01|{visit}|{'P' if live else 'T'}|2.4",
        f"EVN||{now}",
        _segment("PID", patient),
        _segment("PV1", {2: "E", 3: "ED", 19: visit, 44: now}),
    )
    return "".join(f"{segment}\r" for segment in segments).encode("ascii")


def _segment(name: str, fields: dict[int, str]) -> str:
    """Return a segment with each field in its place."""
    return "|".join([name, *(fields.get(place, "") for place in range(1, max(fields) + 1))])
