"""
An explanation in plain English: days, times in Europe/London, codes and organisations, never a person.

One table for each thing that can be said; a member without its sentence fails a test.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import assert_never

from broker.core.alerts import (
    Occasion,
    RecipientKind,
    Why,
)
from broker.core.explanation import (
    AlertFinding,
    Answer,
    Closed,
    Explanation,
    FactLine,
    Gone,
    Happening,
    NoPlan,
    NotInUse,
    NotTaken,
    Obstacle,
    PlanFinding,
    Revision,
)
from broker.core.explanation_tables import (
    CHANGES,
    COMPARED,
    FACTS,
    GROUNDS,
    KINDS,
    MARKS,
    MATCHED,
    NOTES,
    OBSTACLES,
    PLAN_STATES,
    ROUTES,
    URGENCIES,
    VISIT_STATES,
    WHYS,
)
from broker.core.identifiers import LONDON
from broker.core.wording import NOT_IN_USE

_DETAILS = ("date of birth", "family name", "first given name")
_NO_ANSWER = (
    "That is no answer that there is no plan: a record may wait for its number, or the matcher be behind; "
    "ask `cpis answer` (ruling 41)."
)
_NOBODY = "a provider that is not named, since the record is restricted (ruling 24)"
_TITLES = {Occasion.ATTENDED: "Visit", Occasion.BORN: "Birth", Occasion.OUTCOME_AWAITED: "Outcome"}
_NOT_TAKEN = (
    "Not decided: what is held of the person does not hold this visit. Its messages wait while the person is "
    "on hold, were set aside, or are on their way to another number; see `cpis worklist list`. This is not "
    "the answer that there is no plan."
)


def sentences(answer: Answer) -> tuple[str, ...]:
    """Return an answer as lines, those of a part indented under its heading."""
    match answer:
        case Explanation():
            return tuple(_explanation(answer))
        case Closed():
            return tuple(_closed(answer))
        case NoPlan():
            return tuple(_no_plan(answer))
        case Gone():
            return tuple(_gone(answer))
        case NotInUse():
            return (f"Reference {answer.subject}", NOT_IN_USE)
        case NotTaken():
            return (f"Reference {answer.subject}", _NOT_TAKEN)
        case _:
            assert_never(answer)


def _explanation(one: Explanation) -> Iterator[str]:
    """Yield the whole chain: facts, rules, decisions."""
    yield _title(one)
    if one.facts:
        yield "Facts, in the order in which they were recorded (times in Europe/London)"
        yield from (f"  {_fact(line)}" for line in one.facts)
    if one.happening is not None:
        yield "The visit" if one.occasion is Occasion.ATTENDED else "The view"
        yield from (f"  {line}" for line in _happening(one.happening))
    yield "Plans on file"
    yield from (f"  {line}" for line in _plans(one))
    yield "Who is told"
    yield from (f"  {line}" for line in _told(one))
    yield "Decision"
    yield from (f"  {line}" for line in _decision(one))


def _title(one: Explanation) -> str:
    """Return what it is about."""
    what = _TITLES.get(one.occasion, "View")
    if one.happening is None:
        return f"{what}, reference {one.subject}"
    place = one.happening.where or _NOBODY
    return f"{what} at {place}, {_moment(one.happening.arrived_at)}, reference {one.subject}"


def _fact(line: FactLine) -> str:
    """Return one fact."""
    said = FACTS[line.what]
    if line.start is not None:
        said += f" from {line.start}, " + (f"to {line.end}" if line.end else "no end")
    if line.deleted is not None:
        said += f", removed {line.deleted}"
    source = f"{line.source}: " if line.source is not None else ""
    return f"{_moment(line.recorded_at)}  {source}{said} (received {_moment(line.received_at)})"


def _happening(one: Happening) -> Iterator[str]:
    """Yield how the rules read the visit or view."""
    if one.ground is None:
        yield "unscheduled (R24)" if one.unscheduled else "silent (R23)"
    else:
        yield GROUNDS[one.ground]
    if one.joined:
        yield f"{one.joined} admission from A&E joined its thread (ruling 7)"
    if one.in_thread:
        yield "during a visit that is told: a line in the thread of that visit (ruling 1)"
    if one.state is not None:
        left = "departed" if one.departed_at else "no departure told, taken to be there until"
        yield f"{VISIT_STATES[one.state]}; {left} {_moment(one.left_at)} (ruling 10)"
    yield (
        f"a plan must be visible on a day from {one.first_day} to {one.last_day}, "
        f"and be recorded by {_moment(one.cutoff)} (ruling 10)"
    )


def _plans(one: Explanation) -> Iterator[str]:
    """Yield how each plan was taken."""
    if not one.plans_on_file:
        yield "No plan is recorded under this NHS number."
        yield _NO_ANSWER
    elif one.happening is None or not one.plans:
        yield f"{one.plans_on_file} on file, not looked at: what is said above or below decides alone"
    else:
        for plan in one.plans:
            yield from _plan(plan, one.happening)


def _plan(plan: PlanFinding, happening: Happening) -> Iterator[str]:
    """Yield how one plan was taken."""
    if plan.obstacle is not None:
        yield f"{_named(plan)}: does not count: {_because(plan.obstacle, plan, happening)}"
        return
    if plan.replaced_by is not None:
        yield f"{_named(plan)}: removed; the plan from {plan.replaced_by.start} took over (ruling 14)"
    else:
        state = "" if plan.state is None else PLAN_STATES[plan.state]
        owner = "" if plan.owner in {None, plan.authority} else f"; {plan.owner} answers for it (ruling 19)"
        yield f"{_named(plan)}: counts: {state}{owner}"
    if plan.matched_by is not None:
        yield f"  newest details on visit and plan: {_compared(plan)}: {MATCHED[plan.matched_by]}"
    yield from (f"  {MARKS[mark]}" for mark in plan.marks)


def _named(plan: PlanFinding) -> str:
    """Return which plan it is."""
    versions = "" if plan.versions == 1 else f", {plan.versions} times recorded"
    end = f"to {plan.end}" if plan.end else "no end"
    return f"{plan.authority}, {FACTS[plan.plan_type]} from {plan.start}, {end}{versions}"


def _because(obstacle: Obstacle, plan: PlanFinding, happening: Happening) -> str:
    """Return why a plan does not count, with the days that were compared."""
    return OBSTACLES[obstacle].format(
        start=plan.start,
        end=plan.end,
        last=plan.last_visible_day,
        recorded=_moment(plan.recorded_at),
        at=_moment(plan.obstacle_at),
        arrival=happening.first_day,
        arrived=_moment(happening.arrived_at),
        stay_end=happening.last_day,
        cutoff=_moment(happening.cutoff),
        age=plan.majority_age,
        compared=_compared(plan),
    )


def _compared(plan: PlanFinding) -> str:
    """Return how the newest details stood to each other; never what they were."""
    if plan.compared is None:
        return "not compared"
    return ", ".join(f"{name} {COMPARED[one]}" for name, one in zip(_DETAILS, plan.compared, strict=True))


def _told(one: Explanation) -> Iterator[str]:
    """Yield what stands for each recipient and what was told, then who is told nothing and why."""
    for alert in one.alerts:
        yield from _alert(alert)
    yield from _untold_authorities(one)
    if one.untold_in_thread:
        yield "nobody hears of views: the record is restricted, or a woman's for her child (rulings 24, 29)"
    elif one.why is not Why.SHARED and not one.plans:
        yield f"no alert to anybody: {WHYS[one.why].removeprefix('not shared: ')}"
    elif one.occasion is Occasion.ATTENDED and not one.provider_is_told:
        late = "each plan was recorded too long after the person had left (ruling 11)"
        due = one.why in {Why.SHARED, Why.NEWER_RULES}
        yield f"no alert to the provider: {late if due else 'no plan counts'}"


def _untold_authorities(one: Explanation) -> Iterator[str]:
    """Yield, for each authority whose plans do not count, why it is told nothing."""
    told = {alert.code for alert in one.alerts if alert.stands}
    happening = one.happening
    if happening is None:
        return
    for plan in one.plans:
        if plan.obstacle is not None and plan.authority not in told:
            yield f"no alert to {plan.authority}: {_because(plan.obstacle, plan, happening)}"


def _alert(alert: AlertFinding) -> Iterator[str]:
    """Yield one alert: what stands, then what was told of it."""
    yield f"{_recipient(alert)}, alert {alert.alert_id}: {_standing(alert)}"
    if alert.fields:
        yield f"  tells: {', '.join(alert.fields)}"
    yield from (f"  {NOTES[note]}" for note in alert.notes)
    yield from (f"  {_revision(one)}" for one in alert.told)
    missing = alert.revision - len(alert.told)
    if alert.untold:
        yield f"  {WHYS[Why.NEWER_RULES]}"
    elif alert.revision == 0:
        yield "  nothing was told yet"
    elif missing > 0:
        yield f"  revisions told in all: {alert.revision}; {missing} of them past their retention"


def _recipient(alert: AlertFinding) -> str:
    """Return whom an alert is for."""
    if alert.kind is None:
        return "a recipient whose alert is past revising"
    if alert.code is None:
        return _NOBODY
    return f"{'authority' if alert.kind is RecipientKind.AUTHORITY else 'provider'} {alert.code}"


def _standing(alert: AlertFinding) -> str:
    """Return how an alert stands."""
    if alert.route is not None and alert.urgency is not None:
        plans = ", ".join(f"{key.plan_type.value} from {key.start}" for key in alert.plans) or "none named"
        return f"stands, {ROUTES[alert.route]}, {URGENCIES[alert.urgency]}; plans: {plans}"
    return "does not stand" if alert.last_kind is None else f"was {KINDS[alert.last_kind]} last"


def _revision(one: Revision) -> str:
    """Return what one event did."""
    said = f"revision {one.revision}: {KINDS[one.kind]}"
    if one.changes:
        said += f": {', '.join(CHANGES[change] for change in one.changes)}"
    if one.why is not None:
        said += f", since {WHYS[one.why].removeprefix('not shared: ')}"
    return f"{said} (policy {one.policy_version})"


def _decision(one: Explanation) -> Iterator[str]:
    """Yield what was decided, by which policy, and where that is recorded."""
    yield f"{WHYS[one.why]}, under policy {one.policy_version}"
    yield f"lawful basis: {', '.join(one.basis)} (ruling 49)"
    if one.trail is None:
        return
    if one.trail.agrees:
        yield f"entered in the audit trail under the commitment {one.trail.commitment}"
    else:
        yield (
            "the newest entry in the audit trail is another: the matcher works under another policy or "
            f"release, or has not come so far; its commitment is {one.trail.commitment}"
        )


def _closed(one: Closed) -> Iterator[str]:
    """Yield what is left of a visit or view past revising."""
    yield "Closed: nothing can revise it any more, and what was known of it is destroyed (ruling 10)."
    for alert in one.alerts:
        yield from _alert(alert)


def _no_plan(one: NoPlan) -> Iterator[str]:
    """Yield that nothing is recorded of the person, which says nothing of what else was looked at (41)."""
    yield f"Visit, reference {one.subject}: messages held: {one.facts}"
    yield "There is no record under the visit's NHS number."
    yield _NO_ANSWER
    yield "no alert to anybody: without a record nobody is told"


def _gone(one: Gone) -> Iterator[str]:
    """Yield what was told of somebody whose record is gone."""
    yield "The person's record is gone: no plan could be seen any more. What was told is still held:"
    yield from _alert(one.alert)


def _moment(moment: datetime | None) -> str:
    """Return a time in Europe/London, to the minute."""
    return "" if moment is None else f"{moment.astimezone(LONDON):%Y-%m-%d %H:%M}"
