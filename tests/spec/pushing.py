"""Whoever asks about a visit and whoever is sent its answer are told the same (ruling 41)."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from broker.adapters.memory import MemoryKafka, MemoryRecord
from broker.core.answers import MARK_WITHIN, Answer, Uncheckable, could_not_check
from broker.core.facts import IdentityNotice, VisitMessage
from broker.core.policy import AnyPolicy
from broker.ports import Topic
from broker.services.finding import VisitAsked
from broker.services.matching import Codecs
from tests.builders.pushing import Pushing, pushed_once
from tests.generative.naive_excluded import excluded, own_words
from tests.spec.answering import Behind, Sent, owned
from tests.spec.settled import KEY


class Shown(MemoryKafka):
    """What another Kafka holds, as if it had been appended just `now`; `marked` with its check marks."""

    def __init__(self, kafka: MemoryKafka, now: datetime, *, marked: bool) -> None:
        """Show another's records."""
        super().__init__()
        self._kafka, self._marked = kafka, marked
        self._appended = int(now.timestamp() * 1000)

    def read(self, topic: str) -> list[MemoryRecord]:
        """Return a topic's records; without marks no matcher has published how far it came."""
        if topic == Topic.CHECKS and not self._marked:
            return []
        return [replace(record, timestamp=self._appended) for record in self._kafka.read(topic)]


def assert_pushed_alike(
    kafka: MemoryKafka, codecs: Codecs, sent: Sent, policy: AnyPolicy, asked: VisitAsked, told: Answer | None
) -> None:
    """
    Check that what is pushed of a visit is what was answered; nothing where `told` is None.

    What is pushed lies open to all staff: where anybody has excluded anyone, it is what those are told (48).
    """
    received = [fact.received_at for _, fact in sent if isinstance(fact, VisitMessage)]
    behind = isinstance(asked, Behind)
    now = max(received) + (MARK_WITHIN if behind else timedelta())
    pushing = Pushing(
        Shown(kafka, now, marked=not behind),
        codecs,
        policy=policy,
        key=KEY,
        providers=[asked.provider],
        now=now,
    )
    own = owned(asked, sent)
    numbers = {number for number, _ in sent if number is not None}
    references = {asked.reference(number, "EDSYS", KEY) for number in numbers} | {
        own.unnumbered("EDSYS", KEY)
    }
    pushed = [one.answer for one in pushed_once(pushing) if one.visit.reference in references]
    if told is None or told.reason is Uncheckable.NOT_HELD:
        assert [] == pushed
        return
    said = [(number, fact) for number, fact in sent if isinstance(fact, IdentityNotice)]
    here = {number for number, fact in sent if isinstance(fact, VisitMessage)}
    shut = could_not_check(Uncheckable.RESTRICTED)
    if _excludes(fact for number, fact in said if number in here):
        told = shut
    of_kin = [shut] if _excludes(fact for _, fact in said) else []  # who was here may be a baby, or moved
    found = [(one.finding, one.reason) for one in pushed if one is not None]
    assert any((one.finding, one.reason) in found for one in [told, *of_kin])


def _excludes(notices: Iterable[IdentityNotice]) -> bool:
    """Whether anybody excludes anyone by these notices."""
    return bool(excluded(own_words(notices), datetime.max.replace(tzinfo=UTC)))
