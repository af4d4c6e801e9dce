"""A recorded stream without Kafka: the doors and the core put together, as `cpis replay` uses them."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from broker.core.policy import Policy
from broker.runtime.parts import Parts
from broker.services.intake import Intake
from broker.services.rejections import Rejections
from broker.services.replay import Replay, Replayed, SteppedClock, Taken
from broker.services.uploads import Uploads
from broker.wire.readable import readable
from broker.wire.stream import StreamLine
from broker.wire.upload_slices import ReadFile, read_file

_ANSWER_SECONDS = 60.0  # nothing here waits for Kafka


async def _read(data: bytes, received_at: datetime) -> ReadFile:
    """Read an upload in this process: nobody else waits for the event loop."""
    return read_file(data, received_at)


def _uncounted(_event: str) -> None:
    """Count nothing: a replay tells its outcome, and keeps no counts."""


def offline(parts: Parts, *, policy: Policy | None = None) -> Replay:
    """Return a replay that writes to nothing, under another policy if asked."""
    taken, clock, key = Taken(), SteppedClock(), parts.key
    rejections = Rejections(parts.records, key)

    return Replay(
        intake=Intake(
            taken,
            parts.facts,
            rejections,
            key=key,
            clock=clock,
            count=_uncounted,
            answer_seconds=_ANSWER_SECONDS,
        ),
        uploads=Uploads(taken, parts.facts, rejections, read=_read, key=key, clock=clock, count=_uncounted),
        taken=taken,
        clock=clock,
        facts=parts.facts,
        records=parts.records,
        policy=policy or parts.policy,
        key=key,
    )


async def play(replay: Replay, lines: Iterable[StreamLine]) -> Replayed:
    """Play every line and return what they came to."""
    for line in lines:
        await replay.play(line)
    return replay.outcome


def shown(outcome: Replayed) -> dict[str, Any]:
    """Return what a stream came to, as JSON."""
    return {
        "alerts": readable(outcome.events),
        "decisions": readable(outcome.decisions),
        "worklist": readable([outcome.worklist[item_id] for item_id in sorted(outcome.worklist)]),
        "rejected": readable(outcome.rejected),
        "summary": {
            "facts": outcome.facts,
            "alerts": dict(sorted(Counter(event.kind.value for event in outcome.events).items())),
            "worklist": len(outcome.worklist),
            "rejected": len(outcome.rejected),
        },
    }
