"""The three answers in plain English (rulings 32–34, 41): each looks like no other, none reassures."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import assert_never

from broker.core.answers import Answer, Finding, Uncheckable
from broker.core.identifiers import LONDON
from broker.core.wording import NO_PLAN, NOT_FOR_RELEASE, NOT_TO_ADULT, SEARCHED, SUPPORTS

PLAN = "Plan on file. The alert of this visit says which, and whom to ring."
NOT_NONE = "This is not the answer that there is no plan."

REASONS: Mapping[Uncheckable, str] = {
    Uncheckable.SHARING_STOPPED: "sharing was stopped by a controller; ring the authority (ruling 45)",
    Uncheckable.NO_NUMBER: "no usable NHS number; trace the patient (ruling 21)",
    Uncheckable.POSSIBLE_MATCH: "possible match; confirm identity before the patient leaves (ruling 21)",
    Uncheckable.NOT_IN_USE: "number not in use, trace the patient (ruling 23)",
    Uncheckable.RESTRICTED: "ring safeguarding (ruling 24)",
    Uncheckable.DETAILS_DISAGREE: "the details disagree; confirm identity (ruling 20)",
    Uncheckable.TWO_NUMBERS: (
        "two NHS numbers in one message; trace the patient, and settle it in your own system (ruling 42)"
    ),
    Uncheckable.RECORD_WAITING: "an authority's record waits to be matched; ring the authority (ruling 21)",
    Uncheckable.UNDER_ENQUIRY: "the number is under enquiry; trace the patient (ruling 38)",
    Uncheckable.SET_ASIDE: (
        "something that came in about the person waits for an operator; ring the authority (ruling 41)"
    ),
    Uncheckable.ANOTHER_NATION: "number of another nation; ring that nation's services (ruling 28)",
    Uncheckable.NOT_HELD: (
        "no message of this visit is held: it has not come, or its time is past (ruling 41)"
    ),
    Uncheckable.BROKER_BEHIND: "the broker has not come to this visit, or cannot tell; ask again (ruling 41)",
}
"""What the asker is told of each reason."""


def answer_sentences(answer: Answer) -> tuple[str, ...]:
    """Return an answer as sentences, the answer itself first."""
    return tuple(_sentences(answer))


def _sentences(answer: Answer) -> Iterator[str]:
    """Yield the sentences in their order."""
    match answer.finding:
        case Finding.PLAN:
            yield PLAN
            yield NOT_FOR_RELEASE
            yield NOT_TO_ADULT
        case Finding.NO_PLAN:
            yield NO_PLAN
            yield SEARCHED
        case Finding.COULD_NOT_CHECK:
            reason = "" if answer.reason is None else REASONS[answer.reason]
            cause = f" [{answer.cause}]" if answer.cause else ""
            yield f"Could not check: {reason}.{cause}"
            yield NOT_NONE
        case _:
            assert_never(answer.finding)
    if answer.checked_at is not None:
        yield f"Checked at {london_clock(answer.checked_at)}."
    if answer.feeds is not None:
        yield (
            f"Stale: the plans of {answer.feeds.stale} of {answer.feeds.known} authorities, "
            "which have sent none for longer than they should."
        )
    yield SUPPORTS


def london_clock(moment: datetime) -> str:
    """Return a time as a clock in Europe/London shows it."""
    return f"{moment.astimezone(LONDON):%Y-%m-%d %H:%M:%S}"
