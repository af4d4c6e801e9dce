"""Answers that are pushed ↔ the bodies of rows of the inbox database (ruling 41)."""

from typing import Any

from broker.core.answers import Answer, Feeds, Finding, Uncheckable
from broker.core.pushing import PushedAnswer, PushedVisit
from broker.wire.alerts_codec import AlertCodec, Published
from broker.wire.avro import Row, Schemas
from broker.wire.avro_values import (
    Symbols,
    maybe_digits,
    maybe_millis,
    maybe_number,
    millis,
    ods,
    refusing,
)

SCHEMA = "pushed_answer"
Sendable = Published | PushedAnswer
"""What goes to a provider's own system."""

_FINDINGS = Symbols(Finding)
_REASONS = Symbols(Uncheckable)


class AnswerCodec:
    """Answers ↔ bodies; `open` reads alerts as well."""

    def __init__(self, schemas: Schemas, alerts: AlertCodec) -> None:
        """Take the schemas, and what reads alerts."""
        self._schemas = schemas
        self._alerts = alerts

    def encode(self, pushed: PushedAnswer) -> bytes:
        """Return the body of an answer; times are cut to milliseconds."""
        visit, answer = pushed.visit, pushed.answer
        feeds = None if answer is None else answer.feeds
        row: Row = {
            "answer_id": pushed.answer_id,
            "event_id": pushed.event_id,
            "revision": pushed.revision,
            "visit": visit.reference,
            "provider": visit.provider.code,
            "nhs_number": maybe_digits(visit.number),
            "control_id": visit.control_id,
            "received_at": millis(visit.received_at),
            "arrived_at": maybe_millis(visit.arrived_at),
            "told_at": millis(pushed.told_at),
            "finding": None if answer is None else _FINDINGS.write(answer.finding),
            "reason": _REASONS.write_maybe(None if answer is None else answer.reason),
            "cause": "" if answer is None else answer.cause,
            "checked_at": maybe_millis(None if answer is None else answer.checked_at),
            "feeds_known": None if feeds is None else feeds.known,
            "feeds_stale": None if feeds is None else feeds.stale,
        }
        return self._schemas.encode(SCHEMA, row)

    def decode(self, data: bytes) -> PushedAnswer:
        """Return the answer of a body; raise `MalformedMessage`."""
        row = self._schemas.decode(SCHEMA, data)
        with refusing(SCHEMA):
            return PushedAnswer(
                answer_id=row["answer_id"],
                event_id=row["event_id"],
                revision=row["revision"],
                visit=PushedVisit(
                    reference=row["visit"],
                    provider=ods(row["provider"]),
                    number=maybe_number(row["nhs_number"]),
                    control_id=row["control_id"],
                    received_at=row["received_at"],
                    arrived_at=row["arrived_at"],
                ),
                answer=_answer(row),
                told_at=row["told_at"],
            )

    def open(self, data: bytes) -> Sendable:
        """Return what a body says, an answer or an alert event; raise `MalformedMessage`."""
        if not self._schemas.is_unknown(data) and self._schemas.subject_of(data) == SCHEMA:
            return self.decode(data)
        return self._alerts.decode_published(data)


def _answer(row: dict[str, Any]) -> Answer | None:
    """Return the answer of a row, None of one that is disregarded."""
    finding = None if row["finding"] is None else _FINDINGS.read(row["finding"])
    if finding is None:
        return None
    known, stale = row["feeds_known"], row["feeds_stale"]
    return Answer(
        finding=finding,
        reason=_REASONS.read_maybe(row["reason"]),
        cause=row["cause"],
        checked_at=row["checked_at"],
        feeds=None if known is None or stale is None else Feeds(known=known, stale=stale),
    )
