"""
When a demographic source may be asked: never more often than was agreed, and not while it fails.

Pure: times are seconds of one steady clock, and chance, from 0 to 1, is an argument. A source that fails is
left alone for a while, then asked one question as a probe; what it asks us to wait is waited (peers.md 8.4).
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from broker.core.delivery import PAUSE_MAX, pause

FAILURES_MAX = 5
"""So many failures in a row are no accident: asking on would only add to what the source cannot bear."""
WAIT_SECONDS_MAX = PAUSE_MAX.total_seconds()
"""More than this is never waited on a source's word: what stands there may be any number."""

_RESEND_SECONDS_FIRST = 0.1  # doubles from here: a question has some two seconds in all
_DOUBLINGS_MAX = 6


class Trouble(StrEnum):
    """Why a question has no answer, in words without any of the source's."""

    AWAY = "no connection"
    UNTRUSTED = "TLS failed: one side does not trust the other"
    NO_ANSWER = "no answer in time"
    CUT_OFF = "the connection broke before the answer"
    NOT_ADMITTED = "the source does not let us in"
    BUSY = "the source asks us to wait"
    FAILS = "the source says that it fails"
    ANOTHER = "something else answers in the source's place"
    LEFT_ALONE = "the source has failed and is left alone for a moment"
    OVER_RATE = "more questions than were agreed"
    UNREADABLE = "the answer cannot be read"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """
    How a source has done: failures in a row, until when it is left alone, and whether a probe is under way.

    Open while `shut_until` is None; after that moment one question at a time is let through until one of
    them is answered.
    """

    failures: int = 0
    shut_until: float | None = None
    probing: bool = False


def may_ask(gate: Gate, now: float) -> bool:
    """Whether a question may be asked at a moment."""
    return gate.shut_until is None or (now >= gate.shut_until and not gate.probing)


def asked(gate: Gate) -> Gate:
    """Return the gate after a question was let through: while the gate is not open it is the probe."""
    return gate if gate.shut_until is None else replace(gate, probing=True)


def failed(gate: Gate, now: float, *, chance: float, wait: float = 0) -> Gate:
    """
    Return the gate after a question failed; `wait` is for how many seconds the source asked to be left alone.

    A question that was under way already when the gate was shut keeps it shut for no longer by itself.
    """
    wait = min(wait, WAIT_SECONDS_MAX)
    if gate.shut_until is not None and not gate.probing:
        return replace(gate, shut_until=max(gate.shut_until, now + wait))
    failures = gate.failures + 1
    if failures < FAILURES_MAX and not gate.probing:
        return Gate(failures=failures, shut_until=now + wait if wait else None)
    left_alone = pause(max(failures - FAILURES_MAX, 0) + 1, chance).total_seconds()
    return Gate(failures=failures, shut_until=now + max(left_alone, wait))


def resend_after(resends: int, *, chance: float, wait: float, left: float) -> float | None:
    """
    Return after how many seconds a question is sent once more, None where there is no time left for it.

    `resends` is how often it was already, `wait` what the source asked for, `left` what remains of the
    question's time; half of our own pause is chance, so that not all come back in one moment.
    """
    half = _RESEND_SECONDS_FIRST * (1 << min(resends, _DOUBLINGS_MAX)) / 2
    seconds = max(half + half * chance, wait)
    return seconds if seconds < left else None


def reserve(due: float, now: float, *, per_second: float, burst: int) -> tuple[float, float]:
    """
    Return when the next question after this one is due, and for how many seconds this one waits.

    `due` is what the last call returned first, 0 before any. `per_second` is the rate that was agreed, and
    `burst`, 1 or more, how many questions may come at once after a pause.
    """
    begins = max(due, now - (burst - 1) / per_second)
    return begins + 1 / per_second, max(0.0, begins - now)
