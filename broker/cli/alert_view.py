"""An alert event as a person reads it in a terminal; times are shown in Europe/London."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.text import Text

from broker.core.alerts import Alert, EventKind, PlanLine, RecipientKind, VisitLine
from broker.core.feeds import FeedAges
from broker.core.identifiers import LONDON, OdsCode
from broker.wire.alerts_codec import Published

KIND_STYLES = {
    EventKind.RAISED: "bold red",
    EventKind.UPDATED: "bold yellow",
    EventKind.WITHDRAWN: "bold cyan",  # not green: it is no all-clear
    EventKind.RETRACTED: "bold magenta",
}
_QUIET = "dim"


def alert_panel(
    published: Published, *, feeds: FeedAges | None = None, at: datetime | None = None
) -> RenderableType:
    """
    Return one event as a panel: what happened, the visit, the plans with both numbers, the statements.

    `feeds` says how old the plans are at the time it is shown, `at` (aware).
    """
    event, alert = published.event, published.event.alert
    style = KIND_STYLES[event.kind] if event.loud else _QUIET
    changes = f" ({', '.join(change.value for change in event.changes)})" if event.changes else ""
    lines = [Text(line) for line in _body(event.subject.digits, alert, _ages(alert, feeds, at))]
    sentences = [Text(sentence, style="italic") for sentence in published.statements]
    return Panel(
        Group(*lines, *sentences),
        title=Text(f"{event.kind.value}{changes}", style=style),
        subtitle=f"alert {alert.alert_id[:8]} · revision {event.revision}",
        title_align="left",
        subtitle_align="right",
        border_style=style,
    )


def _body(number: str, alert: Alert, ages: Mapping[OdsCode, str]) -> Iterator[str]:
    """Yield the lines between the title and the statements; `ages` are the words on plans' data."""
    child = f" · your id {alert.child_id}" if alert.child_id else ""
    yield f"NHS number {number}{child}"
    yield f"for {alert.recipient.code}, {alert.route.value}, {alert.urgency.value}"
    if alert.visit is not None:
        yield from _visit(alert.visit)
    for view in alert.views:
        who = f"{view.user_name}, {view.role}"
        yield f"viewed {_moment(view.accessed_at)} at {view.organisation_name} ({view.organisation}) by {who}"
    for plan in alert.plans:
        yield _plan(plan)
        if plan.authority in ages:
            yield f"  {ages[plan.authority]}"
    for other in alert.other_authorities:
        yield f"also known to {other.name}: {_phones(other.phone_emergency, other.phone_office)}"
    if alert.earlier_visits:
        last = f", last {_moment(alert.last_visit_at)}" if alert.last_visit_at else ""
        yield f"{alert.earlier_visits} earlier in 7 days{last}"
    if alert.recipient.kind is RecipientKind.PROVIDER and alert.notes:
        yield " · ".join(note.value for note in alert.notes)


def _ages(alert: Alert, feeds: FeedAges | None, at: datetime | None) -> Mapping[OdsCode, str]:
    """Return how old the plans of each authority are, where that is known (C7)."""
    if feeds is None or at is None:
        return {}
    words = {plan.authority: feeds.words(plan.authority, at) for plan in alert.plans}
    return {code: said for code, said in words.items() if said is not None}


def _visit(visit: VisitLine) -> Iterator[str]:
    """Yield what is told of the visit."""
    where = [visit.provider_name, visit.provider and visit.provider.code, visit.location]
    parts = [f"arrived {_moment(visit.arrived_at)}", *(part for part in where if part), visit.state.value]
    if visit.departed_at is not None:
        parts.append(f"left {_moment(visit.departed_at)}")
    yield " · ".join(parts)
    told = {
        "reason": visit.reason and visit.reason.value,
        "acuity": visit.acuity,
        "arrival mode": visit.arrival_mode,
        visit.clinician_role or "clinician": visit.clinician_name,
        "ring back": visit.call_back,
        "next of kin on record": visit.next_of_kin_name,
        "accompanied by": visit.accompanied_by,
    }
    known = [f"{name} {value}" for name, value in told.items() if value]
    if known:
        yield " · ".join(known)


def _plan(plan: PlanLine) -> str:
    """Return one plan with its authority's numbers, the emergency one first (ruling 30)."""
    days = f"from {plan.start:%d %b %Y}" + (f" to {plan.end:%d %b %Y}" if plan.end else "")
    marks = "".join(f", {mark.value}" for mark in plan.marks)
    phones = _phones(plan.phone_emergency, plan.phone_office)
    return (
        f"{plan.plan_type.value} {days} ({plan.state.value}{marks}) · "
        f"{plan.authority_name} ({plan.authority}): {phones}"
    )


def _phones(emergency: str, office: str | None) -> str:
    """Return an authority's numbers."""
    return f"emergency {emergency}" + (f", office {office}" if office else "")


def _moment(moment: datetime) -> str:
    """Return a time as a clock on the wall shows it."""
    return f"{moment.astimezone(LONDON):%d %b %H:%M}"
