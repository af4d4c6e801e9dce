"""
No place in anything that an authority is given of a restricted record: ruling 24, hazard "disclosed".

Every field that says where, with whom or by whom holds a value found nowhere else; what leaves for an
authority after the record was restricted is searched for each of them, as bytes and as it is shown.
"""

import io
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from broker.adapters.projection import InboxEvent, Projection
from broker.cli.alert_view import alert_panel
from broker.core.alerts import Alert, Change, Contact, PlanLine, RecipientKind, ViewLine, VisitLine
from broker.core.canonical import canonical
from broker.core.facts import Access, Fact, IdentityKind, IdentityNotice, PlanFact, VisitMessage
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.visit_reason import Reason
from broker.ports import Record, Topic
from broker.wire.readable import readable
from tests.builders.matcher import make_codecs
from tests.spec.genuine import genuine_runtime
from tests.spec.matchers import Twin
from tests.spec.numbers import usable_numbers
from tests.spec.outcome import Outcome
from tests.spec.runtimes import Runtime
from tests.spec.settled import POLICY
from tests.spec.table import T, facts

MARKED_MESSAGE: Mapping[str, Any] = {
    "message_id": "MARK-MESSAGE",
    "visit": "MARK-VISIT",
    "provider": OdsCode("RMARK"),
    "system": "MARK-SYSTEM",
    "control_id": "MARK-CONTROL",
    "patient_class": "MARK-CLASS",
    "admission_type": "MARK-TYPE",
    "location": "MARK-LOCATION",
    "site": OdsCode("MARKSITE"),
    "disposition": "MARK-DISPOSITION",
    "reason": Reason.POISONING,
    "acuity": "MARK-ACUITY",
    "arrival_mode": "MARK-MODE",
    "cancel_reason": "MARK-CANCEL",
    "next_of_kin_relationship": "MARK-RELATIONSHIP",
    "next_of_kin_name": "MARK-ADULT",
    "accompanied_by": "MARK-COMPANION",
    "clinician_role": "MARK-CLINICIAN",
    "clinician_name": "MARK-CLINICIAN-NAME",
}
"""The fields of a hospital's message that say where, with whom, by whom or why, with their marks."""

NO_PLACE_MESSAGE = frozenset(
    {
        *("event", "recorded_at", "sent_at", "received_at", "sequence", "occurred_at", "arrived_at"),
        *("departed_at", "number_status", "birth_date_reliability", "restricted", "cleared"),
        *("several_numbers", "mothers"),
        *("family", "given", "birth_date"),  # the person's own, and in no alert (ruling 31)
    }
)
MARKED_VIEW: Mapping[str, Any] = {
    "access_id": "MARK-ACCESS",
    "organisation": OdsCode("RMARK"),
    "organisation_name": "MARK-ORGANISATION",
    "role": "MARK-ROLE",
    "user_name": "MARK-USER-NAME",
    "user": "MARK-USER",
}
NO_PLACE_VIEW = frozenset({"unscheduled", "accessed_at", "recorded_at", "received_at"})
MARKS = (
    *(str(mark) for mark in (*MARKED_MESSAGE.values(), *MARKED_VIEW.values())),
    *("Marked Hospital", "07999000111"),  # name and number in the policy
)
OTHERS = {"E09": ("COUNCIL-OF-E08", "07999000888"), "E08": ("COUNCIL-OF-E09", "07999000999")}
"""What an authority must not see of the other: name and number."""

TOLD: Mapping[type, frozenset[str]] = {
    Alert: frozenset(
        {
            *("alert_id", "subject", "occasion", "recipient", "route", "urgency", "plans", "visit"),
            *("earlier_visits", "notes", "child_id", "asked_again"),
        }
    ),
    VisitLine: frozenset({"visit", "state", "arrived_at"}),
    PlanLine: frozenset(entry.name for entry in fields(PlanLine)),
    ViewLine: frozenset(),
    Contact: frozenset(),
}
"""What an authority may be told of a restricted record; `subject` and `visit` are references of its own."""

WITHHELD: Mapping[type, frozenset[str]] = {
    Alert: frozenset({"views", "other_authorities", "last_visit_at", "file_id"}),
    VisitLine: frozenset(
        {
            *("provider", "provider_name", "site", "location", "departed_at", "patient_class"),
            *("arrival_mode", "reason", "acuity", "disposition", "clinician_role", "clinician_name"),
            *("call_back", "next_of_kin_relationship", "next_of_kin_name", "accompanied_by"),
        }
    ),
    PlanLine: frozenset(),
    ViewLine: frozenset(
        {"access_id", "organisation", "organisation_name", "role", "user_name", "accessed_at"}
    ),
    Contact: frozenset({"authority", "name", "phone_emergency", "phone_office"}),
}


@pytest.mark.parametrize(
    ("kind", "sorted_into"),
    [
        (VisitMessage, (frozenset(MARKED_MESSAGE), NO_PLACE_MESSAGE)),
        (Access, (frozenset(MARKED_VIEW), NO_PLACE_VIEW)),
        *((kind, (TOLD[kind], WITHHELD[kind])) for kind in TOLD),
    ],
)
def test_every_field_is_marked_or_known_to_say_no_place(
    kind: type, sorted_into: tuple[frozenset[str], frozenset[str]]
) -> None:
    """A new field has to be sorted into one of the two before anything is told of it."""
    one, other = sorted_into
    assert frozenset(entry.name for entry in fields(kind)) == one | other
    assert not one & other


@dataclass(frozen=True, kw_only=True)
class Flag:
    """How a record is restricted: a source, and the policy by its time."""

    by: str
    at: datetime

    def fact(self, moment: datetime) -> Fact:
        """Return the fact that restricts, as recorded at a moment."""
        if self.by == "source":
            return IdentityNotice(
                notice_id="n1", kind=IdentityKind.RESTRICTED, recorded_at=moment, received_at=moment
            )
        if self.by == "authority":
            plan = _plans(self.at)[0]
            content = replace(plan.content, restricted=True)
            return replace(plan, content=content, recorded_at=moment, received_at=moment, file_id="F9")
        return replace(_message(moment, "FLAG"), restricted=True)


def _plans(at: datetime) -> list[PlanFact]:
    """Return plans of two authorities, each with the marks that the other must not see."""
    rows = "\n".join(
        f"{(at - timedelta(days=9)).replace(tzinfo=None).isoformat()} | plan | CPP {code} | "
        f"start=2026-01-01 birth_date=2025-04-12 authority_name={name} phone_emergency={phone}"
        for code, (name, phone) in {"E08": OTHERS["E09"], "E09": OTHERS["E08"]}.items()
    )
    return [fact for fact in facts(f"head\n{rows}") if isinstance(fact, PlanFact)]


def _message(at: datetime, place: str, **written: Any) -> VisitMessage:
    """Return a message of the marked visit; `place` makes its ids its own."""
    [message] = facts(f"head\n{at.replace(tzinfo=None).isoformat()} | A08 | v | birth_date=2025-04-12")
    assert isinstance(message, VisitMessage)
    ids = {"message_id": f"MARK-MESSAGE-{place}", "control_id": f"MARK-CONTROL-{place}"}
    return replace(message, **{**MARKED_MESSAGE, **ids, **written})


def _view(at: datetime) -> Access:
    """Return a marked view."""
    return Access(**MARKED_VIEW, accessed_at=at, recorded_at=at, received_at=at)


def first_half(at: datetime) -> list[Fact]:
    """Return plans, an earlier visit, and the visit with all its marks."""
    earlier = _message(at - timedelta(days=2), "EARLIER", visit="MARK-VISIT-EARLIER")
    return [*_plans(at), earlier, _message(at, "FIRST")]


def second_half(at: datetime) -> list[Fact]:
    """Return what follows: a view, a clinician, `""` for the restriction, an end, a cancellation."""
    hours = [at + timedelta(hours=count) for count in range(2, 8)]
    return [
        _view(hours[0]),
        replace(_view(hours[1]), access_id="MARK-ACCESS-OUT", organisation=OdsCode("RYY")),
        _message(hours[2], "CLEARED", cleared=frozenset({"restricted"}), clinician_name="MARK-ANOTHER"),
        _message(hours[3], "LATER", location="MARK-WARD"),
        _message(hours[4], "LEFT", departed_at=hours[4], disposition="12"),
        _message(hours[5], "VISIT2", visit="MARK-VISIT-SECOND", location="MARK-DESK"),
    ]


@pytest.fixture(scope="module")
def genuine() -> Iterator[Runtime]:
    """Lend a matcher on a genuine Kafka."""
    with genuine_runtime() as runtime:
        yield runtime


@pytest.fixture(scope="module")
def numbers() -> Iterator[NhsNumber]:
    """Lend NHS numbers, each to one test."""
    return usable_numbers()


@pytest.fixture(params=["twin", pytest.param("kafka", marks=pytest.mark.kafka)])
def matcher(request: pytest.FixtureRequest) -> Runtime:
    """Lend a matcher whose every written byte can be read, once without a Kafka and once on a genuine one."""
    if request.param == "kafka":
        genuine: Runtime = request.getfixturevalue("genuine")
        return genuine
    return Twin()


@dataclass(frozen=True, kw_only=True)
class Outward:
    """What left for one authority: each text or run of bytes with where it was found."""

    authority: str
    events: int
    found: Sequence[tuple[str, bytes]]

    def hits(self) -> list[tuple[str, str]]:
        """Return the marks that occur, with where."""
        marks = (*MARKS, *OTHERS[self.authority], "MARK-", "poisoning", "POISONING")
        return [(where, mark) for where, data in self.found for mark in marks if mark.encode() in data]


def outward(outcome: Outcome, authority: str, inbox: Path, before: Sequence[Record] = ()) -> Outward:
    """
    Gather everything that an authority can come by of what was written.

    `before` is what was written to it earlier: the inbox database holds that too.
    """
    own = outcome.records[f"{Topic.ALERTS}.la.{authority}"]
    shared = to_authority(outcome, authority)
    found = [*_raw("own topic", own), *_raw("cpis.alerts", shared), *_shown(own)]
    found += _database([*before, *shared], inbox)
    found += [("log", json.dumps({"event": notice, **said}).encode()) for notice, said in outcome.reports]
    found += _ledger(outcome, authority)
    return Outward(authority=authority, events=len(own), found=found)


def to_authority(outcome: Outcome, authority: str) -> list[Record]:
    """Return what was written to the broker's own topic for an authority."""
    return [one for one in outcome.records[Topic.ALERTS] if one.key == f"la.{authority}".encode()]


def _raw(where: str, records: Sequence[Record]) -> Iterator[tuple[str, bytes]]:
    """Yield keys, values and headers."""
    for record in records:
        yield f"key, {where}", record.key or b""
        yield f"value, {where}", record.value or b""
        yield from ((f"header {name}, {where}", value) for name, value in record.headers)


def _shown(records: Sequence[Record]) -> Iterator[tuple[str, bytes]]:
    """Yield what `cpis listen` shows of each event, for people and as JSON."""
    for record in records:
        published = make_codecs().alerts.decode_published(record.value or b"")
        console = Console(file=io.StringIO(), width=500)
        console.print(alert_panel(published))
        yield "cpis listen", console.file.getvalue().encode()  # type: ignore[attr-defined]  # a StringIO
        yield "cpis listen --json", json.dumps(readable(published), ensure_ascii=False).encode()


def _database(records: Sequence[Record], file: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the bytes of an inbox database that holds these events."""
    inbox = Projection(f"sqlite:///{file}")
    for offset, record in enumerate(records):
        event = make_codecs().alerts.decode_event(record.value or b"")
        row = InboxEvent(
            recipient=(record.key or b"").decode(),
            event_id=event.event_id,
            alert_id=event.alert.alert_id,
            revision=event.revision,
            kind=event.kind.value,
            loud=event.loud,
            body=record.value or b"",
        )
        inbox.store(Topic.ALERTS.value, 0, offset, row, supersedes=Change.RESTRICTED in event.changes)
    inbox.close()
    yield from (("inbox database", part.read_bytes()) for part in file.parent.glob(f"{file.name}*"))


def _ledger(outcome: Outcome, authority: str) -> Iterator[tuple[str, bytes]]:
    """Yield what the newest record of the person says that the authority was told."""
    newest = [one for one in outcome.records[Topic.PEOPLE] if (one.key or b"").isdigit()][-1]
    number = NhsNumber((newest.key or b"").decode())
    person = make_codecs().states.decode_person(number, newest.value or b"")
    for told in person.told.values():
        if told.alert is not None and str(told.alert.recipient.code) == authority:
            inner = replace(
                told.alert, subject="", visit=told.alert.visit and replace(told.alert.visit, visit="")
            )
            yield "told ledger", canonical(inner).encode()


NATIONAL = datetime.fromisoformat("2031-06-10T10:00:00+00:00")
FLAGS = [
    pytest.param(Flag(by=by, at=at), id=f"{by}, {policy}")
    for policy, at in (("local", T), ("national", NATIONAL))
    for by in ("source", "hospital", "authority")
]


@pytest.mark.parametrize("flag", FLAGS)
@pytest.mark.parametrize("when", ["before the alert", "after the alert"])
def test_no_place_leaves_for_an_authority_once_the_record_is_restricted(
    matcher: Runtime,
    numbers: Iterator[NhsNumber],
    flag: Flag,
    when: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Under both policies, whoever restricts it and when, and whatever is sent afterwards (ruling 24)."""
    number = next(numbers)
    before = when == "before the alert"
    told, sent = first_half(flag.at), second_half(flag.at)
    earlier: dict[str, list[Record]] = {}
    if before:
        sent = [flag.fact(flag.at - timedelta(days=3)), *told, *sent]
    else:
        open_to = matcher([(number, fact) for fact in told], POLICY, stepwise=True)
        full = [outward(open_to, authority, tmp_path / f"open-{authority}.db") for authority in OTHERS]
        assert all({"RMARK", "MARK-LOCATION", "POISONING"} & {mark for _, mark in one.hits()} for one in full)
        earlier = {authority: to_authority(open_to, authority) for authority in OTHERS}
        sent = [flag.fact(flag.at + timedelta(hours=1)), *sent]

    outcome = matcher([(number, fact) for fact in sent], POLICY, stepwise=True)
    searched = [
        outward(outcome, authority, tmp_path / f"{authority}.db", earlier.get(authority, ()))
        for authority in OTHERS
    ]

    assert [[], []] == [one.hits() for one in searched]
    assert (before and flag.at == NATIONAL) == (0 == sum(one.events for one in searched))
    asked = [event for event in outcome.events if Change.RESTRICTED in event.changes]
    kinds = {event.alert.recipient.kind for event in asked}
    assert (set() if before else set(RecipientKind)) == kinds
    size = sum(len(data) for one in searched for _, data in one.found)
    pieces = sum(len(one.found) for one in searched)
    with capsys.disabled():
        sys.stdout.write(
            f"\n{flag.by}, {when}: {pieces} pieces, {size} bytes, {len(MARKS)} marks, none found\n"
        )
