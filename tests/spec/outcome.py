"""What came of a specification's facts, and the words in which its tables expect it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from broker.core.alerts import Alert, AlertEvent, EventKind, PlanLine, Recipient
from broker.core.audit import DecisionEntry
from broker.core.looking import Look
from broker.core.worklist import ItemKind, WorklistItem
from broker.ports import Record
from broker.services.matching_turns import Notice
from tests.spec.answering import Ask, answered, visit_asked
from tests.spec.looked import LookAt, request
from tests.spec.table import PROVIDER, T, cells

_TAKEN_BACK = frozenset({EventKind.WITHDRAWN, EventKind.RETRACTED})
NOTHING = "-"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """
    What one person's facts led to.

    `events` in the order in which they were made; `items` the open worklist items; `decisions` the newest
    by visit reference or access id. `names` are the table's own words for references and numbers. `records`
    are what a matcher wrote, by topic, `reports` what it reported; the core alone has neither. `ask` asks
    about a visit that is named as intake names it, `look_at` looks the person up.
    """

    events: tuple[AlertEvent, ...]
    items: tuple[WorklistItem, ...]
    decisions: Mapping[str, DecisionEntry]
    ask: Ask = field(compare=False)
    look_at: LookAt = field(compare=False)
    names: Mapping[str, str] = field(default_factory=dict)
    records: Mapping[str, Sequence[Record]] = field(default_factory=dict)
    reports: Sequence[tuple[Notice, Mapping[str, int | str]]] = ()

    def answer(
        self, name: str = "v1", provider: str = PROVIDER, user: str | None = None, *, behind: bool = False
    ) -> str:
        """
        Return what a provider is answered about its visit (ruling 41), or that it gets no answer.

        `behind`: no matcher has come to the visit when the time for that is over.
        """
        return answered(self.ask, visit_asked(name, provider, user, behind=behind))

    def look(self, said: str = "") -> Look:
        """Return what is opened to who looks the person up (ruling 3), written as `request` reads it."""
        return self.look_at(request(said))

    @property
    def standing(self) -> list[Alert]:
        """The alerts that stand, authorities before providers."""
        newest = {event.alert.alert_id: event for event in self.events}
        alerts = [event.alert for event in newest.values() if event.kind not in _TAKEN_BACK]
        return sorted(alerts, key=lambda alert: (alert.subject, alert.recipient))

    def alerts(self, head: str) -> list[tuple[str, ...]]:
        """Return the standing alerts with the columns of a table's head."""
        columns = cells(head)[0]
        under = {event.alert.alert_id: event.subject.digits for event in self.events}
        told = [(alert, {"number": under[alert.alert_id], "about": _about(alert)}) for alert in self.standing]
        rows = [
            tuple(self._named(own[column]) if column in own else _said(alert, column) for column in columns)
            for alert, own in told
        ]
        return sorted(rows) if self.names else rows

    def _named(self, key: str) -> str:
        """Return a reference or number in the table's own words."""
        return self.names.get(key, key)

    @property
    def whys(self) -> dict[str, str]:
        """Why each visit and view led to alerts, or to none."""
        return {self._named(subject): entry.why.value for subject, entry in sorted(self.decisions.items())}

    @property
    def asked(self) -> list[tuple[ItemKind, bool, str | None]]:
        """The open worklist items: kind, whether urgent, and the sender's control id."""
        return [(item.kind, item.urgent, item.control_id) for item in self.items]


def _about(alert: Alert) -> str:
    """Return what an alert is about; a reference that is the recipient's own is `random` (ruling 24)."""
    return "random" if alert.subject == alert.alert_id else alert.subject


def _said(alert: Alert, column: str) -> str:
    """Return one cell of an expected table."""
    if column in _COLUMNS:
        return _COLUMNS[column](alert)
    holder = alert if hasattr(alert, column) else alert.visit
    return _text(getattr(holder, column, None))


def recipient_text(recipient: Recipient) -> str:
    """Return a recipient as a table names it."""
    return f"{recipient.kind.value} {recipient.code}"


def plan_text(line: PlanLine) -> str:
    """Return a plan as a table names it: type, state, marks."""
    state = line.state.name.lower().replace("_", " ")
    marks = ", ".join(mark.name.lower().replace("_", " ") for mark in line.marks)
    return f"{line.plan_type.value} {state}" + (f" ({marks})" if marks else "")


def _joined(parts: Iterable[str]) -> str:
    """Return a list in one cell."""
    return "; ".join(parts) or NOTHING


_COLUMNS: dict[str, Callable[[Alert], str]] = {
    "to": lambda alert: recipient_text(alert.recipient),
    "plans": lambda alert: _joined(plan_text(line) for line in alert.plans),
    "ends": lambda alert: _joined(str(line.end) for line in alert.plans),
    "roles": lambda alert: _joined(line.role.value for line in alert.plans),
    "others": lambda alert: _joined(str(contact.authority) for contact in alert.other_authorities),
    "views": lambda alert: _joined(line.access_id for line in alert.views),
    "notes": lambda alert: _joined(note.name.lower().replace("_", " ") for note in alert.notes),
}


def _text(value: object) -> str:
    """Return a value as a table writes it; times count from T."""
    match value:
        case None:
            return NOTHING
        case datetime():
            return _since(value)
        case date():
            return value.isoformat()
        case _:
            return str(value)


def _since(moment: datetime) -> str:
    """Return a time as `T+1d2h3m`."""
    minutes = int((moment - T).total_seconds()) // 60
    sign, minutes = ("-", -minutes) if minutes < 0 else ("+", minutes)
    days, rest = divmod(minutes, 24 * 60)
    hours, minutes = divmod(rest, 60)
    spans = ((days, "d"), (hours, "h"), (minutes, "m"))
    return "T" + "".join(f"{sign}{count}{unit}" for count, unit in spans if count)
