"""A look in plain English (rulings 3, 24, 30, 32–34): what is opened, whom to ring, and how it was made."""

from collections.abc import Iterator

from broker.core.alerts import Occasion, PlanState
from broker.core.answer_words import answer_sentences, london_clock
from broker.core.answers import Finding
from broker.core.clinician import PLAN_WORDS
from broker.core.looking import Look, Opened, OpenedPlan, Way
from broker.core.past import Past
from broker.core.wording import (
    NOT_DISCUSSED,
    NOT_FOR_RELEASE,
    NOT_TO_ADULT,
    NUMBER_CHANGE,
    REMOVED,
    SUPPORTS,
    TO_SAFEGUARDING,
)

REFUSED = (
    "Refused: no visit of this person to your setting is known for today. Look as in an unscheduled setting "
    "if you must: then the authority is told (ruling 3)."
)
WAYS = {
    Way.UNSCHEDULED: "The authority is told of this look.",
    Way.NOTIFIED: (
        "No visit of this person to your setting is known for today, so the authority is told of this look "
        "(ruling 3)."
    ),
    Way.SILENT: "A silent look: nobody is told of it, and it enters no history.",
    Way.REFUSED: REFUSED,
}
"""What whoever looked is told of how it was made."""


def look_sentences(look: Look) -> tuple[str, ...]:
    """
    Return a look as sentences.

    Where it could not be checked they are those of `cpis answer` alone, whatever the reason: who is excluded
    reads what everybody reads of a restricted record (rulings 24, 48).
    """
    if look.answer is None:
        return (REFUSED,)
    if look.opened is not None:
        return (*_opened(look.opened), WAYS[look.way])
    if look.answer.finding is Finding.COULD_NOT_CHECK:
        return answer_sentences(look.answer)
    return (*answer_sentences(look.answer), WAYS[look.way])


def _opened(opened: Opened) -> Iterator[str]:
    """Yield what is opened, the most pressing first."""
    if opened.restricted:
        yield from (TO_SAFEGUARDING, NOT_DISCUSSED)
    if opened.enquiry:
        yield NUMBER_CHANGE
    for plan in opened.plans:
        yield from _plan(plan)
    if any(plan.line.state is PlanState.REMOVED for plan in opened.plans):
        yield REMOVED
    if not opened.restricted:
        yield (
            "Newest visits and views in unscheduled settings:"
            if opened.history
            else "No earlier visit or view."
        )
        yield from map(_line, opened.history)
    yield from (SUPPORTS, NOT_FOR_RELEASE, NOT_TO_ADULT)


def _plan(plan: OpenedPlan) -> Iterator[str]:
    """Yield one plan, and whom to ring about it (ruling 30)."""
    line = plan.line
    until = "" if line.end is None else f" to {line.end}"
    marks = "".join(f"; {mark.value}" for mark in line.marks)
    yield (
        f"{PLAN_WORDS[line.plan_type]} ({line.role.value}), from {line.start}{until}: "
        f"{line.state.value}{marks}. {line.authority_name} ({line.authority})."
    )
    office = "none" if line.phone_office is None else line.phone_office
    yield f"Ring now: {plan.ring_now}. Emergency: {line.phone_emergency}; office: {office}."
    if plan.age is not None:
        yield f"{line.authority_name}: {plan.age}."


def _line(past: Past) -> str:
    """Return one line of the history."""
    where = (
        f"{past.organisation_name} ({past.organisation})"
        if past.organisation_name
        else str(past.organisation)
    )
    at = london_clock(past.at)
    if past.occasion is Occasion.VIEWED:
        return f"- {at}: looked up by {past.user_name}, {past.role}, {where}."
    state = "" if past.state is None else f": {past.state.value}"
    return f"- {at}: visit to {where}{state}."
