"""
What is pushed to a provider of the answers of its visits: when, how often, in which words. Ruling 41.

An answer is told once, and again when it says something else; it is one thread for each visit, whose newest
word replaces those before. Of a number that is not in use nothing goes out but that it is not (ruling 23):
the receiver is told which of its own messages is meant.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from broker.core.alerts import EventKind
from broker.core.answer_words import answer_sentences
from broker.core.answers import MARK_WITHIN, Answer, Finding, Uncheckable
from broker.core.clinician import Code, Line
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.keyed import IdentityKey
from broker.core.operators import discreet
from broker.core.wording import SUPPORTS

KEPT_UP_FOR = timedelta(hours=72)
"""For so long after the newest message of a visit its answer is told anew when it changes (ruling 11)."""
DISREGARD = (
    "Disregard the answer that you were sent before: the visit is recorded otherwise now, and has an answer "
    "of its own there. This is not the answer that there is no plan."
)
"""Of a visit that is recorded under another number, or under one at last (rulings 21, 44)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PushedVisit:
    """
    The visit that an answer is about, as far as its receiver is told.

    `reference` is that of the core; `control_id` names the sender's newest message, `received_at` is its
    receipt. Times are aware UTC. `number` is None for a visit without a usable one, `arrived_at` where
    nothing is known of it.
    """

    reference: str
    provider: OdsCode
    number: NhsNumber | None
    control_id: str
    received_at: datetime
    arrived_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PushedAnswer:
    """
    One word about a visit to its provider; `answer` None says that the words before are to be disregarded.

    `answer_id` is the same for all words about a visit, `revision` counts them from 1. `event_id` is this
    one's: told again it is the same. `told_at` is aware UTC.
    """

    answer_id: str
    event_id: str
    revision: int
    visit: PushedVisit
    answer: Answer | None
    told_at: datetime

    @property
    def received_at(self) -> datetime | None:
        """The receipt of what it answers, aware UTC."""
        return self.visit.received_at

    @property
    def kind(self) -> EventKind:
        """What it is among the words about its visit."""
        if self.answer is None:
            return EventKind.RETRACTED
        return EventKind.RAISED if self.revision == 1 else EventKind.UPDATED


def answer_id_of(key: IdentityKey, reference: str) -> str:
    """Return what the words about a visit have in common, by its reference."""
    return key.derive("answer", reference)


def answers_of(provider: OdsCode) -> str:
    """Return the inbox of a provider's answers: its own, so that they never hold an alert up."""
    return f"answers.{provider}"


def is_due(*, passed: bool, asked_at: datetime, now: datetime) -> bool:
    """
    Return whether a visit is answered now: a check mark has passed it, or its minute is over (ruling 41).

    `asked_at` is the receipt of the message that made the question; both times are aware.
    """
    return passed or now >= asked_at + MARK_WITHIN


def asked_at(received: Iterable[datetime], settled_at: datetime | None) -> datetime:
    """
    Return when the question that is open was asked, of the receipts of a visit's messages, all aware.

    That is the first message since the newest that an answer was found for, `settled_at`, None where none
    was: a visit of which something comes every minute has its minute all the same (ruling 41).
    """
    every = sorted(received)
    return next((at for at in every if settled_at is None or at > settled_at), every[-1])


def word(
    visit: PushedVisit, answer: Answer | None, before: PushedAnswer | None, *, at: datetime, key: IdentityKey
) -> PushedAnswer | None:
    """
    Return what is told of a visit at an aware time, None where nothing is to be said.

    `before` is what was told last. An answer that says the same is not told again, whatever the hour. That
    the broker is behind takes back nothing but that there is no plan, and that for a newer message alone.
    """
    standing = None if before is None else before.answer
    if answer is None and standing is None:
        return None
    if answer is not None and before is not None and not _says_more(answer, visit, before):
        return None
    if answer is not None and answer.reason is Uncheckable.NOT_IN_USE:
        visit = replace(visit, number=None)
    revision = 1 if before is None else before.revision + 1
    answer_id = answer_id_of(key, visit.reference)
    said = ("disregard",) if answer is None else (answer.finding, answer.reason or "")
    return PushedAnswer(
        answer_id=answer_id,
        event_id=key.derive("answer told", answer_id, str(revision), *said),
        revision=revision,
        visit=visit,
        answer=answer,
        told_at=at,
    )


def _says_more(answer: Answer, visit: PushedVisit, before: PushedAnswer) -> bool:
    """Whether an answer is another than the one that stands, if one does."""
    standing = before.answer
    if standing is None:
        return True
    if answer.reason is Uncheckable.BROKER_BEHIND:
        return standing.finding is Finding.NO_PLAN and visit.received_at > before.visit.received_at
    return (answer.finding, answer.reason) != (standing.finding, standing.reason)


def answer_lines(told: PushedAnswer) -> tuple[Line, ...]:
    """Return what a provider's own system is sent of an answer, line by line (rulings 30, 32, 33)."""
    return tuple(_lines(told))


def _lines(told: PushedAnswer) -> Iterator[Line]:
    """Yield the answer, which message it is about, and the sentences that go with it."""
    if told.answer is not None:
        yield Line(Code.ANSWER, "1", told.answer.finding.value)
    yield Line(Code.MESSAGE, "1", discreet(told.visit.control_id) or "")
    said = (DISREGARD, SUPPORTS) if told.answer is None else answer_sentences(told.answer)
    for number, sentence in enumerate(said, start=1):
        yield Line(Code.STATEMENT, str(number), sentence)
