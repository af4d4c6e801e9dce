"""
Specifications as tables: rows of facts in, rows of alerts out.

Times are UTC. `T` is 2026-01-10 10:00, `T+2h-1m` counts from it; `D` is its day, `D-365` counts from that.
A row is `recorded | fact | about | values`: when its source recorded it, `plan`, `view`, `notice` or an HL7
v2 event, what it is about (`CPP E09`, `v1 RXX`) and any field as `name=value`. `-` is nothing. What a row
leaves out has the defaults below: details agree, receipt is a minute after recording.

A notice is `n1` for a restriction, else `n1 in-use`, `n1 number-change`, `n1 invalidated`, `n1 superseded`
with `by=B`, or of one visit, here v1 at RXX, `n1 identity-confirmed`, `n1 not-this-person` and `n1
item-unsettled` with `visit=v1`. A birth comes under the mother's number, `baby=B born=D`, with `visit=v1` as
a message of the baby's visit says it, which says `mothers=A` itself; a `cover` is what a mother's plan comes
to with the baby. A person may have several numbers: a row with `number=B` comes under that one, others under
A.
"""

import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from broker.core.facts import (
    Access,
    Birth,
    Cover,
    Details,
    Fact,
    IdentityKind,
    IdentityNotice,
    NumberStatus,
    PlanContent,
    PlanFact,
    PlanType,
    Reliability,
    VisitEvent,
    VisitMessage,
)
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.keyed import visit_reference
from broker.core.newborn_links import mother_named
from broker.core.policy import Policy
from broker.core.visit_reason import Reason
from broker.services.attendances import Attendances
from broker.services.numberless import Numberless
from broker.services.numbers_in_use import NumbersInUse
from broker.services.numbers_out_of_use import NumbersOutOfUse
from tests.builders.matcher import make_codecs
from tests.spec.settled import KEY

T = datetime(2026, 1, 10, 10, tzinfo=UTC)
PROVIDER = "RXX"
RECEIVED_AFTER = timedelta(minutes=1)

_SPANS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_STEP = re.compile(r"([+-]\d+)([dhms]?)")
_NAMED = re.compile(r"\b(?:number|by)=(\S+)")
_RELATIVE = re.compile(r"[TD](?:[+-]\d+[dhms]?)*")

_DETAILS = {"family": "Sample", "given": "Robin", "birth_date": "2014-04-12"}
_PLAN = {"start": "D-100", "authority_name": "Exton", "phone_emergency": "02070000000", "child_id": "C-1"}


def moment(text: str) -> datetime:
    """Return an aware UTC time: `T+2h`, or ISO."""
    if _RELATIVE.fullmatch(text):
        spans = (timedelta(**{_SPANS[unit or "d"]: int(count)}) for count, unit in _STEP.findall(text))
        return T + sum(spans, timedelta())
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def day(text: str) -> date:
    """Return a calendar day: `D-365`, or ISO."""
    return moment(text).date() if _RELATIVE.fullmatch(text) else date.fromisoformat(text)


def _names(text: str) -> frozenset[str]:
    """Return a comma-separated set."""
    return frozenset(text.split(","))


_READERS: dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(("accessed_at", "arrived_at", "departed_at", "occurred_at", "sent_at"), moment),
    **dict.fromkeys(("start", "end", "deleted", "birth_date", "born"), day),
    **dict.fromkeys(("restricted", "several_numbers", "unscheduled", "verified"), lambda text: text == "yes"),
    "birth_date_reliability": Reliability,
    "cleared": _names,
    "mothers": lambda text: tuple(text.split("+")),
    "number_status": NumberStatus,
    "reason": Reason,
    "sequence": int,
    "site": OdsCode,
    "named_by": OdsCode,
}


def cells(text: str) -> list[list[str]]:
    """Return the cells of a table's rows, head included; rows of dashes only separate."""
    lines = [line.strip() for line in text.strip().splitlines()]
    return [[cell.strip() for cell in line.split("|")] for line in lines if line.strip("-+| ")]


def rows(text: str) -> list[tuple[str, ...]]:
    """Return the rows of a table without its head: what is expected."""
    return [tuple(row) for row in cells(text)[1:]]


def messages(text: str, *, about: str = "v1") -> str:
    """Return the table rows of a visit's messages, `time event name=value …; …`."""
    parts = [[*part.split(maxsplit=2), ""] for part in text.split("; ") if part]
    return "\n".join(f"{at} | {event} | {about} | {values}" for at, event, values, *_ in parts)


def facts(text: str) -> list[Fact]:
    """Return the facts that a table's rows stand for, in its order."""
    return [_fact(place, *_parts(row), {}) for place, row in enumerate(cells(text)[1:], start=1)]


def keyed_facts(text: str, numbers: Mapping[str, NhsNumber]) -> Iterator[tuple[NhsNumber, Fact]]:
    """Yield a table's facts with the number that each comes under; visits are named as intake names them."""
    for place, row in enumerate(cells(text)[1:], start=1):
        cell, said = _parts(row)
        number = numbers[said.pop("number", "A")]
        fact = _fact(place, cell, said, numbers)
        if isinstance(fact, VisitMessage):
            fact = replace(fact, visit=visit_under(number, fact.visit, fact.provider, fact.system))
            named = tuple(mother_named(KEY, fact.visit, numbers[name]) for name in fact.mothers or ())
            fact = replace(fact, mothers=named or None)
        if isinstance(fact, Birth) and fact.visit is not None:
            fact = replace(fact, named=mother_named(KEY, fact.visit, number))
        if isinstance(fact, IdentityNotice) and fact.visit is not None:
            fact = replace(fact, visit=visit_under(number, fact.visit, OdsCode(PROVIDER)))
        yield number, fact


def recorded_facts(text: str, numbers: Mapping[str, NhsNumber]) -> Iterator[tuple[NhsNumber, Fact]]:
    """Yield a table's facts as intake writes them: with what it says of visits that change their number."""
    out_of_use = NumbersOutOfUse()
    in_use = NumbersInUse(KEY, horizon=timedelta(days=400), out_of_use=out_of_use)
    codecs = make_codecs()
    numberless = Numberless(codecs.details, policy=Policy(), key=KEY)
    attendances = Attendances(codecs.facts, numberless, in_use)
    for number, fact in keyed_facts(text, numbers):
        if isinstance(fact, VisitMessage):
            told = attendances.told(number, fact)
            attendances.note(told.facts)
            yield from told.facts
        else:
            if isinstance(fact, IdentityNotice):
                out_of_use.note(number, fact)
            yield number, fact


def people(text: str) -> list[str]:
    """Return the names that a table has for the numbers of people, `A` among them, in their order."""
    return list(dict.fromkeys(["A", *_NAMED.findall(text)]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused(PlanFact):
    """
    A plan of a record that was refused although it has a number, or of which no plan could be read.

    A demographic source did not agree (CPR03), or its dates are none (CPR07).
    """

    number: NhsNumber | None
    readable: bool


def refused(fact: Fact, number: NhsNumber | None, *, readable: bool) -> Refused:
    """Return a plan as one of a record that was refused."""
    assert isinstance(fact, PlanFact)
    known = {entry.name: getattr(fact, entry.name) for entry in fields(PlanFact)}
    return Refused(**known, number=number, readable=readable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Nobodys(VisitMessage):
    """A message without a usable number, with the numbers that it gives as the mother's."""

    of_mothers: tuple[NhsNumber, ...]


def nobodys(message: VisitMessage, mothers: Iterable[NhsNumber]) -> Nobodys:
    """Return a message as one without a usable number; intake names its mothers nowhere in it."""
    known = {entry.name: getattr(message, entry.name) for entry in fields(VisitMessage)}
    return Nobodys(**(known | {"mothers": None}), of_mothers=tuple(mothers))


def visit_under(number: NhsNumber, name: str, provider: OdsCode, system: str = "EDSYS") -> str:
    """Return the reference of a table's visit under a number."""
    return visit_reference(KEY, number, system=system, provider=provider, visit_number=name)


def _parts(row: list[str]) -> tuple[list[str], dict[str, str]]:
    """Return the first cells of a row and its values by name."""
    recorded, kind, about, values = [*row, "", ""][:4]
    return [recorded, kind, about], dict(part.split("=", 1) for part in shlex.split(values))


def _fact(number: int, row: list[str], said: dict[str, str], numbers: Mapping[str, NhsNumber]) -> Fact:
    """Return the fact of one row; `number` makes its ids, `numbers` are those of the table's person."""
    recorded, kind, about = row
    recorded_at = moment(recorded.replace(" ", "T"))
    received = said.pop("received", None)
    received_at = recorded_at + RECEIVED_AFTER if received is None else moment(received)
    subject, _, organisation = about.partition(" ")
    times: dict[str, Any] = {"recorded_at": recorded_at, "received_at": received_at}
    if kind == "plan":
        file_id = said.pop("file_id", f"F{number}")
        return PlanFact(content=_plan(subject, organisation, said), file_id=file_id, **times)
    if kind == "cover":
        return _cover(subject, organisation, said, times, numbers)
    if kind == "birth":
        return _birth(subject, said, times, numbers)
    if kind == "view":
        return _view(subject, OdsCode(organisation or PROVIDER), said, times)
    if kind == "notice":
        what = IdentityKind(said.pop("kind", organisation.replace("-", " ") or "restricted"))
        successor = numbers[said.pop("by")] if "by" in said else None
        return IdentityNotice(notice_id=subject, kind=what, successor=successor, **times, **_read(said))
    control_id = said.pop("control_id", f"c{number}")
    said = {"system": "EDSYS"} | _DETAILS | said
    return VisitMessage(
        message_id=f"{subject}-{control_id}",
        visit=subject,
        provider=OdsCode(organisation or PROVIDER),
        control_id=control_id,
        event=VisitEvent(kind),
        **{"sent_at": recorded_at, **times, **_read(said)},
    )


def _cover(
    plan_type: str,
    authority: str,
    said: dict[str, str],
    times: dict[str, Any],
    numbers: Mapping[str, NhsNumber],
) -> Cover:
    """
    Return what covers a baby that was born on the day that is said, with `doubt` or without.

    Its `mother` is not named where nothing says so; of plan type `-` she has no plan.
    """
    born, doubt, mother = _read({"born": said.pop("born")}), said.pop("doubt", "0"), said.pop("mother", None)
    named: dict[str, Any] = {"mother": None if mother is None else numbers[mother], "doubt": int(doubt)}
    births = (Birth(birth_id="b", baby=NhsNumber("9990000018"), **born, **times),)
    if plan_type == "-":
        return Cover(births=births, plans=(), **named, **times)
    content = replace(_plan(plan_type, authority, said), details=Details())
    plans = (PlanFact(content=content, file_id="F", **times),)
    return Cover(births=births, plans=plans, **named, **times)


def _birth(
    birth_id: str, said: dict[str, str], times: dict[str, Any], numbers: Mapping[str, NhsNumber]
) -> Birth:
    """Return that a baby was born, as a notice or, with `visit`, a message of the baby's says it."""
    baby = numbers[said.pop("baby")]
    visit = said.pop("visit", None)
    under = None if visit is None else visit_under(baby, visit, OdsCode(PROVIDER))
    return Birth(birth_id=birth_id, baby=baby, visit=under, **times, **_read(said))


def _plan(plan_type: str, authority: str, said: dict[str, str]) -> PlanContent:
    """Return a plan's content."""
    values = _read(_PLAN | _DETAILS | said)
    details = Details(**{entry.name: values.pop(entry.name) for entry in fields(Details)})
    return PlanContent(plan_type=PlanType(plan_type), authority=OdsCode(authority), details=details, **values)


def _view(access_id: str, organisation: OdsCode, said: dict[str, str], times: dict[str, Any]) -> Access:
    """Return a view, by default one that is recorded as it happens."""
    values = {"organisation_name": "Exton Hospital", "role": "nurse", "user_name": "A Nurse"} | _read(said)
    accessed_at = values.pop("accessed_at", times["recorded_at"])
    return Access(access_id=access_id, organisation=organisation, accessed_at=accessed_at, **values, **times)


def _read(said: dict[str, str]) -> dict[str, Any]:
    """Return the values of fields by their names' readers."""
    return {name: None if text == "-" else _READERS.get(name, str)(text) for name, text in said.items()}
